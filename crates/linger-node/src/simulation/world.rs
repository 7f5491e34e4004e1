//! The town: a node that comes and goes, and a clock that everybody acts by.
//!
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

use linger_core::{Author, Command, Entry, Position, RoomKind, Slug, UserId};
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
    log: FaultyLog,
    parts: Parts,
    begin: Instant,
    /// None while it is down.
    node: Mutex<Option<Arc<Node>>>,
    /// How often the node has started; a change ends everything that it was asked.
    life: watch::Sender<usize>,
    /// For each life: the positions it had applied, with the times.
    applied: Mutex<Vec<Vec<(u64, Position)>>>,
}

/// All that happened.
pub(super) struct Story {
    pub(super) reports: Vec<Report>,
    pub(super) entries: Vec<Entry>,
    pub(super) applied: Vec<Vec<(u64, Position)>>,
    pub(super) fingerprint: String,
    /// How long an answer may take although it is there, because tables take their time.
    pub(super) slack_ms: u64,
    log: Vec<String>,
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
    let (world, node) = World::build(plan.clone()).await;
    let (done, is_done) = watch::channel(());
    let weather = tokio::spawn(weather(world.clone(), node, is_done));
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
    world.log.set(Faults::NONE);
    let node = weather.await.unwrap();
    sleep(SETTLED).await;
    world.is_settled.store(true, Ordering::Relaxed);
    reports.extend(readers.join_all().await);
    reports.sort_by_key(|report| report.actor);
    assert_eq!(node.held(), (0, 0), "somebody left a place behind");
    *world.node.lock().unwrap() = None;
    node.crash().await;
    Story {
        reports,
        entries: world.log.entries(),
        applied: world.applied.lock().unwrap().clone(),
        fingerprint: world.parts.projection().fingerprint().unwrap(),
        slack_ms: 3 * plan.table_ms_max + 5 + TROUBLE_MS_MAX * u64::from(plan.faults.lose_tables()),
        log: world.log.story(),
    }
}

/// Lets the node crash and start again, as planned, until the writers are done.
async fn weather(
    world: Arc<World>,
    mut node: Assembled,
    mut is_done: watch::Receiver<()>,
) -> Assembled {
    for crash in &world.plan.crashes {
        tokio::select! {
            biased;
            _ = is_done.changed() => return node,
            () = world.turn(WEATHER, crash.after_ms) => {}
        }
        *world.node.lock().unwrap() = None;
        world.life.send_modify(|life| *life += 1);
        node.crash().await;
        world.turn(WEATHER, crash.down_ms).await;
        if crash.deletes_projection {
            world.parts.delete_projection();
        }
        world.log.announce_all();
        node = world.start();
    }
    node
}

impl World {
    /// Builds the town: its users, #tea, #cellar and the lobby. Nothing goes
    /// wrong until that is done.
    async fn build(plan: Plan) -> (Arc<World>, Assembled) {
        let begin = Instant::now();
        let log = FaultyLog::new(plan.chance(1000));
        let mut parts = Parts::on(Arc::new(log.clone()), plan.limits.clone());
        let (seed, ms_max) = (plan.seed, plan.table_ms_max);
        // By the time of day, because the seed does not decide who asks first.
        parts.table_time = Arc::new(move || {
            let ms = begin.elapsed().as_millis() as u64;
            Duration::from_millis(Chance::new(seed).part(2000 + ms).within(0..ms_max + 1))
        });
        let (tables, last) = (log.clone(), Mutex::new(begin));
        parts.table_trouble = Arc::new(move |_| {
            let mut last = last.lock().unwrap();
            let is_trouble = last.elapsed() >= TROUBLE_EVERY && tables.loses_tables();
            if is_trouble {
                *last = Instant::now();
            }
            is_trouble
        });
        let mut world = World {
            users: Vec::new(),
            rooms: Vec::new(),
            is_settled: AtomicBool::new(false),
            log,
            parts,
            begin,
            node: Mutex::new(None),
            life: watch::Sender::new(0),
            applied: Mutex::default(),
            plan,
        };
        let node = world.parts.start();
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
        let node = world.start();
        world.log.set(world.plan.faults);
        (world, node)
    }

    /// Starts the node, for everybody to use at once, ready or not.
    fn start(self: &Arc<Self>) -> Assembled {
        let assembled = self.parts.start();
        let mut applied = assembled.applied.clone();
        self.applied.lock().unwrap().push(vec![(self.ms(), *applied.borrow_and_update())]);
        let world = self.clone();
        tokio::spawn(async move {
            let life = *world.life.borrow();
            while applied.changed().await.is_ok() {
                let reached = (world.ms(), *applied.borrow_and_update());
                world.applied.lock().unwrap()[life].push(reached);
            }
        });
        let (world, node) = (self.clone(), assembled.node());
        *self.node.lock().unwrap() = Some(node.clone());
        tokio::spawn(async move { world.until_crash(node.ready()).await });
        assembled
    }

    /// Returns the node, unless it is down, and which of its lives this is.
    pub(super) fn node(&self) -> Option<(usize, Arc<Node>)> {
        let node = self.node.lock().unwrap().clone();
        node.map(|node| (*self.life.borrow(), node))
    }

    /// Does something until it is done, or until the node is no more.
    pub(super) async fn until_crash<T>(&self, something: impl Future<Output = T>) -> Option<T> {
        let mut life = self.life.subscribe();
        tokio::select! {
            biased;
            _ = life.changed() => None,
            done = something => Some(done),
        }
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
        lines.chain(std::iter::once(self.fingerprint.as_str()))
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
