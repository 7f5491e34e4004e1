//! The bytes of appends that are not written yet: an engine's queue is bounded by their sum.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use super::AppendError;

/// The bytes of an append, among all that are not written yet. Dropped, they are taken
/// off the sum.
pub(super) struct Load {
    bytes: usize,
    sum: Arc<AtomicUsize>,
}

impl Load {
    /// Adds the bytes of an append. Errors: the sum is at its bound.
    pub(super) fn add(
        bytes: usize,
        sum: &Arc<AtomicUsize>,
        sum_max: usize,
    ) -> Result<Load, AppendError> {
        sum.fetch_add(bytes, Ordering::Relaxed);
        let load = Load { bytes, sum: sum.clone() };
        match sum.load(Ordering::Relaxed) > sum_max {
            true => Err(AppendError::Full),
            false => Ok(load),
        }
    }
}

impl Drop for Load {
    fn drop(&mut self) {
        self.sum.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}
