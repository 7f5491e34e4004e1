//! A room as somebody finds it who comes in: the newest messages, and where to go on.

use linger_core::{
    Cursor, LogId, MessageId, UserId,
    feed::PageMax,
    projection_applied,
    queries::{self, History, Passage, Place, Room},
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
    /// Which of its messages.
    pub part: Part,
    /// Most messages in the answer.
    pub limit: usize,
}

/// A part of a room's messages, by their numbers in the room.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// The newest ones.
    Newest,
    /// Those before this number.
    Before(u64),
    /// Those around this number.
    Around(u64),
}

/// The messages, and the moment at which they were the newest ones.
#[derive(Debug)]
pub struct Conversed {
    /// The messages.
    pub passage: Passage,
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
        let Conversation { room, reader, part, limit } = self;
        let max = PageMax { items: limit, bytes: PAGE_BYTES_MAX };
        let passage = match part {
            Part::Newest => before(connection, &room, reader, None, max)?,
            Part::Before(number) => before(connection, &room, reader, Some(number), max)?,
            Part::Around(number) => {
                let place = Place::AroundNumber(number);
                queries::passage(connection, &room.scope(), reader, place, max)?
            }
        };
        let room = match exists_now(connection, &room, reader)? {
            true => queries::room(connection, room.id)?,
            false => None,
        };
        let position = projection_applied(connection)?;
        let cursor = Cursor { log, epoch: queries::epoch_at(connection, position)?, position };
        Ok(Conversed { passage, room, cursor })
    }
}

fn before(
    connection: &Connection,
    room: &RoomRef,
    reader: Option<UserId>,
    number: Option<u64>,
    max: PageMax,
) -> rusqlite::Result<Passage> {
    let end = number.map(|number| queries::position_of(connection, room.id, number)).transpose()?;
    let end = end.map(MessageId::new);
    let History { messages, more } = queries::history(connection, &room.scope(), reader, end, max)?;
    Ok(Passage { messages, more, more_after: number.is_some() })
}
