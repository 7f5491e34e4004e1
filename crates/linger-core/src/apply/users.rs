//! Rules about users: guests come, and change their names.

use rusqlite::params;

use super::{Refused, Step, exists};
use crate::{
    Audience, EventKind, ExternalId, News, Rejection, TokenHash, UserId, UserName, queries,
    queries::User, sum,
};

/// Creates a guest. Their id is this entry's position; it leaves no event.
pub(super) fn create_guest(
    step: &Step<'_, '_>,
    name: &UserName,
    token_hash: Option<&TokenHash>,
    external_id: Option<&ExternalId>,
) -> Result<Option<News>, Refused> {
    step.only_for_the_server()?;
    if exists(step.tx, "SELECT 1 FROM users WHERE external_id = ?1", [external_id])? {
        return Err(Rejection::ExternalIdTaken.into());
    }
    if let Some(hash) = token_hash
        && queries::user_by_token(step.tx, hash)?.is_some()
    {
        return Err(Rejection::TokenTaken.into());
    }
    let user = User {
        id: UserId::new(step.position),
        name: name.clone(),
        role: "guest".to_owned(),
        external_id: external_id.cloned(),
    };
    step.tx
        .prepare_cached(
            "INSERT INTO users (id, name, role, external_id, sum) VALUES (?1, ?2, ?3, ?4, ?5)",
        )?
        .execute(params![user.id, user.name, user.role, user.external_id, sum(&user)?])?;
    if let Some(hash) = token_hash {
        let sum = sum::of_values(&[&hash.0, &user.id])?;
        step.tx
            .prepare_cached("INSERT INTO sessions (token_hash, user_id, sum) VALUES (?1, ?2, ?3)")?
            .execute(params![hash.0, user.id, sum])?;
    }
    Ok(None)
}

/// Gives the author another name. The same name again changes nothing.
pub(super) fn rename(step: &Step<'_, '_>, name: &UserName) -> Result<Option<News>, Refused> {
    let mut person = step.user()?;
    if person.name == *name {
        return Ok(None);
    }
    let user = queries::user(step.tx, person.id)?.expect("the author is a user");
    let user = User { name: name.clone(), ..user };
    step.tx
        .prepare_cached("UPDATE users SET name = ?2, sum = ?3 WHERE id = ?1")?
        .execute(params![user.id, user.name, sum(&user)?])?;
    let rooms = queries::current_stays(step.tx, person.id)?.rooms().collect();
    let old_name = std::mem::replace(&mut person.name, name.clone());
    let audience = Audience::RoomMates { of: person.id, rooms };
    step.tell(person, EventKind::UserRenamed { old_name }, audience).map(Some)
}

fn sum(user: &User) -> rusqlite::Result<u32> {
    let User { id, name, role, external_id } = user;
    sum::of_values(&[id, name, role, external_id])
}
