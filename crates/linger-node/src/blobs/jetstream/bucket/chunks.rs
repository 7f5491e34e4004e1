//! The chunks of a blob's parts: written a few at once, read one after another, compared with
//! what the record says, counted and erased.

use std::{
    collections::VecDeque,
    io::{self, Read, Write},
};

use async_nats::jetstream::context::PublishAckFuture;
use linger_core::FileHash;
use sha2::{Digest, Sha256};

use super::{
    super::record::{Content, Record, damaged},
    Bucket, away, first,
};
use crate::blobs::Part;

/// Bytes of a chunk. With the encoding of NATS's answers it stays below its bound of 1 MiB.
pub(super) const CHUNK_BYTES: usize = 256 << 10;
/// Chunks that are on their way at once.
const CHUNKS_IN_FLIGHT: usize = 4;
/// The parts of a blob.
const PARTS: [Part; 2] = [Part::Whole, Part::Thumbnail];

impl Bucket {
    /// Writes the chunks of a part, and returns what it has.
    pub(in super::super) async fn upload(
        &self,
        subject: &str,
        source: &mut (impl Read + Send),
    ) -> io::Result<Content> {
        let (mut sum, mut size, mut chunks) = (Sha256::new(), 0, 0);
        let mut sent: VecDeque<PublishAckFuture> = VecDeque::new();
        let mut last = 0;
        loop {
            let mut chunk = Vec::with_capacity(CHUNK_BYTES);
            source.by_ref().take(CHUNK_BYTES as u64).read_to_end(&mut chunk)?;
            let is_end = chunk.is_empty();
            while sent.len() >= if is_end { 1 } else { CHUNKS_IN_FLIGHT } {
                let acknowledged = sent.pop_front().expect("there is one").await.map_err(away)?;
                // A change of leader may turn two of them around.
                if acknowledged.sequence <= last {
                    return Err(away("its parts came in another order"));
                }
                last = acknowledged.sequence;
            }
            if is_end {
                return Ok(Content { size, chunks, digest: FileHash(sum.finalize().into()) });
            }
            sum.update(&chunk);
            size += chunk.len() as u64;
            chunks += 1;
            let subject = subject.to_owned();
            let published =
                self.context.publish_with_headers(subject, self.headers(), chunk.into()).await;
            sent.push_back(published.map_err(away)?);
        }
    }

    /// Reads the chunks of a part, and compares them with what its record says.
    ///
    /// Errors: `InvalidData`, if they are others.
    pub(in super::super) async fn download(
        &self,
        subject: &str,
        content: &Content,
        to: &mut (impl Write + Send),
    ) -> io::Result<()> {
        let stream = self.stream().await?;
        let (mut sum, mut size, mut next) = (Sha256::new(), 0, 1);
        while size < content.size {
            let chunk = first(&stream, subject, next).await?;
            let chunk = chunk.ok_or_else(|| damaged("it is cut short"))?;
            size += chunk.payload.len() as u64;
            if size > content.size {
                return Err(damaged("it is longer than its record says"));
            }
            sum.update(&chunk.payload);
            to.write_all(&chunk.payload)?;
            next = chunk.sequence + 1;
        }
        match FileHash(sum.finalize().into()) == content.digest {
            true => Ok(()),
            false => Err(damaged("its bytes are not those of its hash")),
        }
    }

    /// Tells whether all chunks of a blob are there, by their number.
    pub(in super::super) async fn has_all(&self, record: &Record) -> io::Result<bool> {
        for part in PARTS {
            let Some(content) = record.content(part) else { continue };
            let subject = record.subject(part);
            let count = self.subjects(&subject).await?.get(&subject).copied();
            if count.unwrap_or_default() != content.chunks {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Erases the chunks of a copy.
    pub(in super::super) async fn erase_copy(&self, record: &Record) -> io::Result<()> {
        for part in PARTS {
            self.erase(&record.subject(part), u64::MAX).await?;
        }
        Ok(())
    }
}
