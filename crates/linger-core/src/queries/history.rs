//! A room's history: its earlier messages.
//!
//! A closed room is read backwards, stay by stay, by way of the messages that lie in
//! the reader's stays: neither messages outside of all stays nor stays without
//! messages are walked through.

use rusqlite::{Connection, params};

use super::{news, stays::last_stay};
use crate::{
    MessageId, News, Position, RoomId, RoomKind, UserId,
    feed::{Page, PageMax},
    visibility::Scope,
};

/// A page of a room's history.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct History {
    /// Messages, oldest first.
    pub messages: Vec<News>,
    /// Whether there are older ones.
    pub more: bool,
}

/// A room's messages in a range, newest first, with the columns that [`news`] reads.
const MESSAGES: &str =
    "SELECT position, kind, audience, audience_id, audience_rooms, number, json, sum
     FROM events WHERE audience_id = ?1 AND kind = 'message_sent' AND position BETWEEN ?2 AND ?3
     ORDER BY position DESC";

/// Returns the newest messages of a room before `before`, as many as fit on one page,
/// as far as `reader` may see them.
///
/// Cost: the rows of the page; in a closed room a few lookups, too, for each stay of
/// the reader that the page reaches into.
pub fn history(
    connection: &Connection,
    scope: &Scope,
    reader: Option<UserId>,
    before: Option<MessageId>,
    max: PageMax,
) -> rusqlite::Result<History> {
    let &Scope::Room(room, kind) = scope else {
        panic!("history is a room's: {scope:?}");
    };
    let mut end = before.map_or(Position::MAX, |before| before.position().before());
    let mut page = Page::new(max);
    let mut more = false;
    let mut select = connection.prepare_cached(MESSAGES)?;
    while !more && let Some(newest) = last_message(connection, room, end)? {
        let Some((from, to)) = (match kind {
            RoomKind::Open => Some((Position::START, Position::MAX)),
            RoomKind::Closed => last_stay(connection, reader, room, newest)?,
        }) else {
            break;
        };
        let mut rows = select.query(params![room, from, to.min(end)])?;
        while !more && let Some(row) = rows.next()? {
            // One message more than fits shows that there are more.
            more = !page.take(news(row)?);
        }
        end = from.before();
    }
    let mut messages = page.items;
    messages.reverse();
    Ok(History { messages, more })
}

/// Returns the position of the last message of a room, up to `end`.
fn last_message(
    connection: &Connection,
    room: RoomId,
    end: Position,
) -> rusqlite::Result<Option<Position>> {
    connection
        .prepare_cached(
            "SELECT max(position) FROM events
             WHERE audience_id = ?1 AND kind = 'message_sent' AND position <= ?2",
        )?
        .query_one(params![room, end], |row| row.get(0))
}
