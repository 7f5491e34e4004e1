//! The projection: the tables that the log's entries make, and how far they are.
//!
//! The follower owns the one [`Projection`] that writes; everybody else reads
//! through connections of their own ([`Projection::open_reader`]), and sees only the
//! committed state. It holds nothing that the log does not: it may be deleted at any
//! time, and so a commit may come later than the outcomes (docs/decisions/0013).

use std::{path::Path, time::Duration};

use rusqlite::{
    Connection, ErrorCode, OpenFlags, OptionalExtension, params,
    types::{FromSql, ValueRef},
};
use sha2::{Digest, Sha256};

use crate::{
    Entry, LogId, Outcome, Position, Timestamp, Vocabulary,
    apply::{self, Desk},
    running::{self, Running},
    statements::Batch,
    sum,
};

/// The form of the tables. A projection of another form is made anew.
const SCHEMA: u32 = 6;
/// KiB of pages that are kept in memory; taken as they are needed.
const CACHE_KIB: i64 = 8192;
/// If the last time is further ahead of an entry's own time than this, the last time is
/// wrong: the clocks of nodes agree better, and so does one clock with itself.
const AHEAD_MS_MAX: i64 = 5000;

/// The tables, open for writing. One owner: the follower.
/// If it is dropped without [`Projection::commit`], it loses everything since the
/// last one. The log has that, and it is applied again.
pub struct Projection {
    connection: Connection,
    log: LogId,
    desk: Desk,
    /// As of the open transaction, if there is one.
    applied: Mark,
    /// As the tables themselves say, in the open transaction.
    settled: Mark,
    committed: Mark,
}

/// How far the tables are.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Mark {
    position: Position,
    /// The time of the last entry.
    at: Timestamp,
    running: Running,
}

/// A projection's statements about itself, whatever version made it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct About {
    /// The log that it is a projection of.
    pub log: String,
    /// How far it is.
    pub applied: Position,
    /// The time that its last entry counts for, if it says that.
    pub at: Option<Timestamp>,
    /// The form of its tables.
    pub form: u32,
}

/// Reasons why a projection cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ProjectionError {
    /// It belongs to another log, or to another version's tables: a new one must be
    /// made from the log.
    #[error("the projection does not belong to this log or this version")]
    Foreign,
    /// The database failed.
    #[error("the projection's database failed: {0}")]
    Database(#[from] rusqlite::Error),
}

impl About {
    /// Tells whether its tables have today's form.
    pub fn is_current(&self) -> bool {
        self.form == SCHEMA
    }

    /// Tells whether this may be the last entry that it was made of, by the entry's time. One
    /// that was written in the same place later, after an older copy of the log was put back,
    /// is not.
    pub fn may_end_with(&self, entry: &Entry) -> bool {
        self.at.is_none_or(|at| time_of(entry, at) == at)
    }

    /// Tells whether an earlier version made its tables.
    pub fn is_older(&self) -> bool {
        self.form < SCHEMA
    }
}

impl Projection {
    /// Opens the projection of `log` at `path`, or makes an empty one.
    ///
    /// Errors: [`ProjectionError::Foreign`] if it must be made anew.
    pub fn open(path: &Path, log: LogId) -> Result<Projection, ProjectionError> {
        let connection = Connection::open(path)?;
        // WAL with NORMAL: never corrupt after a power cut, but the latest
        // batches may be gone. The log has them, so they are applied again.
        connection.pragma_update(None, "journal_mode", "wal")?;
        connection.pragma_update(None, "synchronous", "normal")?;
        // SQLite keeps the data to undo a statement in small pieces of memory this way,
        // and not in 64 KiB that are taken and given back each time.
        connection.pragma_update(None, "temp_store", "memory")?;
        // Random names of requests put each request in another page. With SQLite's 2 MiB the
        // pages of one commit do not fit, and pages are written that the same commit changes
        // again (docs/decisions/0016).
        connection.pragma_update(None, "cache_size", -CACHE_KIB)?;
        // An erased text is overwritten, in pages that are free too (docs/decisions/0051).
        connection.pragma_update(None, "secure_delete", true)?;
        Projection::prepare(connection, log)
    }

    /// Returns the statements of the projection at `path` about itself; none if there is
    /// no projection. Changes nothing.
    ///
    /// Errors: it cannot be read.
    pub fn about(path: &Path) -> rusqlite::Result<Option<About>> {
        let connection = Projection::open_reader(path)?;
        let schema: u32 = connection.query_row("PRAGMA user_version", [], |row| row.get(0))?;
        if schema == 0 {
            return Ok(None);
        }
        // All forms so far have these two values.
        let value = "SELECT value FROM meta WHERE key = ?1";
        Ok(Some(About {
            log: connection.query_row(value, ["log_id"], |row| row.get(0))?,
            applied: connection.query_row(value, ["applied"], |row| row.get(0))?,
            at: connection
                .query_row(value, ["last_at_ms"], |row| row.get(0).map(Timestamp::from_ms))
                .optional()?,
            form: schema,
        }))
    }

    /// Makes an empty projection in memory.
    pub fn in_memory(log: LogId) -> Result<Projection, ProjectionError> {
        Projection::prepare(Connection::open_in_memory()?, log)
    }

    /// Makes an empty projection in a file that has no name, and is gone when it is
    /// closed.
    pub fn temporary(log: LogId) -> Result<Projection, ProjectionError> {
        Projection::prepare(Connection::open("")?, log)
    }

    /// Opens a connection that can only read the projection at `path`.
    pub fn open_reader(path: &Path) -> rusqlite::Result<Connection> {
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = Connection::open_with_flags(path, flags)?;
        connection.busy_timeout(Duration::from_secs(5))?;
        connection.set_prepared_statement_cache_capacity(64);
        Ok(connection)
    }

    fn prepare(mut connection: Connection, log: LogId) -> Result<Projection, ProjectionError> {
        connection.set_prepared_statement_cache_capacity(64);
        let schema: u32 = connection.query_row("PRAGMA user_version", [], |row| row.get(0))?;
        if schema == 0 {
            let tx = connection.transaction()?;
            tx.execute_batch(include_str!("projection.sql"))?;
            tx.pragma_update(None, "user_version", SCHEMA)?;
            set_meta(&tx, "log_id", log.as_str())?;
            set_meta(&tx, "applied", 0)?;
            set_meta(&tx, "last_at_ms", 0)?;
            running::set(&tx, Running::START)?;
            tx.commit()?;
        } else if schema != SCHEMA || meta::<String>(&connection, "log_id")? != log.as_str() {
            return Err(ProjectionError::Foreign);
        }
        let at = Timestamp::from_ms(meta(&connection, "last_at_ms")?);
        let running = running::now(&connection)?;
        let mark = Mark { position: meta(&connection, "applied")?, at, running };
        let (desk, applied, settled) = (Desk::default(), mark, mark);
        Ok(Projection { connection, log, desk, applied, settled, committed: mark })
    }

    /// Returns the log that this is a projection of.
    pub fn log(&self) -> LogId {
        self.log
    }

    /// Returns the position of the last entry that was applied.
    pub fn applied(&self) -> Position {
        self.applied.position
    }

    /// Returns the position up to which other connections see the tables.
    pub fn committed(&self) -> Position {
        self.committed.position
    }

    /// Returns the running hash over all entries that were applied.
    pub fn running(&self) -> Running {
        self.applied.running
    }

    /// Returns the connection, for [`crate::queries`] and [`crate::feed`].
    pub fn connection(&self) -> &Connection {
        &self.connection
    }

    /// Returns the connection, for tests that let it fail.
    #[doc(hidden)]
    pub fn connection_mut(&mut self) -> &mut Connection {
        &mut self.connection
    }

    /// Applies entries in order, in a transaction that stays open: other connections do not
    /// see their effects before [`Projection::commit`].
    ///
    /// Errors: those of the database, and then nothing is left of the transaction:
    /// [`Projection::applied`] is back where [`Projection::committed`] is.
    ///
    /// Panics if the entries do not come after those applied before: that would
    /// be a bug in a log engine.
    pub fn apply(&mut self, entries: &[Entry]) -> rusqlite::Result<Vec<Outcome>> {
        let outcomes = self.go_on(entries)?;
        self.settle()?;
        Ok(outcomes)
    }

    /// Applies entries as [`Projection::apply`] does, but the counts of rooms and how far the
    /// tables are stay in memory: [`Projection::connection`] sees them after
    /// [`Projection::settle`]. Many small batches cost a third less so.
    ///
    /// Errors and panics as there.
    pub fn go_on(&mut self, entries: &[Entry]) -> rusqlite::Result<Vec<Outcome>> {
        if self.connection.is_autocommit() {
            self.connection.execute_batch("BEGIN")?;
        }
        match apply_all(&self.connection, &self.desk, self.applied, entries) {
            Ok((outcomes, mark)) => {
                self.applied = mark;
                Ok(outcomes)
            }
            Err(error) => {
                self.roll_back();
                Err(error)
            }
        }
    }

    /// Lets the tables have all that was applied, in the open transaction.
    ///
    /// Errors: as those of [`Projection::apply`].
    pub fn settle(&mut self) -> rusqlite::Result<()> {
        if self.settled == self.applied {
            return Ok(());
        }
        let settled = write_mark(&self.connection, &self.desk, self.applied);
        match settled {
            Ok(()) => self.settled = self.applied,
            Err(_) => self.roll_back(),
        }
        settled
    }

    /// Lets everybody see the entries that were applied, if they do not yet.
    ///
    /// Errors: as those of [`Projection::apply`].
    pub fn commit(&mut self) -> rusqlite::Result<()> {
        if self.connection.is_autocommit() {
            return Ok(());
        }
        self.settle()?;
        let committed = self.connection.execute_batch("COMMIT");
        match committed {
            Ok(()) => self.committed = self.applied,
            Err(_) => self.roll_back(),
        }
        committed
    }

    /// Moves all that is committed from the WAL into the file, and empties the WAL: what was
    /// erased is in neither. Tells whether that went; it does not while somebody reads.
    ///
    /// Errors: those of the database.
    pub fn empty_wal(&self) -> rusqlite::Result<bool> {
        empty_wal(&self.connection)
    }

    /// Goes back to the committed state. A savepoint for each batch would make all
    /// batches cost a quarter more, and SQLite itself goes back all the way when a disk is
    /// full.
    fn roll_back(&mut self) {
        if !self.connection.is_autocommit() {
            self.connection.execute_batch("ROLLBACK").expect("a transaction can be given up");
        }
        self.desk.clear();
        (self.applied, self.settled) = (self.committed, self.committed);
    }

    /// Returns a hash over each table, a line for each: equal for equal projections,
    /// on every machine. A new table adds a line, and changes no other.
    pub fn fingerprint(&self) -> rusqlite::Result<String> {
        fingerprint(&self.connection)
    }
}

/// Empties the WAL of a database, as [`Projection::empty_wal`] does.
pub fn empty_wal(connection: &Connection) -> rusqlite::Result<bool> {
    // Readers are done in a moment. Until then writers must not wait.
    const PATIENCE: Duration = Duration::from_millis(20);
    connection.busy_timeout(PATIENCE)?;
    let is_busy =
        connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get::<_, i64>(0));
    connection.busy_timeout(Duration::from_secs(5))?;
    match is_busy {
        Ok(is_busy) => Ok(is_busy == 0),
        Err(error) if error.sqlite_error_code() == Some(ErrorCode::DatabaseBusy) => Ok(false),
        Err(error) if error.sqlite_error_code() == Some(ErrorCode::DatabaseLocked) => Ok(false),
        Err(error) => Err(error),
    }
}

/// Returns a hash over each table of the projection behind this connection, a line
/// for each.
pub fn fingerprint(connection: &Connection) -> rusqlite::Result<String> {
    const TABLES: [(&str, &str); 17] = [
        ("meta", "key"),
        ("epochs", "position"),
        ("users", "id"),
        ("sessions", "token_hash"),
        ("rooms", "id"),
        ("members", "room_id, user_id"),
        ("past_stays", "user_id, room_id, joined"),
        ("events", "position"),
        ("concerns", "place, numbered, position"),
        ("requests", "author, request_id"),
        ("messages", "position"),
        ("versions", "ended"),
        ("reactions", "message, emoji, user_id"),
        ("files", "id"),
        ("message_files", "file, message"),
        ("erasures", "cause, entry"),
        ("running", "position"),
    ];
    let mut lines = String::new();
    for (table, order) in TABLES {
        let mut hash = Sha256::new();
        let mut select = connection.prepare(&format!("SELECT * FROM {table} ORDER BY {order}"))?;
        let columns = select.column_count();
        let mut rows = select.query([])?;
        while let Some(row) = rows.next()? {
            hash_bytes(&mut hash, b'r', table.as_bytes());
            for column in 0..columns {
                hash_value(&mut hash, row.get_ref(column)?);
            }
        }
        lines += &format!("{table} {}\n", const_hex::encode(hash.finalize()));
    }
    Ok(lines)
}

/// Applies entries after `mark`. Returns their outcomes, and how far the tables
/// are then.
fn apply_all(
    connection: &Connection,
    desk: &Desk,
    mut mark: Mark,
    entries: &[Entry],
) -> rusqlite::Result<(Vec<Outcome>, Mark)> {
    let (tx, mut outcomes) = (Batch::on(connection), Vec::with_capacity(entries.len()));
    for entry in entries {
        assert!(entry.position > mark.position, "{} comes after {}", entry.position, mark.position);
        let at = time_of(entry, mark.at);
        let outcome = apply::apply(&tx, desk, entry, at)?;
        mark = Mark { position: entry.position, at, running: mark.running.with(entry, &outcome) };
        running::pass(connection, mark.position, mark.running)?;
        outcomes.push(outcome);
    }
    Ok((outcomes, mark))
}

/// Writes how far the tables are, and what the desk has for them.
fn write_mark(connection: &Connection, desk: &Desk, mark: Mark) -> rusqlite::Result<()> {
    desk.settle(&Batch::on(connection))?;
    set_meta(connection, "applied", mark.position.get().cast_signed())?;
    set_meta(connection, "last_at_ms", mark.at.as_ms())?;
    running::set(connection, mark.running)
}

/// Returns the time that an entry counts for, after an entry that counted for `last`.
///
/// A clock that was set back must not make time run backwards. But a last time that
/// is far ahead was wrong, and must not stamp all later entries.
fn time_of(entry: &Entry, last: Timestamp) -> Timestamp {
    let own = entry.draft.at;
    let is_last_wrong =
        entry.draft.rules() > Vocabulary::FIRST && last.as_ms() - own.as_ms() > AHEAD_MS_MAX;
    if is_last_wrong { own } else { last.max(own) }
}

/// Returns the position of the last entry that the projection behind this
/// connection has applied.
pub fn applied(connection: &Connection) -> rusqlite::Result<Position> {
    meta(connection, "applied")
}

// Fixtures hold fingerprints for ever, so the exact bytes of the hash are written
// out here: the form of a library's Debug may change with its version.
fn hash_value(hash: &mut Sha256, value: ValueRef<'_>) {
    match value {
        ValueRef::Null => hash_bytes(hash, b'n', &[]),
        ValueRef::Integer(number) => hash_bytes(hash, b'i', &number.to_le_bytes()),
        ValueRef::Real(number) => hash_bytes(hash, b'f', &number.to_bits().to_le_bytes()),
        ValueRef::Text(text) => hash_bytes(hash, b't', text),
        ValueRef::Blob(blob) => hash_bytes(hash, b'b', blob),
    }
}

// The length comes first, so that bytes cannot move from one value to the next unnoticed.
fn hash_bytes(hash: &mut Sha256, tag: u8, bytes: &[u8]) {
    hash.update([tag]);
    hash.update((bytes.len() as u64).to_le_bytes());
    hash.update(bytes);
}

fn meta<T: FromSql>(connection: &Connection, key: &str) -> rusqlite::Result<T> {
    connection.prepare_cached("SELECT key, value, sum FROM meta WHERE key = ?1")?.query_one(
        [key],
        |row| {
            sum::check(row, "meta")?;
            row.get(1)
        },
    )
}

pub(crate) fn set_meta(
    connection: &Connection,
    key: &str,
    value: impl rusqlite::ToSql,
) -> rusqlite::Result<()> {
    let sum = sum::of_values(&[&key, &value])?;
    connection
        .prepare_cached(
            "INSERT INTO meta (key, value, sum) VALUES (?1, ?2, ?3)
             ON CONFLICT DO UPDATE SET value = excluded.value, sum = excluded.sum",
        )?
        .execute(params![key, value, sum])?;
    Ok(())
}
