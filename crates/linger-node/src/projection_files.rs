//! The projection's file, and how another one takes its place.
//!
//! A projection that cannot be used is made anew from the log, in a file beside it.
//! The old one stays until the new one is whole. Then it is kept under a name with
//! the date, or removed if its only fault was an older form. So a failure in between
//! never costs anything that only the old one knew.

use std::{
    ffi::OsString,
    fs, io,
    path::{Path, PathBuf},
};

use linger_core::{About, LogId, Position, Projection, ProjectionError, Timestamp};

use crate::{OpenError, private};

/// Where the projection is.
#[derive(Debug, Clone)]
pub(crate) struct ProjectionFiles {
    path: PathBuf,
}

/// A new projection that is being made.
#[derive(Debug, Clone)]
pub(crate) struct Replacing {
    /// The position at which it is whole.
    pub(crate) until: Position,
    /// When it was begun.
    since: Timestamp,
    old: Old,
}

/// The end of the old projection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Old {
    /// It is kept under a name with the date.
    Kept,
    /// It is removed: the new one has all that it had.
    Removed,
}

impl ProjectionFiles {
    pub(crate) fn new(path: PathBuf) -> ProjectionFiles {
        ProjectionFiles { path }
    }

    /// Returns the path of the projection that is read.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Returns the projection's statements about itself; none if there is no projection.
    pub(crate) fn about(&self) -> rusqlite::Result<Option<About>> {
        match fs::metadata(&self.path) {
            Ok(metadata) if metadata.len() > 0 => Projection::about(&self.path),
            _ => Ok(None),
        }
    }

    /// Begins a new projection beside the old one; whole once it is at `until`.
    pub(crate) fn begin_anew(
        &self,
        log: LogId,
        until: Position,
        since: Timestamp,
        old: Old,
        reason: &str,
    ) -> Result<(Projection, Replacing), OpenError> {
        tracing::warn!(reason, "making the projection anew from the log");
        let path = self.path_of_the_new();
        let refused = |error| OpenError::Folder { folder: self.path.clone(), error };
        remove(&path).map_err(refused)?;
        private::open(&path).map_err(refused)?;
        let projection = Projection::open(&path, log).map_err(|error| match error {
            ProjectionError::Database(error) => {
                OpenError::File { file: path.clone(), error: error.to_string() }
            }
            ProjectionError::Foreign => panic!("a new projection of {log} is foreign to it"),
        })?;
        Ok((projection, Replacing { until, since, old }))
    }

    /// Puts the new projection in the place of the old one. Neither of them may be
    /// open.
    pub(crate) fn replace(&self, replacing: &Replacing) -> io::Result<()> {
        if replacing.old == Old::Removed {
            remove(&self.path)?;
        } else if fs::exists(&self.path)? {
            let kept = self.set_aside(replacing.since)?;
            tracing::info!(kept = %kept.display(), "the projection is made anew; the old one is kept");
        }
        rename(&self.path_of_the_new(), &self.path)
    }

    /// Puts another file, which is whole, in the place of the projection, and of the new one
    /// that was begun, if one was. None of them may be open.
    pub(crate) fn take(&self, whole: &Path, replacing: Option<&Replacing>) -> io::Result<()> {
        remove(&self.path_of_the_new())?;
        match replacing {
            Some(Replacing { old: Old::Kept, since, .. }) if fs::exists(&self.path)? => {
                let kept = self.set_aside(*since)?;
                tracing::info!(kept = %kept.display(), "a snapshot takes the place of the projection; the old one is kept");
            }
            _ => remove(&self.path)?,
        }
        rename(whole, &self.path)
    }

    /// Removes the projection, which is not open.
    pub(crate) fn remove(&self) -> io::Result<()> {
        remove(&self.path)
    }

    /// Returns the path beside it whose name has this end.
    pub(crate) fn beside(&self, end: &str) -> PathBuf {
        with_suffix(&self.path, end)
    }

    /// Keeps the projection under a name with the date, and returns that. Older ones
    /// that were kept like this stay.
    pub(crate) fn set_aside(&self, at: Timestamp) -> io::Result<PathBuf> {
        let kept = dated(&self.path, at);
        rename(&self.path, &kept)?;
        Ok(kept)
    }

    fn path_of_the_new(&self) -> PathBuf {
        with_suffix(&self.path, ".new")
    }
}

/// Returns a path beside this one, with the date, at which there is nothing yet.
pub(crate) fn dated(path: &Path, at: Timestamp) -> PathBuf {
    // Not every system allows colons in the name of a file.
    let date = at.to_string().replace(':', "-");
    let numbered = (2..).map(|number| format!(".{date}.{number}"));
    let names = std::iter::once(format!(".{date}")).chain(numbered);
    let mut paths = names.map(|name| with_suffix(path, &name));
    paths.find(|path| !path.exists()).expect("numbers do not end")
}

/// SQLite's file beside a database, found by its name. The WAL belongs to the database;
/// its index is made anew.
const WAL: &str = "-wal";
const WAL_INDEX: &str = "-shm";

/// Renames a database with the files that belong to it.
fn rename(from: &Path, to: &Path) -> io::Result<()> {
    // The WAL first: without its database it is worth nothing, but the database without it
    // would look whole.
    let wal = with_suffix(from, WAL);
    match fs::metadata(&wal).map_or(0, |metadata| metadata.len()) {
        0 => remove_if_there(&wal)?,
        _ => fs::rename(wal, with_suffix(to, WAL))?,
    }
    fs::rename(from, to)?;
    remove_if_there(&with_suffix(from, WAL_INDEX))
}

fn remove(path: &Path) -> io::Result<()> {
    remove_if_there(path)?;
    remove_if_there(&with_suffix(path, WAL))?;
    remove_if_there(&with_suffix(path, WAL_INDEX))
}

fn remove_if_there(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name: OsString = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}
