//! A disk that is full, read-only or failing while the program runs.
//!
//! Sends are refused at once and plainly, everybody can still read, `/ready` gives the
//! reason, and the program's log gives it once. When the disk is well again, so is the
//! program, by itself.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::{
    client::{Answer, Client},
    disk::Disk,
    process::{Folder, Program, Server, until},
    startup::check_refused,
};

use super::{ROOM, cursor_now, page_after, say_all, stop, texts, within};

/// An answer that waits for no disk and no deadline.
const AT_ONCE: Duration = Duration::from_secs(1);
/// The time in which the state must end after the disk is well again.
const SOON: Duration = Duration::from_secs(4);
/// How long the fault lasts, at least.
const FAULT: Duration = Duration::from_secs(5);
const REFUSED_SENDS: usize = 6;

/// One fault, and how the program reports it.
struct Fault {
    /// A line for the disk's control file.
    line: &'static str,
    /// The reason has one of these words in it.
    words: &'static [&'static str],
    /// The codes with which a send may be refused.
    codes: &'static [&'static str],
    /// Whether a send may still find room in the file, which then need not grow.
    may_find_room: bool,
}

/// A room on a disk that will fail.
struct Room {
    folder: Folder,
    disk: Disk,
    server: Server,
    ann: Client,
    bob: Client,
    /// The texts that were acknowledged.
    said: Vec<String>,
    /// The request ids and texts of the sends that were refused.
    refused: Vec<(String, String)>,
}

impl Room {
    fn open() -> Room {
        let folder = Folder::new();
        let disk = Disk::with_journal(folder.path());
        let server = disk.mount(Program::on(&folder)).start();
        let (mut ann, mut bob) = (server.guest("ann"), server.guest("bob"));
        ann.open("tea", "open");
        bob.join("tea");
        let said = say_all(&mut ann, "before", 5);
        Room { folder, disk, server, ann, bob, said, refused: Vec::new() }
    }

    /// Sends once, and remembers the result.
    fn send(&mut self, fault: &Fault) {
        let request_id = format!("send-{}", self.said.len() + self.refused.len());
        // Long, so that the log must grow.
        let text = format!("{request_id} {}", "tea ".repeat(700)).trim().to_owned();
        let answer = at_once(|| self.ann.try_send("tea", &request_id, &text).unwrap());
        if fault.may_find_room && answer.status == 201 {
            self.said.push(text);
            return;
        }
        let code = answer.problem(503);
        assert!(fault.codes.contains(&&*code), "{answer:?}");
        self.refused.push((request_id, text));
    }

    /// Checks that everybody can read everything that was acknowledged.
    fn check_reads(&mut self) {
        at_once(|| self.bob.get("/api/v1/me")).expect(200);
        at_once(|| self.bob.get("/api/v1/rooms")).expect(200);
        let latest = cursor_now(&mut self.bob);
        at_once(|| self.bob.get(&format!("{ROOM}?after={latest}&wait=0"))).expect(200);
        let events = at_once(|| self.bob.get(&format!("{ROOM}?after=start&wait=0&limit=1000")));
        let events = events.expect(200);
        let told = events["events"].as_array().unwrap().iter();
        let told = told.filter_map(|event| event["message"]["text"].as_str().map(str::to_owned));
        self.check_said(told.collect());
        let history = at_once(|| self.bob.get("/api/v1/rooms/tea/messages?limit=200"));
        let history = history.expect(200);
        let told = history["messages"].as_array().unwrap().iter();
        self.check_said(told.map(|said| said["text"].as_str().unwrap().to_owned()).collect());
    }

    /// Checks that every acknowledged message is there once, in order. A refused one may be
    /// there, if the answer left that open, but not twice.
    fn check_said(&self, mut told: Vec<String>) {
        told.retain(|told| {
            let is_open = self.refused.iter().any(|(_, text)| text == told);
            !is_open || self.said.contains(told)
        });
        assert_eq!(told, self.said);
    }

    /// Repeats all refused sends: each has its effect, once.
    fn repeat(&mut self) {
        for (request_id, text) in std::mem::take(&mut self.refused) {
            let path = format!("/api/v1/rooms/tea/messages/{request_id}");
            let answer = self.ann.put(&path, &json!({ "text": text }));
            assert!([200, 201].contains(&answer.status), "{answer:?}");
            let again = self.ann.put(&path, &json!({ "text": text })).expect(200);
            assert_eq!(again["message"], answer.json()["message"]);
            self.said.push(text);
        }
        // An append of unknown outcome may stand before later ones.
        let (mut told, mut said) = (texts(&mut self.ann), self.said.clone());
        told.sort();
        said.sort();
        assert_eq!(told, said, "all there, once");
        self.said = texts(&mut self.ann);
    }
}

fn at_once(ask: impl FnOnce() -> Answer) -> Answer {
    let asked = Instant::now();
    let answer = ask();
    assert!(asked.elapsed() < AT_ONCE, "after {:?}: {answer:?}", asked.elapsed());
    answer
}

/// Counts the lines of this level.
fn warnings(log: &str) -> usize {
    log.lines().filter(|line| line.contains(" WARN ") || line.contains(" ERROR ")).count()
}

/// A fault that comes, stays for some sends, and goes.
fn check_comes_and_goes(fault: &Fault) {
    let mut room = Room::open();
    let latest = cursor_now(&mut room.bob);
    let mut held = room.bob.begin(&format!("{ROOM}?after={latest}&wait=50"), &[]);
    room.server.until_held(1);
    let said_before = room.said.len();
    let log_before = room.server.log();

    room.disk.set(&[fault.line]);
    let began = Instant::now();
    while room.refused.len() < REFUSED_SENDS || began.elapsed() < FAULT {
        assert!(began.elapsed() < 3 * FAULT, "{} of them refused", room.refused.len());
        room.send(fault);
        room.check_reads();
        if !room.refused.is_empty() {
            check_not_ready(&room.server, fault);
        }
        // A reader who waits now is held, and nothing comes meanwhile.
        let latest = cursor_now(&mut room.bob);
        let page = room.bob.get(&format!("{ROOM}?after={latest}&wait=0.2"));
        assert_eq!(page.expect(200)["events"], json!([]));
    }
    let log_then = room.server.log();
    let during = log_then.strip_prefix(&log_before).unwrap();
    assert_eq!(warnings(during), 1, "the state is told once: {during}");

    room.disk.heal();
    within(SOON, "ready again by itself", || room.server.visitor().get("/ready").status == 200);
    room.said.extend(say_all(&mut room.ann, "after", 3));
    room.check_reads();
    let page = Answer::read(&mut held).unwrap().expect(200);
    let first = &page["events"][0]["message"]["text"];
    assert_eq!(first, &*room.said[said_before], "the held reader goes on: {page}");
    until("the end of the state is told", || room.server.log().len() > log_then.len());
    room.repeat();
    room.check_reads();
    let log = room.server.log();
    let after = log.strip_prefix(&log_then).unwrap();
    assert_eq!(after.lines().count(), 1, "the end is told once: {after}");
    check_after_restart(room);
}

fn check_not_ready(server: &Server, fault: &Fault) {
    let answer = server.visitor().get("/ready");
    answer.problem(503);
    let detail = answer.json()["detail"].as_str().unwrap().to_lowercase();
    assert!(fault.words.iter().any(|word| detail.contains(word)), "no reason in {detail:?}");
}

/// Cuts the power, and checks that everything that was acknowledged is there, once.
fn check_after_restart(mut room: Room) {
    room.server.kill();
    room.disk.power_cut(1);
    let server = Program::on(&room.folder).start();
    let mut ann = room.ann.again(server.address);
    assert_eq!(texts(&mut ann), room.said, "after a power cut");
    assert_eq!(page_after(&mut ann, ROOM, "start")["reset"], Value::Null);
}

#[test]
fn a_full_disk_refuses_sends_at_once_and_nothing_else_until_there_is_room() {
    check_comes_and_goes(&Fault {
        line: "full",
        words: &["full", "space"],
        codes: &["storage_failed"],
        may_find_room: true,
    });
}

#[test]
fn a_disk_that_takes_no_byte_refuses_sends_at_once_and_nothing_else() {
    check_comes_and_goes(&Fault {
        line: "no-space",
        words: &["full", "space"],
        codes: &["storage_failed"],
        may_find_room: false,
    });
}

#[test]
fn a_disk_that_becomes_read_only_refuses_sends_at_once_and_nothing_else() {
    check_comes_and_goes(&Fault {
        line: "read-only",
        words: &["read-only", "readonly", "read only"],
        codes: &["storage_failed"],
        may_find_room: false,
    });
}

#[test]
fn on_a_read_only_disk_the_program_does_not_start() {
    let folder = Folder::new();
    let disk = Disk::under(folder.path());
    stop(Program::on(&folder).start());
    disk.set(&["read-only"]);
    // The program names the first file of the folder that it could not use.
    let path = format!("{folder}/");
    check_refused("it has been used", &disk.mount(Program::on(&folder)), &[&path]);
    let new = folder.join("new");
    let path = new.display().to_string();
    check_refused("a new folder", &disk.mount(Program::at(&new)), &[&path]);
}

#[test]
fn a_send_whose_fsync_fails_is_never_acknowledged_and_has_its_effect_once() {
    // An fsync may fail for the log's file too, into which the write-ahead log is emptied.
    for line in ["fsync-fails log.db", "fsync-fails log.db-wal"] {
        let fault = Fault {
            line,
            words: &["i/o", "input/output", "sync"],
            codes: &["storage_failed", "outcome_unknown"],
            may_find_room: false,
        };
        let mut room = Room::open();
        room.disk.set(&[fault.line]);
        for _ in 0..REFUSED_SENDS {
            room.send(&fault);
            check_not_ready(&room.server, &fault);
        }
        room.disk.heal();
        within(SOON, "ready again by itself", || room.server.visitor().get("/ready").status == 200);
        room.said.extend(say_all(&mut room.ann, "after", 3));
        room.repeat();
        check_after_restart(room);
    }
}

#[test]
fn no_send_waits_for_the_file_systems_journal() {
    // A file system writes its journal on an fsync, even if only the file's time changed.
    let mut room = Room::open();
    room.disk.set(&["journalled-fsync-fails log.db"]);
    room.said.extend(say_all(&mut room.ann, "without", 3));
    room.disk.heal();
    check_after_restart(room);
}

#[test]
fn a_send_whose_write_fails_is_refused_and_has_its_effect_once() {
    let fault = Fault {
        line: "write-fails log.db",
        words: &["i/o", "input/output"],
        codes: &["storage_failed", "outcome_unknown"],
        may_find_room: false,
    };
    let mut room = Room::open();
    room.disk.set(&[fault.line]);
    for _ in 0..REFUSED_SENDS {
        room.send(&fault);
        room.check_reads();
        check_not_ready(&room.server, &fault);
    }
    room.disk.heal();
    within(SOON, "ready again by itself", || room.server.visitor().get("/ready").status == 200);
    room.repeat();
    check_after_restart(room);
}
