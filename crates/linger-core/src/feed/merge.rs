//! The merge of many ranges of the table `concerns` into one order.
//!
//! A range is looked into only when the merge reaches its beginning, and then a few
//! rows at a time, twice as many each time. So a page costs its own rows and one
//! lookup for each range before its end, however many rows come after it.

use std::{cmp::Reverse, collections::BinaryHeap, vec};

use rusqlite::{CachedStatement, Connection, params};

use crate::{Position, visibility::Range};

/// The merge.
pub(super) struct Merge<'c> {
    select: CachedStatement<'c>,
    sources: Vec<Source>,
    /// The next position of each source: the position, whether an event is known to be
    /// there, and the source.
    heads: BinaryHeap<Reverse<(Position, bool, usize)>>,
    last: Position,
}

struct Source {
    range: Range,
    /// Rows that were read and not used yet.
    rows: vec::IntoIter<Position>,
    /// How many rows are read next; none when there are no more.
    read_next: Option<usize>,
}

/// Rows that are read of one range at once, at most.
const ROWS_MAX: usize = 256;

impl<'c> Merge<'c> {
    pub(super) fn of(connection: &'c Connection, ranges: &[Range]) -> rusqlite::Result<Self> {
        let select = connection.prepare_cached(
            "SELECT position FROM concerns
             WHERE place = ?1 AND numbered = ?2 AND position BETWEEN ?3 AND ?4
             ORDER BY position LIMIT ?5",
        )?;
        let heads = ranges.iter().enumerate();
        let heads = heads.map(|(source, range)| Reverse((range.from, false, source))).collect();
        let source = |range: &Range| Source {
            range: *range,
            rows: Vec::new().into_iter(),
            read_next: Some(1),
        };
        let sources = ranges.iter().map(source).collect();
        Ok(Merge { select, sources, heads, last: Position::START })
    }

    /// Returns the next position in order, each once.
    pub(super) fn next(&mut self) -> rusqlite::Result<Option<Position>> {
        while let Some(Reverse((position, is_event, number))) = self.heads.pop() {
            let source = &mut self.sources[number];
            if !is_event {
                source.read(&mut self.select)?;
            }
            self.heads
                .extend(source.head().map(|(next, is_event)| Reverse((next, is_event, number))));
            // One rename has a row in each room that two people share.
            if is_event && position > self.last {
                self.last = position;
                return Ok(Some(position));
            }
        }
        Ok(None)
    }
}

impl Source {
    /// Returns the position of the next event, or one where it may be: rows are read only
    /// when the merge has come there.
    fn head(&mut self) -> Option<(Position, bool)> {
        let known = self.rows.next().map(|position| (position, true));
        known.or_else(|| self.read_next.map(|_| (self.range.from, false)))
    }

    fn read(&mut self, select: &mut CachedStatement<'_>) -> rusqlite::Result<()> {
        let Some(count) = self.read_next else { return Ok(()) };
        let Range { place, numbered, from, to } = self.range;
        let rows = select.query_map(params![place, numbered, from, to, count], |row| row.get(0))?;
        let rows = rows.collect::<Result<Vec<Position>, _>>()?;
        let is_all = rows.len() < count || rows.last() == Some(&to);
        self.read_next = (!is_all).then_some((count * 2).min(ROWS_MAX));
        if let Some(last) = rows.last() {
            self.range.from = last.next();
        }
        self.rows = rows.into_iter();
        Ok(())
    }
}
