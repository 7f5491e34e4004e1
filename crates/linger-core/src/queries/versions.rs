//! The texts that a message had, and the pinned messages of a room.

use rusqlite::{Connection, params};
use serde::Serialize;

use super::messages::{Stored, View, entities, select_messages, stored};
use crate::{Entities, Message, MessageId, MessageText, Position, RoomId, Timestamp, UserId, sum};

/// A text that a message had, or has.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Version {
    /// When it was said.
    pub at: Timestamp,
    /// The text.
    pub text: MessageText,
    /// The formatting of the text.
    #[serde(skip_serializing_if = "Entities::is_empty")]
    pub entities: Entities,
}

/// Returns the texts of a message that `reader` may see, oldest first, up to the one that it
/// has; none if the message is not there for them. A deleted message has no texts.
///
/// An edit from a time when the reader was away, which another one followed, is not theirs to
/// see. Cost: all texts of the message.
pub fn versions(
    connection: &Connection,
    reader: Option<UserId>,
    id: MessageId,
) -> rusqlite::Result<Option<Vec<Version>>> {
    let Some(stored) = stored(connection, id)? else { return Ok(None) };
    let Some(view) = View::of(connection, stored.room, reader)? else { return Ok(None) };
    if !view.sees(id.position())? {
        return Ok(None);
    }
    let last = stored.at(connection, view.until())?;
    let end = last.edited.map_or(Position::START, |(edited, _)| edited);
    let mut versions = Vec::new();
    let mut begun = id.position();
    let mut select = connection.prepare_cached(
        "SELECT ended, message, at_ms, request_id, text, entities, sum FROM versions
         WHERE message = ?1 AND ended <= ?2 ORDER BY ended",
    )?;
    let mut rows = select.query(params![id, end])?;
    while let Some(row) = rows.next()? {
        sum::check(row, "versions")?;
        let is_seen = view.sees(begun)?;
        begun = row.get(0)?;
        if let Some(text) = row.get(4)?
            && is_seen
        {
            let at = Timestamp::from_ms(row.get(2)?);
            versions.push(Version { at, text, entities: entities(row, 5)? });
        }
    }
    let at = last.edited.map_or(last.at, |(_, at)| at);
    versions.extend(last.text.map(|text| Version { at, text, entities: last.entities }));
    Ok(Some(versions))
}

/// Returns the pinned messages of a room as one of its readers sees them, the last pinned
/// first. Somebody who left a closed room sees none.
///
/// Cost: the pins of the room, which are bounded.
pub fn pins(
    connection: &Connection,
    room: RoomId,
    reader: Option<UserId>,
) -> rusqlite::Result<Vec<Message>> {
    const SELECT: &str = select_messages!(
        "INDEXED BY pinned_messages WHERE room_id = ?1 AND pinned IS NOT NULL ORDER BY pinned DESC"
    );
    let Some(view) = View::of(connection, room, reader)? else { return Ok(Vec::new()) };
    let mut messages = Vec::new();
    let mut select = connection.prepare_cached(SELECT)?;
    let rows = select.query_map([room], Stored::of_row)?;
    for stored in rows {
        let stored = stored?;
        if view.sees_now() && view.sees(stored.id.position())? {
            messages.push(view.read(stored)?);
        }
    }
    Ok(messages)
}
