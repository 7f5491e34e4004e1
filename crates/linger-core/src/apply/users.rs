//! Rules about users: guests come, and change their names.

use rusqlite::params;

use super::{Refused, Step};
use crate::{EventKind, ExternalId, News, Rejection, TokenHash, UserId, UserName, queries};

/// Creates a guest. Their id is this entry's position; nobody is told.
pub(super) fn create_guest(
    step: &Step<'_>,
    name: &UserName,
    token_hash: Option<&TokenHash>,
    external_id: Option<&ExternalId>,
) -> Result<Option<News>, Refused> {
    if step.author.user().is_some() {
        return Err(Rejection::NotForUsers.into());
    }
    let is_taken = step
        .tx
        .prepare_cached("SELECT 1 FROM users WHERE external_id = ?1")?
        .exists([external_id])?;
    if is_taken {
        return Err(Rejection::ExternalIdTaken.into());
    }
    if let Some(hash) = token_hash
        && queries::user_by_token(step.tx, hash)?.is_some()
    {
        return Err(Rejection::TokenTaken.into());
    }
    let id = UserId::new(step.position);
    step.tx
        .prepare_cached(
            "INSERT INTO users (id, name, role, external_id) VALUES (?1, ?2, 'guest', ?3)",
        )?
        .execute(params![id, name, external_id])?;
    if let Some(hash) = token_hash {
        step.tx
            .prepare_cached("INSERT INTO sessions (token_hash, user_id) VALUES (?1, ?2)")?
            .execute(params![hash.0, id])?;
    }
    Ok(None)
}

/// Gives the author another name. The same name again changes nothing.
pub(super) fn rename(step: &Step<'_>, name: &UserName) -> Result<Option<News>, Refused> {
    let mut person = step.user()?;
    if person.name == *name {
        return Ok(None);
    }
    step.tx
        .prepare_cached("UPDATE users SET name = ?2 WHERE id = ?1")?
        .execute(params![person.id, name])?;
    let old_name = std::mem::replace(&mut person.name, name.clone());
    step.tell(person, EventKind::UserRenamed { old_name }).map(Some)
}
