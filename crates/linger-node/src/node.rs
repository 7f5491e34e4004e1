//! The node: `submit`, `wait`, `query`, and nothing else for the edges. For those
//! in an annex, who cannot sleep, the first two come in pieces: `begin` and
//! `progress`, `glance` and `spread`.
//!
//! A sender is a reader too: [`Node::submit`] appends, waits until this node has
//! applied that position, and reads the outcome there. [`Node::wait`] is the one
//! way news travel: enter the waiting room, look, and sleep until called.

mod submit;
mod wait;

use std::{
    collections::HashMap,
    path::Path,
    sync::{
        Arc, Mutex, RwLock,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    thread::JoinHandle,
};

use linger_core::{
    Author, Command, Cursor, LogId, Position, Rejection, RequestId, RoomKind, RoomName, Slug,
    TokenHash, Topic, UserId, visibility::Scope,
};
use prometheus_client::registry::Registry;
use rusqlite::Connection;
use tokio::{runtime::Handle, sync::watch};

pub use submit::{Progress, Receipt, Submitted};

use crate::{
    Clock, Limits, OpenError, Refusal, RoomRef, Unavailable,
    commits::{Committed, commits},
    data_folder::{DataFolder, Opened},
    essential,
    follower::Follower,
    hub::Hub,
    log::Log,
    memory::Memory,
    metrics::Metrics,
    questions::{Question, WhoHolds},
    read_pool::ReadPool,
    roster::Roster,
};

/// One running node.
pub struct Node {
    pub(crate) log: Arc<dyn Log>,
    memory: Arc<RwLock<Memory>>,
    hub: Arc<Hub>,
    applied: watch::Receiver<Position>,
    committed: Committed,
    /// None only while the node is being dropped.
    read_pool: Option<ReadPool>,
    clock: Arc<dyn Clock>,
    pub(crate) metrics: Arc<Metrics>,
    limits: Limits,
    sessions: Mutex<HashMap<TokenHash, UserId>>,
    is_open: AtomicBool,
    /// Counts deadlines, to spread them.
    deadlines: AtomicU64,
    /// Dropped, it stops the follower.
    stop: Option<watch::Sender<()>>,
    follower: Option<JoinHandle<()>>,
    _folder: Option<DataFolder>,
}

impl Node {
    /// Opens the node whose data is in `folder`, which is made if need be.
    ///
    /// It applies its log in the background: [`Node::ready`] waits for that.
    /// Call it inside of a tokio runtime; to drop the node closes its files.
    pub fn open(folder: &Path, limits: Limits, clock: Arc<dyn Clock>) -> Result<Node, OpenError> {
        let folder = DataFolder::take(folder)?;
        let Opened { log, projection, roster } = folder.open(&*clock)?;
        let metrics = Arc::new(Metrics::new());
        let log = Arc::new(log.start(&limits, metrics.clone()));
        let path = folder.projection_path();
        let read_pool = ReadPool::start(&path, &limits)
            .map_err(|error| OpenError::File { file: path, error })?;
        let (mut node, follower) =
            Node::assemble(log, projection, roster, read_pool, limits, clock, metrics);
        let (stop, stopped) = watch::channel(());
        let runtime = Handle::current();
        let work = move || runtime.block_on(follower.run(stopped));
        let thread = essential::spawn("follower", work);
        node.stop = Some(stop);
        node.follower = Some(thread);
        node._folder = Some(folder);
        Ok(node)
    }

    /// Puts a node together. The follower is still to be run.
    pub(crate) fn assemble(
        log: Arc<dyn Log>,
        projection: linger_core::Projection,
        roster: Roster,
        read_pool: ReadPool,
        limits: Limits,
        clock: Arc<dyn Clock>,
        metrics: Arc<Metrics>,
    ) -> (Node, Follower) {
        let hub = Arc::new(Hub::new(limits.waiters_max, metrics.clone()));
        let memory = Arc::new(RwLock::new(Memory::new(roster, projection.applied(), &limits)));
        let (announce, applied) = watch::channel(projection.applied());
        let (commits, committed) = commits(&projection, &limits);
        let follower = Follower {
            log: log.clone(),
            projection,
            commits,
            memory: memory.clone(),
            hub: hub.clone(),
            metrics: metrics.clone(),
            applied: announce,
            batch_max: limits.apply_batch_max,
        };
        let node = Node {
            log,
            memory,
            hub,
            applied,
            committed,
            read_pool: Some(read_pool),
            clock,
            metrics,
            limits,
            sessions: Mutex::default(),
            is_open: AtomicBool::new(false),
            deadlines: AtomicU64::new(0),
            stop: None,
            follower: None,
            _folder: None,
        };
        (node, follower)
    }

    /// Waits until the log is applied, and opens the lobby of a new server.
    ///
    /// Errors: [`Refusal`], if the lobby cannot be opened.
    pub async fn ready(&self) -> Result<(), Refusal> {
        let tail = *self.log.tail().borrow();
        let mut applied = self.applied.clone();
        applied.wait_for(|applied| *applied >= tail).await.map_err(|_| Unavailable::Storage)?;
        let lobby = Slug::parse("lobby").expect("it is a slug");
        if self.room(&lobby, None).is_err() {
            let open = Command::OpenRoom {
                slug: lobby,
                name: RoomName::parse("Lobby").expect("it is a name"),
                topic: Topic::parse("").expect("a topic may be empty"),
                kind: RoomKind::Open,
            };
            let request_id = RequestId::parse("lobby").expect("it is a request id");
            self.submit(Author::Server, request_id, open).await?;
        }
        self.is_open.store(true, Ordering::Release);
        Ok(())
    }

    /// Waits until the node cannot go on: its log has an entry that this version
    /// cannot read. What was acknowledged is in the log all the same.
    pub async fn failed(&self) {
        let mut applied = self.applied.clone();
        while applied.changed().await.is_ok() {}
    }

    /// Tells whether the node has applied its log, once, since it was opened.
    pub fn is_open(&self) -> bool {
        self.is_open.load(Ordering::Acquire)
    }

    /// Tells whether the node can serve: the log is applied, or nearly.
    pub fn is_ready(&self) -> bool {
        let lag = self.log.tail().borrow().get().saturating_sub(self.applied.borrow().get());
        self.is_open.load(Ordering::Acquire)
            && lag <= self.limits.ready_lag_max
            && !self.is_closing()
    }

    /// Answers any other question from the projection.
    pub async fn query<Q: Question>(&self, question: Q) -> Result<Q::Answer, Unavailable> {
        let log = self.log.id();
        self.ask_tables(move |connection| question.answer(connection, log)).await
    }

    /// Asks the tables, which have by then what memory has now: nobody reads there
    /// less than they were told.
    async fn ask_tables<T: Send + 'static>(
        &self,
        question: impl FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, Unavailable> {
        let told = self.memory().applied();
        self.committed.reach(told).await?;
        let read_pool = self.read_pool.as_ref();
        read_pool.expect("it closes only when nobody has the node any more").ask(question).await
    }

    /// Returns the user who holds this token.
    pub async fn authenticate(&self, token: &str) -> Result<Option<UserId>, Unavailable> {
        if let Some(user) = self.session(token) {
            return Ok(Some(user));
        }
        let hash = TokenHash::of(token);
        let user = self.query(WhoHolds(hash)).await?;
        if let Some(user) = user {
            let mut sessions = self.sessions();
            if sessions.len() >= self.limits.sessions_max {
                // Rare, and cheap to be wrong about: the tables know them all.
                sessions.clear();
            }
            sessions.insert(hash, user);
        }
        Ok(user)
    }

    /// Returns the user who holds this token, if the tables need not be asked.
    pub fn session(&self, token: &str) -> Option<UserId> {
        self.sessions().get(&TokenHash::of(token)).copied()
    }

    /// Returns the room with this slug. A closed room does not exist for those outside.
    pub fn room(&self, slug: &Slug, reader: Option<UserId>) -> Result<RoomRef, Rejection> {
        self.memory().roster.room(slug.as_str(), reader).cloned().ok_or(Rejection::RoomNotFound)
    }

    /// Returns the scope of the events of the room with this slug, if it exists for
    /// this reader. No other text is the slug of a room.
    pub fn scope_of(&self, slug: &str, reader: Option<UserId>) -> Option<Scope> {
        self.memory().roster.room(slug, reader).map(RoomRef::scope)
    }

    /// Returns the position that this node has applied, as a cursor.
    pub fn latest(&self) -> Cursor {
        self.cursor(self.memory().applied())
    }

    /// Returns the end of the log as a cursor: whatever is appended from now on
    /// comes after it, whether what came before is applied here or not.
    pub fn tail(&self) -> Cursor {
        self.cursor(*self.log.tail().borrow())
    }

    /// Returns a request id for a request that brings none.
    pub fn fresh_request_id(&self) -> RequestId {
        RequestId::parse(&hex(&self.clock.secret()[..16])).expect("hex digits are a request id")
    }

    /// Returns a new secret token: 64 hex digits, which nobody can guess.
    pub fn fresh_token(&self) -> String {
        hex(&self.clock.secret())
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

    /// Brings the figures up to date that are read, not counted.
    pub fn refresh_metrics(&self) {
        self.metrics.log_position.set(self.log.tail().borrow().get().cast_signed());
        self.metrics.requests_held.set(i64::try_from(self.waiting()).unwrap_or(i64::MAX));
    }

    fn cursor(&self, position: Position) -> Cursor {
        Cursor { log: self.log.id(), position }
    }

    fn memory(&self) -> std::sync::RwLockReadGuard<'_, Memory> {
        self.memory.read().expect("no holder of this lock panics")
    }

    fn sessions(&self) -> std::sync::MutexGuard<'_, HashMap<TokenHash, UserId>> {
        self.sessions.lock().expect("no holder of this lock panics")
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

impl Drop for Node {
    fn drop(&mut self) {
        if let Some(read_pool) = self.read_pool.take() {
            read_pool.close();
        }
        // Then the follower: it holds the log, and writes the projection.
        drop(self.stop.take());
        if let Some(follower) = self.follower.take() {
            follower.join().expect("its panic would have ended the process");
        }
    }
}
