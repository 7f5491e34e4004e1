//! Copies of blobs on this node's disk, up to so many bytes. Those that were not read for the
//! longest time make room for others.
//!
//! They lie as the blobs of a single server do. The order in which they were used is in memory
//! alone: after a start it is that in which they came. One that is held stays: somebody is
//! about to read it, or to keep it anew.

use std::{
    collections::HashMap,
    fs::{self, File},
    io,
    path::{Path, PathBuf},
    sync::{
        Mutex, MutexGuard,
        atomic::{AtomicU64, Ordering},
    },
};

use linger_core::{FileHash, Timestamp};

use crate::{
    Limits,
    blobs::{
        BlobStore, Holds, Mark, Part,
        folder::{FolderStore, make_durably},
    },
    private,
    uploads::disk_has,
};

/// The copies, and the folder of those that are on their way in.
pub(super) struct Cache {
    store: FolderStore,
    staging: PathBuf,
    holds: Holds,
    bytes_max: u64,
    disk_free_min: u64,
    staged: AtomicU64,
    entries: Mutex<Entries>,
}

#[derive(Default)]
struct Entries {
    copies: HashMap<(FileHash, Part), Copied>,
    bytes: u64,
    /// Counts uses.
    uses: u64,
}

/// A copy: how large it is, and when it was used last.
struct Copied {
    bytes: u64,
    used: u64,
}

/// A file that is on its way in, and is removed unless it is taken over.
pub(super) struct Staged(PathBuf);

impl Cache {
    /// Opens the copies in a folder, and removes what a crash has left on its way in.
    pub(super) fn open(folder: &Path, holds: Holds, limits: &Limits) -> io::Result<Cache> {
        let staging = folder.join("fetched");
        match fs::remove_dir_all(&staging) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => make_durably(&staging)?,
        }
        let store = FolderStore::new(folder);
        let mut parts = store.parts()?;
        parts.sort_by_key(|part| part.since);
        let mut entries = Entries::default();
        for part in parts {
            entries.add(part.hash, part.part, part.bytes);
        }
        let cache = Cache {
            store,
            staging,
            holds,
            bytes_max: limits.file_cache_bytes_max,
            disk_free_min: limits.disk_free_min,
            staged: AtomicU64::new(0),
            entries: Mutex::new(entries),
        };
        cache.make_room(0)?;
        Ok(cache)
    }

    /// Names a file for bytes that are on their way in.
    pub(super) fn stage(&self) -> Staged {
        let number = self.staged.fetch_add(1, Ordering::Relaxed);
        Staged(self.staging.join(number.to_string()))
    }

    /// Takes a file over as a copy.
    pub(super) fn adopt(
        &self,
        hash: FileHash,
        part: Part,
        staged: &Path,
        since: Timestamp,
    ) -> io::Result<()> {
        let bytes = fs::metadata(staged)?.len();
        self.store.adopt(hash, part, staged, since)?;
        self.lock().add(hash, part, bytes);
        self.make_room(0)
    }

    /// Returns how many bytes a copy has; none if there is no copy.
    pub(super) fn length(&self, hash: FileHash, part: Part) -> io::Result<Option<u64>> {
        self.store.length(hash, part)
    }

    /// Returns where a copy is, if it is there.
    pub(super) fn path(&self, hash: FileHash, part: Part) -> PathBuf {
        self.store.path(hash, part)
    }

    /// Reads from a place on; none if there is no copy.
    pub(super) fn read(
        &self,
        hash: FileHash,
        part: Part,
        at: u64,
        buffer: &mut [u8],
    ) -> io::Result<Option<usize>> {
        match self.store.read(hash, part, at, buffer) {
            Ok(count) => {
                self.lock().touch(hash, part);
                Ok(Some(count))
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Makes room for so many bytes more. A blob that is larger than all may be stands alone.
    ///
    /// Errors: `StorageFull`, if the disk is nearly full without copies, too.
    pub(super) fn make_room(&self, bytes: u64) -> io::Result<()> {
        loop {
            let is_within = self.lock().bytes.saturating_add(bytes) <= self.bytes_max;
            let fits = disk_has(&self.staging, bytes, self.disk_free_min);
            if is_within && fits {
                return Ok(());
            }
            let oldest = self.lock().oldest(|hash| !self.holds.is_held(hash));
            match oldest {
                Some((hash, part)) => {
                    self.store.erase_part(hash, part)?;
                    self.lock().remove(hash, part);
                }
                None if fits => return Ok(()),
                None => return Err(io::ErrorKind::StorageFull.into()),
            }
        }
    }

    /// Erases the copies of both parts.
    pub(super) fn erase(&self, hash: FileHash) -> io::Result<()> {
        self.store.erase(hash, Mark::default())?;
        let mut entries = self.lock();
        [Part::Whole, Part::Thumbnail].into_iter().for_each(|part| entries.remove(hash, part));
        Ok(())
    }

    /// Returns the hashes of all copies.
    pub(super) fn hashes(&self) -> Vec<FileHash> {
        let mut hashes: Vec<_> = self.lock().copies.keys().map(|(hash, _)| *hash).collect();
        hashes.sort();
        hashes.dedup();
        hashes
    }

    fn lock(&self) -> MutexGuard<'_, Entries> {
        self.entries.lock().expect("no holder of this lock panics")
    }
}

impl Entries {
    fn add(&mut self, hash: FileHash, part: Part, bytes: u64) {
        self.uses += 1;
        let before = self.copies.insert((hash, part), Copied { bytes, used: self.uses });
        self.bytes = self.bytes + bytes - before.map_or(0, |before| before.bytes);
    }

    fn touch(&mut self, hash: FileHash, part: Part) {
        self.uses += 1;
        if let Some(copied) = self.copies.get_mut(&(hash, part)) {
            copied.used = self.uses;
        }
    }

    /// Returns the one that was not used for the longest time, but never the last one.
    fn oldest(&self, may_go: impl Fn(FileHash) -> bool) -> Option<(FileHash, Part)> {
        let newest = self.copies.values().map(|copied| copied.used).max();
        let others = self
            .copies
            .iter()
            .filter(|((hash, _), copied)| Some(copied.used) != newest && may_go(*hash));
        others.min_by_key(|(_, copied)| copied.used).map(|(key, _)| *key)
    }

    fn remove(&mut self, hash: FileHash, part: Part) {
        let removed = self.copies.remove(&(hash, part));
        self.bytes -= removed.map_or(0, |removed| removed.bytes);
    }
}

impl Staged {
    pub(super) fn open(&self) -> io::Result<File> {
        let file = private::open(&self.0)?;
        file.set_len(0)?;
        Ok(file)
    }

    pub(super) fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Staged {
    fn drop(&mut self) {
        match fs::remove_file(&self.0) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                tracing::warn!(%error, "a copy of a file could not be removed; it is at the next start");
            }
            _ => {}
        }
    }
}
