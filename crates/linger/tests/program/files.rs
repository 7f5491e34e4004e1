//! Files, against the real program: many large ones at once in little memory, and a kill in
//! the middle of everything that leaves a folder in order.
//!
//! `LINGER_FILES_MIB=100` sends twenty of 100 MiB; without it they are smaller. The server's
//! own memory (`RssAnon`) is read from outside, so Linux only.

#![cfg(target_os = "linux")]

use std::{
    env, fs,
    io::{BufReader, Write},
    net::{SocketAddr, TcpStream},
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::Duration,
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

fn mib() -> usize {
    env::var("LINGER_FILES_MIB").map_or(8, |mib| mib.parse().unwrap())
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
        Answer::read(&mut stream).unwrap().expect(201)["file"].clone()
    }
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
    let bytes = mib() * MIB;
    let highest = thread::scope(|scope| {
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
        let mut ann = server.guest("ann");
        for number in 0..10 {
            ann.say("lobby", &format!("still here {number}"));
        }
        for send in sends {
            assert_eq!(send.join().unwrap()["size"], bytes);
        }
        is_over.store(true, Ordering::Relaxed);
        watch.join().unwrap()
    });
    let growth = highest.saturating_sub(before);
    eprintln!("{UPLOADS} uploads of {} MiB: {} KiB more", mib(), growth >> 10);
    assert!(growth < GROWTH_MAX, "{} KiB more than the {} KiB before", growth >> 10, before >> 10);
    assert_eq!(staged(&folder), Vec::<String>::new());
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
