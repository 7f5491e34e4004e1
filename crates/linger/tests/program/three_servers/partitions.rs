//! Partitions: one server or one node is cut off, also one way only, also while another server is
//! stopped. Those who have no majority refuse sends and show what they have; afterwards all go
//! on, and nothing differs.

use std::{
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::{Duration, Instant},
};

use rustix::process::Signal;

use super::{
    Cluster,
    End::{self, Node, Server},
    Reach, checks, is_long_run,
};
use crate::{client::Client, hosts, process::until, ways::texts_of};

/// A node that has no majority refuses sends that begin later than this.
const REFUSED_WITHIN: Duration = Duration::from_secs(6);
/// At the door, once it knows.
const AT_ONCE: Duration = Duration::from_secs(1);
/// Those that have one go on within this time where a leader must be elected: 4 to 9 s.
const ELECTION: Duration = Duration::from_secs(15);
/// And within this time where none must.
const NO_ELECTION: Duration = Duration::from_secs(9);
/// A server that is cut off is left after 10 to 15 s, maybe for itself once.
const LEFT_WITHIN: Duration = Duration::from_secs(40);
/// A send that was on its way may be answered only after 10 s, since nobody knows what came of
/// it. Others must be refused before.
const PATIENCE_WITH_A_SEND: Duration = Duration::from_secs(4);

/// A partition, when server `it` leads the stream.
struct Case {
    name: &'static str,
    /// Nothing arrives from the first at the second.
    cuts: fn(it: usize) -> Vec<(End, End)>,
    /// The server that is stopped at the same time.
    stopped: fn(it: usize) -> Option<usize>,
    lasts: Duration,
    nodes: [Fate; 3],
}

/// The fate of a node meanwhile; the first one is that of the leader's own number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    Refuses,
    GoesOn,
    /// Elections that nobody wins may go on and on: it does one or the other.
    Either,
}

use Fate::{Either, GoesOn, Refuses};

/// Returns both directions.
fn both(one: End, other: End) -> [(End, End); 2] {
    [(one, other), (other, one)]
}

/// Returns the numbers of the other two.
fn others(it: usize) -> [usize; 2] {
    [(it + 1) % 3, (it + 2) % 3]
}

const CASES: [Case; 8] = [
    Case {
        name: "the leader and its node are cut off",
        cuts: |it| {
            others(it).into_iter().flat_map(|other| both(Server(it), Server(other))).collect()
        },
        stopped: |_| None,
        lasts: ELECTION,
        nodes: [Refuses, GoesOn, GoesOn],
    },
    Case {
        name: "another server and its node are cut off",
        cuts: |it| {
            let [cut, third] = others(it);
            let from = [it, third].into_iter();
            from.flat_map(|other| both(Server(cut), Server(other))).collect()
        },
        stopped: |_| None,
        lasts: NO_ELECTION,
        nodes: [GoesOn, Refuses, GoesOn],
    },
    Case {
        name: "the leader is not heard by the other servers",
        cuts: |it| others(it).map(|other| (Server(it), Server(other))).into(),
        stopped: |_| None,
        lasts: ELECTION,
        nodes: [Refuses, GoesOn, GoesOn],
    },
    Case {
        name: "the leader hears no other server",
        cuts: |it| others(it).map(|other| (Server(other), Server(it))).into(),
        stopped: |_| None,
        lasts: ELECTION,
        nodes: [Refuses, GoesOn, GoesOn],
    },
    Case {
        name: "a node is cut off",
        cuts: |it| both(Node(it), Server(it)).into(),
        stopped: |_| None,
        lasts: NO_ELECTION,
        nodes: [Refuses, GoesOn, GoesOn],
    },
    Case {
        name: "a node is not heard, while another server is stopped",
        cuts: |it| vec![(Node(it), Server(it))],
        stopped: |it| Some(others(it)[0]),
        lasts: NO_ELECTION,
        nodes: [Refuses, Refuses, GoesOn],
    },
    Case {
        name: "a node hears nothing",
        cuts: |it| vec![(Server(it), Node(it))],
        stopped: |_| None,
        lasts: NO_ELECTION,
        nodes: [Refuses, GoesOn, GoesOn],
    },
    Case {
        name: "the leader is cut off, while another server is stopped",
        cuts: |it| {
            others(it).into_iter().flat_map(|other| both(Server(it), Server(other))).collect()
        },
        stopped: |it| Some(others(it)[0]),
        lasts: NO_ELECTION,
        nodes: [Refuses, Refuses, Refuses],
    },
];

/// In a long run only: the other way of what has a case above, which found nothing more so far.
const MORE_CASES: [Case; 2] = [
    Case {
        name: "another server hears nothing, and asks to lead again and again",
        cuts: |it| {
            let [deaf, third] = others(it);
            [it, third].map(|other| (Server(other), Server(deaf))).into()
        },
        stopped: |_| None,
        lasts: ELECTION,
        nodes: [Either, Refuses, Either],
    },
    Case {
        name: "another server is not heard",
        cuts: |it| {
            let [mute, third] = others(it);
            [it, third].map(|other| (Server(mute), Server(other))).into()
        },
        stopped: |_| None,
        lasts: NO_ELECTION,
        nodes: [GoesOn, Refuses, GoesOn],
    },
];

#[test]
fn whoever_is_cut_off_refuses_sends_shows_what_it_has_and_goes_on_afterwards_like_all_others() {
    if !hosts::is_inside(concat!(
        "three_servers::partitions::",
        "whoever_is_cut_off_refuses_sends_shows_what_it_has_and_goes_on_afterwards_like_all_others"
    )) {
        return;
    }
    let mut cluster = Cluster::start_apart(Reach::OwnServer);
    let ann = cluster.guest("ann");
    let more = MORE_CASES.iter().filter(|_| is_long_run());
    for (number, case) in CASES.iter().chain(more).enumerate() {
        let room = format!("cut-{number}");
        ann.again(cluster.addresses.of(0)).open(&room, "open");
        for node in 0..3 {
            until("each node has the room", || {
                cluster.visitor(node).get(&format!("/api/v1/rooms/{room}")).status == 200
            });
        }
        case.run(&mut cluster, &ann, &room);
    }
}

/// A node that reaches the other servers, too, does not stay with the one that is cut off.
#[test]
fn a_node_leaves_a_server_that_is_cut_off_from_the_others() {
    if !hosts::is_inside(
        "three_servers::partitions::a_node_leaves_a_server_that_is_cut_off_from_the_others",
    ) {
        return;
    }
    let cluster = Cluster::start_apart(Reach::AllServers);
    let ann = cluster.guest("ann");
    cluster.until_whole();
    let leader = cluster.nats.group().expect("all is whole").leader;
    let network = cluster.network.as_ref().expect("they are apart");
    for (from, to) in others(leader).map(|other| both(Server(leader), Server(other))).concat() {
        network.cut(from.host(), to.host());
    }
    let cut_at = Instant::now();
    // Each node has several connections, with servers that they chose by chance.
    for node in 0..3 {
        let does_all = || {
            let mut ann = ann.again(cluster.addresses.of(node));
            let file = format!("/api/v1/files?name={node}.txt");
            let file = ann.try_call("POST", &file, &[], format!("of node {node}"));
            let sent = ann.try_send("lobby", &format!("left-{node}"), "still here");
            [file, sent].iter().all(|it| it.as_ref().is_ok_and(|it| it.status < 300))
        };
        until("a node works with the servers that have a majority", does_all);
        let after = cut_at.elapsed();
        println!("node {node} works again {after:.1?} after the server was cut off");
        assert!(after < LEFT_WITHIN, "{after:?}");
    }
    for node in 0..3 {
        let mut ann = ann.again(cluster.addresses.of(node));
        for number in 0..20 {
            let id = format!("goes-on-{node}-{number}");
            ann.try_send("lobby", &id, &id).unwrap().expect(201);
        }
    }
    network.mend();
    cluster.until_whole();
    checks::check_tables(&cluster, &ann);
}

/// Stops those who talk, at its end.
struct Over<'a>(&'a AtomicBool);

impl Drop for Over<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// A send, and what came of it.
struct Try {
    id: String,
    begun: Instant,
    took: Duration,
    /// None: no answer at all.
    status: Option<u16>,
}

impl Try {
    fn is_done(&self) -> bool {
        self.status.is_some_and(|status| status < 300)
    }
}

/// Says one thing after another at one node.
fn talk(ann: &Client, room: &str, node: usize, stop: &AtomicBool, tries: &mut Vec<Try>) {
    let mut ann = ann.again(ann.address).with_patience(PATIENCE_WITH_A_SEND);
    for number in 0.. {
        if stop.load(Ordering::Relaxed) {
            return;
        }
        let (begun, id) = (Instant::now(), format!("{room}-{node}-{number}"));
        let answer = ann.try_send(room, &id, &id);
        let status = answer.ok().map(|answer| answer.status);
        tries.push(Try { id, begun, took: begun.elapsed(), status });
        thread::sleep(Duration::from_millis(50));
    }
}

impl Case {
    fn run(&self, cluster: &mut Cluster, ann: &Client, room: &str) {
        cluster.until_whole();
        let leader = cluster.nats.group().expect("all is whole").leader;
        let fate_of = |node: usize| self.nodes[(node + 3 - leader) % 3];
        let stop = AtomicBool::new(false);
        let mut tries: [Vec<Try>; 3] = Default::default();
        let cut_at = Instant::now();
        thread::scope(|threads| {
            let stop = &stop;
            // Also when something below fails: they would talk on and on.
            let _over = Over(stop);
            for (node, tries) in tries.iter_mut().enumerate() {
                let ann = ann.again(cluster.addresses.of(node));
                threads.spawn(move || talk(&ann, room, node, stop, tries));
            }
            let network = cluster.network.as_ref().expect("they are apart");
            let stopped = (self.stopped)(leader).map(|it| &cluster.nats.servers[it]);
            (self.cuts)(leader)
                .into_iter()
                .for_each(|(from, to)| network.cut(from.host(), to.host()));
            stopped.inspect(|server| server.signal(Signal::STOP));
            thread::sleep(self.lasts);
            for node in (0..3).filter(|node| fate_of(*node) == Refuses) {
                self.check_cut_off(cluster, room, node);
            }
            network.mend();
            stopped.inspect(|server| server.signal(Signal::CONT));
            let mended = Instant::now();
            cluster.until_whole();
            println!("{}: all is whole {:.1?} after it was mended", self.name, mended.elapsed());
        });
        for (node, tries) in tries.iter().enumerate() {
            self.check_tries(node, fate_of(node), cut_at, tries);
        }
        self.check_all_there(cluster, ann, room, &tries);
    }

    /// Checks that a node that is cut off says so, and shows what it has.
    fn check_cut_off(&self, cluster: &Cluster, room: &str, node: usize) {
        let mut visitor = cluster.visitor(node);
        let asked = Instant::now();
        assert_eq!(visitor.get("/ready").status, 503, "{}: node {node}", self.name);
        visitor.get(&format!("/api/v1/rooms/{room}/messages")).expect(200);
        visitor.get(&format!("/api/v1/rooms/{room}/events?after=start&wait=0")).expect(200);
        visitor.get("/api/v1/rooms").expect(200);
        let took = asked.elapsed();
        assert!(took < 2 * AT_ONCE, "{}: node {node} reads in {took:?}", self.name);
    }

    /// Checks what came of the sends while it was cut off.
    fn check_tries(&self, node: usize, fate: Fate, cut_at: Instant, tries: &[Try]) {
        let name = self.name;
        let meanwhile = |it: &&Try| it.begun > cut_at && it.begun < cut_at + self.lasts;
        let tries: Vec<_> = tries.iter().filter(meanwhile).collect();
        let told = || {
            let each = tries.iter().take(20).map(|it| {
                let at = (it.begun - cut_at).as_secs_f64();
                format!("{at:.1} s {:?} in {:?}", it.status, it.took)
            });
            format!("{name}: node {node} {fate:?}: {}", each.collect::<Vec<_>>().join(", "))
        };
        let refused = |it: &&&Try| it.status == Some(503);
        match fate {
            Refuses => {
                // One that began earlier may still be waiting for what becomes of it.
                let is_late = |it: &&&Try| it.begun > cut_at + REFUSED_WITHIN;
                let later: Vec<_> = tries.iter().filter(is_late).collect();
                assert!(!later.is_empty(), "{}", told());
                for it in later {
                    assert!(it.status == Some(503) && it.took < AT_ONCE, "{}", told());
                }
            }
            GoesOn => {
                let done = |it: &&&Try| it.is_done() && it.begun + it.took > cut_at + AT_ONCE;
                assert!(tries.iter().any(|it| done(&it)), "{}", told());
            }
            Either => {}
        }
        let refused = tries.iter().find(refused).map(|it| it.begun + it.took - cut_at);
        let done = tries.iter().rev().find(|it| it.is_done()).map(|it| it.begun - cut_at);
        println!(
            "{name}: node {node} {fate:?}: first refused after {refused:.1?}, last done {done:.1?}"
        );
    }

    /// Repeats all sends, and checks that each is there once, and that all nodes have the same.
    fn check_all_there(&self, cluster: &Cluster, ann: &Client, room: &str, tries: &[Vec<Try>; 3]) {
        let name = self.name;
        let mut ann = ann.again(cluster.addresses.of(0));
        let all: Vec<_> = tries.iter().flatten().collect();
        for it in &all {
            let statuses: &[u16] = if it.is_done() { &[200] } else { &[200, 201] };
            // The servers may elect once more, just after they were whole.
            until("the repeat has its answer", || {
                let repeat = ann.again(ann.address).try_send(room, &it.id, &it.id).unwrap();
                let is_answered = statuses.contains(&repeat.status);
                assert!(is_answered || repeat.status == 503, "{name}: {} {repeat:?}", it.id);
                is_answered
            });
        }
        let mut texts = texts_of(&ann.history(room, 200));
        let mut ids: Vec<_> = all.iter().map(|it| it.id.clone()).collect();
        texts.sort_unstable();
        ids.sort_unstable();
        assert_eq!(texts, ids, "{name}");
        checks::check_tables(cluster, &ann);
    }
}
