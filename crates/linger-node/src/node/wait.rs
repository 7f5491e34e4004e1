//! Wait: the one way that news travels. Enter the waiting room, look, and sleep
//! until called.
//!
//! A reader in an annex does the same in pieces, with [`super::NonBlocking`]. Whether a
//! cursor is of this log's past, or of a place that this node is still to come to, is
//! decided in `places`.

use std::{
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use linger_core::{
    Position,
    feed::{self, PageMax},
    queries,
};
use tokio::time::Instant;

use super::{Node, places::Place};
use crate::{Page, ResetReason, Unavailable, Wait, limits::PAGE_BYTES_MAX, memory::Look};

impl Node {
    /// Returns the events after the reader's place, waiting for some until
    /// `deadline`; a deadline in the past is a short poll. A reader from a node that has read
    /// further waits until this one has, and else gets an empty page with their own cursor.
    ///
    /// Errors: [`Unavailable::Overloaded`] when too many wait already.
    pub async fn wait(&self, wait: Wait, deadline: Instant) -> Result<Page, Unavailable> {
        let mut after = match self.find_out(wait.after, deadline).await {
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
            // Once this node has read so far, it knows which past that is of.
            if let Place::Nowhere(reset) = self.place(wait.after) {
                return Ok(self.reset(reset));
            }
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
            let cursor = self.cursor_at(&self.memory(), wait.after, look.upto);
            return Ok(Page { reset: None, cursor, news: look.news });
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
