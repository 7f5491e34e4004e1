//! Nodes of a cluster that start from a snapshot of another node's tables: killed while they
//! fetch it, and given a damaged one.

use std::{
    fs,
    io::Read,
    net::{TcpListener, TcpStream},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
};

use serde_json::{Value, json};

use crate::{
    client::Client,
    erasure::history,
    nats::Nats,
    process::{Folder, Program, Server, until},
};

/// Entries after which a snapshot is due here.
const EVERY: &str = "200";
const MESSAGES: usize = 400;

/// A cluster with many long messages and a snapshot of them, and its one node.
fn with_a_snapshot(folder: &Folder) -> (Nats, Server) {
    let nats = Nats::start("sync_interval: always", "");
    nats.make_log();
    let quiet = nats.on(Program::on(folder)).env("LINGER_SNAPSHOT_EVERY", "0").start();
    let mut ann = quiet.guest("ann");
    ann.open("tea", "open");
    let mut chance = 1_u64;
    for number in 0..MESSAGES {
        // Text that packs badly.
        let mut letters = || {
            chance = chance.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            char::from(b'0' + u8::try_from(chance >> 58).unwrap())
        };
        let text: String = (0..3500).map(|_| letters()).collect();
        ann.say("tea", &format!("{number} {text}"));
    }
    drop(quiet);
    let one = joining(&nats, folder).start();
    until("a snapshot is made", || nats.cluster("status").1.contains("snapshot: at entry"));
    (nats, one)
}

fn joining(nats: &Nats, folder: &Folder) -> Program {
    nats.on(Program::on(folder)).env("LINGER_SNAPSHOT_EVERY", EVERY)
}

/// Passes on what NATS and its clients send each other, and on each connection no more of the
/// server's bytes than so many.
struct Door {
    port: u16,
    is_shut: Arc<AtomicBool>,
}

impl Door {
    fn before(nats: &Nats, bytes_max: u64) -> Door {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let (port, server) = (listener.local_addr().unwrap().port(), nats.servers[0].address);
        let is_shut = Arc::new(AtomicBool::new(false));
        let shut = is_shut.clone();
        thread::spawn(move || {
            for client in listener.incoming() {
                let client = client.unwrap();
                let server = TcpStream::connect(server).unwrap();
                let (mut from, mut to) = (client.try_clone().unwrap(), server.try_clone().unwrap());
                thread::spawn(move || _ = std::io::copy(&mut from, &mut to));
                let shut = shut.clone();
                thread::spawn(move || {
                    let (mut some, mut client) = (server.take(bytes_max), client);
                    if std::io::copy(&mut some, &mut client).is_ok_and(|sent| sent == bytes_max) {
                        shut.store(true, Ordering::Release);
                        // Open, and silent, until the test ends.
                        thread::park();
                    }
                });
            }
        });
        Door { port, is_shut }
    }
}

#[test]
fn a_node_that_is_killed_while_it_fetches_a_snapshot_goes_on_with_it() {
    let folders = [(); 2].map(|()| Folder::new());
    let (nats, one) = with_a_snapshot(&folders[0]);
    let door = Door::before(&nats, 1_200_000);
    let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let mut two = joining(&nats, &folders[1])
        .env("LINGER_NATS", &format!("nats://127.0.0.1:{}", door.port))
        .env("LINGER_LISTEN", &free.to_string())
        .begin();
    until("a part is here", || door.is_shut.load(Ordering::Acquire));
    let fetched =
        || fs::metadata(folders[1].join("projection.db.fetched")).map_or(0, |it| it.len());
    until("it is written", || fetched() > 0);
    until("it says how far it is", || {
        let ready = Client::new(free).get("/ready");
        ready.status == 503 && ready.text().contains("fetching a snapshot at entry")
    });
    two.kill();
    let said = two.log();
    assert!(said.contains("fetching a snapshot: "), "{said}");
    let two = joining(&nats, &folders[1]).start();
    let said = two.log();
    for words in ["going on with a snapshot that was begun", "fetched a snapshot"] {
        assert!(said.contains(words), "{said}");
    }
    assert!(!said.contains("the log is replayed"), "{said}");
    assert_eq!(history(&two), history(&one));
    assert_eq!(fetched(), 0, "nothing is left of it");
    two.guest("bob").say("lobby", "here I am");
}

#[test]
fn a_damaged_snapshot_is_told_of_and_the_log_is_replayed() {
    let folders = [(); 2].map(|()| Folder::new());
    let (nats, one) = with_a_snapshot(&folders[0]);
    let direct = "$JS.API.DIRECT.GET.linger-snapshots";
    let server = &nats.servers[0];
    let (_, document) = server.request(direct, r#"{"last_by_subj":"linger-snapshots.document"}"#);
    let document: Value = serde_json::from_slice(&document).unwrap();
    let id = document["snapshots"][0]["id"].as_str().unwrap();
    let subject = format!("linger-snapshots.chunk.{id}.1");
    let (head, _) = server.request(direct, &json!({ "last_by_subj": subject }).to_string());
    let number = head.lines().find_map(|line| line.strip_prefix("Nats-Sequence: ")).unwrap();
    let delete = "$JS.API.STREAM.MSG.DELETE.linger-snapshots";
    let (_, deleted) = server.request(delete, &format!(r#"{{"seq":{number}}}"#));
    assert!(String::from_utf8(deleted).unwrap().contains(r#""success":true"#));
    server.request(&subject, "something else");
    let two = joining(&nats, &folders[1]).start();
    let said = two.log();
    for words in ["no snapshot is taken; the log is replayed", "chunk 1 is damaged"] {
        assert!(said.contains(words), "{said}");
    }
    assert_eq!(history(&two), history(&one));
}
