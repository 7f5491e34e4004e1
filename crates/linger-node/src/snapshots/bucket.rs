//! The bucket of snapshots: a stream beside the log's, with the document under one subject,
//! and each chunk under one of its own.
//!
//! It is no object store of NATS's kind: that one does not overwrite what it deletes, and a
//! chunk cannot be asked for by its number, which a joining node does to go on where it was.
//!
//! The servers may be choosing a leader for the bucket: then it is asked again, so that the
//! death of one server ends no snapshot, and no erasing.

use std::time::Duration;

use async_nats::{
    HeaderMap,
    header::{NATS_EXPECTED_LAST_SUBJECT_SEQUENCE, NATS_EXPECTED_STREAM},
    jetstream::{
        Context,
        consumer::{AckPolicy, pull},
        context::PublishErrorKind,
        stream::{DirectGetErrorKind, RawMessageErrorKind, Stream},
    },
};
use bytes::Bytes;
use futures_util::{StreamExt, TryStreamExt, stream};
use serde_json::{Value, json};
use tokio::time::timeout;

use super::{Answer, document::Document, refused, told};
use crate::{
    ClusterError, ClusterSettings,
    log::jetstream::{AboutStream, block_on, context, kept, make_stream, until_led},
};

/// For an acknowledgement: a disk that is busy with chunks takes its time.
const ANSWER_MAX: Duration = Duration::from_secs(10);
/// Chunks that are erased at once.
const ERASED_AT_ONCE: usize = 8;
/// Heads of chunks that are looked at in one go.
const HEADS: usize = 500;
/// A consumer that nobody reads is removed.
const FORGOTTEN_AFTER: Duration = Duration::from_secs(10);

/// The bucket of one log.
#[derive(Clone)]
pub(super) struct Bucket {
    context: Context,
    stream: Stream<()>,
    name: String,
}

/// A document, and the number by which it is known as the last one.
#[derive(Debug, Clone)]
pub(super) struct Held {
    pub(super) document: Document,
    pub(super) number: u64,
}

/// Returns the bucket's name.
fn name(stream: &str) -> String {
    format!("{stream}-snapshots")
}

/// Makes the bucket of a log. It may be there already.
pub(crate) async fn create(
    context: &Context,
    stream: &str,
    replicas: usize,
) -> Result<(), ClusterError> {
    let name = name(stream);
    let mut config = kept(&name, &format!("{name}.>"), replicas);
    config["max_msgs_per_subject"] = json!(1);
    config["deny_purge"] = json!(false);
    // Chunks never change, so any server may answer.
    config["allow_direct"] = json!(true);
    make_stream(context, &config).await
}

/// Returns what there is to say of a log's snapshots, a line each.
pub(crate) fn facts(settings: &ClusterSettings) -> Result<Vec<String>, ClusterError> {
    block_on(async {
        let context = context(settings).await?;
        let Ok(bucket) = Bucket::at(context, &settings.stream).await else {
            return Ok(vec!["snapshots: none, and no bucket for them".to_owned()]);
        };
        let Document { snapshots, making, .. } = bucket.read().await.map_err(refused)?.document;
        let mut facts: Vec<_> = snapshots
            .iter()
            .map(|it| {
                let at = linger_core::Timestamp::from_ms(it.made_ms);
                format!(
                    "snapshot: at entry {}, made {at} by version {}, {} MiB ({} packed)",
                    it.position,
                    it.program,
                    it.bytes >> 20,
                    it.packed_bytes >> 20,
                )
            })
            .collect();
        facts.extend(making.map(|_| "snapshot: one is being made".to_owned()));
        if facts.is_empty() {
            facts.push("snapshots: none".to_owned());
        }
        Ok(facts)
    })
}

/// Returns what in the bucket's settings keeps a new node from a fast start, or a deleted text
/// in a file, a sentence each. None of it can lose what is acknowledged.
pub(crate) fn faults(settings: &ClusterSettings) -> Result<Vec<String>, ClusterError> {
    let name = name(&settings.stream);
    let about = block_on(async { AboutStream::ask(&context(settings).await?, &name).await });
    let config = match about {
        Ok(about) => about.config,
        Err(ClusterError::NoStream(_)) => {
            return Ok(vec![format!(
                "there is no stream {name}, so that a new node has to replay the whole log; any node makes it when it starts"
            )]);
        }
        Err(error) => return Err(error),
    };
    let mut faults = Vec::new();
    if config["deny_delete"] == Value::Bool(true) {
        faults.push(format!(
            "the stream {name} forbids deleting messages, so that deleted texts stay in snapshots; remove it, and any node makes it anew: nats stream rm {name}"
        ));
    }
    if config["allow_direct"] != Value::Bool(true) {
        faults.push(format!(
            "the stream {name} does not let chunks be read; change it: nats stream edit {name} --allow-direct"
        ));
    }
    Ok(faults)
}

impl Bucket {
    /// Opens the bucket of a log, and makes it if need be. Errors: no cluster answers, or it
    /// does not let us.
    pub(super) async fn open(
        settings: &ClusterSettings,
        replicas: usize,
    ) -> Result<Bucket, ClusterError> {
        let context = context(settings).await?;
        match AboutStream::ask(&context, &name(&settings.stream)).await {
            Ok(_) => {}
            Err(ClusterError::NoStream(_)) => create(&context, &settings.stream, replicas).await?,
            Err(error) => return Err(error),
        }
        Bucket::at(context, &settings.stream).await
    }

    async fn at(context: Context, stream: &str) -> Result<Bucket, ClusterError> {
        let name = name(stream);
        AboutStream::ask(&context, &name).await?;
        let stream = context.get_stream_no_info(&name).await;
        let stream = stream.map_err(|error| refused(told(error)))?;
        Ok(Bucket { context, stream, name })
    }

    /// Returns the bytes that a chunk may have, packed or not.
    pub(super) fn chunk_bytes_max(&self) -> u64 {
        // Packing makes a chunk of chance a little longer, and there are headers.
        self.context.client().server_info().max_payload as u64 / 2
    }

    /// Reads the document, as the leader has it.
    pub(super) async fn read(&self) -> Answer<Held> {
        until_led(|_| true, || self.try_read()).await
    }

    async fn try_read(&self) -> Answer<Held> {
        match self.stream.get_last_raw_message_by_subject(&self.document()).await {
            Ok(found) => {
                let document = serde_json::from_slice(&found.payload).map_err(told)?;
                Ok(Held { document, number: found.sequence })
            }
            Err(error) if error.kind() == RawMessageErrorKind::NoMessageFound => {
                Ok(Held { document: Document::default(), number: 0 })
            }
            Err(error) => Err(told(error)),
        }
    }

    /// Writes a document in the place of the one that was read. Tells whether it is the last
    /// one now: somebody else may have been faster.
    pub(super) async fn write(&self, held: &mut Held) -> Answer<bool> {
        let document = serde_json::to_vec(&held.document).map_err(told)?.into();
        let put = self.put(self.document(), held.number, document).await?;
        held.number = put.unwrap_or(held.number);
        Ok(put.is_some())
    }

    /// Puts a chunk into its place. It may be there already.
    pub(super) async fn put_chunk(&self, id: &str, number: u64, packed: Bytes) -> Answer<()> {
        // A second one in the same place would leave the first one's bytes in the file.
        self.put(self.chunk(id, number), 0, packed).await.map(drop)
    }

    /// Reads a chunk; none if this server has none of this number.
    pub(super) async fn get_chunk(&self, id: &str, number: u64) -> Answer<Option<Bytes>> {
        match self.stream.direct_get_last_for_subject(self.chunk(id, number)).await {
            Ok(found) => Ok(Some(found.payload)),
            Err(error) if error.kind() == DirectGetErrorKind::NotFound => Ok(None),
            Err(error) => Err(told(error)),
        }
    }

    /// Erases all chunks of snapshots that a document does not name, and that were put before
    /// that document. They are overwritten in the servers' files. Returns how many there were.
    pub(super) async fn erase_others(&self, held: &Held) -> Answer<usize> {
        until_led(|_| true, || self.try_erase_others(held)).await
    }

    async fn try_erase_others(&self, held: &Held) -> Answer<usize> {
        let chunks = self.chunks().await?;
        let gone = chunks.into_iter().filter(|(number, id)| {
            // Later ones are of a snapshot that this document cannot know.
            *number < held.number && !held.document.names(id)
        });
        let erased = stream::iter(gone)
            .map(|(number, _)| async move {
                let deleted = self.stream.delete_message(number).await;
                match deleted {
                    Ok(_) => Ok(()),
                    // Another node may have been faster.
                    Err(error) => match self.stream.get_raw_message(number).await {
                        Err(found) if found.kind() == RawMessageErrorKind::NoMessageFound => Ok(()),
                        _ => Err(told(error)),
                    },
                }
            })
            .buffer_unordered(ERASED_AT_ONCE);
        Ok(erased.try_collect::<Vec<()>>().await?.len())
    }

    /// Puts other bytes into a chunk's place.
    #[cfg(test)]
    pub(super) async fn replace_chunk(&self, id: &str, number: u64, packed: Bytes) {
        let subject = self.chunk(id, number);
        let there = self.stream.get_last_raw_message_by_subject(&subject).await.unwrap();
        assert!(self.stream.delete_message(there.sequence).await.unwrap());
        self.put_chunk(id, number, packed).await.unwrap();
    }

    /// Returns how many chunks there are.
    #[cfg(test)]
    pub(super) async fn count(&self) -> usize {
        self.chunks().await.unwrap().len()
    }

    /// Returns the number and the snapshot of each chunk that is there.
    async fn chunks(&self) -> Answer<Vec<(u64, String)>> {
        let prefix = format!("{}.chunk.", self.name);
        let config = pull::Config {
            ack_policy: AckPolicy::None,
            filter_subject: format!("{prefix}>"),
            headers_only: true,
            inactive_threshold: FORGOTTEN_AFTER,
            num_replicas: 1,
            memory_storage: true,
            ..pull::Config::default()
        };
        let made = self.context.create_consumer_on_stream(config, &*self.name).await;
        let consumer = made.map_err(told)?;
        let mut chunks = Vec::new();
        let mut is_over = false;
        while !is_over {
            let mut heads = consumer.fetch().max_messages(HEADS).messages().await.map_err(told)?;
            is_over = true;
            while let Some(head) = heads.next().await {
                let head = head.map_err(told)?;
                let place = head.subject.strip_prefix(&*prefix).and_then(|it| it.split_once('.'));
                let number = head.info().map_err(told)?.stream_sequence;
                chunks.extend(place.map(|(id, _)| (number, id.to_owned())));
                is_over = false;
            }
        }
        Ok(chunks)
    }

    /// Sends a message whose subject's last one has this number. None: it has another.
    async fn put(&self, subject: String, last: u64, payload: Bytes) -> Answer<Option<u64>> {
        let mut headers = HeaderMap::new();
        headers.insert(NATS_EXPECTED_STREAM, &*self.name);
        headers.insert(NATS_EXPECTED_LAST_SUBJECT_SEQUENCE, last.to_string());
        // The outer error is that no leader took it. After silence nobody knows whether one did:
        // that is for the caller.
        let send = || async {
            let (subject, headers) = (subject.clone(), headers.clone());
            let sent = self.context.publish_with_headers(subject, headers, payload.clone()).await;
            let sent = match sent {
                Ok(sent) => sent,
                Err(error) => return Ok(Err(told(error))),
            };
            let Ok(answer) = timeout(ANSWER_MAX, sent.into_future()).await else {
                return Ok(Err("the NATS cluster does not answer".to_owned()));
            };
            match answer {
                Ok(put) => Ok(Ok(Some(put.sequence))),
                Err(error) => match error.kind() {
                    PublishErrorKind::WrongLastSequence => Ok(Ok(None)),
                    PublishErrorKind::StreamNotFound => Err(told(error)),
                    _ => Ok(Err(told(error))),
                },
            }
        };
        until_led(|_| true, send).await?
    }

    fn document(&self) -> String {
        format!("{}.document", self.name)
    }

    fn chunk(&self, id: &str, number: u64) -> String {
        format!("{}.chunk.{id}.{number}", self.name)
    }
}
