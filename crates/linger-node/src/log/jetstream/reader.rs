//! Reads the stream strictly in order, from one position on.
//!
//! It is an ordered consumer: ephemeral, in memory, without acknowledgements, made anew
//! where it stopped whenever a message was lost on the way, its server fell silent or behind,
//! or the connection was made anew. Positions have no gaps: one that is missing in the stream is
//! read from the bucket of erased entries. One that is in neither, a stream that ends before
//! it did, and another stream under the same name are losses of the log. They end the reading
//! with a sentence, once they are proven.

use std::time::Duration;

use async_nats::jetstream::{
    Context,
    consumer::{AckPolicy, DeliverPolicy, pull},
    stream::RawMessageErrorKind,
};
use futures_util::{FutureExt, StreamExt};
use linger_core::{Entry, Position};
use tokio::time::{sleep, timeout};

use super::{
    last_read::LastRead,
    message::{self, MessageId},
    skeletons::{Skeletons, message_at},
    stream::{self, AboutStream},
};

/// A server that does not tell twice as long that it is there counts as gone.
const HEARTBEAT: Duration = Duration::from_secs(1);
/// After so long without an entry the stream's leader is asked whether there are any.
const QUIET_MAX: Duration = Duration::from_secs(3);
/// For one pull; then the next one is sent.
const PULL_EXPIRES: Duration = Duration::from_secs(10);
/// Messages and bytes that are on their way at once: bounds the memory of a reader.
const PULL_MESSAGES_MAX: usize = 1024;
const PULL_BYTES_MAX: usize = 2 << 20;
/// A consumer that nobody reads is removed.
const FORGOTTEN_AFTER: Duration = Duration::from_secs(10);
/// Between two tries.
const RETRY_AFTER: Duration = Duration::from_millis(250);
/// An entry that is neither in the stream nor among the erased ones for so many tries may be lost.
const MISSING_TRIES: u32 = 8;

/// Reads one stream.
pub(super) struct Reader {
    context: Context,
    stream: String,
    created: String,
    next: Position,
    consumer: Option<Consumer>,
    skeletons: Skeletons,
    /// The stream's end when the consumer was made.
    end: Position,
    /// No consumer tells of entries up to here: the stream has no message of them.
    passed_over: Position,
    /// A later entry than the next one, which was delivered before it.
    ahead: Option<(Entry, MessageId)>,
    /// So often in a row the next one was missing.
    missing: u32,
    /// Found behind entries that were still to be handed out.
    lost: Option<Lost>,
    /// The last entry, if one was read.
    last_read: Option<LastRead>,
}

struct Consumer {
    messages: Box<pull::Stream>,
    /// Numbers what it delivers, to see that nothing was lost on the way.
    delivered: u64,
}

/// The log is not what it was.
#[derive(Debug, Clone, thiserror::Error)]
pub(super) enum Lost {
    #[error(
        "the stream {stream} has no entry {position}, but later ones: part of the log is missing; find out what happened to the cluster"
    )]
    Gap { stream: String, position: Position },
    #[error(
        "the stream {stream} ends at entry {end}, and this node has read {read} of it: part of the log is missing; find out what happened to the cluster"
    )]
    Shorter { stream: String, end: u64, read: u64 },
    #[error(
        "the stream {stream} has another entry {position} than this node has read: an older backup was put back, and has grown since; find out what happened to the cluster"
    )]
    Replaced { stream: String, position: Position },
    #[error("the stream {stream} was deleted and made anew: it is not the log that this node read")]
    Another { stream: String },
    #[error("entry {position} of the stream {stream} is damaged: {reason}")]
    Damaged { stream: String, position: Position, reason: String },
    #[error(transparent)]
    Newer(linger_core::UnreadableEntry),
}

impl Reader {
    /// Begins after a position, in the stream that was made at that time.
    pub(super) fn new(context: Context, stream: &str, created: &str, after: Position) -> Reader {
        Reader {
            skeletons: Skeletons::new(context.clone(), stream),
            context,
            stream: stream.to_owned(),
            created: created.to_owned(),
            next: after.next(),
            consumer: None,
            end: after,
            passed_over: after,
            ahead: None,
            missing: 0,
            lost: None,
            last_read: None,
        }
    }

    /// Returns the position after which the next entry comes.
    pub(super) fn after(&self) -> Position {
        self.next.before()
    }

    /// Waits for the next entry, and takes those that are there with it, up to `max`.
    ///
    /// Errors: the log is not what it was. A cluster that does not answer is waited for.
    pub(super) async fn next_ones(&mut self, max: usize) -> Result<Vec<(Entry, MessageId)>, Lost> {
        if let Some(lost) = self.lost.clone() {
            return Err(lost);
        }
        let mut entries = vec![self.next_one().await?];
        while entries.len() < max
            && let Some(next) = self.next_one().now_or_never()
        {
            match next {
                Ok(entry) => entries.push(entry),
                Err(lost) => {
                    self.lost = Some(lost);
                    break;
                }
            }
        }
        self.last_read = entries.last().map(|(entry, _)| LastRead::of(entry));
        Ok(entries)
    }

    async fn next_one(&mut self) -> Result<(Entry, MessageId), Lost> {
        loop {
            if let Some(next) = self.ahead.take_if(|(entry, _)| entry.position == self.next) {
                self.next = self.next.next();
                return Ok(next);
            }
            if self.ahead.is_some() || self.next <= self.passed_over {
                match self.fill_gap().await? {
                    Some(erased) => return Ok(erased),
                    None => continue,
                }
            }
            let Some(consumer) = &mut self.consumer else {
                self.open().await?;
                continue;
            };
            let message = match timeout(QUIET_MAX, consumer.messages.next()).await {
                Ok(Some(Ok(message))) => message,
                Ok(None | Some(Err(_))) => {
                    self.consumer = None;
                    continue;
                }
                Err(_) => {
                    if self.is_left_behind().await {
                        self.consumer = None;
                    }
                    continue;
                }
            };
            let Ok(info) = message.info() else {
                self.consumer = None;
                continue;
            };
            let (number, position) = (info.consumer_sequence, Position::new(info.stream_sequence));
            if number != consumer.delivered + 1 || position < self.next {
                self.consumer = None;
                continue;
            }
            consumer.delivered = number;
            let entry = message::read(position, &message.payload).map_err(|error| match error {
                linger_core::UnreadableEntry::Damaged { position, reason } => {
                    Lost::Damaged { stream: self.stream.clone(), position, reason }
                }
                newer @ linger_core::UnreadableEntry::Newer { .. } => Lost::Newer(newer),
            })?;
            self.ahead = Some(entry);
            if info.pending == 0 {
                self.passed_over = self.end;
            }
        }
    }

    /// Makes a consumer that begins with the next entry, if the stream is still the same, and
    /// has anything from there on.
    async fn open(&mut self) -> Result<(), Lost> {
        match self.try_open().await {
            Ok(Ok(consumer)) => self.consumer = consumer,
            Ok(Err(lost)) => return Err(lost),
            Err(error) => {
                tracing::debug!(error, "the log cannot be read; trying again");
                sleep(RETRY_AFTER).await;
            }
        }
        Ok(())
    }

    async fn try_open(&mut self) -> Result<Result<Option<Consumer>, Lost>, String> {
        let about = AboutStream::ask_once(&self.context, &self.stream).await;
        let mut about = about.map_err(|error| error.to_string())?;
        if self.what_is_lost(&about).is_some() {
            let proven = AboutStream::prove_once(&self.context, &self.stream).await;
            about = proven.map_err(|error| error.to_string())?;
            if let Some(lost) = self.what_is_lost(&about) {
                return Ok(Err(lost));
            }
        }
        if let Some(last_read) = self.last_read
            && last_read.is_replaced(&self.context, &self.stream).await?
        {
            let (stream, position) = (self.stream.clone(), last_read.position);
            return Ok(Err(Lost::Replaced { stream, position }));
        }
        self.end = about.tail();
        // The stream's last entries may be erased: then no consumer would tell.
        if about.tail() > self.after() && self.ends_here().await? {
            self.passed_over = about.tail();
            return Ok(Ok(None));
        }
        let config = pull::Config {
            deliver_policy: DeliverPolicy::ByStartSequence { start_sequence: self.next.get() },
            ack_policy: AckPolicy::None,
            inactive_threshold: FORGOTTEN_AFTER,
            num_replicas: 1,
            memory_storage: true,
            ..pull::Config::default()
        };
        let made = self.context.create_consumer_on_stream(config, &*self.stream).await;
        let consumer = made.map_err(|error| error.to_string())?;
        let messages = consumer
            .stream()
            .heartbeat(HEARTBEAT)
            .expires(PULL_EXPIRES)
            .max_messages_per_batch(PULL_MESSAGES_MAX)
            .max_bytes_per_batch(PULL_BYTES_MAX)
            .messages()
            .await;
        let messages = messages.map_err(|error| error.to_string())?;
        Ok(Ok(Some(Consumer { messages: Box::new(messages), delivered: 0 })))
    }

    /// Returns what the stream has no more of what was read, as it is told.
    fn what_is_lost(&self, about: &AboutStream) -> Option<Lost> {
        let (stream, end, read) = (self.stream.clone(), about.state.last, self.after().get());
        if about.created != self.created {
            return Some(Lost::Another { stream });
        }
        (end < read).then_some(Lost::Shorter { stream, end, read })
    }

    /// Reads the next entry where the stream may have no message in its place: its erased
    /// form. None: to be tried again, or the consumer passed over what is there.
    async fn fill_gap(&mut self) -> Result<Option<(Entry, MessageId)>, Lost> {
        match self.skeletons.get(self.next).await {
            Ok(Some(erased)) => {
                self.missing = 0;
                self.next = self.next.next();
                return Ok(Some(erased));
            }
            Ok(None) => match self.is_missing().await {
                Ok(false) => {
                    (self.missing, self.passed_over) = (0, self.after());
                    (self.consumer, self.ahead) = (None, None);
                    return Ok(None);
                }
                Ok(true) => {
                    self.missing += 1;
                    if self.missing >= MISSING_TRIES {
                        match self.is_lost().await {
                            Ok(true) => {
                                let (stream, position) = (self.stream.clone(), self.next);
                                return Err(Lost::Gap { stream, position });
                            }
                            Ok(false) => {}
                            Err(error) => tracing::debug!(error, "trying again to prove a loss"),
                        }
                    }
                }
                Err(error) => tracing::debug!(error, "the log cannot be read; trying again"),
            },
            Err(error) => tracing::debug!(error, "the log cannot be read; trying again"),
        }
        sleep(RETRY_AFTER).await;
        Ok(None)
    }

    /// Asks the stream's leader whether it has more than the consumer tells. The server that
    /// keeps the consumer may be behind for good: its disk is full, say. Another consumer is
    /// with another server, mostly.
    async fn is_left_behind(&self) -> bool {
        let about = AboutStream::ask_once(&self.context, &self.stream).await;
        let is_behind = about.is_ok_and(|about| about.tail() > self.after());
        if is_behind {
            tracing::debug!("the consumer's server is behind; making another consumer");
        }
        is_behind
    }

    /// Tells whether it is proven that the next entry is neither in the stream nor among the erased
    /// ones. Errors: nobody can say just now.
    async fn is_lost(&self) -> Result<bool, String> {
        let proven = async || {
            let stream = AboutStream::prove_once(&self.context, &self.stream).await;
            let erased = self.skeletons.prove_once().await;
            let (stream, erased) = stream
                .and_then(|stream| Ok((stream, erased?)))
                .map_err(|error| error.to_string())?;
            Ok::<_, String>([stream.leadership(), erased.leadership()])
        };
        let before = proven().await?;
        let is_gone = self.skeletons.get(self.next).await?.is_none() && self.is_missing().await?;
        // Both were answered by those who had everything.
        Ok(is_gone && proven().await? == before)
    }

    /// Asks the stream's leader whether it has no message in the next entry's place.
    async fn is_missing(&self) -> Result<bool, String> {
        let stream = self.context.get_stream_no_info(&self.stream).await;
        let stream = stream.map_err(|error| error.to_string())?;
        Ok(message_at(&stream, self.next).await?.is_none())
    }

    /// Asks the stream's leader whether it has no message from the next entry on.
    async fn ends_here(&self) -> Result<bool, String> {
        let stream = self.context.get_stream_no_info(&self.stream).await;
        let stream = stream.map_err(|error| error.to_string())?;
        let subject = stream::subject(&self.stream);
        match stream.get_first_raw_message_by_subject(subject, self.next.get()).await {
            Ok(_) => Ok(false),
            Err(error) if error.kind() == RawMessageErrorKind::NoMessageFound => Ok(true),
            Err(error) => Err(error.to_string()),
        }
    }
}
