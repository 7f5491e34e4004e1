//! From the log to the projection: the only writer of the tables.
//!
//! One batch after another: apply, remember in memory, wake the waiting room,
//! announce the position to the submits. The tables' readers see batches when
//! they are committed, and [`commits`](crate::commits) says when that is. It runs on a
//! thread of its own in production, and as a task in the simulation. `healing` handles
//! damaged tables.

mod catch_up;
mod clearing;
mod erasing;
mod healing;
mod joining;

use std::{
    ops::ControlFlow,
    pin::pin,
    sync::{Arc, RwLock},
};

use linger_core::{Command, Entry, Epoch, Outcome, Position, Projection, is_damage};
use tokio::{
    sync::{mpsc, watch},
    time::{Instant, sleep_until},
};

pub(crate) use erasing::Erasing;
pub(crate) use healing::TableFiles;

use crate::{
    call::Call,
    checkpoints::Checkpoints,
    commits::{Commits, Damage, RETRY_AFTER},
    follower::catch_up::CatchUp,
    health::{Health, Part},
    hub::Hub,
    log::{Log, ReadError},
    memory::Memory,
    metrics::Metrics,
    read_pool::Question,
    uploads::Uploads,
};

/// Applies the log. Owns the projection.
pub(crate) struct Follower {
    pub(crate) log: Arc<dyn Log>,
    pub(crate) projection: Projection,
    /// None: there is nothing to put in the projection's place.
    pub(crate) files: Option<TableFiles>,
    pub(crate) commits: Commits,
    /// None: commits make the checkpoints, because there is no file, or not yet.
    pub(crate) checkpoints: Option<Checkpoints>,
    pub(crate) damage: Damage,
    /// Questions that only the follower's connection can answer.
    pub(crate) questions: mpsc::Receiver<Question>,
    /// For its own tasks, which ask like others.
    pub(crate) ask: mpsc::Sender<Question>,
    /// None: no files lie in this node's folder.
    pub(crate) uploads: Option<Arc<Uploads>>,
    pub(crate) memory: Arc<RwLock<Memory>>,
    pub(crate) hub: Arc<Hub>,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) health: Arc<Health>,
    pub(crate) applied: watch::Sender<Position>,
    pub(crate) batch_max: usize,
    pub(crate) erasing: Erasing,
}

impl Follower {
    /// Follows the log until `stop` is dropped, or until the log has an entry
    /// that cannot be read. Leaves nothing uncommitted.
    pub(crate) async fn run(mut self, mut stop: watch::Receiver<()>) {
        self.join(&mut stop).await;
        self.follow(stop).await;
        // Entries that cannot be committed are applied again at the next start.
        let _ = self.commits.commit(&mut self.projection);
    }

    async fn follow(&mut self, mut stop: watch::Receiver<()>) {
        let mut tail = self.log.tail();
        let mut reports = self.damage.listen();
        let mut catch_up = CatchUp::begin(self.projection.applied(), *tail.borrow());
        // One for all sleeps, since a new one would be entered in the timers for each batch.
        let mut alarm = pin!(sleep_until(Instant::now()));
        let mut try_from = Instant::now();
        while stop.has_changed().is_ok() && !self.health.has_ended() {
            let (now, end) = (Instant::now(), *tail.borrow_and_update());
            let refused = self.log.take_refused();
            if !refused.is_empty() {
                self.hub.wake_annexes(Call::of_authors(refused));
            }
            if try_from <= now && self.heal().is_break() {
                try_from = now + RETRY_AFTER;
                continue;
            }
            let commit_at = self.commits.due(&self.projection);
            if commit_at.is_some_and(|at| at <= now) {
                self.commit();
                continue;
            }
            let has_more = self.projection.applied() < end;
            let step_at =
                (has_more && !self.commits.are_overdue(&self.projection)).then_some(try_from);
            if step_at.is_some_and(|at| at <= now) {
                if self.step(end).is_break() {
                    try_from = Instant::now() + RETRY_AFTER;
                }
                catch_up.tell(self.projection.applied(), end);
                continue;
            }
            // Notes from before the last ones are there only when all is applied again.
            let erase_at = self.erasing.due().filter(|_| !has_more && self.is_readable());
            if erase_at.is_some_and(|at| at <= now) {
                self.go_on_erasing();
                continue;
            }
            let heal_at = self.needs_healing().then_some(try_from);
            let wake_at = [commit_at, step_at, heal_at, erase_at];
            let wake_at = wake_at.into_iter().flatten().min();
            if let Some(at) = wake_at.filter(|at| alarm.deadline() != *at) {
                alarm.as_mut().reset(at);
            }
            // Everything that was announced is here again, so nobody reads less than before.
            let is_complete = self.projection.applied() >= *self.applied.borrow();
            tokio::select! {
                biased;
                _ = stop.changed() => return,
                Ok(()) = self.commits.wanted() => {}
                grown = tail.changed() => if grown.is_err() { return },
                Ok(()) = reports.changed() => {}
                is_done = self.erasing.answered() => self.note_answer(is_done),
                Some(question) = self.questions.recv(), if is_complete => {
                    self.answer(question);
                }
                () = &mut alarm, if wake_at.is_some() => {}
            }
        }
    }

    /// Answers a question from the tables as they are, committed or not.
    fn answer(&mut self, question: Question) {
        let settled = self.projection.settle();
        match settled {
            Ok(()) => question(self.projection.connection()),
            Err(error) => {
                self.commits.note(&self.projection);
                self.fail(&error);
            }
        }
    }

    /// Commits, and tells those who wait for it.
    fn commit(&mut self) {
        let committed = self.commits.commit(&mut self.projection);
        if let (Ok(()), Some(checkpoints)) = (&committed, &mut self.checkpoints) {
            checkpoints.look(self.projection.connection());
        }
        match committed {
            Ok(()) if self.is_readable() => {
                self.commits.announce(&self.projection);
                self.health.is_well(Part::Tables);
            }
            Ok(()) => {}
            Err(error) => self.fail(&error),
        }
    }

    /// Applies one batch. If it failed, breaks off: it is tried again later, unless the
    /// node ends.
    fn step(&mut self, end: Position) -> ControlFlow<()> {
        match self.try_step(end) {
            Ok(()) => return ControlFlow::Continue(()),
            Err(StepError::Log(ReadError::Entry(error))) => {
                // Waiting does not help, and skipping the entry would make the tables wrong.
                self.health.end(error.to_string());
            }
            Err(StepError::Log(ReadError::Database(error))) if is_damage(&error) => {
                let advice = "stop, and restore it from a backup";
                self.health.end(format!("log.db is damaged: {error}; {advice}"));
            }
            Err(StepError::Log(error)) => {
                self.health.is_ill(Part::Tables, format!("the log cannot be read: {error}"));
            }
            Err(StepError::Projection(error)) => self.fail(&error),
        }
        ControlFlow::Break(())
    }

    /// Takes note of an error of the tables. The entries that it undid are applied again.
    fn fail(&self, error: &rusqlite::Error) {
        match is_damage(error) {
            true => self.damage.report(self.damage.generation(), error),
            false => {
                let reason = format!("projection.db cannot be written: {error}");
                self.health.is_ill(Part::Tables, reason);
            }
        }
    }

    /// Applies one batch and tells everybody whom it concerns.
    fn try_step(&mut self, end: Position) -> Result<(), StepError> {
        let (begin, told) = (self.projection.applied(), *self.applied.borrow());
        // Entries that a rollback took back were announced already. They come first, and
        // alone, so that they can be committed whatever happens to the rest.
        let is_told = begin < told;
        let end = if is_told { told } else { end };
        let mut entries = self.log.read_after(begin, self.batch_max)?;
        // Entries that are not announced yet wait for their turn: no cursor may be beyond
        // the tail, or it would be answered with a reset.
        entries.truncate(entries.partition_point(|entry| entry.position <= end));
        assert!(!entries.is_empty(), "nothing after {begin}, and the tail is {end}");
        let outcomes = self.projection.go_on(&entries);
        self.commits.note(&self.projection);
        let outcomes = outcomes?;
        if is_told {
            return Ok(());
        }
        self.erasing.note(&entries, &outcomes);
        let epochs = begun_epochs(&entries, &outcomes);
        let positions = entries.iter().map(|entry| entry.position);
        let outcomes: Vec<_> = positions.zip(outcomes).collect();
        let news: Vec<_> =
            outcomes.iter().filter_map(|(_, outcome)| outcome.news().cloned()).collect();
        let applied = self.projection.applied();
        self.remember(outcomes, &epochs);
        self.metrics.projection_position.set(applied.get().cast_signed());
        let authors = entries.iter().filter_map(|entry| entry.draft.author.user());
        let call = Call::of(authors, news.iter().map(|news| &**news));
        self.hub.wake(call, &self.memory.read().expect("no holder of this lock panics").roster);
        self.applied.send_replace(applied);
        Ok(())
    }

    /// Puts the outcomes of a batch into memory, a part at a time: readers look there meanwhile.
    fn remember(&self, outcomes: Vec<(Position, Outcome)>, epochs: &[(Position, Epoch)]) {
        let memory = || self.memory.write().expect("no holder of this lock panics");
        memory().begin_epochs(epochs);
        let mut outcomes = outcomes.into_iter();
        while !memory().absorb(&mut outcomes) {}
    }
}

/// Returns the epochs that a batch has begun.
fn begun_epochs(entries: &[Entry], outcomes: &[Outcome]) -> Vec<(Position, Epoch)> {
    let begun = |(entry, outcome): (&Entry, &Outcome)| match (&entry.draft.command, outcome) {
        (Command::BeginEpoch { epoch }, Outcome::Accepted(_)) => Some((entry.position, *epoch)),
        _ => None,
    };
    entries.iter().zip(outcomes).filter_map(begun).collect()
}

/// Reasons why a batch could not be applied.
#[derive(Debug, thiserror::Error)]
enum StepError {
    #[error(transparent)]
    Log(#[from] ReadError),
    #[error(transparent)]
    Projection(#[from] rusqlite::Error),
}
