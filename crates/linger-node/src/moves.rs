//! Moves a log: from a data folder to a cluster, and back.
//!
//! Each entry keeps its position, and the log its id, so that a cursor stays good wherever the
//! log is. Both ways can be cut off and begun again: they go on where they were. Nothing is
//! followed before it is whole and was compared, entry for entry: an unfinished stream says so
//! in its metadata, and an unfinished log in a folder has another name.

mod export;
mod files;
mod import;
mod source;
#[cfg(test)]
mod tests;

use std::{
    fmt::Display,
    path::{Path, PathBuf},
};

use linger_core::{LogId, Position};

use crate::{ClusterError, OpenError, log::ReadError};

pub use export::export;
pub use import::import;

/// A log that was moved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Moved {
    /// Which log it is.
    pub log: LogId,
    /// Its last entry.
    pub end: Position,
    /// So many of its entries are erased.
    pub erased: usize,
    /// So many files were moved with it.
    pub files: usize,
    /// So many others were not there any more, or not as they were sent.
    pub files_missing: usize,
    /// The epoch that begins with an import is this entry.
    pub epoch: Option<Position>,
}

/// How far a move is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// The thing that is done, in a word.
    pub step: &'static str,
    /// For so many entries, or files, it is done.
    pub done: u64,
    /// For so many it is to be done.
    pub end: u64,
}

/// Reasons why a log is not moved, each with what to do.
#[derive(Debug, thiserror::Error)]
pub enum MoveError {
    /// The folder cannot be used.
    #[error(transparent)]
    Folder(#[from] OpenError),
    /// There is no log in the folder.
    #[error("there is no log.db in {0}; name the data folder of the server that moves with --data")]
    NoLog(PathBuf),
    /// The folder's log has no checksums yet.
    #[error(
        "{0} has the form of an older version; start this version on it once, without --log, stop it, and import then"
    )]
    Older(PathBuf),
    /// The folder's log was moved before, elsewhere.
    #[error(
        "the log in {folder} was moved to the stream {stream} already; if that is over, remove the file 'cluster' in the folder"
    )]
    MovedElsewhere {
        /// The folder.
        folder: PathBuf,
        /// The stream.
        stream: String,
    },
    /// There is a stream of this name, and it is not this log.
    #[error(
        "there is a stream {stream} already, of another log, with entries up to {entries}; name another with --nats-stream, or remove it: nats stream rm {stream}"
    )]
    OtherStream {
        /// The stream.
        stream: String,
        /// Its last entry.
        entries: u64,
    },
    /// There are erased entries of another log beside the stream that is to be made.
    #[error(
        "there is a bucket {stream}-erased already, of a stream that is gone; name another stream with --nats-stream, or remove it: nats kv del {stream}-erased"
    )]
    OtherBucket {
        /// The stream.
        stream: String,
    },
    /// Somebody else writes to the stream that is being filled, or has made it anew.
    #[error(
        "somebody else writes to the stream {stream}, or has made it anew; find out who, remove it (nats stream rm {stream}), and import again"
    )]
    WrittenByOthers {
        /// The stream.
        stream: String,
    },
    /// An entry of the stream is not the log's.
    #[error(
        "entry {position} of the stream {stream} is not that of the log, or is missing; remove the stream (nats stream rm {stream}), and import again"
    )]
    Differs {
        /// The stream.
        stream: String,
        /// The entry.
        position: Position,
    },
    /// The stream has the log already, and does not go on as an import lets it.
    #[error(
        "the stream {stream} has a log of this name already, and after the folder's last entry it has another one than an import begins with: they are two logs by now; keep one of them, and name another stream with --nats-stream to move the folder's"
    )]
    Parted {
        /// The stream.
        stream: String,
    },
    /// The cluster does not take an entry, and will not.
    #[error(
        "the NATS servers do not take entry {position}: {reason}; make room, and import again: it goes on where it stopped"
    )]
    NotTaken {
        /// The entry.
        position: Position,
        /// JetStream's reason.
        reason: String,
    },
    /// A file cannot be moved.
    #[error(
        "the file {file} cannot be moved: {error}; if there is no room, make some, and begin again: it goes on where it stopped"
    )]
    NoFile {
        /// Its hash.
        file: String,
        /// The reason.
        error: String,
    },
    /// The cluster does nothing for a long time.
    #[error(
        "the NATS cluster has done nothing of what was asked for a minute: {reason}; look at it with 'linger cluster status', and import again: it goes on where it stopped"
    )]
    Still {
        /// The last reason.
        reason: String,
    },
    /// There is something in the folder that is to take the log.
    #[error(
        "the data folder {0} is not empty; name a new one, or one in which an export was cut off, with --data"
    )]
    NotEmpty(PathBuf),
    /// An export of another log was cut off in the folder.
    #[error(
        "{0} is the beginning of another log than the stream's; remove it, or name another folder with --data"
    )]
    OtherExport(PathBuf),
    /// The folder's log cannot be read or written.
    #[error(
        "{file} cannot be used: {error}; if there is no room, make some, and begin again: it goes on where it stopped"
    )]
    File {
        /// The file.
        file: PathBuf,
        /// The reason.
        error: String,
    },
}

impl From<ClusterError> for MoveError {
    fn from(error: ClusterError) -> MoveError {
        MoveError::Folder(error.into())
    }
}

impl MoveError {
    /// The reason why a file of the folder's log cannot be used.
    fn file(file: &Path, error: impl Display) -> MoveError {
        MoveError::File { file: file.to_owned(), error: error.to_string() }
    }
}

impl From<ReadError> for MoveError {
    fn from(error: ReadError) -> MoveError {
        MoveError::file(Path::new("log.db"), error)
    }
}
