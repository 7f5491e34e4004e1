//! Hundreds of hostile connections beside two people who talk.
//!
//! Ten kinds, thirty connections each, over and over, with the default settings: none
//! of them may cost the two people a message, nor the server its memory. The server's
//! memory is read from outside, and the hostile connections come from 200 addresses, so
//! Linux only. A longer run, for figures: `LINGER_HOSTILE_SECONDS=60 cargo test
//! --release -p linger --test program hostile -- --nocapture`.

use std::{
    io::{Read, Write},
    net::{IpAddr, Ipv4Addr, Shutdown, SocketAddr, TcpStream},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed},
    },
    thread,
    time::{Duration, Instant},
};

use rustix::net::{AddressFamily, SocketType, bind, connect, socket};
use serde_json::json;

use crate::{
    client::{Answer, Client},
    process::{Folder, Program, Server},
};

/// Connections of each kind at once.
const EACH: usize = 30;
/// How long it goes on, unless the environment says otherwise.
const SECONDS: u64 = 6;
/// The pause between two messages of ann.
const PAUSE: Duration = Duration::from_millis(50);
const MEMORY_MAX: u64 = 200 << 20;
/// A bound for runs that are judged by their figures: a release build on a quiet machine.
const MEDIAN_MAX: Duration = Duration::from_millis(20);
const P99_MAX: Duration = Duration::from_millis(100);
/// Long messages in the open room: in a short run, and in one that is judged. A page of
/// them is a megabyte, and four in a run that is judged.
const LONG: [usize; 2] = [250, 1000];

/// One kind of hostile connection: plays for as long as it likes, on one connection or
/// many, and returns when it has no more to do.
type Play = fn(&Stage, usize);

const KINDS: [(&str, Play); 10] = [
    ("an answer that nobody reads", unread),
    ("a slow head", slow_head),
    ("a slow body", slow_body),
    ("one byte", one_byte),
    ("a pipeline", pipeline),
    ("a flood", flood),
    ("half-closed", half_closed),
    ("garbage", garbage),
    ("an oversized head", oversized),
    ("connect and stay", stay),
];

/// The state that all hostile connections share.
struct Stage {
    address: SocketAddr,
    is_over: AtomicBool,
    opened: AtomicUsize,
}

impl Stage {
    /// Connects from one of 200 addresses. None: it is over, or the server refuses.
    fn connect(&self, number: usize) -> Option<TcpStream> {
        if self.is_over.load(Relaxed) {
            return None;
        }
        let number = number % 200;
        let from = Ipv4Addr::new(127, 0, 1 + (number / 100) as u8, 1 + (number % 100) as u8);
        let socket = socket(AddressFamily::INET, SocketType::STREAM, None).ok()?;
        bind(&socket, &SocketAddr::new(IpAddr::V4(from), 0)).ok()?;
        connect(&socket, &self.address).ok()?;
        self.opened.fetch_add(1, Relaxed);
        let stream = TcpStream::from(socket);
        // So that nobody plays for much longer than the others.
        stream.set_read_timeout(Some(Duration::from_millis(200))).ok()?;
        stream.set_write_timeout(Some(Duration::from_millis(200))).ok()?;
        Some(stream)
    }

    /// Stays until the server closes, or the test is over. Reads what comes, or not.
    fn linger(&self, mut stream: TcpStream, is_reading: bool) {
        let mut rest = [0; 4096];
        while !self.is_over.load(Relaxed) {
            if !is_reading {
                // Only a write notices a reset.
                if stream.write(b"").is_err() {
                    return;
                }
                thread::sleep(Duration::from_millis(100));
                continue;
            }
            match stream.read(&mut rest) {
                Ok(0) => return,
                Ok(_) => {}
                Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {}
                Err(_) => return,
            }
        }
    }
}

const BIG: &str =
    "GET /api/v1/rooms/lobby/events?after=start&limit=1000&wait=0 HTTP/1.1\r\nHost: a\r\n\r\n";
const ROOMS: &str = "GET /api/v1/rooms HTTP/1.1\r\nHost: a\r\n\r\n";
const HEALTH: &str = "GET /health HTTP/1.1\r\nHost: a\r\n\r\n";

fn unread(stage: &Stage, number: usize) {
    let Some(mut stream) = stage.connect(number) else { return };
    let _ = stream.write_all([BIG, ROOMS].concat().repeat(20).as_bytes());
    stage.linger(stream, false);
}

fn slowly(stage: &Stage, mut stream: TcpStream, bytes: impl Iterator<Item = u8>) {
    for byte in bytes {
        if stage.is_over.load(Relaxed) || stream.write_all(&[byte]).is_err() {
            return;
        }
        thread::sleep(Duration::from_millis(50));
    }
    stage.linger(stream, true);
}

fn slow_head(stage: &Stage, number: usize) {
    let Some(stream) = stage.connect(number) else { return };
    slowly(stage, stream, HEALTH.bytes().take(30).chain(std::iter::repeat_n(b'x', 200)));
}

fn slow_body(stage: &Stage, number: usize) {
    let Some(mut stream) = stage.connect(number) else { return };
    let paths = ["POST /api/v1/guests", "PATCH /api/v1/me", "POST /update", "POST /nowhere"];
    let head =
        format!("{} HTTP/1.1\r\nHost: a\r\nContent-Length: 60000\r\n\r\n", paths[number % 4]);
    let _ = stream.write_all(head.as_bytes());
    slowly(stage, stream, std::iter::repeat_n(b' ', 400));
}

fn one_byte(stage: &Stage, number: usize) {
    let Some(mut stream) = stage.connect(number) else { return };
    let _ = stream.write_all(&[b"\0G\r\x16"[number % 4]]);
    stage.linger(stream, true);
}

fn pipeline(stage: &Stage, number: usize) {
    let Some(mut stream) = stage.connect(number) else { return };
    let all = [HEALTH, BIG, ROOMS, "GET /nowhere HTTP/1.1\r\nHost: a\r\n\r\n"].concat();
    let _ = stream.write_all(all.repeat(25).as_bytes());
    stage.linger(stream, true);
}

fn flood(stage: &Stage, number: usize) {
    for i in 0..20 {
        let Some(mut stream) = stage.connect(number + 7 * i) else { return };
        let _ = stream.write_all(HEALTH.as_bytes());
        if i % 2 == 0 {
            let _ = stream.read(&mut [0; 512]);
        }
    }
    // As fast as a few machines can send, not as fast as a loopback can.
    thread::sleep(Duration::from_millis(300));
}

fn half_closed(stage: &Stage, number: usize) {
    let Some(mut stream) = stage.connect(number) else { return };
    let _ = stream.write_all([BIG, ROOMS, HEALTH, "GET /hea"][number % 4].as_bytes());
    let _ = stream.shutdown(Shutdown::Write);
    stage.linger(stream, true);
}

fn garbage(stage: &Stage, number: usize) {
    let Some(mut stream) = stage.connect(number) else { return };
    let mut state = number as u32 | 1;
    let bytes: Vec<u8> = std::iter::repeat_with(|| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 24) as u8
    })
    .take(3000)
    .collect();
    let _ = stream.write_all(&bytes);
    stage.linger(stream, true);
}

fn oversized(stage: &Stage, number: usize) {
    let Some(mut stream) = stage.connect(number) else { return };
    let _ = stream.write_all(&HEALTH.as_bytes()[..30]);
    let _ = stream.write_all(&vec![b'x'; 140_000]);
    stage.linger(stream, true);
}

fn stay(stage: &Stage, number: usize) {
    let Some(stream) = stage.connect(number) else { return };
    stage.linger(stream, true);
}

/// The observations of ann and bob.
struct Seen {
    /// How long each message took, from before it was sent until it was read.
    delays: Vec<Duration>,
    memory: u64,
}

#[test]
fn two_people_talk_among_hostile_connections_of_ten_kinds() {
    let seconds = std::env::var("LINGER_HOSTILE_SECONDS").ok();
    let is_judged = seconds.is_some();
    let seconds = seconds.map_or(SECONDS, |seconds| seconds.parse().unwrap());
    let folder = Folder::new();
    let server = Program::on(&folder).env("LINGER_RATE_LIMITS", "on").start();
    fill(&server, LONG[usize::from(is_judged)]);
    let stage = Arc::new(Stage {
        address: server.address,
        is_over: AtomicBool::new(false),
        opened: AtomicUsize::new(0),
    });
    let mut players = Vec::new();
    for (kind, (_, play)) in KINDS.iter().enumerate() {
        for each in 0..EACH {
            let stage = stage.clone();
            players.push(thread::spawn(move || {
                while !stage.is_over.load(Relaxed) {
                    play(&stage, kind * EACH + each);
                    // A connection that is refused at once comes back a little later.
                    thread::sleep(Duration::from_millis(20));
                }
            }));
        }
    }
    let seen = talk(&server, Duration::from_secs(seconds));
    stage.is_over.store(true, Relaxed);
    players.into_iter().for_each(|player| player.join().unwrap());

    let Seen { mut delays, memory } = seen;
    delays.sort_unstable();
    let at = |part: usize| delays[(delays.len() - 1) * part / 100];
    println!(
        "{} hostile connections in {seconds} s; {} messages: median {:?}, p99 {:?}, last {:?}; memory {} MiB",
        stage.opened.load(Relaxed),
        delays.len(),
        at(50),
        at(99),
        at(100),
        memory >> 20
    );
    assert!(memory < MEMORY_MAX, "the server takes {memory} bytes");
    let (median_max, p99_max) = match is_judged {
        true => (MEDIAN_MAX, P99_MAX),
        false => (Duration::from_secs(2), Duration::from_secs(10)),
    };
    assert!(at(50) < median_max && at(99) < p99_max, "median {:?}, p99 {:?}", at(50), at(99));
    // The server is as healthy as before.
    assert_eq!(server.visitor().get("/health").status, 200);
}

/// Writes long messages into the lobby, as a room has them after years.
fn fill(server: &Server, messages: usize) {
    const WRITERS: usize = 25;
    let long = "x".repeat(4000);
    thread::scope(|scope| {
        for number in 0..WRITERS {
            let mut writer = server.guest(&format!("writer {number}"));
            let long = &long;
            scope.spawn(move || {
                for _ in 0..messages / WRITERS {
                    writer.say("lobby", long);
                }
            });
        }
    });
}

/// Lets ann say something every now and then, and bob wait for it; they share a room.
/// Returns what they saw. Panics when a message does not come, or comes twice.
fn talk(server: &Server, time: Duration) -> Seen {
    let (mut ann, mut bob) = (server.guest("ann"), server.guest("bob"));
    ann.open("tea", "open");
    ann.join("tea");
    let path = "/api/v1/rooms/tea/events";
    let page = bob.get(&format!("{path}?after=latest&wait=0")).expect(200);
    let mut cursor = page["cursor"].as_str().unwrap().to_owned();
    let began = Instant::now();
    let mut seen = Seen { delays: Vec::new(), memory: 0 };
    while began.elapsed() < time {
        let number = seen.delays.len();
        let text = number.to_string();
        let waiting = thread::spawn({
            let path = format!("{path}?after={cursor}&wait=50");
            move || {
                let page = bob.get(&path).expect(200);
                (bob, page, Instant::now())
            }
        });
        thread::sleep(PAUSE);
        let said = Instant::now();
        let sent = said_by(&mut ann, number, &text);
        assert_eq!(sent.status, 201, "{sent:?}");
        let (again, page, heard) = waiting.join().unwrap();
        bob = again;
        let texts: Vec<_> = page["events"]
            .as_array()
            .unwrap()
            .iter()
            .map(|event| &event["message"]["text"])
            .collect();
        assert_eq!(texts, [&json!(text)], "message {number}");
        page["cursor"].as_str().unwrap().clone_into(&mut cursor);
        seen.delays.push(heard.saturating_duration_since(said));
        seen.memory = seen.memory.max(server.memory());
    }
    seen
}

fn said_by(ann: &mut Client, number: usize, text: &str) -> Answer {
    let path = format!("/api/v1/rooms/tea/messages/m{number}");
    ann.put(&path, &json!({ "text": text }))
}
