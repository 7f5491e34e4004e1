//! Reads the stream strictly in order, from one position on.
//!
//! It is an ordered consumer: ephemeral, in memory, without acknowledgements, made anew
//! where it stopped whenever a message was lost on the way, its server fell silent, or the
//! connection was made anew. Positions have no gaps. One that is missing in the stream, a
//! stream that ends before it did, and another stream under the same name are losses of
//! the log, and end the reading with a sentence.

use std::time::Duration;

use async_nats::jetstream::{
    Context,
    consumer::{AckPolicy, DeliverPolicy, pull},
    stream::RawMessageErrorKind,
};
use futures_util::{FutureExt, StreamExt};
use linger_core::{Entry, Position};
use tokio::time::sleep;

use super::{
    message::{self, MessageId},
    stream::AboutStream,
};

/// A server that does not tell twice as long that it is there counts as gone.
const HEARTBEAT: Duration = Duration::from_secs(1);
/// For one pull; then the next one is sent.
const PULL_EXPIRES: Duration = Duration::from_secs(10);
/// Messages and bytes that are on their way at once: bounds the memory of a reader.
const PULL_MESSAGES_MAX: usize = 1024;
const PULL_BYTES_MAX: usize = 2 << 20;
/// A consumer that nobody reads is removed.
const FORGOTTEN_AFTER: Duration = Duration::from_secs(10);
/// Between two tries.
const RETRY_AFTER: Duration = Duration::from_millis(250);
/// A new leader may have to apply for a moment what it has. A stream that is shorter than it
/// was for so many tries stays so.
const SHORTER_TRIES: u32 = 20;

/// Reads one stream.
pub(super) struct Reader {
    context: Context,
    stream: String,
    created: String,
    next: Position,
    consumer: Option<Consumer>,
    /// So often in a row it was shorter than it had been.
    shorter: u32,
    /// Found behind entries that were still to be handed out.
    lost: Option<Lost>,
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
        let (stream, created) = (stream.to_owned(), created.to_owned());
        let next = after.next();
        Reader { context, stream, created, next, consumer: None, shorter: 0, lost: None }
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
        Ok(entries)
    }

    async fn next_one(&mut self) -> Result<(Entry, MessageId), Lost> {
        loop {
            let Some(consumer) = &mut self.consumer else {
                self.open().await?;
                continue;
            };
            let message = match consumer.messages.next().await {
                Some(Ok(message)) => message,
                None | Some(Err(_)) => {
                    self.consumer = None;
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
            if position > self.next {
                self.consumer = None;
                self.look_for_gap().await?;
                continue;
            }
            let entry = message::read(position, &message.payload).map_err(|error| match error {
                linger_core::UnreadableEntry::Damaged { position, reason } => {
                    Lost::Damaged { stream: self.stream.clone(), position, reason }
                }
                newer @ linger_core::UnreadableEntry::Newer { .. } => Lost::Newer(newer),
            })?;
            self.next = position.next();
            return Ok(entry);
        }
    }

    /// Makes a consumer that begins with the next entry, if the stream is still the same.
    async fn open(&mut self) -> Result<(), Lost> {
        match self.try_open().await {
            Ok(Ok(consumer)) => self.consumer = Some(consumer),
            Ok(Err(lost)) => return Err(lost),
            Err(error) => {
                tracing::debug!(error, "the log cannot be read; trying again");
                sleep(RETRY_AFTER).await;
            }
        }
        Ok(())
    }

    async fn try_open(&mut self) -> Result<Result<Consumer, Lost>, String> {
        let about = AboutStream::ask(&self.context, &self.stream).await;
        let about = about.map_err(|error| error.to_string())?;
        if about.created != self.created {
            return Ok(Err(Lost::Another { stream: self.stream.clone() }));
        }
        let (end, read) = (about.state.last, self.after().get());
        if end < read {
            self.shorter += 1;
            return match self.shorter >= SHORTER_TRIES {
                true => Ok(Err(Lost::Shorter { stream: self.stream.clone(), end, read })),
                false => Err(format!("the stream ends at {end}")),
            };
        }
        self.shorter = 0;
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
        Ok(Ok(Consumer { messages: Box::new(messages), delivered: 0 }))
    }

    /// After a later entry came: asks for the next one itself. The stream's leader says
    /// whether it is missing, or whether the consumer only passed over it.
    async fn look_for_gap(&self) -> Result<(), Lost> {
        let stream = self.context.get_stream_no_info(&self.stream).await;
        let Ok(stream) = stream else { return Ok(()) };
        match stream.get_raw_message(self.next.get()).await {
            Err(error) if error.kind() == RawMessageErrorKind::NoMessageFound => {
                Err(Lost::Gap { stream: self.stream.clone(), position: self.next })
            }
            _ => {
                sleep(RETRY_AFTER).await;
                Ok(())
            }
        }
    }
}
