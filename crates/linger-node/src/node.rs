//! The node: `submit`, `wait` and `query` for the edges, and what they ask about it
//! without waiting: sessions, rooms, cursors, readiness. For readers and senders in an
//! [`Annex`](crate::Annex), whose thread cannot sleep, the first two come in pieces:
//! `begin` and `progress`, `glance` and `spread`.
//!
//! A sender is a reader too: [`Node::submit`] appends, waits until this node has
//! applied that position, and reads the outcome there. [`Node::wait`] is the one
//! way news travels: enter the waiting room, look, and sleep until called.

mod assembly;
mod submit;
mod wait;

use std::{
    borrow::Borrow,
    sync::{
        Arc, Mutex, RwLock,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    thread::JoinHandle,
    time::Duration,
};

use linger_core::{
    Author, Command, Cursor, Epoch, LogId, Position, Rejection, Request, RequestId, RoomKind,
    RoomName, Slug, TokenHash, Topic, UserId, visibility::Scope,
};
use prometheus_client::registry::Registry;
use rusqlite::Connection;
use tokio::{
    sync::{mpsc, watch},
    time::timeout,
};

#[cfg(test)]
pub(crate) use assembly::Parts;
pub use submit::{Progress, Receipt, Submitted};

use crate::{
    Clock, Limits, Refusal, RoomRef, Unavailable,
    commits::{Committed, Damage, Readable},
    data_folder::DataFolder,
    health::Health,
    hub::Hub,
    log::Log,
    memory::Memory,
    metrics::Metrics,
    questions::{Question, WhoHolds},
    read_pool::{self, Asker, ReadPool, Unanswered},
    sessions::Sessions,
};

/// One running node.
pub struct Node {
    pub(crate) log: Arc<dyn Log>,
    memory: Arc<RwLock<Memory>>,
    hub: Arc<Hub>,
    applied: watch::Receiver<Position>,
    committed: Committed,
    damage: Damage,
    /// For questions that only the follower's connection can answer.
    ask_follower: mpsc::Sender<read_pool::Question>,
    pub(crate) health: Arc<Health>,
    /// None only while the node is being dropped.
    read_pool: Option<ReadPool>,
    clock: Arc<dyn Clock>,
    pub(crate) metrics: Arc<Metrics>,
    limits: Limits,
    sessions: Mutex<Sessions>,
    is_open: AtomicBool,
    /// Counts deadlines, to spread them.
    deadlines: AtomicU64,
    /// When it is dropped, the follower ends.
    stop: Option<watch::Sender<()>>,
    follower: Option<JoinHandle<()>>,
    _folder: Option<DataFolder>,
}

/// The reason why the node is not ready.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NotReady {
    /// It applies its log, or is about to end.
    NotOpen,
    /// Something is wrong; the words say it.
    Ill(String),
}

impl Node {
    /// Waits until the log is applied, and opens an epoch, and the lobby of a new server.
    ///
    /// Errors: [`Refusal`], if they cannot be opened: the log cannot be written.
    pub async fn ready(&self) -> Result<(), Refusal> {
        let tail = *self.log.tail().borrow();
        let mut applied = self.applied.clone();
        applied.wait_for(|applied| *applied >= tail).await.map_err(|_| Unavailable::Storage)?;
        let random = self.clock.nonce()[..8].try_into().expect("eight of 32 bytes");
        let epoch = Epoch::from_random(u64::from_le_bytes(random));
        self.submit(Author::Server, None, Command::BeginEpoch { epoch }).await?;
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
    /// Errors: the reason why not.
    /// Errors: why not.
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
            return Err(NotReady::Ill("the disk does not answer in time".to_owned()));
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

    /// Answers any other question from the projection, in the turn of `asker`.
    pub async fn query<Q: Question>(
        &self,
        asker: Asker,
        question: Q,
    ) -> Result<Q::Answer, Unavailable> {
        let log = self.log.id();
        self.ask_tables(asker, move |connection| question.answer(connection, log)).await
    }

    /// Asks the tables, after they have caught up with memory: nobody reads less there than
    /// they have read before.
    ///
    /// Tables that turn out to be damaged are made anew, and asked again.
    async fn ask_tables<T: Send + 'static>(
        &self,
        asker: Asker,
        question: impl FnOnce(&Connection) -> rusqlite::Result<T> + Clone + Send + 'static,
    ) -> Result<T, Unavailable> {
        match self.ask_tables_once(asker, question.clone()).await {
            Err(Unanswered::Damaged) => {
                self.damage.until_healed(self.limits.submit_timeout).await;
                Ok(self.ask_tables_once(asker, question).await?)
            }
            answer => Ok(answer?),
        }
    }

    async fn ask_tables_once<T: Send + 'static>(
        &self,
        asker: Asker,
        question: impl FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, Unanswered> {
        let told = self.memory().applied();
        match self.committed.reach(told).await {
            Readable::Everywhere => {
                let read_pool = self.read_pool.as_ref();
                let read_pool =
                    read_pool.expect("it closes only when nobody has the node any more");
                let time_max = self.limits.read_timeout * 2;
                read_pool.ask(asker, time_max, &self.damage, question).await
            }
            Readable::AtTheFollower => {
                let (question, answered) = read_pool::envelope(self.damage.clone(), question);
                self.ask_follower.try_send(question).map_err(|_| Unanswered::Overloaded)?;
                let answer = timeout(self.limits.submit_timeout, answered).await;
                answer.ok().and_then(Result::ok).unwrap_or(Err(Unanswered::Failed))
            }
            Readable::Nowhere => Err(Unanswered::Failed),
        }
    }

    /// Returns the user who holds this token.
    pub async fn authenticate(&self, token: &str) -> Result<Option<UserId>, Unavailable> {
        if let Some(user) = self.session(token) {
            return Ok(Some(user));
        }
        let hash = TokenHash::of(token);
        let user = self.query(Asker::House, WhoHolds(hash)).await?;
        if let Some(user) = user {
            self.sessions().keep(hash, user);
        }
        Ok(user)
    }

    /// Returns the user who holds this token, if the tables need not be asked.
    pub fn session(&self, token: &str) -> Option<UserId> {
        self.sessions().find(&TokenHash::of(token))
    }

    /// Forgets who holds a token: the tables are asked when it comes again. For a
    /// session that has ended.
    pub fn forget_session(&self, token: &TokenHash) {
        self.sessions().forget(token);
    }

    /// Returns the room with this slug. A closed room does not exist for those outside.
    /// No other text is the slug of a room.
    pub fn room(
        &self,
        slug: &(impl Borrow<str> + ?Sized),
        reader: Option<UserId>,
    ) -> Result<RoomRef, Rejection> {
        self.memory().roster.room(slug.borrow(), reader).cloned().ok_or(Rejection::RoomNotFound)
    }

    /// Returns the scope of the events of the room with this slug, if it exists for
    /// this reader. No other text is the slug of a room.
    pub fn scope_of(&self, slug: &str, reader: Option<UserId>) -> Option<Scope> {
        self.memory().roster.room(slug, reader).map(RoomRef::scope)
    }

    /// Returns the position that this node has applied, as a cursor.
    pub fn latest(&self) -> Cursor {
        let memory = self.memory();
        memory.cursor(self.log.id(), memory.applied())
    }

    /// Returns the end of the log as a cursor: all later appends come after it, whether
    /// the earlier ones are applied here or not.
    pub fn tail(&self) -> Cursor {
        self.cursor(*self.log.tail().borrow())
    }

    /// Returns a new secret token: 64 hex digits, which nobody can guess.
    pub fn fresh_token(&self) -> String {
        const_hex::encode(self.clock.secret())
    }

    /// Returns the clock that the node was given.
    pub fn clock(&self) -> &dyn Clock {
        &*self.clock
    }

    /// Returns which log this node keeps.
    pub fn log_id(&self) -> LogId {
        self.log.id()
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

    fn cursor(&self, position: Position) -> Cursor {
        self.memory().cursor(self.log.id(), position)
    }

    fn memory(&self) -> std::sync::RwLockReadGuard<'_, Memory> {
        self.memory.read().expect("no holder of this lock panics")
    }

    fn sessions(&self) -> std::sync::MutexGuard<'_, Sessions> {
        self.sessions.lock().expect("no holder of this lock panics")
    }
}
