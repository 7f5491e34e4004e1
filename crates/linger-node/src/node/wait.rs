//! Wait: the one way that news travels. Enter the waiting room, look, and sleep
//! until called.
//!
//! A reader in an annex does the same in pieces, with [`super::NonBlocking`].

use std::{
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use linger_core::{
    Cursor, Position,
    feed::{self, PageMax},
    queries,
};
use tokio::time::Instant;

use super::Node;
use crate::{
    After, Page, ResetReason, Unavailable, Wait, epochs::Known, limits::PAGE_BYTES_MAX,
    memory::Look,
};

impl Node {
    /// Returns the events after the reader's place, waiting for some until
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
            // Enter before looking: an event applied in between must not be missed.
            let ticket = match is_held {
                true => self.hub.enter(&wait.scope).map_err(|_| Unavailable::Overloaded)?,
                false => None,
            };
            let mut look = self.look(&wait, after).await?;
            after = look.upto;
            if let Some(ticket) = ticket.filter(|_| look.news.is_empty()) {
                if ticket.called_before(deadline).await {
                    continue;
                }
                // Nobody called, but other rooms went on. The reader of a quiet room gets a
                // cursor from now, which memory still reaches back to.
                look = self.look_in_memory(&wait, after).unwrap_or(look);
            }
            self.metrics.deliveries.inc_by(look.news.len() as u64);
            return Ok(Page { reset: None, cursor: self.cursor(look.upto), news: look.news });
        }
    }

    pub(super) fn reset(&self, reset: ResetReason) -> Page {
        Page { reset: Some(reset), news: Vec::new(), cursor: self.latest() }
    }

    /// Looks in memory, or in the tables if memory does not reach back far enough.
    async fn look(&self, wait: &Wait, after: Position) -> Result<Look, Unavailable> {
        if let Some(look) = self.look_in_memory(wait, after) {
            return Ok(look);
        }
        let Wait { reader, limit, .. } = *wait;
        let scope = wait.scope.clone();
        let read = self.ask_tables(wait.asker, move |connection| {
            // One moment, because a join between the two reads would be passed over.
            let _moment = queries::moment(connection)?;
            let stays = queries::stays_after(connection, reader, &scope, after, limit)?;
            let max = PageMax { items: limit, bytes: PAGE_BYTES_MAX };
            feed::read(connection, &scope, &stays, after, max)
        });
        let read = read.await?;
        let news = read.news.into_iter().map(Arc::new).collect();
        Ok(Look { news, upto: read.upto, lookups: 0 })
    }

    fn look_in_memory(&self, wait: &Wait, after: Position) -> Option<Look> {
        self.memory().look(wait.reader, &wait.scope, after, wait.limit, usize::MAX)
    }

    /// Tells whether a reader may go on from this cursor, or would get a reset.
    pub fn knows(&self, cursor: Cursor) -> bool {
        self.resolve(After::Cursor(cursor)).is_ok()
    }

    pub(super) fn resolve(&self, after: After) -> Result<Position, ResetReason> {
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
        // A cursor without an epoch is older than epochs, and is accepted as it is. Until
        // the log is applied, an unknown epoch may still come.
        let epoch = cursor.epoch.filter(|_| self.is_open());
        match epoch.map(|epoch| memory.epochs.find(epoch)) {
            Some(Known::No) => return Err(ResetReason::OtherPast),
            Some(Known::Ended(end)) if cursor.position > end => return Err(ResetReason::OtherPast),
            Some(Known::Ended(_) | Known::Lasts) | None => {}
        }
        // An applied position is not beyond the end; mostly that is enough to know.
        let is_beyond =
            cursor.position > memory.applied() && cursor.position > *self.log.tail().borrow();
        if is_beyond { Err(ResetReason::BeyondTheEnd) } else { Ok(()) }
    }

    /// Returns the end of a hold that a reader asked for: up to a tenth earlier, spread
    /// evenly, so that readers who came together do not come back together.
    pub fn deadline(&self, wait: Duration) -> Instant {
        /// The golden ratio, of 2^64: its multiples fill a circle evenly, however
        /// many there are.
        const STEP: u64 = 0x9e37_79b9_7f4a_7c15;
        let turn = self.deadlines.fetch_add(1, Ordering::Relaxed).wrapping_mul(STEP);
        let part = (turn >> 32) as f64 / (1_u64 << 32) as f64;
        Instant::now() + wait.mul_f64(1.0 - part / 10.0)
    }
}
