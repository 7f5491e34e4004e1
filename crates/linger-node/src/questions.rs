//! Questions to a node, beside the feed and the commands.
//!
//! Each question is a value; [`crate::Node::query`] answers it from one moment
//! of the projection. Edges make them; SQL stays below.

mod conversation;
mod lists;
mod messages;

use std::collections::{BTreeMap, BTreeSet};

use linger_core::{
    ExternalId, LogId, MessageId, News, Position, TokenHash, UserId,
    feed::PageMax,
    queries::{self, History, Passage, Place, User},
};
use rusqlite::Connection;

pub use conversation::{Conversation, Conversed, Part};
pub use lists::{Members, Named, RoomNow, Rooms, Start, Started};
pub use messages::{FileFor, MessageNow, Pins, Versions};
pub(crate) use messages::{IsHashKnown, WithoutMessage};

use crate::{RoomRef, limits::PAGE_BYTES_MAX};

/// A question, and how it is answered from the projection.
pub trait Question: Clone + Send + 'static {
    /// The type of its answer.
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

/// By which ids do another protocol's clients know these users? Users without such an
/// id are left out.
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

/// What was sent to this room before?
#[derive(Debug, Clone)]
pub struct Earlier {
    /// The room.
    pub room: RoomRef,
    /// The user who asks; none for a visitor.
    pub reader: Option<UserId>,
    /// Only messages from before this one; none for the newest.
    pub before: Option<MessageId>,
    /// Most messages in the answer.
    pub limit: usize,
}

impl Question for Earlier {
    type Answer = History;

    fn answer(self, connection: &Connection, _: LogId) -> rusqlite::Result<History> {
        let _moment = queries::moment(connection)?;
        let max = PageMax { items: self.limit, bytes: PAGE_BYTES_MAX };
        queries::history(connection, &self.room.scope(), self.reader, self.before, max)
    }
}

/// What was sent to this room at this place?
#[derive(Debug, Clone)]
pub struct Nearby {
    /// The room.
    pub room: RoomRef,
    /// The user who asks; none for a visitor.
    pub reader: Option<UserId>,
    /// The place.
    pub place: Place,
    /// Most messages in the answer.
    pub limit: usize,
}

impl Question for Nearby {
    type Answer = Passage;

    fn answer(self, connection: &Connection, _: LogId) -> rusqlite::Result<Passage> {
        let _moment = queries::moment(connection)?;
        let max = PageMax { items: self.limit, bytes: PAGE_BYTES_MAX };
        queries::passage(connection, &self.room.scope(), self.reader, self.place, max)
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
