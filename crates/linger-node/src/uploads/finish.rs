//! The end of an upload that has all its bytes: they are prepared, and kept under their
//! hash, which is held until the caller has made the file known.

use std::{io, sync::Arc};

use linger_core::{FileHash, Timestamp, UserId};

use super::{
    Prepared, UploadError, UploadId, Uploads, blocking,
    claim::Claim,
    prepare::{self, Made},
};
use crate::blobs::{Hold, Part};

/// An upload whose bytes are kept; not yet a file.
pub struct Finished {
    /// The facts about the bytes.
    pub prepared: Prepared,
    kept_at: Timestamp,
    uploads: Arc<Uploads>,
    id: UploadId,
    /// Nobody erases the bytes before the log names them.
    _hold: Hold,
    _claim: Claim,
}

/// The end of an upload that has all its bytes.
pub enum Outcome {
    /// Its bytes are kept, and it is to be made known as a file.
    Finished(Box<Finished>),
    /// It became a file before: its number.
    File(u64),
}

impl Uploads {
    /// Makes what is to be made of an upload that has all its bytes, and keeps that. Run it
    /// in a task of its own: it must not end with a request.
    ///
    /// Errors: after [`UploadError::Refused`] nothing is left of the upload; else it may be tried
    /// again.
    pub async fn finish(
        self: &Arc<Uploads>,
        id: &UploadId,
        owner: UserId,
    ) -> Result<Outcome, UploadError> {
        let claim = self.claim_when_free(id, owner).await?;
        let (about, prepared) = {
            let entries = self.lock();
            let entry = entries.get(id).ok_or(UploadError::NotFound)?;
            if let Some(file) = entry.about.file {
                return Ok(Outcome::File(file));
            }
            if entry.about.length.is_some_and(|length| length != entry.offset) {
                return Err(UploadError::WrongOffset(entry.offset));
            }
            (entry.about.clone(), entry.prepared.clone())
        };
        let (staged, drawn) = (self.stage.bytes(id), self.stage.drawn(id));
        let work = async {
            if let Some(prepared) = prepared {
                // Its bytes were kept, and then the log could not take the file.
                let hold = self.holds.hold(prepared.hash).await;
                let at = self.clock.now();
                self.renew(prepared.hash, at).await.map_err(|error| match error.kind() {
                    // Another node has erased them since: nothing is left of the upload.
                    io::ErrorKind::NotFound => UploadError::NotFound,
                    _ => error.into(),
                })?;
                return Ok((prepared, hold, at));
            }
            let making = self.workshop.run(move || prepare::prepare(&staged, &drawn, &about));
            let made = making.await?;
            let hold = self.holds.hold(made.prepared.hash).await;
            let prepared = made.prepared.clone();
            let (uploads, kept) = (self.clone(), id.clone());
            let at = blocking(move || uploads.keep(&kept, made)).await?;
            Ok((prepared, hold, at))
        };
        match work.await {
            Ok((prepared, hold, kept_at)) => {
                let (uploads, id) = (self.clone(), id.clone());
                let finished =
                    Finished { prepared, kept_at, uploads, id, _hold: hold, _claim: claim };
                Ok(Outcome::Finished(Box::new(finished)))
            }
            Err(error) => {
                if matches!(error, UploadError::Refused(_) | UploadError::NotFound) {
                    self.clear(claim).await;
                }
                Err(error)
            }
        }
    }

    /// Sees to it that bytes are there which were kept. Their hash is held.
    async fn renew(&self, hash: FileHash, now: Timestamp) -> io::Result<()> {
        let store = self.store.clone();
        blocking(move || store.renew(hash, now)).await
    }

    /// Keeps what was made of an upload, and returns when. Its hash is held.
    fn keep(&self, id: &UploadId, made: Made) -> io::Result<Timestamp> {
        let Made { prepared, path, thumbnail } = made;
        let hash = prepared.hash;
        let is_new = self.store.length(hash, Part::Whole)?.is_none();
        let now = self.clock.now();
        self.store.keep(hash, &path, thumbnail.as_deref(), now)?;
        self.stage.remove_bytes(id);
        if is_new {
            self.space.take(prepared.size + thumbnail.map_or(0, |small| small.len() as u64));
        }
        let mut entries = self.lock();
        if let Some(entry) = entries.get_mut(id) {
            self.space.give_back(std::mem::take(&mut entry.staged));
            entry.prepared = Some(prepared);
        }
        Ok(now)
    }
}

impl Finished {
    /// Notes which file became of it. Then the log names its bytes.
    ///
    /// Errors: the bytes may not be there any more, or the note cannot be written; it may be
    /// tried again.
    pub async fn became(self, file: u64) -> Result<(), UploadError> {
        let Finished { uploads, id, prepared, kept_at, .. } = &self;
        uploads.renew(prepared.hash, *kept_at).await?;
        let about = {
            let mut entries = uploads.lock();
            let entry = entries.get_mut(id).ok_or(UploadError::NotFound)?;
            entry.about.file = Some(file);
            entry.is_resumable.then(|| entry.about.clone())
        };
        let Some(about) = about else { return Ok(()) };
        let (uploads, id) = (uploads.clone(), id.clone());
        blocking(move || uploads.stage.note(&id, &about)).await?;
        Ok(())
    }
}
