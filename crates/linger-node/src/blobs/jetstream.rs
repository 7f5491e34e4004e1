//! Blobs in the object store of a NATS cluster, with copies of those that were read last on
//! this node's disk.
//!
//! `bucket` talks to the store, `record` is a blob's description in it, `cache` has the
//! copies. A blob is read as a whole into the cache, and compared with its hash, before a byte
//! of it is served. The calls wait on threads of their callers; a thread of our own drives the
//! connection, which is not the log's: a large file must not hold up a message.
//!
//! Two nodes may keep and erase the same bytes at once, and the log's order decides. So a blob
//! is *marked* before it is looked whether a file has it, at a position that the log had after
//! that; it is erased only if its record is still the marked one; and those who keep bytes
//! renew their record once the log names them, which takes the mark away. Each of these is one
//! write that fails if somebody else was faster.

mod bucket;
mod cache;
mod record;
#[cfg(test)]
pub(crate) mod tests;

use std::{
    fs::{self, File},
    io,
    path::Path,
    sync::Arc,
    time::Duration,
};

use async_nats::connection::State;
use linger_core::{FileHash, Position, Timestamp};
use tokio::{
    runtime::{Builder, Runtime},
    sync::Semaphore,
    time::timeout,
};

use self::{
    bucket::{Bucket, Found},
    cache::Cache,
    record::Record,
};
use super::{BlobStore, Holds, Kept, Mark, Part};
use crate::{
    Clock, ClusterError, ClusterSettings, Limits,
    log::jetstream::{context, leave_what_is_cut_off},
};

/// Blobs that are fetched at once: each has a chunk in memory.
const FETCHES_MAX: usize = 8;
/// Readers that wait for one at most. They wait on threads that others need, too.
const WAITING_MAX: usize = 128;
/// So long they wait for their turn.
const TURN_MAX: Duration = Duration::from_secs(10);
/// So often a record is written anew that others change at the same time.
const TRIES_MAX: usize = 8;

/// Keeps blobs in the bucket beside a log.
pub(crate) struct JetStreamStore {
    bucket: Bucket,
    cache: Cache,
    holds: Holds,
    clock: Arc<dyn Clock>,
    waiting: Semaphore,
    turns: Semaphore,
    /// None while it is dropped.
    runtime: Option<Runtime>,
}

/// The bytes that are to be kept: they lie here.
struct Source<'s> {
    whole: &'s Path,
    thumbnail: Option<Vec<u8>>,
}

impl JetStreamStore {
    /// Opens the store beside a log, with copies in a folder.
    ///
    /// Errors: no server can be reached. The folder's own come from the operating system.
    pub(crate) fn open(
        settings: &ClusterSettings,
        folder: &Path,
        holds: Holds,
        limits: &Limits,
        clock: Arc<dyn Clock>,
    ) -> Result<JetStreamStore, OpenStoreError> {
        let cache = Cache::open(folder, holds.clone(), limits)?;
        let mut runtime = Builder::new_multi_thread();
        let runtime = runtime.worker_threads(1).thread_name("files-nats").enable_all().build()?;
        let connecting = || runtime.block_on(context(settings));
        // This thread may serve a runtime of its own.
        let context = std::thread::scope(|threads| {
            threads.spawn(connecting).join().expect("it does not panic")
        })?;
        // It ends with the runtime.
        runtime.spawn(leave_what_is_cut_off(context.clone(), settings.stream.clone()));
        Ok(JetStreamStore {
            bucket: Bucket::new(context, &settings.stream, clock.random()),
            cache,
            holds,
            clock,
            waiting: Semaphore::new(WAITING_MAX),
            turns: Semaphore::new(FETCHES_MAX),
            runtime: Some(runtime),
        })
    }

    /// Does what asks the cluster, on a thread that may serve a runtime of its own.
    fn run<T: Send>(&self, work: impl Future<Output = io::Result<T>> + Send) -> io::Result<T> {
        if self.bucket.connection() != State::Connected {
            return Err(bucket::away("there is no connection"));
        }
        let runtime = self.runtime.as_ref().expect("it is there until this is dropped");
        let run = || runtime.block_on(work);
        std::thread::scope(|threads| threads.spawn(run).join().expect("it does not panic"))
    }

    /// Brings a part into the cache, if the store has it.
    fn fetch(&self, hash: FileHash, part: Part) -> io::Result<()> {
        let busy = || io::Error::new(io::ErrorKind::ResourceBusy, "too many files are fetched");
        let _place = self.waiting.try_acquire().map_err(|_| busy())?;
        self.run(async {
            let turn = async { (self.holds.hold(hash).await, self.turns.acquire().await) };
            // Nobody erases it meanwhile, or fetches it a second time.
            let _turn = timeout(TURN_MAX, turn).await.map_err(|_| busy())?;
            if self.cache.length(hash, part)?.is_some() {
                return Ok(());
            }
            let mut seen = 0;
            loop {
                let absent = || io::Error::from(io::ErrorKind::NotFound);
                let Found { record, sequence } =
                    self.bucket.find(hash).await?.ok_or_else(absent)?;
                let record = record.readable()?.ok_or_else(absent)?;
                let content = record.content(part).ok_or_else(absent)?;
                self.cache.make_room(content.size)?;
                let staged = self.cache.stage();
                let subject = record.subject(part);
                let fetched = async {
                    let mut file = staged.open()?;
                    self.bucket.download(&subject, content, &mut file).await
                };
                match fetched.await {
                    // Others may have erased it meanwhile, or kept it anew.
                    Err(error) if error.kind() == io::ErrorKind::InvalidData => {
                        if seen == sequence {
                            return Err(error);
                        }
                        seen = sequence;
                    }
                    fetched => {
                        fetched?;
                        return self.cache.adopt(hash, part, staged.path(), record.since);
                    }
                }
            }
        })
    }

    /// Sees to it that the store has these bytes, and that no mark is on them.
    async fn ensure<'s>(
        &self,
        hash: FileHash,
        source: impl Fn() -> io::Result<Source<'s>> + Send + Sync,
        now: Timestamp,
    ) -> io::Result<()> {
        let mut uploaded: Option<Record> = None;
        for _ in 0..TRIES_MAX {
            let found = self.bucket.find(hash).await?;
            let (before, found) = found.map_or((0, None), |it| (it.sequence, Some(it.record)));
            let record = match (&found, &uploaded) {
                (Some(there), _) if there.is_there() && self.bucket.has_all(there).await? => {
                    there.clone()
                }
                (_, Some(uploaded)) => uploaded.clone(),
                (_, None) => uploaded.insert(self.upload(hash, source()?).await?).clone(),
            };
            if self.bucket.write(&record.kept(now), before).await?.is_some() {
                // Another node was faster; or what was there was not whole.
                for other in [found, uploaded].into_iter().flatten() {
                    if !other.is_same_copy(&record) {
                        self.bucket.erase_copy(&other).await?;
                    }
                }
                return Ok(());
            }
        }
        Err(contended())
    }

    /// Writes that a marked blob is gone, if no other node has: from then on nobody takes the mark
    /// away. None: nothing stands there any more.
    async fn end(&self, hash: FileHash, mark: Mark) -> io::Result<Option<Found>> {
        for _ in 0..TRIES_MAX {
            let found = match self.bucket.find(hash).await? {
                Some(found) if found.record.is_there() => found,
                ended => return Ok(ended),
            };
            if found.sequence != mark.number {
                break;
            }
            let record = found.record.gone();
            if let Some(sequence) = self.bucket.write(&record, found.sequence).await? {
                return Ok(Some(Found { record, sequence }));
            }
        }
        Err(contended())
    }

    async fn upload(&self, hash: FileHash, source: Source<'_>) -> io::Result<Record> {
        let record = Record::new(hash, self.bucket.name(), self.bucket.new_copy());
        let kept = async {
            let mut whole = File::open(source.whole)?;
            let whole = self.bucket.upload(&record.subject(Part::Whole), &mut whole).await?;
            let thumbnail = match &source.thumbnail {
                Some(bytes) => {
                    let subject = record.subject(Part::Thumbnail);
                    Some(self.bucket.upload(&subject, &mut &bytes[..]).await?)
                }
                None => None,
            };
            Ok((whole, thumbnail))
        };
        match kept.await {
            Ok((whole, thumbnail)) => record.with(whole, thumbnail),
            Err(error) => {
                // A sweep finds the rest.
                let _ = self.bucket.erase_copy(&record).await;
                Err(error)
            }
        }
    }
}

impl BlobStore for JetStreamStore {
    fn keep(
        &self,
        hash: FileHash,
        staged: &Path,
        thumbnail: Option<&[u8]>,
        now: Timestamp,
    ) -> io::Result<()> {
        let source = || Ok(Source { whole: staged, thumbnail: thumbnail.map(<[u8]>::to_vec) });
        self.run(self.ensure(hash, source, now))?;
        if let Some(thumbnail) = thumbnail {
            let small = self.cache.stage();
            io::Write::write_all(&mut small.open()?, thumbnail)?;
            self.cache.adopt(hash, Part::Thumbnail, small.path(), now)?;
        }
        self.cache.adopt(hash, Part::Whole, staged, now)
    }

    fn renew(&self, hash: FileHash, now: Timestamp) -> io::Result<()> {
        let whole = self.cache.path(hash, Part::Whole);
        let source = || {
            let thumbnail = match fs::read(self.cache.path(hash, Part::Thumbnail)) {
                Err(error) if error.kind() == io::ErrorKind::NotFound => None,
                read => Some(read?),
            };
            Ok(Source { whole: &whole, thumbnail })
        };
        self.run(self.ensure(hash, source, now))
    }

    fn length(&self, hash: FileHash, part: Part) -> io::Result<Option<u64>> {
        if let Some(length) = self.cache.length(hash, part)? {
            return Ok(Some(length));
        }
        let Some(found) = self.run(self.bucket.find(hash))? else { return Ok(None) };
        let record = found.record.readable()?;
        Ok(record.and_then(|record| record.content(part).map(|content| content.size)))
    }

    fn read(&self, hash: FileHash, part: Part, at: u64, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            if let Some(count) = self.cache.read(hash, part, at, buffer)? {
                return Ok(count);
            }
            self.fetch(hash, part)?;
        }
    }

    fn mark(&self, hash: FileHash) -> io::Result<Mark> {
        self.run(async {
            for _ in 0..TRIES_MAX {
                let Some(found) = self.bucket.find(hash).await? else { break };
                let number = match &found.record {
                    record if !record.is_there() => break,
                    record if record.is_marked() => Some(found.sequence),
                    record => self.bucket.write(&record.marked(), found.sequence).await?,
                };
                if let Some(number) = number {
                    return Ok(Mark { look_at: self.bucket.log_tail().await?, number });
                }
            }
            Ok(Mark { look_at: Position::START, number: 0 })
        })
    }

    fn erase(&self, hash: FileHash, mark: Mark) -> io::Result<u64> {
        self.cache.erase(hash)?;
        self.run(async {
            let gone = self.end(hash, mark).await?;
            if let Some(Found { record, sequence }) = &gone {
                self.bucket.erase_copy(record).await?;
                self.bucket.erase_records(hash, *sequence).await?;
            }
            self.bucket.erase_leftovers(hash, self.clock.now()).await?;
            Ok(gone.map_or(0, |gone| gone.record.bytes()))
        })
    }

    fn list(&self) -> io::Result<Vec<Kept>> {
        self.run(self.bucket.list(self.clock.now()))
    }

    fn bytes(&self) -> io::Result<u64> {
        self.run(self.bucket.bytes())
    }

    fn copies(&self) -> Vec<FileHash> {
        self.cache.hashes()
    }
}

impl Drop for JetStreamStore {
    /// The last owner may be a task of another runtime, and must not wait.
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

fn contended() -> io::Error {
    let reason = "another node keeps or erases the same bytes at this moment";
    io::Error::new(io::ErrorKind::ResourceBusy, reason)
}

/// Reasons why the store cannot be opened.
#[derive(Debug, thiserror::Error)]
pub(crate) enum OpenStoreError {
    /// The cluster's.
    #[error(transparent)]
    Cluster(#[from] ClusterError),
    /// The folder's.
    #[error(transparent)]
    Folder(#[from] io::Error),
}
