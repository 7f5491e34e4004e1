//! A room as somebody finds it who comes in: the newest messages, and where to go on.

use linger_core::{
    Cursor, LogId, MessageId, UserId,
    feed::PageMax,
    projection_applied,
    queries::{self, History, Room},
};
use rusqlite::Connection;

use super::{Question, lists::exists_now};
use crate::{RoomRef, limits::PAGE_BYTES_MAX};

/// What is said in this room, and from where does one read on?
#[derive(Debug, Clone)]
pub struct Conversation {
    /// The room.
    pub room: RoomRef,
    /// The user who asks; none for a visitor.
    pub reader: Option<UserId>,
    /// Only messages whose number in the room is below this; none for the newest.
    pub before: Option<u64>,
    /// Most messages in the answer.
    pub limit: usize,
}

/// The messages, and the moment at which they were the newest ones.
#[derive(Debug)]
pub struct Conversed {
    /// The messages.
    pub history: History,
    /// The room as it is now; none for a former member of a closed room.
    pub room: Option<Room>,
    /// The events after this cursor bring the answer up to date.
    pub cursor: Cursor,
}

impl Question for Conversation {
    type Answer = Conversed;

    fn answer(self, connection: &Connection, log: LogId) -> rusqlite::Result<Conversed> {
        // In one moment, so that the cursor fits the rest: nothing comes twice or never.
        let _moment = queries::moment(connection)?;
        let Conversation { room, reader, before, limit } = self;
        let before =
            before.map(|number| queries::position_of(connection, room.id, number)).transpose()?;
        let before = before.map(MessageId::new);
        let max = PageMax { items: limit, bytes: PAGE_BYTES_MAX };
        let history = queries::history(connection, &room.scope(), reader, before, max)?;
        let room = match exists_now(connection, &room, reader)? {
            true => queries::room(connection, room.id)?,
            false => None,
        };
        let position = projection_applied(connection)?;
        let cursor = Cursor { log, epoch: queries::epoch_at(connection, position)?, position };
        Ok(Conversed { history, room, cursor })
    }
}
