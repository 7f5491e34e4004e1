//! What just happened, in memory: the newest events, encoded once and shared by
//! all readers, and the outcomes that submits come to read.
//!
//! The follower writes it, after each batch that it applied; a caught-up reader
//! looks only here, never in the tables. Bounded by count and by bytes.

use std::{collections::VecDeque, sync::Arc};

use linger_core::{
    Cursor, Epoch, LogId, News, Outcome, Position, UserId,
    visibility::{Scope, can_see},
};

use crate::{Limits, epochs::Epochs, limits::PAGE_BYTES_MAX, roster::Roster};

/// The newest events and outcomes, all of the same moment.
pub(crate) struct Memory {
    /// Who is in which room, at that moment, and what is forgotten of it.
    pub(crate) roster: Roster,
    /// The log's epochs.
    pub(crate) epochs: Epochs,
    applied: Position,
    /// Every event after this one is in `news`.
    floor: Position,
    news: VecDeque<Arc<News>>,
    news_bytes: usize,
    outcomes: VecDeque<(Position, Outcome)>,
    news_max: usize,
    news_bytes_max: usize,
    outcomes_max: usize,
}

/// Events, and how far one has read with them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Look {
    /// What the reader may see, oldest first.
    pub(crate) news: Vec<Arc<News>>,
    /// Where to go on.
    pub(crate) upto: Position,
}

impl Memory {
    /// Begins with nothing after `applied`.
    pub(crate) fn new(
        roster: Roster,
        epochs: Vec<(Position, Epoch)>,
        applied: Position,
        limits: &Limits,
    ) -> Memory {
        Memory {
            roster,
            epochs: Epochs::new(epochs),
            applied,
            floor: applied,
            news: VecDeque::new(),
            news_bytes: 0,
            outcomes: VecDeque::new(),
            news_max: limits.recent_events_max,
            news_bytes_max: limits.recent_bytes_max,
            outcomes_max: limits.outcomes_max,
        }
    }

    /// Returns the last position that was applied.
    pub(crate) fn applied(&self) -> Position {
        self.applied
    }

    /// Returns a position as a cursor of its log.
    pub(crate) fn cursor(&self, log: LogId, position: Position) -> Cursor {
        Cursor { log, epoch: self.epochs.of(position), position }
    }

    /// Takes in what a batch did. Called by the follower, in order.
    pub(crate) fn absorb(
        &mut self,
        outcomes: Vec<(Position, Outcome)>,
        epochs: &[(Position, Epoch)],
    ) {
        self.epochs.extend(epochs);
        for (position, outcome) in outcomes {
            if let Outcome::Accepted(Some(news)) = &outcome {
                self.roster.fold(news);
                self.news_bytes += weight(news);
                self.news.push_back(news.clone());
            }
            self.outcomes.push_back((position, outcome));
            self.applied = position;
        }
        while self.news.len() > self.news_max || self.news_bytes > self.news_bytes_max {
            let oldest = self.news.pop_front().expect("what is over its bound is not empty");
            self.news_bytes -= weight(&oldest);
            self.floor = oldest.position();
            self.roster.forget(&oldest);
        }
        let excess = self.outcomes.len().saturating_sub(self.outcomes_max);
        self.outcomes.drain(..excess);
    }

    /// Returns what a reader sees after `after`, or none when some of it may be
    /// forgotten.
    pub(crate) fn look(
        &self,
        reader: Option<UserId>,
        scope: Scope,
        after: Position,
        limit: usize,
    ) -> Option<Look> {
        // Of a quiet room in a busy house nothing is forgotten.
        if !self.reaches(reader, scope, after) {
            return None;
        }
        let begin = self.begin_after(after);
        let stays = self.roster.stays(reader);
        let mut seen = Look { news: Vec::new(), upto: self.applied.max(after) };
        let mut bytes = 0;
        for news in self.news.range(begin..) {
            if !can_see(scope, stays, news) {
                continue;
            }
            bytes += news.json.len();
            if bytes > PAGE_BYTES_MAX && !seen.news.is_empty() {
                seen.upto = seen.news[seen.news.len() - 1].position();
                break;
            }
            seen.news.push(news.clone());
            if seen.news.len() == limit {
                seen.upto = news.position();
                break;
            }
        }
        Some(seen)
    }

    /// Returns the place of the first event after `after`: mostly the end, or near it.
    fn begin_after(&self, after: Position) -> usize {
        const NEAR: usize = 8;
        let end = self.news.len();
        for place in (end.saturating_sub(NEAR)..end).rev() {
            if self.news[place].position() <= after {
                return place + 1;
            }
        }
        self.news.partition_point(|news| news.position() <= after)
    }

    /// Tells whether [`Memory::look`] would find anything out.
    pub(crate) fn reaches(&self, reader: Option<UserId>, scope: Scope, after: Position) -> bool {
        after >= self.floor || self.roster.remembers(reader, scope, after)
    }

    /// Returns what the entry at `position` did, while that is remembered.
    pub(crate) fn outcome(&self, position: Position) -> Option<&Outcome> {
        let found =
            self.outcomes.binary_search_by_key(&position, |(position, _)| *position).ok()?;
        Some(&self.outcomes[found].1)
    }
}

/// About what an event takes in memory.
fn weight(news: &News) -> usize {
    2 * news.json.len() + size_of::<News>()
}
