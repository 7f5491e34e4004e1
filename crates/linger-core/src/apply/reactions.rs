//! Rules about what members do to the messages of others: answers by emoji, and pins.

use rusqlite::{OptionalExtension, params};

use super::{Refused, Step, members, messages};
use crate::{
    Emoji, EventKind, MessageId, News, Person, Position, Rejection, UserId, queries::Room,
    queries::messages::Stored, statements::Batch, sum,
};

/// Different emoji at one message, at most. The log's order decides whose is one too many.
const REACTIONS_MAX: u32 = 20;
/// Pinned messages in one room, at most: they are shown all at once.
const PINS_MAX: u32 = 100;

/// Answers to a message with an emoji; once more changes nothing.
pub(super) fn add(
    step: &Step<'_, '_>,
    id: MessageId,
    emoji: &Emoji,
) -> Result<Option<News>, Refused> {
    let (room, mut message, by) = touched(step, id)?;
    if message.deleted {
        return Err(Rejection::MessageDeleted.into());
    }
    if is_there(step.tx, id, emoji, by.id)? {
        return Ok(None);
    }
    let began = began(step.tx, id, emoji)?;
    if began.is_none() {
        if message.reactions >= REACTIONS_MAX {
            return Err(Rejection::TooManyReactions.into());
        }
        message.reactions += 1;
        message.write(step.tx)?;
    }
    let began = began.unwrap_or(step.position);
    let sum = sum::of_values(&[&id, emoji, &by.id, &by.name, &began, &step.position])?;
    step.tx
        .prepare_cached(
            "INSERT INTO reactions (message, emoji, user_id, user_name, began, position, sum)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
        )?
        .execute(params![id, emoji, by.id, by.name, began, step.position, sum])?;
    let kind = EventKind::ReactionAdded { message_id: id, emoji: emoji.clone() };
    tell(step, room, by, &message, kind)
}

/// Takes an answer by emoji back; one that is not there changes nothing.
pub(super) fn remove(
    step: &Step<'_, '_>,
    id: MessageId,
    emoji: &Emoji,
) -> Result<Option<News>, Refused> {
    let (room, mut message, by) = touched(step, id)?;
    let removed = step
        .tx
        .prepare_cached("DELETE FROM reactions WHERE message = ?1 AND emoji = ?2 AND user_id = ?3")?
        .execute(params![id, emoji, by.id])?;
    if removed == 0 {
        return Ok(None);
    }
    if began(step.tx, id, emoji)?.is_none() {
        message.reactions -= 1;
        message.write(step.tx)?;
    }
    let kind = EventKind::ReactionRemoved { message_id: id, emoji: emoji.clone() };
    tell(step, room, by, &message, kind)
}

/// Pins a message; once more changes nothing.
pub(super) fn pin(step: &Step<'_, '_>, id: MessageId) -> Result<Option<News>, Refused> {
    let (room, mut message, by) = touched(step, id)?;
    if message.deleted {
        return Err(Rejection::MessageDeleted.into());
    }
    if message.pinned.is_some() {
        return Ok(None);
    }
    let pins: u32 = step
        .tx
        .prepare_cached("SELECT pinned FROM messages WHERE room_id = ?1 AND pinned IS NOT NULL")?
        .query_map([room.id], |_| Ok(()))?
        .try_fold(0, |count, pin| pin.map(|()| count + 1))?;
    if pins >= PINS_MAX {
        return Err(Rejection::TooManyPins.into());
    }
    message.pinned = Some(step.position);
    message.write(step.tx)?;
    let kind = EventKind::MessagePinned { message_id: id };
    tell(step, room, by, &message, kind)
}

/// Unpins a message; one that is not pinned stays as it is.
pub(super) fn unpin(step: &Step<'_, '_>, id: MessageId) -> Result<Option<News>, Refused> {
    let (room, mut message, by) = touched(step, id)?;
    if message.pinned.take().is_none() {
        return Ok(None);
    }
    message.write(step.tx)?;
    let kind = EventKind::MessageUnpinned { message_id: id };
    tell(step, room, by, &message, kind)
}

/// Leaves the event that something was done to a message.
fn tell(
    step: &Step<'_, '_>,
    room: Room,
    by: Person,
    message: &Stored,
    kind: EventKind,
) -> Result<Option<News>, Refused> {
    let news = step.tell_room(room, Some(by), |_| kind)?;
    Ok(Some(News { about: Some(message.number), ..news }))
}

/// Returns a message that the author, a member of its room, may do something to.
fn touched(step: &Step<'_, '_>, id: MessageId) -> Result<(Room, Stored, Person), Refused> {
    let by = step.user()?;
    let (room, message) = messages::readable(step, id)?;
    if !members::is_member(step, room.id, by.id)? {
        return Err(members::outsider(&room));
    }
    Ok((room, message, by))
}

fn is_there(tx: &Batch<'_>, id: MessageId, emoji: &Emoji, user: UserId) -> rusqlite::Result<bool> {
    let sql = "SELECT 1 FROM reactions WHERE message = ?1 AND emoji = ?2 AND user_id = ?3";
    super::exists(tx, sql, params![id, emoji, user])
}

/// Returns when an emoji came to a message, if it is there.
fn began(tx: &Batch<'_>, id: MessageId, emoji: &Emoji) -> rusqlite::Result<Option<Position>> {
    tx.prepare_cached(
        "SELECT message, emoji, user_id, user_name, began, position, sum FROM reactions
         WHERE message = ?1 AND emoji = ?2 LIMIT 1",
    )?
    .query_one(params![id, emoji], |row| {
        sum::check(row, "reactions")?;
        row.get(4)
    })
    .optional()
}
