//! Several nodes of one log, from outside: readers who move between them, nodes that disagree,
//! and nodes of two versions.
//!
//! A [`Line`] between a node and its NATS server can be held: then the node is behind for as
//! long as the test wants it to be.

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use rustix::process::Signal;
use serde_json::{Value, json};

use crate::{
    client::{Answer, Client, read_chunk},
    nats::Nats,
    process::{Folder, PATIENCE, Program, Server, until},
    startup::check_refused,
};

/// In this time a node says that it is there, and hears the others.
const BEATS: Duration = Duration::from_secs(30);

/// A line to a NATS server. While it is held, nothing comes through it.
struct Line {
    address: SocketAddr,
    is_held: Arc<AtomicBool>,
}

impl Line {
    fn to(nats: &Nats) -> Line {
        let server: SocketAddr = nats.url().trim_start_matches("nats://").parse().unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let is_held = Arc::new(AtomicBool::new(false));
        let held = is_held.clone();
        // It ends with the test's process.
        thread::spawn(move || {
            for client in listener.incoming() {
                let (Ok(client), Ok(server)) = (client, TcpStream::connect(server)) else {
                    return;
                };
                let back = (server.try_clone().unwrap(), client.try_clone().unwrap());
                for (from, to) in [(client, server), back] {
                    let held = held.clone();
                    thread::spawn(move || pass_on(from, to, &held));
                }
            }
        });
        Line { address, is_held }
    }

    fn hold(&self, is_held: bool) {
        self.is_held.store(is_held, Ordering::Relaxed);
    }
}

fn pass_on(mut from: TcpStream, mut to: TcpStream, held: &AtomicBool) {
    let mut bytes = [0; 65_536];
    while let Ok(read @ 1..) = from.read(&mut bytes) {
        while held.load(Ordering::Relaxed) {
            thread::sleep(Duration::from_millis(5));
        }
        if to.write_all(&bytes[..read]).is_err() {
            break;
        }
    }
    // The other side is to see it, too.
    let _ = to.shutdown(std::net::Shutdown::Both);
}

/// Two nodes, the second behind a line; and ann, who is in #tea, where both have read all.
struct Two {
    nats: Nats,
    line: Line,
    one: Server,
    two: Server,
    ann: Client,
    _folders: [Folder; 2],
}

impl Two {
    fn start() -> Two {
        let nats = Nats::start("sync_interval: always", "");
        nats.make_log();
        let line = Line::to(&nats);
        let folders = [(); 2].map(|()| Folder::new());
        let one = nats.on(Program::on(&folders[0])).start();
        let through = format!("nats://{}", line.address);
        let two = nats.on(Program::on(&folders[1])).env("LINGER_NATS", &through).start();
        let mut ann = one.guest("ann");
        ann.open("tea", "open");
        let two_nodes = Two { nats, line, one, two, ann, _folders: folders };
        two_nodes.until_two_has("tea");
        two_nodes
    }

    fn until_two_has(&self, words: &str) {
        until("the second node has read it", || {
            let mut there = self.ann.again(self.two.address);
            there.get("/api/v1/events?after=start&wait=0&limit=1000").text().contains(words)
        });
    }

    fn cursor(&self) -> String {
        let page = self.ann.again(self.one.address).get("/api/v1/events?after=latest&wait=0");
        page.expect(200)["cursor"].as_str().unwrap().to_owned()
    }
}

fn texts(page: &Value) -> Vec<&str> {
    let events = page["events"].as_array().unwrap();
    events.iter().filter_map(|event| event["message"]["text"].as_str()).collect()
}

#[test]
fn a_reader_who_moves_to_a_node_that_is_behind_waits_there_and_misses_nothing() {
    let mut nodes = Two::start();
    nodes.line.hold(true);
    nodes.ann.say("tea", "one");
    nodes.ann.open("den", "closed");
    let cursor = nodes.cursor();
    let mut there = nodes.ann.again(nodes.two.address);
    let rooms = ["/api/v1/events?", "/api/v1/rooms/tea/events?", "/api/v1/events?rooms=tea&"];
    for path in rooms {
        let page = there.get(&format!("{path}after={cursor}&wait=0")).expect(200);
        assert_eq!(page, json!({ "events": [], "cursor": cursor }), "{path}");
    }
    let held = rooms.map(|path| there.begin(&format!("{path}after={cursor}&wait=50"), &[]));
    let stream_fields = [("Accept", "text/event-stream"), ("Last-Event-ID", &*cursor)];
    let mut stream = there.begin("/api/v1/rooms/tea/events", &stream_fields);
    assert_eq!(Answer::read_head(&mut stream).unwrap().status, 200);
    let lines = there.get(&format!("/r/tea?wait=0&after={cursor}"));
    assert_eq!((lines.status, lines.text()), (200, String::new()), "{lines:?}");
    // A room that this node has not heard of is waited for, too.
    let den = there.begin(&format!("/api/v1/rooms/den/events?after={cursor}&wait=0"), &[]);
    thread::sleep(Duration::from_millis(500));
    nodes.line.hold(false);
    nodes.until_two_has("one");
    nodes.ann.say("tea", "two");
    for mut held in held {
        let page = Answer::read(&mut held).unwrap().expect(200);
        assert_eq!((page.get("reset"), texts(&page)), (None, vec!["two"]), "{page}");
    }
    let mut told = String::new();
    while !told.contains("two") {
        told += &String::from_utf8(read_chunk(&mut stream).unwrap().unwrap()).unwrap();
    }
    assert!(!told.contains("one") && !told.contains("reset"), "{told}");
    let page = Answer::read(&mut { den }).unwrap().expect(200);
    assert_eq!(page.get("reset"), None, "{page}");
}

#[test]
fn the_first_seed_protocol_waits_at_a_node_that_is_behind_too() {
    let mut nodes = Two::start();
    nodes.ann.join("lobby");
    nodes.line.hold(true);
    nodes.ann.say("lobby", "one");
    let cursor = nodes.cursor();
    let mut there = nodes.ann.again(nodes.two.address);
    let form = [("Content-Type", "application/x-www-form-urlencoded")];
    let update =
        thread::spawn(move || there.call("POST", "/update", &form, format!("cursor={cursor}")));
    thread::sleep(Duration::from_millis(500));
    nodes.line.hold(false);
    nodes.until_two_has("one");
    nodes.ann.say("lobby", "two");
    let told = update.join().unwrap().text();
    assert!(told.contains("two") && !told.contains("one"), "{told}");
}

#[test]
fn a_node_that_stood_still_goes_on_with_readers_who_came_meanwhile() {
    let mut nodes = Two::start();
    nodes.two.signal(Signal::STOP);
    for number in 0..50 {
        nodes.ann.say("tea", &format!("before {number}"));
    }
    let cursor = nodes.cursor();
    let there = nodes.ann.again(nodes.two.address);
    let path = format!("/api/v1/rooms/tea/events?after={cursor}&wait=50");
    let mut waiting: Vec<_> = (0..20).map(|_| there.begin(&path, &[])).collect();
    nodes.two.signal(Signal::CONT);
    nodes.until_two_has("before 49");
    nodes.ann.say("tea", "after");
    for held in &mut waiting {
        let page = Answer::read(held).unwrap().expect(200);
        assert_eq!((page.get("reset"), texts(&page)), (None, vec!["after"]), "{page}");
    }
}

#[test]
fn a_made_up_cursor_is_reset_and_a_session_is_good_on_each_node_at_once() {
    let nodes = Two::start();
    let cursor = nodes.cursor();
    let (beginning, position) = cursor.rsplit_once('-').unwrap();
    let made_up = format!("{beginning}-{}", position.parse::<u64>().unwrap() + 1000);
    let mut there = nodes.ann.again(nodes.two.address);
    let page = there.get(&format!("/api/v1/events?after={made_up}&wait=30")).expect(200);
    assert_eq!(page["reset"]["reason"], "beyond_the_end", "{page}");
    let mut cookies = Vec::new();
    for number in 0..10 {
        // One node makes the guest, and the other is asked at once.
        let (made, asked) = match number % 2 {
            0 => (nodes.one.address, nodes.two.address),
            _ => (nodes.two.address, nodes.one.address),
        };
        let guest =
            Client::new(made).post("/api/v1/guests", &json!({ "name": format!("guest {number}") }));
        let cookie = guest.header("set-cookie").unwrap().split(';').next().unwrap().to_owned();
        let me = Client::new(asked).call("GET", "/api/v1/me", &[("Cookie", &cookie)], "");
        assert_eq!(me.expect(200)["user"]["id"], guest.json()["user"]["id"]);
        cookies.push(cookie.split_once('=').unwrap().0.to_owned());
    }
    cookies.dedup();
    assert_eq!(cookies.len(), 1, "the cookie's name is the cluster's: {cookies:?}");
}

/// Lets a node that is not there say something, as any client of NATS can.
fn pretend(nats: &Nats, id: &str, record: &Value) {
    let server = nats.url();
    let mut server = TcpStream::connect(server.trim_start_matches("nats://")).unwrap();
    let record = record.to_string();
    let length = record.len();
    let told = format!(
        "CONNECT {{\"verbose\":false}}\r\nPUB $KV.linger-nodes.{id} {length}\r\n{record}\r\nPING\r\n"
    );
    server.write_all(told.as_bytes()).unwrap();
    let answers = BufReader::new(server).lines();
    answers.map(Result::unwrap).find(|line| line == "PONG").unwrap();
}

/// The record of a node that has made something else of the first entries.
fn wrong() -> Value {
    json!({
        "name": "mallory", "version": "0.0.0", "vocabulary": 4, "applied": 300,
        "milestone": { "position": 256, "hash": "0123456789abcdef" },
    })
}

#[test]
fn the_node_that_disagrees_with_the_majority_stops_and_the_others_go_on() {
    let mut nodes = Two::start();
    for number in 0..260 {
        nodes.ann.say("tea", &format!("{number}"));
    }
    nodes.until_two_has("259");
    let milestone = |status: &str| status.matches("heard").count();
    let begun = Instant::now();
    while milestone(&nodes.nats.cluster("status").1) < 2 {
        assert!(begun.elapsed() < BEATS);
        thread::sleep(Duration::from_millis(500));
    }
    // Both are beyond the first milestone, and have said so by the next beat.
    thread::sleep(Duration::from_secs(6));
    pretend(&nodes.nats, "0000000000000001", &wrong());
    let told = || [&nodes.one, &nodes.two].iter().all(|node| node.log().contains("mallory"));
    until("both name it", told);
    thread::sleep(Duration::from_secs(6));
    assert!(nodes.one.is_running() && nodes.two.is_running());
    nodes.ann.say("tea", "on it goes");
    let ann = nodes.ann.again(nodes.one.address);
    // Of two that disagree nobody is right for certain, so the one that is left stops, too.
    nodes.two.kill();
    let (_, status) = nodes.nats.cluster("status");
    let id = status.lines().filter(|line| line.starts_with("node ")).find_map(|line| {
        let (_, rest) = line.split_once('(')?;
        let id = rest.split_once(')')?.0;
        (id != "0000000000000001" && line.contains("heard")).then(|| id.to_owned())
    });
    assert!(id.is_some(), "{status}");
    // The second is gone for good: its word is taken out, as 'forget' does for a missing node.
    let second = std::fs::read_to_string(nodes._folders[1].join("node")).unwrap();
    pretend(
        &nodes.nats,
        second.trim(),
        &json!({
            "name": "gone", "version": "0.0.0", "vocabulary": 4, "applied": 1, "has_stopped": true,
        }),
    );
    assert!(!nodes.one.ended(PATIENCE).success());
    let Two { nats, one, _folders: folders, .. } = nodes;
    let log = one.into_log();
    assert!(log.contains("something else of the log than mallory"), "{log}");
    assert!(log.contains("no majority") && log.contains("delete projection.db"), "{log}");
    let (_, status) = nats.cluster("status");
    assert!(status.contains("stopped: it has made something else"), "{status}");
    // Its tables are not served again as they are; made anew, and alone, they are.
    let program = nats.on(Program::on(&folders[0]));
    check_refused("the same tables", &program, &["something else of the log than mallory"]);
    let record = json!({ "has_stopped": true, "name": "mallory" });
    let stopped = wrong().as_object().unwrap().clone().into_iter();
    let stopped = stopped.chain(record.as_object().unwrap().clone()).collect();
    pretend(&nats, "0000000000000001", &Value::Object(stopped));
    std::fs::remove_file(folders[0].join("projection.db")).unwrap();
    let anew = program.start();
    assert_eq!(ann.again(anew.address).history("tea", 200).len(), 261);
}

#[test]
fn newer_words_wait_until_no_older_node_is_left_and_then_an_older_one_does_not_follow() {
    let nats = Nats::start("sync_interval: always", "");
    nats.make_log();
    let folders = [(); 2].map(|()| Folder::new());
    let newer = nats.on(Program::on(&folders[0])).env("LINGER_NODE", "newer");
    let older =
        nats.on(Program::on(&folders[1])).env("LINGER_NODE", "older").env("LINGER_VOCABULARY", "3");
    let mut old_node = older.start();
    let new_node = newer.start();
    let mut ann = new_node.guest("ann");
    ann.join("lobby");
    let message = ann.say("lobby", "one")["id"].clone();
    let path = format!("/api/v1/messages/{message}");
    let edit = json!({ "text": "better" });
    for node in [&new_node, &old_node] {
        let answer = ann.again(node.address).patch(&path, &edit);
        assert_eq!(answer.problem(503), "upgrade_unfinished");
        assert_eq!(answer.header("retry-after"), Some("30"), "{answer:?}");
    }
    ann.again(old_node.address).say("lobby", "old and new go together");
    let (code, status) = nats.cluster("status");
    assert_eq!(code, Some(0), "{status}");
    assert!(status.contains("node newer (") && status.contains("vocabulary 3"), "{status}");
    assert!(status.contains("vocabulary 4 waits for older: upgrade"), "{status}");
    let refused = nats.on(Program::bare()).arg("cluster").arg("forget").arg("older").end();
    assert!(refused.stderr.contains("stop it first"), "{refused:?}");
    // It is gone, and holds them up for some time, until somebody says that it stays so.
    old_node.kill();
    let begun = Instant::now();
    while !nats.cluster("status").1.contains("if it will not come back: linger cluster forget") {
        assert!(begun.elapsed() < BEATS, "{}", nats.cluster("status").1);
        thread::sleep(Duration::from_millis(500));
    }
    assert_eq!(ann.patch(&path, &edit).problem(503), "upgrade_unfinished");
    let forgotten = nats.on(Program::bare()).arg("cluster").arg("forget").arg("older").end();
    assert_eq!(forgotten.stdout, "The node older is forgotten.\n", "{forgotten:?}");
    let begun = Instant::now();
    while ann.patch(&path, &edit).status != 200 {
        assert!(begun.elapsed() < BEATS);
        thread::sleep(Duration::from_millis(200));
    }
    let refusal = older.refused("an older one that comes back");
    assert!(refusal.stderr.contains("run the newer version"), "{refusal:?}");
    let (_, status) = nats.cluster("status");
    assert!(status.contains("node newer ("), "{status}");
    drop(new_node);
    check_refused(
        "no such node",
        &nats.on(Program::bare()).arg("cluster").arg("forget").arg("nobody"),
        &["no node nobody", "linger cluster status"],
    );
}
