//! The room for files: how many bytes they have, how many they may have, and how many are
//! left on the disk.
//!
//! Bytes count when they are written, not when they are announced: nobody can keep room
//! from others without filling it.

use std::{
    path::{Path, PathBuf},
    sync::Mutex,
};

use super::UploadError;
use crate::Limits;

/// The room for files of one node.
pub(super) struct Space {
    folder: PathBuf,
    taken: Mutex<u64>,
    total_max: u64,
    disk_free_min: u64,
}

impl Space {
    /// Begins with so many bytes taken.
    pub(super) fn new(folder: &Path, taken: u64, limits: &Limits) -> Space {
        Space {
            folder: folder.to_owned(),
            taken: Mutex::new(taken),
            total_max: limits.upload_bytes_total,
            disk_free_min: limits.disk_free_min,
        }
    }

    /// Tells whether so many bytes would fit now. Errors: [`UploadError::Full`].
    pub(super) fn check(&self, bytes: u64) -> Result<(), UploadError> {
        let fits = self.taken().saturating_add(bytes) <= self.total_max;
        if fits && self.disk_has(bytes) { Ok(()) } else { Err(UploadError::Full) }
    }

    /// Takes so many bytes for what is about to be written. Errors: [`UploadError::Full`].
    pub(super) fn reserve(&self, bytes: u64) -> Result<(), UploadError> {
        let mut taken = self.lock();
        let after = taken.saturating_add(bytes);
        if after > self.total_max {
            return Err(UploadError::Full);
        }
        *taken = after;
        Ok(())
    }

    /// Counts so many bytes, although they may be too many: they are there.
    pub(super) fn take(&self, bytes: u64) {
        let mut taken = self.lock();
        *taken = taken.saturating_add(bytes);
    }

    /// Counts so many bytes less.
    pub(super) fn give_back(&self, bytes: u64) {
        let mut taken = self.lock();
        *taken = taken.saturating_sub(bytes);
    }

    /// Returns how many bytes are taken.
    pub(super) fn taken(&self) -> u64 {
        *self.lock()
    }

    /// Tells whether the disk would keep enough for the log after so many bytes more.
    pub(super) fn disk_has(&self, bytes: u64) -> bool {
        disk_has(&self.folder, bytes, self.disk_free_min)
    }

    /// Takes what was counted anew for what is taken.
    pub(super) fn correct(&self, bytes: u64) {
        *self.lock() = bytes;
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, u64> {
        self.taken.lock().expect("no holder of this lock panics")
    }
}

/// Tells whether the disk of a folder would have so many bytes left after so many more.
pub(crate) fn disk_has(folder: &Path, bytes: u64, free_min: u64) -> bool {
    // The folder is made with the first upload, on the disk of the one above it.
    let there = folder.ancestors().find(|folder| folder.is_dir());
    let Some(Ok(disk)) = there.map(rustix::fs::statvfs) else { return true };
    let free = disk.f_bavail.saturating_mul(disk.f_frsize);
    free >= free_min.saturating_add(bytes)
}
