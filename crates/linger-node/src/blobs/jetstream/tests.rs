//! The store on real NATS servers: what is served and what never is, copies, and nodes that
//! keep and erase the same bytes at once.

use super::*;
use crate::tests::cast::TestClock;

/// Opens a store with copies of so many bytes in a folder.
pub(crate) fn open_store(
    cluster: &ClusterSettings,
    folder: &Path,
    cache_bytes_max: u64,
) -> JetStreamStore {
    use std::sync::atomic::{AtomicU64, Ordering};
    static SEEDS: AtomicU64 = AtomicU64::new(1);
    let clock = Arc::new(TestClock::new(SEEDS.fetch_add(1, Ordering::Relaxed)));
    let limits =
        Limits { file_cache_bytes_max: cache_bytes_max, disk_free_min: 0, ..Limits::default() };
    JetStreamStore::open(cluster, folder, Holds::default(), &limits, clock).unwrap()
}
