//! The log in one SQLite file, written by one thread.
//!
//! Group commit: all appends that queued up while the last fsync ran go into one
//! transaction, with one fsync. Nothing is acknowledged before it. The latest
//! entries stay in memory for the follower, who is seldom further behind.

mod erase;
mod file;
#[cfg(test)]
mod tests;
mod wal;
mod writer;

use std::{
    sync::{Arc, Mutex, atomic::AtomicUsize},
    thread::JoinHandle,
    time::Instant,
};

use linger_core::{Draft, Entry, LogId, Position, UserId, queries::Erasure};
use rusqlite::Connection;
use tokio::sync::{mpsc, oneshot, watch};

pub(crate) use file::{AboutLog, LogError, SqliteFile, read_after};
pub(crate) use wal::has_lost_frames;
use writer::{Append, Queued, Writer};

use super::{AppendError, Appending, Log, Note, ReadError, latest::Latest, load::Load};
use crate::{
    Limits,
    checkpoints::Checkpoints,
    essential,
    files::Files,
    health::{Health, Part},
    metrics::Metrics,
};

/// The log in a SQLite file.
pub(crate) struct SqliteLog {
    id: LogId,
    /// None while it closes.
    queue: Option<mpsc::Sender<Queued>>,
    /// Bytes of the appends that are queued or being written.
    queued_bytes: Arc<AtomicUsize>,
    queued_bytes_max: usize,
    writer: Option<JoinHandle<()>>,
    tail: watch::Receiver<Position>,
    latest: Arc<Mutex<Latest>>,
    reader: Mutex<Connection>,
    refused: Refused,
    erased_upto: Mutex<Position>,
    health: Arc<Health>,
}

/// Authors whose appends were refused after they were queued.
type Refused = Arc<Mutex<Vec<UserId>>>;

impl SqliteFile {
    /// Starts the writer thread. It ends when the log is dropped, or when `files` are
    /// taken away.
    pub(crate) fn start(
        self,
        files: Arc<Files>,
        limits: &Limits,
        metrics: Arc<Metrics>,
        health: Arc<Health>,
    ) -> SqliteLog {
        let (queue, queued) = mpsc::channel(limits.append_queue_max);
        let (announce, tail) = watch::channel(self.tail);
        let latest = Arc::new(Mutex::new(Latest::after(self.tail)));
        let refused = Refused::default();
        let writer = Writer {
            checkpoints: Checkpoints::of(&self.connection),
            pages_since_look: 0,
            connection: self.connection,
            files,
            last: self.tail,
            batch_max: limits.append_batch_max,
            latest: latest.clone(),
            announce,
            refused: refused.clone(),
            metrics,
            health: health.clone(),
        };
        let writer = essential::spawn("log-writer", move || writer.run(queued));
        SqliteLog {
            id: self.id,
            queue: Some(queue),
            queued_bytes: Arc::default(),
            queued_bytes_max: limits.append_queue_bytes_max,
            writer: Some(writer),
            tail,
            latest,
            reader: Mutex::new(self.reader),
            refused,
            erased_upto: Mutex::new(self.erased_upto),
            health,
        }
    }
}

impl SqliteLog {
    fn queue(&self, queued: Queued) -> Result<(), AppendError> {
        let queue = self.queue.as_ref().expect("it closes only when nobody has it any more");
        queue.try_send(queued).map_err(|error| match error {
            mpsc::error::TrySendError::Full(_) => AppendError::Full,
            mpsc::error::TrySendError::Closed(_) => AppendError::Unknown,
        })
    }
}

impl Log for SqliteLog {
    fn id(&self) -> LogId {
        self.id
    }

    fn append_noting(&self, draft: Draft, note: Option<Note>) -> Result<Appending, AppendError> {
        if self.health.illness(Part::Log).is_some() {
            return Err(AppendError::NotWritten);
        }
        let load = Load::add(draft.weight(), &self.queued_bytes, self.queued_bytes_max)?;
        let (answer, appending) = oneshot::channel();
        self.queue(Queued::Append(Append { draft, note, since: Instant::now(), answer, load }))?;
        Ok(appending)
    }

    fn probe(&self) -> oneshot::Receiver<()> {
        let (answer, probed) = oneshot::channel();
        // A full queue is proof enough that somebody writes.
        let _ = self.queue(Queued::Probe(answer));
        probed
    }

    fn erased_upto(&self) -> Position {
        *self.erased_upto.lock().expect("no holder of this lock panics")
    }

    fn erase(&self, erasures: Vec<Erasure>) -> oneshot::Receiver<()> {
        let (answer, erased) = oneshot::channel();
        // If the queue is full, the answer is dropped, and somebody asks again.
        let _ = self.queue(Queued::Erase(erasures, answer));
        erased
    }

    fn note_erased(&self, upto: Position) {
        *self.erased_upto.lock().expect("no holder of this lock panics") = upto;
        // If the queue is full, or the node ends before it is written, the same is found to be
        // erased after the next start.
        let _ = self.queue(Queued::NoteErased(upto));
    }

    fn take_refused(&self) -> Vec<UserId> {
        std::mem::take(&mut self.refused.lock().expect("no holder of this lock panics"))
    }

    fn read_after(&self, after: Position, limit: usize) -> Result<Vec<Entry>, ReadError> {
        let latest = self.latest.lock().expect("no holder of this lock panics");
        if let Some(entries) = latest.read_after(after, limit) {
            return Ok(entries);
        }
        drop(latest);
        let reader = self.reader.lock().expect("no holder of this lock panics");
        read_after(&reader, after, limit)
    }

    fn tail(&self) -> watch::Receiver<Position> {
        self.tail.clone()
    }
}

impl Drop for SqliteLog {
    /// Lets the writer finish and close the file, so that it is one file again.
    fn drop(&mut self) {
        drop(self.queue.take());
        if let Some(writer) = self.writer.take() {
            writer.thread().unpark();
            writer.join().expect("its panic would have ended the process");
        }
    }
}
