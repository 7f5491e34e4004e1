//! The reads that are not the feed: people, rooms, memberships, history,
//! requests.
//!
//! Each takes a connection to the projection and answers from one moment. What
//! a reader may see of the answers is decided in [`crate::visibility`].

use rusqlite::{Connection, OptionalExtension, Row, params};
use serde::Serialize;

use crate::{
    Author, Event, ExternalId, MessageId, News, Position, RequestId, RoomId, RoomKind, RoomName,
    Slug, TokenHash, Topic, UserId, UserName,
    visibility::{Scope, Stay, can_see},
};

/// A room as it is now. Its JSON form is the native API's.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Room {
    /// Its id.
    pub id: RoomId,
    /// Its name in URLs.
    pub slug: Slug,
    /// Its name for people.
    pub name: RoomName,
    /// What it is about.
    pub topic: Topic,
    /// Who may come in.
    pub kind: RoomKind,
    /// How many members it has.
    pub members: u64,
    /// The number of its latest event.
    pub last_number: u64,
}

/// A user as they are now. The JSON form is the native API's.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct User {
    /// Their id.
    pub id: UserId,
    /// Their name.
    pub name: UserName,
    /// What they may do: `guest` so far.
    pub role: String,
    /// How clients of another protocol know them.
    #[serde(skip)]
    pub external_id: Option<ExternalId>,
}

/// A page of a room's history.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct History {
    /// Messages, oldest first.
    pub messages: Vec<News>,
    /// Whether there are older ones.
    pub more: bool,
}

/// Returns the user who holds a token.
pub fn user_by_token(
    connection: &Connection,
    hash: &TokenHash,
) -> rusqlite::Result<Option<UserId>> {
    connection
        .prepare_cached("SELECT user_id FROM sessions WHERE token_hash = ?1")?
        .query_one([hash.0], |row| row.get(0))
        .optional()
}

/// Returns the user whom another protocol's clients know by this id.
pub fn user_by_external_id(
    connection: &Connection,
    id: &ExternalId,
) -> rusqlite::Result<Option<UserId>> {
    connection
        .prepare_cached("SELECT id FROM users WHERE external_id = ?1")?
        .query_one([id], |row| row.get(0))
        .optional()
}

/// Returns a user.
pub fn user(connection: &Connection, id: UserId) -> rusqlite::Result<Option<User>> {
    connection
        .prepare_cached("SELECT name, role, external_id FROM users WHERE id = ?1")?
        .query_one([id], |row| {
            Ok(User { id, name: row.get(0)?, role: row.get(1)?, external_id: row.get(2)? })
        })
        .optional()
}

/// Returns all rooms, in the order in which they were opened.
pub fn rooms(connection: &Connection) -> rusqlite::Result<Vec<Room>> {
    connection
        .prepare_cached(
            "SELECT id, slug, name, topic, kind, members, last_number FROM rooms ORDER BY id",
        )?
        .query_map([], room_of_row)?
        .collect()
}

/// Returns a room.
pub fn room(connection: &Connection, id: RoomId) -> rusqlite::Result<Option<Room>> {
    connection
        .prepare_cached(
            "SELECT id, slug, name, topic, kind, members, last_number FROM rooms WHERE id = ?1",
        )?
        .query_one([id], room_of_row)
        .optional()
}

/// Returns all memberships of a user, past ones too.
pub fn stays_of(connection: &Connection, user: UserId) -> rusqlite::Result<Vec<Stay>> {
    connection
        .prepare_cached(r#"SELECT room_id, joined, "left" FROM stays WHERE user_id = ?1 ORDER BY room_id, joined"#)?
        .query_map([user], |row| Ok(Stay { room: row.get(0)?, joined: row.get(1)?, left: row.get(2)? }))?
        .collect()
}

/// Calls `visit` for every membership there ever was.
pub fn each_stay(
    connection: &Connection,
    mut visit: impl FnMut(UserId, Stay),
) -> rusqlite::Result<()> {
    let mut select = connection.prepare(r#"SELECT user_id, room_id, joined, "left" FROM stays"#)?;
    let mut rows = select.query([])?;
    while let Some(row) = rows.next()? {
        visit(row.get(0)?, Stay { room: row.get(1)?, joined: row.get(2)?, left: row.get(3)? });
    }
    Ok(())
}

/// Returns the position of the last event in a room, or outside of all rooms; the
/// start if there is none.
pub fn last_event(connection: &Connection, room: Option<RoomId>) -> rusqlite::Result<Position> {
    connection
        .prepare_cached("SELECT coalesce(max(position), 0) FROM events WHERE room_id IS ?1")?
        .query_row([room], |row| row.get(0))
}

/// Returns the messages of a room before `before`, the newest `limit` of them,
/// as far as a reader with these stays may see them.
pub fn history(
    connection: &Connection,
    scope: Scope,
    stays: &[Stay],
    before: Option<MessageId>,
    limit: usize,
) -> rusqlite::Result<History> {
    let Scope::Room(room, _) = scope else {
        panic!("history is a room's: {scope:?}");
    };
    let before = before.map_or(Position::MAX, MessageId::position);
    let mut select = connection.prepare_cached(
        "SELECT room_id, json FROM events WHERE room_id = ?1 AND is_message AND position < ?2 ORDER BY position DESC",
    )?;
    let mut rows = select.query(params![room, before])?;
    let mut messages = Vec::new();
    let mut more = false;
    while let Some(row) = rows.next()? {
        let news = news(row)?;
        if !can_see(scope, stays, &news, |_| stays) {
            continue;
        }
        more = messages.len() == limit;
        if more {
            break;
        }
        messages.push(news);
    }
    messages.reverse();
    Ok(History { messages, more })
}

/// Returns the event at a position.
pub fn news_at(connection: &Connection, position: Position) -> rusqlite::Result<Option<News>> {
    connection
        .prepare_cached("SELECT room_id, json FROM events WHERE position = ?1")?
        .query_one([position], news)
        .optional()
}

/// Returns where an author's request was accepted, with the digest of what it asked.
pub fn request(
    connection: &Connection,
    author: Author,
    request_id: &RequestId,
) -> rusqlite::Result<Option<(Position, [u8; 32])>> {
    connection
        .prepare_cached(
            "SELECT position, digest FROM requests WHERE author = ?1 AND request_id = ?2",
        )?
        .query_one(params![author.to_number().cast_signed(), request_id], |row| {
            Ok((row.get(0)?, row.get(1)?))
        })
        .optional()
}

/// Reads a row of `room_id, json` of the table `events`.
pub(crate) fn news(row: &Row<'_>) -> rusqlite::Result<News> {
    let json: Box<str> = row.get(1)?;
    let event: Event = serde_json::from_str(&json).map_err(|error| {
        rusqlite::Error::FromSqlConversionFailure(1, rusqlite::types::Type::Text, error.into())
    })?;
    Ok(News { event, room_id: row.get(0)?, json })
}

fn room_of_row(row: &Row<'_>) -> rusqlite::Result<Room> {
    Ok(Room {
        id: row.get(0)?,
        slug: row.get(1)?,
        name: row.get(2)?,
        topic: row.get(3)?,
        kind: row.get(4)?,
        members: row.get(5)?,
        last_number: row.get(6)?,
    })
}
