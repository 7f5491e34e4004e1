//! The folder with a node's files: `log.db`, the truth, and `projection.db`, which
//! is made from it; and `files/`, with the bytes that people sent.
//!
//! One node at a time: a lock on the file `lock` keeps a second one out, and the
//! operating system releases it whenever the process ends. Nothing that may be the
//! last copy of something is thrown away: a log that knows less than its projection
//! is not followed, and a projection is only replaced by one that is whole
//! ([`ProjectionFiles`]). A node of a cluster has no `log.db`, and a file `cluster`
//! instead, with the name of the stream, so that neither is taken for the other.

mod blobs;

use std::{
    fs::{self, File, TryLockError},
    io,
    path::{Path, PathBuf},
    sync::Arc,
};

use linger_core::{About, Epoch, LogId, Position, Projection, ProjectionError, is_damage, queries};

use crate::{
    Clock,
    files::Files,
    log::{
        jetstream::{self, AboutStream, ClusterError},
        sqlite::{AboutLog, LogError, SqliteFile, has_lost_frames},
    },
    private::{self, NotOurs},
    projection_files::{Old, ProjectionFiles, Replacing, dated},
    roster::Roster,
    snapshots::Joining,
};

/// Reasons why a data folder cannot be used, each with what to do.
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
        /// The operating system's reason.
        error: io::Error,
    },
    /// A file in it is not ours to write.
    #[error(transparent)]
    NotOurs(#[from] NotOurs),
    /// A newer version wrote it.
    #[error("{file} was written by a newer version of linger; run the newer version")]
    Newer {
        /// The file.
        file: PathBuf,
    },
    /// A file in it is no database of ours, or is damaged.
    #[error(
        "{file} cannot be opened: {error}; restore it from a backup, or name another folder with --data"
    )]
    File {
        /// The file.
        file: PathBuf,
        /// A few words about the fault.
        error: String,
    },
    /// The log of this folder's node is a stream.
    #[error(
        "the data folder {folder} belongs to a node of a cluster, and its log is the stream {stream}; say so with --log, or name another folder with --data"
    )]
    OfCluster {
        /// The folder.
        folder: PathBuf,
        /// The stream.
        stream: String,
    },
    /// The folder has a log of its own.
    #[error(
        "the data folder {0} has a log.db of its own, which a node of a cluster does not follow; name another folder with --data, or start without --log"
    )]
    HasLog(PathBuf),
    /// The cluster cannot be used.
    #[error(transparent)]
    Cluster(#[from] ClusterError),
    /// Something is lost in the middle of the log's WAL.
    #[error(
        "{wal} is damaged in the middle: the log can be read up to entry {entries}, and what was written after that is lost; put log.db and log.db-wal back from a backup, or see with 'linger salvage' what projection.db still knows, or go on without it with --accept-rollback"
    )]
    DamagedWal {
        /// The WAL.
        wal: PathBuf,
        /// How many entries can be read.
        entries: u64,
    },
    /// The log knows less than the tables made from it: part of it is lost.
    #[error(
        "{log} has {entries} entries, but projection.db beside it was made of {known}: part of the log is missing; put the newer log.db back together with its log.db-wal, or see with 'linger salvage' what is only in projection.db, or go on without that with --accept-rollback"
    )]
    Shorter {
        /// The log.
        log: PathBuf,
        /// How many entries it has.
        entries: u64,
        /// How many the projection has seen.
        known: u64,
    },
}

/// Whether a log may be followed that knows less than its projection.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Rollback {
    /// It may not: the node does not open.
    #[default]
    Refused,
    /// It may: the operator has put an older log back on purpose.
    Accepted,
}

/// A folder that was opened.
pub(crate) struct Opened {
    pub(crate) log: SqliteFile,
    pub(crate) tables: OpenTables,
}

/// The open tables, and the node's memory of them.
pub(crate) struct OpenTables {
    /// The files that must stay where they are.
    pub(crate) files: Arc<Files>,
    pub(crate) projection: Projection,
    /// Set if a new projection is still to be made, beside an old one.
    pub(crate) replacing: Option<Replacing>,
    /// Set if a snapshot may come and take their place.
    pub(crate) joining: Option<Joining>,
    pub(crate) roster: Roster,
    pub(crate) epochs: Vec<(Position, Epoch)>,
}

/// A data folder that is ours as long as this lives.
pub(crate) struct DataFolder {
    path: PathBuf,
    _lock: File,
}

impl DataFolder {
    /// Makes the folder if need be, makes it private, and takes it.
    ///
    /// Errors: it is in use, or this user cannot write the files in it.
    pub(crate) fn take(path: &Path) -> Result<DataFolder, OpenError> {
        let refused = |error| OpenError::Folder { folder: path.to_owned(), error };
        // SQLite would read a name like `file:x` as an address with settings in it.
        let path = &std::path::absolute(path).map_err(refused)?;
        private::make_folder(path).map_err(refused)?;
        private::must_be_writable(path)?;
        let lock = private::open(&path.join("lock")).map_err(refused)?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(OpenError::InUse(path.to_owned())),
            Err(TryLockError::Error(error)) => return Err(refused(error)),
        }
        private::tighten(path).map_err(refused)?;
        Ok(DataFolder { path: path.to_owned(), _lock: lock })
    }

    /// Returns where the projection is, and what may stand beside it.
    pub(crate) fn projection_files(&self) -> ProjectionFiles {
        ProjectionFiles::new(self.path.join("projection.db"))
    }

    fn log_path(&self) -> PathBuf {
        self.path.join("log.db")
    }

    /// Where a node of a cluster notes how far deleted texts are erased.
    pub(crate) fn erased_path(&self) -> PathBuf {
        self.path.join(private::ERASED)
    }

    /// Returns the id of this folder's node, which is made once.
    pub(crate) fn node_id(&self, clock: &dyn Clock) -> Result<String, OpenError> {
        let path = self.path.join(private::NODE);
        let is_id = |id: &&str| id.len() == 16 && id.bytes().all(|it| it.is_ascii_hexdigit());
        let known = fs::read_to_string(&path).unwrap_or_default();
        if let Some(id) = Some(known.trim()).filter(is_id) {
            return Ok(id.to_owned());
        }
        let id = format!("{:016x}", clock.random());
        private::open(&path).map_err(self.refused())?;
        fs::write(&path, format!("{id}\n")).map_err(self.refused())?;
        Ok(id)
    }

    fn cluster_path(&self) -> PathBuf {
        self.path.join(private::CLUSTER)
    }

    /// Opens the files. It changes nothing before it is known that the log can be
    /// read, and that it knows no less than the tables made from it.
    pub(crate) fn open(&self, clock: &dyn Clock, rollback: Rollback) -> Result<Opened, OpenError> {
        let new_id = || LogId::from_random(clock.random());
        let path = self.log_path();
        let failed = |error| match error {
            LogError::Newer => OpenError::Newer { file: path.clone() },
            LogError::Damaged(_) | LogError::Database(_) => {
                OpenError::File { file: path.clone(), error: error.to_string() }
            }
        };
        if let Ok(stream) = fs::read_to_string(self.cluster_path()) {
            let (folder, stream) = (self.path.clone(), stream.trim().to_owned());
            return Err(OpenError::OfCluster { folder, stream });
        }
        let projections = self.projection_files();
        let known = projections.about();
        let about = self.about_log().map_err(failed)?;
        let is_shorter = self.is_shorter(about.as_ref(), &known);
        if let (Some(shorter), Rollback::Refused) = (&is_shorter, rollback) {
            return Err(shorter.error(path.clone()));
        }
        let wal = self.path.join("log.db-wal");
        let has_lost = has_lost_frames(&wal).map_err(self.refused())?;
        if has_lost {
            let entries = about.as_ref().map_or(0, |about| about.tail.get());
            if rollback == Rollback::Refused {
                return Err(OpenError::DamagedWal { wal, entries });
            }
            let kept = dated(&wal, clock.now());
            fs::copy(&wal, &kept).map_err(self.refused())?;
            tracing::warn!(kept = %kept.display(), entries, "going on without what is lost; the damaged WAL is kept there");
        }
        if is_shorter.is_some() {
            let kept = projections.set_aside(clock.now()).map_err(self.refused())?;
            tracing::warn!(
                kept = %kept.display(),
                "going on with the older log; what only the projection knew is kept there"
            );
        }
        private::open(&path).map_err(self.refused())?;
        let mut log = SqliteFile::open(&path, new_id()).map_err(failed)?;
        let is_rolled_back = is_shorter.is_some() || has_lost;
        if is_rolled_back && !log.has_epochs().map_err(failed)? {
            // Cursors without an epoch cannot be told from those of the lost future.
            log.rename(new_id()).map_err(failed)?;
        }
        let names = ["log.db", "log.db-wal", "lock"];
        let tables = self.open_tables(&known, log.id(), log.tail(), &names, clock)?;
        Ok(Opened { log, tables })
    }

    /// Opens the tables of a node whose log is a stream. Tells whether the stream may be
    /// shorter than it was, which the operator accepted.
    ///
    /// Errors: it is shorter; or the folder has a log of its own.
    pub(crate) fn open_on_cluster(
        &self,
        log: &jetstream::Opened,
        clock: &dyn Clock,
        rollback: Rollback,
    ) -> Result<(OpenTables, bool), OpenError> {
        if self.log_path().exists() {
            return Err(OpenError::HasLog(self.path.clone()));
        }
        let projections = self.projection_files();
        let known = projections.about();
        let tail = log.about.tail();
        let lost = match &known {
            Ok(Some(known)) => DataFolder::lost_by_stream(log, known)?,
            _ => None,
        };
        let is_lost = lost.is_some();
        if let Some(lost) = lost {
            if rollback == Rollback::Refused {
                return Err(lost.into());
            }
            let kept = projections.set_aside(clock.now()).map_err(self.refused())?;
            tracing::warn!(kept = %kept.display(), "going on with the stream as it is; what only the projection knew is kept there");
        }
        let known = if is_lost { Ok(None) } else { known };
        private::open(&self.cluster_path()).map_err(self.refused())?;
        fs::write(self.cluster_path(), format!("{}\n", log.stream())).map_err(self.refused())?;
        let tables = self.open_tables(&known, log.id, tail, &["cluster", "lock"], clock)?;
        Ok((tables, rollback == Rollback::Accepted))
    }

    /// Returns what of the log that the projection was made of the stream has no more. Only what
    /// is proven counts.
    fn lost_by_stream(
        log: &jetstream::Opened,
        known: &About,
    ) -> Result<Option<ClusterError>, ClusterError> {
        match DataFolder::lacking(log, &log.about, known)? {
            None => Ok(None),
            Some(_) => DataFolder::lacking(log, &log.prove()?, known),
        }
    }

    fn lacking(
        log: &jetstream::Opened,
        about: &AboutStream,
        known: &About,
    ) -> Result<Option<ClusterError>, ClusterError> {
        let (stream, tail) = (log.stream().to_owned(), about.tail());
        if known.log != about.log_id()?.as_str() {
            return Ok(Some(ClusterError::Another(stream)));
        }
        if known.applied > tail {
            let (entries, known) = (tail.get(), known.applied.get());
            return Ok(Some(ClusterError::Shorter { stream, entries, known }));
        }
        let position = known.applied.get();
        let is_replaced = position > 0 && log.has_replaced(known)?;
        Ok(is_replaced.then_some(ClusterError::Replaced { stream, position }))
    }

    /// Opens the projection of a log, and remembers the files that must stay.
    fn open_tables(
        &self,
        known: &Result<Option<About>, rusqlite::Error>,
        log: LogId,
        tail: Position,
        names: &[&str],
        clock: &dyn Clock,
    ) -> Result<OpenTables, OpenError> {
        let projections = self.projection_files();
        let (mut projection, mut replacing) =
            self.open_projection(&projections, known, log, tail, clock)?;
        let load = |projection: &Projection| {
            let roster = Roster::load(projection.connection())?;
            Ok::<_, rusqlite::Error>((roster, queries::epochs(projection.connection())?))
        };
        let (roster, epochs) = match load(&projection) {
            Ok(loaded) => loaded,
            Err(error) if is_damage(&error) && replacing.is_none() => {
                drop(projection);
                let reason = error.to_string();
                let begun = projections.begin_anew(log, tail, clock.now(), Old::Kept, &reason);
                (projection, replacing) = begun.map(|(it, anew)| (it, Some(anew)))?;
                load(&projection).map_err(self.failed_projection())?
            }
            Err(error) => return Err(self.failed_projection()(error)),
        };
        let files = Files::remember(&self.path, names).map_err(self.refused())?;
        let (files, joining) = (Arc::new(files), None);
        Ok(OpenTables { files, projection, replacing, joining, roster, epochs })
    }

    /// Returns the log's statements about itself; none if there is no log.
    fn about_log(&self) -> Result<Option<AboutLog>, LogError> {
        let path = self.log_path();
        let length = |path: &Path| fs::metadata(path).map_or(0, |metadata| metadata.len());
        if length(&path) > 0 {
            return SqliteFile::about(&path);
        }
        // SQLite would treat the file as a new database, and throw its WAL away.
        match length(&self.path.join("log.db-wal")) {
            0 => Ok(None),
            _ => Err(LogError::Damaged("it is empty beside its log.db-wal".to_owned())),
        }
    }

    fn is_shorter(
        &self,
        about: Option<&AboutLog>,
        known: &Result<Option<About>, rusqlite::Error>,
    ) -> Option<Shorter> {
        let Ok(Some(known)) = known else { return None };
        let entries = about.map_or(Position::START, |about| about.tail);
        let shorter = Shorter { entries, known: known.applied };
        (shorter.known > shorter.entries).then_some(shorter)
    }

    /// Opens the projection of `log`, or begins to make it anew beside the one that
    /// is there.
    fn open_projection(
        &self,
        projections: &ProjectionFiles,
        known: &Result<Option<About>, rusqlite::Error>,
        log: LogId,
        tail: Position,
        clock: &dyn Clock,
    ) -> Result<(Projection, Option<Replacing>), OpenError> {
        let replace = |old, reason: &str| {
            let begun = projections.begin_anew(log, tail, clock.now(), old, reason);
            begun.map(|(projection, replacing)| (projection, Some(replacing)))
        };
        let anew = |reason: &str| replace(Old::Kept, reason);
        match known {
            // A passing fault, a full disk say, is no reason to make it anew.
            Err(error) if is_damage(error) => return anew(&error.to_string()),
            Err(error) => return Err(self.failed_projection()(error)),
            Ok(Some(about)) if about.log != log.as_str() => {
                return anew("it is of another log");
            }
            Ok(Some(about)) if about.is_older() => {
                return replace(Old::Removed, "its tables have an older form");
            }
            Ok(Some(about)) if !about.is_current() => return anew("its tables have another form"),
            Ok(_) => {}
        }
        private::open(projections.path()).map_err(self.refused())?;
        match Projection::open(projections.path(), log) {
            Ok(projection) => Ok((projection, None)),
            Err(ProjectionError::Foreign) => anew("it is of another log"),
            Err(ProjectionError::Database(error)) if is_damage(&error) => anew(&error.to_string()),
            Err(ProjectionError::Database(error)) => Err(self.failed_projection()(error)),
        }
    }

    fn refused(&self) -> impl Fn(io::Error) -> OpenError + '_ {
        |error| OpenError::Folder { folder: self.path.clone(), error }
    }

    fn failed_projection<E: std::fmt::Display>(&self) -> impl Fn(E) -> OpenError + '_ {
        |error| OpenError::File {
            file: self.projection_files().path().to_owned(),
            error: error.to_string(),
        }
    }
}

/// A log that knows less than its projection.
struct Shorter {
    entries: Position,
    known: Position,
}

impl Shorter {
    fn error(&self, log: PathBuf) -> OpenError {
        OpenError::Shorter { log, entries: self.entries.get(), known: self.known.get() }
    }
}
