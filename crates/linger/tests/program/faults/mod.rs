//! Faults of the files, the disk or the clock, and what the program does then.
//!
//! One module per subject. The rule for all: an acknowledged message is there once,
//! or the program says plainly that it is not. [`crate::disk`] makes the faults of
//! a running disk; damage to a stopped server's files is made here, by hand.

mod clock;
mod damage;
mod permissions;
mod power;
mod projection;
mod restored;
mod rollback;
mod storage;
mod vanished;

use std::{
    collections::BTreeMap,
    fs,
    io::BufReader,
    net::TcpStream,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use serde_json::Value;

use crate::{
    client::{Answer, Client, read_chunk},
    process::{Folder, PATIENCE, Program, Server},
    startup::check_refused,
    ways::{Reader, Way, texts_of},
};

const ROOM: &str = "/api/v1/rooms/tea/events";
const MINE: &str = "/api/v1/events";

/// Ends it as an operator does: the log and the projection are one whole file each.
fn stop(mut server: Server) {
    server.terminate();
    assert_eq!(server.ended(PATIENCE).code(), Some(0));
}

/// Waits until something is true, no longer than this.
fn within(time: Duration, what: &str, mut is_true: impl FnMut() -> bool) {
    let deadline = Instant::now() + time;
    while !is_true() {
        assert!(Instant::now() < deadline, "not within {time:?}: {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// Returns the bytes of everything at and below this path, except for what every start
/// makes anew: the lock, shared memory, an empty write-ahead log.
fn bytes_of(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut all = BTreeMap::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            all.extend(bytes_of(&path));
            continue;
        }
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        let bytes = fs::read(&path).unwrap();
        let is_empty_wal = name.ends_with("-wal") && bytes.is_empty();
        if name != "lock" && !name.ends_with("-shm") && !is_empty_wal {
            all.insert(path, bytes);
        }
    }
    all
}

/// Names the files that differ; empty when none does.
fn differing(
    before: &BTreeMap<PathBuf, Vec<u8>>,
    after: &BTreeMap<PathBuf, Vec<u8>>,
) -> Vec<PathBuf> {
    let names = before.keys().chain(after.keys());
    let mut names: Vec<_> = names.filter(|name| before.get(*name) != after.get(*name)).collect();
    names.dedup();
    names.into_iter().cloned().collect()
}

/// Copies all files of a folder into another one, which is made if need be.
fn copy_folder(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        if path.is_file() {
            fs::copy(&path, to.join(path.file_name().unwrap())).unwrap();
        }
    }
}

/// Counts the entries of the log as SQLite reads it, in a copy.
fn log_entries(data: &Path) -> u64 {
    let copy = Folder::new();
    for name in ["log.db", "log.db-wal"] {
        if data.join(name).exists() {
            fs::copy(data.join(name), copy.join(name)).unwrap();
        }
    }
    let log = rusqlite::Connection::open(copy.join("log.db")).unwrap();
    log.query_row("SELECT count(*) FROM entries", [], |row| row.get(0)).unwrap()
}

/// Returns the position of the last event that a reader sees, and makes sure that it is
/// in the tables.
fn last_position(client: &mut Client, path: &str) -> u64 {
    let events = client.read_all(path);
    // A read of the tables commits them first: the projection's file has all of it then.
    client.get("/api/v1/me").expect(200);
    events.last().unwrap()["position"].as_u64().unwrap()
}

/// Checks that the program refuses a log that is shorter than its projection: it
/// names both numbers and the ways out, and changes nothing.
fn check_rollback_refused(case: &str, data: &Path, log: u64, projection: u64) {
    let before = bytes_of(data);
    let program = Program::at(data);
    check_refused(case, &program, &["--accept-rollback", "salvage"]);
    // The name of the folder may have digits in it.
    let sentence = program.refused(case).stderr.replace(data.to_str().unwrap(), "");
    let numbers: Vec<&str> = sentence.split(|c: char| !c.is_ascii_digit()).collect();
    for number in [log, projection] {
        let number = number.to_string();
        assert!(numbers.contains(&&*number), "{case}: no {number} in {sentence:?}");
    }
    let changed = differing(&before, &bytes_of(data));
    assert!(changed.is_empty(), "{case}: these were changed: {changed:?}");
}

/// Returns the events after a cursor, at once.
fn page_after(client: &mut Client, path: &str, cursor: &str) -> Value {
    client.get(&format!("{path}?after={cursor}&wait=0&limit=1000")).expect(200)
}

/// Returns the cursor of the newest event that a reader may see.
fn cursor_now(client: &mut Client) -> String {
    page_after(client, ROOM, "latest")["cursor"].as_str().unwrap().to_owned()
}

/// Checks that a reader with this cursor is told to begin afresh, by polls and by
/// streams, in one room and in all.
fn check_reset(case: &str, client: &mut Client, cursor: &str) {
    for path in [ROOM, MINE] {
        let page = page_after(client, path, cursor);
        assert_ne!(page["reset"], Value::Null, "{case}: {path} after {cursor}: {page}");
        let fields = [("Accept", "text/event-stream"), ("Last-Event-ID", cursor)];
        let mut stream = client.begin(path, &fields);
        assert_eq!(Answer::read_head(&mut stream).unwrap().status, 200);
        let first = first_event(&mut stream);
        assert_eq!(first, "reset", "{case}: a stream of {path} after {cursor}");
    }
}

/// Returns the kind of the first event of a stream that has one soon.
fn first_event(stream: &mut BufReader<TcpStream>) -> String {
    /// Much less than the time until the first comment.
    const SOON: Duration = Duration::from_secs(3);
    stream.get_ref().set_read_timeout(Some(SOON)).unwrap();
    while let Ok(Some(chunk)) = read_chunk(stream) {
        let text = String::from_utf8(chunk).unwrap();
        if let Some(kind) = text.lines().find_map(|line| line.strip_prefix("event: ")) {
            return kind.to_owned();
        }
    }
    "nothing".to_owned()
}

/// Checks that a reader with this cursor goes on as if nothing had happened, by
/// polls and by streams: there come exactly these messages. A reset panics.
fn check_goes_on(client: &Client, cursor: &str, texts: &[String]) {
    for way in [Way::RoomPoll, Way::MyPoll, Way::RoomStream, Way::MyStream] {
        let mut reader = Reader::new(way, "tea", client.token.as_deref(), cursor);
        while reader.texts.len() < texts.len() {
            reader.ask(client.address, 5).unwrap();
            reader.take().unwrap();
        }
        assert_eq!(reader.texts, texts, "{way:?} after {cursor}");
    }
}

/// Returns the texts of the room, oldest first.
fn texts(client: &mut Client) -> Vec<String> {
    texts_of(&client.history("tea", 200))
}

/// Sends these messages, and returns their texts.
fn say_all(client: &mut Client, name: &str, count: usize) -> Vec<String> {
    let texts: Vec<String> = (1..=count).map(|n| format!("{name} {n}")).collect();
    texts.iter().for_each(|text| drop(client.say("tea", text)));
    texts
}
