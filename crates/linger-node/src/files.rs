//! Files that must stay where they are.
//!
//! Bytes that go to a file that was deleted, moved away or replaced are lost, and
//! nothing reports it, because the file stays open. So important files are remembered by
//! their number on the disk, and compared with the files at their paths. If nothing in
//! the folder was made, removed or renamed since the last time, all are still there:
//! one look instead of several. Each write of the log is preceded by a look, and a thread
//! looks while nothing is written.

use std::{
    fs::Metadata,
    io,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, mpsc},
    time::{Duration, SystemTime},
};

use crate::{essential, health::Health, private};

/// File systems stamp changes by a clock that ticks. After so recent a change, another
/// one may get the same stamp.
const TICK_MAX: Duration = Duration::from_secs(1);

/// How often somebody looks while nothing is written. Nearly all that an idle node does is
/// this, and each wake of a sleeping core costs.
const LOOK_EVERY: Duration = Duration::from_secs(5);

/// Files of one folder, with their numbers.
#[derive(Debug, Default)]
pub(crate) struct Files {
    folder: PathBuf,
    files: Vec<(PathBuf, Identity)>,
    /// The folder when all of them were there.
    seen: Mutex<Option<Stamp>>,
}

/// Somebody who looks whether files are there, until this is dropped.
pub(crate) struct Lookout {
    _stop: mpsc::Sender<()>,
}

/// Ends the node when its files are taken away, also while it writes nothing.
///
/// A thread of its own: one wake a look, where a timer of the runtime takes four.
pub(crate) fn look_out(files: Arc<Files>, health: Arc<Health>) -> Lookout {
    let (stop, stopped) = mpsc::channel();
    essential::spawn("lookout", move || {
        while stopped.recv_timeout(LOOK_EVERY) == Err(mpsc::RecvTimeoutError::Timeout) {
            if let Some(gone) = files.gone() {
                return health.end_without(gone);
            }
        }
    });
    Lookout { _stop: stop }
}

/// The number of a file on the disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Identity {
    device: u64,
    inode: u64,
}

/// A folder, and when something in it was made, removed or renamed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Stamp {
    folder: Identity,
    changed: SystemTime,
}

impl Files {
    /// Remembers which files of these names stand in a folder now.
    pub(crate) fn remember(folder: &Path, names: &[&str]) -> io::Result<Files> {
        let file = |name: &&str| {
            let path = folder.join(name);
            let identity = Identity::at(&path)?;
            Ok((path, identity))
        };
        let files = names.iter().map(file).collect::<io::Result<_>>()?;
        Ok(Files { folder: folder.to_owned(), files, seen: Mutex::default() })
    }

    /// Returns a path at which the file stands no longer, if there is one.
    ///
    /// Cost: one system call while nothing changes in the folder, else one more a file.
    pub(crate) fn gone(&self) -> Option<&Path> {
        let now = Stamp::of(&self.folder).ok();
        let mut seen = self.seen.lock().expect("no holder of this lock panics");
        if now.is_some() && *seen == now {
            return None;
        }
        let is_gone = |(path, known): &&(PathBuf, Identity)| {
            path.metadata().map(|metadata| Identity::of(&metadata)).ok() != Some(*known)
        };
        let gone = self.files.iter().find(is_gone).map(|(path, _)| path.as_path());
        // Read before the files were: a change meanwhile has another stamp.
        *seen = now.filter(|stamp| gone.is_none() && stamp.is_settled());
        gone
    }

    /// Returns the operating system's error for a small write beside them; none if it
    /// succeeds.
    pub(crate) fn why_not_written(&self) -> Option<io::Error> {
        private::probe(&self.folder).err()
    }
}

impl Stamp {
    fn of(folder: &Path) -> io::Result<Stamp> {
        let metadata = folder.metadata()?;
        Ok(Stamp { folder: Identity::of(&metadata), changed: metadata.modified()? })
    }

    fn is_settled(&self) -> bool {
        // If the clock was set, it may lie ahead: that is not recent either.
        self.changed.elapsed().unwrap_or_else(|ahead| ahead.duration()) > TICK_MAX
    }
}

impl Identity {
    /// Returns the number of the file that stands at a path.
    pub(crate) fn at(path: &Path) -> io::Result<Identity> {
        Ok(Identity::of(&path.metadata()?))
    }

    fn of(metadata: &Metadata) -> Identity {
        Identity { device: metadata.dev(), inode: metadata.ino() }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn a_file_that_is_removed_moved_or_replaced_is_gone_however_old_the_folder_is() {
        type Change = fn(&Path);
        let changes: [(&str, Change); 5] = [
            ("removed", |folder| fs::remove_file(folder.join("b")).unwrap()),
            ("moved", |folder| fs::rename(folder.join("b"), folder.join("c")).unwrap()),
            ("replaced", |folder| {
                fs::write(folder.join("c"), "another").unwrap();
                fs::rename(folder.join("c"), folder.join("b")).unwrap();
            }),
            ("its folder removed", |folder| fs::remove_dir_all(folder).unwrap()),
            ("its folder moved", |folder| {
                fs::rename(folder, folder.with_file_name("moved")).unwrap();
            }),
        ];
        for (case, change) in changes {
            for is_old in [false, true] {
                let outer = tempfile::tempdir().unwrap();
                let folder = outer.path().join("data");
                fs::create_dir(&folder).unwrap();
                for name in ["a", "b"] {
                    fs::write(folder.join(name), name).unwrap();
                }
                if is_old {
                    let then = SystemTime::now() - Duration::from_secs(60);
                    fs::File::open(&folder).unwrap().set_modified(then).unwrap();
                }
                let files = Files::remember(&folder, &["a", "b"]).unwrap();
                assert_eq!((files.gone(), files.gone()), (None, None), "{case}");
                assert_eq!(files.seen.lock().unwrap().is_some(), is_old, "{case}");
                fs::write(folder.join("unrelated"), "x").unwrap();
                assert_eq!(files.gone(), None, "{case}: another file is no matter");
                change(&folder);
                let gone = files.gone().map(Path::to_owned);
                let expected = if case.contains("folder") { "a" } else { "b" };
                assert_eq!(gone, Some(folder.join(expected)), "{case}, old: {is_old}");
            }
        }
    }
}
