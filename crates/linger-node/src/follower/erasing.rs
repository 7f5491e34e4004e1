//! Erases deleted texts from the files, a little after they are deleted.
//!
//! Apply has blanked the tables by then, and noted which entries of the log have a payload to
//! erase. First the bytes of files go, while the log still names them, and on a cluster this
//! node's copies of those that another node has erased; then the log's writer
//! rewrites the entries; then the follower empties the WAL of the tables, and clears their
//! file of copies; and only then it is noted how far that came. A run that is cut off before
//! that is done again, after the next start too.

use std::{io, sync::Arc};

use futures_util::{StreamExt, stream};
use linger_core::{
    Command, Entry, FileHash, FileId, Outcome, Position,
    queries::{self, Erasure},
};
use rusqlite::Connection;
use tokio::{
    sync::{mpsc, oneshot, watch},
    time::{Duration, Instant, timeout},
};

use super::{Follower, clearing::clear_from};
use crate::{
    commits::Damage,
    log::Log,
    read_pool::{self, Question},
    uploads::Uploads,
};

/// Others who delete in these seconds share the work.
const ERASE_AFTER: Duration = Duration::from_secs(2);
/// Between two tries, while somebody reads or the disk fails.
const TRY_AGAIN_AFTER: Duration = Duration::from_secs(1);
/// So long the tables may take to be as far as the log is. Then it is tried again.
const BEHIND_MAX: Duration = Duration::from_secs(10);
/// Between two parts of the file of the tables: sends have their turn.
const PAUSE: Duration = Duration::from_millis(50);
/// Files that are erased at once: on a cluster each costs a dozen requests, one after another.
const FILES_AT_ONCE: usize = 8;
/// Entries in one go: the log's writer has other work.
const AT_ONCE: usize = 500;

/// The state of erasures.
pub(crate) struct Erasing {
    /// Everything up to here is erased.
    done: Position,
    /// When to look for more.
    due: Option<Instant>,
    /// Somebody is at it: the answer, and what comes then.
    running: Option<(Next, oneshot::Receiver<()>)>,
    /// The log is done up to there, and the file of the tables is clear up to this byte.
    clearing: Option<(Position, u64)>,
}

/// Files whose bytes are to be erased.
#[derive(Default)]
struct Files {
    named: Vec<(FileId, FileHash)>,
    /// Whether there are some whose entries tell nothing any more.
    has_erased: bool,
}

/// A look at the tables, from a task that the follower began.
#[derive(Clone)]
struct Tables {
    applied: watch::Receiver<Position>,
    ask: mpsc::Sender<Question>,
    damage: Damage,
}

/// A step of an erasure.
enum Next {
    /// The log rewrites these entries.
    Log(Vec<Erasure>),
    /// The file of the tables is cleared of all up to there.
    Tables(Position),
}

impl Erasing {
    /// Begins with a look at what was left before.
    pub(crate) fn of(log: &dyn Log) -> Erasing {
        let done = log.erased_upto();
        let due = (done < Position::MAX).then(Instant::now);
        Erasing { done, due, running: None, clearing: None }
    }

    /// Takes note that everything up to here is erased: a snapshot says so.
    pub(super) fn begin_after(&mut self, done: Position) {
        self.done = done.max(self.done);
    }

    /// Takes note of what a batch asks for.
    pub(super) fn note(&mut self, entries: &[Entry], outcomes: &[Outcome]) {
        let mut batch = entries.iter().zip(outcomes);
        let is_asked = batch.any(|(entry, outcome)| outcome.asks_for_erasure(&entry.draft.command));
        if is_asked && self.done < Position::MAX {
            self.due.get_or_insert_with(|| Instant::now() + ERASE_AFTER);
        }
    }

    /// Returns when to look for more; none while somebody is at it.
    pub(super) fn due(&self) -> Option<Instant> {
        self.due.filter(|_| self.running.is_none())
    }

    /// Waits for the answer. Tells whether what was asked for is erased.
    pub(super) async fn answered(&mut self) -> bool {
        match &mut self.running {
            Some((_, answer)) => answer.await.is_ok(),
            None => std::future::pending().await,
        }
    }
}

impl Follower {
    /// Goes on: begins with what is to be erased, if anything is; or clears the file of the
    /// tables when the log is done.
    pub(super) fn go_on_erasing(&mut self) {
        self.erasing.due = None;
        if let Some((upto, begin)) = self.erasing.clearing.take() {
            self.clear_tables(upto, begin);
            return;
        }
        let found =
            queries::erasures_after(self.projection.connection(), self.erasing.done, AT_ONCE);
        match found {
            Ok(erasures) if erasures.is_empty() => {}
            Ok(erasures) => self.erase_files(erasures),
            Err(error) => {
                self.erasing.due = Some(Instant::now() + TRY_AGAIN_AFTER);
                self.fail(&error);
            }
        }
    }

    /// Takes an answer, and goes on with the next step.
    pub(super) fn note_answer(&mut self, is_done: bool) {
        let Some((next, _)) = self.erasing.running.take() else { return };
        let now = Instant::now();
        match next {
            _ if !is_done => self.erasing.due = Some(now + TRY_AGAIN_AFTER),
            Next::Log(erasures) => self.erase_entries(erasures),
            Next::Tables(upto) => {
                (self.erasing.clearing, self.erasing.due) = (Some((upto, 0)), Some(now));
            }
        }
    }

    /// Has the files erased whose entries are about to be, since only those say which bytes
    /// they are.
    fn erase_files(&mut self, erasures: Vec<Erasure>) {
        let Some(uploads) = self.uploads.clone() else {
            self.erase_entries(erasures);
            return;
        };
        let entries = self.log.read_each(erasures.iter().map(|erasure| erasure.entry).collect());
        let (answer, erased) = oneshot::channel();
        let tables = Tables {
            applied: self.applied.subscribe(),
            ask: self.ask.clone(),
            damage: self.damage.clone(),
        };
        // Not here: a cluster takes its time, and a hash is held until the follower has applied
        // who adds it again.
        tokio::spawn(async move {
            let done = async {
                let unread = |_| io::Error::other("the log cannot be read just now");
                let entries = entries.await.map_err(unread)?.map_err(io::Error::other)?;
                erase_all(&uploads, Files::among(entries), &tables).await
            };
            match done.await {
                Ok(()) => _ = answer.send(()),
                Err(error) => {
                    tracing::warn!(%error, "deleted files cannot be erased just now");
                }
            }
        });
        self.erasing.running = Some((Next::Log(erasures), erased));
    }

    fn erase_entries(&mut self, erasures: Vec<Erasure>) {
        let last = erasures.last().expect("there is something to erase");
        self.erasing.running = Some((Next::Tables(last.cause), self.log.erase(erasures)));
    }

    /// Empties the WAL of the tables, and clears a part of their file. Nobody else writes it,
    /// and with an empty WAL no checkpoint does.
    fn clear_tables(&mut self, upto: Position, begin: u64) {
        self.commit();
        let is_committed = self.projection.committed() >= upto && self.is_readable();
        let is_empty = is_committed && self.projection.empty_wal().unwrap_or(false);
        let path = self.files.as_ref().map(|files| files.files.path().to_owned());
        let cleared = match path {
            _ if !is_empty => {
                Err(std::io::Error::other("somebody reads the tables, or writes them"))
            }
            Some(path) => clear_from(&path, begin),
            // A test without a folder.
            None => Ok(None),
        };
        // Pages in memory are those from before.
        let _ = self.projection.connection().execute_batch("PRAGMA shrink_memory");
        let now = Instant::now();
        match cleared {
            Ok(None) => {
                (self.erasing.done, self.erasing.due) = (upto, Some(now));
                self.log.note_erased(upto);
            }
            Ok(Some(next)) => {
                self.erasing.clearing = Some((upto, next));
                self.erasing.due = Some(now + PAUSE);
            }
            Err(_) => {
                self.erasing.clearing = Some((upto, begin));
                self.erasing.due = Some(now + TRY_AGAIN_AFTER);
            }
        }
    }
}

impl Files {
    /// Returns the files that these entries added.
    fn among(entries: Vec<Entry>) -> Files {
        let mut files = Files::default();
        for entry in entries {
            match entry.draft.command {
                Command::AddFile { hash, .. } => {
                    files.named.push((FileId::new(entry.position), hash));
                }
                Command::ErasedFile { .. } => files.has_erased = true,
                _ => {}
            }
        }
        files
    }
}

/// Erases files whose last message is gone. Bytes that another file has stay.
///
/// Another node may have erased the entries of some: then no copy of ours stays that no file
/// has. Errors: the first; the other files are erased all the same.
async fn erase_all(uploads: &Arc<Uploads>, files: Files, tables: &Tables) -> io::Result<()> {
    let named = files.named.into_iter().map(|(file, hash)| (Some(file), hash));
    let copies = if files.has_erased { uploads.store().copies() } else { Vec::new() };
    let each = named.chain(copies.into_iter().map(|hash| (None, hash)));
    let each = each.map(|(file, hash)| async move {
        let has = |at| tables.clone().has(hash, at);
        match file {
            Some(file) => uploads.erase_file(file, hash, has).await,
            None => uploads.erase_unless(hash, has).await,
        }
    });
    let erased: Vec<io::Result<()>> =
        stream::iter(each).buffer_unordered(FILES_AT_ONCE).collect().await;
    erased.into_iter().collect()
}

impl Tables {
    /// Tells whether a file has these bytes, once all up to a position is applied.
    async fn has(mut self, hash: FileHash, at: Position) -> io::Result<bool> {
        let unread = || io::Error::other("the tables cannot be read just now");
        let reached = timeout(BEHIND_MAX, self.applied.wait_for(|applied| *applied >= at)).await;
        reached.map_err(|_| unread())?.map_err(|_| unread())?;
        let is_known = move |tables: &Connection| queries::is_hash_known(tables, hash);
        let (question, answer) = read_pool::envelope(self.damage, is_known);
        // If nobody takes it, it is dropped, and so is its answer.
        let _ = self.ask.send(question).await;
        match answer.await {
            Ok(Ok(is_named)) => Ok(is_named),
            _ => Err(unread()),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{
        path::Path,
        sync::{Condvar, Mutex},
    };

    use linger_core::{LogId, Projection, Timestamp};

    use super::*;
    use crate::{
        Limits,
        blobs::{BlobStore, Holds, Kept, Mark, Part},
        tests::cast::TestClock,
    };

    /// A store that lets a file go only when as many are at it as may be.
    #[derive(Default)]
    struct Gate {
        /// How many are at it, and how many came so far.
        state: Mutex<(usize, Vec<FileHash>)>,
        come: Condvar,
    }

    const BUSY: FileHash = FileHash([0; 32]);

    impl BlobStore for Gate {
        fn keep(&self, _: FileHash, _: &Path, _: Option<&[u8]>, _: Timestamp) -> io::Result<()> {
            unreachable!("nothing is kept")
        }

        fn length(&self, _: FileHash, _: Part) -> io::Result<Option<u64>> {
            unreachable!("nothing is read")
        }

        fn read(&self, _: FileHash, _: Part, _: u64, _: &mut [u8]) -> io::Result<usize> {
            unreachable!("nothing is read")
        }

        fn erase(&self, hash: FileHash, _: Mark) -> io::Result<u64> {
            let mut state = self.state.lock().unwrap();
            state.0 += 1;
            assert!(state.0 <= FILES_AT_ONCE);
            state.1.push(hash);
            self.come.notify_all();
            let is_alone = |state: &mut (usize, Vec<_>)| state.1.len() < FILES_AT_ONCE;
            let wait = Duration::from_secs(10);
            let (mut state, waited) = self.come.wait_timeout_while(state, wait, is_alone).unwrap();
            assert!(!waited.timed_out(), "one waits for another");
            state.0 -= 1;
            if hash == BUSY { Err(io::ErrorKind::ResourceBusy.into()) } else { Ok(0) }
        }

        fn list(&self) -> io::Result<Vec<Kept>> {
            Ok(Vec::new())
        }
    }

    #[tokio::test]
    async fn files_are_erased_some_at_a_time_and_one_that_cannot_be_holds_up_no_other() {
        let (gate, folder) = (Arc::new(Gate::default()), tempfile::tempdir().unwrap());
        let (clock, limits) = (Arc::new(TestClock::new(1)), Limits::default());
        let uploads =
            Uploads::open(folder.path(), gate.clone(), Holds::default(), clock, &limits).unwrap();
        let (ask, mut questions) = mpsc::channel::<Question>(1);
        let (_applied, applied) = watch::channel(Position::START);
        let tables = Tables { applied, ask, damage: Damage::new() };
        tokio::spawn(async move {
            let projection = Projection::in_memory(LogId::from_random(1)).unwrap();
            while let Some(question) = questions.recv().await {
                question(projection.connection());
            }
        });
        let hashes: Vec<_> = (0..20).map(|number| FileHash([number; 32])).collect();
        let named = hashes.iter().map(|hash| (FileId::new(Position::new(1)), *hash)).collect();
        let erased = erase_all(&uploads, Files { named, has_erased: false }, &tables).await;
        assert_eq!(erased.unwrap_err().kind(), io::ErrorKind::ResourceBusy);
        let mut come = gate.state.lock().unwrap().1.clone();
        come.sort();
        assert_eq!(come, hashes);
    }
}
