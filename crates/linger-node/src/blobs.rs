//! The bytes of files, each under the hash of its content: a store behind one small trait.
//!
//! [`BlobStore`] is what the rest knows; [`folder`] keeps blobs in the data folder,
//! [`jetstream`] in the object store of a cluster; `conformance` checks both. Bytes come in by [`crate::Uploads`] and never change. Before bytes are kept or erased, their
//! hash is held ([`Holds`]), so that nobody erases what somebody else adds again at that
//! moment. No name and no path comes from a client: a name is the hash.

#[cfg(test)]
mod conformance;
pub(crate) mod folder;
pub(crate) mod jetstream;

use std::{
    collections::HashSet,
    io,
    path::Path,
    sync::{Arc, Mutex},
};

use linger_core::{FileHash, Position, Timestamp};
use tokio::sync::Notify;

/// One of the two things that are kept under a hash.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Part {
    /// The file itself.
    Whole,
    /// The small form of a picture.
    Thumbnail,
}

/// A blob in the store, as [`BlobStore::list`] tells of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Kept {
    /// The hash.
    pub hash: FileHash,
    /// Bytes of both parts.
    pub bytes: u64,
    /// When it was kept last.
    pub since: Timestamp,
}

/// Says that somebody is about to erase a blob, to all nodes that have the store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Mark {
    /// Look whether a file has it once the tables are as far as this.
    pub look_at: Position,
    /// The number of the record with the mark.
    pub(crate) number: u64,
}

impl Default for Mark {
    /// The mark in a store that no other node has.
    fn default() -> Mark {
        Mark { look_at: Position::START, number: 0 }
    }
}

/// Keeps bytes under their hash. All of its calls may wait for a disk, or for a cluster.
///
/// An error `NotConnected` means that the cluster does not answer, and `ResourceBusy` that
/// others are at it: both are worth another try.
pub trait BlobStore: Send + Sync {
    /// Takes a staged file over, and with it a thumbnail: both are durable afterwards. If
    /// the bytes are there already, they count as new. Hold the hash meanwhile.
    fn keep(
        &self,
        hash: FileHash,
        staged: &Path,
        thumbnail: Option<&[u8]>,
        now: Timestamp,
    ) -> io::Result<()>;

    /// Sees to it that bytes are still there which were kept, now that the log names them:
    /// another node may have erased them in between. Hold the hash since then.
    ///
    /// Errors: `NotFound`, if they are neither there nor on this node.
    fn renew(&self, _: FileHash, _: Timestamp) -> io::Result<()> {
        Ok(())
    }

    /// Returns how many bytes a part has; none if it is not there.
    fn length(&self, hash: FileHash, part: Part) -> io::Result<Option<u64>>;

    /// Reads from a place on, as many bytes as there are and as `buffer` takes.
    ///
    /// Errors: `NotFound`, also if it was erased since it was asked for its length.
    fn read(&self, hash: FileHash, part: Part, at: u64, buffer: &mut [u8]) -> io::Result<usize>;

    /// Marks a blob that is to be erased. Look after that whether a file has it. A mark may
    /// stay: it changes nothing else. Hold the hash from before this until it is erased.
    fn mark(&self, _: FileHash) -> io::Result<Mark> {
        Ok(Mark::default())
    }

    /// Erases both parts of a blob that was marked, and returns how many bytes they had. If
    /// they are not there, that is no error: it may be the second try.
    ///
    /// Errors: `ResourceBusy`, if somebody has taken the mark away: look again.
    fn erase(&self, hash: FileHash, mark: Mark) -> io::Result<u64>;

    /// Lists everything that is kept, and what a crash has left of it.
    fn list(&self) -> io::Result<Vec<Kept>>;

    /// Returns how many bytes all have.
    fn bytes(&self) -> io::Result<u64> {
        Ok(self.list()?.iter().map(|kept| kept.bytes).sum())
    }

    /// Returns the hashes of which this node has copies, beside those in the store.
    fn copies(&self) -> Vec<FileHash> {
        Vec::new()
    }
}

/// Hashes over which somebody decides just now.
#[derive(Debug, Clone, Default)]
pub struct Holds(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    held: Mutex<HashSet<FileHash>>,
    freed: Notify,
}

/// The right to decide over the bytes under one hash, until this is dropped.
#[derive(Debug)]
pub struct Hold {
    shared: Arc<Shared>,
    hash: FileHash,
}

impl Holds {
    /// Waits until nobody else holds this hash, and holds it.
    ///
    /// Keep it from before the bytes are kept until the log names them, or from before it
    /// is looked whether the log names them until they are erased.
    pub async fn hold(&self, hash: FileHash) -> Hold {
        loop {
            // Before the look: one that is freed in between must not be missed.
            let freed = self.0.freed.notified();
            if self.0.held.lock().expect("no holder of this lock panics").insert(hash) {
                return Hold { shared: self.0.clone(), hash };
            }
            freed.await;
        }
    }

    /// Tells whether somebody holds this hash.
    pub(crate) fn is_held(&self, hash: FileHash) -> bool {
        self.0.held.lock().expect("no holder of this lock panics").contains(&hash)
    }
}

impl Hold {
    /// Returns the hash that is held.
    pub fn hash(&self) -> FileHash {
        self.hash
    }
}

impl Drop for Hold {
    fn drop(&mut self) {
        self.shared.held.lock().expect("no holder of this lock panics").remove(&self.hash);
        self.shared.freed.notify_waiters();
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::time::timeout;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_hash_has_one_holder_and_other_hashes_do_not_wait() {
        let holds = Holds::default();
        let (one, other) = (FileHash([1; 32]), FileHash([2; 32]));
        let first = holds.hold(one).await;
        drop(holds.hold(other).await);
        let second = holds.hold(one);
        let mut second = std::pin::pin!(second);
        assert!(timeout(Duration::from_secs(1), second.as_mut()).await.is_err());
        drop(first);
        assert_eq!(second.await.hash(), one);
    }
}
