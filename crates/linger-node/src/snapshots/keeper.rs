//! Looks after the bucket: a new snapshot when the newest is old, and none that has what was
//! deleted since.
//!
//! All nodes look. A node that replaces the document goes to work, and the others leave it to
//! that one, unless the document stands still for so long that the node must be gone.

use std::{
    collections::HashMap,
    path::Path,
    time::{Duration, Instant},
};

use linger_core::{Position, Projection, projection_applied, queries};
use tokio::{sync::watch, task::spawn_blocking, time::sleep};

use super::{
    Answer, Desk, Since,
    bucket::{Bucket, Held},
    document::{Document, Snapshot},
    making, told,
};

/// A document that stands still for so long, with somebody at work, is taken over: a node
/// that works writes it every few seconds.
const TAKEN_OVER_AFTER: Duration = Duration::from_secs(60);
/// A snapshot that somebody waits for may come so soon after the last one.
const WANTED_PAUSE_MS: i64 = 60_000;
/// Writing "done" meets others who write.
const TRIES: usize = 5;

/// The one who looks.
pub(super) struct Keeper<'k> {
    pub(super) desk: &'k Desk,
    pub(super) bucket: Bucket,
    pub(super) stop: watch::Receiver<()>,
    document: Since<u64>,
    /// When this node first saw that a snapshot has what was deleted.
    outdated: HashMap<String, Instant>,
    has_looked: bool,
    taken_over_after: Duration,
}

/// The statements of this node's tables.
pub(super) struct Seen {
    pub(super) applied: Position,
    /// Snapshots since which something was deleted.
    outdated: Vec<String>,
}

impl<'k> Keeper<'k> {
    pub(super) fn new(desk: &'k Desk, bucket: Bucket, stop: watch::Receiver<()>) -> Keeper<'k> {
        Keeper {
            desk,
            bucket,
            stop,
            document: Since::new(),
            outdated: HashMap::new(),
            has_looked: false,
            taken_over_after: TAKEN_OVER_AFTER,
        }
    }

    /// Takes over sooner from those who are gone.
    #[cfg(test)]
    pub(super) fn taking_over_after(self, taken_over_after: Duration) -> Keeper<'k> {
        Keeper { taken_over_after, ..self }
    }

    /// Looks for ever.
    pub(super) async fn run(mut self) {
        loop {
            sleep(self.desk.limits.snapshot_look_every).await;
            if let Err(error) = self.look().await {
                tracing::debug!(error, "the snapshots cannot be looked after just now");
            }
        }
    }

    /// Looks once, and does what there is to do.
    pub(super) async fn look(&mut self) -> Answer<()> {
        let mut held = self.bucket.read().await?;
        let stands_for = self.document.note(held.number);
        let seen = self.ask_tables(&held.document.snapshots).await?;
        self.note_outdated(&seen);
        let document = &mut held.document;
        let before = document.snapshots.len();
        document.snapshots.retain(|it| !self.must_go(it));
        let mut is_to_clear = document.snapshots.len() < before;
        if stands_for >= self.taken_over_after {
            is_to_clear |= document.making.take().is_some() || document.is_erasing;
        }
        self.has_looked = true;
        if is_to_clear {
            return self.clear(held).await;
        }
        if document.making.is_none() && self.is_time_for_one(document, &seen) {
            return making::make(self, held).await;
        }
        Ok(())
    }

    /// Writes a document without some snapshots, and erases those that it does not name.
    pub(super) async fn clear(&mut self, mut held: Held) -> Answer<()> {
        held.document.is_erasing = true;
        if !self.bucket.write(&mut held).await? {
            return Ok(());
        }
        self.erase(held).await
    }

    /// Erases what a document that we wrote does not name, and says that it is done.
    pub(super) async fn erase(&mut self, mut held: Held) -> Answer<()> {
        let chunks = self.bucket.erase_others(&held).await?;
        for _ in 0..TRIES {
            held.document.is_erasing = false;
            if self.bucket.write(&mut held).await? {
                tracing::info!(chunks, "erased snapshots that are old, or have what was deleted");
                return Ok(());
            }
            held = self.bucket.read().await?;
        }
        Ok(())
    }

    /// Tells whether this node should make one now.
    fn is_time_for_one(&self, document: &Document, seen: &Seen) -> bool {
        let Desk { log, limits, clock, .. } = self.desk;
        let (tail, every) = (*log.tail().borrow(), limits.snapshot_every);
        let newest = document.newest(log.id(), tail).map_or(0, |it| it.position);
        let since = (clock.now().as_ms() - document.begun_ms).abs();
        let pause_ms = i64::try_from(limits.snapshot_pause.as_millis()).unwrap_or(i64::MAX);
        // A node that is behind would make one that is old from the first.
        let is_up_to_date = tail.get().saturating_sub(seen.applied.get()) <= every / 10;
        let is_due = seen.applied.get().saturating_sub(newest) >= every;
        let is_wanted = document.is_wanted && since >= WANTED_PAUSE_MS.min(pause_ms);
        is_up_to_date && is_due && (is_wanted || since >= pause_ms)
    }

    /// Tells whether a snapshot is of another log, or has for too long what was deleted.
    pub(super) fn must_go(&self, snapshot: &Snapshot) -> bool {
        let is_lost = self.desk.is_rolled_back && !self.has_looked;
        is_lost || snapshot.log != self.desk.log.id().as_str() || self.is_outdated(&snapshot.id)
    }

    pub(super) fn is_outdated(&self, id: &str) -> bool {
        // Nobody knows for how long it was so before this node's start.
        let max =
            if self.has_looked { self.desk.limits.snapshot_outdated_max } else { Duration::ZERO };
        self.outdated.get(id).is_some_and(|since| since.elapsed() >= max)
    }

    pub(super) fn note_outdated(&mut self, seen: &Seen) {
        self.outdated.retain(|id, _| seen.outdated.contains(id));
        for id in &seen.outdated {
            self.outdated.entry(id.clone()).or_insert_with(Instant::now);
        }
    }

    /// Asks this node's tables how far they are, and what was deleted since these snapshots.
    pub(super) async fn ask_tables(&self, snapshots: &[Snapshot]) -> Answer<Seen> {
        let path = self.desk.files.path().to_owned();
        let of = |it: &Snapshot| (it.id.clone(), it.about().applied);
        let asked: Vec<_> = snapshots.iter().map(of).collect();
        let ask = move || look_into(&path, asked).map_err(told);
        spawn_blocking(ask).await.map_err(told)?
    }
}

fn look_into(path: &Path, asked: Vec<(String, Position)>) -> rusqlite::Result<Seen> {
    let tables = Projection::open_reader(path)?;
    let applied = projection_applied(&tables)?;
    let mut outdated = Vec::new();
    for (id, position) in asked {
        if !queries::erasures_after(&tables, position, 1)?.is_empty() {
            outdated.push(id);
        }
    }
    Ok(Seen { applied, outdated })
}
