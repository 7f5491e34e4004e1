//! Moves a stream into a data folder, on which a server starts by itself.
//!
//! Nodes may go on meanwhile: it takes the entries up to where the stream ended when it began,
//! so it is a backup, too. Texts that are deleted while it copies are erased by the server that
//! starts there, as far as the copy knows of it.

use std::{fs, path::Path, sync::Arc};

use linger_core::{LogId, Position};

use super::{
    MoveError, Moved, Progress,
    files::Stores,
    source::{Contents, log_of},
};
use crate::{
    Clock, ClusterError, ClusterSettings, OpenError,
    data_folder::DataFolder,
    log::{
        jetstream::{AboutStream, Walk, block_on, context},
        sqlite::SqliteFile,
    },
    private,
};

/// The name of a log as long as it has not all entries: no server takes it for one.
const UNFINISHED: &str = "log.db.unfinished";
/// Bounds what is in memory at once.
const BATCH: usize = 1000;

/// Copies a stream into `folder`, which is made if need be. Done again, it goes on where it
/// stopped.
///
/// Errors: there is something in the folder; the stream is not there, has only a part of a
/// log, or has lost entries; the disk is full.
pub fn export(
    folder: &Path,
    settings: &ClusterSettings,
    clock: &Arc<dyn Clock>,
    tell: &mut (dyn FnMut(Progress) + Send),
) -> Result<Moved, MoveError> {
    must_be_empty(folder)?;
    let _taken = DataFolder::take(folder)?;
    let folder = std::path::absolute(folder).map_err(|error| MoveError::file(folder, error))?;
    let path = folder.join(UNFINISHED);
    let (log, end) = block_on(copy(&path, settings, tell))?;
    let contents = look_through(&path, log, end, tell)?;
    let stores = Stores::open(&folder, settings, clock.clone())?;
    let all = contents.files.len() as u64;
    let mut files = |done| tell(Progress { step: "files copied", done: done as u64, end: all });
    let files_missing = stores.to_folder(&contents.files, &mut files)?;
    drop(stores);
    let wal = folder.join(format!("{UNFINISHED}-wal"));
    if wal.exists() {
        return Err(MoveError::file(&wal, "what is in it could not be written to its place"));
    }
    let moved =
        fs::rename(&path, log_of(&folder)).and_then(|()| fs::File::open(&folder)?.sync_all());
    moved.map_err(|error| MoveError::file(&path, error))?;
    let (files, erased) = (contents.files.len() - files_missing, contents.erased.len());
    Ok(Moved { log, end, erased, files, files_missing, epoch: None })
}

/// Copies the entries that the file does not have yet.
async fn copy(
    path: &Path,
    settings: &ClusterSettings,
    tell: &mut (dyn FnMut(Progress) + Send),
) -> Result<(LogId, Position), MoveError> {
    let context = context(settings).await?;
    // Nothing that was acknowledged before may be missing.
    let about = AboutStream::prove(&context, &settings.stream).await?;
    if about.is_unfinished() {
        return Err(ClusterError::Unfinished(settings.stream.clone()).into());
    }
    let (log, end) = (about.log_id()?, about.tail());
    private::open(path).map_err(|error| MoveError::file(path, error))?;
    let mut file = SqliteFile::open(path, log).map_err(|error| MoveError::file(path, error))?;
    if file.id() != log || file.tail() > end {
        return Err(MoveError::OtherExport(path.to_owned()));
    }
    let mut walk = Walk::new(context, &about, file.tail(), end);
    loop {
        let page = walk.next_page().await?;
        let Some(last) = page.last() else { break };
        file.extend(&page).map_err(|error| MoveError::file(path, error))?;
        tell(Progress { step: "copied", done: last.position.get(), end: end.get() });
    }
    file.close().map_err(|error| MoveError::file(path, error))?;
    Ok((log, end))
}

/// Reads all of the file, each entry against its checksum, and tells what there is.
fn look_through(
    path: &Path,
    log: LogId,
    end: Position,
    tell: &mut (dyn FnMut(Progress) + Send),
) -> Result<Contents, MoveError> {
    let unusable = |error: &dyn std::fmt::Display| MoveError::file(path, error);
    let file = SqliteFile::open(path, log).map_err(|error| unusable(&error))?;
    let (mut after, mut contents) = (Position::START, Contents::default());
    loop {
        let entries = file.read_after(after, BATCH).map_err(|error| unusable(&error))?;
        let Some(last) = entries.last() else { break };
        after = last.position;
        contents.add(&entries);
        tell(Progress { step: "read again", done: after.get(), end: end.get() });
    }
    file.close().map_err(|error| unusable(&error))?;
    match after == end {
        true => Ok(contents),
        false => Err(unusable(&format!("it ends with entry {after}, and not {end}"))),
    }
}

/// Errors: the folder has something else than the beginning of an export.
fn must_be_empty(folder: &Path) -> Result<(), MoveError> {
    let names = match fs::read_dir(folder) {
        Ok(names) => names,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
        Err(error) => {
            return Err(OpenError::Folder { folder: folder.to_owned(), error }.into());
        }
    };
    let is_begun = folder.join(UNFINISHED).exists();
    let is_ours = |name: &str| {
        name == private::LOCK || name.starts_with(UNFINISHED) || is_begun && name == private::FILES
    };
    for name in names {
        let name = name.map_err(|error| MoveError::file(folder, error))?.file_name();
        if !is_ours(&name.to_string_lossy()) {
            return Err(MoveError::NotEmpty(folder.to_owned()));
        }
    }
    Ok(())
}
