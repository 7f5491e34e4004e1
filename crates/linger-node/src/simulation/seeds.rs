//! The decisions of a seed, and how many seeds are tried.
//!
//! To replay one: `LINGER_SEED=42 cargo test -p linger-node simulation`; with
//! `-- --nocapture` it also prints the story. To look further than every run of
//! the tests does: `LINGER_SEEDS=10000`.

use std::{
    any::Any,
    ops::Range,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Mutex,
        atomic::{AtomicU64, Ordering},
    },
    thread,
    time::Duration,
};

use super::faults::Faults;
use crate::{Limits, log::jetstream::simulated::Weather, tests::chance::Chance};

/// Everything that is drawn before the story begins.
#[derive(Clone)]
pub(super) struct Plan {
    pub(super) seed: u64,
    pub(super) users: u64,
    pub(super) readers: u64,
    pub(super) writers: u64,
    pub(super) asks_each: u64,
    pub(super) nodes: usize,
    pub(super) crashes: Vec<Crash>,
    pub(super) faults: Faults,
    /// Of a cluster, in the place of faults.
    pub(super) weather: Option<Weather>,
    pub(super) limits: Limits,
    /// The longest that the tables take to answer.
    pub(super) table_ms_max: u64,
}

/// The node ends at once, and starts again some time later.
#[derive(Debug, Clone, Copy)]
pub(super) struct Crash {
    pub(super) node: usize,
    pub(super) after_ms: u64,
    pub(super) down_ms: u64,
    pub(super) deletes_projection: bool,
}

impl Plan {
    /// Draws the plan of a seed.
    pub(super) fn of(seed: u64) -> Plan {
        let mut chance = Chance::new(seed).part(0);
        let crashes = chance.pick(&[0, 0, 1, 2, 4]);
        let crashes = (0..crashes).map(|_| Crash {
            node: 0,
            after_ms: chance.within(0..15_000),
            down_ms: chance.within(1..8000),
            deletes_projection: chance.happens(30),
        });
        let crashes = crashes.collect();
        // A tenth of the stories goes well: the others must not hide a fault there.
        let faults = match chance.happens(10) {
            true => Faults::NONE,
            false => Faults::draw(&mut chance),
        };
        let mut plan = Plan {
            seed,
            nodes: 1,
            weather: None,
            users: chance.within(3..6),
            readers: chance.within(4..8),
            writers: chance.within(2..5),
            asks_each: chance.within(5..14),
            crashes,
            faults,
            limits: Limits {
                recent_events_max: chance.pick(&[0, 1, 3, 10, 1000]),
                outcomes_max: chance.pick(&[1, 4, 1000]),
                apply_batch_max: chance.pick(&[1, 2, 512]),
                ..Limits::default()
            },
            table_ms_max: chance.pick(&[0, 3, 40]),
        };
        plan.limits.commit_after = Duration::from_millis(chance.pick(&[0, 50, 5000]));
        plan.limits.uncommitted_max = chance.pick(&[1, 3, 4096]);
        plan
    }

    /// Draws the plan of a seed with three nodes on a cluster.
    pub(super) fn of_cluster(seed: u64) -> Plan {
        let mut plan = Plan::of(seed);
        let mut chance = plan.chance(3000);
        plan.nodes = 3;
        plan.crashes.iter_mut().for_each(|crash| crash.node = chance.within(0..3) as usize);
        plan.weather = match chance.happens(10) {
            true => Some(Weather::default()),
            false => Some(Weather::draw(&mut chance)),
        };
        plan.faults = Faults::NONE;
        plan
    }

    /// Tells whether tables may be away for a moment.
    pub(super) fn has_trouble(&self) -> bool {
        self.faults.lose_tables()
    }

    /// Returns the chance of one part of the story.
    pub(super) fn chance(&self, part: u64) -> Chance {
        Chance::new(self.seed).part(1 + part)
    }
}

/// Returns the seed that the environment asks for.
pub(super) fn only_one() -> Option<u64> {
    number_of("LINGER_SEED")
}

/// Returns how many seeds are tried: as many as the environment asks for, or 200.
pub(super) fn how_many() -> u64 {
    number_of("LINGER_SEEDS").unwrap_or(200)
}

fn number_of(name: &str) -> Option<u64> {
    let value = std::env::var(name).ok()?;
    Some(value.parse().unwrap_or_else(|_| panic!("{name} is a number, not {value:?}")))
}

/// Runs every seed, on all processors. Panics with the line that replays the
/// first that fails.
pub(super) fn try_each(seeds: Range<u64>, run: impl Fn(u64) + Sync) {
    let next = AtomicU64::new(seeds.start);
    let failed = Mutex::new(None);
    let work = || {
        while failed.lock().unwrap().is_none() {
            let seed = next.fetch_add(1, Ordering::Relaxed);
            if !seeds.contains(&seed) {
                return;
            }
            if let Err(panic) = catch_unwind(AssertUnwindSafe(|| run(seed))) {
                failed.lock().unwrap().get_or_insert((seed, message_of(&*panic)));
            }
        }
    };
    thread::scope(|threads| {
        for _ in 0..thread::available_parallelism().map_or(1, usize::from) {
            threads.spawn(work);
        }
    });
    if let Some((seed, message)) = failed.into_inner().unwrap() {
        panic!("{message}\nreplay with: LINGER_SEED={seed} cargo test -p linger-node simulation");
    }
}

fn message_of(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_default()
}
