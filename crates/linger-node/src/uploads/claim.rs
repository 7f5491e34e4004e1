//! Claims: an upload is changed by one request at a time.

use std::{sync::Arc, time::Duration};

use linger_core::UserId;
use tokio::{sync::Notify, time::timeout};

use super::{UploadError, UploadId, Uploads};

/// How long a request may wait until another one lets the upload go: as long as the largest
/// picture takes.
const LET_GO_TIMEOUT: Duration = Duration::from_secs(60);

/// The right to change an upload, until this is dropped.
pub(super) struct Claim {
    pub(super) uploads: Arc<Uploads>,
    pub(super) id: UploadId,
    /// Called if another request wants it.
    pub(super) wanted: Arc<Notify>,
}

impl Uploads {
    /// Claims an upload, and lets the request that has it know.
    pub(super) async fn claim(
        self: &Arc<Uploads>,
        id: &UploadId,
        owner: UserId,
    ) -> Result<Claim, UploadError> {
        self.claim_with(id, owner, true).await
    }

    /// Claims an upload when nobody has it.
    pub(super) async fn claim_when_free(
        self: &Arc<Uploads>,
        id: &UploadId,
        owner: UserId,
    ) -> Result<Claim, UploadError> {
        self.claim_with(id, owner, false).await
    }

    async fn claim_with(
        self: &Arc<Uploads>,
        id: &UploadId,
        owner: UserId,
        calls: bool,
    ) -> Result<Claim, UploadError> {
        let claiming = async {
            loop {
                // Before the look: one that is let go in between must not be missed.
                let let_go = self.let_go.notified();
                {
                    let mut entries = self.lock();
                    let entry = entries.get_mut(id).filter(|entry| entry.about.owner == owner);
                    let entry = entry.ok_or(UploadError::NotFound)?;
                    match &entry.busy {
                        Some(wanted) if calls => wanted.notify_one(),
                        Some(_) => {}
                        None => {
                            let wanted = Arc::new(Notify::new());
                            entry.busy = Some(wanted.clone());
                            return Ok(Claim { uploads: self.clone(), id: id.clone(), wanted });
                        }
                    }
                }
                let_go.await;
            }
        };
        timeout(LET_GO_TIMEOUT, claiming).await.unwrap_or(Err(UploadError::Overloaded))
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        let is_over = match self.uploads.lock().get_mut(&self.id) {
            Some(entry) if entry.is_over => true,
            Some(entry) => {
                entry.busy = None;
                false
            }
            None => false,
        };
        if is_over {
            self.uploads.remove(&self.id);
        }
        self.uploads.let_go.notify_waiters();
    }
}
