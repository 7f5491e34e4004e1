//! Files that nobody else reads, and that are ours to write.
//!
//! Messages are private: the folder is 0700 and its files 0600, those that are
//! there already too. A file that this user cannot write is found before anything
//! is begun, and named together with its owner.

use std::{
    fs::{self, DirBuilder, File, OpenOptions, Permissions},
    io::{self, Write},
    os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt},
    path::{Path, PathBuf},
};

/// A file that this user cannot write, with its owner.
#[derive(Debug, thiserror::Error)]
#[error(
    "{file} cannot be written: {error}; it belongs to {owner} (mode {mode:04o}), and linger runs as {user}: make it that user's own (chown), or start linger as its owner"
)]
pub struct NotOurs {
    file: PathBuf,
    error: io::Error,
    owner: String,
    mode: u32,
    user: String,
}

/// The names that databases of ours begin with: there are files beside them.
const DATABASES: [&str; 2] = ["log.db", "projection.db"];
/// The other files of ours.
pub(crate) const LOCK: &str = "lock";
const PROBE: &str = "lock.probe";
/// Those of a node of a cluster: which stream it follows, and how far texts are erased.
pub(crate) const CLUSTER: &str = "cluster";
pub(crate) const ERASED: &str = "erased";
/// And by which name the other nodes know it.
pub(crate) const NODE: &str = "node";
/// The folder of files that people sent, and the one in it by which it is known as ours.
pub(crate) const FILES: &str = "files";
pub(crate) const UPLOADS: &str = "uploads";

/// Makes a folder that nobody else can enter, unless it is there.
pub(crate) fn make_folder(path: &Path) -> io::Result<()> {
    if path.is_dir() {
        return Ok(());
    }
    DirBuilder::new().recursive(true).mode(0o700).create(path)
}

/// Opens a file for writing, and makes it if need be, for nobody else to read.
pub(crate) fn open(path: &Path) -> io::Result<File> {
    OpenOptions::new().read(true).write(true).create(true).truncate(false).mode(0o600).open(path)
}

/// Checks that this user can write the folder and all our files in it.
pub(crate) fn must_be_writable(folder: &Path) -> Result<(), NotOurs> {
    for file in ours(folder).map_err(|error| not_ours(folder, error))? {
        let opened = OpenOptions::new().read(true).write(true).open(&file);
        opened.map_err(|error| not_ours(&file, error))?;
    }
    probe(folder).map_err(|error| not_ours(folder, error))
}

/// Writes a file in the folder, and removes it again.
pub(crate) fn probe(folder: &Path) -> io::Result<()> {
    let path = folder.join(PROBE);
    let written = open(&path).and_then(|mut file| file.write_all(b"linger"));
    let removed = fs::remove_file(&path);
    written.and(removed)
}

/// Keeps everybody else from reading our files. The folder itself is closed too,
/// unless it holds other things than ours.
pub(crate) fn tighten(folder: &Path) -> io::Result<()> {
    let files = ours(folder)?;
    for file in &files {
        limit_mode(file, 0o600)?;
    }
    let sent = folder.join(FILES);
    let has_sent = sent.join(UPLOADS).is_dir();
    if has_sent {
        limit_mode(&sent, 0o700)?;
    }
    let is_shared = fs::read_dir(folder)?.count() > files.len() + usize::from(has_sent);
    let mode = fs::metadata(folder)?.mode();
    if is_shared && mode & 0o077 != 0 {
        // It may be somebody's whole home; the files in it are closed all the same.
        return Ok(());
    }
    limit_mode(folder, 0o700)
}

/// Takes rights from other users. Files of another owner stay as they are.
fn limit_mode(path: &Path, most: u32) -> io::Result<()> {
    let mode = fs::metadata(path)?.mode() & 0o7777;
    if mode & !most == 0 {
        return Ok(());
    }
    match fs::set_permissions(path, Permissions::from_mode(mode & most)) {
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
            tracing::warn!(path = %path.display(), mode = format!("{mode:04o}"), "others may read this, and it is not ours to change");
            Ok(())
        }
        done => done,
    }
}

fn ours(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let name = entry.file_name();
        // No other files: the folder may be somebody's home.
        let is_ours = [LOCK, PROBE, CLUSTER, ERASED, NODE].iter().any(|ours| name == *ours)
            || DATABASES.iter().any(|ours| name.to_string_lossy().starts_with(ours));
        if is_ours && entry.file_type()?.is_file() {
            files.push(entry.path());
        }
    }
    Ok(files)
}

fn not_ours(file: &Path, error: io::Error) -> NotOurs {
    let metadata = fs::metadata(file);
    let (owner, mode) = metadata.map_or((0, 0), |metadata| (metadata.uid(), metadata.mode()));
    NotOurs {
        file: file.to_owned(),
        error,
        owner: name_of(owner),
        mode: mode & 0o7777,
        user: name_of(rustix::process::geteuid().as_raw()),
    }
}

/// Returns a user's name, as the system's list of users has it.
fn name_of(user: u32) -> String {
    let users = fs::read_to_string("/etc/passwd").unwrap_or_default();
    let name = users.lines().find_map(|line| {
        let mut fields = line.split(':');
        let name = fields.next()?;
        (fields.nth(1)?.parse() == Ok(user)).then_some(name)
    });
    name.map_or_else(|| format!("user {user}"), |name| format!("{name} (user {user})"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_our_own_files_are_closed_to_others_and_a_folder_with_other_things_stays_open() {
        let mode = |path: &Path| fs::metadata(path).unwrap().mode() & 0o777;
        let names = ["lock", "log.db", "log.db-wal", "projection.db.2026-11-25", "lockpicking.txt"];
        for is_shared in [false, true] {
            let folder = tempfile::tempdir().unwrap();
            fs::set_permissions(folder.path(), Permissions::from_mode(0o755)).unwrap();
            for name in &names[..names.len() - usize::from(!is_shared)] {
                fs::write(folder.path().join(name), "x").unwrap();
                let open = Permissions::from_mode(0o644);
                fs::set_permissions(folder.path().join(name), open).unwrap();
            }
            tighten(folder.path()).unwrap();
            let modes = names[..4].iter().map(|name| mode(&folder.path().join(name)));
            assert_eq!(modes.collect::<Vec<_>>(), [0o600; 4]);
            let expected = if is_shared { 0o755 } else { 0o700 };
            assert_eq!(mode(folder.path()), expected, "shared: {is_shared}");
            if is_shared {
                assert_eq!(mode(&folder.path().join("lockpicking.txt")), 0o644, "it is not ours");
            }
        }
    }
}
