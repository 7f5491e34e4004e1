//! The place of a reader: known here, further on than this node has read, or in a past that
//! this log does not have.
//!
//! A node of a cluster may be behind another one, so a cursor beyond its tail is no lost one.
//! The log's end is asked for once, and what it had then is there for good (`ends`). A place
//! that nobody can say anything of is waited for, too: a reset only ends what is proven to be
//! of no use.

use std::{sync::MutexGuard, time::Duration};

use linger_core::{Cursor, Position};
use tokio::time::{Instant, timeout};

use super::{
    Node,
    ends::{Ends, Has},
};
use crate::{After, ResetReason, Unavailable, epochs::Known, memory::Memory};

/// A leader that is there answers in milliseconds.
pub(crate) const ANSWER_MAX: Duration = Duration::from_secs(1);
/// Between two questions for the same place.
const ASK_EVERY: Duration = Duration::from_secs(1);

/// A place, as far as it is known here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// The log has it; this node may be still to come to it.
    At(Position),
    /// Further on than this node has read. Only the cluster can say whether it is there.
    Perhaps(Position),
    /// Not in this log.
    Nowhere(ResetReason),
}

impl Node {
    /// Tells whether a reader may go on from this cursor, or would get a reset.
    pub fn knows(&self, cursor: Cursor) -> bool {
        !matches!(self.place(After::Cursor(cursor)), Place::Nowhere(_))
    }

    /// Tells whether this node has not read as far yet as the one that gave this cursor: what
    /// that one knows may be unknown here.
    pub fn is_behind(&self, cursor: Cursor) -> bool {
        self.knows(cursor) && cursor.position > self.memory().applied()
    }

    /// Waits until this node has read as far as this cursor.
    ///
    /// Errors: [`Unavailable::Behind`], it takes longer than this.
    pub async fn catch_up_with(
        &self,
        cursor: Cursor,
        patience: Duration,
    ) -> Result<(), Unavailable> {
        let mut applied = self.applied.clone();
        let reached = applied.wait_for(|applied| *applied >= cursor.position);
        timeout(patience, reached).await.ok().and_then(Result::ok).ok_or(Unavailable::Behind)?;
        Ok(())
    }

    /// Waits until this node knows all that any node had acknowledged when this was called.
    ///
    /// Errors: [`Unavailable::Behind`], it takes too long, or nobody can say.
    pub(super) async fn catch_up(&self) -> Result<(), Unavailable> {
        if !self.log.is_shared() {
            return Ok(());
        }
        let end = self.end().await.ok_or(Unavailable::Behind)?;
        let mut applied = self.applied.clone();
        let reached = applied.wait_for(|applied| *applied >= end);
        let reached = timeout(self.limits.submit_timeout, reached).await;
        reached.ok().and_then(Result::ok).ok_or(Unavailable::Behind)?;
        Ok(())
    }

    /// Returns a place, as far as it is known without asking.
    pub(super) fn place(&self, after: After) -> Place {
        match after {
            After::Latest => Place::At(self.memory().applied()),
            After::Start => Place::At(Position::START),
            After::Cursor(cursor) => self.place_of(cursor),
        }
    }

    /// Returns a place, and asks for it until the deadline if need be. Where nobody can say,
    /// its reader waits there.
    ///
    /// Errors: it comes from another log, or from a past that this log does not have.
    pub(super) async fn find_out(
        &self,
        after: After,
        deadline: Instant,
    ) -> Result<Position, ResetReason> {
        let came = Instant::now();
        loop {
            let position = match self.place(after) {
                Place::At(position) => return Ok(position),
                Place::Nowhere(reset) => return Err(reset),
                Place::Perhaps(position) => position,
            };
            if let Some(end) = self.end().await {
                let has = self.ends().note(end, position, Instant::now().into_std());
                match has {
                    Has::Yes => continue,
                    Has::Hardly => {
                        self.prove_end().await;
                        if self.ends().lacked(position, came.into_std()) {
                            return Err(ResetReason::BeyondTheEnd);
                        }
                    }
                    Has::Perhaps => {}
                }
            }
            if self.is_closing() || Instant::now() + ASK_EVERY > deadline {
                return Ok(position);
            }
            let mut applied = self.applied.clone();
            // Whether it came to it or not, it looks again.
            let _ = timeout(ASK_EVERY, applied.wait_for(|applied| *applied >= position)).await;
        }
    }

    /// Returns the cursor with which a reader goes on: their own, while they are further than
    /// this node.
    pub(super) fn cursor_at(&self, memory: &Memory, after: After, upto: Position) -> Cursor {
        match after {
            After::Cursor(own) if upto > memory.applied() => own,
            _ => memory.cursor(self.log.id(), upto),
        }
    }

    /// Has the end proven, unless that was done a moment ago, or nobody can.
    async fn prove_end(&self) {
        let now = Instant::now().into_std();
        if self.ends().may_prove(now)
            && let Ok(Ok(end)) = timeout(ANSWER_MAX, self.log.prove_end()).await
        {
            self.ends().note_proof(end, now);
        }
    }

    fn ends(&self) -> MutexGuard<'_, Ends> {
        self.ends.lock().expect("no holder of this lock panics")
    }

    async fn end(&self) -> Option<Position> {
        timeout(ANSWER_MAX, self.log.ask_end()).await.ok()?.ok()
    }

    fn place_of(&self, cursor: Cursor) -> Place {
        let Cursor { log, epoch, position } = cursor;
        if log != self.log.id() {
            return Place::Nowhere(ResetReason::OtherLog);
        }
        let memory = self.memory();
        let is_applied = position <= memory.applied();
        // A cursor without an epoch is older than epochs, and is accepted as it is. Until
        // the log is applied, an unknown epoch may still come; and to a node that is behind,
        // up to the cursor's place.
        let epoch = epoch.filter(|_| self.is_open());
        match epoch.map(|epoch| memory.epochs.find(epoch)) {
            Some(Known::No) if is_applied || !self.log.is_shared() => {
                return Place::Nowhere(ResetReason::OtherPast);
            }
            Some(Known::Ended(end)) if position > end => {
                return Place::Nowhere(ResetReason::OtherPast);
            }
            Some(Known::No | Known::Ended(_) | Known::Lasts) | None => {}
        }
        // An applied position is not beyond the end; mostly that is enough to know.
        if is_applied || position <= *self.log.tail().borrow() {
            return Place::At(position);
        }
        if !self.log.is_shared() {
            return Place::Nowhere(ResetReason::BeyondTheEnd);
        }
        match self.ends().has(position) {
            Has::Yes => Place::At(position),
            Has::Perhaps | Has::Hardly => Place::Perhaps(position),
        }
    }
}
