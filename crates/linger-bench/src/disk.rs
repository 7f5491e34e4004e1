//! A slow disk under any server: each fsync and fdatasync takes a given time.
//!
//! `disk.c` is compiled when it is asked for and loaded into the servers before
//! the C library. It waits and counts; the data goes to the real disk all the
//! same. The counts show which server syncs at all: nchan does not.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    sync::Arc,
    time::Duration,
};

use anyhow::{Context, bail};
use tempfile::TempDir;

/// The place of the servers' data, and how slow the disk is there.
#[derive(Debug, Clone)]
pub(crate) struct Place {
    pub(crate) folder: PathBuf,
    /// None: the disk as it is, and nothing is counted.
    pub(crate) disk: Option<Arc<SlowDisk>>,
}

/// The compiled library; its folder goes with it.
#[derive(Debug)]
pub(crate) struct SlowDisk {
    own: TempDir,
    sync: Duration,
}

impl SlowDisk {
    /// Makes a disk on which a sync takes `sync` at least; zero only counts.
    /// Errors: there is no C compiler.
    pub(crate) fn new(sync: Duration) -> anyhow::Result<SlowDisk> {
        let own = tempfile::Builder::new().prefix("linger-bench-disk-").tempdir()?;
        let source = own.path().join("disk.c");
        fs::write(&source, include_str!("disk.c"))?;
        let disk = SlowDisk { own, sync };
        let compiled = Command::new("cc")
            .args(["-shared", "-fPIC", "-O2", "-Wall", "-Wextra", "-Werror", "-o"])
            .args([&disk.library(), &source])
            .output()
            .context("--fsync-ms needs a C compiler named cc")?;
        match compiled.status.success() {
            true => Ok(disk),
            false => bail!("cc failed: {}", String::from_utf8_lossy(&compiled.stderr)),
        }
    }

    /// Returns how long a sync takes at least.
    pub(crate) fn sync(&self) -> Duration {
        self.sync
    }

    /// Puts this disk under `command`, which counts in the new file `counts`.
    pub(crate) fn mount(&self, command: &mut Command, counts: &Path) -> anyhow::Result<()> {
        if !counts.exists() {
            fs::write(counts, [0; 16])
                .with_context(|| format!("{} cannot be written", counts.display()))?;
        }
        command
            .env("LD_PRELOAD", self.library())
            .env("LINGER_BENCH_FSYNC_NANOS", self.sync.as_nanos().to_string())
            .env("LINGER_BENCH_SYNCS", counts);
        Ok(())
    }

    fn library(&self) -> PathBuf {
        self.own.path().join("disk.so")
    }
}

/// Syncs that were made, and their time together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Syncs {
    pub(crate) count: u64,
    pub(crate) time: Duration,
}

impl Syncs {
    /// Reads a server's counts.
    pub(crate) fn read(counts: &Path) -> Option<Syncs> {
        let bytes = fs::read(counts).ok()?;
        let number = |at: usize| Some(u64::from_ne_bytes(bytes.get(at..at + 8)?.try_into().ok()?));
        Some(Syncs { count: number(0)?, time: Duration::from_nanos(number(8)?) })
    }

    /// Returns those that came after `earlier`.
    pub(crate) fn since(self, earlier: Syncs) -> Syncs {
        Syncs {
            count: self.count.saturating_sub(earlier.count),
            time: self.time.saturating_sub(earlier.time),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_sync_is_counted_and_takes_its_time() {
        let folder = tempfile::tempdir().expect("a folder");
        let (counts, file) = (folder.path().join("syncs"), folder.path().join("file"));
        fs::write(&file, "something").expect("a file");
        let disk = SlowDisk::new(Duration::from_millis(3)).expect("a compiler");
        let sync = |arguments: &[&str]| {
            let mut command = Command::new("sync");
            disk.mount(&mut command, &counts).expect("a file for the counts");
            let status = command.args(arguments).arg(&file).status();
            assert!(status.expect("sync starts").success());
            Syncs::read(&counts).expect("counts")
        };
        let fsync = sync(&[]);
        let fdatasync = sync(&["--data"]).since(fsync);
        for syncs in [fsync, fdatasync] {
            assert_eq!(syncs.count, 1);
            assert!(syncs.time >= disk.sync(), "{syncs:?}");
        }
    }
}
