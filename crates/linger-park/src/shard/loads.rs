//! The answers of one shard that are on their way out, each counted once.
//!
//! Many readers share the bytes of one answer, so they are counted once. The load is
//! given back when the last of them has read the answer, or is cut.

use std::{
    collections::HashMap,
    sync::{Arc, Weak},
};

use crate::{Load, Outgoing};

/// When so many are remembered, those that are over are dropped.
const TIDY_AT: usize = 64;

/// The answers of one shard.
pub(super) struct Loads {
    outgoing: Arc<Outgoing>,
    /// By the address of their bytes. No other bytes can have it while the load is
    /// there, because every holder of the load holds the bytes too.
    known: HashMap<usize, Weak<Load>>,
    tidy_at: usize,
}

fn address(bytes: &Arc<[u8]>) -> usize {
    bytes.as_ptr().addr()
}

impl Loads {
    /// Begins without any.
    pub(super) fn new(outgoing: Arc<Outgoing>) -> Loads {
        Loads { outgoing, known: HashMap::new(), tidy_at: TIDY_AT }
    }

    /// Tells whether these bytes may go out.
    pub(super) fn has_room(&self, bytes: &Arc<[u8]>) -> bool {
        self.outgoing.has_room(bytes.len()) || self.find(bytes).is_some()
    }

    /// Returns the load of these bytes. None: there is no room for it.
    pub(super) fn of(&mut self, bytes: &Arc<[u8]>) -> Option<Arc<Load>> {
        if let Some(load) = self.find(bytes) {
            return Some(load);
        }
        let load = Arc::new(self.outgoing.load(bytes.len())?);
        self.known.insert(address(bytes), Arc::downgrade(&load));
        if self.known.len() >= self.tidy_at {
            self.known.retain(|_, load| load.strong_count() > 0);
            self.known.shrink_to(TIDY_AT);
            self.tidy_at = TIDY_AT.max(2 * self.known.len());
        }
        Some(load)
    }

    fn find(&self, bytes: &Arc<[u8]>) -> Option<Arc<Load>> {
        self.known.get(&address(bytes))?.upgrade()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_that_many_get_weigh_once_and_those_that_are_gone_nothing() {
        let outgoing = Outgoing::new(8 << 20);
        let mut loads = Loads::new(outgoing.clone());
        let answer: Arc<[u8]> = vec![0; 4 << 20].into();
        let all: Vec<_> = (0..100).map(|_| loads.of(&answer).unwrap()).collect();
        assert_eq!(outgoing.bytes(), answer.len());
        let other: Arc<[u8]> = vec![0; 4 << 20].into();
        assert!(loads.has_room(&answer) && !loads.has_room(&other));
        assert!(loads.of(&other).is_none());
        drop(all);
        assert_eq!(outgoing.bytes(), 0);
        for _ in 0..10_000 {
            let answer: Arc<[u8]> = vec![0; 100].into();
            drop(loads.of(&answer).unwrap());
        }
        assert!(loads.known.len() <= TIDY_AT, "{}", loads.known.len());
    }
}
