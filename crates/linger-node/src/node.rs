//! The node. Edges use three verbs: `submit`, `wait` and `query`, each in a file of its
//! own. The facts that they need beside those are in memory and stand here: rooms, cursors, the
//! clock. Its [`life`] is the program's, and [`non_blocking`] is for the one caller
//! whose thread must not sleep.
//!
//! A sender is a reader too: [`Node::submit`] appends, waits until this node has
//! applied that position, and reads the outcome there. [`Node::wait`] is the one
//! way news travels: enter the waiting room, look, and sleep until called.

mod assembly;
mod attend;
mod ends;
mod filing;
mod life;
mod non_blocking;
mod places;
mod query;
mod submit;
mod wait;

use std::{
    borrow::Borrow,
    sync::{
        Arc, Mutex, RwLock,
        atomic::{AtomicBool, AtomicU64},
    },
    thread::JoinHandle,
};

use ends::Ends;
use linger_core::{Cursor, LogId, Position, Rejection, UserId, visibility::Scope};
use tokio::sync::{mpsc, watch};

#[cfg(test)]
pub(crate) use assembly::Parts;
pub use filing::FilingError;
pub use life::NotReady;
pub use non_blocking::NonBlocking;
#[cfg(test)]
pub(crate) use places::ANSWER_MAX;
pub use submit::{Receipt, SubmitState, Submitted};

use crate::{
    Clock, Limits, RoomRef,
    commits::{Committed, Damage},
    data_folder::DataFolder,
    files::Lookout,
    health::Health,
    hub::Hub,
    log::Log,
    memory::Memory,
    metrics::Metrics,
    nodes::{Agreement, Seat},
    read_pool::{self, ReadPool},
    sessions::Sessions,
    snapshots::Snapshots,
    uploads::Uploads,
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
    /// None: it is not one of several.
    seat: Option<Seat>,
    /// The words that entries are written in.
    pub(crate) agreement: Arc<Agreement>,
    /// Where the log ends, as far as it was asked for.
    ends: Mutex<Ends>,
    is_open: AtomicBool,
    /// Each start begins an epoch. On a cluster only a restore does, and the first start.
    pub(crate) begins_epoch: bool,
    /// Counts deadlines, to spread them.
    deadlines: AtomicU64,
    /// When it is dropped, the follower ends.
    stop: Option<watch::Sender<()>>,
    follower: Option<JoinHandle<()>>,
    /// When it is dropped, nobody looks any more whether the log's files are there.
    _lookout: Option<Lookout>,
    /// None in a test without a folder.
    uploads: Option<Arc<Uploads>>,
    /// None but on a cluster.
    snapshots: Option<Snapshots>,
    _folder: Option<DataFolder>,
}

impl Node {
    /// Returns the node for a caller that must not wait.
    pub fn non_blocking(&self) -> NonBlocking<'_> {
        NonBlocking(self)
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

    /// Returns the files on their way in, and the store of those that are kept.
    pub fn uploads(&self) -> &Arc<Uploads> {
        self.uploads.as_ref().expect("a node with a folder has files")
    }

    /// Returns which log this node keeps.
    pub fn log_id(&self) -> LogId {
        self.log.id()
    }

    fn cursor(&self, position: Position) -> Cursor {
        self.memory().cursor(self.log.id(), position)
    }

    fn memory(&self) -> std::sync::RwLockReadGuard<'_, Memory> {
        self.memory.read().expect("no holder of this lock panics")
    }
}
