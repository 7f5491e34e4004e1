//! A server's store is cleared, and the server copies everything anew: the remedy of
//! `docs/operating.md` for deleted text that stays in the files of a server.
//!
//! NATS itself leaves it there, in a server that was killed while something was deleted. A long
//! run ([`super::rounds`]) says where such text is after the time that all others need, applies
//! the remedy to each server that has some, and then wants it gone. Text in a node's files, or in
//! those of a server that was never killed, is a failure. The remedy itself is tried in each
//! run of the tests.

use std::{
    collections::{BTreeMap, BTreeSet, HashSet},
    fmt, fs, thread,
    time::{Duration, Instant},
};

use serde_json::json;

use super::{
    Cluster,
    authors::Written,
    checks::{self, ERASED_FROM_SERVERS_WITHIN, answered, words_by_file, words_in},
    readers::Seen,
    replicas::{are_whole, is_healthy},
};
use crate::{
    client::Client,
    process::{PATIENCE, until},
};

/// The room of all that is said during the remedy.
pub const ROOM: &str = "remedy";
const SERVERS: [&str; 3] = ["n1", "n2", "n3"];

/// All that was acknowledged in a room.
pub struct Talk {
    pub room: String,
    pub written: Vec<Written>,
}

/// Deleted texts in files of servers: how many each file has.
#[derive(PartialEq, Eq)]
struct Left(BTreeMap<String, usize>);

impl Left {
    fn find(cluster: &Cluster, gone: &HashSet<&str>) -> Left {
        let folder = cluster.nats.folder.path();
        let here = format!("{}/", folder.display());
        let count =
            |words: HashSet<String>| words.iter().filter(|it| gone.contains(&***it)).count();
        let files = words_by_file(folder).into_iter();
        let files = files.map(|(name, words)| (name.replace(&here, ""), count(words)));
        Left(files.filter(|(_, count)| *count > 0).collect())
    }

    /// Returns the servers whose files these are: each has a folder of its name.
    fn servers(&self) -> BTreeSet<&str> {
        self.0.keys().map(|file| file.split('/').next().unwrap()).collect()
    }
}

impl fmt::Display for Left {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let files: Vec<_> =
            self.0.iter().map(|(file, count)| format!("{count} in {file}")).collect();
        f.write_str(if files.is_empty() { "none" } else { "" })?;
        f.write_str(&files.join(", "))
    }
}

/// Checks that deleted text leaves the servers' files: by itself, or by the remedy where a server
/// was killed. In a run that left none, one server of those that were killed has the remedy.
pub fn check(cluster: &mut Cluster, ann: &Client, talks: &[Talk], killed: &BTreeSet<&str>) {
    let gone: HashSet<&str> = talks.iter().flat_map(|it| checks::gone_of(&it.written)).collect();
    let begun = Instant::now();
    let left = until_none_is_left(cluster, &gone);
    println!(
        "In all: of {} deleted texts, {:.0} s later these stand in servers' files: {left}",
        gone.len(),
        begun.elapsed().as_secs_f64()
    );
    let answerable: Vec<_> = left.servers().difference(killed).copied().collect();
    assert!(answerable.is_empty(), "{answerable:?} were never killed, and have text: {left}");
    check_nodes(cluster, &gone);

    ann.again(cluster.addresses.of(0)).open(ROOM, "open");
    let servers = left.servers();
    let servers =
        if servers.is_empty() { killed.iter().take(1).copied().collect() } else { servers };
    let mut said: Vec<Said> = Vec::new();
    for server in servers {
        said.extend(apply(cluster, ann, number_of(server)));
        let left = Left::find(cluster, &gone);
        println!("In all: after the remedy on {server}, deleted texts in servers' files: {left}");
    }
    let left = Left::find(cluster, &gone);
    assert!(left.0.is_empty(), "the remedy left {left}");
    check_nodes(cluster, &gone);
    check_all_is_there(cluster, ann, talks, &said);
}

/// Waits until no deleted text is in the servers' files, but no longer than that takes by itself.
fn until_none_is_left(cluster: &Cluster, gone: &HashSet<&str>) -> Left {
    let deadline = Instant::now() + ERASED_FROM_SERVERS_WITHIN;
    loop {
        let left = Left::find(cluster, gone);
        if left.0.is_empty() || Instant::now() > deadline {
            return left;
        }
        thread::sleep(Duration::from_millis(500));
    }
}

fn check_nodes(cluster: &Cluster, gone: &HashSet<&str>) {
    for (folder, node) in cluster.folders.iter().zip(0..) {
        let there = words_in(folder.path());
        let left: Vec<_> = gone.iter().filter(|word| there.contains(**word)).collect();
        assert!(left.is_empty(), "node {node} has {left:?}");
    }
}

/// Checks that every acknowledged message is there for a reader at each node, one of which
/// reads the log from its beginning, and that the cluster promises what it did before.
fn check_all_is_there(cluster: &mut Cluster, ann: &Client, talks: &[Talk], said: &[Said]) {
    checks::check_newcomer(cluster, ann);
    for node in 0..3 {
        let mut ann = ann.again(cluster.addresses.of(node)).with_patience(PATIENCE);
        for Talk { room, written } in talks {
            let all = ann.read_all(&format!("/api/v1/rooms/{room}/events"));
            let told: Vec<_> = all.iter().map(Seen::of).collect();
            checks::check_written(&told, written);
        }
        for Said { message, file, text } in said {
            let found = ann.get(&format!("/api/v1/messages/{message}")).expect(200);
            assert_eq!(found["message"]["text"], **text, "message {message} at node {node}");
            assert_eq!(ann.get(&format!("/api/v1/files/{file}")).text(), *text, "at node {node}");
        }
    }
    let (code, told) = cluster.nats.cluster("check");
    assert!(code == Some(0) && told.contains("Nothing of the cluster can lose"), "{told}");
}

/// A message with a file of the same text, both acknowledged while a server had no store.
pub struct Said {
    pub message: u64,
    pub file: u64,
    pub text: String,
}

/// Clears a server's store, as `docs/operating.md` says it, and waits until it has copied
/// everything. Something is said before it is back, and something while it copies.
fn apply(cluster: &mut Cluster, ann: &Client, which: usize) -> [Said; 2] {
    let name = SERVERS[which];
    until_whole(cluster, &[0, 1, 2]);
    cluster.nats.servers[which].stop();
    let stopped = Instant::now();
    // Before this, the newest entries may be on one other disk only: not on two.
    until_whole(cluster, &[(which + 1) % 3, (which + 2) % 3]);
    fs::remove_dir_all(cluster.nats.servers[which].store()).unwrap();
    let without = say(cluster, ann, &format!("{name}.away"), "without it");
    let said_after = stopped.elapsed();
    cluster.nats.servers[which].start();
    let started = Instant::now();
    let copying = say(cluster, ann, &format!("{name}.copying"), "while it copies");
    until("the server says that it is healthy", || is_healthy(cluster, which));
    let healthy_after = started.elapsed();
    until_whole(cluster, &[0, 1, 2]);
    println!(
        "In all: the store of {name} was cleared: {said_after:.1?} until a write and an upload without it; healthy {healthy_after:.1?} after its start, and all replicas current after {:.1?}",
        started.elapsed()
    );
    cluster.until_whole();
    [without, copying]
}

/// Waits until these servers have the same of everything.
fn until_whole(cluster: &Cluster, servers: &[usize]) {
    let deadline = Instant::now() + PATIENCE;
    while let Err(reason) = are_whole(cluster, servers) {
        assert!(Instant::now() < deadline, "not all has arrived everywhere: {reason}");
        thread::sleep(Duration::from_millis(50));
    }
}

/// Says something with a file of the same text, as often as it takes until both are acknowledged.
/// The request's id is remembered for ever, and the text need not be.
pub fn say(cluster: &Cluster, ann: &Client, id: &str, text: &str) -> Said {
    let put = |method: &str, path: &str, id: &str, body: &str| {
        answered(path, || {
            let mut ann = ann.again(cluster.addresses.of(0)).with_patience(PATIENCE);
            ann.try_call(method, path, &[("Idempotency-Key", id)], body)
        })
    };
    let path = format!("/api/v1/files?name={id}.txt");
    let added = put("POST", &path, &format!("{id}.file"), text).json();
    let file = added["file"]["id"].as_u64().unwrap_or_else(|| panic!("{added}"));
    let body = json!({ "text": text, "files": [file] }).to_string();
    let said = put("PUT", &format!("/api/v1/rooms/{ROOM}/messages/{id}"), id, &body).json();
    let message = said["message"]["id"].as_u64().unwrap_or_else(|| panic!("{said}"));
    Said { message, file, text: text.to_owned() }
}

#[test]
fn a_server_whose_store_was_cleared_copies_everything_while_the_others_go_on() {
    let mut cluster = Cluster::start();
    let ann = cluster.guest("ann");
    ann.again(cluster.addresses.of(0)).open(ROOM, "open");
    let before = say(&cluster, &ann, "before", "before");
    let leader = cluster.nats.group().expect("there is a leader").leader;
    let [without, copying] = apply(&mut cluster, &ann, leader);
    check_all_is_there(&mut cluster, &ann, &[], &[before, without, copying]);
}

fn number_of(server: &str) -> usize {
    SERVERS.iter().position(|name| *name == server).expect("it is one of them")
}
