//! The bytes of a log's files are moved from one store to another: from the folder to the
//! cluster's object store, or back.
//!
//! A file that the other store has already is passed over, so that a move goes on where it was
//! cut off. Each is compared with its hash on the way. Bytes that were not there before cannot
//! be moved, and do not keep the log from being moved: they are counted, and told.

use std::{
    collections::BTreeSet,
    fs::{self, File},
    io::{self, Write},
    path::{Path, PathBuf},
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

use linger_core::{Command, Entry, FileHash};
use sha2::{Digest, Sha256};

use super::MoveError;
use crate::{
    Clock, ClusterSettings, Limits,
    blobs::{
        BlobStore, Holds, Part,
        folder::{FolderStore, make_durably},
        jetstream::{JetStreamStore, OpenStoreError},
    },
    private,
};

/// Bytes that are read at once.
const PIECE: usize = 256 << 10;
/// A cluster that does not answer for so long ends the move.
const STILL_MAX: Duration = Duration::from_secs(60);
/// Between two tries.
const RETRY_AFTER: Duration = Duration::from_millis(500);

/// The files that a log names.
pub(super) type Hashes = BTreeSet<FileHash>;

/// Both stores, and a folder for bytes that are on their way.
pub(super) struct Stores {
    folder: FolderStore,
    cluster: JetStreamStore,
    staging: PathBuf,
    clock: Arc<dyn Clock>,
}

/// Adds the files that these entries name. Erased ones name none.
pub(super) fn add_files(hashes: &mut Hashes, entries: &[Entry]) {
    hashes.extend(entries.iter().filter_map(|entry| match entry.draft.command {
        Command::AddFile { hash, .. } => Some(hash),
        _ => None,
    }));
}

impl Stores {
    /// Opens the store of a data folder, and the one beside a stream.
    pub(super) fn open(
        folder: &Path,
        settings: &ClusterSettings,
        clock: Arc<dyn Clock>,
    ) -> Result<Stores, MoveError> {
        let files = folder.join(private::FILES);
        let unusable = |error: io::Error| MoveError::file(&files, error);
        // As in every folder of ours with files.
        make_durably(&files.join(private::UPLOADS)).map_err(unusable)?;
        let staging = files.join("moving");
        // A copy there could stand for one that the cluster does not have.
        remove(&staging).map_err(unusable)?;
        make_durably(&staging).map_err(unusable)?;
        let copies = staging.join("copies");
        let limits = Limits { file_cache_bytes_max: 0, ..Limits::default() };
        let cluster =
            JetStreamStore::open(settings, &copies, Holds::default(), &limits, clock.clone());
        let cluster = cluster.map_err(|error| match error {
            OpenStoreError::Cluster(error) => error.into(),
            OpenStoreError::Folder(error) => unusable(error),
        })?;
        Ok(Stores { folder: FolderStore::new(&files), cluster, staging, clock })
    }

    /// Moves these files to the cluster. Returns how many were not in the folder.
    pub(super) fn to_cluster(
        &self,
        hashes: &Hashes,
        tell: &mut dyn FnMut(usize),
    ) -> Result<usize, MoveError> {
        self.copy(hashes, &self.folder, &self.cluster, tell)
    }

    /// Moves these files to the folder. Returns how many were not on the cluster.
    pub(super) fn to_folder(
        &self,
        hashes: &Hashes,
        tell: &mut dyn FnMut(usize),
    ) -> Result<usize, MoveError> {
        self.copy(hashes, &self.cluster, &self.folder, tell)
    }

    fn copy(
        &self,
        hashes: &Hashes,
        from: &dyn BlobStore,
        to: &dyn BlobStore,
        tell: &mut dyn FnMut(usize),
    ) -> Result<usize, MoveError> {
        let mut missing = 0;
        for (done, hash) in hashes.iter().enumerate() {
            let began = Instant::now();
            let is_there = loop {
                match self.copy_one(*hash, from, to) {
                    Err(error) if is_passing(&error) && began.elapsed() < STILL_MAX => {
                        thread::sleep(RETRY_AFTER);
                    }
                    copied => break copied,
                }
            };
            let is_there = is_there.map_err(|error| MoveError::NoFile {
                file: hash.to_string(),
                error: error.to_string(),
            })?;
            missing += usize::from(!is_there);
            tell(done + 1);
        }
        Ok(missing)
    }

    /// Copies one file. Tells whether it was there, as it was sent.
    fn copy_one(
        &self,
        hash: FileHash,
        from: &dyn BlobStore,
        to: &dyn BlobStore,
    ) -> io::Result<bool> {
        if to.length(hash, Part::Whole)?.is_some() {
            return Ok(true);
        }
        let staged = self.staging.join("whole");
        match read_all(from, hash, Part::Whole, &mut File::create(&staged)?) {
            Ok(found) if found == hash => {}
            Ok(_) => return Ok(false),
            Err(error) if is_missing(&error) => return Ok(false),
            Err(error) => return Err(error),
        }
        let thumbnail = match from.length(hash, Part::Thumbnail)? {
            None => None,
            Some(_) => {
                let mut bytes = Vec::new();
                read_all(from, hash, Part::Thumbnail, &mut bytes)?;
                Some(bytes)
            }
        };
        to.keep(hash, &staged, thumbnail.as_deref(), self.clock.now())?;
        Ok(true)
    }
}

impl Drop for Stores {
    fn drop(&mut self) {
        if let Err(error) = remove(&self.staging) {
            tracing::warn!(%error, folder = %self.staging.display(), "it is of no use any more");
        }
    }
}

/// Reads a part to its end, and returns its hash.
fn read_all(
    from: &dyn BlobStore,
    hash: FileHash,
    part: Part,
    to: &mut dyn Write,
) -> io::Result<FileHash> {
    let (mut piece, mut at, mut digest) = (vec![0; PIECE], 0, Sha256::new());
    loop {
        let count = from.read(hash, part, at, &mut piece)?;
        if count == 0 {
            return Ok(FileHash(digest.finalize().into()));
        }
        digest.update(&piece[..count]);
        to.write_all(&piece[..count])?;
        at += count as u64;
    }
}

/// The cluster's bytes are compared where they come in.
fn is_missing(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::InvalidData)
}

fn is_passing(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::NotConnected | io::ErrorKind::ResourceBusy)
}

fn remove(folder: &Path) -> io::Result<()> {
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}
