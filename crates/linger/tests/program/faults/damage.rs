//! One byte of one file is another: two hundred cases by chance in the files of a
//! stopped or killed server, and thirty in those of a running one.
//!
//! The answers to three readers were recorded before. Afterwards the program refuses
//! to start, or gives the very same answers; while it runs, an answer may also be an
//! error. `linger check` tells what it finds. A failing case prints the line that
//! runs it alone.

use std::{
    fs::{self, File},
    os::unix::fs::FileExt,
    path::{Path, PathBuf},
    sync::{
        Mutex,
        atomic::{AtomicU64, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use serde_json::json;

use crate::{
    chance::Chance,
    client::{Answer, Client},
    process::{Folder, PATIENCE, Program, Server},
};

use super::{bytes_of, copy_folder, differing, say_all, stop};

const STOPPED_CASES: u64 = 200;
const RUNNING_CASES: u64 = 30;
/// The machine that runs the tests has two cores.
const THREADS: usize = 2;
/// The time in which a damaged projection must be found and made anew.
const HEALED: Duration = Duration::from_secs(5);
/// Runs the case with this number alone.
const SEED: &str = "LINGER_DAMAGE_SEED";

/// The requests of each reader; 60 messages fit into one page.
const ASKED: [&str; 9] = [
    "/api/v1/me",
    "/api/v1/rooms",
    "/api/v1/rooms/tea",
    "/api/v1/rooms/den",
    "/api/v1/rooms/tea/messages?limit=200",
    "/api/v1/rooms/den/messages?limit=200",
    "/api/v1/rooms/tea/events?after=start&wait=0&limit=1000",
    "/api/v1/rooms/den/events?after=start&wait=0&limit=1000",
    "/api/v1/events?after=start&wait=0&limit=1000",
];

/// One answer: its status and body. None: the server had ended.
type Reply = Option<(u16, String)>;

/// Undamaged folders, and the answers that readers get from them.
struct Originals {
    /// One file each for the log and the projection.
    stopped: Folder,
    /// With write-ahead logs.
    killed: Folder,
    readers: Vec<Client>,
    record: Vec<Reply>,
}

/// How a read went.
enum Reading {
    Right,
    /// Some answers were errors, the others right.
    Unavailable,
    Wrong(String),
}

impl Originals {
    fn make() -> Originals {
        let killed = Folder::new();
        let program = Program::on(&killed);
        let server = program.start();
        let mut people = ["ann", "bob", "cleo"].map(|name| server.guest(name));
        let [ann, bob, cleo] = &mut people;
        ann.open("tea", "open");
        ann.open("den", "closed");
        ann.put(&format!("/api/v1/rooms/den/members/{}", bob.id), &json!({})).expect(204);
        bob.join("tea");
        say_all(ann, "of the first day", 20);
        for n in 0..10 {
            bob.say("den", &format!("secret {n}"));
        }
        bob.patch("/api/v1/me", &json!({ "name": "Robert" })).expect(200);
        stop(server);

        let mut server = program.start();
        for client in [&mut *ann, &mut *bob, &mut *cleo] {
            *client = client.again(server.address);
        }
        cleo.join("tea");
        say_all(cleo, "of the second day", 20);
        bob.delete("/api/v1/rooms/den/members/me").expect(204);
        ann.say("den", "now he is gone");
        cleo.delete("/api/v1/rooms/tea/members/me").expect(204);
        ann.patch("/api/v1/me", &json!({ "name": "Anna" })).expect(200);
        say_all(ann, "nobody else is here", 9);
        let readers = Vec::from(people);
        let record = read(&server, &readers);
        server.kill();
        drop(server);

        let stopped = Folder::new();
        copy_folder(killed.path(), stopped.path());
        let server = Program::on(&stopped).start();
        assert_eq!(read(&server, &readers), record, "undamaged, killed");
        stop(server);
        Originals { stopped, killed, readers, record }
    }

    fn compare(&self, told: &[Reply]) -> Reading {
        let mut reading = Reading::Right;
        for (i, (told, recorded)) in told.iter().zip(&self.record).enumerate() {
            match told {
                None | Some((500.., _)) => reading = Reading::Unavailable,
                Some(_) if told == recorded => {}
                Some(_) => {
                    let reader = ["ann", "bob", "cleo"][i / ASKED.len()];
                    let asked = ASKED[i % ASKED.len()];
                    return Reading::Wrong(format!(
                        "{asked} by {reader}:\n    {told:?}\n  instead of\n    {recorded:?}"
                    ));
                }
            }
        }
        reading
    }

    /// Reads until no answer is an error any more.
    fn check_right(&self, server: &Server) -> Result<(), String> {
        let deadline = Instant::now() + HEALED;
        loop {
            match self.compare(&read(server, &self.readers)) {
                Reading::Right => return Ok(()),
                Reading::Wrong(answer) => return Err(format!("a wrong answer: {answer}")),
                Reading::Unavailable if Instant::now() < deadline => {
                    thread::sleep(Duration::from_millis(20));
                }
                Reading::Unavailable => return Err("it starts, and cannot answer".to_owned()),
            }
        }
    }

    /// Starts the program on a damaged folder: it refuses, and touches nothing, or
    /// everything reads as before. Tells whether it started.
    fn check_start(&self, data: &Path) -> Result<bool, String> {
        let before = bytes_of(data);
        match Program::at(data).try_start() {
            Ok(server) => {
                self.check_right(&server)?;
                let log = server.into_log();
                match log.contains("panicked") {
                    true => Err(format!("it panicked: {log}")),
                    false => Ok(true),
                }
            }
            Err(refusal) => {
                let last = refusal.stderr.lines().last().unwrap_or_default();
                if refusal.code != Some(1) || !last.starts_with("linger: ") {
                    return Err(format!("no plain refusal: {refusal:?}"));
                }
                let changed = differing(&before, &bytes_of(data));
                match changed.is_empty() {
                    true => Ok(false),
                    false => Err(format!("refused, but it changed {changed:?}")),
                }
            }
        }
    }
}

/// Returns the answers to all readers now.
fn read(server: &Server, readers: &[Client]) -> Vec<Reply> {
    let mut told = Vec::new();
    for reader in readers {
        let mut reader = reader.again(server.address);
        for asked in ASKED {
            told.push(reader.try_call("GET", asked, &[], "").ok().as_ref().map(without_cursor));
        }
    }
    told
}

/// Returns the status and the body; a cursor may differ from one start to the next.
fn without_cursor(answer: &Answer) -> (u16, String) {
    const CURSOR: &str = "\"cursor\":\"";
    let mut body = answer.text();
    if let Some(begin) = body.rfind(CURSOR).map(|at| at + CURSOR.len()) {
        let end = begin + body[begin..].find('"').unwrap();
        body.replace_range(begin..end, "");
    }
    (answer.status, body)
}

/// Changes one byte of one of the files, and tells which.
fn damage(data: &Path, chance: &mut Chance, is_running: bool) -> String {
    let files = fs::read_dir(data).unwrap().map(|entry| entry.unwrap().path());
    let mut files: Vec<PathBuf> = files
        .filter(|path| {
            let is_shared_memory = path.to_string_lossy().ends_with("-shm");
            // Shared memory of a running process is not disk, and is not tested here.
            let is_memory = is_running && is_shared_memory;
            !is_memory && fs::metadata(path).unwrap().len() > 0
        })
        .collect();
    files.sort();
    let path = &files[chance.pick(0..files.len() as u64) as usize];
    let file = File::options().read(true).write(true).open(path).unwrap();
    let at = chance.pick(0..file.metadata().unwrap().len());
    let flipped = chance.pick(1..256) as u8;
    let mut byte = [0];
    file.read_exact_at(&mut byte, at).unwrap();
    file.write_all_at(&[byte[0] ^ flipped], at).unwrap();
    let name = path.file_name().unwrap().to_string_lossy();
    format!("byte {at} of {name}, {:#04x} as {:#04x}", byte[0], byte[0] ^ flipped)
}

/// Runs the cases on a few threads, and shows all that failed.
fn check_cases(name: &str, cases: u64, case: impl Fn(u64) -> Result<(), String> + Sync) {
    let only: Option<u64> = std::env::var(SEED).ok().map(|seed| seed.parse().unwrap());
    let (next, end) = only.map_or((1, cases + 1), |seed| (seed, seed + 1));
    let next = AtomicU64::new(next);
    let failures = Mutex::new(Vec::new());
    thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| {
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= end {
                        return;
                    }
                    let replay = format!("{SEED}={seed} cargo test -p linger {name}");
                    let shown = ShownInPanic(&replay);
                    if let Err(failure) = case(seed) {
                        failures.lock().unwrap().push(format!("{replay}\n  {failure}"));
                    }
                    drop(shown);
                }
            });
        }
    });
    let failures = failures.into_inner().unwrap();
    let count = failures.len();
    assert!(count == 0, "{count} of {cases} cases failed:\n{}", failures.join("\n"));
}

/// Prints the line that replays a case if the case panics.
struct ShownInPanic<'a>(&'a str);

impl Drop for ShownInPanic<'_> {
    fn drop(&mut self) {
        if thread::panicking() {
            eprintln!("{}", self.0);
        }
    }
}

/// Runs `linger check`. Tells whether it found everything whole.
fn check_finds_nothing(data: &Path) -> Result<bool, String> {
    let check = Program::bare().arg("check").arg("--data").arg(data.display()).end();
    match check.code {
        Some(0) => Ok(true),
        Some(1) if !check.stdout.trim().is_empty() => Ok(false),
        _ => Err(format!("linger check neither finds it whole nor tells what it found: {check:?}")),
    }
}

#[test]
fn one_damaged_byte_in_a_stopped_servers_files_is_refused_or_changes_nothing() {
    let originals = Originals::make();
    let server = Program::on(&originals.stopped).start();
    assert!(originals.check_right(&server).is_ok(), "undamaged, stopped");
    stop(server);
    let name = "one_damaged_byte_in_a_stopped_servers_files";
    check_cases(name, STOPPED_CASES, |seed| {
        let mut chance = Chance::new(seed);
        let (folder, copy) = (Folder::new(), Folder::new());
        let is_killed = seed % 2 == 0;
        let original = if is_killed { &originals.killed } else { &originals.stopped };
        copy_folder(original.path(), folder.path());
        let what = damage(folder.path(), &mut chance, false);
        let what = format!("{what}, killed: {is_killed}");
        copy_folder(folder.path(), copy.path());
        let is_whole = check_finds_nothing(copy.path());
        let started = originals.check_start(folder.path());
        match (is_whole, started) {
            (Ok(true), Ok(false)) => {
                Err(format!("{what}: linger check finds nothing, but the start is refused"))
            }
            (Ok(_), Ok(_)) => Ok(()),
            (Err(failure), _) | (_, Err(failure)) => Err(format!("{what}: {failure}")),
        }
    });
}

#[test]
fn one_damaged_byte_in_a_running_servers_files_gives_no_wrong_answer() {
    let originals = Originals::make();
    let name = "one_damaged_byte_in_a_running_servers_files";
    check_cases(name, RUNNING_CASES, |seed| {
        let mut chance = Chance::new(1000 + seed);
        let folder = Folder::new();
        copy_folder(originals.stopped.path(), folder.path());
        let mut server = Program::on(&folder).start();
        let what = damage(folder.path(), &mut chance, true);
        for _ in 0..3 {
            if let Reading::Wrong(answer) = originals.compare(&read(&server, &originals.readers)) {
                return Err(format!("{what}: a wrong answer: {answer}"));
            }
        }
        if seed % 2 == 0 {
            server.kill();
        } else if server.is_running() {
            server.terminate();
            server.ended(PATIENCE);
        }
        drop(server);
        originals
            .check_start(folder.path())
            .map(drop)
            .map_err(|failure| format!("{what}: {failure}"))
    });
}
