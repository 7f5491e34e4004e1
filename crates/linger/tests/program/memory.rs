//! The memory that waiting readers cost the server: few bytes each, and nothing
//! afterwards; and the memory that messages take.
//!
//! The server's own memory (`RssAnon`) is read from outside, so Linux only. The first
//! two go through everything once before they begin to count: threads, tables
//! and buffers that are made once belong to nobody.

#![cfg(target_os = "linux")]

use std::{
    io::{BufReader, Write},
    net::{SocketAddr, TcpStream},
    thread,
    time::Duration,
};

use crate::{
    client::{Answer, Client},
    process::{Folder, Program, Server},
};

const CROWD: usize = 6000;
/// For each reader who waits, with everything that the server knows of them.
const BYTES_EACH_MAX: u64 = 512;

/// The allocator takes or gives back so much in any run: 21 bytes for each reader of a
/// whole crowd, more for each if a limit on open files lets only a part of it come.
const NOISE: u64 = 128 << 10;

/// Waits for the next events in the lobby.
const POLL: &str = "/api/v1/rooms/lobby/events?wait=55";
/// Waits for those in the lobby and in another room, as a visitor who looks at both.
const LOOK: &str = "/api/v1/events?rooms=lobby,tea&wait=55";

/// Opens so many connections, and lets each ask something at once, because the server
/// closes a connection that asks nothing for a while.
fn crowd(address: SocketAddr, count: usize, ask: impl Fn(&TcpStream)) -> Vec<TcpStream> {
    let connect = || {
        let stream = TcpStream::connect(address).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
        ask(&stream);
        stream
    };
    (0..count).map(|_| connect()).collect()
}

fn get(mut stream: &TcpStream, path: &str) {
    write!(stream, "GET {path} HTTP/1.1\r\nHost: a\r\n\r\n").unwrap();
}

fn read(stream: &TcpStream) -> Answer {
    // One answer at a time, so nothing is lost with the buffer.
    Answer::read(&mut BufReader::new(stream)).unwrap()
}

/// Returns how many connections a crowd may have: `wanted`, if the limit on open files,
/// raised at the start of this program, leaves enough for the other tests.
fn crowd_max(wanted: usize) -> usize {
    /// Open files for the tests that run at the same time.
    const KEPT: u64 = 600;
    let (allowed, _) = rlimit::Resource::NOFILE.get().unwrap();
    wanted.min(usize::try_from(allowed.saturating_sub(KEPT)).unwrap_or(usize::MAX))
}

/// Lets all of them wait again.
fn park(server: &Server, crowd: &[TcpStream]) {
    crowd.iter().for_each(|stream| get(stream, POLL));
    server.until_held(crowd.len());
}

/// Sends a message, and checks that everybody reads it.
fn answer_all(ann: &mut Client, crowd: &[TcpStream], text: &str) {
    ann.say("lobby", text);
    for stream in crowd {
        let page = read(stream).expect(200);
        assert_eq!(page["events"][0]["message"]["text"], text, "{page}");
    }
}

/// Returns the server's memory once it does not shrink any more. A hang-up is noticed a
/// little later, and the allocator gives back memory that nobody used for half a second
/// (`.cargo/config.toml`), so this watches for longer than that.
fn settled(server: &Server) -> u64 {
    const LOOKS: u32 = 75;
    let (mut least, mut looks) = (u64::MAX, 0);
    while looks < LOOKS {
        let bytes = server.memory();
        looks = if bytes < least { 0 } else { looks + 1 };
        least = least.min(bytes);
        thread::sleep(Duration::from_millis(20));
    }
    least
}

#[test]
fn memory_comes_back_when_a_crowd_has_gone() {
    let folder = Folder::new();
    let server = Program::on(&folder).start();
    let mut ann = server.guest("ann");
    ann.join("lobby");
    let mut visit = || {
        let crowd = crowd(server.address, crowd_max(CROWD), |stream| get(stream, POLL));
        server.until_held(crowd.len());
        for text in ["once", "again"] {
            answer_all(&mut ann, &crowd, text);
            park(&server, &crowd);
        }
        drop(crowd);
        server.until_held(0);
    };
    visit();
    let before = settled(&server);
    (0..3).for_each(|_| visit());
    let bytes_max = before + before / 10 + (512 << 10);
    let after = settled(&server);
    assert!(after <= bytes_max, "{before} bytes after one visit, {after} after four");
}

#[test]
fn who_waits_costs_at_most_512_bytes_whatever_they_asked_before() {
    let earlier = ["", "/", "/api/v1/rooms", "/api/v1/rooms/lobby/events?wait=0"];
    let polls = earlier.map(|path| (path, growth_per_reader(path, POLL)));
    let growths = [&polls[..], &[("looking", growth_per_reader("", LOOK))]].concat();
    println!("bytes for each: {growths:?}");
    assert!(
        growths.iter().all(|(_, bytes)| *bytes <= BYTES_EACH_MAX),
        "bytes for each, by what they asked before: {growths:?}"
    );
}

/// Returns the bytes that the server takes for each reader who waits by `poll` on a
/// connection that asked for `earlier` before, if that is not empty.
fn growth_per_reader(earlier: &str, poll: &str) -> u64 {
    let folder = Folder::new();
    let server = Program::on(&folder).start();
    let mut ann = server.guest("ann");
    ann.join("lobby");
    ann.open("tea", "open");
    let asks = |stream: &TcpStream| {
        if !earlier.is_empty() {
            get(stream, earlier);
        }
    };
    let waits = |stream: &TcpStream| {
        if !earlier.is_empty() {
            read(stream);
        }
        get(stream, poll);
    };
    // All of a few hundred ask before one is answered. After that, everything is there that
    // the server makes once for many readers, however many come later.
    let few = crowd(server.address, 300, asks);
    few.iter().for_each(waits);
    server.until_held(few.len());
    answer_all(&mut ann, &few, "hello");
    drop(few);
    server.until_held(0);

    let before = settled(&server);
    let crowd = crowd(server.address, crowd_max(CROWD), |stream| {
        asks(stream);
        waits(stream);
    });
    server.until_held(crowd.len());
    server.memory().saturating_sub(before + NOISE) / crowd.len() as u64
}

#[test]
fn what_is_held_is_weighed_however_long_the_messages_are() {
    const MESSAGES: usize = 4000;
    const SENDERS: usize = 16;
    let folder = Folder::new();
    let server = Program::on(&folder).start();
    let senders: Vec<_> = (0..SENDERS).map(|number| server.guest(&format!("{number}"))).collect();
    let text = "\u{1f375}".repeat(4000);
    thread::scope(|scope| {
        for mut sender in senders {
            let text = &text;
            scope.spawn(move || {
                for _ in 0..MESSAGES / SENDERS {
                    sender.say("lobby", text);
                }
            });
        }
    });
    let mut ann = server.guest("ann");
    // Read them all, from the tables and from memory, as someone who was away does.
    let events = ann.read_all("/api/v1/rooms/lobby/events");
    assert_eq!(events.iter().filter(|event| event["type"] == "message_sent").count(), MESSAGES);
    let bytes = settled(&server);
    println!("the server holds {} MiB", bytes >> 20);
    assert!(bytes < 100 << 20, "the server holds {} MiB", bytes >> 20);
}
