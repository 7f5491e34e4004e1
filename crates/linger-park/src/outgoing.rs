//! How many bytes of answers are on their way out, all together.
//!
//! An answer that the system does not take at once stays in memory until its
//! reader has read it. [`Outgoing`] bounds the sum over everybody: each holder of
//! such an answer holds a [`Load`] of it. The last part is kept for small answers,
//! so that a server whose readers are slow still says that it is alive. The park
//! asks before it sends; a server behind it can share the same bound.

use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
};

/// Bytes that all answers may have on their way out, unless the owner says otherwise.
pub const OUTGOING_MAX: usize = 64 << 20;
/// An answer up to so many bytes may use what is kept for small ones.
const SMALL_MAX: usize = 16 << 10;
/// This part of the whole is kept for small answers.
const KEPT_PART: usize = 8;

/// The bound on all answers together.
pub struct Outgoing {
    bytes_max: usize,
    bytes: AtomicUsize,
}

/// So many bytes on their way out, until this is dropped.
pub struct Load {
    outgoing: Arc<Outgoing>,
    bytes: usize,
}

impl Outgoing {
    /// Makes room for so many bytes.
    pub fn new(bytes_max: usize) -> Arc<Outgoing> {
        Arc::new(Outgoing { bytes_max, bytes: AtomicUsize::new(0) })
    }

    /// Enters an answer of so many bytes. None: there is no room for it now.
    pub fn load(self: &Arc<Outgoing>, bytes: usize) -> Option<Load> {
        let max = self.max_for(bytes);
        let add = |now: usize| now.checked_add(bytes).filter(|sum| *sum <= max);
        self.bytes.fetch_update(Relaxed, Relaxed, add).ok()?;
        Some(Load { outgoing: self.clone(), bytes })
    }

    /// Tells whether there is room for an answer of so many bytes, as of now.
    pub fn has_room(&self, bytes: usize) -> bool {
        self.bytes().checked_add(bytes).is_some_and(|sum| sum <= self.max_for(bytes))
    }

    /// Returns how many bytes are on their way.
    pub fn bytes(&self) -> usize {
        self.bytes.load(Relaxed)
    }

    fn max_for(&self, bytes: usize) -> usize {
        match bytes <= SMALL_MAX {
            true => self.bytes_max,
            false => self.bytes_max - self.bytes_max / KEPT_PART,
        }
    }
}

impl Drop for Load {
    fn drop(&mut self) {
        self.outgoing.bytes.fetch_sub(self.bytes, Relaxed);
    }
}

impl fmt::Debug for Outgoing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut outgoing = f.debug_struct("Outgoing");
        outgoing.field("bytes", &self.bytes()).field("bytes_max", &self.bytes_max).finish()
    }
}

impl fmt::Debug for Load {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Load").field("bytes", &self.bytes).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn large_answers_leave_a_part_to_small_ones_and_give_back_what_they_took() {
        const MAX: usize = 8 << 20;
        let outgoing = Outgoing::new(MAX);
        let large = [outgoing.load(4 << 20), outgoing.load(3 << 20)];
        assert!(large.iter().all(Option::is_some));
        assert!(outgoing.load(SMALL_MAX + 1).is_none() && !outgoing.has_room(SMALL_MAX + 1));
        let mut small = Vec::new();
        while let Some(load) = outgoing.load(SMALL_MAX) {
            small.push(load);
        }
        assert_eq!((small.len(), outgoing.bytes()), ((1 << 20) / SMALL_MAX, MAX));
        assert!(!outgoing.has_room(1) && outgoing.has_room(0));
        drop(large);
        assert!(outgoing.has_room(SMALL_MAX + 1));
        assert!(!outgoing.has_room(usize::MAX) && outgoing.load(usize::MAX).is_none());
        drop(small);
        assert_eq!(outgoing.bytes(), 0);
    }
}
