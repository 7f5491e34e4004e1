//! Erasing: what the folder has of a file that is gone.
//!
//! That is its bytes, unless other files have them too, and the note of the upload that
//! became it, which has its name. Everything is gone durably before the caller hears of it,
//! and a second try finds nothing to do.

use std::{io, sync::Arc};

use linger_core::{FileHash, FileId};

use super::{UploadId, Uploads, blocking};

impl Uploads {
    /// Erases what is left of a file, unless `is_named` says that other files have its bytes.
    pub(crate) async fn erase_file<E: From<io::Error>>(
        self: &Arc<Uploads>,
        file: FileId,
        hash: FileHash,
        is_named: impl Future<Output = Result<bool, E>>,
    ) -> Result<(), E> {
        self.erase(hash, Some(file), is_named).await
    }

    /// Erases the bytes under a hash, unless `is_named` says that a file has them.
    pub(crate) async fn erase_unless<E: From<io::Error>>(
        self: &Arc<Uploads>,
        hash: FileHash,
        is_named: impl Future<Output = Result<bool, E>>,
    ) -> Result<(), E> {
        self.erase(hash, None, is_named).await
    }

    /// `is_named` is asked while nobody can add the bytes.
    async fn erase<E: From<io::Error>>(
        self: &Arc<Uploads>,
        hash: FileHash,
        file: Option<FileId>,
        is_named: impl Future<Output = Result<bool, E>>,
    ) -> Result<(), E> {
        let hold = self.holds.hold(hash).await;
        let keeps_bytes = self.is_awaited(hash) || is_named.await?;
        let uploads = self.clone();
        blocking(move || {
            if let Some(file) = file {
                uploads.erase_note_of(file)?;
            }
            if !keeps_bytes {
                uploads.space.give_back(uploads.store.erase(hash)?);
            }
            drop(hold);
            Ok(())
        })
        .await?;
        Ok(())
    }

    /// Tells whether an upload kept these bytes, and is still to become a file: the log could
    /// not take it, and its sender may ask again.
    fn is_awaited(&self, hash: FileHash) -> bool {
        self.lock().values().any(|entry| {
            let kept = entry.prepared.as_ref();
            entry.about.file.is_none() && kept.is_some_and(|prepared| prepared.hash == hash)
        })
    }

    /// Erases the note of the upload that became this file, if it is still there.
    fn erase_note_of(&self, file: FileId) -> io::Result<()> {
        let became: Vec<UploadId> = {
            let entries = self.lock();
            let is_it = |about: &super::About| about.file == Some(file.get());
            entries
                .iter()
                .filter(|(_, entry)| is_it(&entry.about))
                .map(|(id, _)| id.clone())
                .collect()
        };
        for id in became {
            self.stage.erase_note(&id)?;
            self.forget(&id);
        }
        Ok(())
    }
}
