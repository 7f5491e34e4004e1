//! Makes a snapshot: a copy of the tables, as they were at one committed position, in packed
//! chunks.
//!
//! SQLite writes the copy (`VACUUM INTO`) from a reader's connection, so the follower goes on
//! applying and committing; and it leaves out what is free in the file. It pauses every few
//! milliseconds. Chunks are packed each by itself, since a joining node asks for each by itself.

use std::{
    fs::{self, File},
    io::{self, Read, Write},
    os::unix::fs::FileExt,
    path::Path,
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

use bytes::Bytes;
use flate2::{Compression, write::ZlibEncoder};
use futures_util::{StreamExt, TryStreamExt, stream};
use linger_core::{Position, Projection};
use sha2::{Digest, Sha256};
use tokio::{sync::watch, task::spawn_blocking, time::timeout};

use super::{
    Answer,
    bucket::{Bucket, Held},
    document::{Making, Snapshot},
    keeper::Keeper,
    sign_of, told,
};
use crate::private;

/// Stands at the end of the copy's name. It is removed as soon as it is open.
const COPY: &str = ".copy";
/// Chunks that are on their way at once: few, since each is written by all servers.
const PUT_AT_ONCE: usize = 4;
/// The document is written anew so often: others see that the work goes on.
const RENEWED_EVERY: Duration = Duration::from_secs(5);
/// SQLite works so long, and then pauses: others need the disk and the processor.
const WORKS_FOR: Duration = Duration::from_millis(20);
const PAUSES_FOR: Duration = Duration::from_millis(5);
/// Steps of SQLite between two looks at the clock.
const STEPS: i32 = 1000;

/// A copy of the tables, in a file that has no name any more.
pub(super) struct Copy {
    file: Arc<File>,
    bytes: u64,
    sha256: String,
    pub(super) position: Position,
    form: u32,
}

/// Makes a snapshot, if nobody else is faster, and erases those that are too many then.
pub(super) async fn make(keeper: &mut Keeper<'_>, mut held: Held) -> Answer<()> {
    let (desk, bucket) = (keeper.desk, keeper.bucket.clone());
    let id = const_hex::encode(&desk.clock.secret()[..12]);
    let begun = Instant::now();
    held.document.making = Some(Making { id: id.clone(), chunks: 0 });
    held.document.begun_ms = desk.clock.now().as_ms();
    if !bucket.write(&mut held).await? {
        return Ok(());
    }
    match try_make(keeper, &mut held, &id).await {
        Ok(snapshot) => {
            let Snapshot { position, bytes, packed_bytes, .. } = snapshot;
            let ms = begun.elapsed().as_millis();
            held = finish(&bucket, held, &id, Some(snapshot)).await?;
            tracing::info!(position, bytes, packed_bytes, ms, "made a snapshot for new nodes");
            if held.document.is_erasing {
                keeper.erase(held).await?;
            }
            Ok(())
        }
        Err(reason) => {
            tracing::warn!(reason, "no snapshot could be made for new nodes");
            let held = finish(&bucket, held, &id, None).await?;
            keeper.erase(held).await
        }
    }
}

/// Writes down how it came out. Errors: somebody else took over.
async fn finish(
    bucket: &Bucket,
    mut held: Held,
    id: &str,
    snapshot: Option<Snapshot>,
) -> Answer<Held> {
    const TRIES: usize = 5;
    for _ in 0..TRIES {
        if held.document.making.as_ref().is_none_or(|it| it.id != id) {
            bucket.erase_others(&held).await?;
            return Err("another node took over".to_owned());
        }
        held.document.making = None;
        match &snapshot {
            Some(snapshot) => held.document.add(snapshot.clone()),
            None => held.document.is_erasing = true,
        }
        if bucket.write(&mut held).await? {
            return Ok(held);
        }
        held = bucket.read().await?;
    }
    Err("other nodes write all the time".to_owned())
}

async fn try_make(keeper: &mut Keeper<'_>, held: &mut Held, id: &str) -> Answer<Snapshot> {
    let (desk, bucket) = (keeper.desk, keeper.bucket.clone());
    let (from, to) = (desk.files.path().to_owned(), desk.files.beside(COPY));
    // Before the copy: what is erased now is not in it.
    let erased_upto = desk.log.erased_upto();
    let (stop, free_min) = (keeper.stop.clone(), desk.limits.disk_free_min);
    let (go_on, halted) = watch::channel(());
    let halts = move || stop.has_changed().is_err() || halted.has_changed().is_err();
    let mut copying = spawn_blocking(move || copy(&from, &to, halts, free_min));
    let copied = loop {
        if let Ok(copied) = timeout(RENEWED_EVERY, &mut copying).await {
            break copied;
        }
        if let Err(reason) = renew(keeper, held, id, None, 0).await {
            drop(go_on);
            // Its file is gone then.
            let _ = copying.await;
            return Err(reason);
        }
    };
    let copy = copied.map_err(told)??;
    let chunk_bytes = desk.limits.snapshot_chunk_bytes.min(bucket.chunk_bytes_max()).max(1);
    let mut snapshot = Snapshot {
        id: id.to_owned(),
        log: desk.log.id().to_string(),
        position: copy.position.get(),
        sign: sign_of(&desk.log, copy.position).await?,
        form: copy.form,
        program: env!("CARGO_PKG_VERSION").to_owned(),
        bytes: copy.bytes,
        chunk_bytes,
        packed_bytes: 0,
        sha256: copy.sha256,
        erased_upto: erased_upto.min(copy.position).get(),
        made_ms: desk.clock.now().as_ms(),
    };
    let put = |number: u64| {
        let (file, bucket, id) = (copy.file.clone(), bucket.clone(), id.to_owned());
        let from = number * chunk_bytes;
        let length = chunk_bytes.min(copy.bytes - from);
        async move {
            let packed = spawn_blocking(move || pack(&file, from, length)).await;
            let packed = packed.map_err(told)?.map_err(told)?;
            let bytes = packed.len() as u64;
            // Silence may mean that it was put; then a second try finds it there.
            if bucket.put_chunk(&id, number, packed.clone()).await.is_err() {
                bucket.put_chunk(&id, number, packed).await?;
            }
            Ok::<_, String>(bytes)
        }
    };
    let mut chunks =
        std::pin::pin!(stream::iter(0..snapshot.chunks()).map(put).buffered(PUT_AT_ONCE));
    let (mut renewed, mut number) = (Instant::now(), 0);
    while let Some(bytes) = chunks.try_next().await? {
        snapshot.packed_bytes += bytes;
        number += 1;
        if renewed.elapsed() >= RENEWED_EVERY {
            renew(keeper, held, id, Some(&snapshot), number).await?;
            renewed = Instant::now();
        }
    }
    Ok(snapshot)
}

/// Shows that the work goes on, and drops what has to go meanwhile. Errors: somebody took
/// over, or this one has to go, because something was deleted.
async fn renew(
    keeper: &mut Keeper<'_>,
    held: &mut Held,
    id: &str,
    snapshot: Option<&Snapshot>,
    chunks: u64,
) -> Answer<()> {
    let mut now = keeper.bucket.read().await?;
    if now.document.making.as_ref().is_none_or(|it| it.id != id) {
        return Err("another node took over".to_owned());
    }
    let mut all = now.document.snapshots.clone();
    all.extend(snapshot.cloned());
    let seen = keeper.ask_tables(&all).await?;
    keeper.note_outdated(&seen);
    if snapshot.is_some_and(|it| keeper.must_go(it)) {
        return Err("something was deleted since it was begun".to_owned());
    }
    now.document.making = Some(Making { id: id.to_owned(), chunks });
    let before = now.document.snapshots.len();
    now.document.snapshots.retain(|it| !keeper.must_go(it));
    *held = now.clone();
    if now.document.snapshots.len() < before {
        return keeper.clear(now).await;
    }
    // Somebody else may have written at the same time: then the next time will do.
    keeper.bucket.write(held).await.map(drop)
}

/// Copies the tables.
pub(super) fn copy(
    from: &Path,
    to: &Path,
    halts: impl Fn() -> bool + Send + 'static,
    free_min: u64,
) -> Answer<Copy> {
    let written = write_copy(from, to, halts, free_min);
    let about = written.and_then(|()| Projection::about(to).map_err(told));
    let file = File::open(to);
    // Nothing is left of it, whenever this process ends.
    remove(to).map_err(told)?;
    let about = about?.ok_or_else(|| "the copy is empty".to_owned())?;
    let file = file.map_err(told)?;
    let bytes = file.metadata().map_err(told)?.len();
    let sha256 = hash(&file, bytes).map_err(told)?;
    Ok(Copy { file: Arc::new(file), bytes, sha256, position: about.applied, form: about.form })
}

fn write_copy(
    from: &Path,
    to: &Path,
    halts: impl Fn() -> bool + Send + 'static,
    free_min: u64,
) -> Answer<()> {
    remove(to).map_err(told)?;
    let needed = fs::metadata(from).map_err(told)?.len() + free_min;
    let free = rustix::fs::statvfs(to.parent().unwrap_or(to)).map_err(told)?;
    let free = free.f_bavail.saturating_mul(free.f_frsize);
    if free < needed {
        return Err(format!(
            "a copy of the tables needs {needed} bytes on the disk, and {free} are free"
        ));
    }
    // SQLite takes an empty file, and gives it no other rights.
    private::open(to).map_err(told)?;
    let mut tables = Projection::open_reader(from).map_err(told)?;
    let mut since = Instant::now();
    let pause = move || {
        if since.elapsed() >= WORKS_FOR {
            thread::sleep(PAUSES_FOR);
            since = Instant::now();
        }
        halts()
    };
    tables.progress_handler(STEPS, Some(pause)).map_err(told)?;
    let to = to.to_str().ok_or_else(|| "the data folder's name is no text".to_owned())?;
    tables.execute("VACUUM INTO ?1", [to]).map_err(told)?;
    Ok(())
}

fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// Returns the SHA-256 of the first bytes of a file.
fn hash(file: &File, bytes: u64) -> io::Result<String> {
    const AT_ONCE: u64 = 1 << 20;
    let (mut hash, mut at) = (Sha256::new(), 0);
    let mut buffer = vec![0; AT_ONCE as usize];
    while at < bytes {
        let part = &mut buffer[..AT_ONCE.min(bytes - at) as usize];
        file.read_exact_at(part, at)?;
        hash.update(&*part);
        at += part.len() as u64;
    }
    Ok(const_hex::encode(hash.finalize()))
}

/// Reads a chunk of a file, and packs it.
fn pack(file: &File, from: u64, length: u64) -> io::Result<Bytes> {
    let mut plain = vec![0; usize::try_from(length).expect("a chunk fits into memory")];
    file.read_exact_at(&mut plain, from)?;
    let mut packed = ZlibEncoder::new(Vec::new(), Compression::fast());
    packed.write_all(&plain)?;
    Ok(packed.finish()?.into())
}

/// Unpacks a chunk. Errors: it is not packed, or has more or fewer bytes than it should.
pub(super) fn unpack(packed: &[u8], length: u64) -> io::Result<Vec<u8>> {
    let mut plain = Vec::with_capacity(usize::try_from(length).unwrap_or(0));
    // One byte more tells that there are more.
    flate2::read::ZlibDecoder::new(packed).take(length + 1).read_to_end(&mut plain)?;
    match plain.len() as u64 == length {
        true => Ok(plain),
        false => Err(io::Error::new(io::ErrorKind::InvalidData, "a chunk has another length")),
    }
}
