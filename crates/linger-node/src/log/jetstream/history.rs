//! Reads entries that are further back than the latest ones in memory.
//!
//! One reader is kept for the next page, since pages are mostly read one after another, by
//! a follower that catches up. Single entries, for what is to be erased, are asked for by
//! their number: a reader for each would be a consumer for each.

use std::{
    sync::mpsc as blocking,
    time::{Duration, Instant},
};

use async_nats::jetstream::{Context, stream::Stream};
use futures_util::{StreamExt, TryStreamExt};
use linger_core::{Entry, Position};
use tokio::{sync::mpsc, time::timeout_at};

use super::{
    ENTRIES_AT_ONCE, READ_MAX, message,
    reader::{Lost, Reader},
    skeletons::{Skeletons, message_at},
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

/// Reads single entries, in their order, some at a time: one request for each, and one more
/// for each that is erased.
pub(super) async fn read_each(
    context: Context,
    stream: &str,
    positions: Vec<Position>,
) -> Result<Vec<Entry>, ReadError> {
    let messages = context.get_stream_no_info(stream).await.map_err(told)?;
    let skeletons = Skeletons::new(context, stream);
    let each = positions.into_iter().map(|at| read_one(&messages, &skeletons, at));
    futures_util::stream::iter(each).buffered(ENTRIES_AT_ONCE).try_collect().await
}

async fn read_one(
    messages: &Stream<()>,
    skeletons: &Skeletons,
    at: Position,
) -> Result<Entry, ReadError> {
    if let Some(payload) = message_at(messages, at).await.map_err(told)? {
        return Ok(message::read(at, &payload)?.0);
    }
    let missing = || told(format!("entry {at} is missing in the stream"));
    Ok(skeletons.get(at).await.map_err(told)?.ok_or_else(missing)?.0)
}

fn told(error: impl std::fmt::Display) -> ReadError {
    ReadError::Cluster(error.to_string())
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
