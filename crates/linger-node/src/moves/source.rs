//! The log of a data folder whose server is stopped, read to be moved. Nothing in it is
//! changed.
//!
//! All of it is read once before anything is written elsewhere: what is damaged, or cannot be
//! moved, is told before.

use std::path::{Path, PathBuf};

use linger_core::{Entry, LogId, Position, Projection, StoredEntry};
use rusqlite::Connection;

use super::{
    MoveError,
    files::{Hashes, add_files},
};
use crate::{
    OpenError,
    data_folder::DataFolder,
    log::{
        ReadError,
        sqlite::{LogError, SqliteFile, has_lost_frames, read_after},
    },
};

/// Bounds what is in memory at once.
const BATCH: usize = 1000;

/// The contents of a log that are not in its entries alone.
#[derive(Debug, Default)]
pub(super) struct Contents {
    /// The erased entries.
    pub(super) erased: Vec<Position>,
    /// The files that the others name.
    pub(super) files: Hashes,
}

/// The log of a folder.
pub(super) struct Source {
    connection: Connection,
    path: PathBuf,
    pub(super) log: LogId,
    pub(super) end: Position,
}

impl Source {
    /// Opens the log of a folder that is ours.
    ///
    /// Errors: a server would not start on it, or it has an older form.
    pub(super) fn open(folder: &DataFolder, path: PathBuf) -> Result<Source, MoveError> {
        let unusable = |error| match error {
            LogError::Newer => OpenError::Newer { file: path.clone() },
            error => OpenError::File { file: path.clone(), error: error.to_string() },
        };
        let about = SqliteFile::about(&path).map_err(unusable)?;
        let about = about.ok_or_else(|| MoveError::NoLog(path.clone()))?;
        if about.is_older {
            return Err(MoveError::Older(path));
        }
        let (log, end) = (about.id, about.tail);
        let wal = path.with_file_name("log.db-wal");
        if has_lost_frames(&wal).map_err(|error| MoveError::file(&wal, error))? {
            return Err(OpenError::DamagedWal { wal, entries: end.get() }.into());
        }
        if let Ok(Some(known)) = folder.projection_files().about()
            && known.applied > end
        {
            let (entries, known) = (end.get(), known.applied.get());
            return Err(OpenError::Shorter { log: path, entries, known }.into());
        }
        let connection = Projection::open_reader(&path);
        let connection = connection.map_err(|error| MoveError::file(&path, error))?;
        Ok(Source { connection, path, log, end })
    }

    /// Reads some entries after a position; none at the end.
    pub(super) fn read_after(&mut self, after: Position) -> Result<Vec<Entry>, ReadError> {
        read_after(&self.connection, after, BATCH)
    }

    /// Reads everything, each entry against its checksum, and tells what there is.
    ///
    /// Errors: something is damaged.
    pub(super) fn look_through(&mut self) -> Result<Contents, MoveError> {
        let mut contents = Contents::default();
        let mut after = Position::START;
        loop {
            let entries = self.read_after(after);
            let entries = entries.map_err(|error| MoveError::file(&self.path, error))?;
            let Some(last) = entries.last() else { break };
            after = last.position;
            contents.add(&entries);
        }
        match after == self.end {
            true => Ok(contents),
            false => Err(MoveError::file(&self.path, "entries are missing")),
        }
    }
}

impl Contents {
    /// Takes note of entries.
    pub(super) fn add(&mut self, entries: &[Entry]) {
        let are_erased = entries.iter().filter(|entry| StoredEntry::is_erased(&entry.draft));
        self.erased.extend(are_erased.map(|entry| entry.position));
        add_files(&mut self.files, entries);
    }
}

/// Returns the path of a folder's log.
pub(super) fn log_of(folder: &Path) -> PathBuf {
    folder.join("log.db")
}
