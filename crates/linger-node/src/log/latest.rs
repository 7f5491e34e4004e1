//! The newest entries of a log, in memory: the follower is seldom further behind.

use std::collections::VecDeque;

use linger_core::{Entry, Position};

use super::{READ_BYTES_MAX, first_of};

/// A few batches.
pub(super) const ENTRIES_MAX: usize = 4096;
/// Twice what is read at once.
const BYTES_MAX: usize = 2 * READ_BYTES_MAX;

/// The newest entries, all after a position.
pub(super) struct Latest {
    pub(super) after: Position,
    entries: VecDeque<Entry>,
    bytes: usize,
}

impl Latest {
    pub(super) fn after(after: Position) -> Latest {
        Latest { after, entries: VecDeque::new(), bytes: 0 }
    }

    pub(super) fn push(&mut self, entry: Entry) {
        self.bytes += entry.draft.weight();
        self.entries.push_back(entry);
        while self.entries.len() > ENTRIES_MAX || self.bytes > BYTES_MAX {
            let oldest = self.entries.pop_front().expect("what is over its bound is not empty");
            self.bytes -= oldest.draft.weight();
            self.after = oldest.position;
        }
    }

    /// Returns the first entries after `after`, up to `limit` and [`READ_BYTES_MAX`]; None if
    /// some of those are further back.
    pub(super) fn read_after(&self, after: Position, limit: usize) -> Option<Vec<Entry>> {
        (after >= self.after).then(|| {
            let begin = self.entries.partition_point(|entry| entry.position <= after);
            first_of(self.entries.range(begin..), limit)
        })
    }
}
