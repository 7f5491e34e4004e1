//! Blobs in a folder: `ab/abcd…` for the bytes whose hash begins with `ab`, and beside them
//! `abcd….thumbnail`.
//!
//! A blob comes in by a rename, after its bytes are durable, and is durable itself when the
//! folder is. So after a crash each is there whole, or not at all. A thumbnail comes before
//! its blob and goes after it.

use std::{
    fs::{self, File},
    io::{self, Write},
    os::unix::fs::FileExt,
    path::{Path, PathBuf},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use linger_core::{FileHash, Timestamp};

use super::{BlobStore, Kept, Mark, Part};
use crate::private;

/// Stands at the end of a thumbnail's name.
const THUMBNAIL: &str = ".thumbnail";

/// Keeps blobs in a folder.
#[derive(Debug)]
pub(crate) struct FolderStore {
    folder: PathBuf,
}

impl FolderStore {
    /// Makes the store of a folder, which is made with the first blob.
    pub(crate) fn new(folder: &Path) -> FolderStore {
        FolderStore { folder: folder.to_owned() }
    }

    /// Returns the folder of a blob and its path.
    fn place(&self, hash: FileHash, part: Part) -> (PathBuf, PathBuf) {
        let name = hash.to_string();
        let folder = self.folder.join(&name[..2]);
        let path = match part {
            Part::Whole => folder.join(name),
            Part::Thumbnail => folder.join(name + THUMBNAIL),
        };
        (folder, path)
    }

    /// Returns where a part is, if it is there.
    pub(super) fn path(&self, hash: FileHash, part: Part) -> PathBuf {
        self.place(hash, part).1
    }

    /// Takes a file over as a part, durably.
    pub(super) fn adopt(
        &self,
        hash: FileHash,
        part: Part,
        staged: &Path,
        now: Timestamp,
    ) -> io::Result<()> {
        let (folder, path) = self.place(hash, part);
        make_durably(&folder)?;
        settle(&File::options().write(true).open(staged)?, now)?;
        fs::rename(staged, path)?;
        sync(&folder)
    }

    /// Erases a part, and returns how many bytes it had.
    pub(super) fn erase_part(&self, hash: FileHash, part: Part) -> io::Result<u64> {
        let length = self.length(hash, part)?;
        match fs::remove_file(self.path(hash, part)) {
            Ok(()) => Ok(length.unwrap_or_default()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(0),
            Err(error) => Err(error),
        }
    }

    /// Lists all parts, in no order.
    pub(super) fn parts(&self) -> io::Result<Vec<KeptPart>> {
        let mut parts = Vec::new();
        if !self.folder.is_dir() {
            return Ok(parts);
        }
        for folder in fs::read_dir(&self.folder)? {
            let folder = folder?;
            // Other folders and files beside them are not blobs.
            if folder.file_name().len() != 2 || !folder.file_type()?.is_dir() {
                continue;
            }
            for entry in fs::read_dir(folder.path())? {
                let entry = entry?;
                let name = entry.file_name();
                let name = name.to_string_lossy();
                let Some(hash) =
                    name.get(..64).and_then(|hash| const_hex::decode_to_array(hash).ok())
                else {
                    continue;
                };
                let part = if name.len() == 64 { Part::Whole } else { Part::Thumbnail };
                let metadata = entry.metadata()?;
                let since = timestamp_of(metadata.modified()?);
                parts.push(KeptPart { hash: FileHash(hash), part, bytes: metadata.len(), since });
            }
        }
        Ok(parts)
    }
}

/// A part that is in the folder.
pub(super) struct KeptPart {
    pub(super) hash: FileHash,
    pub(super) part: Part,
    pub(super) bytes: u64,
    pub(super) since: Timestamp,
}

impl BlobStore for FolderStore {
    fn keep(
        &self,
        hash: FileHash,
        staged: &Path,
        thumbnail: Option<&[u8]>,
        now: Timestamp,
    ) -> io::Result<()> {
        if let Some(thumbnail) = thumbnail {
            // Beside the staged file: a crash leaves nothing of it here.
            let small = staged.with_added_extension("thumbnail");
            let mut file = private::open(&small)?;
            file.set_len(0)?;
            file.write_all(thumbnail)?;
            self.adopt(hash, Part::Thumbnail, &small, now)?;
        }
        self.adopt(hash, Part::Whole, staged, now)
    }

    fn length(&self, hash: FileHash, part: Part) -> io::Result<Option<u64>> {
        match fs::metadata(self.place(hash, part).1) {
            Ok(metadata) => Ok(Some(metadata.len())),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    fn read(&self, hash: FileHash, part: Part, at: u64, buffer: &mut [u8]) -> io::Result<usize> {
        let file = File::open(self.place(hash, part).1)?;
        let mut filled = 0;
        while filled < buffer.len() {
            match file.read_at(&mut buffer[filled..], at + filled as u64) {
                Ok(0) => break,
                Ok(count) => filled += count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(filled)
    }

    fn erase(&self, hash: FileHash, _: Mark) -> io::Result<u64> {
        let bytes = self.erase_part(hash, Part::Whole)?;
        let bytes = bytes + self.erase_part(hash, Part::Thumbnail)?;
        let (folder, _) = self.place(hash, Part::Whole);
        if folder.is_dir() {
            sync(&folder)?;
        }
        Ok(bytes)
    }

    fn list(&self) -> io::Result<Vec<Kept>> {
        let parts = self.parts()?.into_iter();
        let mut kept: Vec<_> =
            parts.map(|KeptPart { hash, bytes, since, .. }| Kept { hash, bytes, since }).collect();
        kept.sort_by_key(|kept| (kept.hash, kept.since));
        kept.dedup_by(|part, whole| {
            let is_one = part.hash == whole.hash;
            if is_one {
                whole.bytes += part.bytes;
                whole.since = whole.since.max(part.since);
            }
            is_one
        });
        Ok(kept)
    }
}

/// Makes the bytes of a file durable, and its time that of the clock.
fn settle(file: &File, now: Timestamp) -> io::Result<()> {
    file.set_modified(time_of(now))?;
    file.sync_all()
}

/// Makes a folder and those above it, unless they are there, and makes their names durable.
pub(crate) fn make_durably(folder: &Path) -> io::Result<()> {
    let Some(above) = folder.parent().filter(|_| !folder.is_dir()) else { return Ok(()) };
    make_durably(above)?;
    private::make_folder(folder)?;
    sync(above)
}

/// Makes the names in a folder durable.
pub(crate) fn sync(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

fn time_of(timestamp: Timestamp) -> SystemTime {
    let since = Duration::from_millis(timestamp.as_ms().unsigned_abs());
    if timestamp.as_ms() < 0 { UNIX_EPOCH - since } else { UNIX_EPOCH + since }
}

fn timestamp_of(time: SystemTime) -> Timestamp {
    let ms = |time: Duration| i64::try_from(time.as_millis()).unwrap_or(i64::MAX);
    Timestamp::from_ms(match time.duration_since(UNIX_EPOCH) {
        Ok(since) => ms(since),
        Err(before) => -ms(before.duration()),
    })
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    const HASH: FileHash = FileHash([0xab; 32]);

    fn now(ms: i64) -> Timestamp {
        Timestamp::from_ms(ms)
    }

    /// Opens a store, and stages a file.
    fn stage(bytes: &[u8]) -> (tempfile::TempDir, FolderStore, PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let store = FolderStore::new(&folder.path().join("files"));
        let staged = folder.path().join("staged");
        private::open(&staged).unwrap().write_all(bytes).unwrap();
        (folder, store, staged)
    }

    #[test]
    fn bytes_are_kept_under_their_hash_read_from_any_place_and_erased_for_good() {
        let (folder, store, staged) = stage(b"hello there");
        store.keep(HASH, &staged, Some(b"small"), now(5000)).unwrap();
        assert!(!staged.exists());
        assert_eq!(store.length(HASH, Part::Whole).unwrap(), Some(11));
        assert_eq!(store.length(HASH, Part::Thumbnail).unwrap(), Some(5));
        let mut buffer = [0; 8];
        assert_eq!(store.read(HASH, Part::Whole, 6, &mut buffer).unwrap(), 5);
        assert_eq!(&buffer[..5], b"there");
        assert_eq!(store.read(HASH, Part::Whole, 99, &mut buffer).unwrap(), 0);
        assert_eq!(store.list().unwrap(), [Kept { hash: HASH, bytes: 16, since: now(5000) }]);
        assert_eq!(store.erase(HASH, Mark::default()).unwrap(), 16);
        assert_eq!(store.erase(HASH, Mark::default()).unwrap(), 0, "a second try");
        assert_eq!(store.length(HASH, Part::Whole).unwrap(), None);
        let gone = store.read(HASH, Part::Whole, 0, &mut buffer).unwrap_err();
        assert_eq!(gone.kind(), io::ErrorKind::NotFound);
        let left = fs::read_dir(folder.path().join("files/ab")).unwrap().count();
        assert_eq!(left, 0);
    }

    #[test]
    fn bytes_that_are_kept_again_count_as_new() {
        let (_folder, store, staged) = stage(b"hello");
        store.keep(HASH, &staged, None, now(5000)).unwrap();
        private::open(&staged).unwrap().write_all(b"hello").unwrap();
        store.keep(HASH, &staged, None, now(9000)).unwrap();
        assert_eq!(store.list().unwrap(), [Kept { hash: HASH, bytes: 5, since: now(9000) }]);
    }

    #[test]
    fn nobody_else_reads_what_is_kept() {
        let (folder, store, staged) = stage(b"hello");
        store.keep(HASH, &staged, Some(b"small"), now(0)).unwrap();
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        let files = folder.path().join("files");
        assert_eq!((mode(&files), mode(&files.join("ab"))), (0o700, 0o700));
        for entry in fs::read_dir(files.join("ab")).unwrap() {
            assert_eq!(mode(&entry.unwrap().path()), 0o600);
        }
    }

    #[test]
    fn what_a_crash_leaves_is_listed_and_erased() {
        let (folder, store, staged) = stage(b"hello");
        store.keep(HASH, &staged, Some(b"small"), now(7000)).unwrap();
        let name = HASH.to_string();
        let ab = folder.path().join("files/ab");
        // The blob was erased, and its thumbnail was not.
        fs::remove_file(ab.join(&name)).unwrap();
        fs::write(ab.join("notes.txt"), "not ours").unwrap();
        let listed = store.list().unwrap();
        assert_eq!(
            listed.iter().map(|kept| (kept.hash, kept.bytes)).collect::<Vec<_>>(),
            [(HASH, 5)]
        );
        assert_eq!(store.erase(HASH, Mark::default()).unwrap(), 5);
        assert_eq!(store.list().unwrap(), []);
        assert!(ab.join("notes.txt").exists());
    }
}
