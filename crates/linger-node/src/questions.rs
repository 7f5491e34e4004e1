//! What can be asked of a node that is neither the feed nor a command.
//!
//! Each question is a value; [`crate::Node::query`] answers it from one moment
//! of the projection. Edges make them; SQL stays below.

use std::collections::{BTreeMap, BTreeSet};

use linger_core::{
    Cursor, ExternalId, LogId, MessageId, News, Position, RoomKind, TokenHash, UserId,
    feed::PageMax,
    projection_applied,
    queries::{self, History, Room, User},
    visibility::Stays,
};
use rusqlite::Connection;

use crate::{RoomRef, limits::PAGE_BYTES_MAX};

/// A question, and how it is answered from the projection.
pub trait Question: Clone + Send + 'static {
    /// What comes back.
    type Answer: Send + 'static;

    /// Answers from one connection. `log` is the log that the node follows.
    #[doc(hidden)]
    fn answer(self, connection: &Connection, log: LogId) -> rusqlite::Result<Self::Answer>;
}

/// Who holds this token?
#[derive(Debug, Clone)]
pub struct WhoHolds(pub TokenHash);

impl Question for WhoHolds {
    type Answer = Option<UserId>;

    fn answer(self, connection: &Connection, _: LogId) -> rusqlite::Result<Option<UserId>> {
        queries::user_by_token(connection, &self.0)
    }
}

/// Whom do another protocol's clients know by this id?
#[derive(Debug, Clone)]
pub struct WhoIs(pub ExternalId);

impl Question for WhoIs {
    type Answer = Option<UserId>;

    fn answer(self, connection: &Connection, _: LogId) -> rusqlite::Result<Option<UserId>> {
        queries::user_by_external_id(connection, &self.0)
    }
}

/// By which ids do another protocol's clients know these users? Those of them
/// who have one.
#[derive(Debug, Clone)]
pub struct KnownAs(pub BTreeSet<UserId>);

impl Question for KnownAs {
    type Answer = BTreeMap<UserId, ExternalId>;

    fn answer(self, connection: &Connection, _: LogId) -> rusqlite::Result<Self::Answer> {
        let _moment = queries::moment(connection)?;
        let mut known = BTreeMap::new();
        for id in self.0 {
            let user = queries::user(connection, id)?;
            known.extend(
                user.and_then(|user| user.external_id).map(|external_id| (id, external_id)),
            );
        }
        Ok(known)
    }
}

/// Who is this user now?
#[derive(Debug, Clone)]
pub struct WhoNow(pub UserId);

impl Question for WhoNow {
    type Answer = Option<User>;

    fn answer(self, connection: &Connection, _: LogId) -> rusqlite::Result<Option<User>> {
        queries::user(connection, self.0)
    }
}

/// What does a page need to start for this user?
#[derive(Debug, Clone)]
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
        // So that the cursor is of the same moment as the rest.
        let _moment = queries::moment(connection)?;
        let Some(user) = queries::user(connection, self.0)? else { return Ok(None) };
        let stays = queries::stays_of(connection, self.0)?;
        let rooms = stays.rooms().filter_map(|room| queries::room(connection, room).transpose());
        let rooms = rooms.collect::<Result<_, _>>()?;
        let position = projection_applied(connection)?;
        let epochs = queries::epochs(connection)?;
        let begun = epochs.iter().rev().find(|(begin, _)| *begin <= position);
        let cursor = Cursor { log, epoch: begun.map(|(_, epoch)| *epoch), position };
        Ok(Some(Started { user, rooms, cursor }))
    }
}

/// Which rooms exist for this reader?
#[derive(Debug, Clone)]
pub struct Rooms(pub Option<UserId>);

impl Question for Rooms {
    type Answer = Vec<Room>;

    fn answer(self, connection: &Connection, _: LogId) -> rusqlite::Result<Vec<Room>> {
        let _moment = queries::moment(connection)?;
        let stays = stays_of(connection, self.0)?;
        let mut rooms = queries::rooms(connection)?;
        rooms.retain(|room| exists_now(room, &stays));
        Ok(rooms)
    }
}

/// What is this room like now?
#[derive(Debug, Clone)]
pub struct RoomNow {
    /// The room.
    pub room: RoomRef,
    /// Who asks.
    pub reader: Option<UserId>,
}

impl Question for RoomNow {
    type Answer = Option<Room>;

    fn answer(self, connection: &Connection, _: LogId) -> rusqlite::Result<Option<Room>> {
        let _moment = queries::moment(connection)?;
        let Some(room) = queries::room(connection, self.room.id)? else { return Ok(None) };
        // A past membership opens the door to what was seen then, not to how a closed
        // room is now.
        let exists = match (room.kind, self.reader) {
            (RoomKind::Open, _) => true,
            (RoomKind::Closed, Some(reader)) => queries::is_member(connection, room.id, reader)?,
            (RoomKind::Closed, None) => false,
        };
        Ok(exists.then_some(room))
    }
}

/// Tells whether a room as it is now exists for somebody: a past membership opens
/// the door to what was seen then, not to how a closed room is now.
fn exists_now(room: &Room, stays: &Stays) -> bool {
    room.kind == RoomKind::Open || stays.is_in(room.id)
}

fn stays_of(connection: &Connection, reader: Option<UserId>) -> rusqlite::Result<Stays> {
    let stays = reader.map(|reader| queries::stays_of(connection, reader)).transpose();
    Ok(stays?.unwrap_or_default())
}

/// What was said in this room before?
#[derive(Debug, Clone)]
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
        let _moment = queries::moment(connection)?;
        let max = PageMax { items: self.limit, bytes: PAGE_BYTES_MAX };
        queries::history(connection, self.room.scope(), self.reader, self.before, max)
    }
}

/// What happened at this position?
#[derive(Debug, Clone)]
pub(crate) struct HappenedAt(pub(crate) Position);

impl Question for HappenedAt {
    type Answer = Option<News>;

    fn answer(self, connection: &Connection, _: LogId) -> rusqlite::Result<Option<News>> {
        queries::news_at(connection, self.0)
    }
}
