//! Uploads: files on their way in.
//!
//! Bytes go to a file in a folder of their own, in one request or in several, and across
//! restarts of the server: never whole in memory. When all are there, [`prepare`] finds the
//! type, draws pictures anew and hashes, on a thread of its own; then they are kept under
//! their hash ([`BlobStore`]), and the caller makes the file known by a command.
//!
//! An upload is written by one request at a time. One that asks where it stands ends the
//! request before, which may hang on a line that is gone.

mod claim;
mod erasing;
mod error;
mod finish;
mod passing;
mod prepare;
mod receiver;
mod space;
mod stage;
#[cfg(test)]
mod tests;
mod workshop;

use std::{
    collections::HashMap,
    fmt, io,
    path::Path,
    sync::{Arc, Mutex, MutexGuard},
};

use linger_core::{FileHash, Timestamp, UserId};
use tokio::{
    sync::{Notify, Semaphore},
    task::spawn_blocking,
};

use claim::Claim;
pub use error::UploadError;
pub use finish::{Finished, Outcome};
pub use passing::Passing;
pub use prepare::Prepared;
pub use receiver::Receiver;
use space::Space;
pub(crate) use space::disk_has;
use stage::{About, Stage};
use workshop::Workshop;

use crate::{
    Clock, Limits,
    blobs::{BlobStore, Holds, Kept},
};

/// Names an upload: 32 hex digits that nobody can guess.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct UploadId(String);

impl UploadId {
    /// Reads one. None: it is none of ours.
    pub fn parse(text: &str) -> Option<UploadId> {
        let is_digit = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
        (text.len() == 32 && text.bytes().all(is_digit)).then(|| UploadId(text.to_owned()))
    }
}

impl fmt::Display for UploadId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// An upload that somebody wants to begin.
#[derive(Debug, Clone)]
pub struct NewUpload {
    /// The person who sends it.
    pub owner: UserId,
    /// The file's name, as it will be shown.
    pub name: String,
    /// The type that the sender gives it.
    pub declared: Option<String>,
    /// How many bytes it has, if that is known. One that may be resumed must know.
    pub length: Option<u64>,
}

/// How far an upload is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Progress {
    /// Bytes that are here.
    pub offset: u64,
    /// Bytes that it has in all, if that is known.
    pub length: Option<u64>,
    /// When it is forgotten.
    pub expires: Timestamp,
    /// The number of the file that became of it.
    pub file: Option<u64>,
}

/// All uploads of a node.
pub struct Uploads {
    stage: Stage,
    store: Arc<dyn BlobStore>,
    holds: Holds,
    space: Arc<Space>,
    entries: Mutex<HashMap<UploadId, Entry>>,
    /// Called when a request lets an upload go.
    let_go: Notify,
    /// Pieces that may be written now.
    writes: Arc<Semaphore>,
    workshop: Workshop,
    clock: Arc<dyn Clock>,
    limits: Limits,
}

/// The facts about an upload.
struct Entry {
    about: About,
    offset: u64,
    /// Bytes in its folder: none once they are kept.
    staged: u64,
    /// The facts about its bytes once they are kept, until a file became of it.
    prepared: Option<Prepared>,
    /// Whether it is written down, and goes on after a restart.
    is_resumable: bool,
    /// Set while a request has it: called if another one wants it.
    busy: Option<Arc<Notify>>,
    /// Whether it is removed when it is let go: its request has ended.
    is_over: bool,
}

impl Entry {
    /// Enters an upload that has no bytes yet.
    fn new(about: About, is_resumable: bool) -> Entry {
        Entry {
            about,
            offset: 0,
            staged: 0,
            prepared: None,
            is_resumable,
            busy: None,
            is_over: false,
        }
    }
}

impl Uploads {
    /// Opens the folder of uploads, and goes on with those that were resumable.
    pub(crate) fn open(
        folder: &Path,
        store: Arc<dyn BlobStore>,
        holds: Holds,
        clock: Arc<dyn Clock>,
        limits: &Limits,
    ) -> io::Result<Arc<Uploads>> {
        let stage = Stage::new(folder);
        let mut entries = HashMap::new();
        let mut bytes = store.bytes()?;
        for (id, about, offset) in stage.resume()? {
            let staged = if about.file.is_none() { offset } else { 0 };
            bytes += staged;
            entries.insert(id, Entry { offset, staged, ..Entry::new(about, true) });
        }
        let space = Space::new(folder, bytes, limits);
        Ok(Arc::new(Uploads {
            stage,
            store,
            holds,
            space: Arc::new(space),
            entries: Mutex::new(entries),
            let_go: Notify::new(),
            writes: Arc::new(Semaphore::new(receiver::WRITES_MAX)),
            workshop: Workshop::new(limits.uploads_prepared_max),
            clock,
            limits: limits.clone(),
        }))
    }

    /// Begins an upload that is still there after a restart, until it expires. It must have
    /// a length.
    pub async fn begin(self: &Arc<Uploads>, new: NewUpload) -> Result<UploadId, UploadError> {
        assert!(new.length.is_some(), "nobody could tell when it is whole");
        Ok(self.enter(new, true).await?.stay())
    }

    /// Begins an upload that ends with its request.
    pub async fn begin_passing(
        self: &Arc<Uploads>,
        new: NewUpload,
    ) -> Result<Passing, UploadError> {
        self.enter(new, false).await
    }

    async fn enter(
        self: &Arc<Uploads>,
        new: NewUpload,
        is_resumable: bool,
    ) -> Result<Passing, UploadError> {
        let NewUpload { owner, name, declared, length } = new;
        self.check_length(length.unwrap_or(0))?;
        self.space.check(length.unwrap_or(0))?;
        let secret = self.clock.secret();
        let id = UploadId(const_hex::encode(&secret[..16]));
        let about = About { owner, name, declared, length, begun: self.clock.now(), file: None };
        {
            let mut entries = self.lock();
            let is_unfinished = |entry: &&Entry| entry.about.file.is_none();
            let unfinished = || entries.values().filter(is_unfinished);
            if unfinished().count() >= self.limits.uploads_max {
                return Err(UploadError::Overloaded);
            }
            let most = self.limits.uploads_of_a_person_max;
            if unfinished().filter(|entry| entry.about.owner == owner).count() >= most {
                return Err(UploadError::TooMany(most));
            }
            entries.insert(id.clone(), Entry::new(about.clone(), is_resumable));
        }
        let (uploads, passing) = (self.clone(), Passing::new(self.clone(), id));
        let staged = blocking(move || {
            uploads.stage.create(passing.id())?;
            if is_resumable {
                uploads.stage.note(passing.id(), &about)?;
            }
            Ok(passing)
        });
        Ok(staged.await?)
    }

    /// Tells how far an upload of this person is, and ends the request that writes it.
    pub async fn progress(
        self: &Arc<Uploads>,
        id: &UploadId,
        owner: UserId,
    ) -> Result<Progress, UploadError> {
        drop(self.claim(id, owner).await?);
        let entries = self.lock();
        let entry = entries.get(id).ok_or(UploadError::NotFound)?;
        Ok(Progress {
            offset: entry.offset,
            length: entry.about.length,
            expires: self.expires(&entry.about),
            file: entry.about.file,
        })
    }

    /// Goes on with an upload of this person, which must have so many bytes.
    pub async fn receive(
        self: &Arc<Uploads>,
        id: &UploadId,
        owner: UserId,
        offset: u64,
    ) -> Result<Receiver, UploadError> {
        let claim = self.claim(id, owner).await?;
        let (here, length) = {
            let entries = self.lock();
            let entry = entries.get(id).ok_or(UploadError::NotFound)?;
            (entry.offset, entry.about.length)
        };
        if here != offset {
            return Err(UploadError::WrongOffset(here));
        }
        Receiver::open(claim, offset, length).await
    }

    /// Ends an upload of this person, and removes its bytes.
    pub async fn end(self: &Arc<Uploads>, id: &UploadId, owner: UserId) -> Result<(), UploadError> {
        let claim = self.claim(id, owner).await?;
        self.clear(claim).await;
        Ok(())
    }

    fn expire_now(&self) {
        let now = self.clock.now();
        let old: Vec<UploadId> = {
            let entries = self.lock();
            let is_old = |entry: &Entry| entry.busy.is_none() && self.expires(&entry.about) <= now;
            entries.iter().filter(|(_, entry)| is_old(entry)).map(|(id, _)| id.clone()).collect()
        };
        for id in old {
            self.remove(&id);
        }
    }

    /// Returns the store of the bytes that are kept.
    pub fn store(&self) -> &Arc<dyn BlobStore> {
        &self.store
    }

    /// Returns how many bytes all files have, with those on their way in.
    pub fn bytes(&self) -> u64 {
        self.space.taken()
    }

    /// Returns the bytes of one file at most.
    pub fn bytes_max(&self) -> u64 {
        self.limits.upload_bytes_max
    }

    /// Returns the hashes of bytes that have been kept for longer than an upload may take.
    pub(crate) async fn kept_long(self: &Arc<Uploads>) -> io::Result<Vec<FileHash>> {
        let (uploads, now) = (self.clone(), self.clock.now());
        let is_old = move |kept: &Kept| uploads.after_age(kept.since) <= now;
        let store = self.store.clone();
        let kept = blocking(move || store.list()).await?;
        // Other nodes may keep files in the same store, and erase them.
        let staged: u64 = self.lock().values().map(|entry| entry.staged).sum();
        self.space.correct(staged + kept.iter().map(|kept| kept.bytes).sum::<u64>());
        Ok(kept.into_iter().filter(is_old).map(|kept| kept.hash).collect())
    }

    /// Removes the uploads that are too old.
    pub(crate) async fn expire(self: &Arc<Uploads>) -> io::Result<()> {
        let uploads = self.clone();
        blocking(move || {
            uploads.expire_now();
            Ok(())
        })
        .await
    }

    fn check_length(&self, length: u64) -> Result<(), UploadError> {
        match length > self.limits.upload_bytes_max {
            true => Err(UploadError::TooLarge(self.limits.upload_bytes_max)),
            false => Ok(()),
        }
    }

    fn expires(&self, about: &About) -> Timestamp {
        self.after_age(about.begun)
    }

    fn after_age(&self, since: Timestamp) -> Timestamp {
        let age = i64::try_from(self.limits.upload_age_max.as_millis()).unwrap_or(i64::MAX);
        Timestamp::from_ms(since.as_ms().saturating_add(age))
    }

    /// Removes an upload and its bytes. It may wait for the disk.
    fn remove(&self, id: &UploadId) {
        self.stage.remove(id);
        let entry = self.lock().remove(id);
        self.space.give_back(entry.map_or(0, |entry| entry.staged));
    }

    /// Removes an upload that is claimed.
    async fn clear(&self, claim: Claim) {
        let removed = blocking(move || {
            claim.uploads.remove(&claim.id);
            Ok(())
        });
        if let Err(error) = removed.await {
            tracing::warn!(%error, "an upload could not be removed; it will be when it is too old");
        }
    }

    fn forget(&self, id: &UploadId) {
        self.lock().remove(id);
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<UploadId, Entry>> {
        self.entries.lock().expect("no holder of this lock panics")
    }
}

/// Does something that may wait for the disk.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> io::Result<T> {
    spawn_blocking(work).await.map_err(io::Error::other)?
}
