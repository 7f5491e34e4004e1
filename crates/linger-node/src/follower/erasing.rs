//! Erases deleted texts from the files, a little after they are deleted.
//!
//! Apply has blanked the tables by then, and noted which entries of the log have a payload to
//! erase. First the bytes of files go, while the log still names them, and on a cluster this
//! node's copies of those that another node has erased; then the log's writer
//! rewrites the entries; then the follower empties the WAL of the tables, and clears their
//! file of copies; and only then it is noted how far that came. A run that is cut off before
//! that is done again, after the next start too.

use std::{io, sync::Arc};

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
    log::{Log, ReadError},
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
        let files = match self.files_among(&erasures) {
            Ok(files) => files,
            Err(error) => {
                tracing::warn!(%error, "deleted files cannot be erased just now");
                self.erasing.due = Some(Instant::now() + TRY_AGAIN_AFTER);
                return;
            }
        };
        let has_some = !files.named.is_empty() || files.has_erased;
        let Some(uploads) = self.uploads.clone().filter(|_| has_some) else {
            self.erase_entries(erasures);
            return;
        };
        let (answer, erased) = oneshot::channel();
        let tables = Tables {
            applied: self.applied.subscribe(),
            ask: self.ask.clone(),
            damage: self.damage.clone(),
        };
        // Not here: a hash is held until the follower has applied who adds it again.
        tokio::spawn(async move {
            match erase_all(&uploads, files, &tables).await {
                Ok(()) => _ = answer.send(()),
                Err(error) => {
                    tracing::warn!(%error, "deleted files cannot be erased just now");
                }
            }
        });
        self.erasing.running = Some((Next::Log(erasures), erased));
    }

    /// Returns the files that these entries added.
    fn files_among(&self, erasures: &[Erasure]) -> Result<Files, ReadError> {
        let mut files = Files::default();
        if self.uploads.is_none() {
            return Ok(files);
        }
        for erasure in erasures {
            for entry in self.log.read_after(erasure.entry.before(), 1)? {
                match entry.draft.command {
                    Command::AddFile { hash, .. } => {
                        files.named.push((FileId::new(entry.position), hash));
                    }
                    Command::ErasedFile { .. } => files.has_erased = true,
                    _ => {}
                }
            }
        }
        Ok(files)
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
        let cleared = match path.filter(|_| is_empty) {
            Some(path) => clear_from(&path, begin),
            None => Err(std::io::Error::other("somebody reads the tables, or writes them")),
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

/// Erases files whose last message is gone. Bytes that another file has stay.
///
/// Another node may have erased the entries of some: then no copy of ours stays that no file
/// has.
async fn erase_all(uploads: &Arc<Uploads>, files: Files, tables: &Tables) -> io::Result<()> {
    for (file, hash) in files.named {
        uploads.erase_file(file, hash, |at| tables.clone().has(hash, at)).await?;
    }
    if files.has_erased {
        for hash in uploads.store().copies() {
            uploads.erase_unless(hash, |at| tables.clone().has(hash, at)).await?;
        }
    }
    Ok(())
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
