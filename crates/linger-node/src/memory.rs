//! Recent events, in memory: the newest ones, encoded once and shared by
//! all readers, and the outcomes that submits come to read.
//!
//! The follower writes it, after each batch that it applied; a caught-up reader
//! looks only here, never in the tables. Bounded by count and by bytes; a look is
//! bounded in lookups where its caller cannot wait.

mod recent;

use std::{collections::VecDeque, sync::Arc};

use linger_core::{
    Cursor, Epoch, EventKind, LogId, News, Outcome, Position, Rejection, UserId,
    visibility::{Scope, as_seen},
};
use recent::{Recent, Way};

use crate::{Limits, epochs::Epochs, limits::PAGE_BYTES_MAX, roster::Roster};

/// The newest events and outcomes, all of the same moment.
pub(crate) struct Memory {
    /// The members of each room at that moment, and the events that are forgotten.
    pub(crate) roster: Roster,
    /// The log's epochs.
    pub(crate) epochs: Epochs,
    applied: Position,
    /// Every event after this one is in `recent`.
    floor: Position,
    recent: Recent,
    outcomes: VecDeque<(Position, Effect)>,
    events_max: usize,
    bytes_max: usize,
    outcomes_max: usize,
}

/// The effect of an entry. The event itself is among the recent ones, or in the tables.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Effect {
    /// It took effect, and left no event.
    Accepted,
    /// It took effect, and left an event.
    LeftEvent,
    /// It did before, there.
    Repeated(Position),
    /// It had none.
    Rejected(Rejection),
}

/// Events, and how far one has read with them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Look {
    /// Events that the reader may see, oldest first.
    pub(crate) news: Vec<Arc<News>>,
    /// Where to go on.
    pub(crate) upto: Position,
    /// How many lookups it took.
    pub(crate) lookups: usize,
}

/// The findings of a look so far.
struct Found {
    news: Vec<Arc<News>>,
    bytes: usize,
    limit: usize,
    bytes_max: usize,
    is_full: bool,
}

impl Found {
    fn new(limit: usize, bytes_max: usize) -> Found {
        Found { news: Vec::new(), bytes: 0, limit, bytes_max, is_full: limit == 0 }
    }

    fn has_room(&self) -> bool {
        !self.is_full
    }

    /// Takes an event, unless it is too large for the bytes that are left.
    fn take(&mut self, news: &Arc<News>) {
        self.bytes += news.json.len();
        if self.bytes > self.bytes_max && !self.news.is_empty() {
            self.is_full = true;
            return;
        }
        self.news.push(news.clone());
        self.is_full = self.news.len() == self.limit;
    }
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
            recent: Recent::default(),
            outcomes: VecDeque::new(),
            events_max: limits.recent_events_max,
            bytes_max: limits.recent_bytes_max,
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

    /// Takes in the epochs that a batch has begun. Called by the follower, before what
    /// the batch did.
    pub(crate) fn begin_epochs(&mut self, epochs: &[(Position, Epoch)]) {
        self.epochs.extend(epochs);
    }

    /// Takes in what a batch did, in order, until that took so many lookups that others
    /// should have a turn. Called by the follower. Tells whether that was all.
    pub(crate) fn absorb(
        &mut self,
        outcomes: &mut impl Iterator<Item = (Position, Outcome)>,
    ) -> bool {
        /// A millisecond or less. One event may take more: it is in no more rooms than
        /// its author.
        const LOOKUPS_MAX: usize = 4096;
        let (mut lookups, mut is_all) = (0, true);
        for (position, outcome) in outcomes {
            let effect = match outcome {
                Outcome::Accepted(Some(news)) => {
                    self.roster.fold(&news);
                    if let (EventKind::MessageDeleted { message }, Some(room)) =
                        (&news.event.kind, news.room_id())
                    {
                        lookups += self.recent.forget_text(room, message.id);
                    }
                    lookups += self.recent.push(news);
                    Effect::LeftEvent
                }
                Outcome::Accepted(None) => Effect::Accepted,
                Outcome::Repeated { first } => Effect::Repeated(first),
                Outcome::Rejected(rejection) => Effect::Rejected(rejection),
            };
            self.outcomes.push_back((position, effect));
            self.applied = position;
            if lookups >= LOOKUPS_MAX {
                is_all = false;
                break;
            }
        }
        while let Some(oldest) = self.recent.pop_over(self.events_max, self.bytes_max) {
            self.floor = oldest.position();
            self.roster.forget(&oldest);
        }
        let excess = self.outcomes.len().saturating_sub(self.outcomes_max);
        self.outcomes.drain(..excess);
        is_all
    }

    /// Returns what a reader sees after `after`, or none when some of it may be
    /// forgotten, or when to find out takes more than `lookups_max`.
    pub(crate) fn look(
        &self,
        reader: Option<UserId>,
        scope: &Scope,
        after: Position,
        limit: usize,
        lookups_max: usize,
    ) -> Option<Look> {
        let way = self.way(reader, scope, after, lookups_max)?;
        let mut found = Found::new(limit, PAGE_BYTES_MAX);
        let stays = self.roster.stays(reader);
        self.recent.look(way, scope, stays, after, &mut found);
        for news in found.news.iter_mut().filter(|news| news.is_narrow) {
            // Where that is forgotten, the tables know it.
            let is_covered = |room, position| stays.covers(room, position).ok_or(());
            if let Some(narrowed) = as_seen(news, is_covered).ok()? {
                *news = Arc::new(narrowed);
            }
        }
        let upto = match found.news.last() {
            Some(last) if found.is_full => last.position(),
            _ => self.applied.max(after),
        };
        let lookups = way.lookups() + found.news.len();
        Some(Look { news: found.news, upto, lookups })
    }

    /// Returns how to look; none where not everything is here, or where it takes too long.
    fn way(
        &self,
        reader: Option<UserId>,
        scope: &Scope,
        after: Position,
        lookups_max: usize,
    ) -> Option<Way> {
        let stays = self.roster.stays(reader);
        let way = self.recent.way(scope, stays, after);
        if way.lookups() > lookups_max {
            return None;
        }
        if after >= self.floor {
            return Some(way);
        }
        // Of a quiet room in a busy house nothing is forgotten.
        let is_here = || self.roster.remembers(reader, scope, after);
        (stays.len() <= lookups_max && is_here()).then_some(way)
    }

    /// Returns what the entry at `position` did, while that is remembered.
    pub(crate) fn outcome(&self, position: Position) -> Option<Effect> {
        // Positions have no gaps, unless a log makes some.
        let (first, _) = self.outcomes.front()?;
        let guess = usize::try_from(position.get().checked_sub(first.get())?).ok()?;
        if let Some((_, effect)) = self.outcomes.get(guess).filter(|(at, _)| *at == position) {
            return Some(*effect);
        }
        let found = self.outcomes.binary_search_by_key(&position, |(at, _)| *at).ok()?;
        Some(self.outcomes[found].1)
    }

    /// Returns the event at `position`, while that is remembered.
    pub(crate) fn event(&self, position: Position) -> Option<&Arc<News>> {
        self.recent.at(position)
    }
}
