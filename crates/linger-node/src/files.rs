//! Files that must stay where they are.
//!
//! Bytes that go to a file that was deleted, moved away or replaced are lost, and
//! nothing says so: the file stays open. So the ones that matter are remembered by
//! their number on the disk, and compared with what stands at their path.

use std::{
    io,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
};

use crate::private;

/// Paths, and which files stood there.
#[derive(Debug, Default)]
pub(crate) struct Files(Vec<(PathBuf, Identity)>);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Identity {
    device: u64,
    inode: u64,
}

impl Files {
    /// Remembers which files stand at these paths now.
    pub(crate) fn remember(paths: &[PathBuf]) -> io::Result<Files> {
        let files = paths.iter().map(|path| Ok((path.clone(), identity(path)?)));
        Ok(Files(files.collect::<io::Result<_>>()?))
    }

    /// Returns a path at which the file stands no longer, if there is one.
    ///
    /// Cost: one system call a file.
    pub(crate) fn gone(&self) -> Option<&Path> {
        let is_gone = |(path, known): &&(PathBuf, Identity)| identity(path).ok() != Some(*known);
        self.0.iter().find(is_gone).map(|(path, _)| path.as_path())
    }

    /// Returns what the operating system says to somebody who writes beside them;
    /// nothing where that goes well.
    pub(crate) fn why_not_written(&self) -> Option<io::Error> {
        let (path, _) = self.0.first()?;
        private::probe(path.parent()?).err()
    }
}

fn identity(path: &Path) -> io::Result<Identity> {
    let metadata = std::fs::metadata(path)?;
    Ok(Identity { device: metadata.dev(), inode: metadata.ino() })
}
