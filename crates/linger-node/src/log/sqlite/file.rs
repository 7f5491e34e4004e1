//! The log's file: its statements about itself, its tables, and its entries in their
//! stored form.
//!
//! The file has a form (its tables), and entries have a vocabulary (their words).
//! Both are looked at before anything is written: a program that is older than the
//! file changes nothing in it. An entry is compared with its checksum whenever it
//! is read, and positions have no gaps here, so that no entry can be missing.

use std::path::Path;

use linger_core::{
    Entry, LogId, Position, ProjectionError, StoredEntry, UnreadableEntry, Vocabulary, is_damage,
};
use rusqlite::{Connection, OpenFlags, OptionalExtension, Row, params};

use super::erase;
use crate::log::{READ_BYTES_MAX, ReadError};

/// The form of the tables; old forms are read for ever.
const FORM: u32 = 2;
const TABLES: &str = "
    CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID;
    CREATE TABLE entries (
        position   INTEGER PRIMARY KEY,
        vocabulary INTEGER NOT NULL,
        at_ms      INTEGER NOT NULL,
        author     INTEGER NOT NULL,
        request_id TEXT NOT NULL,
        command    TEXT NOT NULL,
        asked      BLOB,
        salt       BLOB,
        nonce      INTEGER,
        checksum   INTEGER NOT NULL DEFAULT 0
    ) STRICT;
";
/// From the first form to the second: entries get checksums, and columns for the parts
/// that later entries have.
const TO_SECOND_FORM: &str = "
    ALTER TABLE entries RENAME COLUMN version TO vocabulary;
    ALTER TABLE entries ADD COLUMN asked BLOB;
    ALTER TABLE entries ADD COLUMN salt BLOB;
    ALTER TABLE entries ADD COLUMN nonce INTEGER;
    ALTER TABLE entries ADD COLUMN checksum INTEGER NOT NULL DEFAULT 0;
";
const INSERT: &str = "
    INSERT INTO entries (position, vocabulary, at_ms, author, request_id, command, asked, salt, nonce, checksum)
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)";
const SELECT: &str = "
    SELECT position, vocabulary, at_ms, author, request_id, command, asked, salt, nonce, checksum
    FROM entries WHERE position > ?1 ORDER BY position LIMIT ?2";

/// The file, open, before anything follows or writes it.
pub(crate) struct SqliteFile {
    pub(super) connection: Connection,
    pub(super) reader: Connection,
    pub(super) id: LogId,
    pub(super) tail: Position,
    /// How far everything is erased that entries ask to be erased.
    pub(super) erased_upto: Position,
}

/// A log's statements about itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct AboutLog {
    /// Which log it is.
    pub(crate) id: LogId,
    /// The position of its last entry.
    pub(crate) tail: Position,
    /// Its form is that of an older version: its entries have no checksums yet.
    pub(crate) is_older: bool,
}

/// Reasons why a log cannot be opened.
#[derive(Debug, thiserror::Error)]
pub(crate) enum LogError {
    /// A newer version of Linger wrote it.
    #[error("a newer version of linger wrote it; run the newer version")]
    Newer,
    /// It is no log, or it is damaged.
    #[error("it is damaged ({0}); restore it from a backup")]
    Damaged(String),
    /// The database failed.
    #[error(transparent)]
    Database(rusqlite::Error),
}

impl SqliteFile {
    /// Returns the statements of the log at `path` about itself; none if there is no log
    /// yet. Changes nothing: not even the WAL of a server that was killed is merged.
    pub(crate) fn about(path: &Path) -> Result<Option<AboutLog>, LogError> {
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = Connection::open_with_flags(path, flags)?;
        match form(&connection)? {
            0 => Ok(None),
            form @ 1..=FORM => {
                let is_older = form < FORM;
                if !is_older {
                    check_meta(&connection)?;
                }
                let (id, tail) = (id(&connection)?, tail(&connection)?);
                Ok(Some(AboutLog { id, tail, is_older }))
            }
            _ => Err(LogError::Newer),
        }
    }

    /// Opens the log at `path`, or begins a new one under `new_id`.
    pub(crate) fn open(path: &Path, new_id: LogId) -> Result<SqliteFile, LogError> {
        // Older ones can corrupt a WAL when a reset meets a checkpoint.
        assert!(rusqlite::version_number() >= 3_051_003, "SQLite {}", rusqlite::version());
        let mut connection = Connection::open(path)?;
        connection.pragma_update(None, "journal_mode", "wal")?;
        // FULL: a commit is on the disk before it returns, also after a power cut.
        connection.pragma_update(None, "synchronous", "full")?;
        connection.pragma_update(None, "fullfsync", true)?;
        connection.pragma_update(None, "checkpoint_fullfsync", true)?;
        // An erased text is overwritten, in pages that are free too (docs/decisions/0051).
        connection.pragma_update(None, "secure_delete", true)?;
        match form(&connection)? {
            0 => {
                let tx = connection.transaction()?;
                tx.execute_batch(TABLES)?;
                set_id(&tx, new_id)?;
                finish_form(&tx)?;
                tx.commit()?;
            }
            1 => upgrade(&mut connection)?,
            FORM => {
                check_meta(&connection)?;
                // Appends from now on need as much.
                set_meta(&connection, "vocabulary", &Vocabulary::LATEST.get().to_string())?;
            }
            _ => return Err(LogError::Newer),
        }
        let (id, tail) = (id(&connection)?, tail(&connection)?);
        let erased_upto = erase::erased_upto(&connection)?;
        Ok(SqliteFile { reader: Connection::open(path)?, connection, id, tail, erased_upto })
    }

    /// Returns which log this is.
    pub(crate) fn id(&self) -> LogId {
        self.id
    }

    /// Returns the position of the last entry.
    pub(crate) fn tail(&self) -> Position {
        self.tail
    }

    /// Tells whether a server that knew epochs has written this log.
    pub(crate) fn has_epochs(&self) -> Result<bool, LogError> {
        let epoch =
            r#"SELECT EXISTS (SELECT 1 FROM entries WHERE command GLOB '{"type":"begin_epoch"*')"#;
        Ok(self.connection.query_row(epoch, [], |row| row.get(0))?)
    }

    /// Writes entries at the end, all at once or not at all: those of a log that is moved here,
    /// each with the position that it has.
    pub(crate) fn extend(&mut self, entries: &[Entry]) -> Result<(), LogError> {
        let tx = self.connection.transaction()?;
        let mut last = self.tail;
        for Entry { position, draft } in entries {
            assert_eq!(*position, last.next(), "positions have no gaps");
            insert(&tx, *position, &StoredEntry::encode(draft))?;
            last = *position;
        }
        tx.commit()?;
        self.tail = last;
        Ok(())
    }

    /// Returns up to `limit` entries after `after`.
    pub(crate) fn read_after(
        &self,
        after: Position,
        limit: usize,
    ) -> Result<Vec<Entry>, ReadError> {
        read_after(&self.connection, after, limit)
    }

    /// Closes it. The last connection takes the WAL into the file, and removes it.
    pub(crate) fn close(self) -> Result<(), LogError> {
        drop(self.reader);
        self.connection.close().map_err(|(_, error)| error.into())
    }

    /// Gives the log another id: cursors from before get a reset.
    pub(crate) fn rename(&mut self, id: LogId) -> Result<(), LogError> {
        let tx = self.connection.transaction()?;
        set_id(&tx, id)?;
        tx.commit()?;
        self.id = id;
        Ok(())
    }
}

impl From<rusqlite::Error> for LogError {
    fn from(error: rusqlite::Error) -> LogError {
        match is_damage(&error) {
            true => LogError::Damaged(error.to_string()),
            false => LogError::Database(error),
        }
    }
}

impl From<ProjectionError> for LogError {
    fn from(error: ProjectionError) -> LogError {
        match error {
            ProjectionError::Database(error) => error.into(),
            ProjectionError::Foreign => unreachable!("a new projection is of this log"),
        }
    }
}

impl From<ReadError> for LogError {
    fn from(error: ReadError) -> LogError {
        match error {
            ReadError::Entry(UnreadableEntry::Newer { .. }) => LogError::Newer,
            ReadError::Entry(error) => LogError::Damaged(error.to_string()),
            ReadError::Database(error) => error.into(),
            ReadError::Cluster(_) => unreachable!("this log is a file"),
        }
    }
}

/// Writes an entry at the end.
pub(super) fn insert(
    connection: &Connection,
    position: Position,
    stored: &StoredEntry,
) -> rusqlite::Result<()> {
    connection.prepare_cached(INSERT)?.execute(params![
        position,
        stored.vocabulary,
        stored.at_ms,
        stored.author,
        stored.request_id,
        stored.command,
        stored.asked,
        stored.salt,
        stored.nonce,
        stored.checksum(position)
    ])?;
    Ok(())
}

/// Returns up to `limit` entries after `after`, each as it was stored; fewer when they
/// are long ([`READ_BYTES_MAX`]).
pub(crate) fn read_after(
    connection: &Connection,
    after: Position,
    limit: usize,
) -> Result<Vec<Entry>, ReadError> {
    let mut select = connection.prepare_cached(SELECT)?;
    let mut rows = select.query(params![after, limit])?;
    let mut entries = Vec::new();
    let mut expected = after.next();
    let mut bytes = 0;
    while bytes < READ_BYTES_MAX
        && let Some(row) = rows.next()?
    {
        let (position, stored, checksum) = stored_entry(row)?;
        if position != expected {
            return Err(damaged(expected, "there is no such entry, but later ones").into());
        }
        if stored.checksum(position) != checksum {
            return Err(damaged(position, "the entry is not what was stored").into());
        }
        let entry = stored.decode(position)?;
        bytes += entry.draft.weight();
        entries.push(entry);
        expected = position.next();
    }
    Ok(entries)
}

/// Returns the position of the last entry.
pub(super) fn tail(connection: &Connection) -> rusqlite::Result<Position> {
    let last = connection.query_row("SELECT max(position) FROM entries", [], |row| row.get(0));
    Ok(last.optional()?.flatten().unwrap_or(Position::START))
}

pub(super) fn damaged(position: Position, reason: &str) -> UnreadableEntry {
    UnreadableEntry::Damaged { position, reason: reason.to_owned() }
}

pub(super) fn stored_entry(row: &Row<'_>) -> rusqlite::Result<(Position, StoredEntry, u32)> {
    let stored = StoredEntry {
        vocabulary: row.get(1)?,
        at_ms: row.get(2)?,
        author: row.get(3)?,
        request_id: row.get(4)?,
        command: row.get(5)?,
        asked: row.get(6)?,
        salt: row.get(7)?,
        nonce: row.get(8)?,
    };
    Ok((row.get(0)?, stored, row.get(9)?))
}

fn form(connection: &Connection) -> rusqlite::Result<u32> {
    connection.query_row("PRAGMA user_version", [], |row| row.get(0))
}

fn id(connection: &Connection) -> Result<LogId, LogError> {
    let id = meta(connection, "log_id")?;
    id.parse().map_err(|_| LogError::Damaged(format!("its id is {id:?}")))
}

/// Errors: the id has changed since it was stored, or a newer vocabulary is in use.
fn check_meta(connection: &Connection) -> Result<(), LogError> {
    let id = id(connection)?;
    if meta(connection, "log_id_checksum")? != checksum(id) {
        return Err(LogError::Damaged("its id is not what was stored".to_owned()));
    }
    let vocabulary = meta(connection, "vocabulary")?;
    match vocabulary.parse::<u32>() {
        Ok(number) if number <= Vocabulary::LATEST.get() => Ok(()),
        Ok(_) => Err(LogError::Newer),
        Err(_) => Err(LogError::Damaged(format!("its vocabulary is {vocabulary:?}"))),
    }
}

fn set_id(connection: &Connection, id: LogId) -> rusqlite::Result<()> {
    set_meta(connection, "log_id", id.as_str())?;
    set_meta(connection, "log_id_checksum", &checksum(id))
}

fn checksum(id: LogId) -> String {
    crc32fast::hash(id.as_str().as_bytes()).to_string()
}

fn finish_form(connection: &Connection) -> rusqlite::Result<()> {
    set_meta(connection, "vocabulary", &Vocabulary::LATEST.get().to_string())?;
    connection.pragma_update(None, "user_version", FORM)
}

fn meta(connection: &Connection, key: &str) -> rusqlite::Result<String> {
    connection.query_row("SELECT value FROM meta WHERE key = ?1", [key], |row| row.get(0))
}

pub(super) fn set_meta(connection: &Connection, key: &str, value: &str) -> rusqlite::Result<()> {
    connection.execute(
        "INSERT INTO meta VALUES (?1, ?2) ON CONFLICT DO UPDATE SET value = excluded.value
         WHERE value <> excluded.value",
        [key, value],
    )?;
    Ok(())
}

/// Brings a log of the first form to the second, all at once or not at all. Its
/// entries stay as they are, and get their checksums.
fn upgrade(connection: &mut Connection) -> Result<(), LogError> {
    /// Bounds what is in memory at once.
    const BATCH: usize = 1000;
    let tx = connection.transaction()?;
    tx.execute_batch(TO_SECOND_FORM)?;
    let mut after = Position::START;
    loop {
        let batch = tx
            .prepare_cached(SELECT)?
            .query_map(params![after, BATCH], stored_entry)?
            .collect::<Result<Vec<_>, _>>()?;
        let Some((last, ..)) = batch.last() else { break };
        after = *last;
        for (position, stored, _) in batch {
            let checksum = stored.checksum(position);
            // An entry that could not be read before must not look whole afterwards.
            stored.decode(position).map_err(ReadError::from)?;
            tx.prepare_cached("UPDATE entries SET checksum = ?2 WHERE position = ?1")?
                .execute(params![position, checksum])?;
        }
    }
    let id = id(&tx)?;
    set_id(&tx, id)?;
    finish_form(&tx)?;
    tx.commit()?;
    tracing::info!(
        entries = after.get(),
        "the log has checksums now; older versions cannot read it"
    );
    Ok(())
}
