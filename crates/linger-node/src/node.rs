//! The node: `submit`, `wait`, `query`, and nothing else for the edges.
//!
//! A sender is a reader too: [`Node::submit`] appends, waits until this node has
//! applied that position, and reads the outcome there. [`Node::wait`] is the one
//! way news travel: enter the waiting room, look, and sleep until called.

use std::{
    collections::HashMap,
    path::Path,
    sync::{
        Arc, Mutex, RwLock, Weak,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    thread::JoinHandle,
    time::Duration,
};

use linger_core::{
    Author, Command, Cursor, Draft, LogId, News, Outcome, Position, Rejection, RequestId, RoomKind,
    RoomName, Slug, TokenHash, Topic, UserId, feed, queries,
};
use prometheus_client::registry::Registry;
use tokio::{
    runtime::Handle,
    sync::watch,
    time::{Instant, timeout},
};

use crate::{
    After, Annex, Awaited, Call, Clock, Limits, OpenError, Page, Refusal, ResetReason, RoomRef,
    Unavailable, Wait, WaitLists,
    data_folder::{DataFolder, Opened},
    essential,
    follower::Follower,
    hub::Hub,
    log::{AppendError, Log},
    memory::{Look, Memory},
    metrics::Metrics,
    questions::{HappenedAt, Question, WhoHolds},
    read_pool::ReadPool,
    roster::Roster,
};

/// One running node.
pub struct Node {
    pub(crate) log: Arc<dyn Log>,
    memory: Arc<RwLock<Memory>>,
    hub: Arc<Hub>,
    applied: watch::Receiver<Position>,
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

/// What a submit did.
#[derive(Debug, Clone)]
pub struct Receipt {
    /// The position of the entry that took effect: ids are made of it.
    pub position: Position,
    /// The event that it left.
    pub news: Option<Arc<News>>,
    /// Whether it took effect earlier, by the same author and request id.
    pub is_repeat: bool,
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
        let follower = Follower {
            log: log.clone(),
            projection,
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

    /// Appends one command and returns what it did, once this node has applied it.
    ///
    /// Errors: the [`Rejection`] of the rules; or [`Unavailable`], and then the
    /// same author may ask again under the same request id, as often as need be.
    pub async fn submit(
        &self,
        author: Author,
        request_id: RequestId,
        command: Command,
    ) -> Result<Receipt, Refusal> {
        if let Some(rejection) = self.refused_already(author, &command)
            && self.find_request(author, request_id.clone()).await?.is_none()
        {
            return Err(rejection.into());
        }
        let draft = Draft { at: self.clock.now(), author, request_id, command };
        let position = timeout(self.limits.submit_timeout, self.append(draft))
            .await
            .map_err(|_| Unavailable::Unknown)??;
        let outcome = self.memory().outcome(position).cloned();
        match outcome {
            Some(Outcome::Accepted(news)) => Ok(Receipt { position, news, is_repeat: false }),
            Some(Outcome::Repeated { first }) => {
                let news = self.query(HappenedAt(first)).await?.map(Arc::new);
                Ok(Receipt { position: first, news, is_repeat: true })
            }
            Some(Outcome::Rejected(rejection)) => Err(rejection.into()),
            // So many outcomes since then that this one is forgotten.
            None => Err(Unavailable::Unknown.into()),
        }
    }

    /// Appends, and waits until the position is applied here.
    async fn append(&self, draft: Draft) -> Result<Position, Unavailable> {
        let appending = self.log.append(draft).map_err(|error| match error {
            AppendError::Full => Unavailable::Overloaded,
            AppendError::Unknown => Unavailable::Unknown,
        })?;
        let position =
            appending.await.map_err(|_| Unavailable::Unknown)?.map_err(|_| Unavailable::Unknown)?;
        let mut applied = self.applied.clone();
        applied.wait_for(|applied| *applied >= position).await.map_err(|_| Unavailable::Unknown)?;
        Ok(position)
    }

    /// Returns why the rules would say no to this, as things stand here: then it
    /// need not be appended, unless it is a repeat.
    fn refused_already(&self, author: Author, command: &Command) -> Option<Rejection> {
        // What stands in the log and is not applied yet may say yes.
        if !self.is_open() {
            return None;
        }
        let Command::SendMessage { room, .. } = command else { return None };
        let Some(user) = author.user() else { return Some(Rejection::NotForTheServer) };
        let memory = self.memory();
        (!memory.roster.is_member(*room, user)).then_some(match memory.roster.kind(*room) {
            Some(RoomKind::Open) => Rejection::NotAMember,
            Some(RoomKind::Closed) | None => Rejection::RoomNotFound,
        })
    }

    async fn find_request(
        &self,
        author: Author,
        request_id: RequestId,
    ) -> Result<Option<Position>, Unavailable> {
        let found = self
            .read_pool()
            .ask(move |connection| queries::request(connection, author, &request_id));
        Ok(found.await?.map(|(position, _)| position))
    }

    /// Returns the events after where the reader is, waiting for some until
    /// `deadline`; a deadline in the past is a short poll.
    ///
    /// Errors: [`Unavailable::Overloaded`] when too many wait already.
    pub async fn wait(&self, wait: Wait, deadline: Instant) -> Result<Page, Unavailable> {
        let mut after = match self.resolve(wait.after) {
            Ok(position) => position,
            Err(reset) => return Ok(self.reset(reset)),
        };
        let is_held = deadline > Instant::now();
        loop {
            // Enter before looking: what is applied in between must not be missed.
            let ticket = match is_held {
                true => self.hub.enter(wait.scope).map_err(|_| Unavailable::Overloaded)?,
                false => None,
            };
            let mut look = self.look(wait, after).await?;
            after = look.upto;
            if let Some(ticket) = ticket.filter(|_| look.news.is_empty()) {
                if ticket.called_before(deadline).await {
                    continue;
                }
                // Nobody called, but other rooms went on: who reads a quiet one
                // gets a cursor that memory still reaches back to.
                look =
                    self.memory().look(wait.reader, wait.scope, after, wait.limit).unwrap_or(look);
            }
            self.metrics.deliveries.inc_by(look.news.len() as u64);
            return Ok(Page { reset: None, cursor: self.cursor(look.upto), news: look.news });
        }
    }

    /// Looks for what [`Node::wait`] would answer at once, without waiting and in
    /// memory only: a page without news means that there is none yet. None when
    /// there may be some further back than memory reaches; `wait` knows then.
    ///
    /// For an [`Annex`], which counts by itself what it delivers
    /// ([`Node::count`]).
    pub fn glance(&self, wait: &Wait) -> Option<Page> {
        let after = match self.resolve(wait.after) {
            Ok(position) => position,
            Err(reset) => return Some(self.reset(reset)),
        };
        let look = self.memory().look(wait.reader, wait.scope, after, wait.limit)?;
        Some(Page { reset: None, cursor: self.cursor(look.upto), news: look.news })
    }

    /// Calls, counts and closes the readers of this waiting room together with the
    /// node's own, until it is dropped.
    pub fn attach(&self, annex: Weak<dyn Annex>) {
        self.hub.attach(annex);
    }

    /// Finds whom a call concerns among those who wait in an annex. Some may come
    /// twice.
    pub fn spread(&self, call: &Call, lists: &impl WaitLists, visit: impl FnMut(Awaited)) {
        call.spread(&self.memory().roster, lists, visit);
    }

    /// Counts readers who were called in an annex, and events handed to them.
    pub fn count(&self, wakes: u64, deliveries: u64) {
        self.metrics.wakes.inc_by(wakes);
        self.metrics.deliveries.inc_by(deliveries);
    }

    fn reset(&self, reset: ResetReason) -> Page {
        Page { reset: Some(reset), news: Vec::new(), cursor: self.latest() }
    }

    /// Looks in memory, or in the tables when that is not far enough back.
    async fn look(&self, wait: Wait, after: Position) -> Result<Look, Unavailable> {
        let Wait { reader, scope, limit, .. } = wait;
        if let Some(look) = self.memory().look(reader, scope, after, limit) {
            return Ok(look);
        }
        let read = self.read_pool().ask(move |connection| {
            // One moment: a join between the two reads would be passed over.
            let tx = connection.unchecked_transaction()?;
            let stays = reader.map(|user| queries::stays_of(&tx, user)).transpose()?;
            feed::read(&tx, scope, &stays.unwrap_or_default(), after, limit)
        });
        let read = read.await?;
        Ok(Look { news: read.news.into_iter().map(Arc::new).collect(), upto: read.upto })
    }

    /// Tells whether a reader may go on from this cursor, or would get a reset.
    pub fn knows(&self, cursor: Cursor) -> bool {
        self.resolve(After::Cursor(cursor)).is_ok()
    }

    fn resolve(&self, after: After) -> Result<Position, ResetReason> {
        match after {
            After::Latest => Ok(self.memory().applied()),
            After::Start => Ok(Position::START),
            After::Cursor(cursor) if cursor.log != self.log.id() => Err(ResetReason::OtherLog),
            After::Cursor(cursor) if cursor.position > *self.log.tail().borrow() => {
                Err(ResetReason::BeyondTheEnd)
            }
            After::Cursor(cursor) => Ok(cursor.position),
        }
    }

    /// Answers any other question from the projection.
    pub async fn query<Q: Question>(&self, question: Q) -> Result<Q::Answer, Unavailable> {
        let log = self.log.id();
        self.read_pool().ask(move |connection| question.answer(connection, log)).await
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
        self.memory().roster.room(slug, reader).cloned().ok_or(Rejection::RoomNotFound)
    }

    /// Returns the moment until which to hold a reader who is ready to wait this
    /// long: up to a tenth less, spread evenly, so that those who came together do
    /// not come back together.
    pub fn deadline(&self, wait: Duration) -> Instant {
        /// The golden ratio, of 2^64: its multiples fill a circle evenly, however
        /// many there are.
        const STEP: u64 = 0x9e37_79b9_7f4a_7c15;
        let turn = self.deadlines.fetch_add(1, Ordering::Relaxed).wrapping_mul(STEP);
        let part = (turn >> 32) as f64 / (1_u64 << 32) as f64;
        Instant::now() + wait.mul_f64(1.0 - part / 10.0)
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

    fn read_pool(&self) -> &ReadPool {
        self.read_pool.as_ref().expect("it closes only when nobody has the node any more")
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
