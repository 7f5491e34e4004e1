//! The life of a node: it applies its log, opens, is ready or says why not, and closes.
//!
//! For the program around it, and for those who watch over that.

use std::{sync::atomic::Ordering, time::Duration};

use linger_core::{Author, Command, Epoch, Request, RequestId, RoomKind, RoomName, Slug, Topic};
use prometheus_client::registry::Registry;
use tokio::time::timeout;

use super::Node;
use crate::{Refusal, Unavailable};

/// The reason why the node is not ready.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NotReady {
    /// It applies its log, or is about to end.
    NotOpen,
    /// Something is wrong; the words say it.
    Ill(String),
}

impl Node {
    /// Waits until the log is applied, and opens an epoch where a start does that, and the
    /// lobby of a new server.
    ///
    /// Errors: [`Refusal`], if they cannot be opened: the log cannot be written.
    pub async fn ready(&self) -> Result<(), Refusal> {
        let tail = *self.log.tail().borrow();
        let mut applied = self.applied.clone();
        applied.wait_for(|applied| *applied >= tail).await.map_err(|_| Unavailable::Storage)?;
        if self.begins_epoch || self.memory().epochs.is_empty() {
            let (request, command) = self.epoch();
            self.submit(Author::Server, request, command).await?;
        }
        let lobby = Slug::parse("lobby").expect("it is a slug");
        if self.room(&lobby, None).is_err() {
            let open = Command::OpenRoom {
                slug: lobby,
                name: RoomName::parse("Lobby").expect("it is a name"),
                topic: Topic::parse("").expect("a topic may be empty"),
                kind: RoomKind::Open,
            };
            let request_id = RequestId::parse("lobby").expect("it is a request id");
            let request = Request::of(request_id, &open);
            self.submit(Author::Server, Some(request), open).await?;
        }
        self.is_open.store(true, Ordering::Release);
        Ok(())
    }

    /// Returns what begins an epoch. On a cluster the first one has a name and a value that
    /// are the same on each node: of nodes that start together, one begins it.
    fn epoch(&self) -> (Option<Request>, Command) {
        if self.begins_epoch {
            let random = self.clock.nonce()[..8].try_into().expect("eight of 32 bytes");
            let epoch = Epoch::from_random(u64::from_le_bytes(random));
            return (None, Command::BeginEpoch { epoch });
        }
        let log = self.log.id();
        let epoch = log.as_str()[..8].parse().expect("both are made of the same letters");
        let command = Command::BeginEpoch { epoch };
        let request_id = RequestId::parse("first-epoch").expect("it is a request id");
        (Some(Request::of(request_id, &command)), command)
    }

    /// Waits until the node cannot go on, and returns why, in a sentence for the
    /// operator. All acknowledged entries are in the log.
    pub async fn failed(&self) -> String {
        self.health.ended().await
    }

    /// Tells whether the node has applied its log, once, since it was opened.
    pub fn is_open(&self) -> bool {
        self.is_open.load(Ordering::Acquire)
    }

    /// Tells whether the node does all its work: the log is applied, or nearly, and
    /// both the log and the tables can be written, which is tried if nobody has just
    /// done it.
    ///
    /// Errors: the reason why not.
    pub async fn readiness(&self) -> Result<(), NotReady> {
        /// Longer than a slow disk takes for a small commit.
        const PROBE_MAX: Duration = Duration::from_secs(2);
        /// A client that asks all the time must not keep the disk busy.
        const PROVEN_FOR: Duration = Duration::from_secs(5);
        if !self.is_open() || self.is_closing() {
            return match self.health.any_illness() {
                Some(illness) => Err(NotReady::Ill(illness)),
                None => Err(NotReady::NotOpen),
            };
        }
        if !self.health.was_written_within(PROVEN_FOR)
            && timeout(PROBE_MAX, self.log.probe()).await.is_err()
        {
            let illness = self.health.any_illness();
            let silence = || "the log does not answer in time".to_owned();
            return Err(NotReady::Ill(illness.unwrap_or_else(silence)));
        }
        if let Some(illness) = self.health.any_illness() {
            return Err(NotReady::Ill(illness));
        }
        let lag = self.log.tail().borrow().get().saturating_sub(self.applied.borrow().get());
        match lag <= self.limits.ready_lag_max {
            true => Ok(()),
            false => Err(NotReady::NotOpen),
        }
    }

    /// Returns how many readers are held now.
    pub fn waiting(&self) -> usize {
        self.hub.waiting()
    }

    /// Answers all who wait, spread over `spread`, and holds nobody any more.
    pub async fn close(&self, spread: Duration) {
        self.hub.close(spread).await;
    }

    /// Tells whether the node holds nobody any more.
    pub fn is_closing(&self) -> bool {
        self.hub.is_closing()
    }

    /// Enters the node's figures in a registry.
    pub fn register_metrics(&self, registry: &mut Registry) {
        self.metrics.register(registry);
    }

    /// Updates the figures that are read, not counted.
    pub fn refresh_metrics(&self) {
        self.metrics.log_position.set(self.log.tail().borrow().get().cast_signed());
        self.metrics.requests_held.set(i64::try_from(self.waiting()).unwrap_or(i64::MAX));
    }
}
