//! From the log to the projection: the only writer of the tables.
//!
//! One batch after another: apply in one transaction, remember in memory, wake
//! the waiting room, announce the position to the submits. On a thread of its
//! own in production; as a task in the simulation.

use std::{
    ops::ControlFlow,
    sync::{Arc, RwLock},
};

use linger_core::{Position, Projection};
use tokio::{
    sync::watch,
    time::{Duration, Instant},
};

use crate::{
    call::Call,
    hub::Hub,
    log::{Log, ReadError},
    memory::Memory,
    metrics::Metrics,
};

/// How often a long catch-up says how far it is.
const PROGRESS_EVERY: Duration = Duration::from_secs(2);
/// How long to wait before a batch that failed is tried again.
const RETRY_AFTER: Duration = Duration::from_secs(1);

/// Applies the log. Owns the projection.
pub(crate) struct Follower {
    pub(crate) log: Arc<dyn Log>,
    pub(crate) projection: Projection,
    pub(crate) memory: Arc<RwLock<Memory>>,
    pub(crate) hub: Arc<Hub>,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) applied: watch::Sender<Position>,
    pub(crate) batch_max: usize,
}

impl Follower {
    /// Follows the log until `stop` is dropped, or until the log has an entry
    /// that cannot be read.
    pub(crate) async fn run(mut self, mut stop: watch::Receiver<()>) {
        let mut tail = self.log.tail();
        let (begin, started) = (self.projection.applied(), Instant::now());
        let end = *tail.borrow_and_update();
        if self.catch_up(end, &mut stop).await.is_break() {
            return;
        }
        if end > begin {
            let entries = end.get() - begin.get();
            tracing::info!(entries, ms = started.elapsed().as_millis(), "applied the log");
        }
        loop {
            tokio::select! {
                biased;
                _ = stop.changed() => return,
                grown = tail.changed() => if grown.is_err() { return },
            }
            let end = *tail.borrow_and_update();
            if self.catch_up(end, &mut stop).await.is_break() {
                return;
            }
        }
    }

    /// Applies what the log has beyond the projection, up to `end`, and says how
    /// far it is when that takes long. Breaks off when it is stopped.
    async fn catch_up(&mut self, end: Position, stop: &mut watch::Receiver<()>) -> ControlFlow<()> {
        let mut said = Instant::now();
        while self.projection.applied() < end {
            if stop.has_changed().is_err() {
                return ControlFlow::Break(());
            }
            match self.step(end) {
                Ok(()) => {}
                Err(StepError::Log(ReadError::Entry(error))) => {
                    // To wait does not help, and to skip it would be a lie.
                    tracing::error!(%error, "the log cannot be applied any further");
                    return ControlFlow::Break(());
                }
                Err(error) => {
                    // Not lost: the log has it. Submits say "unknown" meanwhile.
                    tracing::error!(%error, "the log could not be applied; trying again");
                    tokio::select! {
                        biased;
                        _ = stop.changed() => return ControlFlow::Break(()),
                        () = tokio::time::sleep(RETRY_AFTER) => {}
                    }
                }
            }
            if said.elapsed() >= PROGRESS_EVERY {
                said = Instant::now();
                let applied = self.projection.applied();
                tracing::info!(%applied, tail = %end, "applying the log: {} %", applied.get() * 100 / end.get());
            }
        }
        ControlFlow::Continue(())
    }

    /// Applies one batch and tells everybody whom it concerns.
    fn step(&mut self, end: Position) -> Result<(), StepError> {
        let mut entries = self.log.read_after(self.projection.applied(), self.batch_max)?;
        // What is not announced yet waits for its turn: no cursor may be beyond
        // the tail, or it would be answered with a reset.
        entries.truncate(entries.partition_point(|entry| entry.position <= end));
        assert!(
            !entries.is_empty(),
            "nothing after {}, and the tail is {end}",
            self.projection.applied()
        );
        let outcomes = self.projection.apply(&entries)?;
        let positions = entries.iter().map(|entry| entry.position);
        let outcomes: Vec<_> = positions.zip(outcomes).collect();
        let news: Vec<_> =
            outcomes.iter().filter_map(|(_, outcome)| outcome.news().cloned()).collect();
        let applied = self.projection.applied();
        self.memory.write().expect("no holder of this lock panics").absorb(outcomes);
        self.metrics.projection_position.set(applied.get().cast_signed());
        {
            let memory = self.memory.read().expect("no holder of this lock panics");
            let authors = entries.iter().filter_map(|entry| entry.draft.author.user());
            let call = Call::of(authors, news.iter().map(|news| &**news), &memory.roster);
            self.hub.wake(call, &memory.roster);
        }
        self.applied.send_replace(applied);
        Ok(())
    }
}

/// Why a batch could not be applied.
#[derive(Debug, thiserror::Error)]
enum StepError {
    #[error(transparent)]
    Log(#[from] ReadError),
    #[error(transparent)]
    Projection(#[from] rusqlite::Error),
}
