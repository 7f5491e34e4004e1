//! Erasing: what there is of a file that is gone.
//!
//! That is its bytes, unless other files have them too, and the note of the upload that
//! became it, which has its name. Everything is gone durably before the caller hears of it,
//! and a second try finds nothing to do.

use std::{io, sync::Arc};

use linger_core::{FileHash, FileId, Position};

use super::{UploadId, Uploads, blocking};

impl Uploads {
    /// Erases what is left of a file, unless `is_named` says that other files have its bytes.
    pub(crate) async fn erase_file<E, N>(
        self: &Arc<Uploads>,
        file: FileId,
        hash: FileHash,
        is_named: impl Fn(Position) -> N,
    ) -> Result<(), E>
    where
        E: From<io::Error>,
        N: Future<Output = Result<bool, E>>,
    {
        self.erase(hash, Some(file), is_named).await
    }

    /// Erases the bytes under a hash, unless `is_named` says that a file has them.
    pub(crate) async fn erase_unless<E, N>(
        self: &Arc<Uploads>,
        hash: FileHash,
        is_named: impl Fn(Position) -> N,
    ) -> Result<(), E>
    where
        E: From<io::Error>,
        N: Future<Output = Result<bool, E>>,
    {
        self.erase(hash, None, is_named).await
    }

    /// `is_named` is asked while nobody on this node can add the bytes, and once more after
    /// they are marked for others, of tables that are as far as that position.
    async fn erase<E, N>(
        self: &Arc<Uploads>,
        hash: FileHash,
        file: Option<FileId>,
        is_named: impl Fn(Position) -> N,
    ) -> Result<(), E>
    where
        E: From<io::Error>,
        N: Future<Output = Result<bool, E>>,
    {
        let hold = self.holds.hold(hash).await;
        let mut mark = None;
        if !self.is_awaited(hash) && !is_named(Position::START).await? {
            let store = self.store.clone();
            let marked = blocking(move || store.mark(hash)).await?;
            if marked.look_at == Position::START || !is_named(marked.look_at).await? {
                mark = Some(marked);
            }
        }
        let uploads = self.clone();
        blocking(move || {
            if let Some(file) = file {
                uploads.erase_note_of(file)?;
            }
            if let Some(mark) = mark {
                uploads.space.give_back(uploads.store.erase(hash, mark)?);
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
