//! Snapshots of the tables, by which a new node of a cluster starts fast.
//!
//! One node makes a copy of its tables at a committed position (`making`) and puts it, in
//! chunks, into a bucket beside the log's stream (`bucket`). A node that is far behind the log
//! fetches the newest one and follows from there (`joining`); whatever is wrong with it, the
//! node replays the log instead. A `document` in the bucket says what there is and who is at
//! work. A copy holds texts, so it goes soon after the first deletion that it does not know of.
//!
//! All of this runs on a thread of its own, with a connection of its own: chunks are never in
//! the way of what is sent.

mod bucket;
mod document;
mod joining;
mod keeper;
mod making;
#[cfg(test)]
mod tests;

use std::{
    sync::Arc,
    thread::JoinHandle,
    time::{Duration, Instant},
};

use linger_core::{Position, StoredEntry};
use sha2::{Digest, Sha256};
use tokio::{
    sync::{oneshot, watch},
    task::spawn_blocking,
    time::{sleep, timeout},
};

use crate::{
    Clock, ClusterError, ClusterSettings, Limits, essential, health::Health, log::Log,
    projection_files::ProjectionFiles,
};

use bucket::Bucket;
pub(crate) use bucket::{create, facts, faults};
pub(crate) use joining::Joined;
use keeper::Keeper;

/// Between two tries to reach the bucket.
const RETRY_AFTER: Duration = Duration::from_secs(1);
/// A node that starts gives the bucket so long to answer.
const OPEN_MAX: Duration = Duration::from_secs(10);
/// At the end, a request that is on its way has so long.
const CLOSING_MAX: Duration = Duration::from_secs(1);

/// Keeps the snapshots of one node's log. It ends when it is dropped.
pub(crate) struct Snapshots {
    stop: Option<watch::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

/// The parts of a node that this needs.
pub(crate) struct Desk {
    pub(crate) settings: ClusterSettings,
    /// Servers that keep each chunk.
    pub(crate) replicas: usize,
    pub(crate) log: Arc<dyn Log>,
    /// How far the node's own tables are at its start.
    pub(crate) applied: Position,
    /// The log may be shorter than it was, so that snapshots may be of a past that is lost.
    pub(crate) is_rolled_back: bool,
    pub(crate) files: ProjectionFiles,
    pub(crate) limits: Limits,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) health: Arc<Health>,
}

/// A snapshot that may come, for the follower, which waits for the answer.
pub(crate) struct Joining {
    pub(crate) answer: oneshot::Receiver<Option<Joined>>,
    pub(crate) limits: Limits,
}

impl Snapshots {
    /// Starts the thread. The second part is there if the node is so far behind its log that
    /// a snapshot is looked for first.
    pub(crate) fn start(desk: Desk) -> (Snapshots, Option<Joining>) {
        let behind = desk.log.tail().borrow().get().saturating_sub(desk.applied.get());
        let (every, limits) = (desk.limits.snapshot_every, desk.limits.clone());
        let (stop, stopped) = watch::channel(());
        let (answer, joining) = oneshot::channel();
        let is_joining = every > 0 && behind >= every;
        let work = move || {
            let mut runtime = tokio::runtime::Builder::new_current_thread();
            let runtime = runtime.enable_all().build().expect("the system has event queues");
            let answer = is_joining.then_some(answer);
            runtime.block_on(run(desk, stopped, answer));
            runtime.shutdown_timeout(CLOSING_MAX);
        };
        let thread = essential::spawn("snapshots", work);
        let joining = is_joining.then_some(Joining { answer: joining, limits });
        (Snapshots { stop: Some(stop), thread: Some(thread) }, joining)
    }
}

impl Drop for Snapshots {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            thread.join().expect("its panic would have ended the process");
        }
    }
}

/// Joins if need be, and then looks after the bucket until the node ends.
async fn run(
    desk: Desk,
    mut stopped: watch::Receiver<()>,
    answer: Option<oneshot::Sender<Option<Joined>>>,
) {
    let stop = stopped.clone();
    let work = async {
        let joins = answer.is_some();
        let bucket = match joins {
            true => timeout(OPEN_MAX, open(&desk)).await.ok(),
            false => None,
        };
        match (answer, &bucket) {
            (Some(answer), Some(bucket)) => {
                // The follower may have ended.
                let _ = answer.send(joining::join(&desk, bucket).await);
            }
            (Some(answer), None) => {
                let reason = "their bucket cannot be reached";
                tracing::warn!(reason, "no snapshot is taken; the log is replayed");
                let _ = answer.send(None);
            }
            (None, _) => joining::forget(&desk.files),
        }
        desk.health.is_getting_there(None);
        if desk.limits.snapshot_every == 0 {
            return;
        }
        let bucket = match bucket {
            Some(bucket) => bucket,
            None => open(&desk).await,
        };
        Keeper::new(&desk, bucket, stop).run().await;
    };
    tokio::select! {
        biased;
        _ = stopped.changed() => {}
        () = work => {}
    }
}

/// Opens the bucket, as soon as that goes. Says once that it does not.
async fn open(desk: &Desk) -> Bucket {
    let mut has_told = false;
    loop {
        match Bucket::open(&desk.settings, desk.replicas).await {
            Ok(bucket) => return bucket,
            Err(error) if !std::mem::replace(&mut has_told, true) => {
                tracing::warn!(%error, "there are no snapshots for new nodes just now");
            }
            Err(error) => tracing::debug!(%error, "the bucket of snapshots is not there"),
        }
        sleep(RETRY_AFTER).await;
    }
}

/// Since when something has been as it is, without any clock of others.
struct Since<T> {
    seen: Option<(T, Instant)>,
}

impl<T: PartialEq> Since<T> {
    fn new() -> Since<T> {
        Since { seen: None }
    }

    /// Takes note of how it is now, and returns for how long it has been like that.
    fn note(&mut self, now: T) -> Duration {
        match &self.seen {
            Some((seen, since)) if *seen == now => since.elapsed(),
            _ => {
                self.seen = Some((now, Instant::now()));
                Duration::ZERO
            }
        }
    }
}

/// Returns a sign of the entry at a position. It stays the same when the entry is erased, and
/// no other past of the log has it there.
async fn sign_of(log: &Arc<dyn Log>, position: Position) -> Answer<String> {
    let log = log.clone();
    let read = move || log.read_after(position.before(), 1).map_err(told);
    let entries = spawn_blocking(read).await.map_err(told)??;
    let entry = entries.first().ok_or_else(|| format!("the log has no entry {position}"))?;
    let StoredEntry { at_ms, author, request_id, nonce, .. } = StoredEntry::encode(&entry.draft);
    let sign = format!("{} {at_ms} {author} {nonce:?} {request_id}", entry.position);
    Ok(const_hex::encode(Sha256::digest(sign)))
}

type Answer<T> = Result<T, String>;

fn told(error: impl std::fmt::Display) -> String {
    error.to_string()
}

fn refused(error: String) -> ClusterError {
    ClusterError::Refused(error)
}
