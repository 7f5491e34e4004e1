//! From the log to the projection: the only writer of the tables.
//!
//! One batch after another: apply, remember in memory, wake the waiting room,
//! announce the position to the submits. The tables' readers see batches when
//! they are committed, and [`commits`](crate::commits) says when that is. On a
//! thread of its own in production; as a task in the simulation.

use std::{
    ops::ControlFlow,
    pin::pin,
    sync::{Arc, RwLock},
};

use linger_core::{Position, Projection};
use tokio::{
    sync::watch,
    time::{Duration, Instant, sleep_until},
};

use crate::{
    call::Call,
    commits::{Commits, RETRY_AFTER},
    hub::Hub,
    log::{Log, ReadError},
    memory::Memory,
    metrics::Metrics,
};

/// How often a long catch-up says how far it is.
const PROGRESS_EVERY: Duration = Duration::from_secs(2);

/// Applies the log. Owns the projection.
pub(crate) struct Follower {
    pub(crate) log: Arc<dyn Log>,
    pub(crate) projection: Projection,
    pub(crate) commits: Commits,
    pub(crate) memory: Arc<RwLock<Memory>>,
    pub(crate) hub: Arc<Hub>,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) applied: watch::Sender<Position>,
    pub(crate) batch_max: usize,
}

impl Follower {
    /// Follows the log until `stop` is dropped, or until the log has an entry
    /// that cannot be read. Leaves nothing uncommitted.
    pub(crate) async fn run(mut self, stop: watch::Receiver<()>) {
        self.follow(stop).await;
        self.commits.commit(&mut self.projection);
    }

    async fn follow(&mut self, mut stop: watch::Receiver<()>) {
        let mut tail = self.log.tail();
        let mut progress = Progress::begin(self.projection.applied(), *tail.borrow());
        // One for all sleeps: a new one would be entered in the timers for each batch.
        let mut alarm = pin!(sleep_until(Instant::now()));
        let mut try_from = Instant::now();
        while stop.has_changed().is_ok() {
            let (now, end) = (Instant::now(), *tail.borrow_and_update());
            let commit_at = self.commits.due(&self.projection);
            if commit_at.is_some_and(|at| at <= now) {
                self.commits.commit(&mut self.projection);
                continue;
            }
            let has_more = self.projection.applied() < end;
            let step_at =
                (has_more && !self.commits.are_overdue(&self.projection)).then_some(try_from);
            if step_at.is_some_and(|at| at <= now) {
                if self.try_step(end, &mut try_from).is_break() {
                    return;
                }
                progress.tell(self.projection.applied(), end);
                continue;
            }
            let wake_at = commit_at.into_iter().chain(step_at).min();
            if let Some(at) = wake_at.filter(|at| alarm.deadline() != *at) {
                alarm.as_mut().reset(at);
            }
            tokio::select! {
                biased;
                _ = stop.changed() => return,
                Ok(()) = self.commits.wanted() => {}
                grown = tail.changed() => if grown.is_err() { return },
                () = &mut alarm, if wake_at.is_some() => {}
            }
        }
    }

    /// Applies one batch; one that fails is tried again from `try_from` on. Breaks
    /// off when that would not help.
    fn try_step(&mut self, end: Position, try_from: &mut Instant) -> ControlFlow<()> {
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
                *try_from = Instant::now() + RETRY_AFTER;
            }
        }
        ControlFlow::Continue(())
    }

    /// Applies one batch and tells everybody whom it concerns.
    fn step(&mut self, end: Position) -> Result<(), StepError> {
        let (begin, told) = (self.projection.applied(), *self.applied.borrow());
        // What a rollback took back was told already. It comes first, and alone, so
        // that it can be committed whatever becomes of the rest.
        let is_told = begin < told;
        let end = if is_told { told } else { end };
        let mut entries = self.log.read_after(begin, self.batch_max)?;
        // What is not announced yet waits for its turn: no cursor may be beyond
        // the tail, or it would be answered with a reset.
        entries.truncate(entries.partition_point(|entry| entry.position <= end));
        assert!(!entries.is_empty(), "nothing after {begin}, and the tail is {end}");
        let outcomes = self.projection.apply(&entries);
        self.commits.note(&self.projection);
        let outcomes = outcomes?;
        if is_told {
            return Ok(());
        }
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

/// Says how far it is when that takes long.
struct Progress {
    /// Where it was at the start, and where it is to go; none once it is there.
    start: Option<(Position, Position, Instant)>,
    said: Option<Instant>,
}

impl Progress {
    fn begin(applied: Position, end: Position) -> Progress {
        let start = (applied < end).then(|| (applied, end, Instant::now()));
        Progress { start, said: None }
    }

    fn tell(&mut self, applied: Position, end: Position) {
        if let Some((begin, end, started)) = self.start.take_if(|(_, end, _)| applied >= *end) {
            let entries = end.get() - begin.get();
            tracing::info!(entries, ms = started.elapsed().as_millis(), "applied the log");
        }
        if applied >= end {
            self.said = None;
            return;
        }
        let said = self.said.get_or_insert_with(Instant::now);
        if said.elapsed() >= PROGRESS_EVERY {
            *said = Instant::now();
            tracing::info!(%applied, tail = %end, "applying the log: {} %", applied.get() * 100 / end.get());
        }
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
