//! Uploads that end with their request, wherever that is dropped.

use std::sync::Arc;

use super::{UploadId, Uploads};

/// An upload that is there for as long as this is. Then nothing is left of it, but a file that
/// became of it; while a request has it, that is a moment later.
pub struct Passing {
    uploads: Arc<Uploads>,
    id: UploadId,
    stays: bool,
}

impl Passing {
    /// Takes an upload that was just entered.
    pub(super) fn new(uploads: Arc<Uploads>, id: UploadId) -> Passing {
        Passing { uploads, id, stays: false }
    }

    /// Returns the upload's name.
    pub fn id(&self) -> &UploadId {
        &self.id
    }

    /// Lets the upload stay until it expires.
    pub(super) fn stay(mut self) -> UploadId {
        self.stays = true;
        self.id.clone()
    }
}

impl Drop for Passing {
    fn drop(&mut self) {
        let is_free = |uploads: &Uploads| match uploads.lock().get_mut(&self.id) {
            None => false,
            Some(entry) => {
                // The request or task that has it removes it.
                entry.is_over = true;
                entry.busy.is_none()
            }
        };
        if !self.stays && is_free(&self.uploads) {
            self.uploads.remove(&self.id);
        }
    }
}
