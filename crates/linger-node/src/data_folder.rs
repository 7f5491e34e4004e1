//! The folder with a node's two files: `log.db`, the truth, and `projection.db`,
//! which is made of it.
//!
//! One node at a time: a lock on the file `lock` keeps a second one out, and the
//! operating system lets go of it when the process ends, however it ends.

use std::{
    fs::{self, File, TryLockError},
    io,
    path::{Path, PathBuf},
};

use linger_core::{LogId, Projection, ProjectionError};

use crate::{Clock, log::sqlite::SqliteFile, roster::Roster};

/// Why a data folder cannot be used; says what to do.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Another process has it.
    #[error(
        "the data folder {0} is in use by another linger; stop that one, or name another folder with --data"
    )]
    InUse(PathBuf),
    /// The operating system refuses.
    #[error(
        "the data folder {folder} cannot be used: {error}; make it writable, or name another folder with --data"
    )]
    Folder {
        /// The folder.
        folder: PathBuf,
        /// What the operating system says.
        error: io::Error,
    },
    /// A file in it is no database of ours, or is damaged.
    #[error(
        "{file} cannot be opened: {error}; restore it from a backup, or name another folder with --data"
    )]
    File {
        /// The file.
        file: PathBuf,
        /// What SQLite says.
        error: rusqlite::Error,
    },
}

/// Both files, open, and what of them the node holds in memory.
pub(crate) struct Opened {
    pub(crate) log: SqliteFile,
    pub(crate) projection: Projection,
    pub(crate) roster: Roster,
}

/// A data folder that is ours as long as this lives.
pub(crate) struct DataFolder {
    path: PathBuf,
    _lock: File,
}

impl DataFolder {
    /// Makes the folder if need be, and takes it.
    pub(crate) fn take(path: &Path) -> Result<DataFolder, OpenError> {
        let refused = |error| OpenError::Folder { folder: path.to_owned(), error };
        fs::create_dir_all(path).map_err(refused)?;
        let lock = File::create(path.join("lock")).map_err(refused)?;
        match lock.try_lock() {
            Ok(()) => Ok(DataFolder { path: path.to_owned(), _lock: lock }),
            Err(TryLockError::WouldBlock) => Err(OpenError::InUse(path.to_owned())),
            Err(TryLockError::Error(error)) => Err(refused(error)),
        }
    }

    /// Returns where the projection is.
    pub(crate) fn projection_path(&self) -> PathBuf {
        self.path.join("projection.db")
    }

    /// Opens both files. The projection is made anew when it is not of this log
    /// and this version; the log gets another id when it was rolled back.
    pub(crate) fn open(&self, clock: &dyn Clock) -> Result<Opened, OpenError> {
        let path = self.path.join("log.db");
        if self.projection_path().exists() && !path.exists() {
            tracing::warn!(
                "there is a projection but no log: beginning a new, empty log; if it was moved away, stop and put it back"
            );
        }
        let new_id = || LogId::from_random(clock.random());
        let failed = |error| OpenError::File { file: path.clone(), error };
        let mut log = SqliteFile::open(&path, new_id()).map_err(failed)?;
        let (projection, roster) = self.open_projection(log.id())?;
        if projection.applied() <= log.tail() {
            return Ok(Opened { log, projection, roster });
        }
        // Somebody put an older log in place: positions will be used again for
        // other entries, so cursors from before must not be taken for current.
        tracing::warn!(
            "the log is older than its projection: it gets a new id, and readers start afresh"
        );
        drop(projection);
        log.rename(new_id()).map_err(failed)?;
        let (projection, roster) = self.open_projection(log.id())?;
        Ok(Opened { log, projection, roster })
    }

    /// Opens the projection of `log` with what the node holds of it in memory. One
    /// that is damaged, or not of this log and this version, is made anew.
    fn open_projection(&self, log: LogId) -> Result<(Projection, Roster), OpenError> {
        let path = self.projection_path();
        let open = || {
            let projection = Projection::open(&path, log)?;
            let roster = Roster::load(projection.connection())?;
            Ok::<_, ProjectionError>((projection, roster))
        };
        let failure = match open() {
            Ok(opened) => return Ok(opened),
            Err(failure) => failure,
        };
        tracing::info!(reason = %failure, "making the projection anew from the log");
        for suffix in ["", "-wal", "-shm"] {
            let mut file = path.clone().into_os_string();
            file.push(suffix);
            match fs::remove_file(&file) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => {
                    return Err(OpenError::Folder { folder: self.path.clone(), error });
                }
                _ => {}
            }
        }
        open().map_err(|failure| match failure {
            ProjectionError::Database(error) => OpenError::File { file: path.clone(), error },
            ProjectionError::Foreign => panic!("a new projection of {log} is foreign to it"),
        })
    }
}
