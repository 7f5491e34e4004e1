//! Reads entries that are further back than the latest ones in memory.
//!
//! One reader is kept for the next page, since pages are mostly read one after another, by
//! a follower that catches up.

use std::{
    sync::mpsc as blocking,
    time::{Duration, Instant},
};

use async_nats::jetstream::Context;
use linger_core::{Entry, Position};
use tokio::{sync::mpsc, time::timeout_at};

use super::{
    READ_MAX,
    reader::{Lost, Reader},
};
use crate::log::{READ_BYTES_MAX, ReadError};

/// Nobody needs the next page any more, and what was read ahead is forgotten.
const IDLE_MAX: Duration = Duration::from_secs(5);

/// A question for entries after a position, up to the log's tail.
pub(super) struct Read {
    pub(super) after: Position,
    pub(super) limit: usize,
    pub(super) until: Position,
    pub(super) answer: blocking::SyncSender<Result<Vec<Entry>, ReadError>>,
}

/// Answers questions, one after another, until nobody asks any more.
pub(super) async fn serve(
    context: Context,
    stream: String,
    created: String,
    mut reads: mpsc::Receiver<Read>,
) {
    let mut kept: Option<Reader> = None;
    loop {
        let read = match &kept {
            None => reads.recv().await,
            Some(_) => match tokio::time::timeout(IDLE_MAX, reads.recv()).await {
                Ok(read) => read,
                Err(_) => {
                    kept = None;
                    continue;
                }
            },
        };
        let Some(read) = read else { return };
        let mut reader = kept
            .take_if(|reader| reader.after() == read.after)
            .unwrap_or_else(|| Reader::new(context.clone(), &stream, &created, read.after));
        let entries = page(&mut reader, &read).await;
        kept = entries.is_ok().then_some(reader);
        // The follower may have given up.
        let _ = read.answer.send(entries);
    }
}

async fn page(reader: &mut Reader, read: &Read) -> Result<Vec<Entry>, ReadError> {
    let deadline = (Instant::now() + READ_MAX).into();
    let mut entries: Vec<Entry> = Vec::new();
    let mut bytes = 0;
    while entries.len() < read.limit && bytes < READ_BYTES_MAX && reader.after() < read.until {
        // One by one: the reader must stay where the page ends.
        let next = match timeout_at(deadline, reader.next_ones(1)).await {
            Ok(Ok(next)) => next,
            // The entries so far are a page. The next one begins with what is wrong.
            Ok(Err(_)) | Err(_) if !entries.is_empty() => break,
            Ok(Err(Lost::Newer(error))) => return Err(error.into()),
            Ok(Err(lost)) => return Err(ReadError::Cluster(lost.to_string())),
            Err(_) => {
                return Err(ReadError::Cluster("the NATS cluster does not answer".to_owned()));
            }
        };
        for (entry, _) in next {
            bytes += entry.draft.weight();
            entries.push(entry);
        }
    }
    Ok(entries)
}
