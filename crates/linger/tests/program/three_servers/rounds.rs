//! Rounds of faults: `kill -9` and SIGSTOP of each role (the servers' leader, another server, a
//! node), one after another in any order and at random times, under 8 writers and 20 readers.
//!
//! Two rounds are in the test suite; `cargo xtask faults` runs more. A round that fails prints its
//! seed and what happened in it. The clients and faults of a seed make the same choices each
//! time, but the processes have their own timing.

use std::{
    collections::HashSet,
    fmt,
    panic::{AssertUnwindSafe, catch_unwind, resume_unwind},
    sync::atomic::{AtomicBool, AtomicU64, Ordering},
    thread,
    time::{Duration, Instant},
};

use rustix::process::Signal;

use super::{
    Cluster,
    authors::{Acknowledgements, Author, Written},
    checks::{self, ERASED_FROM_SERVERS_WITHIN},
    is_long_run, number,
    readers::{Reader, Seen},
    rounds_asked,
};
use crate::{
    chance::Chance,
    client::Client,
    process::{PATIENCE, until},
};

const WRITERS: u64 = 8;
const READERS: u64 = 20;
/// In the test suite.
const ROUNDS: u64 = 2;
/// NATS takes 4 to 9 s for an election.
const AWAY_MAX: Duration = Duration::from_secs(15);
const AWAY_MOSTLY: Duration = Duration::from_secs(8);

/// Something that can be ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Role {
    Leader,
    Follower,
    Node,
}

/// The fault that it has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Blow {
    Kill,
    Stop,
}

const FAULTS: [(Blow, Role); 6] = [
    (Blow::Kill, Role::Leader),
    (Blow::Stop, Role::Leader),
    (Blow::Kill, Role::Follower),
    (Blow::Stop, Role::Follower),
    (Blow::Kill, Role::Node),
    (Blow::Stop, Role::Node),
];

/// A fault, and for how long nobody had anything acknowledged.
struct Away {
    fault: (Blow, Role),
    time: Duration,
}

impl fmt::Display for Away {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (blow, role) = self.fault;
        write!(f, "{blow:?} {role:?} {:.1} s", self.time.as_secs_f64())
    }
}

/// The events of a round, for those who look for a cause.
struct History {
    begun: Instant,
    lines: Vec<String>,
}

impl History {
    fn note(&mut self, line: &str) {
        self.lines.push(format!("{:6.2} s  {line}", self.begun.elapsed().as_secs_f64()));
    }
}

/// Ends all who write and read, also when something went wrong: nobody would ever end else.
struct End<'a> {
    stop: &'a AtomicBool,
    last: &'a AtomicU64,
}

impl Drop for End<'_> {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        self.last.store(0, Ordering::Relaxed);
    }
}

#[test]
fn whatever_dies_or_hangs_every_acknowledged_message_is_read_once_by_every_reader_in_one_order() {
    let rounds = rounds_asked().unwrap_or(ROUNDS);
    let seed = number("LINGER_FAULT_SEED").unwrap_or(1);
    let mut cluster = Cluster::start();
    let ann = cluster.guest("ann");
    let (mut away, mut gone) = (Vec::new(), HashSet::new());
    for round in 0..rounds {
        let seed = seed + round;
        let mut history = History { begun: Instant::now(), lines: Vec::new() };
        let run = AssertUnwindSafe(|| run_round(&mut cluster, &ann, seed, &mut history));
        let done = catch_unwind(run).unwrap_or_else(|reason| {
            let lines = history.lines.join("\n");
            eprintln!("This round failed: cargo xtask faults --rounds 1 --seed {seed}\n{lines}\n");
            resume_unwind(reason)
        });
        println!("round {} of {rounds}, seed {seed}: {done}", round + 1);
        away.extend(done.away);
        gone.extend(done.gone);
    }
    checks::check_newcomer(&mut cluster, &ann);
    let mut times: Vec<_> = away.iter().map(|away| away.time).collect();
    times.sort();
    let (median, longest) = (times[times.len() / 2], times[times.len() - 1]);
    println!("away for {median:?} (median of {}), {longest:?} at most", times.len());
    assert!(longest < AWAY_MAX && median < AWAY_MOSTLY, "away for {times:?}");
    if is_long_run() {
        let begun = Instant::now();
        let gone = gone.iter().map(String::as_str).collect();
        checks::check_erased_from_servers(&cluster, &gone);
        println!(
            "{} texts left the servers' files after {:?}, of {ERASED_FROM_SERVERS_WITHIN:?}",
            gone.len(),
            begun.elapsed()
        );
    }
}

/// The result of a round that went well.
struct Done {
    away: Vec<Away>,
    gone: Vec<String>,
    acts: usize,
    longest: Duration,
    behind: u32,
}

impl fmt::Display for Done {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let away: Vec<_> = self.away.iter().map(Away::to_string).collect();
        let Done { acts, longest, behind, .. } = self;
        write!(
            f,
            "{acts} acknowledged, {} taken back, one waited {:.1} s at most, {behind} came before their message; nothing acknowledged for: {}",
            self.gone.len(),
            longest.as_secs_f64(),
            away.join(", ")
        )
    }
}

fn run_round(cluster: &mut Cluster, ann: &Client, seed: u64, history: &mut History) -> Done {
    let mut chance = Chance::new(seed);
    let room = format!("round-{seed}");
    ann.again(cluster.addresses.of(0)).open(&room, "open");
    let people: Vec<_> = (0..WRITERS).map(|number| cluster.guest(&format!("w{number}"))).collect();
    let known = |node| {
        let room = cluster.visitor(node).get(&format!("/api/v1/rooms/{room}"));
        room.status == 200
    };
    (0..3).for_each(|node| until("each node has the room", || known(node)));
    let acknowledgements = Acknowledgements::default();
    let (stop, last) = (AtomicBool::new(false), AtomicU64::new(u64::MAX));

    let addresses = cluster.addresses.clone();
    let (away, written, told, read) = thread::scope(|threads| {
        let (addresses, room) = (&addresses, room.as_str());
        let (acknowledgements, stop, last) = (&acknowledgements, &stop, &last);
        let writing: Vec<_> = people
            .iter()
            .zip(0..)
            .map(|(person, number)| {
                let node = number as usize;
                let seed = seed * 100 + number;
                let client = person.again(addresses.of(node));
                let author = Author::new(client, addresses, node, room, seed);
                threads.spawn(move || author.write(acknowledgements, stop))
            })
            .collect();
        let reading: Vec<_> = (0..READERS)
            .map(|number| {
                let node = number as usize;
                let person = &people[node % people.len()];
                // A half of them are visitors.
                let mut client = person.again(addresses.of(node));
                client.token.take_if(|_| number % 2 == 1);
                let reader = Reader::new(client, addresses, node, room, number);
                let way = reader.way;
                (way, threads.spawn(move || reader.read(last)))
            })
            .collect();
        let end = End { stop, last };
        let away = strike_all(cluster, acknowledgements, &mut chance, history);
        stop.store(true, Ordering::Relaxed);
        let written: Vec<Written> = writing.into_iter().map(|it| it.join().unwrap()).collect();
        let mut ann = ann.again(addresses.of(0));
        let acts: usize = written.iter().map(|written| written.acts.len()).sum();
        let deadline = Instant::now() + PATIENCE;
        let told: Vec<_> = loop {
            let all = ann.read_all(&format!("/api/v1/rooms/{room}/events"));
            let told: Vec<_> = all.iter().map(Seen::of).collect();
            // The node may have been stopped a moment ago, and be behind.
            let is_all = told.iter().filter(|seen| seen.message.is_some()).count() >= acts;
            if is_all || Instant::now() > deadline {
                break told;
            }
            thread::sleep(Duration::from_millis(100));
        };
        last.store(told.last().map_or(0, |seen| seen.number), Ordering::Relaxed);
        let read: Vec<_> =
            reading.into_iter().map(|(way, reader)| (way, reader.join().unwrap())).collect();
        drop(end);
        (away, written, told, read)
    });
    history.note("all is written and read");

    checks::check_written(&told, &written);
    checks::check_read(&told, &read);
    for (author, written) in people.iter().zip(&written) {
        checks::check_repeats(cluster, &room, author, &written.acts);
    }
    checks::check_tables(cluster, ann);
    history.note("the tables are equal");
    checks::check_erased(cluster, &written);
    Done {
        away,
        acts: written.iter().map(|it| it.acts.len()).sum(),
        longest: written.iter().map(|it| it.longest).max().unwrap_or_default(),
        behind: written.iter().map(|it| it.behind).sum(),
        gone: written.into_iter().flat_map(|it| it.gone).collect(),
    }
}

/// Does each fault once, in any order, each when the one before is over.
fn strike_all(
    cluster: &mut Cluster,
    acknowledgements: &Acknowledgements,
    chance: &mut Chance,
    history: &mut History,
) -> Vec<Away> {
    let mut faults = FAULTS.to_vec();
    let mut away = Vec::new();
    while !faults.is_empty() {
        let fault = faults.swap_remove(chance.pick(0..faults.len() as u64) as usize);
        thread::sleep(Duration::from_millis(chance.pick(200..1500)));
        let begun = Instant::now();
        strike(cluster, fault, chance, history);
        cluster.until_whole();
        // Somebody's act of after that is done.
        let count = acknowledgements.count();
        until("something is acknowledged", || acknowledgements.count() > count);
        let time = acknowledgements.longest_silence(begun);
        away.push(Away { fault, time });
        history.note(&format!("all is whole again; nothing was acknowledged for {time:?}"));
    }
    away
}

/// Ends or stops one, and brings it back after some time.
fn strike(
    cluster: &mut Cluster,
    (blow, role): (Blow, Role),
    chance: &mut Chance,
    history: &mut History,
) {
    let group = cluster.nats.group().expect("all is whole");
    let which = match role {
        Role::Leader => group.leader,
        Role::Follower => (group.leader + chance.pick(1..3) as usize) % 3,
        Role::Node => chance.pick(0..3) as usize,
    };
    let is_node = role == Role::Node;
    let name = if is_node { format!("node {which}") } else { format!("n{}", which + 1) };
    // Long enough for an election, or not.
    let time = Duration::from_millis(match blow {
        Blow::Kill => chance.pick(0..3000),
        Blow::Stop => chance.pick(500..9000),
    });
    history.note(&format!("{blow:?} {name} ({role:?}) for {time:?}"));
    match (blow, is_node) {
        (Blow::Kill, true) => cluster.kill_node(which),
        (Blow::Kill, false) => cluster.nats.servers[which].kill(),
        (Blow::Stop, true) => cluster.signal_node(which, Signal::STOP),
        (Blow::Stop, false) => cluster.nats.servers[which].signal(Signal::STOP),
    }
    thread::sleep(time);
    history.note(&format!("{name} comes back"));
    match (blow, is_node) {
        (Blow::Kill, true) => cluster.start_node(which),
        (Blow::Kill, false) => cluster.nats.servers[which].start(),
        (Blow::Stop, true) => cluster.signal_node(which, Signal::CONT),
        (Blow::Stop, false) => cluster.nats.servers[which].signal(Signal::CONT),
    }
    if blow == Blow::Kill && !is_node {
        cluster.nats.servers[which].until_it_listens();
    }
}
