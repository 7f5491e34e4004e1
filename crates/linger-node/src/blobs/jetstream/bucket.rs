//! The object store of a cluster, as NATS lays it out: a stream with the chunks of each object
//! under one subject, and its record under another.
//!
//! The stream's leader alone answers, which has all that was acknowledged. A record is replaced
//! only by those who know the one before. Erased messages are overwritten in the servers'
//! files, one by one: NATS's own way, a purge, leaves the bytes where they were.

mod chunks;

use std::{
    collections::BTreeMap,
    error::Error,
    io,
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

use async_nats::{
    HeaderMap,
    connection::State,
    header::{NATS_EXPECTED_LAST_SUBJECT_SEQUENCE, NATS_EXPECTED_STREAM},
    jetstream::{
        self, Context, ErrorCode,
        consumer::{AckPolicy, DeliverPolicy, pull},
        context::{PublishError, PublishErrorKind},
        message::StreamMessage,
        stream::{RawMessageError, RawMessageErrorKind, Stream},
    },
};
use futures_util::{StreamExt, TryStreamExt};
use linger_core::{FileHash, Position, Timestamp};
use tokio::time::{sleep, timeout};

use self::chunks::CHUNK_BYTES;
use super::record::{self, Record};
use crate::{
    blobs::Kept,
    log::jetstream::{AboutStream, files_bucket, object_stream},
};

/// Chunks without a record that are younger may be of an upload that goes on. One that stands
/// still for so long has failed by then.
const LEFT_AFTER_MS: i64 = 2 * 60 * 1000;
/// A listing whose server says nothing for longer is given up.
const SILENCE_MAX: Duration = Duration::from_secs(5);
/// A record that is being written by a majority is seen mostly in milliseconds: so long until the
/// next look, each time twice as long, up to the most.
const SEEN_AFTER_MIN: Duration = Duration::from_millis(5);
const SEEN_AFTER_MAX: Duration = Duration::from_millis(640);

/// The bucket of files beside a log.
pub(super) struct Bucket {
    context: Context,
    log: String,
    name: String,
    stream: String,
    /// Names of copies: a random number of this node, and one that counts.
    random: u64,
    copies: AtomicU64,
}

/// A record, and its number.
pub(super) struct Found {
    pub(super) record: Record,
    pub(super) sequence: u64,
}

impl Bucket {
    /// Takes the bucket beside a log. `random` is another number at each start.
    pub(super) fn new(context: Context, log: &str, random: u64) -> Bucket {
        let name = files_bucket(log);
        let (stream, log) = (object_stream(&name), log.to_owned());
        Bucket { context, log, name, stream, random, copies: AtomicU64::new(0) }
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// Returns how it is with the connection.
    pub(super) fn connection(&self) -> State {
        self.context.client().connection_state()
    }

    /// Returns how many requests were made so far.
    #[cfg(test)]
    pub(super) fn requests(&self) -> u64 {
        self.context.client().statistics().out_messages.load(Ordering::Relaxed)
    }

    /// Names a new copy.
    pub(super) fn new_copy(&self) -> String {
        format!("{:016x}{:016x}", self.random, self.copies.fetch_add(1, Ordering::Relaxed))
    }

    /// Returns where the log ends, with all that was acknowledged before the question: a message
    /// of it may have the file.
    pub(super) async fn log_tail(&self) -> io::Result<Position> {
        Ok(AboutStream::prove_once(&self.context, &self.log).await.map_err(away)?.tail())
    }

    /// Returns how many bytes the stream has.
    pub(super) async fn bytes(&self) -> io::Result<u64> {
        Ok(AboutStream::ask_once(&self.context, &self.stream).await.map_err(away)?.state.bytes)
    }

    /// Returns the record of a blob. Errors: the cluster does not answer.
    pub(super) async fn find(&self, hash: FileHash) -> io::Result<Option<Found>> {
        let subject = record::subject(&self.name, hash);
        let message = self.stream().await?.get_last_raw_message_by_subject(&subject).await;
        let Some(message) = if_there(message)? else { return Ok(None) };
        let record = Record::read(hash, &self.name, &message.payload);
        Ok(Some(Found { record, sequence: message.sequence }))
    }

    /// Writes a record in the place of another one, or of none (0), and returns its number.
    /// None: somebody else has written one meanwhile.
    pub(super) async fn write(&self, record: &Record, before: u64) -> io::Result<Option<u64>> {
        let subject = record::subject(&self.name, record.hash());
        let mut headers = self.headers();
        headers.insert(NATS_EXPECTED_LAST_SUBJECT_SEQUENCE, before.to_string());
        let sent =
            self.context.publish_with_headers(subject, headers, record.payload().into()).await;
        let written = match sent.map_err(away)?.await {
            Ok(written) => Some(written.sequence),
            // That means nothing: it may have been written all the same.
            Err(error) => self.came_of(record, before, error).await?,
        };
        let Some(written) = written else { return Ok(None) };
        if before > 0
            && let Err(error) = self.stream().await?.delete_message(before).await
        {
            // Those that stay go when the blob is erased.
            tracing::debug!(%error, "a record that was replaced stays for now");
        }
        Ok(Some(written))
    }

    /// Looks what came of a write that was not acknowledged. It counts as written, too, if another
    /// node has written the same. None: something else stands there.
    async fn came_of(
        &self,
        record: &Record,
        before: u64,
        error: PublishError,
    ) -> io::Result<Option<u64>> {
        let mut pause = SEEN_AFTER_MIN;
        loop {
            let found = self.find(record.hash()).await?;
            if found.as_ref().map_or(0, |found| found.sequence) != before {
                let is_ours = |found: &Found| found.sequence > before && found.record == *record;
                return Ok(found.filter(is_ours).map(|found| found.sequence));
            }
            if !is_too_late(&error) || pause > SEEN_AFTER_MAX {
                return Err(away(error));
            }
            sleep(pause).await;
            pause *= 2;
        }
    }

    /// Erases the records of a blob up to a number.
    pub(super) async fn erase_records(&self, hash: FileHash, upto: u64) -> io::Result<()> {
        self.erase(&record::subject(&self.name, hash), upto).await
    }

    /// Erases chunks of a blob that are of no record, if they are of an upload that failed.
    pub(super) async fn erase_leftovers(&self, hash: FileHash, now: Timestamp) -> io::Result<()> {
        let subjects = self.subjects(&format!("$O.{}.C.{hash}.>", self.name)).await?;
        if subjects.is_empty() {
            return Ok(());
        }
        let record = self.find(hash).await?.map(|found| found.record);
        for subject in subjects.into_keys() {
            let is_of_it = record.as_ref().is_some_and(|it| it.owns(&subject));
            let since = self.last_written(&subject).await?;
            if !is_of_it && since.is_some_and(|since| is_left(since, now)) {
                self.erase(&subject, u64::MAX).await?;
            }
        }
        Ok(())
    }

    /// Lists all blobs, and as very old what an upload that failed has left.
    pub(super) async fn list(&self, now: Timestamp) -> io::Result<Vec<Kept>> {
        let records = self.records().await?;
        let mut kept: Vec<_> = records
            .values()
            .map(|record| Kept { hash: record.hash(), bytes: record.bytes(), since: record.since })
            .collect();
        for (subject, chunks) in self.subjects(&format!("$O.{}.C.>", self.name)).await? {
            let hash =
                subject.split('.').nth(3).and_then(|hash| const_hex::decode_to_array(hash).ok());
            let Some(hash) = hash.map(FileHash) else { continue };
            if records.get(&hash).is_some_and(|record| record.owns(&subject)) {
                continue;
            }
            let Some(since) = self.last_written(&subject).await? else { continue };
            let since = if is_left(since, now) { Timestamp::from_ms(0) } else { since };
            kept.push(Kept { hash, bytes: chunks * CHUNK_BYTES as u64, since });
        }
        Ok(kept)
    }

    /// Reads all records that there are now.
    async fn records(&self) -> io::Result<BTreeMap<FileHash, Record>> {
        let config = pull::Config {
            deliver_policy: DeliverPolicy::LastPerSubject,
            filter_subject: format!("$O.{}.M.>", self.name),
            ack_policy: AckPolicy::None,
            inactive_threshold: SILENCE_MAX,
            num_replicas: 1,
            memory_storage: true,
            ..pull::Config::default()
        };
        let made = self.context.create_consumer_on_stream(config, &*self.stream).await;
        let consumer = made.map_err(away)?;
        let mut records = BTreeMap::new();
        let mut pending = consumer.cached_info().num_pending;
        let mut messages = consumer.stream().messages().await.map_err(away)?;
        while pending > 0 {
            let message = timeout(SILENCE_MAX, messages.next()).await.map_err(away)?;
            let message = message.ok_or_else(|| away("a listing ended early"))?.map_err(away)?;
            pending = message.info().map_err(away)?.pending;
            let Some(hash) = record::hash_in(&message.subject) else { continue };
            records.insert(hash, Record::read(hash, &self.name, &message.payload));
        }
        Ok(records)
    }

    /// Returns the subjects that match, with how many messages each has.
    async fn subjects(&self, filter: &str) -> io::Result<BTreeMap<String, u64>> {
        let found = self.stream().await?.info_with_subjects(filter).await.map_err(away)?;
        let found = found.map_ok(|(subject, count)| (subject, count as u64));
        found.try_collect().await.map_err(away)
    }

    /// Returns when the last message of a subject was written, by the server's clock.
    async fn last_written(&self, subject: &str) -> io::Result<Option<Timestamp>> {
        let last = self.stream().await?.get_last_raw_message_by_subject(subject).await;
        let ms = |message: StreamMessage| message.time.unix_timestamp() * 1000;
        Ok(if_there(last)?.map(ms).map(Timestamp::from_ms))
    }

    /// Erases all messages of a subject up to a number, and overwrites them. Others may be at
    /// it, too.
    async fn erase(&self, subject: &str, upto: u64) -> io::Result<()> {
        let stream = self.stream().await?;
        let mut next = 1;
        while let Some(message) = first(&stream, subject, next).await? {
            if message.sequence > upto {
                break;
            }
            let deleted = stream.delete_message(message.sequence).await;
            if deleted.is_err() {
                // Another node was faster; or it stays, and then it is the first one still.
                let first = first(&stream, subject, message.sequence).await?;
                if first.is_some_and(|first| first.sequence == message.sequence) {
                    deleted.map_err(away)?;
                }
            }
            if message.sequence == upto {
                break;
            }
            next = message.sequence + 1;
        }
        Ok(())
    }

    async fn stream(&self) -> io::Result<Stream<()>> {
        self.context.get_stream_no_info(&self.stream).await.map_err(away)
    }

    fn headers(&self) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert(NATS_EXPECTED_STREAM, &*self.stream);
        headers
    }
}

fn is_left(since: Timestamp, now: Timestamp) -> bool {
    now.as_ms().saturating_sub(since.as_ms()) > LEFT_AFTER_MS
}

/// Tells whether somebody else's record came first. The leader may say so before it shows that
/// record: it is still being written by the others.
fn is_too_late(error: &PublishError) -> bool {
    let code = error.source().and_then(|source| source.downcast_ref::<jetstream::Error>());
    let code = code.map(jetstream::Error::error_code);
    error.kind() == PublishErrorKind::WrongLastSequence
        || code == Some(ErrorCode::STREAM_WRONG_LAST_SEQUENCE_CONSTANT)
}

/// Returns the first message of a subject from a number on.
async fn first(stream: &Stream<()>, subject: &str, from: u64) -> io::Result<Option<StreamMessage>> {
    if_there(stream.get_first_raw_message_by_subject(subject, from).await)
}

fn if_there(found: Result<StreamMessage, RawMessageError>) -> io::Result<Option<StreamMessage>> {
    match found {
        Ok(message) => Ok(Some(message)),
        Err(error) if error.kind() == RawMessageErrorKind::NoMessageFound => Ok(None),
        Err(error) => Err(away(error)),
    }
}

/// Returns the error of a cluster that does not do what is asked.
pub(super) fn away(error: impl std::fmt::Display) -> io::Error {
    let sentence = format!("the NATS cluster does not give or take files now: {error}");
    io::Error::new(io::ErrorKind::NotConnected, sentence)
}
