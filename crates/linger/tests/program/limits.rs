//! At the limits: no more open files, heads and bodies that take too long, and
//! random bytes. Clients that are being served go on, and the others end.
//!
//! `bad_input` tests broken and incomplete requests for all other routes; here they
//! go to the routes that hold requests.

use std::{
    io::{self, BufRead, BufReader, Write},
    net::TcpStream,
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::{Duration, Instant},
};

use serde_json::json;

use crate::{
    chance::Chance,
    client::{Answer, connect, send_raw},
    process::{Folder, Program},
};

const EVENTS: &str = "/api/v1/rooms/lobby/events";

#[test]
fn at_the_limit_of_open_files_those_who_are_in_are_served_and_the_others_wait() {
    const OPEN_FILES: u32 = 200;
    /// More than there is room for.
    const READERS: usize = 250;
    /// Lines on standard error: a start, an end, a warning now and then.
    const LOG_LINES_MAX: usize = 20;
    let folder = Folder::new();
    let program = Program::on(&folder).arg("--connections-per-address=1000");
    let server = program.open_files_max(OPEN_FILES).start();
    let mut ann = server.guest("ann");
    ann.join("lobby");
    let here = ann.get(&format!("{EVENTS}?after=latest&wait=0")).expect(200);
    let cursor = here["cursor"].as_str().unwrap().to_owned();
    let poll = |after: &str| format!("{EVENTS}?after={after}&wait=55");
    let visitor = server.visitor();
    let mut waiting: Vec<_> = (0..READERS).map(|_| visitor.begin(&poll(&cursor), &[])).collect();
    let mut stranger = visitor.begin("/health", &[]);
    stranger.get_ref().set_read_timeout(Some(Duration::from_secs(1))).unwrap();
    assert!(Answer::read(&mut stranger).is_err(), "there is room for more than {READERS}");

    // Held requests. Connections are accepted in order, and the rest wait outside.
    let held = settled(|| ann.figure("linger_requests_held") as usize);
    assert!((100..OPEN_FILES as usize).contains(&held), "{held} are held");
    let outside = waiting.split_off(held);
    let mut inside = waiting;
    ann.get("/api/v1/rooms").expect(200);
    ann.say("lobby", "news");
    let read = |connection: &mut BufReader<TcpStream>, text: &str| {
        let page = Answer::read(connection).unwrap().expect(200);
        assert_eq!(page["events"][0]["message"]["text"], text, "{page}");
        page["cursor"].as_str().unwrap().to_owned()
    };
    let cursors: Vec<_> = inside.iter_mut().map(|reader| read(reader, "news")).collect();

    // One half leaves, and everybody outside is served in turn. The other half stays,
    // makes any request, and waits again.
    inside.truncate(held / 2);
    let again = |path: &str| format!("GET {path} HTTP/1.1\r\nHost: a\r\n\r\n");
    for (reader, cursor) in inside.iter_mut().zip(&cursors) {
        reader.get_mut().write_all(again("/health").as_bytes()).unwrap();
        Answer::read(reader).unwrap().expect(200);
        reader.get_mut().write_all(again(&poll(cursor)).as_bytes()).unwrap();
    }
    for mut reader in outside {
        read(&mut reader, "news");
    }
    stranger.get_ref().set_read_timeout(Some(Duration::from_secs(60))).unwrap();
    Answer::read(&mut stranger).unwrap().expect(200);
    server.until_held(inside.len());
    ann.say("lobby", "more");
    inside.iter_mut().for_each(|reader| drop(read(reader, "more")));

    let log = server.into_log();
    assert!(log.lines().count() <= LOG_LINES_MAX, "too many words: {log}");
}

/// Returns a figure once it does not change any more.
fn settled(mut figure: impl FnMut() -> usize) -> usize {
    const LOOKS: u32 = 25;
    let (mut last, mut looks) = (figure(), 0);
    while looks < LOOKS {
        thread::sleep(Duration::from_millis(20));
        let now = figure();
        looks = if now == last { looks + 1 } else { 0 };
        last = now;
    }
    last
}

/// A head must be whole between these times after its first byte.
const HEAD_ENDS: [Duration; 2] = [Duration::from_secs(4), Duration::from_secs(8)];
/// A body must be whole between these times.
const BODY_ENDS: [Duration; 2] = [Duration::ZERO, Duration::from_secs(15)];

#[test]
fn a_held_request_whose_head_or_body_dawdles_is_refused_in_time() {
    let folder = Folder::new();
    let server = Program::on(&folder).start();
    server.guest("ann").say("lobby", "hello");
    let head = |target: &str| format!("{target} HTTP/1.1\r\nHost: a\r\nX-Dawdler: ");
    let room = head(&format!("GET {EVENTS}"));
    let body = |target: &str| {
        format!("POST {target} HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\ncur")
    };
    let never = Duration::MAX;
    let second = Duration::from_secs(1);
    let often = Duration::from_millis(20);
    let cases = [
        ("a head, a byte a second", String::new(), room.clone(), second, HEAD_ENDS),
        ("a head of /update, a byte a second", "".into(), head("POST /update"), second, HEAD_ENDS),
        ("a field without end", room.clone(), "y".repeat(2000), often, HEAD_ENDS),
        (
            "a large field without end",
            room.clone() + &"y".repeat(9000),
            "y".repeat(2000),
            often,
            HEAD_ENDS,
        ),
        // The park hands heads of this size to hyper, whose time begins then.
        (
            "a field that grows beyond 8 KiB",
            room.clone() + &"y".repeat(8150 - room.len()),
            "y".repeat(2000),
            often,
            HEAD_ENDS,
        ),
        ("half a head", room, String::new(), never, HEAD_ENDS),
        ("half a head of /update", head("POST /update"), String::new(), never, HEAD_ENDS),
        ("half a method", "GE".into(), String::new(), never, HEAD_ENDS),
        ("half a body", body("/update"), String::new(), never, BODY_ENDS),
        ("half a name", body("/get_new_message"), String::new(), never, BODY_ENDS),
        ("a body, a byte a second", body("/update"), "s".repeat(50), second, BODY_ENDS),
    ];
    // At once, or after an answer on the same connection by either part of the
    // program.
    let earlier = ["", "/health", "/api/v1/rooms/lobby/events?wait=0"];
    let wrong: Vec<String> = thread::scope(|scope| {
        let mut checks = Vec::new();
        for (case, at_once, slowly, rest, ends) in &cases {
            for earlier in earlier {
                let mut connection = connect(server.address).unwrap();
                checks.push(scope.spawn(move || {
                    if !earlier.is_empty() {
                        let request = format!("GET {earlier} HTTP/1.1\r\nHost: a\r\n\r\n");
                        connection.get_mut().write_all(request.as_bytes()).unwrap();
                        Answer::read(&mut connection).unwrap().expect(200);
                    }
                    let (status, took) = dawdle(&mut connection, at_once, slowly, *rest);
                    let is_right =
                        matches!(status, None | Some(408)) && (ends[0]..ends[1]).contains(&took);
                    (!is_right).then(|| format!("{case}, after {earlier:?}: {status:?} {took:?}"))
                }));
            }
        }
        checks.into_iter().filter_map(|check| check.join().unwrap()).collect()
    });
    assert!(wrong.is_empty(), "not in time, or not 408: {wrong:#?}");
    server.until_held(0);
}

/// Sends some of a request at once and the rest byte by byte, until the server
/// answers or closes; returns the status, if any, and how long that took.
fn dawdle(
    connection: &mut BufReader<TcpStream>,
    at_once: &str,
    slowly: &str,
    rest: Duration,
) -> (Option<u16>, Duration) {
    let began = Instant::now();
    let is_over = &AtomicBool::new(false);
    let mut writer = connection.get_ref().try_clone().unwrap();
    thread::scope(|scope| {
        scope.spawn(move || {
            let _ = writer.write_all(at_once.as_bytes());
            for byte in slowly.bytes() {
                // The server may have closed: the test waits for that.
                if is_over.load(Ordering::Acquire) || writer.write_all(&[byte]).is_err() {
                    break;
                }
                thread::sleep(rest);
            }
        });
        let _over = Over(is_over);
        let status = Answer::read(connection).ok().map(|answer| answer.status);
        (status, began.elapsed())
    })
}

#[test]
fn bytes_by_chance_end_in_an_answer_or_a_close() {
    const CONNECTIONS: u64 = 400;
    const DEADLINE: Duration = Duration::from_secs(20);
    let folder = Folder::new();
    let server = Program::on(&folder).start();
    let mut ann = server.guest("ann");
    ann.say("lobby", "hello");
    let valid = valid_requests(ann.token.as_deref().unwrap());
    let requests: Vec<Vec<u8>> = (0..CONNECTIONS).map(|seed| mutated(&valid, seed)).collect();
    let connections: Vec<_> = requests
        .iter()
        .zip(0..)
        // Every second connection closes its sending side.
        .map(|(bytes, seed)| send_raw(server.address, bytes, seed % 2 == 0).unwrap())
        .collect();

    let is_over = &AtomicBool::new(false);
    let silent: Vec<String> = thread::scope(|scope| {
        let over = Over(is_over);
        scope.spawn(move || {
            // News for every request that may be held by now. This also calls a request behind
            // which another one stands: the park does not see a hang-up there.
            while !is_over.load(Ordering::Acquire) {
                ann.say("lobby", "news");
                thread::sleep(Duration::from_millis(100));
            }
        });
        let deadline = Instant::now() + DEADLINE;
        let answered = connections.into_iter().zip(&requests).zip(0..);
        let silent = answered.filter_map(|((connection, bytes), seed)| {
            let is_silent = !is_answered(connection, deadline);
            is_silent.then(|| format!("seed {seed}: {}", bytes.escape_ascii()))
        });
        let silent = silent.collect();
        server.until_held(0);
        drop(over);
        silent
    });
    assert!(silent.is_empty(), "no answer and no end: {silent:#?}");
    assert_eq!(server.visitor().get("/health").expect(200), json!({ "status": "ok" }));
}

/// Says that the test is over when it is dropped, after a panic too.
struct Over<'a>(&'a AtomicBool);

impl Drop for Over<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Release);
    }
}

/// Tells whether there is an answer or an end before the deadline.
fn is_answered(mut connection: BufReader<TcpStream>, deadline: Instant) -> bool {
    let left = deadline.saturating_duration_since(Instant::now()).max(Duration::from_millis(1));
    connection.get_ref().set_read_timeout(Some(left)).unwrap();
    match connection.fill_buf() {
        Ok(_) => true,
        Err(error) => error.kind() == io::ErrorKind::ConnectionReset,
    }
}

/// Returns a well-formed request for each way to be held, and some others.
fn valid_requests(token: &str) -> Vec<String> {
    let get = |path: &str, fields: &str| format!("GET {path} HTTP/1.1\r\nHost: a\r\n{fields}\r\n");
    let post = |path: &str, fields: &str, body: &str| {
        let length = body.len();
        format!("POST {path} HTTP/1.1\r\nHost: a\r\n{fields}Content-Length: {length}\r\n\r\n{body}")
    };
    let bearer = format!("Authorization: Bearer {token}\r\n");
    let cookie = format!("Cookie: a=b; linger_session={token}; c=d\r\n");
    let poll = format!("{EVENTS}?after=latest&wait=5&limit=7");
    let stream = "Accept: text/event-stream\r\nLast-Event-ID: abcdefghij-3\r\n";
    vec![
        get(&poll, ""),
        get(&poll, &bearer),
        get("/api/v1/events?after=start&wait=5", &cookie),
        get("/api/v1/events?wait=5", &format!("{bearer}Prefer: wait=5\r\n")),
        get(EVENTS, stream),
        post("/update", &cookie, "cursor=abcdefghij-12"),
        post("/update", "", "cursor="),
        post("/get_new_message", "", r#"{"username":"ann==my-own-id"}"#),
        get("/health", ""),
        post("/api/v1/rooms/lobby/messages", &bearer, r#"{"text":"hello"}"#),
        "POST /update HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n7\r\ncursor=\r\n0\r\n\r\n".into(),
    ]
}

/// Returns one to three valid requests behind each other, damaged in one to four
/// places.
fn mutated(valid: &[String], seed: u64) -> Vec<u8> {
    let chance = &mut Chance::new(3000 + seed);
    let mut bytes: Vec<u8> = (0..chance.pick(1..4))
        .flat_map(|_| valid[chance.pick(0..valid.len() as u64) as usize].bytes())
        .collect();
    for _ in 0..chance.pick(1..5) {
        // Never empty: an empty connection is no request.
        let at = chance.pick(0..bytes.len() as u64) as usize;
        let end = (at + chance.pick(1..40) as usize).min(bytes.len());
        match chance.pick(0..5) {
            0 => bytes[at] ^= 1 << chance.pick(0..8),
            1 => bytes[at] = chance.pick(0..256) as u8,
            2 if end - at < bytes.len() => drop(bytes.drain(at..end)),
            3 => {
                let part = bytes[at..end].to_vec();
                bytes.splice(at..at, part);
            }
            _ => {
                let odd: [&[u8]; 6] = [b"\r\n", b"\n", b"\r", b"\0", b" ", b"\r\n\r\n"];
                let part = odd[chance.pick(0..6) as usize].iter().copied();
                bytes.splice(at..at, part);
            }
        }
    }
    bytes
}

#[test]
fn a_message_has_twenty_different_reactions_and_one_more_is_refused_by_its_code() {
    let server = Program::bare().start();
    let mut ann = server.guest("ann");
    let message = ann.say("lobby", "one")["id"].clone();
    let path = |number: u32| {
        let emoji = char::from_u32(0x1f600 + number).unwrap().to_string();
        let bytes = emoji.bytes().map(|byte| format!("%{byte:02X}"));
        format!("/api/v1/messages/{message}/reactions/{}", bytes.collect::<String>())
    };
    for number in 0..20 {
        ann.put(&path(number), &json!({})).expect(204);
    }
    assert_eq!(ann.put(&path(20), &json!({})).problem(409), "too_many_reactions");
    ann.put(&path(3), &json!({})).expect(204);
    ann.delete(&path(3)).expect(204);
    ann.put(&path(20), &json!({})).expect(204);
    let message = ann.get(&format!("/api/v1/messages/{message}")).expect(200);
    assert_eq!(message["message"]["reactions"].as_array().unwrap().len(), 20);
}
