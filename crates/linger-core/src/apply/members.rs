//! Rules about membership: joining, adding, leaving.
//!
//! A stay lasts from the event that began it to the event that ended it, both
//! included: those who join see their joining, and those who leave see their leaving.
//! Only the person who left a closed room can undo that.

use rusqlite::{OptionalExtension, params};

use super::{Refused, Step, rooms};
use crate::{
    EventKind, News, Person, Rejection, RoomId, RoomKind, UserId, Vocabulary, queries,
    queries::Room, sum,
};

/// Makes the author a member of an open room, or of a closed one that they left. A
/// member stays one.
pub(super) fn join(step: &Step<'_, '_>, room: RoomId) -> Result<Option<News>, Refused> {
    let person = step.user()?;
    let room = step.room(room)?;
    if is_member(step, room.id, person.id)? {
        return Ok(None);
    }
    if room.kind == RoomKind::Closed && !has_left(step, room.id, person.id)? {
        // To those outside, a closed room looks like a missing one.
        return Err(Rejection::RoomNotFound.into());
    }
    admit(step, room, person.clone(), person).map(Some)
}

/// Makes another user a member; the author must be one. A member stays one, and
/// somebody who left a closed room stays outside.
pub(super) fn add(
    step: &Step<'_, '_>,
    room: RoomId,
    user: UserId,
) -> Result<Option<News>, Refused> {
    let by = step.user()?;
    let room = step.room(room)?;
    if !is_member(step, room.id, by.id)? {
        return Err(outsider(&room));
    }
    let person = step.person(user)?.ok_or(Rejection::UserNotFound)?;
    if is_member(step, room.id, person.id)? {
        return Ok(None);
    }
    if room.kind == RoomKind::Closed && has_left(step, room.id, person.id)? {
        return Err(Rejection::LeftBefore.into());
    }
    admit(step, room, person, by).map(Some)
}

/// Ends the author's membership. Leaving an open room that they are not in changes
/// nothing.
pub(super) fn leave(step: &Step<'_, '_>, room: RoomId) -> Result<Option<News>, Refused> {
    let person = step.user()?;
    let mut room = step.room(room)?;
    let Some(joined) = queries::joined(step.tx, room.id, person.id)? else {
        return match room.kind {
            RoomKind::Open => Ok(None),
            RoomKind::Closed => Err(Rejection::RoomNotFound.into()),
        };
    };
    step.tx
        .prepare_cached("DELETE FROM members WHERE room_id = ?1 AND user_id = ?2")?
        .execute(params![room.id, person.id])?;
    let sum = sum::of_values(&[&person.id, &room.id, &joined, &step.position])?;
    step.tx
        .prepare_cached(
            r#"INSERT INTO past_stays (user_id, room_id, joined, "left", sum) VALUES (?1, ?2, ?3, ?4, ?5)"#,
        )?
        .execute(params![person.id, room.id, joined, step.position, sum])?;
    room.members -= 1;
    step.tell_room(room, Some(person.clone()), |_| EventKind::MemberLeft { member: person })
        .map(Some)
}

/// Returns the author and a room, if they may speak there.
pub(super) fn speaker(step: &Step<'_, '_>, room: RoomId) -> Result<(Person, Room), Refused> {
    let id = step.draft.author.user().ok_or(Rejection::NotForTheServer)?;
    if let Some(known) = step.desk.speaker(id, room) {
        return Ok(known);
    }
    let queries::Speaker { user, room, is_member } = queries::speaker(step.tx, id, room)?;
    let user = user.ok_or(Rejection::UserNotFound)?;
    let room = room.ok_or(Rejection::RoomNotFound)?;
    if !is_member {
        return Err(outsider(&room));
    }
    let speaker = Person { id, name: user.name };
    let room = step.desk.keep(&speaker, room);
    Ok((speaker, room))
}

/// Tells whether the user is a member now.
pub(super) fn is_member(step: &Step<'_, '_>, room: RoomId, user: UserId) -> rusqlite::Result<bool> {
    queries::is_member(step.tx, room, user)
}

/// Tells whether the user was a member before. The first two vocabularies do not ask.
fn has_left(step: &Step<'_, '_>, room: RoomId, user: UserId) -> rusqlite::Result<bool> {
    if step.draft.rules() < Vocabulary::THIRD {
        return Ok(false);
    }
    let stay = step
        .tx
        .prepare_cached(
            r#"SELECT user_id, room_id, joined, "left", sum FROM past_stays WHERE user_id = ?1 AND room_id = ?2 LIMIT 1"#,
        )?
        .query_one(params![user, room], |row| sum::check(row, "past_stays"));
    Ok(stay.optional()?.is_some())
}

/// Begins a membership with this entry's event. The caller writes the room's counts.
pub(super) fn begin_stay(
    step: &Step<'_, '_>,
    room: &mut Room,
    user: UserId,
) -> rusqlite::Result<()> {
    let sum = sum::of_values(&[&room.id, &user, &step.position])?;
    step.tx
        .prepare_cached(
            "INSERT INTO members (room_id, user_id, joined, sum) VALUES (?1, ?2, ?3, ?4)",
        )?
        .execute(params![room.id, user, step.position, sum])?;
    room.members += 1;
    Ok(())
}

/// Returns the rejection for somebody who is outside of the room.
pub(super) fn outsider(room: &Room) -> Refused {
    match room.kind {
        RoomKind::Open => Rejection::NotAMember.into(),
        RoomKind::Closed => Rejection::RoomNotFound.into(),
    }
}

fn admit(step: &Step<'_, '_>, mut room: Room, member: Person, by: Person) -> Result<News, Refused> {
    begin_stay(step, &mut room, member.id)?;
    step.tell_room(room, Some(by), |room| EventKind::MemberJoined {
        member,
        entered: rooms::then(room),
    })
}
