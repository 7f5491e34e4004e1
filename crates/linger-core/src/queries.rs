//! The reads that are not the feed: people, rooms, memberships, history,
//! requests.
//!
//! Each takes a connection to the projection and answers from one moment.
//! [`crate::visibility`] decides which parts of the answers a reader may see.

pub(crate) mod files;
mod history;
mod lists;
pub(crate) mod messages;
mod names;
mod numbers;
mod proof;
mod stays;
mod versions;

pub use files::{AddedFile, file_for, files_without_message, is_hash_known};
pub use history::{History, Passage, Place, history, passage};
pub use lists::{MembersPage, RoomsPage, members_of, rooms_for, rooms_of};
pub use messages::message;
pub use names::member_named;
pub use numbers::position_of;
use rusqlite::{Connection, OptionalExtension, Row, Transaction, params, types::ValueRef};
use serde::Serialize;

pub(crate) use stays::joined;
pub use stays::{all_stays, current_stays, is_member, stays_after, stays_of};

pub use versions::{Version, pins, versions};

use crate::{
    Audience, Author, Epoch, Event, ExternalId, News, Position, Rejection, RequestId, RoomId,
    RoomKind, RoomName, Salt, Slug, Statements, TokenHash, Topic, UserId, UserName, sum,
};

/// A room as it is now. Its JSON form is the native API's.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Room {
    /// Its id.
    pub id: RoomId,
    /// Its name in URLs.
    pub slug: Slug,
    /// Its name for people.
    pub name: RoomName,
    /// The room's topic.
    pub topic: Topic,
    /// Whether everybody may come in, or members only.
    pub kind: RoomKind,
    /// How many members it has.
    pub members: u64,
    /// The number of its latest event.
    pub last_number: u64,
}

/// A user as they are now. The JSON form is the native API's.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct User {
    /// Their id.
    pub id: UserId,
    /// Their name.
    pub name: UserName,
    /// Their role: `guest` so far.
    pub role: String,
    /// Their id for clients of another protocol.
    #[serde(skip)]
    pub external_id: Option<ExternalId>,
}

/// An author's request that was accepted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KnownRequest {
    /// The entry in which it was accepted.
    pub position: Position,
    /// The salt of the digest; none in the first vocabulary.
    pub(crate) salt: Option<Salt>,
    /// The digest of its content; none when it is erased.
    pub(crate) digest: Option<Vec<u8>>,
}

/// One membership that lasts, with the columns of `members`.
pub(crate) const MEMBER: &str =
    "SELECT room_id, user_id, joined, sum FROM members WHERE room_id = ?1 AND user_id = ?2";
/// One event, with the columns that [`news`] reads.
const EVENT: &str =
    "SELECT position, kind, audience, audience_id, audience_rooms, number, json, sum
     FROM events WHERE position = ?1";
/// Begins a transaction for the questions that follow, so that they are answered
/// from one moment. None: there is one already. It ends when the result is dropped.
pub fn moment(connection: &Connection) -> rusqlite::Result<Option<Transaction<'_>>> {
    connection.is_autocommit().then(|| connection.unchecked_transaction()).transpose()
}

/// Returns the user who holds a token.
pub fn user_by_token(
    connection: &Connection,
    hash: &TokenHash,
) -> rusqlite::Result<Option<UserId>> {
    connection
        .prepare_cached("SELECT token_hash, user_id, sum FROM sessions WHERE token_hash = ?1")?
        .query_one([hash.0], |row| {
            sum::check(row, "sessions")?;
            row.get(1)
        })
        .optional()
}

/// Returns the user whom clients of another protocol know by this id.
pub fn user_by_external_id(
    connection: &Connection,
    id: &ExternalId,
) -> rusqlite::Result<Option<UserId>> {
    let user = connection
        .prepare_cached(
            "SELECT id, name, role, external_id, sum FROM users WHERE external_id = ?1",
        )?
        .query_one([id], user_of_row)
        .optional()?;
    Ok(user.map(|user| user.id))
}

/// Returns a user.
pub fn user(at: &impl Statements, id: UserId) -> rusqlite::Result<Option<User>> {
    let select = "SELECT id, name, role, external_id, sum FROM users WHERE id = ?1";
    at.with(select, |select| select.query_one([id], user_of_row).optional())
}

/// Returns all rooms, in the order in which they were opened: for a node that starts.
pub fn rooms(connection: &Connection) -> rusqlite::Result<Vec<Room>> {
    connection
        .prepare_cached(
            "SELECT id, slug, name, topic, kind, members, last_number, sum FROM rooms ORDER BY id",
        )?
        .query_map([], room_of_row)?
        .collect()
}

/// Returns a room.
pub fn room(at: &impl Statements, id: RoomId) -> rusqlite::Result<Option<Room>> {
    let select =
        "SELECT id, slug, name, topic, kind, members, last_number, sum FROM rooms WHERE id = ?1";
    at.with(select, |select| select.query_one([id], room_of_row).optional())
}

/// Columns of the tables, with the checksum.
const USER_COLUMNS: usize = 5;
const ROOM_COLUMNS: usize = 8;
const MEMBER_COLUMNS: usize = 4;

/// The values are in a select of their own: where SQLite compares one with what a partial
/// index is about, it prepares the statement anew for each new value.
pub(crate) const SPEAKER: &str = "SELECT users.id, users.name, role, external_id, users.sum,
           rooms.id, slug, rooms.name, topic, kind, members, last_number, rooms.sum,
           room_id, user_id, joined, members.sum
    FROM (SELECT ?1 AS user, ?2 AS room) AS given
    LEFT JOIN users ON users.id = given.user LEFT JOIN rooms ON rooms.id = given.room
    LEFT JOIN members ON room_id = given.room AND user_id = given.user";

/// Somebody who is about to say something in a room, as far as both are there.
pub(crate) struct Speaker {
    pub(crate) user: Option<User>,
    pub(crate) room: Option<Room>,
    pub(crate) is_member: bool,
}

/// Returns a user, a room, and whether the one is a member of the other: one statement, since
/// each message asks for the three.
pub(crate) fn speaker(
    at: &impl Statements,
    user: UserId,
    room: RoomId,
) -> rusqlite::Result<Speaker> {
    let (of_room, of_member) = (USER_COLUMNS, USER_COLUMNS + ROOM_COLUMNS);
    let is_there = |row: &Row<'_>, first| row.get_ref(first).map(|id| id != ValueRef::Null);
    at.with(SPEAKER, |select| {
        select.query_one([user.position(), room.position()], |row| {
            let is_member = is_there(row, of_member)?;
            if is_member {
                sum::check_part(row, of_member..of_member + MEMBER_COLUMNS, "members")?;
            }
            Ok(Speaker {
                user: is_there(row, 0)?.then(|| user_at(row, 0)).transpose()?,
                room: is_there(row, of_room)?.then(|| room_at(row, of_room)).transpose()?,
                is_member,
            })
        })
    })
}

/// Returns the epochs of the log with their first positions, oldest first.
pub fn epochs(connection: &Connection) -> rusqlite::Result<Vec<(Position, Epoch)>> {
    connection
        .prepare_cached("SELECT position, epoch, sum FROM epochs ORDER BY position")?
        .query_map([], |row| {
            sum::check(row, "epochs")?;
            Ok((row.get(0)?, row.get(1)?))
        })?
        .collect()
}

/// Returns the epoch that a position lies in; none before the first epoch.
pub fn epoch_at(connection: &Connection, at: Position) -> rusqlite::Result<Option<Epoch>> {
    connection
        .prepare_cached(
            "SELECT position, epoch, sum FROM epochs WHERE position <= ?1
             ORDER BY position DESC LIMIT 1",
        )?
        .query_one([at], |row| {
            sum::check(row, "epochs")?;
            row.get(1)
        })
        .optional()
}

/// Returns the position of the last event in a room, or outside of all rooms; the
/// start if there is none.
pub fn last_event(connection: &Connection, room: Option<RoomId>) -> rusqlite::Result<Position> {
    match room {
        Some(room) => connection
            .prepare_cached(
                "SELECT coalesce(max(position), 0) FROM concerns WHERE place = ?1 AND numbered = 1",
            )?
            .query_row([room], |row| row.get(0)),
        None => connection
            .prepare_cached(
                "SELECT coalesce(max(position), 0) FROM events WHERE audience <> 'room'",
            )?
            .query_row([], |row| row.get(0)),
    }
}

/// Returns the event at a position.
pub fn news_at(connection: &Connection, position: Position) -> rusqlite::Result<Option<News>> {
    let found = event_at(connection, position)?;
    found.map(|news| messages::complete(connection, news)).transpose()
}

/// Returns the event at a position as it is stored, without the text that it quotes.
pub(crate) fn event_at(
    connection: &Connection,
    position: Position,
) -> rusqlite::Result<Option<News>> {
    connection.prepare_cached(EVENT)?.query_one([position], news).optional()
}

/// An entry of the log whose payload is to be erased.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Erasure {
    /// The entry that asks for it: the same one, if its payload was for nothing.
    pub cause: Position,
    /// The entry.
    pub entry: Position,
    /// The reason why it was rejected, if it was.
    pub rejection: Option<Rejection>,
}

/// Returns what is to be erased for entries after `after`, in order: `limit` or a few more,
/// since all that one entry asks for comes together.
pub fn erasures_after(
    connection: &Connection,
    after: Position,
    limit: usize,
) -> rusqlite::Result<Vec<Erasure>> {
    let mut select = connection.prepare_cached(
        "SELECT cause, entry, rejection, sum FROM erasures WHERE cause > ?1 ORDER BY cause, entry",
    )?;
    let mut rows = select.query([after])?;
    let mut found: Vec<Erasure> = Vec::new();
    while let Some(row) = rows.next()? {
        sum::check(row, "erasures")?;
        let cause = row.get(0)?;
        if found.len() >= limit && found.last().is_some_and(|last| last.cause != cause) {
            break;
        }
        let rejection = row.get::<_, Option<String>>(2)?.map(|code| code.parse()).transpose();
        let rejection = rejection.map_err(|_| sum::damaged("a rejection has no such code"))?;
        found.push(Erasure { cause, entry: row.get(1)?, rejection });
    }
    Ok(found)
}

/// Returns an author's request that was accepted under this id.
pub fn request(
    at: &impl Statements,
    author: Author,
    request_id: &RequestId,
) -> rusqlite::Result<Option<KnownRequest>> {
    let select = "SELECT author, request_id, position, salt, digest, sum FROM requests
                  WHERE author = ?1 AND request_id = ?2";
    let known = |row: &Row<'_>| {
        sum::check(row, "requests")?;
        let salt: Option<[u8; 16]> = row.get(3)?;
        Ok(KnownRequest { position: row.get(2)?, salt: salt.map(Salt), digest: row.get(4)? })
    };
    let key = params![author.to_number().cast_signed(), request_id];
    at.with(select, |select| select.query_one(key, known).optional())
}

/// Reads a row of [`EVENT`], or of another statement with these columns.
pub(crate) fn news(row: &Row<'_>) -> rusqlite::Result<News> {
    sum::check(row, "events")?;
    let json: Box<str> = row.get(6)?;
    let event: Event = serde_json::from_str(&json)
        .map_err(|error| sum::damaged(format!("an event does not decode: {error}")))?;
    Ok(News { event, audience: Audience::of_row(row, 2)?, json, is_narrow: false, about: None })
}

fn user_of_row(row: &Row<'_>) -> rusqlite::Result<User> {
    user_at(row, 0)
}

fn room_of_row(row: &Row<'_>) -> rusqlite::Result<Room> {
    room_at(row, 0)
}

/// Reads a user from the columns of a row from `first` on.
fn user_at(row: &Row<'_>, first: usize) -> rusqlite::Result<User> {
    sum::check_part(row, first..first + USER_COLUMNS, "users")?;
    Ok(User {
        id: row.get(first)?,
        name: row.get(first + 1)?,
        role: row.get(first + 2)?,
        external_id: row.get(first + 3)?,
    })
}

/// Reads a room from the columns of a row from `first` on.
fn room_at(row: &Row<'_>, first: usize) -> rusqlite::Result<Room> {
    sum::check_part(row, first..first + ROOM_COLUMNS, "rooms")?;
    Ok(Room {
        id: row.get(first)?,
        slug: row.get(first + 1)?,
        name: row.get(first + 2)?,
        topic: row.get(first + 3)?,
        kind: row.get(first + 4)?,
        members: row.get(first + 5)?,
        last_number: row.get(first + 6)?,
    })
}
