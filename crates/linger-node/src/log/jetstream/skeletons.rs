//! The erased form of entries whose messages are deleted: a key-value bucket beside the
//! stream, with an entry's position as its key.
//!
//! Erasing takes two steps. The erased form is written to the bucket first, and only then the
//! message is deleted from the stream, and overwritten in the servers' files. So a position
//! that is missing in the stream is either in the bucket, or lost. Any node may do both
//! steps, and do them again.

use async_nats::jetstream::{
    Context,
    stream::{RawMessageErrorKind, Stream},
};
use bytes::Bytes;
use futures_util::{StreamExt, TryStreamExt};
use linger_core::{Entry, Position, Vocabulary, queries::Erasure};

use tokio::sync::oneshot;

use super::{
    AboutStream, ENTRIES_AT_ONCE,
    message::{self, MessageId},
    proof::{Unproven, prove_by},
};
use crate::log::erased_form;

/// The bucket of one stream, and the stream.
///
/// Its questions are answered by the leaders, which have what was acknowledged.
pub(super) struct Skeletons {
    context: Context,
    stream: String,
}

/// Returns the bucket's name.
pub(super) fn bucket(stream: &str) -> String {
    format!("{stream}-erased")
}

/// Returns the name of the stream in which NATS keeps a bucket.
pub(super) fn stream_of(bucket: &str) -> String {
    format!("KV_{bucket}")
}

impl Skeletons {
    pub(super) fn new(context: Context, stream: &str) -> Skeletons {
        Skeletons { context, stream: stream.to_owned() }
    }

    /// Returns the erased form of an entry, if it was erased.
    ///
    /// Errors: the cluster does not answer, or the form cannot be read.
    pub(super) async fn get(
        &self,
        position: Position,
    ) -> Result<Option<(Entry, MessageId)>, String> {
        let bucket = stream_of(&bucket(&self.stream));
        let bucket = self.context.get_stream_no_info(bucket).await.map_err(told)?;
        match bucket.get_last_raw_message_by_subject(&self.subject(position)).await {
            Ok(found) => message::read(position, &found.payload).map(Some).map_err(told),
            Err(error) if error.kind() == RawMessageErrorKind::NoMessageFound => Ok(None),
            Err(error) => Err(told(error)),
        }
    }

    /// Erases entries, and answers. No answer is an answer, too: it was not done.
    pub(super) async fn answer(
        self,
        erasures: Vec<Erasure>,
        agreed: Vocabulary,
        answer: oneshot::Sender<()>,
    ) {
        match self.erase(erasures, agreed).await {
            // The follower may have ended.
            Ok(()) => _ = answer.send(()),
            Err(error) => tracing::warn!(error, "deleted texts cannot be erased just now"),
        }
    }

    /// Erases entries. Errors: not all could be; what was done may be done again.
    pub(super) async fn erase(
        &self,
        erasures: Vec<Erasure>,
        agreed: Vocabulary,
    ) -> Result<(), String> {
        let stream = self.context.get_stream_no_info(&self.stream).await.map_err(told)?;
        let each = erasures.into_iter().map(|erasure| self.erase_one(&stream, erasure, agreed));
        futures_util::stream::iter(each).buffer_unordered(ENTRIES_AT_ONCE).try_collect().await
    }

    /// Erases an entry by three requests, or finds by two that it is erased.
    async fn erase_one(
        &self,
        stream: &Stream<()>,
        erasure: Erasure,
        agreed: Vocabulary,
    ) -> Result<(), String> {
        let Some(stored) = message_at(stream, erasure.entry).await? else {
            return self.must_have(erasure.entry).await;
        };
        let (entry, _) = message::read(erasure.entry, &stored).map_err(told)?;
        let erased = erased_form(&entry.draft, &erasure)
            .ok_or_else(|| format!("entry {} has no text to erase", erasure.entry))?;
        if erased.vocabulary > agreed.get() {
            return Err("some nodes run an older version, which could not read what is left of them; they are erased when all run the newer one".to_owned());
        }
        self.put(erasure.entry, message::payload(erased)).await?;
        let deleted = stream.delete_message(erasure.entry.get()).await;
        // All nodes erase at about the same time: another one may have been faster.
        if deleted.is_err() && message_at(stream, erasure.entry).await?.is_some() {
            deleted.map_err(told)?;
        }
        Ok(())
    }

    async fn must_have(&self, position: Position) -> Result<(), String> {
        let found = self.get(position).await?;
        found.map(drop).ok_or_else(|| format!("entry {position} is missing in the stream"))
    }

    /// Asks for what the servers agree on of the bucket.
    pub(super) async fn prove_once(&self) -> Result<AboutStream, Unproven> {
        let bucket = bucket(&self.stream);
        // Nothing is deleted from it. This has no entry's key, and stands there once.
        let subject = format!("$KV.{bucket}.proof");
        prove_by(&self.context, &stream_of(&bucket), async {
            let sent = self.context.publish(subject, Bytes::new()).await;
            match sent {
                Ok(answer) => answer.await.is_ok(),
                Err(_) => false,
            }
        })
        .await
    }

    /// Writes the erased form of an entry.
    pub(super) async fn put(&self, position: Position, skeleton: Bytes) -> Result<(), String> {
        let sent = self.context.publish(self.subject(position), skeleton).await;
        sent.map_err(told)?.await.map_err(told)?;
        Ok(())
    }

    fn subject(&self, position: Position) -> String {
        format!("$KV.{}.{position}", bucket(&self.stream))
    }
}

/// Returns the message of an entry, if the stream has it.
pub(super) async fn message_at(
    stream: &Stream<()>,
    position: Position,
) -> Result<Option<Bytes>, String> {
    match stream.get_raw_message(position.get()).await {
        Ok(stored) => Ok(Some(stored.payload)),
        Err(error) if error.kind() == RawMessageErrorKind::NoMessageFound => Ok(None),
        Err(error) => Err(told(error)),
    }
}

fn told(error: impl std::fmt::Display) -> String {
    error.to_string()
}
