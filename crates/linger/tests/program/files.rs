//! Files, against the real program: many large ones at once in little memory, and a kill in
//! the middle of everything that leaves a folder in order.
//!
//! `LINGER_FILES_MIB=100` sends twenty of 100 MiB, and judges how long two people wait for each
//! other's words meanwhile; without it they are smaller, and only nothing may be lost: run that
//! on a release build. The server's own memory (`RssAnon`) is read from outside, so Linux only.

#![cfg(target_os = "linux")]

use std::{
    env, fs,
    io::{BufReader, Write},
    net::{SocketAddr, TcpStream},
    sync::{
        atomic::{AtomicBool, Ordering},
        mpsc,
    },
    thread::{self, ScopedJoinHandle},
    time::{Duration, Instant},
};

use serde_json::{Value, json};

use crate::{
    client::{Answer, connect},
    process::{Folder, Program, Server, until},
};

/// Uploads at once.
const UPLOADS: usize = 20;
const MIB: usize = 1 << 20;
/// The memory that they may take together: buffers of some 300 KiB each, and noise.
const GROWTH_MAX: u64 = 24 << 20;

/// The time until all are hashed, by a debug build on a busy machine.
const FILED_WITHIN: Duration = Duration::from_secs(600);
/// The median time from a send to its reader, while the uploads run.
const DELIVERY_MAX: Duration = Duration::from_millis(20);

/// Between two words: a person may say 200 at once, and the uploads may take long.
const PAUSE: Duration = Duration::from_millis(200);
/// Words that a person may say at once, and somewhat fewer.
const WORDS_MAX: usize = 180;

/// The size of each file, if the environment gives one.
fn mib() -> Option<usize> {
    env::var("LINGER_FILES_MIB").ok().map(|mib| mib.parse().unwrap())
}

/// A person who sends files.
#[derive(Clone)]
struct Sender {
    address: SocketAddr,
    token: String,
}

impl Sender {
    fn new(server: &Server) -> Sender {
        let guest = server.visitor().post("/api/v1/guests", &json!({ "name": "ann" })).expect(201);
        Sender { address: server.address, token: guest["token"].as_str().unwrap().to_owned() }
    }

    /// Sends a head, with this length of its body.
    fn begin(&self, method: &str, path: &str, fields: &str, length: usize) -> BufReader<TcpStream> {
        let mut stream = connect(self.address).unwrap();
        write!(
            stream.get_mut(),
            "{method} /api/v1{path} HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {}\r\nTus-Resumable: 1.0.0\r\n{fields}Content-Length: {length}\r\n\r\n",
            self.token
        )
        .unwrap();
        stream
    }

    fn call(&self, method: &str, path: &str, fields: &str, body: &[u8]) -> Answer {
        let mut stream = self.begin(method, path, fields, body.len());
        stream.get_mut().write_all(body).unwrap();
        match method {
            "HEAD" => Answer::read_head(&mut stream).unwrap(),
            _ => Answer::read(&mut stream).unwrap(),
        }
    }

    /// Sends a file of so many bytes, which differ from all others, a piece at a time.
    fn send(&self, number: usize, bytes: usize) -> Value {
        let path = format!("/files?name=f{number}");
        let mut stream = self.begin("POST", &path, "", bytes);
        let piece: Vec<u8> = (0..64 << 10).map(|at| (at * (number + 7)) as u8).collect();
        for _ in 0..bytes / piece.len() {
            stream.get_mut().write_all(&piece).unwrap();
        }
        // The others are hashed before, one after the other.
        stream.get_ref().set_read_timeout(Some(FILED_WITHIN)).unwrap();
        Answer::read(&mut stream).unwrap().expect(201)["file"].clone()
    }
}

/// Lets ann speak in the lobby, and bob listen with held requests, until the uploads are over.
/// Returns the times that her words took to him, in order.
fn talk(server: &Server, is_over: &AtomicBool) -> Vec<Duration> {
    let (mut ann, mut bob) = (server.guest("ann"), server.guest("bob"));
    ann.join("lobby");
    let path = |cursor: &str| format!("/api/v1/rooms/lobby/events?after={cursor}");
    let cursor_of = |page: &Value| page["cursor"].as_str().unwrap().to_owned();
    let mut cursor = cursor_of(&bob.get(&(path("latest") + "&wait=0")).expect(200));
    let (tell, heard) = mpsc::channel();
    let listens = thread::spawn(move || {
        loop {
            let page = bob.get(&path(&cursor)).expect(200);
            cursor = cursor_of(&page);
            for event in page["events"].as_array().unwrap() {
                let text = event["message"]["text"].as_str().unwrap().to_owned();
                if text == "over" {
                    return;
                }
                tell.send((text, Instant::now())).unwrap();
            }
        }
    });
    let mut delays = Vec::new();
    while delays.is_empty() || (!is_over.load(Ordering::Relaxed) && delays.len() < WORDS_MAX) {
        let (word, begin) = (format!("word {}", delays.len()), Instant::now());
        ann.say("lobby", &word);
        let (text, at) = heard.recv_timeout(Duration::from_secs(30)).unwrap();
        assert_eq!(text, word);
        delays.push(at - begin);
        thread::sleep(PAUSE);
    }
    ann.say("lobby", "over");
    listens.join().unwrap();
    delays.sort();
    delays
}

#[test]
fn twenty_uploads_at_once_take_little_memory_and_a_talk_goes_on() {
    let folder = Folder::new();
    let server = Program::on(&folder).start();
    let sender = Sender::new(&server);
    // Threads and buffers that are made once.
    sender.send(0, MIB);
    let before = server.memory();
    let is_over = AtomicBool::new(false);
    let bytes = mib().unwrap_or(20) * MIB;
    let (highest, delays) = thread::scope(|scope| {
        let watch = scope.spawn(|| {
            let mut highest = 0;
            while !is_over.load(Ordering::Relaxed) {
                highest = highest.max(server.memory());
                thread::sleep(Duration::from_millis(5));
            }
            highest
        });
        let sends: Vec<_> = (1..=UPLOADS)
            .map(|number| {
                let sender = sender.clone();
                scope.spawn(move || sender.send(number, bytes))
            })
            .collect();
        let talk = scope.spawn(|| talk(&server, &is_over));
        let sent: Vec<_> = sends.into_iter().map(ScopedJoinHandle::join).collect();
        // Before one that failed ends the test: the others would go on.
        is_over.store(true, Ordering::Relaxed);
        for file in sent {
            assert_eq!(file.unwrap()["size"], bytes);
        }
        (watch.join().unwrap(), talk.join().unwrap())
    });
    let growth = highest.saturating_sub(before);
    let (words, median) = (delays.len(), delays[delays.len() / 2]);
    eprintln!("{UPLOADS} uploads of {} MiB: {} KiB more", bytes / MIB, growth >> 10);
    eprintln!("{words} words meanwhile, delivered after {median:?} (median)");
    assert!(growth < GROWTH_MAX, "{} KiB more than the {} KiB before", growth >> 10, before >> 10);
    assert_eq!(staged(&folder), Vec::<String>::new());
    if mib().is_some() {
        assert!(median < DELIVERY_MAX, "{words} words were delivered after {median:?}");
    }
}

/// Returns the names in the folder of uploads.
fn staged(folder: &Folder) -> Vec<String> {
    let names = fs::read_dir(folder.join("files/uploads")).unwrap();
    names.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
}

#[test]
fn a_kill_in_the_middle_of_uploads_leaves_what_can_be_resumed_and_nothing_else() {
    const PATCH: &str = "Content-Type: application/offset+octet-stream\r\nUpload-Offset: ";
    let folder = Folder::new();
    let program = Program::on(&folder);
    let mut server = program.start();
    let sender = Sender::new(&server);
    let begun = sender.call("POST", "/uploads", &format!("Upload-Length: {}\r\n", 4 * MIB), b"");
    assert_eq!(begun.status, 201);
    let upload = begun.header("location").unwrap().strip_prefix("/api/v1").unwrap().to_owned();
    let first = sender.call("PATCH", &upload, &format!("{PATCH}0\r\n"), &vec![b'a'; MIB]);
    assert_eq!(first.header("upload-offset"), Some("1048576"));
    // Both hang with a part of their bytes when the server is killed.
    let mut hanging = sender.begin("PATCH", &upload, &format!("{PATCH}{MIB}\r\n"), 3 * MIB);
    hanging.get_mut().write_all(&vec![b'a'; MIB]).unwrap();
    let mut once = sender.begin("POST", "/files?name=once", "", 3 * MIB);
    once.get_mut().write_all(&vec![b'b'; MIB]).unwrap();
    let id = upload.rsplit('/').next().unwrap().to_owned();
    let size = |name: &str| {
        let path = folder.join("files/uploads").join(name);
        fs::metadata(path).map_or(0, |metadata| metadata.len())
    };
    until("both have written", || {
        let once = staged(&folder).iter().any(|name| !name.starts_with(&id) && size(name) > 0);
        once && size(&id) > MIB as u64
    });
    server.kill();
    drop((hanging, once));
    assert_eq!(staged(&folder).len(), 3, "two files, and a note");

    let server = program.start();
    let sender = Sender { address: server.address, ..sender };
    assert_eq!(staged(&folder).len(), 2, "what can be resumed, and its note");
    let head = sender.call("HEAD", &upload, "", b"");
    let offset: usize = head.header("upload-offset").unwrap().parse().unwrap();
    assert!((MIB..=2 * MIB).contains(&offset), "{offset}");
    let rest = vec![b'a'; 4 * MIB - offset];
    let last = sender.call("PATCH", &upload, &format!("{PATCH}{offset}\r\n"), &rest);
    let file = last.header("linger-file").unwrap();
    let bytes = sender.call("GET", &format!("/files/{file}"), "", b"").text();
    assert!(bytes.len() == 4 * MIB && bytes.bytes().all(|byte| byte == b'a'));
    assert_eq!(staged(&folder), [format!("{id}.json")]);
}
