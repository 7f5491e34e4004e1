//! The bytes of an upload, as one request brings them.
//!
//! Each piece is written before the next is taken, on the runtime's threads for blocking
//! work, a few at once over all uploads. The system is made to write what it has every few
//! megabytes, so that the log's own fsync never waits behind a hundred of them.

use std::{fs::File, io::Write, sync::Arc};

use tokio::{
    sync::{Notify, Semaphore},
    task::spawn_blocking,
};

use super::{UploadError, claim::Claim};

/// After so many bytes, the system must have written them.
const SYNC_EVERY: u64 = 4 << 20;
/// Pieces that are written at once, over all uploads.
pub(super) const WRITES_MAX: usize = 4;

/// Takes the bytes of one upload. If it is dropped before [`Receiver::pause`], the upload
/// has what was written so far.
pub struct Receiver {
    writing: Option<Writing>,
    wanted: Arc<Notify>,
    writes: Arc<Semaphore>,
}

/// The open file. It goes to the thread that writes, so that the upload is not let go before
/// a write has ended.
struct Writing {
    claim: Claim,
    file: File,
    offset: u64,
    length: Option<u64>,
    unsynced: u64,
}

impl Receiver {
    pub(super) async fn open(
        claim: Claim,
        offset: u64,
        length: Option<u64>,
    ) -> Result<Receiver, UploadError> {
        let (wanted, writes) = (claim.wanted.clone(), claim.uploads.writes.clone());
        let opened = spawn_blocking(move || {
            let file = claim.uploads.stage.write(&claim.id)?;
            // Bytes behind the offset are of a write that failed.
            file.set_len(offset)?;
            let mut file = file;
            std::io::Seek::seek(&mut file, std::io::SeekFrom::Start(offset))?;
            Ok::<_, UploadError>(Writing { claim, file, offset, length, unsynced: 0 })
        });
        let writing = opened.await.map_err(std::io::Error::other)??;
        Ok(Receiver { writing: Some(writing), wanted, writes })
    }

    /// Returns how many bytes the upload has.
    pub fn offset(&self) -> u64 {
        self.writing.as_ref().expect("it is here between two writes").offset
    }

    /// Is ready when another request wants to go on with the upload.
    pub async fn taken_over(&self) {
        self.wanted.notified().await;
    }

    /// Writes a piece. Errors: after one, the upload has what was written before.
    pub async fn write(
        &mut self,
        bytes: impl AsRef<[u8]> + Send + 'static,
    ) -> Result<(), UploadError> {
        self.with(move |writing| writing.write(bytes.as_ref())).await
    }

    /// Makes what was written durable, and lets the upload go. Returns how far it is.
    pub async fn pause(mut self) -> Result<u64, UploadError> {
        self.with(|writing| {
            writing.file.sync_all()?;
            Ok(writing.offset)
        })
        .await
    }

    async fn with<T: Send + 'static>(
        &mut self,
        work: impl FnOnce(&mut Writing) -> Result<T, UploadError> + Send + 'static,
    ) -> Result<T, UploadError> {
        let permit = self.writes.clone().acquire_owned().await.expect("it is never closed");
        let mut writing = self.writing.take().expect("it is here between two writes");
        let worked = spawn_blocking(move || {
            let result = work(&mut writing);
            drop(permit);
            (writing, result)
        });
        let (writing, result) = worked.await.map_err(std::io::Error::other)?;
        self.writing = Some(writing);
        result
    }
}

impl Writing {
    fn write(&mut self, bytes: &[u8]) -> Result<(), UploadError> {
        let count = bytes.len() as u64;
        let after = self.offset + count;
        let uploads = &self.claim.uploads;
        if self.length.is_some_and(|length| after > length) {
            return Err(UploadError::TooLong);
        }
        uploads.check_length(after)?;
        uploads.space.reserve(count)?;
        if let Err(error) = self.file.write_all(bytes) {
            uploads.space.give_back(count);
            return Err(error.into());
        }
        self.offset = after;
        if let Some(entry) = uploads.lock().get_mut(&self.claim.id) {
            (entry.offset, entry.staged) = (after, after);
        }
        self.unsynced += count;
        if self.unsynced >= SYNC_EVERY {
            self.unsynced = 0;
            self.file.sync_data()?;
            if !uploads.space.disk_has(0) {
                return Err(UploadError::Full);
            }
        }
        Ok(())
    }
}
