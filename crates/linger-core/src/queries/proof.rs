//! The proof that no message is missing between two that follow one another in a history.
//!
//! The index of messages could hide one, as that of events could ([`crate::feed`]). The
//! numbers of a room show where something lies between two messages, and the index of events
//! says whether a message is among it. That is looked up for as many events as the page
//! may have messages: a thousand joins in a row are not looked through.

use rusqlite::{Connection, params};

use super::{room, stays::last_stay};
use crate::{News, Position, RoomId, RoomKind, UserId, sum};

/// A history to be proven.
pub(super) struct Proof<'c> {
    pub(super) connection: &'c Connection,
    pub(super) room: RoomId,
    pub(super) kind: RoomKind,
    pub(super) reader: Option<UserId>,
    /// Events that may still be looked up.
    pub(super) left: u64,
}

impl Proof<'_> {
    /// Errors: a message is missing between two of these, which are in order.
    pub(super) fn between(&mut self, messages: &[News]) -> rusqlite::Result<()> {
        for pair in messages.windows(2) {
            let [one, next] = [&pair[0], &pair[1]];
            let (number, next_number) = (number_of(one), number_of(next));
            if next_number <= number {
                return Err(sum::damaged("messages are out of order"));
            }
            if next_number > number + 1 && self.saw_all_between(one, next)? {
                self.check((one.position(), next.position()), next_number - number - 1)?;
            }
        }
        Ok(())
    }

    /// Errors: a message is missing behind the last of an open room's.
    pub(super) fn behind(&mut self, messages: &[News]) -> rusqlite::Result<()> {
        let Some(last) = messages.last().filter(|_| self.kind == RoomKind::Open) else {
            return Ok(());
        };
        let room = room(self.connection, self.room)?;
        let last_number = room.map_or(0, |room| room.last_number);
        match last_number.checked_sub(number_of(last)) {
            None => Err(sum::damaged("a room has a message behind its last event")),
            Some(0) => Ok(()),
            Some(count) => self.check((last.position(), Position::MAX), count),
        }
    }

    /// Tells whether the reader was there all the time from one message to the next.
    fn saw_all_between(&self, one: &News, next: &News) -> rusqlite::Result<bool> {
        if self.kind == RoomKind::Open {
            return Ok(true);
        }
        let stay = last_stay(self.connection, self.reader, self.room, next.position())?;
        Ok(stay.is_some_and(|(from, _)| from <= one.position()))
    }

    /// Errors: between these positions there are not so many events, or a message is among
    /// them.
    fn check(&mut self, (from, to): (Position, Position), count: u64) -> rusqlite::Result<()> {
        let Some(left) = self.left.checked_sub(count) else { return Ok(()) };
        self.left = left;
        let found: (u64, u64) = self
            .connection
            .prepare_cached(
                "SELECT count(*), count(*) FILTER (WHERE kind = 'message_sent')
                 FROM concerns JOIN events USING (position)
                 WHERE place = ?1 AND numbered = 1
                 AND concerns.position > ?2 AND concerns.position < ?3",
            )?
            .query_one(params![self.room, from, to], |row| Ok((row.get(0)?, row.get(1)?)))?;
        match found == (count, 0) {
            true => Ok(()),
            false => Err(sum::damaged("a message is missing in a room's history")),
        }
    }
}

fn number_of(message: &News) -> u64 {
    message.event.number.expect("a message is a room's event")
}
