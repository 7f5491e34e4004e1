//! The faults of a round: each role dies once and hangs once, in any order and at random moments,
//! and comes back after some time, which may be shorter or longer than an election.
//!
//! A fault is over when all servers and nodes are well again and somebody's act was
//! acknowledged. The longest time until then in which nothing was acknowledged to anybody is
//! what it cost, and `in_all` says how the costs of many faults are spread.

use std::{
    fmt, thread,
    time::{Duration, Instant},
};

use rustix::process::Signal;

use super::{Cluster, authors::Acknowledgements};
use crate::{chance::Chance, process::until};

/// NATS takes 4 to 9 s for an election.
pub const AWAY_MAX: Duration = Duration::from_secs(15);
pub const AWAY_MOSTLY: Duration = Duration::from_secs(8);

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

/// A fault that is over.
pub struct Strike {
    fault: (Blow, Role),
    name: String,
    /// Since its round began.
    at: Duration,
    /// Until it was let come back.
    lasted: Duration,
    /// For so long nobody had anything acknowledged.
    pub away: Duration,
}

impl fmt::Display for Strike {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Strike { fault: (blow, role), name, at, lasted, away } = self;
        let (at, lasted, away) = (at.as_secs_f64(), lasted.as_secs_f64(), away.as_secs_f64());
        write!(
            f,
            "at {at:5.1} s {blow:?} {name} ({role:?}) for {lasted:.1} s: nothing acknowledged for {away:.1} s"
        )
    }
}

impl Strike {
    /// Returns the name of the server that was killed, if it was one.
    pub fn killed_server(&self) -> Option<&str> {
        let is_it = matches!(self.fault, (Blow::Kill, Role::Leader | Role::Follower));
        is_it.then_some(&*self.name)
    }
}

/// The events of a round, for those who look for a cause.
pub struct History {
    begun: Instant,
    lines: Vec<String>,
}

impl History {
    pub fn begin() -> History {
        History { begun: Instant::now(), lines: Vec::new() }
    }

    pub fn note(&mut self, line: &str) {
        self.lines.push(format!("{:6.2} s  {line}", self.begun.elapsed().as_secs_f64()));
    }
}

impl fmt::Display for History {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.lines.join("\n"))
    }
}

/// Does each fault once, in any order, each when the one before is over.
pub fn strike_all(
    cluster: &mut Cluster,
    acknowledgements: &Acknowledgements,
    chance: &mut Chance,
    history: &mut History,
) -> Vec<Strike> {
    let mut faults = FAULTS.to_vec();
    let mut strikes = Vec::new();
    while !faults.is_empty() {
        let fault = faults.swap_remove(chance.pick(0..faults.len() as u64) as usize);
        thread::sleep(Duration::from_millis(chance.pick(200..1500)));
        let (begun, at) = (Instant::now(), history.begun.elapsed());
        let (name, lasted) = strike(cluster, fault, chance, history);
        cluster.until_whole();
        // Somebody's act of after that is done.
        let count = acknowledgements.count();
        until("something is acknowledged", || acknowledgements.count() > count);
        let away = acknowledgements.longest_silence(begun);
        history.note(&format!("all is whole again; nothing was acknowledged for {away:?}"));
        let strike = Strike { fault, name, at, lasted, away };
        println!("{strike}");
        strikes.push(strike);
    }
    strikes
}

/// Ends or stops one, and brings it back after some time. Returns its name, and that time.
fn strike(
    cluster: &mut Cluster,
    (blow, role): (Blow, Role),
    chance: &mut Chance,
    history: &mut History,
) -> (String, Duration) {
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
    (name, time)
}

/// Tells how many faults there were and what they cost: all of them, and each kind by itself,
/// since most kinds cost next to nothing. `cargo xtask faults` shows these lines at its end.
pub fn in_all(strikes: &[Strike]) -> Vec<String> {
    let of = |fault: (Blow, Role)| strikes.iter().filter(move |it| it.fault == fault);
    let kinds = FAULTS.into_iter().map(|fault| (format!("{:?} {:?}", fault.0, fault.1), fault));
    let kinds = kinds.map(|(name, fault)| spread(&name, of(fault).map(|it| it.away).collect()));
    let all = spread("all faults", strikes.iter().map(|it| it.away).collect());
    std::iter::once(all).chain(kinds).map(|line| format!("In all: {line}")).collect()
}

fn spread(name: &str, mut away: Vec<Duration>) -> String {
    away.sort();
    let count = away.len();
    let Some(longest) = away.last() else { return format!("{name}: none") };
    let (median, longest) = (away[count / 2].as_secs_f64(), longest.as_secs_f64());
    let short = away.iter().filter(|time| **time < AWAY_MOSTLY).count();
    format!(
        "{name}: {count}; nothing acknowledged for {median:.1} s (median), {longest:.1} s at most; {short} under {AWAY_MOSTLY:?}"
    )
}

#[test]
fn the_costs_of_faults_are_told_for_all_and_for_each_kind() {
    let strike = |role, seconds| Strike {
        fault: (Blow::Kill, role),
        name: String::new(),
        at: Duration::ZERO,
        lasted: Duration::ZERO,
        away: Duration::from_secs(seconds),
    };
    let strikes =
        [(Role::Leader, 9), (Role::Node, 0), (Role::Leader, 6)].map(|(r, s)| strike(r, s));
    let lines = in_all(&strikes);
    let costs = "nothing acknowledged for 6.0 s (median), 9.0 s at most; 2 under 8s";
    assert_eq!(lines[0], format!("In all: all faults: 3; {costs}"));
    let costs = "nothing acknowledged for 9.0 s (median), 9.0 s at most; 1 under 8s";
    assert_eq!(lines[1], format!("In all: Kill Leader: 2; {costs}"));
    assert_eq!(lines[2], "In all: Stop Leader: none");
    assert_eq!(lines.len(), 1 + FAULTS.len());
}
