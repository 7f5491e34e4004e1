//! A snapshot of the tables on three servers: the one that leads its bucket dies while it is
//! made, and a new node joins by it all the same.
//!
//! A long run (`cargo xtask faults`) goes on with it: a part of what was said is deleted, and
//! leaves all files of the three nodes within a minute, and those of the three servers within
//! five, where texts stand in the log, in files, and in the packed chunks of the snapshot.

use std::{
    collections::HashSet,
    path::PathBuf,
    thread,
    time::{Duration, Instant},
};

use memchr::memmem;
use serde_json::{Value, json};

use super::{
    Cluster,
    checks::{self, ERASED_FROM_SERVERS_WITHIN, ERASED_WITHIN, answered, words_in},
    is_long_run,
};
use crate::{
    chance::Chance,
    client::Client,
    erasure::files_in,
    nats::NatsServer,
    process::{Folder, PATIENCE, Server, until},
};

const WRITERS: u64 = 8;
/// Together a snapshot of a dozen chunks.
const MESSAGES_EACH: u64 = 64;
/// One of so many is deleted, and has a file in every other case.
const DELETED: u64 = 8;
/// Entries after which a snapshot is due here, and four times as many ask for one.
const EVERY: &str = "100";
/// Messages of the bucket that are there before the leader dies: the document, and a chunk.
const IN_THE_MIDDLE: u64 = 2;
const BUCKET: &str = "linger-snapshots";

/// Something that was said, and the words in it that are nowhere else.
struct Said {
    id: u64,
    words: Vec<String>,
}

#[test]
fn a_node_joins_by_a_snapshot_whose_leader_died_while_it_was_made() {
    let mut cluster = Cluster::start();
    let ann = cluster.guest("ann");
    ann.again(cluster.addresses.of(0)).open("tea", "open");
    cluster.until_whole();
    let said = talk(&cluster, &ann);

    let leader = make_without_leader(&mut cluster);
    cluster.folders[2] = Folder::new();
    cluster.start_node(2);
    let log = cluster.nodes[2].as_ref().expect("it runs").log();
    assert!(log.contains("fetched a snapshot"), "{log}");
    checks::check_tables(&cluster, &ann);
    cluster.nats.servers[leader].start();
    cluster.nats.servers[leader].until_it_listens();
    cluster.until_whole();

    if is_long_run() {
        let said: Vec<_> = said.into_iter().step_by(DELETED as usize).collect();
        let chunks = chunks(&cluster.nats.servers[0]);
        delete(&cluster, &ann, &said, &chunks);
    }
}

/// Lets writers say and change things at all nodes, some with a file.
fn talk(cluster: &Cluster, ann: &Client) -> Vec<Said> {
    thread::scope(|threads| {
        let write = |writer: u64| {
            let mut ann = ann.again(cluster.addresses.of(writer as usize)).with_patience(PATIENCE);
            move || (0..MESSAGES_EACH).map(|number| say(&mut ann, writer, number)).collect()
        };
        let writing: Vec<_> = (0..WRITERS).map(|writer| threads.spawn(write(writer))).collect();
        writing.into_iter().flat_map(|it| -> Vec<_> { it.join().unwrap() }).collect()
    })
}

fn say(ann: &mut Client, writer: u64, number: u64) -> Said {
    let word = |what: &str| format!("word-{what}-{writer}-{number}-end");
    // Text that packs badly: no two sequences have a part in common.
    let mut chance = Chance::new((writer * MESSAGES_EACH + number) << 32);
    let long: String = (0..3500).map(|_| char::from(b'0' + chance.pick(0..64) as u8)).collect();
    let mut words = vec![word("said")];
    let mut body = json!({ "text": format!("{} {long}", words[0]) });
    if number.is_multiple_of(2 * DELETED) {
        let file = word("file");
        let path = format!("/api/v1/files?name={file}.txt");
        let added = ann.call("POST", &path, &[], format!("{file} {long}").as_bytes());
        body["files"] = json!([added.expect(201)["file"]["id"]]);
        words.push(file);
    }
    let id = ann.post("/api/v1/rooms/tea/messages", &body).expect(201)["message"]["id"].as_u64();
    let id = id.unwrap();
    if number.is_multiple_of(4) {
        let edited = word("edited");
        let body = json!({ "text": format!("{edited} {long}") });
        ann.patch(&format!("/api/v1/messages/{id}"), &body).expect(200);
        words.push(edited);
    }
    Said { id, words }
}

/// Lets two nodes make a snapshot, and ends the leader of its bucket in the middle. Returns which
/// server that was; it stays down.
fn make_without_leader(cluster: &mut Cluster) -> usize {
    (0..3).for_each(|node| cluster.kill_node(node));
    cluster.settings.push(("LINGER_SNAPSHOT_EVERY", EVERY));
    (0..2).for_each(|node| cluster.start_node(node));
    let begun = Instant::now();
    let about = || cluster.nats.servers[0].ask(&format!("STREAM.INFO.{BUCKET}"), &json!({}));
    let put = |about: &Value| about["state"]["messages"].as_u64().unwrap_or(0);
    let deadline = begun + PATIENCE;
    let about = loop {
        let about = about();
        if put(&about) >= IN_THE_MIDDLE {
            break about;
        }
        assert!(Instant::now() < deadline, "no part of it is there: {about}");
    };
    let leader = about["cluster"]["leader"].as_str().unwrap().trim_start_matches('n');
    let leader = leader.parse::<usize>().unwrap() - 1;
    cluster.nats.servers[leader].kill();
    let killed = Instant::now();
    println!("n{} dies after {} of its messages, {:?}", leader + 1, put(&about), begun.elapsed());
    let is_made = || cluster.nats.cluster("status").1.contains("snapshot: at entry");
    until("the snapshot is made", is_made);
    println!("the snapshot is there {:?} later", killed.elapsed());
    let chunks = chunks(&cluster.nats.servers[(leader + 1) % 3]);
    assert!(put(&about) < chunks.len() as u64, "it was in the middle of {}", chunks.len());
    let logs = cluster.nodes[..2].iter().flatten().map(Server::log);
    assert!(logs.into_iter().all(|log| !log.contains("no snapshot could be made")));
    leader
}

/// Returns a piece of each chunk of the snapshot.
fn chunks(server: &NatsServer) -> Vec<Vec<u8>> {
    let last_of = |subject: &str| {
        let asked = json!({ "last_by_subj": subject }).to_string();
        server.request(&format!("$JS.API.DIRECT.GET.{BUCKET}"), &asked)
    };
    let (_, document) = last_of(&format!("{BUCKET}.document"));
    let document: Value = serde_json::from_slice(&document).unwrap();
    let snapshots = document["snapshots"].as_array().unwrap();
    let mut pieces = Vec::new();
    for snapshot in snapshots {
        let id = snapshot["id"].as_str().unwrap();
        let (bytes, each) = (&snapshot["bytes"], &snapshot["chunk_bytes"]);
        for number in 0..bytes.as_u64().unwrap().div_ceil(each.as_u64().unwrap()) {
            let (_, chunk) = last_of(&format!("{BUCKET}.chunk.{id}.{number}"));
            pieces.push(chunk[chunk.len() / 2..][..PIECE].to_vec());
        }
    }
    assert!(!pieces.is_empty(), "{document}");
    pieces
}

/// Bytes of a chunk by which it is found again.
const PIECE: usize = 32;

/// A folder in whose files nothing may be left after some time.
struct Place<'t> {
    name: String,
    folder: PathBuf,
    words: &'t HashSet<&'t str>,
    /// Pieces of the snapshot's chunks.
    chunks: &'t [Vec<u8>],
    within: Duration,
}

/// Deletes some of what was said, at all nodes, and waits until it is nowhere.
fn delete(cluster: &Cluster, ann: &Client, said: &[Said], chunks: &[Vec<u8>]) {
    let words: HashSet<&str> = said.iter().flat_map(|it| &it.words).map(String::as_str).collect();
    let mut left: Vec<_> = places(cluster, &words, chunks);
    // The server that was down reads the bucket, too.
    for place in &left {
        let all = words.len() + place.chunks.len();
        until(&format!("{} has all of it", place.name), || place.find().len() == all);
    }
    thread::scope(|threads| {
        for (said, node) in said.chunks(said.len() / WRITERS as usize).zip(0..) {
            threads.spawn(move || {
                for Said { id, .. } in said {
                    let (path, key) = (format!("/api/v1/messages/{id}"), format!("delete-{id}"));
                    let key = [("Idempotency-Key", &*key)];
                    let deleted = answered(&path, || {
                        ann.again(cluster.addresses.of(node)).try_call("DELETE", &path, &key, "")
                    });
                    assert_eq!(deleted.status, 204);
                }
            });
        }
    });
    let deleted = Instant::now();
    while !left.is_empty() {
        thread::sleep(Duration::from_millis(500));
        left.retain(|place| {
            let after = deleted.elapsed();
            let there = place.find();
            let Place { name, within, .. } = place;
            assert!(there.is_empty() || after < *within, "{name}, after {after:?}: {there:?}");
            if there.is_empty() {
                println!("{name} has nothing of it after {after:.1?}");
            }
            !there.is_empty()
        });
    }
    // And it stays so.
    for place in places(cluster, &words, chunks) {
        assert_eq!(place.find(), Vec::<String>::new(), "{}", place.name);
    }
    checks::check_tables(cluster, ann);
}

/// Returns the folders of the nodes and of the servers.
fn places<'t>(
    cluster: &Cluster,
    words: &'t HashSet<&'t str>,
    chunks: &'t [Vec<u8>],
) -> Vec<Place<'t>> {
    let nodes = cluster.folders.iter().zip(0..).map(|(folder, number)| {
        let (name, folder) = (format!("node {number}"), folder.path().to_owned());
        Place { name, folder, words, chunks: &[], within: ERASED_WITHIN }
    });
    let servers = cluster.nats.servers.iter().zip(1..).map(|(server, number)| {
        let (name, folder) = (format!("n{number}"), server.store());
        Place { name, folder, words, chunks, within: ERASED_FROM_SERVERS_WITHIN }
    });
    nodes.chain(servers).collect()
}

impl Place<'_> {
    /// Returns the words that stand in its files, and the pieces, by their numbers.
    fn find(&self) -> Vec<String> {
        let words = words_in(&self.folder).into_iter().filter(|it| self.words.contains(&**it));
        let mut found: Vec<String> = words.collect();
        if !self.chunks.is_empty() {
            let files = files_in(&self.folder);
            let numbers = (0..self.chunks.len()).filter(|number| {
                let piece = &self.chunks[*number];
                files.iter().any(|(_, bytes)| memmem::find(bytes, piece).is_some())
            });
            found.extend(numbers.map(|number| format!("chunk {number}")));
        }
        found
    }
}
