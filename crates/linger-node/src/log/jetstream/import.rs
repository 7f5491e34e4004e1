//! Fills a stream with the entries of a log that is moved there, each in the place that it had.
//!
//! Each message says which one it follows (`Nats-Expected-Last-Sequence`), so that no entry can
//! come twice or into another's place, whatever is sent again; many are on their way at once.
//! After a doubt the stream is asked where it ends, and it goes on from there: so it also goes
//! on after it was killed. An erased entry leaves its skeleton in the bucket first, and then a
//! message that is deleted. No node follows the stream before [`Import::finish`].

use std::{
    collections::VecDeque,
    error::Error,
    time::{Duration, Instant},
};

use async_nats::{
    HeaderMap,
    header::{NATS_EXPECTED_LAST_SEQUENCE, NATS_EXPECTED_STREAM},
    jetstream::{
        Context, ErrorCode,
        context::{PublishAckFuture, PublishError, PublishErrorKind},
    },
};
use futures_util::{StreamExt, TryStreamExt, future::join_all, stream as futures};
use linger_core::{Author, Command, Draft, Entry, LogId, Position, StoredEntry};
use tokio::time::sleep;

use super::{
    AboutStream, Beginning, ClusterError, ClusterSettings, Walk, message,
    skeletons::{Skeletons, message_at},
    stream::subject,
};
use crate::{log::ReadError, moves::MoveError};

/// Messages that wait for their acknowledgement at once.
const IN_FLIGHT_MAX: usize = 512;
/// Skeletons and deletions that wait for theirs: each is a request of its own.
const REQUESTS_MAX: usize = 64;
/// Without progress for so long it ends: a new leader takes 4 to 9 s.
const STILL_MAX: Duration = Duration::from_secs(60);
/// Between two tries.
const RETRY_AFTER: Duration = Duration::from_millis(250);

/// Reads the entries after a position, some at a time; none at the end.
pub(crate) type Source<'s> = &'s mut (dyn FnMut(Position) -> Result<Vec<Entry>, ReadError> + Send);
/// Is told how many entries are done.
pub(crate) type Tell<'t> = &'t mut (dyn FnMut(Position) + Send);

/// A stream that is being filled.
pub(crate) struct Import {
    context: Context,
    stream: String,
    log: LogId,
}

/// A stream as an import finds it.
pub(crate) enum Found {
    /// It is to be filled, from wherever it ends.
    Unfinished(Import),
    /// It has the whole log already, and nodes may follow it.
    Finished(AboutStream),
}

/// The reason why a step ended before it was done.
enum Stop {
    /// Nobody knows; it is tried again.
    Doubt(String),
    /// It is of no use to try again.
    End(MoveError),
}

impl Import {
    /// Makes the stream for a log, or finds the one of an import that was cut off.
    ///
    /// Errors: there is another stream of this name, or a bucket with erased entries of one.
    pub(crate) async fn begin(
        context: Context,
        settings: &ClusterSettings,
        replicas: usize,
        log: LogId,
    ) -> Result<Found, MoveError> {
        let stream = settings.stream.clone();
        match AboutStream::ask(&context, &stream).await {
            Ok(about) => {
                if about.log_id().ok() != Some(log) {
                    return Err(MoveError::OtherStream { stream, entries: about.state.last });
                }
                if !about.is_unfinished() {
                    return Ok(Found::Finished(about));
                }
            }
            Err(ClusterError::NoStream(_)) => {
                if let Ok(bucket) = AboutStream::ask_bucket(&context, &stream).await
                    && bucket.state.count > 0
                {
                    return Err(MoveError::OtherBucket { stream });
                }
                AboutStream::create(&context, &stream, replicas, log, Beginning::Import).await?;
            }
            Err(error) => return Err(error.into()),
        }
        Ok(Found::Unfinished(Import { context, stream, log }))
    }

    /// Sends all entries up to `end` that the stream does not have.
    pub(crate) async fn copy(
        &self,
        source: Source<'_>,
        end: Position,
        tell: Tell<'_>,
    ) -> Result<(), MoveError> {
        let mut patience = Patience::new();
        loop {
            let last = self.ask(&patience).await?.tail();
            patience.note(last);
            if last >= end {
                return Ok(());
            }
            match self.send_after(source, last, end, tell).await {
                Ok(()) => {}
                Err(stop) => patience.wait(stop).await?,
            }
        }
    }

    /// Deletes the messages of erased entries, whose skeletons are in the bucket.
    pub(crate) async fn delete(&self, erased: &[Position]) -> Result<(), MoveError> {
        let mut patience = Patience::new();
        let mut done = 0;
        for some in erased.chunks(IN_FLIGHT_MAX) {
            while let Err(stop) = self.try_delete(some).await {
                patience.wait(stop).await?;
            }
            done += some.len() as u64;
            patience.note(Position::new(done));
        }
        Ok(())
    }

    /// Compares each entry with the log's own, by all that is in it.
    ///
    /// Errors: one is another, or missing.
    pub(crate) async fn compare(
        &self,
        source: Source<'_>,
        end: Position,
        erased: usize,
        tell: Tell<'_>,
    ) -> Result<(), MoveError> {
        let differs = |position| MoveError::Differs { stream: self.stream.clone(), position };
        let about = self.ask(&Patience::new()).await?;
        let mut walk = Walk::new(self.context.clone(), &about, Position::START, end);
        let mut expected = VecDeque::new();
        let mut after = Position::START;
        loop {
            let page = walk.next_page().await?;
            if page.is_empty() {
                break;
            }
            for entry in page {
                if expected.is_empty() {
                    expected.extend(source(after)?);
                }
                after = entry.position;
                if expected.pop_front().as_ref() != Some(&entry) {
                    return Err(differs(entry.position));
                }
            }
            tell(after);
        }
        // An erased entry has its skeleton, and no message besides.
        let has_messages = about.state.count + erased as u64;
        match after == end && (end.get()..=end.get() + 1).contains(&has_messages) {
            true => Ok(()),
            false => Err(differs(after.next())),
        }
    }

    /// Begins an epoch after the last entry: readers of what may still be written elsewhere
    /// in this log's name are told that it is not this one.
    pub(crate) async fn begin_epoch(
        &self,
        end: Position,
        draft: &Draft,
    ) -> Result<Position, MoveError> {
        let patience = Patience::new();
        let entry = Entry { position: end.next(), draft: draft.clone() };
        loop {
            let about = self.ask(&patience).await?;
            if about.tail() > end {
                return self.check_epoch(&about, end).await;
            }
            let sent = async { self.settle(entry.position, self.send(&entry).await?).await };
            if let Err(stop) = sent.await {
                patience.wait(stop).await?;
            }
        }
    }

    /// Lets nodes follow the stream.
    pub(crate) async fn finish(&self) -> Result<(), MoveError> {
        let patience = Patience::new();
        loop {
            let about = self.ask(&patience).await?;
            if !about.is_unfinished() {
                return Ok(());
            }
            if let Err(error) = about.finish(&self.context).await {
                patience.wait(Stop::Doubt(error.to_string())).await?;
            }
        }
    }

    /// Checks that what follows the log is the epoch that an import began, and nothing else.
    async fn check_epoch(&self, about: &AboutStream, end: Position) -> Result<Position, MoveError> {
        let mut walk = Walk::new(self.context.clone(), about, end, about.tail());
        let page = walk.next_page().await?;
        match &page[..] {
            [Entry { position, draft }]
                if draft.author == Author::Server
                    && matches!(draft.command, Command::BeginEpoch { .. }) =>
            {
                Ok(*position)
            }
            _ => Err(self.written_by_others()),
        }
    }

    async fn ask(&self, patience: &Patience) -> Result<AboutStream, MoveError> {
        loop {
            match AboutStream::ask_once(&self.context, &self.stream).await {
                Ok(about) if about.log_id().ok() == Some(self.log) => return Ok(about),
                Ok(_) => return Err(self.written_by_others()),
                Err(error) => patience.wait(Stop::Doubt(error.to_string())).await?,
            }
        }
    }

    /// Sends the entries after `last`, which is where the stream ends.
    async fn send_after(
        &self,
        source: Source<'_>,
        last: Position,
        end: Position,
        tell: Tell<'_>,
    ) -> Result<(), Stop> {
        let mut on_their_way = VecDeque::new();
        let mut sent = self.send_all(source, last, end, tell, &mut on_their_way).await;
        while let Some((position, next)) = on_their_way.pop_front() {
            if sent.is_err() {
                on_their_way.push_front((position, next));
                break;
            }
            sent = self.settle(position, next).await;
        }
        // Before anything is sent again, nothing of it is on its way.
        join_all(on_their_way.into_iter().map(|(_, sent)| sent.into_future())).await;
        sent
    }

    async fn send_all(
        &self,
        source: Source<'_>,
        mut last: Position,
        end: Position,
        tell: Tell<'_>,
        on_their_way: &mut VecDeque<(Position, PublishAckFuture)>,
    ) -> Result<(), Stop> {
        while last < end {
            let mut entries = source(last).map_err(|error| Stop::End(error.into()))?;
            entries.retain(|entry| entry.position <= end);
            self.put_skeletons(&entries).await?;
            for entry in entries {
                while on_their_way.len() >= IN_FLIGHT_MAX
                    && let Some((position, sent)) = on_their_way.pop_front()
                {
                    self.settle(position, sent).await?;
                }
                last = entry.position;
                on_their_way.push_back((last, self.send(&entry).await?));
            }
            tell(last);
        }
        Ok(())
    }

    async fn send(&self, entry: &Entry) -> Result<PublishAckFuture, Stop> {
        let mut headers = HeaderMap::new();
        headers.insert(NATS_EXPECTED_STREAM, &*self.stream);
        headers.insert(NATS_EXPECTED_LAST_SEQUENCE, entry.position.before().to_string());
        let payload = message::payload(StoredEntry::encode(&entry.draft));
        let sent = self.context.publish_with_headers(subject(&self.stream), headers, payload);
        sent.await.map_err(|error| Stop::of(entry.position, &error))
    }

    /// Waits for an acknowledgement.
    async fn settle(&self, position: Position, sent: PublishAckFuture) -> Result<(), Stop> {
        let acknowledged = sent.await.map_err(|error| Stop::of(position, &error))?;
        match acknowledged.sequence == position.get() {
            true => Ok(()),
            false => Err(Stop::End(self.written_by_others())),
        }
    }

    async fn put_skeletons(&self, entries: &[Entry]) -> Result<(), Stop> {
        let skeletons = Skeletons::new(self.context.clone(), &self.stream);
        let erased = entries.iter().filter(|entry| StoredEntry::is_erased(&entry.draft));
        let put = erased.map(|entry| {
            let skeleton = message::payload(StoredEntry::encode(&entry.draft));
            skeletons.put(entry.position, skeleton)
        });
        let put = futures::iter(put.collect::<Vec<_>>()).buffer_unordered(REQUESTS_MAX);
        put.try_collect::<()>().await.map_err(Stop::Doubt)
    }

    async fn try_delete(&self, erased: &[Position]) -> Result<(), Stop> {
        let stream = self.context.get_stream_no_info(&self.stream).await;
        let stream = &stream.map_err(|error| Stop::Doubt(error.to_string()))?;
        let delete = |position: Position| async move {
            let deleted = stream.delete_message(position.get()).await;
            // It may be gone since the last try.
            match deleted {
                Err(error) if message_at(stream, position).await?.is_some() => {
                    Err(error.to_string())
                }
                _ => Ok(()),
            }
        };
        let delete = erased.iter().map(|position| delete(*position)).collect::<Vec<_>>();
        let deleted = futures::iter(delete).buffer_unordered(REQUESTS_MAX);
        deleted.try_collect::<()>().await.map_err(Stop::Doubt)
    }

    fn written_by_others(&self) -> MoveError {
        MoveError::WrittenByOthers { stream: self.stream.clone() }
    }
}

impl Stop {
    fn of(position: Position, error: &PublishError) -> Stop {
        let source =
            error.source().and_then(|it| it.downcast_ref::<async_nats::jetstream::Error>());
        let reason = source.map_or_else(|| error.to_string(), ToString::to_string);
        let has_no_room = source.is_some_and(|error| {
            [
                ErrorCode::INSUFFICIENT_RESOURCES,
                ErrorCode::STORAGE_RESOURCES_EXCEEDED,
                ErrorCode::STREAM_STORE_FAILED,
            ]
            .contains(&error.error_code())
        });
        match has_no_room || error.kind() == PublishErrorKind::MaxPayloadExceeded {
            true => Stop::End(MoveError::NotTaken { position, reason }),
            false => Stop::Doubt(reason),
        }
    }
}

/// How long a cluster may be still.
struct Patience {
    last: Position,
    since: Instant,
}

impl Patience {
    fn new() -> Patience {
        Patience { last: Position::START, since: Instant::now() }
    }

    /// Notes how far it is: progress is all that is waited for.
    fn note(&mut self, done: Position) {
        if done > self.last {
            *self = Patience { last: done, since: Instant::now() };
        }
    }

    /// Waits a little before the next try. Errors: it is of no use, or was for too long.
    async fn wait(&self, stop: Stop) -> Result<(), MoveError> {
        match stop {
            Stop::End(error) => Err(error),
            Stop::Doubt(reason) if self.since.elapsed() > STILL_MAX => {
                Err(MoveError::Still { reason })
            }
            Stop::Doubt(reason) => {
                tracing::debug!(reason, "the import is tried again");
                sleep(RETRY_AFTER).await;
                Ok(())
            }
        }
    }
}
