//! A node that is far behind its log takes a snapshot in the place of its tables.
//!
//! Chunks are written in order to a file beside the tables, and a note says of which snapshot
//! they are: after `kill -9` the node goes on with the next chunk. The file is taken only if it
//! has the hash, the log, the form and the position that were announced. If anything is wrong, the
//! node says so, and replays the log.

use std::{
    fs::{self, File},
    io::{self, Read, Write},
    path::PathBuf,
    time::{Duration, Instant},
};

use bytes::Bytes;
use futures_util::{StreamExt, TryStreamExt, stream};
use linger_core::{About, Position, Projection};
use sha2::{Digest, Sha256};
use tokio::{task::spawn_blocking, time::sleep};

use super::{
    Answer, Desk, Since, bucket::Bucket, document::Snapshot, making::unpack, sign_of, told,
};
use crate::{private, projection_files::ProjectionFiles};

/// The file that is fetched, and the note beside it, by the ends of their names.
const FETCHED: &str = ".fetched";
const NOTE: &str = ".fetched.about";
/// Chunks that are on their way at once.
const GET_AT_ONCE: usize = 8;
/// A chunk that a server does not have yet is asked for so often, and then it is gone.
const TRIES: u32 = 5;
const RETRY_AFTER: Duration = Duration::from_millis(200);
/// Snapshots that are tried: one may be erased while it is fetched.
const SNAPSHOTS_TRIED: usize = 3;
/// A node that is so many times as far behind asks for a snapshot where there is none.
const ASKS_BEHIND: u64 = 4;
/// Another node has so long to begin one, and then may be so long without a sign.
const BEGINS_IN: Duration = Duration::from_secs(15);
const SIGN_IN: Duration = Duration::from_secs(60);
/// Between two reports.
const TOLD_EVERY: Duration = Duration::from_secs(2);

/// A snapshot that is here, whole.
#[derive(Debug)]
pub(crate) struct Joined {
    pub(crate) path: PathBuf,
    pub(crate) position: Position,
    /// All that entries up to here ask for is erased from the log.
    pub(crate) erased_upto: Position,
}

/// Reasons why a snapshot was not fetched.
enum Failed {
    /// It is not in the bucket any more.
    Gone,
    /// The part that was here before is not what was fetched: the disk lost some of it.
    Torn,
    Other(String),
}

impl From<String> for Failed {
    fn from(reason: String) -> Failed {
        Failed::Other(reason)
    }
}

/// Fetches the newest snapshot that saves this node much. None: it has to replay the log; the
/// reason is told.
pub(super) async fn join(desk: &Desk, bucket: &Bucket) -> Option<Joined> {
    match try_join(desk, bucket).await {
        Ok(joined) => Some(joined),
        Err(reason) => {
            forget(&desk.files);
            tracing::warn!(reason, "no snapshot is taken; the log is replayed");
            None
        }
    }
}

/// Removes what was fetched and not taken.
pub(super) fn forget(files: &ProjectionFiles) {
    for end in [FETCHED, NOTE] {
        // Without its note, the file is begun anew.
        let _ = fs::remove_file(files.beside(end));
    }
}

async fn try_join(desk: &Desk, bucket: &Bucket) -> Answer<Joined> {
    for _ in 0..SNAPSHOTS_TRIED {
        let snapshot = find(desk, bucket).await?;
        match fetch(desk, bucket, &snapshot).await {
            Ok(joined) => return Ok(joined),
            Err(Failed::Gone) => {
                forget(&desk.files);
                tracing::info!("the snapshot was erased while it was fetched; looking for another");
            }
            Err(Failed::Torn) => {
                forget(&desk.files);
                tracing::warn!(
                    "the part of a snapshot that was begun is damaged; fetching it anew"
                );
            }
            Err(Failed::Other(reason)) => return Err(reason),
        }
    }
    Err("it was erased or damaged each time".to_owned())
}

/// Finds the newest snapshot, or asks for one and waits for it.
async fn find(desk: &Desk, bucket: &Bucket) -> Answer<Snapshot> {
    let every = desk.limits.snapshot_every;
    let begun = Instant::now();
    let mut document = Since::new();
    loop {
        let mut held = bucket.read().await?;
        let tail = *desk.log.tail().borrow();
        let newest = held.document.newest(desk.log.id(), tail);
        if let Some(newest) = newest.filter(|it| it.position >= desk.applied.get() + every) {
            return Ok(newest.clone());
        }
        if tail.get() - desk.applied.get() < every * ASKS_BEHIND {
            return Err("there is none that saves much".to_owned());
        }
        let stands_for = document.note(held.number);
        let is_making = held.document.making.is_some();
        if if is_making { stands_for >= SIGN_IN } else { begun.elapsed() >= BEGINS_IN } {
            return Err("there is none, and no other node makes one".to_owned());
        }
        if !is_making && !held.document.is_wanted {
            held.document.is_wanted = true;
            bucket.write(&mut held).await?;
        }
        desk.health.is_getting_there(Some("waiting for a snapshot by another node".to_owned()));
        sleep(RETRY_AFTER).await;
    }
}

async fn fetch(desk: &Desk, bucket: &Bucket, snapshot: &Snapshot) -> Result<Joined, Failed> {
    if sign_of(&desk.log, snapshot.about().applied).await? != snapshot.sign {
        return Err("the snapshot is of another past of the log".to_owned().into());
    }
    let begun = Instant::now();
    let mut partial = Partial::open(&desk.files, snapshot).map_err(told)?;
    let from = partial.chunks;
    if from > 0 {
        tracing::info!(
            position = snapshot.position,
            chunks = from,
            of = snapshot.chunks(),
            "going on with a snapshot that was begun"
        );
    }
    let get = |number| get(bucket, snapshot, number);
    let mut chunks =
        std::pin::pin!(stream::iter(from..snapshot.chunks()).map(get).buffered(GET_AT_ONCE));
    let mut told_at = None::<Instant>;
    while let Some(plain) = chunks.try_next().await? {
        partial.add(&plain).map_err(told)?;
        let percent = partial.chunks * 100 / snapshot.chunks();
        desk.health.is_getting_there(Some(format!(
            "fetching a snapshot at entry {}: {percent} %",
            snapshot.position
        )));
        if told_at.is_none_or(|at| at.elapsed() >= TOLD_EVERY) {
            tracing::info!(position = snapshot.position, "fetching a snapshot: {percent} %");
            told_at = Some(Instant::now());
        }
    }
    let path = match partial.finish(snapshot) {
        Err(_) if from > 0 => return Err(Failed::Torn),
        finished => finished?,
    };
    let _ = fs::remove_file(desk.files.beside(NOTE));
    let ms = begun.elapsed().as_millis();
    let Snapshot { position, bytes, packed_bytes, .. } = snapshot;
    tracing::info!(position, bytes, packed_bytes, ms, "fetched a snapshot");
    let erased_upto = Position::new(snapshot.erased_upto.min(snapshot.position));
    Ok(Joined { path, position: snapshot.about().applied, erased_upto })
}

/// Gets a chunk, unpacked.
async fn get(bucket: &Bucket, snapshot: &Snapshot, number: u64) -> Result<Vec<u8>, Failed> {
    let length = snapshot.chunk_bytes.min(snapshot.bytes - number * snapshot.chunk_bytes);
    let packed = get_packed(bucket, snapshot, number).await?;
    let unpacked = spawn_blocking(move || unpack(&packed, length)).await.map_err(told)?;
    Ok(unpacked.map_err(|error| format!("chunk {number} is damaged: {error}"))?)
}

async fn get_packed(bucket: &Bucket, snapshot: &Snapshot, number: u64) -> Result<Bytes, Failed> {
    let mut reason = String::new();
    for _ in 0..TRIES {
        match bucket.get_chunk(&snapshot.id, number).await {
            Ok(Some(packed)) => return Ok(packed),
            Ok(None) => {
                reason = format!("chunk {number} is missing");
                if !bucket.read().await?.document.snapshots.iter().any(|it| it.id == snapshot.id) {
                    return Err(Failed::Gone);
                }
            }
            Err(error) => reason = error,
        }
        sleep(RETRY_AFTER).await;
    }
    Err(Failed::Other(reason))
}

/// A file of which the first chunks are there.
pub(super) struct Partial {
    path: PathBuf,
    file: File,
    hash: Sha256,
    chunks: u64,
}

impl Partial {
    /// Goes on with the file that is there, if its note says that it is of this snapshot.
    pub(super) fn open(files: &ProjectionFiles, snapshot: &Snapshot) -> io::Result<Partial> {
        let (path, note) = (files.beside(FETCHED), files.beside(NOTE));
        let about = serde_json::to_vec(snapshot)?;
        if fs::read(&note).ok().as_ref() != Some(&about) {
            forget(files);
            private::open(&path)?.sync_all()?;
            private::open(&note)?.write_all(&about)?;
        }
        let mut file = private::open(&path)?;
        let chunks = (file.metadata()?.len() / snapshot.chunk_bytes).min(snapshot.chunks());
        let bytes = (chunks * snapshot.chunk_bytes).min(snapshot.bytes);
        file.set_len(bytes)?;
        let mut hash = Sha256::new();
        let mut buffer = vec![0; 1 << 20];
        loop {
            match file.read(&mut buffer)? {
                0 => break,
                count => hash.update(&buffer[..count]),
            }
        }
        Ok(Partial { path, file, hash, chunks })
    }

    pub(super) fn add(&mut self, plain: &[u8]) -> io::Result<()> {
        self.file.write_all(plain)?;
        self.hash.update(plain);
        self.chunks += 1;
        Ok(())
    }

    /// Checks the whole file. Errors: it is not what was announced.
    fn finish(self, snapshot: &Snapshot) -> Answer<PathBuf> {
        if const_hex::encode(self.hash.finalize()) != snapshot.sha256 {
            return Err("the snapshot is damaged: it has another SHA-256".to_owned());
        }
        self.file.sync_all().map_err(told)?;
        let about = Projection::about(&self.path).map_err(told)?;
        match about.map(|about| About { at: None, ..about }) {
            Some(about) if about == snapshot.about() => Ok(self.path),
            about => Err(format!("the snapshot is not the announced one, but {about:?}")),
        }
    }
}
