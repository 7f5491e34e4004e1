//! Rules about membership: who comes in, who leaves.
//!
//! A stay lasts from the event that began it to the event that ended it, both
//! included: who joins sees it, and who leaves sees that too.

use rusqlite::params;

use super::{Refused, RoomFacts, Step};
use crate::{EventKind, News, Person, Rejection, RoomId, RoomKind, RoomThen, UserId};

/// Makes the author a member of an open room. A member stays one.
pub(super) fn join(step: &Step<'_>, room: RoomId) -> Result<Option<News>, Refused> {
    let person = step.user()?;
    let room = step.room(room)?;
    if is_member(step, room.id, person.id)? {
        return Ok(None);
    }
    if room.kind == RoomKind::Closed {
        // A closed room is not told from a missing one by those outside.
        return Err(Rejection::RoomNotFound.into());
    }
    admit(step, &room, person.clone(), person).map(Some)
}

/// Makes another user a member; the author must be one. A member stays one.
pub(super) fn add(step: &Step<'_>, room: RoomId, user: UserId) -> Result<Option<News>, Refused> {
    let by = step.user()?;
    let room = step.room(room)?;
    if !is_member(step, room.id, by.id)? {
        return Err(outsider(&room));
    }
    let person = step.person(user)?.ok_or(Rejection::UserNotFound)?;
    if is_member(step, room.id, person.id)? {
        return Ok(None);
    }
    admit(step, &room, person, by).map(Some)
}

/// Ends the author's membership. Who is no member of an open room stays none.
pub(super) fn leave(step: &Step<'_>, room: RoomId) -> Result<Option<News>, Refused> {
    let person = step.user()?;
    let room = step.room(room)?;
    if !is_member(step, room.id, person.id)? {
        return match room.kind {
            RoomKind::Open => Ok(None),
            RoomKind::Closed => Err(Rejection::RoomNotFound.into()),
        };
    }
    step.tx
        .prepare_cached(r#"UPDATE stays SET "left" = ?3 WHERE room_id = ?1 AND user_id = ?2 AND "left" IS NULL"#)?
        .execute(params![room.id, person.id, step.position])?;
    step.tx
        .prepare_cached("UPDATE rooms SET members = members - 1 WHERE id = ?1")?
        .execute([room.id])?;
    step.tell_room(&room, Some(person.clone()), |_| EventKind::MemberLeft { member: person })
        .map(Some)
}

/// Tells whether the user is a member now.
pub(super) fn is_member(step: &Step<'_>, room: RoomId, user: UserId) -> rusqlite::Result<bool> {
    step.tx
        .prepare_cached(
            r#"SELECT 1 FROM stays WHERE room_id = ?1 AND user_id = ?2 AND "left" IS NULL"#,
        )?
        .exists(params![room, user])
}

/// Begins a membership with this entry's event.
pub(super) fn begin_stay(step: &Step<'_>, room: RoomId, user: UserId) -> rusqlite::Result<()> {
    step.tx
        .prepare_cached("INSERT INTO stays (room_id, user_id, joined) VALUES (?1, ?2, ?3)")?
        .execute(params![room, user, step.position])?;
    step.tx
        .prepare_cached("UPDATE rooms SET members = members + 1 WHERE id = ?1")?
        .execute([room])?;
    Ok(())
}

/// Returns what somebody who is outside of the room is told.
pub(super) fn outsider(room: &RoomFacts) -> Refused {
    match room.kind {
        RoomKind::Open => Rejection::NotAMember.into(),
        RoomKind::Closed => Rejection::RoomNotFound.into(),
    }
}

fn admit(step: &Step<'_>, room: &RoomFacts, member: Person, by: Person) -> Result<News, Refused> {
    begin_stay(step, room.id, member.id)?;
    let entered = step
        .tx
        .prepare_cached("SELECT name, topic, members FROM rooms WHERE id = ?1")?
        .query_one([room.id], |row| {
        Ok(RoomThen {
            id: room.id,
            name: row.get(0)?,
            topic: row.get(1)?,
            kind: room.kind,
            members: row.get(2)?,
        })
    })?;
    step.tell_room(room, Some(by), |_| EventKind::MemberJoined { member, entered })
}
