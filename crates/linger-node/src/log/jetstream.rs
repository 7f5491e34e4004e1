//! The log in a stream of a NATS JetStream cluster: the position of an entry is its
//! sequence number there.
//!
//! The cluster decides all agreement. One thread of its own talks to it: `worker` sends
//! appends, many at once, and takes in what `reader` reads in order; `history` reads what is
//! further back than the latest entries in memory. `appends` knows which of our own are on
//! their way. `skeletons` erases entries, and finds again those that are erased. `proof` tells
//! what was lost from what a server does not know yet. `leave` goes to another server when one is
//! cut off. `import` fills a stream with a log that is moved there, and `walk` reads one from its
//! beginning to its end.

mod appends;
mod connection;
mod ends;
mod faults;
mod history;
mod import;
mod last_read;
mod leave;
mod message;
mod proof;
mod reader;
mod roll;
#[cfg(test)]
pub(crate) mod server;
#[cfg(test)]
pub(crate) mod simulated;
mod skeletons;
mod stream;
#[cfg(test)]
pub(crate) mod tests;
mod walk;
mod worker;

use std::{
    fs,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, atomic::AtomicUsize, mpsc as blocking},
    thread::JoinHandle,
    time::{Duration, Instant},
};

use async_nats::jetstream::{self, Context};
use linger_core::{
    About, Draft, Entry, LogId, Position, UnreadableEntry, UserId, Vocabulary, queries::Erasure,
};
use tokio::sync::{mpsc, oneshot, watch};

use super::{AppendError, Appending, Log, Note, ReadError, latest::Latest, load::Load};
use crate::{
    Limits, essential,
    health::{Health, Part},
    metrics::Metrics,
    nodes::Agreement,
    private,
};

use appends::Append;
use connection::Connection;
pub use connection::{ClusterError, ClusterSettings};
use ends::Question;
pub(crate) use faults::{bucket_faults, files_faults};
use history::Read;
pub(crate) use import::{Found, Import};
pub(crate) use leave::leave_what_is_cut_off;
use message::Message;
pub(crate) use roll::Roll;
#[cfg(test)]
pub(crate) use stream::subject;
pub(crate) use stream::{
    AboutStream, Beginning, files_bucket, kept, make_stream, object_stream, until_led,
};
pub(crate) use walk::Walk;
use worker::{Queued, Worker};

/// A read that takes longer is given up: the follower tries again later.
const READ_MAX: Duration = Duration::from_secs(5);
/// Reads that wait at once: there is one follower.
const READS_MAX: usize = 8;
/// Questions for the stream's end that wait at once. Others count as not answered.
const END_QUESTIONS_MAX: usize = 4096;
/// Single entries that the leader is asked for, or is to erase, at once: it writes to its disk
/// once for all that are on their way. Messages that are sent must not wait long behind them.
const ENTRIES_AT_ONCE: usize = 16;

/// The log in a stream.
pub(crate) struct JetStreamLog {
    id: LogId,
    /// None while it closes.
    queue: Option<mpsc::Sender<Queued>>,
    /// Bytes of the appends that are queued or on their way.
    queued_bytes: Arc<AtomicUsize>,
    queued_bytes_max: usize,
    reads: mpsc::Sender<Read>,
    end_questions: mpsc::Sender<Question>,
    tail: watch::Receiver<Position>,
    latest: Arc<Mutex<Latest>>,
    refused: Arc<Mutex<Vec<UserId>>>,
    health: Arc<Health>,
    agreement: Arc<Agreement>,
    /// How far all is erased, in this node's files too, and the file that says so.
    erased_upto: Mutex<Position>,
    erased_file: PathBuf,
    thread: Option<JoinHandle<()>>,
}

/// A stream that was looked at, before anything follows it.
pub(crate) struct Opened {
    settings: ClusterSettings,
    pub(crate) about: AboutStream,
    pub(crate) id: LogId,
    /// The words that this node knows, and those that all nodes do.
    pub(crate) agreement: Arc<Agreement>,
}

impl Opened {
    /// Takes a stream that was looked at. Errors: it does not say which log it is, or has
    /// only a part of it.
    pub(crate) fn new(
        settings: ClusterSettings,
        about: AboutStream,
    ) -> Result<Opened, ClusterError> {
        if about.is_unfinished() {
            return Err(ClusterError::Unfinished(settings.stream));
        }
        let agreement = Arc::new(Agreement::of(Vocabulary::LATEST));
        Ok(Opened { id: about.log_id()?, settings, about, agreement })
    }

    /// Returns the stream's name.
    pub(crate) fn stream(&self) -> &str {
        &self.settings.stream
    }

    /// Returns what the servers agree on of the stream, and waits for that. Errors: they do not.
    pub(crate) fn prove(&self) -> Result<AboutStream, ClusterError> {
        block_on(async {
            let context = context(&self.settings).await?;
            AboutStream::prove(&context, &self.settings.stream).await
        })
    }

    /// Tells whether the stream has another entry where these tables end than they were made
    /// of. Errors: the cluster does not answer.
    pub(crate) fn has_replaced(&self, tables: &About) -> Result<bool, ClusterError> {
        block_on(async {
            let context = context(&self.settings).await?;
            let replaced = last_read::is_replaced(&context, &self.settings.stream, tables).await;
            replaced.map_err(ClusterError::Refused)
        })
    }

    /// Starts the thread that follows the stream and appends to it. It ends when the log is
    /// dropped. `erased_file` is where it notes how far all is erased.
    pub(crate) fn start(
        self,
        erased_file: PathBuf,
        limits: &Limits,
        metrics: Arc<Metrics>,
        health: Arc<Health>,
    ) -> Result<JetStreamLog, ClusterError> {
        let (queue, queued) = mpsc::channel(limits.append_queue_max);
        let (ask, reads) = mpsc::channel(READS_MAX);
        let (ask_end, end_questions) = mpsc::channel(END_QUESTIONS_MAX);
        let asked = worker::Asked { reads, end_questions };
        let (announce, tail) = watch::channel(self.about.tail());
        let latest = Arc::new(Mutex::new(Latest::after(self.about.tail())));
        let refused = Arc::default();
        let (started, has_started) = blocking::sync_channel(1);
        let shared = worker::Shared {
            latest: latest.clone(),
            announce,
            refused: Arc::clone(&refused),
            metrics,
            health: health.clone(),
            agreement: self.agreement.clone(),
        };
        let Opened { settings, about, id, agreement } = self;
        let work = move || {
            runtime().block_on(async {
                let connection = settings.connect().await;
                let worker = match connection {
                    Ok(connection) => {
                        Worker::new(connection, &settings, about, shared, asked).await
                    }
                    Err(error) => Err(error),
                };
                match worker {
                    Ok(worker) => {
                        // The caller waits for this.
                        let _ = started.send(Ok(()));
                        worker.run(queued).await;
                    }
                    Err(error) => _ = started.send(Err(error)),
                }
            });
        };
        let thread = essential::spawn("log-nats", work);
        has_started.recv().expect("it says whether it started")?;
        Ok(JetStreamLog {
            id,
            queue: Some(queue),
            queued_bytes: Arc::default(),
            queued_bytes_max: limits.append_queue_bytes_max,
            reads: ask,
            end_questions: ask_end,
            tail,
            latest,
            refused,
            health,
            agreement,
            erased_upto: Mutex::new(read_number(&erased_file)),
            erased_file,
            thread: Some(thread),
        })
    }
}

impl JetStreamLog {
    fn queue(&self, queued: Queued) -> Result<(), AppendError> {
        let queue = self.queue.as_ref().expect("it closes only when nobody has it any more");
        queue.try_send(queued).map_err(|error| match error {
            mpsc::error::TrySendError::Full(_) => AppendError::Full,
            mpsc::error::TrySendError::Closed(_) => AppendError::NotWritten,
        })
    }

    fn ask(
        &self,
        how: impl FnOnce(oneshot::Sender<Position>) -> Question,
    ) -> oneshot::Receiver<Position> {
        let (answer, end) = oneshot::channel();
        // Where too many ask, the answer is dropped.
        let _ = self.end_questions.try_send(how(answer));
        end
    }
}

impl Log for JetStreamLog {
    fn id(&self) -> LogId {
        self.id
    }

    fn append_noting(&self, draft: Draft, note: Option<Note>) -> Result<Appending, AppendError> {
        if self.health.illness(Part::Log).is_some() {
            return Err(AppendError::NotWritten);
        }
        let load = Load::add(draft.weight(), &self.queued_bytes, self.queued_bytes_max)?;
        let (answer, appending) = oneshot::channel();
        let (message, author) = (Message::of(&draft), draft.author.user());
        let since = Instant::now();
        self.queue(Queued::Append(Append { message, author, note, since, answer, load }))?;
        Ok(appending)
    }

    fn probe(&self) -> oneshot::Receiver<()> {
        let (answer, probed) = oneshot::channel();
        // A full queue is proof enough that somebody writes.
        let _ = self.queue(Queued::Probe(answer));
        probed
    }

    fn take_refused(&self) -> Vec<UserId> {
        std::mem::take(&mut self.refused.lock().expect("no holder of this lock panics"))
    }

    /// Blocks this thread, not its runtime's others, when the entries are not in memory.
    fn read_after(&self, after: Position, limit: usize) -> Result<Vec<Entry>, ReadError> {
        let latest = self.latest.lock().expect("no holder of this lock panics");
        if let Some(entries) = latest.read_after(after, limit) {
            return known(entries, self.agreement.known());
        }
        drop(latest);
        let until = *self.tail.borrow();
        let silent = || ReadError::Cluster("the NATS cluster does not answer in time".to_owned());
        let (answer, entries) = blocking::sync_channel(1);
        self.reads.try_send(Read { after, limit, until, answer }).map_err(|_| silent())?;
        let entries = entries.recv_timeout(READ_MAX).map_err(|_| silent())??;
        known(entries, self.agreement.known())
    }

    fn read_each(
        &self,
        positions: Vec<Position>,
    ) -> oneshot::Receiver<Result<Vec<Entry>, ReadError>> {
        let (answer, entries) = oneshot::channel();
        // Where the queue is full, the answer is dropped with what was asked.
        let _ = self.queue(Queued::ReadEach(positions, answer));
        entries
    }

    fn erased_upto(&self) -> Position {
        *self.erased_upto.lock().expect("no holder of this lock panics")
    }

    fn erase(&self, erasures: Vec<Erasure>) -> oneshot::Receiver<()> {
        let (answer, erased) = oneshot::channel();
        // Where the queue is full, the answer is dropped with what was asked.
        let _ = self.queue(Queued::Erase(erasures, answer));
        erased
    }

    fn is_shared(&self) -> bool {
        true
    }

    fn ask_end(&self) -> oneshot::Receiver<Position> {
        self.ask(Question::Told)
    }

    fn prove_end(&self) -> oneshot::Receiver<Position> {
        self.ask(Question::Proven)
    }

    /// A file that was written in part has a smaller number: then some is done once more.
    fn note_erased(&self, upto: Position) {
        *self.erased_upto.lock().expect("no holder of this lock panics") = upto;
        let written = private::open(&self.erased_file)
            .and_then(|_| fs::write(&self.erased_file, upto.to_string()));
        if let Err(error) = written {
            tracing::warn!(%error, "it cannot be noted how far texts are erased");
        }
    }

    fn tail(&self) -> watch::Receiver<Position> {
        self.tail.clone()
    }
}

impl Drop for JetStreamLog {
    /// Lets what is on its way come to its end, for a moment.
    fn drop(&mut self) {
        drop(self.queue.take());
        if let Some(thread) = self.thread.take() {
            thread.join().expect("its panic would have ended the process");
        }
    }
}

/// Returns the entries before the first one that needs a higher vocabulary.
///
/// Errors: that is the first of them.
fn known(mut entries: Vec<Entry>, highest: Vocabulary) -> Result<Vec<Entry>, ReadError> {
    let is_newer = |entry: &Entry| entry.draft.vocabulary > highest;
    match entries.iter().position(is_newer) {
        Some(0) => {
            let (position, vocabulary) = (entries[0].position, entries[0].draft.vocabulary.get());
            Err(UnreadableEntry::Newer { position, vocabulary }.into())
        }
        newer => {
            entries.truncate(newer.unwrap_or(entries.len()));
            Ok(entries)
        }
    }
}

/// Connects, for a few questions.
pub(crate) async fn context(settings: &ClusterSettings) -> Result<Context, ClusterError> {
    let Connection { client, .. } = settings.connect().await?;
    Ok(jetstream::new(client))
}

/// Returns the bytes of a draft, as they are sent.
#[cfg(test)]
pub(crate) fn encoded(draft: &Draft) -> bytes::Bytes {
    Message::of(draft).payload
}

/// Runs something to its end on a thread of its own, wherever the caller is.
pub(crate) fn block_on<T: Send>(work: impl Future<Output = T> + Send) -> T {
    let run = || runtime().block_on(work);
    std::thread::scope(|threads| threads.spawn(run).join().expect("it does not panic"))
}

/// Reads how far all is erased. From what cannot be read it is only done once more.
fn read_number(file: &Path) -> Position {
    let number = fs::read_to_string(file).ok().and_then(|number| number.parse().ok());
    number.filter(|number| *number <= Position::MAX.get()).map_or(Position::START, Position::new)
}

fn runtime() -> tokio::runtime::Runtime {
    let mut runtime = tokio::runtime::Builder::new_current_thread();
    runtime.enable_all().build().expect("the system has event queues to give")
}
