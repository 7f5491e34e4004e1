//! A room's history: its messages as they are now, in both directions from a place.
//!
//! A closed room is read stay by stay, by way of the messages that lie in the reader's
//! stays: neither messages outside of all stays nor stays without messages are walked
//! through.

use rusqlite::{Connection, params};

use super::{
    messages::{self, Stored, select_messages},
    numbers::position_of,
    proof::Proof,
    stays::{first_stay, last_stay},
};
use crate::{
    MessageId, News, Position, RoomId, RoomKind, UserId,
    feed::{Page, PageMax},
    visibility::Scope,
};

/// A page of a room's history.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct History {
    /// Messages, oldest first: each as the event that sent it, with the message as it is now.
    pub messages: Vec<News>,
    /// Whether there are older ones.
    pub more: bool,
}

/// A page from the middle of a room's history.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Passage {
    /// Messages, oldest first.
    pub messages: Vec<News>,
    /// Whether there are older ones.
    pub more: bool,
    /// Whether there are newer ones.
    pub more_after: bool,
}

/// The place of a [`Passage`]. A message or a number that the room does not have, or that the
/// reader does not see, stands for the place where it would be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// Behind a message.
    After(MessageId),
    /// With a message in the middle: a half of the page is older.
    Around(MessageId),
    /// With the event that has this number in the middle, if it is a message.
    AroundNumber(u64),
}

/// One reader's view of one room's messages.
struct View<'c> {
    connection: &'c Connection,
    room: RoomId,
    kind: RoomKind,
    reader: Option<UserId>,
    messages: messages::View<'c>,
}

/// A room's messages in a range, newest first.
const NEWEST_FIRST: &str =
    select_messages!("WHERE room_id = ?1 AND position BETWEEN ?2 AND ?3 ORDER BY position DESC");
/// The same, oldest first.
const OLDEST_FIRST: &str =
    select_messages!("WHERE room_id = ?1 AND position BETWEEN ?2 AND ?3 ORDER BY position");

/// Returns the newest messages of a room before `before`, as many as fit on one page,
/// as far as `reader` may see them.
///
/// Cost: the rows of the page, and up to as many others between them, by which the page is
/// proven; in a closed room a few lookups, too, for each stay of the reader that the page
/// reaches into. Errors: a message is missing, or what is read is damaged.
pub fn history(
    connection: &Connection,
    scope: &Scope,
    reader: Option<UserId>,
    before: Option<MessageId>,
    max: PageMax,
) -> rusqlite::Result<History> {
    let Some(view) = View::of(connection, scope, reader)? else {
        return Ok(History { messages: Vec::new(), more: false });
    };
    let mut page = Page::new(max);
    let end = before.map_or(Position::MAX, |before| before.position().before());
    let more = view.older(end, &mut page)?;
    page.items.reverse();
    let mut proof = view.proof(max);
    proof.between(&page.items)?;
    if before.is_none() {
        proof.behind(&page.items)?;
    }
    Ok(History { messages: page.items, more })
}

/// Returns the messages of a room at a place, as many as fit on one page, as far as
/// `reader` may see them.
///
/// Cost and errors: as of [`history`]; for a number also the cost of finding it.
pub fn passage(
    connection: &Connection,
    scope: &Scope,
    reader: Option<UserId>,
    place: Place,
    max: PageMax,
) -> rusqlite::Result<Passage> {
    let Some(view) = View::of(connection, scope, reader)? else {
        return Ok(Passage { messages: Vec::new(), more: false, more_after: false });
    };
    let passage = match place {
        Place::After(id) => view.after(id.position(), max)?,
        Place::Around(id) => view.around(id.position(), max)?,
        Place::AroundNumber(number) => {
            view.around(position_of(connection, view.room, number)?, max)?
        }
    };
    let mut proof = view.proof(max);
    proof.between(&passage.messages)?;
    if !passage.more_after {
        proof.behind(&passage.messages)?;
    }
    Ok(passage)
}

impl View<'_> {
    fn of<'c>(
        connection: &'c Connection,
        scope: &Scope,
        reader: Option<UserId>,
    ) -> rusqlite::Result<Option<View<'c>>> {
        let &Scope::Room(room, kind) = scope else {
            panic!("history is a room's: {scope:?}");
        };
        let messages = messages::View::of(connection, room, reader)?;
        Ok(messages.map(|messages| View { connection, room, kind, reader, messages }))
    }

    /// Returns the proof of one page of it.
    fn proof(&self, max: PageMax) -> Proof<'_> {
        let View { connection, room, kind, reader, .. } = *self;
        Proof { connection, room, kind, reader, left: max.items as u64 }
    }

    fn after(&self, place: Position, max: PageMax) -> rusqlite::Result<Passage> {
        let mut page = Page::new(max);
        // Nothing is behind the last of all places.
        let begin = place.min(Position::MAX.before()).next();
        let more_after = self.newer(begin, &mut page)?;
        // A page without room shows whether there is one for it.
        let more = self.older(place, &mut Page::new(PageMax { items: 0, ..max }))?;
        Ok(Passage { messages: page.items, more, more_after })
    }

    fn around(&self, middle: Position, max: PageMax) -> rusqlite::Result<Passage> {
        let half = PageMax { items: max.items.div_ceil(2), bytes: max.bytes / 2 };
        let mut page = Page::new(half);
        let mut more_after = self.newer(middle, &mut page)?;
        let next = page.items.last().map_or(middle, |last| last.position().next());
        page.widen(max);
        let more = self.older(middle.before(), &mut page)?;
        // Few came before: the rest of the page is for what comes after.
        if more_after && !more {
            more_after = self.newer(next, &mut page)?;
        }
        page.items.sort_unstable_by_key(News::position);
        Ok(Passage { messages: page.items, more, more_after })
    }

    /// Adds messages up to `end`, newest first. Tells whether there are more.
    fn older(&self, mut end: Position, page: &mut Page) -> rusqlite::Result<bool> {
        let newest = "SELECT max(position) FROM messages WHERE room_id = ?1 AND position <= ?2";
        while let Some(newest) = self.edge(newest, end)? {
            let Some((from, to)) = (match self.kind {
                RoomKind::Open => Some((Position::START, Position::MAX)),
                RoomKind::Closed => last_stay(self.connection, self.reader, self.room, newest)?,
            }) else {
                break;
            };
            if self.read(NEWEST_FIRST, from, to.min(end), page)? {
                return Ok(true);
            }
            end = from.before();
        }
        Ok(false)
    }

    /// Adds messages from `begin` on, oldest first. Tells whether there are more.
    fn newer(&self, mut begin: Position, page: &mut Page) -> rusqlite::Result<bool> {
        let oldest = "SELECT min(position) FROM messages WHERE room_id = ?1 AND position >= ?2";
        while let Some(oldest) = self.edge(oldest, begin)? {
            let Some((from, to)) = (match self.kind {
                RoomKind::Open => Some((Position::START, Position::MAX)),
                RoomKind::Closed => first_stay(self.connection, self.reader, self.room, oldest)?,
            }) else {
                break;
            };
            if self.read(OLDEST_FIRST, from.max(begin), to, page)? {
                return Ok(true);
            }
            if to == Position::MAX {
                break;
            }
            begin = to.next();
        }
        Ok(false)
    }

    /// Returns the position of the message that is nearest to a bound.
    fn edge(&self, select: &str, bound: Position) -> rusqlite::Result<Option<Position>> {
        self.connection
            .prepare_cached(select)?
            .query_one(params![self.room, bound], |row| row.get(0))
    }

    /// Adds the messages of a range. Tells whether there are more: one more than fits.
    fn read(
        &self,
        select: &str,
        from: Position,
        to: Position,
        page: &mut Page,
    ) -> rusqlite::Result<bool> {
        let mut select = self.connection.prepare_cached(select)?;
        let mut rows = select.query(params![self.room, from, to])?;
        while let Some(row) = rows.next()? {
            let stored = Stored::of_row(row)?;
            if !page.take(self.messages.read_news(stored)?) {
                return Ok(true);
            }
        }
        Ok(false)
    }
}
