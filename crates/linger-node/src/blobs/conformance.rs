//! The promises of every store of blobs, checked on each of them.
//!
//! A store is added to [`STORES`], and nothing else. The promises that only one of them makes
//! are tested beside it.

use std::{io, path::PathBuf, sync::Arc};

use linger_core::{FileHash, Timestamp};
use sha2::{Digest, Sha256};
use tempfile::TempDir;

use super::{BlobStore, Kept, Mark, Part, folder::FolderStore, jetstream::tests::open_store};
use crate::{ClusterSettings, log::jetstream::server::NatsServer, private};

/// A store, and a folder for what is staged.
pub(super) struct Shelf {
    pub(super) store: Arc<dyn BlobStore>,
    folder: TempDir,
    cluster: Option<ClusterSettings>,
}

const STORES: [fn() -> Shelf; 2] = [
    || {
        let folder = tempfile::tempdir().unwrap();
        let store = Arc::new(FolderStore::new(&folder.path().join("files")));
        Shelf { store, folder, cluster: None }
    },
    || Shelf::on(&NatsServer::of_this_process().new_log()),
];

impl Shelf {
    /// Opens the store of a node of a cluster, in a new folder.
    pub(super) fn on(cluster: &ClusterSettings) -> Shelf {
        let folder = tempfile::tempdir().unwrap();
        let store = Arc::new(open_store(cluster, &folder.path().join("files"), 1 << 30));
        Shelf { store, folder, cluster: Some(cluster.clone()) }
    }

    /// Opens it as another node does, or the same one after a restart.
    fn again(&self) -> Arc<dyn BlobStore> {
        match &self.cluster {
            None => Arc::new(FolderStore::new(&self.folder.path().join("files"))),
            Some(cluster) => {
                Arc::new(open_store(cluster, &self.folder.path().join("other"), 1 << 30))
            }
        }
    }

    pub(super) fn stage(&self, bytes: &[u8]) -> PathBuf {
        let staged = self.folder.path().join("staged");
        let file = private::open(&staged).unwrap();
        file.set_len(0).unwrap();
        io::Write::write_all(&mut &file, bytes).unwrap();
        staged
    }

    pub(super) fn keep(&self, bytes: &[u8], thumbnail: Option<&[u8]>, ms: i64) -> FileHash {
        let (hash, staged) = (hash_of(bytes), self.stage(bytes));
        self.store.keep(hash, &staged, thumbnail, Timestamp::from_ms(ms)).unwrap();
        assert!(!staged.exists(), "it is taken over");
        hash
    }
}

pub(super) fn hash_of(bytes: &[u8]) -> FileHash {
    FileHash(Sha256::digest(bytes).into())
}

/// Reads a part to its end, in pieces.
pub(super) fn read(store: &dyn BlobStore, hash: FileHash, part: Part) -> io::Result<Vec<u8>> {
    let (mut bytes, mut piece) = (Vec::new(), vec![0; 64 << 10]);
    loop {
        match store.read(hash, part, bytes.len() as u64, &mut piece)? {
            0 => return Ok(bytes),
            count => bytes.extend(&piece[..count]),
        }
    }
}

pub(super) fn erase(store: &dyn BlobStore, hash: FileHash) -> io::Result<u64> {
    let mark = store.mark(hash)?;
    store.erase(hash, mark)
}

fn on_each(check: impl Fn(Shelf)) {
    for store in STORES {
        check(store());
    }
}

#[test]
fn bytes_are_kept_under_their_hash_read_from_any_place_and_erased_for_good() {
    on_each(|shelf| {
        let store = &shelf.store;
        let hash = shelf.keep(b"hello there", Some(b"small"), 5000);
        for store in [store, &shelf.again()] {
            assert_eq!(store.length(hash, Part::Whole).unwrap(), Some(11));
            assert_eq!(store.length(hash, Part::Thumbnail).unwrap(), Some(5));
            let mut buffer = [0; 8];
            assert_eq!(store.read(hash, Part::Whole, 6, &mut buffer).unwrap(), 5);
            assert_eq!(&buffer[..5], b"there");
            assert_eq!(store.read(hash, Part::Whole, 99, &mut buffer).unwrap(), 0);
            assert_eq!(read(&**store, hash, Part::Thumbnail).unwrap(), b"small");
            let since = Timestamp::from_ms(5000);
            assert_eq!(store.list().unwrap(), [Kept { hash, bytes: 16, since }]);
        }
        assert_eq!(erase(&**store, hash).unwrap(), 16);
        assert_eq!(erase(&**store, hash).unwrap(), 0, "a second try");
        assert_eq!(store.length(hash, Part::Whole).unwrap(), None);
        let gone = read(&**store, hash, Part::Whole).unwrap_err();
        assert_eq!(gone.kind(), io::ErrorKind::NotFound);
        assert_eq!((store.list().unwrap(), store.copies()), (vec![], vec![]));
    });
}

#[test]
fn a_blob_without_a_thumbnail_has_none_and_an_empty_one_has_no_bytes() {
    on_each(|shelf| {
        let hash = shelf.keep(b"", None, 5000);
        for store in [&shelf.store, &shelf.again()] {
            assert_eq!(store.length(hash, Part::Whole).unwrap(), Some(0));
            assert_eq!(read(&**store, hash, Part::Whole).unwrap(), b"");
            assert_eq!(store.length(hash, Part::Thumbnail).unwrap(), None);
            let none = read(&**store, hash, Part::Thumbnail).unwrap_err();
            assert_eq!(none.kind(), io::ErrorKind::NotFound);
        }
    });
}

#[test]
fn large_blobs_come_back_as_they_were() {
    on_each(|shelf| {
        // Of some chunks, and of chunks that are all full.
        for length in [1_000_003_usize, 1 << 20] {
            let bytes: Vec<u8> = (0..length).map(|at| (at * 31 % 251) as u8).collect();
            let hash = shelf.keep(&bytes, None, 0);
            assert!(read(&*shelf.again(), hash, Part::Whole).unwrap() == bytes, "{length}");
        }
    });
}

#[test]
fn bytes_that_are_kept_again_count_as_new_and_lie_there_once() {
    on_each(|shelf| {
        let hash = shelf.keep(b"hello", Some(b"small"), 5000);
        assert_eq!(shelf.keep(b"hello", Some(b"small"), 9000), hash);
        let since = Timestamp::from_ms(9000);
        assert_eq!(shelf.store.list().unwrap(), [Kept { hash, bytes: 10, since }]);
        assert!(shelf.store.bytes().unwrap() >= 10);
        shelf.store.renew(hash, since).unwrap();
        assert_eq!(read(&*shelf.again(), hash, Part::Whole).unwrap(), b"hello");
    });
}

#[test]
fn a_mark_changes_nothing_by_itself() {
    on_each(|shelf| {
        let hash = shelf.keep(b"hello", None, 5000);
        let first = shelf.store.mark(hash).unwrap();
        assert_eq!(shelf.again().mark(hash).unwrap().number, first.number);
        assert_eq!(read(&*shelf.again(), hash, Part::Whole).unwrap(), b"hello");
        assert_eq!(shelf.store.erase(hash, first).unwrap(), 5);
        let nothing = shelf.store.mark(hash).unwrap();
        assert_eq!((nothing.look_at, nothing.number), (Mark::default().look_at, 0));
    });
}
