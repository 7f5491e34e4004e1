//! A disk with faults under one folder: full, read-only, failing, or without
//! power. Also a clock that is wrong.
//!
//! `disk.c` is compiled once and loaded into the program before the C library
//! ([`Disk::under`] a folder, then [`Disk::mount`] it). [`Disk::set`] changes what
//! is wrong while the program runs; [`Disk::heal`] ends it. With a journal, and after
//! the program was killed, [`Disk::power_cut`] takes back everything written since the
//! last fsync. It never touches a file outside of its folder.

use std::{
    collections::HashMap,
    fs::{self, File},
    os::unix::fs::{FileExt, MetadataExt},
    path::{Path, PathBuf},
    process::Command,
    sync::OnceLock,
};

use tempfile::TempDir;

use crate::{chance::Chance, process::Program};

/// The bytes that a disk writes whole or not at all.
const SECTOR: u64 = 512;

/// A folder's disk, as the program sees it.
pub struct Disk {
    folder: PathBuf,
    has_journal: bool,
    /// The control file and the journal.
    own: TempDir,
}

/// One change of a file's content, and what was there before.
struct Change {
    is_truncation: bool,
    /// Where it wrote, or how long the file was made.
    offset: u64,
    length: u64,
    /// The file's size before.
    old_size: u64,
    /// The bytes that it wrote over, or cut off.
    old: Vec<u8>,
    /// The bytes that it wrote; known once they are taken back.
    new: Vec<u8>,
    fate: Fate,
}

/// The fate of a change in a power cut.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Fate {
    /// An fsync succeeded after it.
    Durable,
    /// No fsync came after it.
    Unsynced,
    /// The first fsync after it failed. The system has forgotten by then that
    /// there was something to write: a later fsync does not help.
    Lost,
}

/// The part of the changes without fsync that a power cut leaves.
enum Left {
    Nothing,
    /// The oldest so many.
    First(usize),
    /// Some sectors of some of them.
    Sectors,
}

impl Disk {
    /// A disk without a fault under this folder, which exists.
    pub fn under(folder: &Path) -> Disk {
        let own = tempfile::Builder::new().prefix("linger-disk-").tempdir().unwrap();
        let disk = Disk { folder: fs::canonicalize(folder).unwrap(), has_journal: false, own };
        disk.heal();
        disk
    }

    /// The same, with a journal for [`Disk::power_cut`].
    pub fn with_journal(folder: &Path) -> Disk {
        let disk = Disk { has_journal: true, ..Disk::under(folder) };
        disk.heal();
        disk
    }

    /// Returns the program with this disk under it.
    pub fn mount(&self, program: Program) -> Program {
        let control = self.own.path().join("control");
        program
            .env("LD_PRELOAD", library().to_str().unwrap())
            .env("LINGER_TEST_DISK", control.to_str().unwrap())
    }

    /// Sets the faults from now on, as lines of the control file, in place of all others.
    pub fn set(&self, faults: &[&str]) {
        let mut text = format!("folder {}\n", self.folder.display());
        if self.has_journal {
            text += &format!("journal {}\n", self.journal().display());
        }
        for fault in faults {
            text += &format!("{fault}\n");
        }
        // Renamed into place: the program may read it at any moment.
        let new = self.own.path().join("control-new");
        fs::write(&new, text).unwrap();
        fs::rename(new, self.own.path().join("control")).unwrap();
    }

    /// Ends all faults.
    pub fn heal(&self) {
        self.set(&[]);
    }

    /// Leaves of each file what a disk might have after a power cut, by chance:
    /// everything that was synced, and of the rest nothing, the first changes, or
    /// any sectors. The program must have been killed.
    pub fn power_cut(&self, seed: u64) {
        self.cut(&mut Chance::new(seed), |chance, changes| match chance.pick(0..3) {
            0 => Left::Nothing,
            1 => Left::First(chance.pick(0..changes.len() as u64 + 1) as usize),
            _ => Left::Sectors,
        });
    }

    /// The same, at its hardest: nothing is left but what was synced.
    pub fn power_cut_that_leaves_nothing(&self) {
        self.cut(&mut Chance::new(0), |_, _| Left::Nothing);
    }

    fn cut(&self, chance: &mut Chance, left: impl Fn(&mut Chance, &[Change]) -> Left) {
        let mut changes = self.changes();
        for path in files_under(&self.folder) {
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            if name.ends_with("-shm") && chance.pick(0..2) == 0 {
                fs::remove_file(path).unwrap();
                continue;
            }
            let inode = fs::metadata(&path).unwrap().ino();
            if let Some(mut changes) = changes.remove(&inode) {
                let left = left(chance, &changes);
                take_back(&path, &mut changes, &left, chance);
            }
        }
        let _ = fs::remove_file(self.journal());
    }

    /// Returns from where on nothing in this file is synced, in bytes: the end of
    /// the file when all of it is.
    pub fn synced_until(&self, name: &str) -> u64 {
        let metadata = fs::metadata(self.folder.join(name)).unwrap();
        let changes = self.changes().remove(&metadata.ino()).unwrap_or_default();
        let unsynced = changes.iter().filter(|change| change.fate != Fate::Durable);
        unsynced.map(|change| change.offset).min().unwrap_or(metadata.len()).min(metadata.len())
    }

    fn journal(&self) -> PathBuf {
        self.own.path().join("journal")
    }

    /// Reads the journal: the changes of each file by its number, oldest first.
    fn changes(&self) -> HashMap<u64, Vec<Change>> {
        let journal = fs::read(self.journal()).unwrap_or_default();
        let mut rest = &journal[..];
        let mut changes: HashMap<u64, Vec<Change>> = HashMap::new();
        // The last note may have broken off. The change that it describes was not made then.
        while let Some((numbers, after)) = rest.split_first_chunk::<48>() {
            let number =
                |i: usize| u64::from_le_bytes(numbers[i * 8..][..8].try_into().expect("eight"));
            let old_length = number(5) as usize;
            if after.len() < old_length {
                break;
            }
            let (old, after) = after.split_at(old_length);
            rest = after;
            let of_file = changes.entry(number(1)).or_default();
            let settle = |of_file: &mut Vec<Change>, fate| {
                let open = of_file.iter_mut().filter(|change| change.fate == Fate::Unsynced);
                open.for_each(|change| change.fate = fate);
            };
            match number(0) {
                kind @ (1 | 2) => of_file.push(Change {
                    is_truncation: kind == 2,
                    offset: number(2),
                    length: number(3),
                    old_size: number(4),
                    old: old.to_vec(),
                    new: Vec::new(),
                    fate: Fate::Unsynced,
                }),
                3 => {
                    settle(of_file, Fate::Durable);
                    // A change before the oldest that may be lost is never taken back.
                    let lost = of_file.iter().position(|change| change.fate == Fate::Lost);
                    of_file.drain(..lost.unwrap_or(of_file.len()));
                }
                4 => settle(of_file, Fate::Lost),
                5 => of_file.clear(),
                kind => panic!("a note of kind {kind}"),
            }
        }
        changes
    }
}

/// Takes all changes back, then makes again what stays of them.
fn take_back(path: &Path, changes: &mut [Change], left: &Left, chance: &mut Chance) {
    let file = File::options().read(true).write(true).open(path).unwrap();
    let size = || file.metadata().unwrap().len();
    for change in changes.iter_mut().rev() {
        if !change.is_truncation {
            let end = size().min(change.offset + change.length);
            change.new = vec![0; end.saturating_sub(change.offset) as usize];
            file.read_exact_at(&mut change.new, change.offset).unwrap();
        }
        file.set_len(change.old_size).unwrap();
        file.write_all_at(&change.old, change.offset).unwrap();
    }
    let mut first = match left {
        Left::First(first) => *first,
        Left::Nothing | Left::Sectors => 0,
    };
    for change in changes {
        let is_whole = change.fate == Fate::Durable || first > 0;
        if change.fate != Fate::Durable {
            first = first.saturating_sub(1);
        }
        let is_torn = !is_whole && matches!(left, Left::Sectors);
        if change.is_truncation {
            if is_whole || is_torn && chance.pick(0..2) == 0 {
                file.set_len(change.offset).unwrap();
            }
            continue;
        }
        let (mut at, end) = (change.offset, change.offset + change.new.len() as u64);
        while at < end {
            let until = ((at / SECTOR + 1) * SECTOR).min(end);
            if is_whole || is_torn && chance.pick(0..2) == 0 {
                let bytes = &change.new[(at - change.offset) as usize..][..(until - at) as usize];
                file.write_all_at(bytes, at).unwrap();
            }
            at = until;
        }
    }
}

/// Returns all files in a folder, in the order of their names.
fn files_under(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        match path.is_dir() {
            true => files.extend(files_under(&path)),
            false => files.push(path),
        }
    }
    files.sort();
    files
}

/// Returns the library, compiled when the first test needs it.
fn library() -> &'static Path {
    static LIBRARY: OnceLock<PathBuf> = OnceLock::new();
    LIBRARY.get_or_init(|| {
        // In the target folder, since nothing is dropped at the end of the tests.
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR"));
        let source = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/program/disk.c");
        let new = folder.join(format!("disk-{}.so", std::process::id()));
        let compiled = Command::new("cc")
            .args(["-shared", "-fPIC", "-O2", "-Wall", "-Wextra", "-Werror"])
            // Else some systems have open and write as macros of their own.
            .arg("-U_FORTIFY_SOURCE")
            .arg("-o")
            .args([&new, Path::new(source)])
            .arg("-ldl")
            .status();
        assert!(compiled.expect("there is a C compiler").success());
        // Two test processes may come here at once.
        let library = folder.join("disk.so");
        fs::rename(new, &library).unwrap();
        library
    })
}
