//! What readers ask for, and what they are told: the question and the answer of
//! [`crate::Node::wait`].

use std::sync::Arc;

use linger_core::{Cursor, News, UserId, visibility::Scope};

use crate::Asker;

/// What a reader waits for.
#[derive(Debug, Clone, Copy)]
pub struct Wait {
    /// In whose turn the tables are read, if they must be.
    pub asker: Asker,
    /// Who reads; none for a visitor.
    pub reader: Option<UserId>,
    /// Which events.
    pub scope: Scope,
    /// Where the reader is.
    pub after: After,
    /// Most events in the page, 1 to [`crate::limits::PAGE_EVENTS_MAX`].
    pub limit: usize,
}

/// Where a reader is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum After {
    /// At the end, as it is now.
    Latest,
    /// At the beginning.
    Start,
    /// Where an earlier page ended.
    Cursor(Cursor),
}

/// What a reader is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page {
    /// The reader's cursor is of no use: fetch afresh and go on from `cursor`.
    pub reset: Option<ResetReason>,
    /// What happened, oldest first.
    pub news: Vec<Arc<News>>,
    /// Where to go on; newer than the one before also when there is no news.
    pub cursor: Cursor,
}

/// What a look found that did not wait.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Glance {
    /// What the reader is told; nothing, if nothing happened.
    pub page: Page,
    /// How many lookups it took.
    pub lookups: usize,
}

/// Why a cursor is of no use.
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
