//! A node put together by hand: any log, one thread, a clock that tests may pause.
//!
//! The follower is a task, and whoever asks the tables reads them, so under a
//! paused clock nothing happens that the test did not cause.

use std::{
    ops::Deref,
    path::{Path, PathBuf},
    sync::{Arc, Mutex},
    time::Duration,
};

use linger_core::{LogId, Position, Projection, projection_applied, queries};
use tempfile::TempDir;
use tokio::{sync::watch, task::JoinHandle};

use super::cast::TestClock;
use crate::{
    Limits, Node,
    health::Health,
    log::{Log, memory::MemoryLog},
    metrics::Metrics,
    node,
    nodes::Agreement,
    read_pool::{ReadPool, TableTime},
    roster::Roster,
};

/// A node and its follower. It reads like a [`Node`].
pub(crate) struct Assembled {
    node: Arc<Node>,
    /// How far the follower is.
    pub(crate) applied: watch::Receiver<Position>,
    follower: JoinHandle<()>,
    stop: watch::Sender<()>,
    _folder: Arc<TempDir>,
}

/// Tells, each time, whether the follower's tables fail at this work.
pub(crate) type TableTrouble = Arc<dyn Fn(Doing) -> bool + Send + Sync>;

/// The work of the follower on its tables.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Doing {
    Apply,
    Commit,
}

/// The parts of a node. It can be made from them more than once: that is a restart.
#[derive(Clone)]
pub(crate) struct Parts {
    pub(crate) log: Arc<dyn Log>,
    pub(crate) limits: Limits,
    /// How long the tables take to answer, each time.
    pub(crate) table_time: TableTime,
    pub(crate) table_trouble: TableTrouble,
    /// The seed of its clock: no two nodes draw the same nonces.
    pub(crate) clock: u64,
    pub(crate) folder: Arc<TempDir>,
}

impl Parts {
    /// An empty log in memory, and a folder for the projection.
    pub(crate) fn new(limits: Limits) -> Parts {
        let log = Arc::new(MemoryLog::new(LogId::from_random(7)));
        Parts::on(log, limits)
    }

    /// The given log, and a folder for the projection.
    pub(crate) fn on(log: Arc<dyn Log>, limits: Limits) -> Parts {
        let folder = Arc::new(tempfile::tempdir().unwrap());
        let (table_time, table_trouble) = (Arc::new(|| Duration::ZERO), Arc::new(|_| false));
        Parts { log, limits, table_time, table_trouble, clock: 1, folder }
    }

    /// Returns the position up to which readers of the file see the tables.
    pub(crate) fn committed(&self) -> Position {
        projection_applied(&Projection::open_reader(&self.path()).unwrap()).unwrap()
    }

    /// Opens the projection as it is now. One at a time: stop the node before.
    pub(crate) fn projection(&self) -> Projection {
        Projection::open(&self.path(), self.log.id()).unwrap()
    }

    /// Deletes the projection.
    pub(crate) fn delete_projection(&self) {
        for suffix in ["", "-wal", "-shm"] {
            let path = self.path().with_extension(format!("db{suffix}"));
            let _ = std::fs::remove_file(path);
        }
    }

    /// Starts a node that reads its tables where it is asked.
    pub(crate) fn start(&self) -> Assembled {
        let projection = self.projection();
        let reader = Mutex::new(Projection::open_reader(&self.path()).unwrap());
        self.start_with(projection, ReadPool::Inline(reader, self.table_time.clone()), None)
    }

    /// Starts a node that knows these words, and writes those that all nodes know.
    pub(crate) fn start_knowing(&self, agreement: Agreement) -> Assembled {
        let projection = self.projection();
        let reader = Mutex::new(Projection::open_reader(&self.path()).unwrap());
        let read_pool = ReadPool::Inline(reader, self.table_time.clone());
        self.start_with(projection, read_pool, Some(agreement))
    }

    /// Starts a node on this log, which is that of another life of it. Each start on a log of its
    /// own begins an epoch, and none on a cluster's.
    pub(crate) fn start_on(&self, log: Arc<dyn Log>, clock: u64, begins_epoch: bool) -> Assembled {
        let mut assembled = Parts { log, clock, ..self.clone() }.start();
        let node = Arc::get_mut(&mut assembled.node).expect("nobody else has it yet");
        node.begins_epoch = begins_epoch;
        assembled
    }

    /// Starts a node that cannot read its tables at all.
    pub(crate) fn start_without_tables(&self) -> Assembled {
        self.start_with(self.projection(), ReadPool::nobody(), None)
    }

    fn start_with(
        &self,
        mut projection: Projection,
        read_pool: ReadPool,
        agreement: Option<Agreement>,
    ) -> Assembled {
        let roster = Roster::load(projection.connection()).unwrap();
        let fails = |doing| {
            let trouble = self.table_trouble.clone();
            Some(move || trouble(doing))
        };
        // A commit becomes a rollback; an interrupted write takes the transaction along.
        projection.connection_mut().commit_hook(fails(Doing::Commit)).unwrap();
        projection.connection_mut().progress_handler(100, fails(Doing::Apply)).unwrap();
        let epochs = queries::epochs(projection.connection()).unwrap();
        let (mut node, follower) = Node::assemble(node::Parts {
            log: self.log.clone(),
            projection,
            roster,
            epochs,
            files: None,
            uploads: None,
            read_pool,
            limits: self.limits.clone(),
            clock: Arc::new(TestClock::new(self.clock)),
            metrics: Arc::new(Metrics::new()),
            health: Arc::new(Health::new()),
        });
        if let Some(agreement) = agreement {
            node.agreement = Arc::new(agreement);
        }
        let (stop, stopped) = watch::channel(());
        let applied = follower.applied.subscribe();
        let follower = tokio::spawn(follower.run(stopped));
        Assembled { node: Arc::new(node), applied, follower, stop, _folder: self.folder.clone() }
    }

    fn path(&self) -> PathBuf {
        Path::new(self.folder.path()).join("projection.db")
    }
}

impl Assembled {
    /// Returns the node, to be used by several tasks.
    pub(crate) fn node(&self) -> Arc<Node> {
        self.node.clone()
    }

    /// Ends it in order, and returns when the follower is done.
    pub(crate) async fn stop(self) {
        drop(self.stop);
        self.follower.await.unwrap();
    }

    /// Ends it at once, as a crash does: entries that are not applied stay so.
    pub(crate) async fn crash(self) {
        self.follower.abort();
        // It owns the projection, which is closed when it is gone. A panic of its own counts.
        match self.follower.await {
            Err(error) if error.is_panic() => std::panic::resume_unwind(error.into_panic()),
            _ => {}
        }
    }
}

impl Deref for Assembled {
    type Target = Node;

    fn deref(&self) -> &Node {
        &self.node
    }
}
