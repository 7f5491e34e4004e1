//! The town: nodes that come and go, and a clock that everybody acts by.
//!
//! It has one node on a log of its own, or three on a simulated cluster.
//! Each actor acts in milliseconds of its own, so that no two act at the same
//! instant: the seed decides the order, not the scheduler.

use std::{
    future::Future,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use linger_core::{Author, Command, Entry, LogId, Position, RoomKind, Slug, UserId};
use tokio::{
    sync::watch,
    task::JoinSet,
    time::{Instant, sleep, sleep_until, timeout},
};

use super::{
    faults::{Faults, FaultyLog},
    people::{self, Report},
    seeds::Plan,
};
use crate::{
    Node, RoomRef,
    log::{Log, jetstream::simulated::SimulatedStream, memory::MemoryLog},
    tests::{
        assembled::{Assembled, Parts},
        cast,
        chance::Chance,
    },
};

/// The actor who lets the node crash. Readers and writers follow.
const WEATHER: u64 = 0;
/// Longer than any delay of the log: by then everything has arrived.
const SETTLED: Duration = Duration::from_secs(30);
/// Time to recover after the tables gave up something, as the follower does, which tries
/// again after a second.
const TROUBLE_EVERY: Duration = Duration::from_secs(10);
const TROUBLE_MS_MAX: u64 = 1000;
/// No story takes longer, unless it stands still.
const STORY_MAX: Duration = Duration::from_secs(3600);

/// The things that all actors share.
pub(super) struct World {
    pub(super) plan: Plan,
    pub(super) users: Vec<UserId>,
    pub(super) rooms: Vec<RoomRef>,
    /// The writers are done, and everything that was under way has landed.
    pub(super) is_settled: AtomicBool,
    ground: Arc<Ground>,
    homes: Vec<Home>,
    begin: Instant,
    /// For each life of a node: the positions it had applied, with the times.
    applied: Mutex<Vec<Vec<(u64, Position)>>>,
}

/// The log under the town.
enum Ground {
    Alone(FaultyLog),
    Cluster(SimulatedStream),
}

/// The place of a node: its folder, and the node while it is up.
struct Home {
    parts: Parts,
    /// None while it is down.
    node: Mutex<Option<(usize, Arc<Node>)>>,
    /// How often the node has ended; a change ends everything that it was asked.
    ends: watch::Sender<usize>,
}

/// A node that somebody asks something.
pub(super) struct Visit {
    /// Which of all lives of nodes this is.
    pub(super) life: usize,
    pub(super) node: Arc<Node>,
    ends: watch::Receiver<usize>,
}

impl Visit {
    /// Does something until it is done, or until the node is no more.
    pub(super) async fn until_crash<T>(&mut self, something: impl Future<Output = T>) -> Option<T> {
        tokio::select! {
            biased;
            _ = self.ends.changed() => None,
            done = something => Some(done),
        }
    }
}

impl Ground {
    fn of(plan: &Plan) -> Ground {
        let chance = plan.chance(1000);
        match plan.weather {
            None => Ground::Alone(FaultyLog::new(chance)),
            Some(_) => Ground::Cluster(SimulatedStream::new(log_id(), chance)),
        }
    }

    /// Returns the log of a node that starts now.
    fn log(&self) -> Arc<dyn Log> {
        match self {
            Ground::Alone(log) => {
                log.announce_all();
                Arc::new(log.clone())
            }
            Ground::Cluster(stream) => Arc::new(stream.log()),
        }
    }

    /// From now on, things go wrong as planned, or never.
    fn set(&self, plan: Option<&Plan>) {
        match self {
            Ground::Alone(log) => log.set(plan.map_or(Faults::NONE, |plan| plan.faults)),
            Ground::Cluster(stream) => {
                stream.set(plan.and_then(|plan| plan.weather).unwrap_or_default());
            }
        }
    }

    fn loses_tables(&self) -> bool {
        matches!(self, Ground::Alone(log) if log.loses_tables())
    }

    fn entries(&self) -> Vec<Entry> {
        match self {
            Ground::Alone(log) => log.entries(),
            Ground::Cluster(stream) => stream.entries(),
        }
    }

    fn story(&self) -> Vec<String> {
        match self {
            Ground::Alone(log) => log.story(),
            Ground::Cluster(stream) => stream.story(),
        }
    }
}

/// All that happened.
pub(super) struct Story {
    pub(super) reports: Vec<Report>,
    pub(super) entries: Vec<Entry>,
    pub(super) applied: Vec<Vec<(u64, Position)>>,
    /// Of each node's tables.
    pub(super) fingerprints: Vec<String>,
    /// How many entries a cluster has erased.
    pub(super) erased: usize,
    /// How long an answer may take although it is there, because tables take their time.
    pub(super) slack_ms: u64,
    log: Vec<String>,
}

/// Returns which log every story is about.
pub(super) fn log_id() -> LogId {
    LogId::from_random(3)
}

/// Plays the story of a plan, from the first entry to the last page read.
pub(super) fn play(plan: &Plan) -> Story {
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
    runtime.unwrap().block_on(async {
        timeout(STORY_MAX, tell(plan)).await.expect("the story goes on: something never ends")
    })
}

async fn tell(plan: &Plan) -> Story {
    let (world, nodes) = World::build(plan.clone()).await;
    let (done, is_done) = watch::channel(());
    let weather = tokio::spawn(weather(world.clone(), nodes, is_done));
    let mut readers = JoinSet::new();
    for number in 0..plan.readers {
        readers.spawn(people::read(world.clone(), 1 + number));
    }
    let mut writers = JoinSet::new();
    for number in 0..plan.writers {
        writers.spawn(people::write(world.clone(), 1 + plan.readers + number));
    }

    let mut reports = writers.join_all().await;
    drop(done);
    world.ground.set(None);
    let nodes = weather.await.unwrap();
    sleep(SETTLED).await;
    world.is_settled.store(true, Ordering::Relaxed);
    reports.extend(readers.join_all().await);
    reports.sort_by_key(|report| report.actor);
    for (home, node) in world.homes.iter().zip(nodes) {
        assert_eq!(node.held(), (0, 0), "somebody left a place behind");
        *home.node.lock().unwrap() = None;
        node.crash().await;
    }
    let fingerprint = |home: &Home| home.parts.projection().fingerprint().unwrap();
    Story {
        reports,
        entries: world.ground.entries(),
        applied: world.applied.lock().unwrap().clone(),
        fingerprints: world.homes.iter().map(fingerprint).collect(),
        erased: match &*world.ground {
            Ground::Alone(_) => 0,
            Ground::Cluster(stream) => stream.erased(),
        },
        slack_ms: 3 * plan.table_ms_max + 5 + TROUBLE_MS_MAX * u64::from(plan.has_trouble()),
        log: world.ground.story(),
    }
}

/// Lets nodes crash and start again, as planned, until the writers are done.
async fn weather(
    world: Arc<World>,
    mut nodes: Vec<Assembled>,
    mut is_done: watch::Receiver<()>,
) -> Vec<Assembled> {
    for crash in &world.plan.crashes {
        tokio::select! {
            biased;
            _ = is_done.changed() => return nodes,
            () = world.turn(WEATHER, crash.after_ms) => {}
        }
        let home = &world.homes[crash.node];
        *home.node.lock().unwrap() = None;
        home.ends.send_modify(|ends| *ends += 1);
        nodes.remove(crash.node).crash().await;
        world.turn(WEATHER, crash.down_ms).await;
        if crash.deletes_projection {
            home.parts.delete_projection();
        }
        nodes.insert(crash.node, world.start(crash.node));
    }
    nodes
}

impl World {
    /// Builds the town: its users, #tea, #cellar and the lobby. Nothing goes
    /// wrong until that is done.
    async fn build(plan: Plan) -> (Arc<World>, Vec<Assembled>) {
        let begin = Instant::now();
        let ground = Arc::new(Ground::of(&plan));
        let homes = (0..plan.nodes).map(|_| Home {
            parts: World::parts(&plan, begin, &ground),
            node: Mutex::default(),
            ends: watch::Sender::new(0),
        });
        let homes = homes.collect();
        let mut world = World {
            users: Vec::new(),
            rooms: Vec::new(),
            is_settled: AtomicBool::new(false),
            ground,
            homes,
            begin,
            applied: Mutex::default(),
            plan,
        };
        let node = world.homes[0].parts.start_on(world.ground.log(), 1, world.is_alone());
        while node.ready().await.is_err() {}
        for number in 0..world.plan.users {
            world.users.push(
                until_done(&node, Author::Server, cast::create(&format!("user-{number}"))).await,
            );
        }
        for (slug, kind) in [("tea", RoomKind::Open), ("cellar", RoomKind::Closed)] {
            until_done(&node, Author::User(world.users[0]), cast::open(slug, kind)).await;
        }
        for slug in ["tea", "cellar", "lobby"] {
            world.rooms.push(node.room(&Slug::parse(slug).unwrap(), Some(world.users[0])).unwrap());
        }
        node.crash().await;
        let world = Arc::new(world);
        let nodes = (0..world.plan.nodes).map(|home| world.start(home)).collect();
        world.ground.set(Some(&world.plan));
        (world, nodes)
    }

    /// Returns a folder of a node, whose tables take their time, and fail, as planned.
    fn parts(plan: &Plan, begin: Instant, ground: &Arc<Ground>) -> Parts {
        // Each start has its own log; this one only says which it is.
        let log = Arc::new(MemoryLog::new(log_id()));
        let mut parts = Parts::on(log, plan.limits.clone());
        let (seed, ms_max) = (plan.seed, plan.table_ms_max);
        // By the time of day, because the seed does not decide who asks first.
        parts.table_time = Arc::new(move || {
            let ms = begin.elapsed().as_millis() as u64;
            Duration::from_millis(Chance::new(seed).part(2000 + ms).within(0..ms_max + 1))
        });
        let (tables, last) = (ground.clone(), Mutex::new(begin));
        parts.table_trouble = Arc::new(move |_| {
            let mut last = last.lock().unwrap();
            let is_trouble = last.elapsed() >= TROUBLE_EVERY && tables.loses_tables();
            if is_trouble {
                *last = Instant::now();
            }
            is_trouble
        });
        parts
    }

    /// Starts a node, for everybody to use at once, ready or not.
    fn start(self: &Arc<Self>, home: usize) -> Assembled {
        let Home { parts, node, ends } = &self.homes[home];
        let life = self.applied.lock().unwrap().len();
        // On a log of its own a clock may begin anew: the times of entries only go on.
        let clock = if self.is_alone() { 1 } else { 2 + life as u64 };
        let assembled = parts.start_on(self.ground.log(), clock, self.is_alone());
        let mut applied = assembled.applied.clone();
        let since = (self.ms(), *applied.borrow_and_update());
        self.applied.lock().unwrap().push(vec![since]);
        let world = self.clone();
        tokio::spawn(async move {
            while applied.changed().await.is_ok() {
                let reached = (world.ms(), *applied.borrow_and_update());
                world.applied.lock().unwrap()[life].push(reached);
            }
        });
        let opened = assembled.node();
        *node.lock().unwrap() = Some((life, opened.clone()));
        let mut visit = Visit { life, node: opened.clone(), ends: ends.subscribe() };
        tokio::spawn(async move { visit.until_crash(opened.ready()).await });
        assembled
    }

    /// Tells whether the one node has a log of its own, where each start begins an epoch.
    fn is_alone(&self) -> bool {
        matches!(*self.ground, Ground::Alone(_))
    }

    /// Returns any node, unless that is down. It may be behind what somebody has seen elsewhere.
    pub(super) fn visit(&self, chance: &mut Chance) -> Option<Visit> {
        let home = match self.homes.len() {
            1 => 0,
            several => chance.within(0..several as u64) as usize,
        };
        let Home { node, ends, .. } = &self.homes[home];
        let (life, node) = node.lock().unwrap().clone()?;
        Some(Visit { life, node, ends: ends.subscribe() })
    }

    /// Waits for so many milliseconds, and then for the actor's own next one.
    pub(super) async fn turn(&self, actor: u64, ms: u64) {
        let actors = 1 + self.plan.readers + self.plan.writers;
        let earliest = self.ms() + 1 + ms;
        let turn = earliest.next_multiple_of(actors) + actor;
        sleep_until(self.begin + Duration::from_millis(turn)).await;
    }

    /// Returns how many milliseconds the story has taken.
    pub(super) fn ms(&self) -> u64 {
        self.begin.elapsed().as_millis() as u64
    }
}

impl Story {
    /// Returns the deeds of everybody, actor by actor, and the result.
    pub(super) fn lines(&self) -> impl Iterator<Item = &str> {
        let of_actors = self.reports.iter().flat_map(|report| &report.lines);
        let lines = self.log.iter().chain(of_actors).map(String::as_str);
        lines.chain(self.fingerprints.iter().map(String::as_str))
    }
}

async fn until_done(node: &Node, author: Author, command: Command) -> UserId {
    let request_id = cast::request(&format!("setup-{}", node.latest().position));
    loop {
        match node.submit(author, cast::named(request_id.as_str(), &command), command.clone()).await
        {
            Ok(receipt) => return UserId::new(receipt.position),
            // The plan lets outcomes be forgotten: ask again.
            Err(refusal) => assert!(matches!(refusal, crate::Refusal::Unavailable(_)), "{refusal}"),
        }
    }
}
