//! Puts a node together on its data folder, and takes it apart in order.

use std::{
    path::Path,
    sync::{
        Arc, Mutex, RwLock,
        atomic::{AtomicBool, AtomicU64},
    },
};

use linger_core::{Epoch, Position, Projection, Vocabulary};
use tokio::{
    runtime::Handle,
    sync::{mpsc, watch},
};

use super::{Node, attend::take_seat};
use crate::{
    Clock, Limits, OpenError, Rollback,
    checkpoints::Checkpoints,
    cluster::Promise,
    commits::{Damage, commits},
    data_folder::{DataFolder, OpenTables, Opened},
    essential, files,
    follower::{Erasing, Follower, TableFiles},
    health::Health,
    hub::Hub,
    log::{Log, jetstream::ClusterSettings},
    memory::Memory,
    metrics::Metrics,
    nodes::{Agreement, Member, Seat},
    read_pool::{Connections, ReadPool},
    roster::Roster,
    sessions::Sessions,
    snapshots::{Desk, Snapshots},
    uploads::Uploads,
};

/// The parts that a node is made of.
pub(crate) struct Parts {
    pub(crate) log: Arc<dyn Log>,
    pub(crate) projection: Projection,
    pub(crate) roster: Roster,
    pub(crate) epochs: Vec<(Position, Epoch)>,
    pub(crate) files: Option<TableFiles>,
    /// None in a test without a folder.
    pub(crate) uploads: Option<Arc<Uploads>>,
    pub(crate) read_pool: ReadPool,
    pub(crate) limits: Limits,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) health: Arc<Health>,
}

/// The data folder of a node, open.
struct Ground {
    folder: DataFolder,
    tables: OpenTables,
    uploads: Arc<Uploads>,
}

impl Node {
    /// Opens the node whose data is in `folder`, which is made if need be.
    ///
    /// It applies its log in the background: [`Node::ready`] waits for that.
    /// Call it inside of a tokio runtime. The node closes its files when it is dropped.
    pub fn open(
        folder: &Path,
        rollback: Rollback,
        limits: Limits,
        clock: Arc<dyn Clock>,
    ) -> Result<Node, OpenError> {
        let folder = DataFolder::take(folder)?;
        let Opened { log, tables } = folder.open(&*clock, rollback)?;
        let OpenTables { files, .. } = &tables;
        let (metrics, health) = (Arc::new(Metrics::new()), Arc::new(Health::new()));
        let log = log.start(files.clone(), &limits, metrics.clone(), health.clone());
        let uploads = folder.open_uploads(&limits, clock.clone())?;
        let ground = Ground { folder, tables, uploads };
        Node::follow(ground, Arc::new(log), limits, clock, metrics, health)
    }

    /// Opens a node of a cluster: its log is a stream, and `folder` has only the tables that
    /// are made from it.
    ///
    /// Errors: the stream or a server is not as it must be ([`Promise`]); those of
    /// [`Node::open`].
    pub fn open_on_cluster(
        folder: &Path,
        cluster: ClusterSettings,
        promise: &Promise,
        rollback: Rollback,
        limits: Limits,
        clock: Arc<dyn Clock>,
        member: Member,
    ) -> Result<Node, OpenError> {
        let folder = DataFolder::take(folder)?;
        let mut log = promise.open(cluster.clone())?;
        let (mut tables, is_rolled_back) = folder.open_on_cluster(&log, &*clock, rollback)?;
        let (id, start) = (folder.node_id(&*clock)?, format!("{:016x}", clock.random()));
        let seat = Seat { id, start, member, cluster: cluster.clone(), replicas: promise.replicas };
        let agreement = Arc::new(take_seat(&seat, &tables.projection)?);
        log.agreement = agreement.clone();
        let replicas = log.about.replicas();
        let (metrics, health) = (Arc::new(Metrics::new()), Arc::new(Health::new()));
        let log = log.start(folder.erased_path(), &limits, metrics.clone(), health.clone())?;
        let log: Arc<dyn Log> = Arc::new(log);
        let uploads = folder.open_uploads_on_cluster(&cluster, &limits, clock.clone())?;
        let (snapshots, joining) = Snapshots::start(Desk {
            settings: cluster,
            replicas,
            log: log.clone(),
            applied: tables.projection.applied(),
            is_rolled_back,
            files: folder.projection_files(),
            limits: limits.clone(),
            clock: clock.clone(),
            health: health.clone(),
        });
        tables.joining = joining;
        let ground = Ground { folder, tables, uploads };
        let mut node = Node::follow(ground, log, limits, clock, metrics, health)?;
        node.begins_epoch = is_rolled_back;
        node.snapshots = Some(snapshots);
        (node.seat, node.agreement) = (Some(seat), agreement);
        Ok(node)
    }

    /// Starts the follower of a log, on its thread.
    fn follow(
        ground: Ground,
        log: Arc<dyn Log>,
        limits: Limits,
        clock: Arc<dyn Clock>,
        metrics: Arc<Metrics>,
        health: Arc<Health>,
    ) -> Result<Node, OpenError> {
        let Ground { folder, tables, uploads } = ground;
        let OpenTables { files: log_files, projection, replacing, joining, roster, epochs } =
            tables;
        let files = folder.projection_files();
        let connections = Connections::to(files.path(), &limits);
        if replacing.is_some() || joining.is_some() {
            // Nobody reads the old tables while new ones are made, or fetched.
            connections.close();
        }
        let read_pool = ReadPool::start(&connections, &limits);
        let files =
            Some(TableFiles { files, connections, clock: clock.clone(), replacing, joining });
        let lookout = files::look_out(log_files, health.clone());
        let (mut node, follower) = Node::assemble(Parts {
            log,
            projection,
            roster,
            epochs,
            files,
            uploads: Some(uploads),
            read_pool,
            limits,
            clock,
            metrics,
            health,
        });
        let (stop, stopped) = watch::channel(());
        let runtime = Handle::current();
        let work = move || runtime.block_on(follower.run(stopped));
        let thread = essential::spawn("follower", work);
        node.stop = Some(stop);
        node.follower = Some(thread);
        node._lookout = Some(lookout);
        node._folder = Some(folder);
        Ok(node)
    }

    /// Puts a node together. The follower is still to be run.
    pub(crate) fn assemble(parts: Parts) -> (Node, Follower) {
        let Parts { log, projection, roster, epochs, files, uploads, .. } = parts;
        let Parts { read_pool, limits, clock, metrics, health, .. } = parts;
        let hub = Arc::new(Hub::new(&limits, metrics.clone()));
        let memory = Memory::new(roster, epochs, projection.applied(), &limits);
        let memory = Arc::new(RwLock::new(memory));
        let (announce, applied) = watch::channel(projection.applied());
        let is_new = files.as_ref().is_some_and(|files| files.replacing.is_some());
        let (commits, committed) = commits(&projection, is_new, &limits);
        let (ask_follower, questions) = mpsc::channel(limits.read_queue_max);
        let damage = Damage::new();
        let is_file = files.is_some() && !is_new;
        let checkpoints = is_file.then(|| Checkpoints::of(projection.connection())).flatten();
        let follower = Follower {
            log: log.clone(),
            projection,
            files,
            commits,
            checkpoints,
            damage: damage.clone(),
            questions,
            ask: ask_follower.clone(),
            uploads: uploads.clone(),
            memory: memory.clone(),
            hub: hub.clone(),
            metrics: metrics.clone(),
            health: health.clone(),
            applied: announce,
            batch_max: limits.apply_batch_max,
            erasing: Erasing::of(&*log),
        };
        let begins_epoch = !log.is_shared();
        let node = Node {
            log,
            memory,
            hub,
            applied,
            committed,
            damage,
            ask_follower,
            health,
            read_pool: Some(read_pool),
            clock,
            metrics,
            sessions: Mutex::new(Sessions::new(limits.sessions_max)),
            limits,
            seat: None,
            agreement: Arc::new(Agreement::of(Vocabulary::LATEST)),
            ends: Mutex::default(),
            is_open: AtomicBool::new(false),
            begins_epoch,
            deadlines: AtomicU64::new(0),
            stop: None,
            follower: None,
            _lookout: None,
            uploads,
            snapshots: None,
            _folder: None,
        };
        (node, follower)
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        if let Some(read_pool) = self.read_pool.take() {
            read_pool.close();
        }
        // It copies the tables, and asks the log.
        drop(self.snapshots.take());
        // Then the follower: it holds the log, and writes the projection.
        drop(self.stop.take());
        if let Some(follower) = self.follower.take() {
            follower.join().expect("its panic would have ended the process");
        }
    }
}
