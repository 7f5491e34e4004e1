//! What can be asked of a node that is neither the feed nor a command.
//!
//! Each question is a value; [`crate::Node::query`] answers it from one moment
//! of the projection. Edges make them; SQL stays below.

use std::collections::{BTreeMap, BTreeSet};

use linger_core::{
    Cursor, ExternalId, LogId, MessageId, News, Position, TokenHash, UserId, projection_applied,
    queries::{self, History, Room, User},
    visibility::{Stay, can_enter},
};
use rusqlite::Connection;

use crate::RoomRef;

/// A question, and how it is answered from the projection.
pub trait Question: Send + 'static {
    /// What comes back.
    type Answer: Send + 'static;

    /// Answers from one connection. `log` is the log that the node follows.
    #[doc(hidden)]
    fn answer(self, connection: &Connection, log: LogId) -> rusqlite::Result<Self::Answer>;
}

/// Who holds this token?
#[derive(Debug)]
pub struct WhoHolds(pub TokenHash);

impl Question for WhoHolds {
    type Answer = Option<UserId>;

    fn answer(self, connection: &Connection, _: LogId) -> rusqlite::Result<Option<UserId>> {
        queries::user_by_token(connection, &self.0)
    }
}

/// Whom do another protocol's clients know by this id?
#[derive(Debug)]
pub struct WhoIs(pub ExternalId);

impl Question for WhoIs {
    type Answer = Option<UserId>;

    fn answer(self, connection: &Connection, _: LogId) -> rusqlite::Result<Option<UserId>> {
        queries::user_by_external_id(connection, &self.0)
    }
}

/// By which ids do another protocol's clients know these users? Those of them
/// who have one.
#[derive(Debug)]
pub struct KnownAs(pub BTreeSet<UserId>);

impl Question for KnownAs {
    type Answer = BTreeMap<UserId, ExternalId>;

    fn answer(self, connection: &Connection, _: LogId) -> rusqlite::Result<Self::Answer> {
        let tx = connection.unchecked_transaction()?;
        let mut known = BTreeMap::new();
        for id in self.0 {
            let user = queries::user(&tx, id)?;
            known.extend(
                user.and_then(|user| user.external_id).map(|external_id| (id, external_id)),
            );
        }
        Ok(known)
    }
}

/// Who is this user now?
#[derive(Debug)]
pub struct WhoNow(pub UserId);

impl Question for WhoNow {
    type Answer = Option<User>;

    fn answer(self, connection: &Connection, _: LogId) -> rusqlite::Result<Option<User>> {
        queries::user(connection, self.0)
    }
}

/// What does a page need to start for this user?
#[derive(Debug)]
pub struct Start(pub UserId);

/// All that a page needs to start: the events after `cursor` bring it up to date.
#[derive(Debug)]
pub struct Started {
    /// The user.
    pub user: User,
    /// The rooms that the user is in.
    pub rooms: Vec<Room>,
    /// The moment of this answer.
    pub cursor: Cursor,
}

impl Question for Start {
    type Answer = Option<Started>;

    fn answer(self, connection: &Connection, log: LogId) -> rusqlite::Result<Option<Started>> {
        // One transaction, so that the cursor is of the same moment as the rest.
        let tx = connection.unchecked_transaction()?;
        let Some(user) = queries::user(&tx, self.0)? else { return Ok(None) };
        let stays = queries::stays_of(&tx, self.0)?;
        let is_in =
            |room: &Room| stays.iter().any(|stay| stay.room == room.id && stay.left.is_none());
        let rooms = queries::rooms(&tx)?.into_iter().filter(is_in).collect();
        let cursor = Cursor { log, position: projection_applied(&tx)? };
        Ok(Some(Started { user, rooms, cursor }))
    }
}

/// Which rooms exist for this reader?
#[derive(Debug)]
pub struct Rooms(pub Option<UserId>);

impl Question for Rooms {
    type Answer = Vec<Room>;

    fn answer(self, connection: &Connection, _: LogId) -> rusqlite::Result<Vec<Room>> {
        let tx = connection.unchecked_transaction()?;
        let stays = stays_now(&tx, self.0)?;
        let mut rooms = queries::rooms(&tx)?;
        rooms.retain(|room| can_enter(room.id, room.kind, &stays));
        Ok(rooms)
    }
}

/// What is this room like now?
#[derive(Debug)]
pub struct RoomNow {
    /// The room.
    pub room: RoomRef,
    /// Who asks.
    pub reader: Option<UserId>,
}

impl Question for RoomNow {
    type Answer = Option<Room>;

    fn answer(self, connection: &Connection, _: LogId) -> rusqlite::Result<Option<Room>> {
        let tx = connection.unchecked_transaction()?;
        let stays = stays_now(&tx, self.reader)?;
        let room = queries::room(&tx, self.room.id)?;
        Ok(room.filter(|room| can_enter(room.id, room.kind, &stays)))
    }
}

/// Returns the memberships that last: a past one opens the door to what was seen
/// then, not to how a closed room is now.
fn stays_now(connection: &Connection, reader: Option<UserId>) -> rusqlite::Result<Vec<Stay>> {
    let Some(reader) = reader else { return Ok(Vec::new()) };
    let mut stays = queries::stays_of(connection, reader)?;
    stays.retain(|stay| stay.left.is_none());
    Ok(stays)
}

/// What was said in this room before?
#[derive(Debug)]
pub struct Earlier {
    /// The room.
    pub room: RoomRef,
    /// Who asks.
    pub reader: Option<UserId>,
    /// Only what was said before this message; none for the newest.
    pub before: Option<MessageId>,
    /// Most messages in the answer.
    pub limit: usize,
}

impl Question for Earlier {
    type Answer = History;

    fn answer(self, connection: &Connection, _: LogId) -> rusqlite::Result<History> {
        let tx = connection.unchecked_transaction()?;
        let stays =
            self.reader.map(|user| queries::stays_of(&tx, user)).transpose()?.unwrap_or_default();
        queries::history(&tx, self.room.scope(), &stays, self.before, self.limit)
    }
}

/// What happened at this position?
#[derive(Debug)]
pub(crate) struct HappenedAt(pub(crate) Position);

impl Question for HappenedAt {
    type Answer = Option<News>;

    fn answer(self, connection: &Connection, _: LogId) -> rusqlite::Result<Option<News>> {
        queries::news_at(connection, self.0)
    }
}
