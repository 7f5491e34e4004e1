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

use crate::{Limits, epochs::Epochs, roster::Roster};

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
        for news in self.news.range(begin..) {
            if !can_see(scope, stays, news) {
                continue;
            }
            seen.news.push(news.clone());
            if seen.news.len() == limit {
                seen.upto = news.position();
                break;
            }
        }
        Some(seen)
    }

    /// Returns the place of the first event after `after`. Each probe is a look at
    /// memory that is far away, and a reader looks for each poll.
    fn begin_after(&self, after: Position) -> usize {
        // A position has one event at most, and mostly it has one: it is none before
        // this place, and mostly it is this one.
        let behind = usize::try_from(self.applied.get().saturating_sub(after.get()));
        let mut low = self.news.len().saturating_sub(behind.unwrap_or(usize::MAX));
        let is_after = |place: usize| self.news[place].position() > after;
        if low == self.news.len() || is_after(low) {
            return low;
        }
        let mut high = self.news.len();
        while low < high {
            let middle = low.midpoint(high);
            if is_after(middle) {
                high = middle;
            } else {
                low = middle + 1;
            }
        }
        low
    }

    /// Tells whether [`Memory::look`] would find anything out.
    pub(crate) fn reaches(&self, reader: Option<UserId>, scope: Scope, after: Position) -> bool {
        after >= self.floor || self.roster.remembers(reader, scope, after)
    }

    /// Tells whether a look would find more than so many bytes of events.
    pub(crate) fn finds_more_than(
        &self,
        bytes: usize,
        reader: Option<UserId>,
        scope: Scope,
        after: Position,
        limit: usize,
    ) -> bool {
        let stays = self.roster.stays(reader);
        let seen = self.news.range(self.begin_after(after)..);
        let mut left = bytes;
        for news in seen.filter(|news| can_see(scope, stays, news)).take(limit) {
            match left.checked_sub(news.json.len()) {
                Some(rest) => left = rest,
                None => return true,
            }
        }
        false
    }

    /// Returns what the entry at `position` did, while that is remembered.
    pub(crate) fn outcome(&self, position: Position) -> Option<&Outcome> {
        // Positions have no gaps, unless a log makes some.
        let (first, _) = self.outcomes.front()?;
        let guess = usize::try_from(position.get().checked_sub(first.get())?).ok()?;
        if let Some((_, outcome)) = self.outcomes.get(guess).filter(|(at, _)| *at == position) {
            return Some(outcome);
        }
        let found = self.outcomes.binary_search_by_key(&position, |(at, _)| *at).ok()?;
        Some(&self.outcomes[found].1)
    }
}

/// About what an event takes in memory.
fn weight(news: &News) -> usize {
    2 * news.json.len() + size_of::<News>()
}

#[cfg(test)]
mod tests {
    use linger_core::{Audience, Event, EventKind, Rejection, Timestamp, UserName};

    use super::*;

    fn renamed(position: Position) -> Outcome {
        let kind = EventKind::UserRenamed { old_name: UserName::parse("ann").unwrap() };
        let at = Timestamp::from_ms(0);
        let event = Event { position, number: None, room: None, at, by: None, kind };
        let audience = Audience::Person(UserId::new(Position::new(1)));
        Outcome::Accepted(Some(Arc::new(News { event, audience, json: "{}".into() })))
    }

    #[test]
    fn the_first_event_after_a_cursor_is_found_wherever_events_are_missing() {
        let limits = Limits { outcomes_max: 9, ..Limits::default() };
        for (case, left_event) in [
            ("each", [true; 12]),
            ("none", [false; 12]),
            ("every other", std::array::from_fn(|at| at % 2 == 0)),
            ("the first ones", std::array::from_fn(|at| at < 5)),
            ("the last ones", std::array::from_fn(|at| at > 7)),
        ] {
            let begin = Position::new(20);
            let mut memory = Memory::new(Roster::default(), Vec::new(), begin, &limits);
            let mut outcomes = Vec::new();
            for (position, has_event) in (21..).map(Position::new).zip(left_event) {
                let rejected = Outcome::Rejected(Rejection::NotAMember);
                outcomes.push((position, if has_event { renamed(position) } else { rejected }));
            }
            memory.absorb(outcomes.clone(), &[]);
            for after in (19..35).map(Position::new) {
                let expected = memory.news.iter().position(|news| news.position() > after);
                let expected = expected.unwrap_or(memory.news.len());
                assert_eq!(memory.begin_after(after), expected, "{case}, after {after}");
                let kept = outcomes.iter().skip(12 - 9).find(|(position, _)| *position == after);
                assert_eq!(memory.outcome(after), kept.map(|(_, outcome)| outcome), "{case}");
            }
        }
    }
}
