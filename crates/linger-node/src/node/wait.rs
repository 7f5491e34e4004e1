//! Wait: the one way that news travels. Enter the waiting room, look, and sleep
//! until called.
//!
//! A reader in an annex does the same in pieces: it enters there, looks with
//! [`Node::glance`], and is called by what [`Node::spread`] finds.

use std::{
    sync::{Arc, Weak, atomic::Ordering},
    time::Duration,
};

use linger_core::{Cursor, Position, feed, queries};
use tokio::time::Instant;

use super::Node;
use crate::{
    After, Annex, Awaited, Call, Page, ResetReason, Unavailable, Wait, WaitLists, epochs::Known,
    memory::Look,
};

impl Node {
    /// Returns the events after where the reader is, waiting for some until
    /// `deadline`; a deadline in the past is a short poll.
    ///
    /// Errors: [`Unavailable::Overloaded`] when too many wait already.
    pub async fn wait(&self, wait: Wait, deadline: Instant) -> Result<Page, Unavailable> {
        let mut after = match self.resolve(wait.after) {
            Ok(position) => position,
            Err(reset) => return Ok(self.reset(reset)),
        };
        let is_held = deadline > Instant::now();
        loop {
            // Enter before looking: what is applied in between must not be missed.
            let ticket = match is_held {
                true => self.hub.enter(wait.scope).map_err(|_| Unavailable::Overloaded)?,
                false => None,
            };
            let mut look = self.look(wait, after).await?;
            after = look.upto;
            if let Some(ticket) = ticket.filter(|_| look.news.is_empty()) {
                if ticket.called_before(deadline).await {
                    continue;
                }
                // Nobody called, but other rooms went on: who reads a quiet one
                // gets a cursor that memory still reaches back to.
                look =
                    self.memory().look(wait.reader, wait.scope, after, wait.limit).unwrap_or(look);
            }
            self.metrics.deliveries.inc_by(look.news.len() as u64);
            return Ok(Page { reset: None, cursor: self.cursor(look.upto), news: look.news });
        }
    }

    /// Looks for what [`Node::wait`] would answer at once, without waiting and in
    /// memory only: a page without news means that there is none yet. None when
    /// there may be some further back than memory reaches; `wait` knows then.
    ///
    /// For an [`Annex`], which counts by itself what it delivers
    /// ([`Node::count`]).
    pub fn glance(&self, wait: &Wait) -> Option<Page> {
        let after = match self.resolve(wait.after) {
            Ok(position) => position,
            Err(reset) => return Some(self.reset(reset)),
        };
        let memory = self.memory();
        let look = memory.look(wait.reader, wait.scope, after, wait.limit)?;
        let cursor = memory.cursor(self.log.id(), look.upto);
        Some(Page { reset: None, cursor, news: look.news })
    }

    /// Tells whether [`Node::glance`] would find out whether there is news: the
    /// reader's place is known, and memory reaches back to it.
    pub fn can_glance(&self, wait: &Wait) -> bool {
        let after = self.resolve(wait.after);
        after.is_ok_and(|after| self.memory().reaches(wait.reader, wait.scope, after))
    }

    /// Tells whether [`Node::glance`] would find more than so many bytes of events.
    /// Costs a look, and nothing is copied.
    pub fn would_find_more_than(&self, bytes: usize, wait: &Wait) -> bool {
        let Ok(after) = self.resolve(wait.after) else { return false };
        self.memory().finds_more_than(bytes, wait.reader, wait.scope, after, wait.limit)
    }

    /// Calls, counts and closes the readers of this waiting room together with the
    /// node's own, until it is dropped.
    pub fn attach(&self, annex: Weak<dyn Annex>) {
        self.hub.attach(annex);
    }

    /// Finds whom a call concerns among those who wait in an annex. Some may come
    /// twice.
    pub fn spread(&self, call: &Call, lists: &impl WaitLists, visit: impl FnMut(Awaited)) {
        call.spread(&self.memory().roster, lists, visit);
    }

    /// Counts readers who were called in an annex, and events handed to them.
    pub fn count(&self, wakes: u64, deliveries: u64) {
        self.metrics.wakes.inc_by(wakes);
        self.metrics.deliveries.inc_by(deliveries);
    }

    fn reset(&self, reset: ResetReason) -> Page {
        Page { reset: Some(reset), news: Vec::new(), cursor: self.latest() }
    }

    /// Looks in memory, or in the tables when that is not far enough back.
    async fn look(&self, wait: Wait, after: Position) -> Result<Look, Unavailable> {
        let Wait { reader, scope, limit, .. } = wait;
        if let Some(look) = self.memory().look(reader, scope, after, limit) {
            return Ok(look);
        }
        let read = self.ask_tables(move |connection| {
            // One moment: a join between the two reads would be passed over.
            let _moment = queries::moment(connection)?;
            let stays = reader.map(|user| queries::stays_of(connection, user)).transpose()?;
            feed::read(connection, scope, &stays.unwrap_or_default(), after, limit)
        });
        let read = read.await?;
        Ok(Look { news: read.news.into_iter().map(Arc::new).collect(), upto: read.upto })
    }

    /// Tells whether a reader may go on from this cursor, or would get a reset.
    pub fn knows(&self, cursor: Cursor) -> bool {
        self.resolve(After::Cursor(cursor)).is_ok()
    }

    fn resolve(&self, after: After) -> Result<Position, ResetReason> {
        match after {
            After::Latest => Ok(self.memory().applied()),
            After::Start => Ok(Position::START),
            After::Cursor(cursor) => self.check(cursor).map(|()| cursor.position),
        }
    }

    /// Errors: it comes from another log, or from a past that this log does not have.
    fn check(&self, cursor: Cursor) -> Result<(), ResetReason> {
        if cursor.log != self.log.id() {
            return Err(ResetReason::OtherLog);
        }
        let memory = self.memory();
        // Without an epoch it is from before there were any, and taken as it is. Before
        // the log is applied, no epoch can be told from one that is to come.
        let epoch = cursor.epoch.filter(|_| self.is_open());
        match epoch.map(|epoch| memory.epochs.find(epoch)) {
            Some(Known::No) => return Err(ResetReason::OtherPast),
            Some(Known::Ended(end)) if cursor.position > end => return Err(ResetReason::OtherPast),
            Some(Known::Ended(_) | Known::Lasts) | None => {}
        }
        // What is applied is not beyond the end; mostly that is enough to know.
        let is_beyond =
            cursor.position > memory.applied() && cursor.position > *self.log.tail().borrow();
        if is_beyond { Err(ResetReason::BeyondTheEnd) } else { Ok(()) }
    }

    /// Returns the moment until which to hold a reader who is ready to wait this
    /// long: up to a tenth less, spread evenly, so that those who came together do
    /// not come back together.
    pub fn deadline(&self, wait: Duration) -> Instant {
        /// The golden ratio, of 2^64: its multiples fill a circle evenly, however
        /// many there are.
        const STEP: u64 = 0x9e37_79b9_7f4a_7c15;
        let turn = self.deadlines.fetch_add(1, Ordering::Relaxed).wrapping_mul(STEP);
        let part = (turn >> 32) as f64 / (1_u64 << 32) as f64;
        Instant::now() + wait.mul_f64(1.0 - part / 10.0)
    }

    /// Returns how many readers are held now.
    pub fn waiting(&self) -> usize {
        self.hub.waiting()
    }

    /// Answers all who wait, spread over `spread`, and holds nobody any more.
    pub async fn close(&self, spread: Duration) {
        self.hub.close(spread).await;
    }

    /// Tells whether the node holds nobody any more.
    pub fn is_closing(&self) -> bool {
        self.hub.is_closing()
    }
}
