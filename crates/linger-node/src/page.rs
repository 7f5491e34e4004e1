//! Waits and pages: the question and the answer of [`crate::Node::wait`].

use std::sync::Arc;

use linger_core::{Cursor, News, UserId, visibility::Scope};

use crate::Asker;

/// The question of a reader.
#[derive(Debug, Clone)]
pub struct Wait {
    /// The asker in whose turn the tables are read, if they must be.
    pub asker: Asker,
    /// The reader; none for a visitor.
    pub reader: Option<UserId>,
    /// The events that they ask for.
    pub scope: Scope,
    /// The reader's place.
    pub after: After,
    /// Most events in the page, 1 to [`crate::limits::PAGE_EVENTS_MAX`].
    pub limit: usize,
}

/// The place of a reader.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum After {
    /// At the end, as it is now.
    Latest,
    /// At the beginning.
    Start,
    /// Where an earlier page ended.
    Cursor(Cursor),
}

/// The answer to a reader.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page {
    /// The reader's cursor is of no use: fetch afresh and go on from `cursor`.
    pub reset: Option<ResetReason>,
    /// Events, oldest first.
    pub news: Vec<Arc<News>>,
    /// The cursor to go on from; newer than the one before also when there is no news.
    pub cursor: Cursor,
}

/// The result of a look that did not wait.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Glance {
    /// The answer to the reader; without news, if nothing happened.
    pub page: Page,
    /// How many lookups it took.
    pub lookups: usize,
}

/// The reason why a cursor is of no use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ResetReason {
    /// It is of another log.
    OtherLog,
    /// It is from a past that this log does not have: an older copy was put back.
    OtherPast,
    /// It is from beyond the log's end: the log was rolled back.
    BeyondTheEnd,
}

impl ResetReason {
    /// Returns the stable code.
    pub fn code(self) -> &'static str {
        match self {
            ResetReason::OtherLog => "other_log",
            ResetReason::OtherPast => "other_past",
            ResetReason::BeyondTheEnd => "beyond_the_end",
        }
    }
}
