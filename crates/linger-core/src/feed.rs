//! The feed, read from the tables: for readers who are further behind than the
//! node's memory.
//!
//! The table `concerns` has a row for each place and event, so the ranges of a
//! reader (each of their stays, and what concerns them alone) hold what they may see
//! and nothing else. They are merged by position. Cost: an index lookup for each
//! range that the page reaches into, and the events of the page.

mod merge;
mod proof;

use rusqlite::Connection;

use self::merge::Merge;
use crate::{
    News, Position, projection, queries, sum,
    visibility::{Scope, Stays, as_seen, can_see, ranges},
};

/// Events, and how far a reader has come with them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Read {
    /// Events that the reader may see, oldest first.
    pub news: Vec<News>,
    /// The position up to which nothing is left to see: the next page begins after it.
    pub upto: Position,
}

/// The bounds of one page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PageMax {
    /// Events, or messages.
    pub items: usize,
    /// Bytes of their JSON. The first one is always on the page, whatever its size.
    pub bytes: usize,
}

/// Returns the events after `after` that a reader may see in `scope`, as many as one
/// page holds.
///
/// `stays` are the reader's own ([`queries::stays_after`]), read in the transaction
/// that the caller has begun: with older ones, `upto` would pass over the event
/// of a join that they do not know yet. An empty answer still moves on: `upto` is the
/// last position that the projection has applied, or the last event if there may be more.
pub fn read(
    connection: &Connection,
    scope: &Scope,
    stays: &Stays,
    after: Position,
    max: PageMax,
) -> rusqlite::Result<Read> {
    // `applied` and the events are of the same moment.
    let _moment = queries::moment(connection)?;
    let applied = projection::applied(connection)?;
    let mut page = Page::new(max);
    let ranges = ranges(scope, stays, after, applied);
    let mut merge = Merge::of(connection, &ranges)?;
    while page.has_room()
        && let Some(position) = merge.next()?
    {
        let found = queries::news_at(connection, position)?;
        let found = found.ok_or_else(|| sum::damaged("an event is missing"))?;
        // The ranges decided this already, but a damaged index could hold anything.
        if !can_see(scope, stays, &found) {
            return Err(sum::damaged("an event stands where it does not belong"));
        }
        let is_covered =
            |room, at| queries::messages::is_there_at(connection, stays.person(), room, at);
        let narrowed = as_seen(&found, is_covered)?;
        page.take(narrowed.unwrap_or(found));
    }
    proof::check(connection, &page, &ranges, after, applied)?;
    let upto = match page.items.last() {
        Some(last) if !page.has_room() => last.position(),
        // With limit 0 the cursor must not move.
        None if max.items == 0 => after,
        _ => applied.max(after),
    };
    Ok(Read { news: page.items, upto })
}

/// The page so far.
pub(crate) struct Page {
    pub(crate) items: Vec<News>,
    max: PageMax,
    bytes: usize,
    is_full: bool,
}

impl Page {
    pub(crate) fn new(max: PageMax) -> Page {
        Page { items: Vec::new(), max, bytes: 0, is_full: max.items == 0 }
    }

    /// Tells whether another event may have a place.
    pub(crate) fn has_room(&self) -> bool {
        !self.is_full
    }

    /// Makes it larger.
    pub(crate) fn widen(&mut self, max: PageMax) {
        self.max = max;
        self.is_full = self.items.len() >= max.items;
    }

    /// Gives it a place, unless the page is full, or it is too large for the bytes that
    /// are left: then the next page begins with it. Tells whether it got one.
    pub(crate) fn take(&mut self, news: News) -> bool {
        let bytes = self.bytes + news.json.len();
        if self.is_full || bytes > self.max.bytes && !self.items.is_empty() {
            self.is_full = true;
            return false;
        }
        self.bytes = bytes;
        self.items.push(news);
        self.is_full = self.items.len() == self.max.items;
        true
    }
}
