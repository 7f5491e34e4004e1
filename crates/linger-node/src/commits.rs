//! When the follower commits, and how readers of the tables wait for that.
//!
//! Outcomes and news go out of memory as soon as a batch is applied; a commit is
//! for the tables' readers only. It comes when somebody is about to read something that
//! is not committed, else a short time after the first uncommitted batch. While commits
//! fail, on a full disk say, the follower itself answers readers: it sees all that it
//! applied.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use linger_core::{Position, Projection};
use tokio::{
    sync::watch,
    time::{Duration, Instant, timeout},
};

use crate::Limits;

/// The pause before another try after a failure.
pub(crate) const RETRY_AFTER: Duration = Duration::from_secs(1);

/// The follower's side.
pub(crate) struct Commits {
    state: watch::Sender<State>,
    wanted: watch::Receiver<Position>,
    /// When the first batch that is not committed was applied.
    since: Option<Instant>,
    /// After a commit that failed, none is tried before this.
    not_before: Instant,
    after: Duration,
    uncommitted_max: u64,
}

/// The readers' side.
pub(crate) struct Committed {
    state: watch::Receiver<State>,
    /// The position up to which somebody is about to read; never beyond what is announced.
    wanted: watch::Sender<Position>,
    patience: Duration,
}

/// How far the tables are that everybody reads.
#[derive(Debug, Clone, Copy)]
struct State {
    committed: Position,
    /// Commits fail just now.
    is_stuck: bool,
}

/// The place where applied entries can be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Readable {
    /// In the file.
    Everywhere,
    /// On the follower's own connection only.
    AtTheFollower,
    /// Not in the time that a submit may take, or the follower has ended.
    Nowhere,
}

/// Where readers report that the tables are damaged. Clones are the same place.
#[derive(Clone)]
pub(crate) struct Damage {
    generation: Arc<AtomicU64>,
    reported: watch::Sender<Option<(u64, String)>>,
}

/// Returns both sides. `is_new`: the projection is one that nobody can read yet.
pub(crate) fn commits(
    projection: &Projection,
    is_new: bool,
    limits: &Limits,
) -> (Commits, Committed) {
    let committed = if is_new { Position::START } else { projection.committed() };
    let (announce, state) = watch::channel(State { committed, is_stuck: false });
    let (want, wanted) = watch::channel(Position::START);
    let commits = Commits {
        state: announce,
        wanted,
        since: None,
        not_before: Instant::now(),
        after: limits.commit_after,
        uncommitted_max: limits.uncommitted_max,
    };
    (commits, Committed { state, wanted: want, patience: limits.submit_timeout })
}

impl Commits {
    /// Takes note of what a batch, or a failure, has changed.
    pub(crate) fn note(&mut self, projection: &Projection) {
        match projection.applied() > projection.committed() {
            true => _ = self.since.get_or_insert_with(Instant::now),
            false => self.since = None,
        }
    }

    /// Tells whether so much is uncommitted that nothing more may be applied.
    pub(crate) fn are_overdue(&self, projection: &Projection) -> bool {
        let uncommitted = projection.applied().get() - projection.committed().get();
        uncommitted >= self.uncommitted_max
    }

    /// Returns when to commit; none when everything is committed.
    pub(crate) fn due(&self, projection: &Projection) -> Option<Instant> {
        let since = self.since?;
        let wanted = *self.wanted.borrow();
        // After a rollback, the wanted entries may have to be applied again first.
        let is_wanted = wanted > projection.committed() && wanted <= projection.applied();
        let at = match is_wanted || self.are_overdue(projection) {
            true => since,
            false => since + self.after,
        };
        Some(at.max(self.not_before))
    }

    /// Waits until somebody wants a commit.
    pub(crate) async fn wanted(&mut self) -> Result<(), watch::error::RecvError> {
        self.wanted.changed().await
    }

    /// Commits. A commit that fails is due again later: the log has its entries.
    ///
    /// Errors: those of the database.
    pub(crate) fn commit(&mut self, projection: &mut Projection) -> rusqlite::Result<()> {
        let committed = projection.commit();
        if committed.is_err() {
            self.not_before = Instant::now() + RETRY_AFTER;
            self.state.send_modify(|state| state.is_stuck = true);
        }
        self.note(projection);
        committed
    }

    /// Tells the readers that the file has all that was committed.
    pub(crate) fn announce(&self, projection: &Projection) {
        let committed = projection.committed();
        self.state.send_replace(State { committed, is_stuck: false });
    }

    /// Tells the readers that there is no file to read: another one is being made.
    pub(crate) fn withdraw(&mut self) {
        self.state.send_replace(State { committed: Position::START, is_stuck: false });
        self.since = None;
    }
}

impl Committed {
    /// Waits until everything applied up to `position` can be read from the tables.
    pub(crate) async fn reach(&self, position: Position) -> Readable {
        if self.state.borrow().committed >= position {
            return Readable::Everywhere;
        }
        self.wanted.send_if_modified(|wanted| {
            let is_more = position > *wanted;
            *wanted = position.max(*wanted);
            is_more
        });
        let mut state = self.state.clone();
        let reached = state.wait_for(|state| state.committed >= position || state.is_stuck);
        match timeout(self.patience, reached).await {
            Ok(Ok(state)) if state.committed >= position => Readable::Everywhere,
            Ok(Ok(_)) => Readable::AtTheFollower,
            Ok(Err(_)) | Err(_) => Readable::Nowhere,
        }
    }
}

impl Damage {
    pub(crate) fn new() -> Damage {
        Damage { generation: Arc::default(), reported: watch::Sender::new(None) }
    }

    /// Returns which projection is read now.
    pub(crate) fn generation(&self) -> u64 {
        self.generation.load(Ordering::Acquire)
    }

    /// Reports that the projection of a generation is damaged.
    pub(crate) fn report(&self, generation: u64, error: &rusqlite::Error) {
        self.reported.send_replace(Some((generation, error.to_string())));
    }

    /// Begins another generation: earlier reports are of no interest any more.
    pub(crate) fn next_generation(&self) {
        self.generation.fetch_add(1, Ordering::AcqRel);
        self.reported.send_replace(None);
    }

    /// Waits until the follower has noted the report, but not longer than this. From then
    /// on the tables cannot be read before they are whole.
    pub(crate) async fn until_healed(&self, patience: Duration) {
        let mut reported = self.reported.subscribe();
        // If the wait was in vain, the tables are asked as they are.
        let _ = timeout(patience, reported.wait_for(Option::is_none)).await;
    }

    /// Returns the damage of the projection that is read now, if some is known.
    pub(crate) fn known(&self) -> Option<String> {
        let reported = self.reported.borrow();
        let (generation, reason) = reported.as_ref()?;
        (*generation == self.generation()).then(|| reason.clone())
    }

    /// Returns a receiver of later reports.
    pub(crate) fn listen(&self) -> watch::Receiver<Option<(u64, String)>> {
        self.reported.subscribe()
    }
}
