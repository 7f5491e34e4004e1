//! The log in one SQLite file, written by one thread.
//!
//! Group commit: whatever queued up while the last fsync ran goes into one
//! transaction, with one fsync. Nothing is acknowledged before it. The latest
//! entries stay in memory for the follower, who is seldom further behind.

use std::{
    collections::VecDeque,
    path::Path,
    sync::{Arc, Mutex},
    thread::JoinHandle,
    time::Instant,
};

use linger_core::{Draft, Entry, LogId, Position, StoredEntry};
use rusqlite::{Connection, OptionalExtension, Row, params};
use tokio::sync::{mpsc, oneshot, watch};

use super::{AppendError, Appending, Log, Note, ReadError};
use crate::{Limits, essential, metrics::Metrics};

#[cfg(test)]
mod tests;

/// The form of the tables; old forms are read for ever.
const SCHEMA: u32 = 1;
const TABLES: &str = "
    CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID;
    CREATE TABLE entries (
        position   INTEGER PRIMARY KEY,
        version    INTEGER NOT NULL,
        at_ms      INTEGER NOT NULL,
        author     INTEGER NOT NULL,
        request_id TEXT NOT NULL,
        command    TEXT NOT NULL
    ) STRICT;
";
/// Entries kept in memory for the follower: a few batches.
const LATEST_MAX: usize = 4096;

/// The log in a SQLite file.
pub(crate) struct SqliteLog {
    id: LogId,
    /// None while it closes.
    queue: Option<mpsc::Sender<Queued>>,
    writer: Option<JoinHandle<()>>,
    tail: watch::Receiver<Position>,
    latest: Arc<Mutex<Latest>>,
    reader: Mutex<Connection>,
}

/// The file, open, before anything follows or writes it.
pub(crate) struct SqliteFile {
    connection: Connection,
    reader: Connection,
    id: LogId,
    tail: Position,
}

struct Queued {
    draft: Draft,
    note: Option<Note>,
    since: Instant,
    answer: oneshot::Sender<Result<Position, AppendError>>,
}

/// The newest entries, all after `after`.
struct Latest {
    after: Position,
    entries: VecDeque<Entry>,
}

impl SqliteFile {
    /// Opens the log at `path`, or begins a new one under `new_id`.
    pub(crate) fn open(path: &Path, new_id: LogId) -> rusqlite::Result<SqliteFile> {
        // Older ones can corrupt a WAL when a reset meets a checkpoint.
        assert!(rusqlite::version_number() >= 3_051_003, "SQLite {}", rusqlite::version());
        let mut connection = Connection::open(path)?;
        connection.pragma_update(None, "journal_mode", "wal")?;
        // FULL: a commit is on the disk before it returns, also after a power cut.
        connection.pragma_update(None, "synchronous", "full")?;
        connection.pragma_update(None, "fullfsync", true)?;
        connection.pragma_update(None, "checkpoint_fullfsync", true)?;
        let schema: u32 = connection.query_row("PRAGMA user_version", [], |row| row.get(0))?;
        if schema == 0 {
            let tx = connection.transaction()?;
            tx.execute_batch(TABLES)?;
            tx.pragma_update(None, "user_version", SCHEMA)?;
            tx.execute("INSERT INTO meta VALUES ('log_id', ?1)", [new_id.as_str()])?;
            tx.commit()?;
        } else if schema != SCHEMA {
            let reason = format!(
                "it has form {schema}, which this version does not know; run the newer version"
            );
            return Err(rusqlite::Error::ToSqlConversionFailure(reason.into()));
        }
        let id: String =
            connection
                .query_row("SELECT value FROM meta WHERE key = 'log_id'", [], |row| row.get(0))?;
        let tail = connection
            .query_row("SELECT max(position) FROM entries", [], |row| row.get(0))
            .optional()?
            .flatten();
        Ok(SqliteFile {
            reader: Connection::open(path)?,
            connection,
            id: id
                .parse()
                .map_err(|error| rusqlite::Error::ToSqlConversionFailure(Box::new(error)))?,
            tail: tail.unwrap_or(Position::START),
        })
    }

    /// Returns which log this is.
    pub(crate) fn id(&self) -> LogId {
        self.id
    }

    /// Returns the position of the last entry.
    pub(crate) fn tail(&self) -> Position {
        self.tail
    }

    /// Gives the log another id: cursors from before get a reset.
    pub(crate) fn rename(&mut self, id: LogId) -> rusqlite::Result<()> {
        self.connection
            .execute("UPDATE meta SET value = ?1 WHERE key = 'log_id'", [id.as_str()])?;
        self.id = id;
        Ok(())
    }

    /// Starts the writer thread. It ends when the log is dropped.
    pub(crate) fn start(self, limits: &Limits, metrics: Arc<Metrics>) -> SqliteLog {
        let (queue, queued) = mpsc::channel(limits.append_queue_max);
        let (announce, tail) = watch::channel(self.tail);
        let latest = Arc::new(Mutex::new(Latest { after: self.tail, entries: VecDeque::new() }));
        let writer = Writer {
            connection: self.connection,
            last: self.tail,
            batch_max: limits.append_batch_max,
            latest: latest.clone(),
            announce,
            metrics,
        };
        let writer = essential::spawn("log-writer", move || writer.run(queued));
        SqliteLog {
            id: self.id,
            queue: Some(queue),
            writer: Some(writer),
            tail,
            latest,
            reader: Mutex::new(self.reader),
        }
    }
}

impl Log for SqliteLog {
    fn id(&self) -> LogId {
        self.id
    }

    fn append_noting(&self, draft: Draft, note: Option<Note>) -> Result<Appending, AppendError> {
        let (answer, appending) = oneshot::channel();
        let queue = self.queue.as_ref().expect("it closes only when nobody has it any more");
        match queue.try_send(Queued { draft, note, since: Instant::now(), answer }) {
            Ok(()) => Ok(appending),
            Err(mpsc::error::TrySendError::Full(_)) => Err(AppendError::Full),
            Err(mpsc::error::TrySendError::Closed(_)) => Err(AppendError::Unknown),
        }
    }

    fn read_after(&self, after: Position, limit: usize) -> Result<Vec<Entry>, ReadError> {
        let latest = self.latest.lock().expect("no holder of this lock panics");
        if after >= latest.after {
            let begin = latest.entries.partition_point(|entry| entry.position <= after);
            return Ok(latest.entries.iter().skip(begin).take(limit).cloned().collect());
        }
        drop(latest);
        let reader = self.reader.lock().expect("no holder of this lock panics");
        let mut select = reader.prepare_cached(
            "SELECT position, version, at_ms, author, request_id, command
             FROM entries WHERE position > ?1 ORDER BY position LIMIT ?2",
        )?;
        let rows = select.query_map(params![after, limit], stored_entry)?;
        rows.map(|row| {
            let (position, stored) = row?;
            Ok(stored.decode(position)?)
        })
        .collect()
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
            writer.join().expect("its panic would have ended the process");
        }
    }
}

fn stored_entry(row: &Row<'_>) -> rusqlite::Result<(Position, StoredEntry)> {
    let stored = StoredEntry {
        version: row.get(1)?,
        at_ms: row.get(2)?,
        author: row.get(3)?,
        request_id: row.get(4)?,
        command: row.get(5)?,
    };
    Ok((row.get(0)?, stored))
}

/// The one writer. Owns the only connection that changes the file.
struct Writer {
    connection: Connection,
    last: Position,
    batch_max: usize,
    latest: Arc<Mutex<Latest>>,
    announce: watch::Sender<Position>,
    metrics: Arc<Metrics>,
}

impl Writer {
    fn run(mut self, mut queued: mpsc::Receiver<Queued>) {
        let mut batch = Vec::with_capacity(self.batch_max);
        while queued.blocking_recv_many(&mut batch, self.batch_max) > 0 {
            let begin = Instant::now();
            match self.commit(&batch) {
                Ok(()) => self.acknowledge(begin, &mut batch),
                Err(error) => {
                    tracing::error!(%error, appends = batch.len(), "the log could not be written; appends are refused");
                    for queued in batch.drain(..) {
                        // Who does not wait any more need not know.
                        let _ = queued.answer.send(Err(AppendError::Unknown));
                    }
                    self.find_last();
                }
            }
        }
    }

    fn commit(&mut self, batch: &[Queued]) -> rusqlite::Result<()> {
        let tx = self.connection.transaction()?;
        {
            let mut insert = tx.prepare_cached(
                "INSERT INTO entries (position, version, at_ms, author, request_id, command)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
            )?;
            let mut position = self.last;
            for queued in batch {
                position = position.next();
                let stored = StoredEntry::encode(&queued.draft);
                insert.execute(params![
                    position,
                    stored.version,
                    stored.at_ms,
                    stored.author,
                    stored.request_id,
                    stored.command
                ])?;
            }
        }
        tx.commit()
    }

    fn acknowledge(&mut self, begin: Instant, batch: &mut Vec<Queued>) {
        self.metrics.fsync_seconds.observe(begin.elapsed().as_secs_f64());
        let mut answers = Vec::with_capacity(batch.len());
        {
            let mut latest = self.latest.lock().expect("no holder of this lock panics");
            for queued in batch.drain(..) {
                self.last = self.last.next();
                if let Some(note) = &queued.note {
                    note.set(self.last).expect("an append has one position");
                }
                latest.entries.push_back(Entry { position: self.last, draft: queued.draft });
                answers.push((queued.answer, queued.since, self.last));
            }
            while latest.entries.len() > LATEST_MAX {
                latest.after = latest.entries.pop_front().expect("it is not empty").position;
            }
        }
        // The follower first: it has work to do before the submits can go on.
        self.announce.send_replace(self.last);
        for (answer, since, position) in answers {
            self.metrics.append_seconds.observe(since.elapsed().as_secs_f64());
            // Whoever gave up asking will ask again under the same request id.
            let _ = answer.send(Ok(position));
        }
    }

    /// After a failed commit: looks what the file really holds, so that no
    /// position is given twice.
    fn find_last(&mut self) {
        let found = self.connection.query_row("SELECT max(position) FROM entries", [], |row| {
            row.get::<_, Option<Position>>(0)
        });
        let Ok(found) = found else { return };
        let found = found.unwrap_or(Position::START);
        if found > self.last {
            // The commit did take place. The entries are read from the file.
            let mut latest = self.latest.lock().expect("no holder of this lock panics");
            *latest = Latest { after: found, entries: VecDeque::new() };
            self.last = found;
            drop(latest);
            self.announce.send_replace(found);
        }
    }
}
