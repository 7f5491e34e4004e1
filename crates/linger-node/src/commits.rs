//! When the follower commits, and how readers of the tables wait for that.
//!
//! Outcomes and news go out of memory as soon as a batch is applied; a commit is
//! for the tables' readers only. One comes when somebody is about to read what is
//! not committed, else a short time after the first batch that it has.

use linger_core::{Position, Projection};
use tokio::{
    sync::watch,
    time::{Duration, Instant, timeout},
};

use crate::{Limits, Unavailable};

/// How long to wait before what failed is tried again.
pub(crate) const RETRY_AFTER: Duration = Duration::from_secs(1);

/// The follower's side.
pub(crate) struct Commits {
    committed: watch::Sender<Position>,
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
    committed: watch::Receiver<Position>,
    /// Up to where somebody is about to read; never beyond what is announced.
    wanted: watch::Sender<Position>,
    patience: Duration,
}

/// Returns both sides, for a projection in which nothing is uncommitted.
pub(crate) fn commits(projection: &Projection, limits: &Limits) -> (Commits, Committed) {
    let (announce, committed) = watch::channel(projection.committed());
    let (want, wanted) = watch::channel(Position::START);
    let commits = Commits {
        committed: announce,
        wanted,
        since: None,
        not_before: Instant::now(),
        after: limits.commit_after,
        uncommitted_max: limits.uncommitted_max,
    };
    (commits, Committed { committed, wanted: want, patience: limits.submit_timeout })
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
        // After a rollback, what is wanted may have to be applied again first.
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

    /// Commits, and tells who waits for it. One that fails is due again later.
    pub(crate) fn commit(&mut self, projection: &mut Projection) {
        match projection.commit() {
            Ok(()) => _ = self.committed.send_replace(projection.committed()),
            Err(error) => {
                // Not lost: the log has it. Questions to the tables wait meanwhile.
                tracing::error!(%error, "the projection could not be committed; trying again");
                self.not_before = Instant::now() + RETRY_AFTER;
            }
        }
        self.note(projection);
    }
}

impl Committed {
    /// Waits until whoever reads the tables sees what is applied up to `position`.
    ///
    /// Errors: [`Unavailable::Storage`] when that takes longer than a submit may,
    /// or when the follower has ended before.
    pub(crate) async fn reach(&self, position: Position) -> Result<(), Unavailable> {
        if *self.committed.borrow() >= position {
            return Ok(());
        }
        self.wanted.send_if_modified(|wanted| {
            let is_more = position > *wanted;
            *wanted = position.max(*wanted);
            is_more
        });
        let mut committed = self.committed.clone();
        let reached = committed.wait_for(|committed| *committed >= position);
        match timeout(self.patience, reached).await {
            Ok(Ok(_)) => Ok(()),
            Ok(Err(_)) | Err(_) => Err(Unavailable::Storage),
        }
    }
}
