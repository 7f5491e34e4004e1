//! The folder of uploads: for each, its bytes so far, and a note of what it is.
//!
//! `ID` has the bytes and `ID.json` the note; `ID.drawn` is a picture that is being drawn
//! anew. Without a note, bytes are of an upload that ended with its request: they are
//! removed when the folder is opened, and so is everything else that a crash has left.

use std::{
    fs::{self, File},
    io::{self, Write},
    path::{Path, PathBuf},
};

use linger_core::{Timestamp, UserId};
use serde::{Deserialize, Serialize};

use super::UploadId;
use crate::{
    blobs::folder::{make_durably, sync},
    private,
};

/// The note about an upload.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct About {
    pub(super) owner: UserId,
    pub(super) name: String,
    pub(super) declared: Option<String>,
    pub(super) length: Option<u64>,
    #[serde(with = "as_ms")]
    pub(super) begun: Timestamp,
    /// The file that became of it.
    pub(super) file: Option<u64>,
}

mod as_ms {
    use linger_core::Timestamp;
    use serde::{Deserialize, Deserializer, Serializer};

    pub(super) fn serialize<S: Serializer>(time: &Timestamp, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_i64(time.as_ms())
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Timestamp, D::Error> {
        i64::deserialize(from).map(Timestamp::from_ms)
    }
}

/// The folder of uploads.
pub(super) struct Stage {
    folder: PathBuf,
}

impl Stage {
    /// Takes a folder, which is made with the first upload.
    pub(super) fn new(folder: &Path) -> Stage {
        Stage { folder: folder.to_owned() }
    }

    /// Returns the uploads that go on, with how many bytes each has, and removes what is of
    /// no upload.
    pub(super) fn resume(&self) -> io::Result<Vec<(UploadId, About, u64)>> {
        let mut going_on = Vec::new();
        if !self.folder.is_dir() {
            return Ok(going_on);
        }
        for entry in fs::read_dir(&self.folder)? {
            let entry = entry?;
            let name = entry.file_name();
            let name = name.to_string_lossy();
            let (stem, ending) = name.split_once('.').unwrap_or((&name, ""));
            let Some(id) = UploadId::parse(stem) else { continue };
            if ending != "json" {
                // Its note decides, if there is one.
                if !(ending.is_empty() && self.note_of(&id).exists()) {
                    remove(&entry.path());
                }
                continue;
            }
            let note = fs::read(entry.path())?;
            let about: Option<About> = serde_json::from_slice(&note).ok();
            let offset = fs::metadata(self.bytes(&id)).map(|metadata| metadata.len()).ok();
            match (about, offset) {
                (Some(about), Some(offset)) if about.file.is_none() => {
                    going_on.push((id, about, offset));
                }
                (Some(about), None) if about.file.is_some() => {
                    let offset = about.length.unwrap_or_default();
                    going_on.push((id, about, offset));
                }
                // It was cut at its last step: the sender begins again.
                _ => self.remove(&id),
            }
        }
        Ok(going_on)
    }

    /// Makes the file for the bytes of a new upload.
    pub(super) fn create(&self, id: &UploadId) -> io::Result<()> {
        make_durably(&self.folder)?;
        private::open(&self.bytes(id)).map(drop)
    }

    /// Writes the note about an upload, durably.
    pub(super) fn note(&self, id: &UploadId, about: &About) -> io::Result<()> {
        let path = self.note_of(id);
        let unfinished = path.with_extension("unfinished");
        let mut file = private::open(&unfinished)?;
        file.set_len(0)?;
        file.write_all(&serde_json::to_vec(about).map_err(io::Error::other)?)?;
        file.sync_all()?;
        fs::rename(unfinished, path)?;
        sync(&self.folder)
    }

    /// Erases the note about an upload, durably.
    pub(super) fn erase_note(&self, id: &UploadId) -> io::Result<()> {
        match fs::remove_file(self.note_of(id)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            Err(error) => Err(error),
            Ok(()) => sync(&self.folder),
        }
    }

    /// Opens the bytes of an upload, for writing.
    pub(super) fn write(&self, id: &UploadId) -> io::Result<File> {
        File::options().write(true).open(self.bytes(id))
    }

    /// Returns where the bytes of an upload are.
    pub(super) fn bytes(&self, id: &UploadId) -> PathBuf {
        self.folder.join(id.to_string())
    }

    /// Returns where a picture is drawn anew.
    pub(super) fn drawn(&self, id: &UploadId) -> PathBuf {
        self.folder.join(format!("{id}.drawn"))
    }

    fn note_of(&self, id: &UploadId) -> PathBuf {
        self.folder.join(format!("{id}.json"))
    }

    /// Removes the bytes of an upload. A file that stays is removed at the next start.
    pub(super) fn remove_bytes(&self, id: &UploadId) {
        for path in [self.bytes(id), self.drawn(id)] {
            remove(&path);
        }
    }

    /// Removes an upload: first its note, so that none goes on without bytes.
    pub(super) fn remove(&self, id: &UploadId) {
        remove(&self.note_of(id));
        self.remove_bytes(id);
    }
}

fn remove(path: &Path) {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            tracing::warn!(%error, path = %path.display(), "a file of an upload could not be removed");
        }
        _ => {}
    }
}
