//! NATS servers for the tests: real processes, one by itself or three that know each other.
//!
//! Each ends with the test's process. A server that was killed comes back at the same addresses,
//! with its files.
//!
//! With `LINGER_TEST_LOG=nats://…` all tests of the program have their logs on that server
//! ([`log_of`]): `cargo xtask test nats` starts one. Tests that are about `log.db` are left out
//! then; `xtask/embedded-only.txt` lists them, each with its reason.

use std::{
    collections::HashMap,
    fs,
    io::{BufRead, BufReader, Read, Write},
    net::{SocketAddr, TcpStream},
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::{
        Mutex,
        atomic::{AtomicU16, Ordering},
    },
    time::{Duration, Instant},
};

use guarded::{Guarded, NATS_SERVER, free_port, installed};
use rustix::process::Signal;
use serde_json::Value;

use crate::{
    hosts::Host,
    manual,
    process::{Folder, PATIENCE, Program, until},
};

/// Every server that keeps a log must do this.
const SAFE: &str = "sync_interval: always";

/// NATS servers, and the folder of all that they write.
pub struct Nats {
    pub servers: Vec<NatsServer>,
    pub folder: Folder,
}

/// One server.
pub struct NatsServer {
    /// Where clients connect.
    pub address: SocketAddr,
    pub monitor: SocketAddr,
    host: Host,
    config: PathBuf,
    running: Option<Guarded>,
}

/// The servers that keep the log's stream, as its leader sees them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Group {
    /// The number of the leader among the servers.
    pub leader: usize,
    /// Whether the others have what the leader has.
    pub is_current: bool,
}

impl Nats {
    /// Starts one server, with these settings of JetStream and more lines of configuration.
    pub fn start(jetstream: &str, more: &str) -> Nats {
        let folder = Folder::new();
        let mut server = NatsServer::new(&Host::here(), "n1", folder.path(), jetstream, more);
        server.start();
        server.until_it_listens();
        Nats { servers: vec![server], folder }
    }

    /// Starts three servers that know each other.
    pub fn three() -> Nats {
        Nats::three_with_room(|_| SAFE.to_owned())
    }

    /// Starts three servers that know each other, with these settings of JetStream for each.
    pub fn three_with_room(jetstream: impl Fn(usize) -> String) -> Nats {
        Nats::three_of(&[(); 3].map(|()| Host::here()), jetstream, "")
    }

    /// Starts three servers on three hosts. They know each other, and tell their clients of
    /// no other server.
    pub fn three_apart(hosts: &[Host; 3]) -> Nats {
        Nats::three_of(
            hosts,
            |_| SAFE.to_owned(),
            ", no_advertise: true, ping_interval: \"2s\", ping_max: 2",
        )
    }

    fn three_of(hosts: &[Host; 3], jetstream: impl Fn(usize) -> String, more: &str) -> Nats {
        let folder = Folder::new();
        let routes = hosts.each_ref().map(|host| SocketAddr::from((host.ip, free_port())));
        let urls = routes.map(|route| format!("nats://{route}"));
        let server = |(number, host)| {
            let name = format!("n{}", number + 1);
            let listen = routes[number];
            let more =
                format!("cluster {{ name: three, listen: \"{listen}\", routes: {urls:?}{more} }}");
            NatsServer::new(host, &name, &folder.join(&name), &jetstream(number), &more)
        };
        let mut servers: Vec<_> = hosts.iter().enumerate().map(server).collect();
        servers.iter_mut().for_each(NatsServer::start);
        servers.iter().for_each(NatsServer::until_it_listens);
        Nats { servers, folder }
    }

    /// Lets a program find its log here.
    pub fn on(&self, program: Program) -> Program {
        let monitors = self.servers.iter().map(|it| format!("http://{}", it.monitor));
        program
            .env("LINGER_NATS", &self.url())
            .env("LINGER_NATS_MONITOR", &monitors.collect::<Vec<_>>().join(","))
            .env("LINGER_NATS_REPLICAS", &self.servers.len().to_string())
            .env("LINGER_NATS_STREAM", "linger")
    }

    /// Returns the addresses of all servers.
    pub fn url(&self) -> String {
        let hosts = self.servers.iter().map(|server| server.address.to_string());
        format!("nats://{}", hosts.collect::<Vec<_>>().join(","))
    }

    /// Runs `linger cluster …`, and returns its exit code and what it says.
    pub fn cluster(&self, verb: &str) -> (Option<i32>, String) {
        let end = self.on(Program::bare()).arg("cluster").arg(verb).end();
        (end.code, end.stdout + &end.stderr)
    }

    /// Makes the stream of a log, once the servers have found each other.
    pub fn make_log(&self) {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let (code, said) = self.cluster("init");
            // The answer to an earlier try may have been lost.
            if code == Some(0) || said.contains("there is a stream linger already") {
                return;
            }
            let is_late = self.servers.len() == 1 || Instant::now() > deadline;
            assert!(!is_late, "no stream: {said}");
            std::thread::sleep(Duration::from_millis(100));
        }
    }

    /// Returns the servers as the stream's leader sees them; none while there is no leader.
    pub fn group(&self) -> Option<Group> {
        // Without the monitoring addresses: one that is down would not answer.
        let status = Program::bare().env("LINGER_NATS", &self.url());
        let end = status.arg("cluster").arg("status").end();
        let leader = end.stdout.lines().find_map(|line| line.strip_prefix("leader n"))?;
        let leader: usize = leader.split(':').next()?.parse().ok()?;
        let is_current = |line: &&str| line.starts_with("replica ") && line.contains("up to date");
        let current = end.stdout.lines().filter(is_current).count();
        Some(Group { leader: leader - 1, is_current: current + 1 == self.servers.len() })
    }
}

/// Lets the program find the log of a data folder in a stream of its own, where the tests are
/// run so.
pub fn log_of(data: &Path, program: Program) -> Program {
    static STREAMS: Mutex<Option<HashMap<PathBuf, String>>> = Mutex::new(None);
    let Ok(servers) = std::env::var("LINGER_TEST_LOG") else { return program };
    let monitor = std::env::var("LINGER_TEST_MONITOR").unwrap();
    let mut streams = STREAMS.lock().unwrap();
    let streams = streams.get_or_insert_default();
    let next = format!("program-{}-{}", std::process::id(), streams.len());
    let on = |program: Program, stream: &str| {
        program
            .env("LINGER_NATS", &servers)
            .env("LINGER_NATS_MONITOR", &monitor)
            .env("LINGER_NATS_REPLICAS", "1")
            .env("LINGER_NATS_STREAM", stream)
    };
    let stream = streams.entry(data.to_owned()).or_insert_with(|| {
        let init = on(Program::bare(), &next).arg("cluster").arg("init").end();
        assert_eq!(init.code, Some(0), "{init:?}");
        next
    });
    on(program, stream)
}

impl NatsServer {
    fn new(host: &Host, name: &str, folder: &Path, jetstream: &str, more: &str) -> NatsServer {
        let [address, monitor] = [(); 2].map(|()| SocketAddr::from((host.ip, free_port())));
        let (config, store) = (folder.join("server.conf"), folder.join("store"));
        let text = format!(
            "server_name: {name}\nlisten: \"{address}\"\nhttp: \"{monitor}\"\n\
             jetstream {{ store_dir: {store:?}, {jetstream} }}\n{more}\n"
        );
        fs::create_dir_all(folder).unwrap();
        fs::write(&config, text).unwrap();
        NatsServer { address, monitor, host: host.clone(), config, running: None }
    }

    /// Starts it, after what the page has done before each start.
    pub fn start(&mut self) {
        let unit = manual::block("/etc/systemd/system/nats-server.service.d/linger.conf");
        let before = unit.lines().find_map(|line| line.strip_prefix("ExecStartPre=-")).unwrap();
        let before = before.replace("/var/lib/nats", self.store().to_str().unwrap());
        // The first time there is no store: the dash in the line allows that.
        Command::new("sh").args(["-c", &before]).stderr(Stdio::null()).status().unwrap();
        let (shell, log) = (self.host.command("sh"), self.config.with_extension("log"));
        let arguments = ["--config", self.config.to_str().unwrap()];
        let server = Guarded::start_by(shell, &log, None, &installed(NATS_SERVER), &arguments);
        self.running = Some(server);
    }

    /// Waits until clients and monitors can connect.
    pub fn until_it_listens(&self) {
        until("the NATS server listens", || {
            [self.address, self.monitor].iter().all(|address| TcpStream::connect(address).is_ok())
        });
    }

    /// Returns its address as clients are told it.
    pub fn url(&self) -> String {
        format!("nats://{}", self.address)
    }

    /// Asks JetStream for something that Linger never asks for, and returns its answer.
    pub fn ask(&self, subject: &str, body: &Value) -> Value {
        let (_, answer) = self.request(&format!("$JS.API.{subject}"), &body.to_string());
        serde_json::from_slice(&answer).unwrap()
    }

    /// Asks for something, and returns the head of the answer, and its body.
    pub fn request(&self, subject: &str, body: &str) -> (String, Vec<u8>) {
        static INBOXES: AtomicU16 = AtomicU16::new(0);
        let inbox = format!("inbox.{}", INBOXES.fetch_add(1, Ordering::Relaxed));
        let to = TcpStream::connect(self.address).unwrap();
        to.set_read_timeout(Some(PATIENCE)).unwrap();
        let mut connection = BufReader::new(to);
        let asked = format!(
            "CONNECT {{\"verbose\":false,\"headers\":true,\"no_responders\":true}}\r\n\
             SUB {inbox} 1\r\nPUB {subject} {inbox} {}\r\n{body}\r\n",
            body.len()
        );
        connection.get_mut().write_all(asked.as_bytes()).unwrap();
        loop {
            let mut line = String::new();
            assert!(connection.read_line(&mut line).unwrap() > 0, "no answer to {subject}");
            let words: Vec<_> = line.split_whitespace().collect();
            let numbers = words.iter().rev().map_while(|word| word.parse::<usize>().ok());
            let (head, whole) = match (words[0], numbers.collect::<Vec<_>>().as_slice()) {
                ("HMSG", [whole, head, ..]) => (*head, *whole),
                ("MSG", [whole, ..]) => (0, *whole),
                _ => continue,
            };
            let mut answer = vec![0; whole];
            connection.read_exact(&mut answer).unwrap();
            let body = answer.split_off(head);
            return (String::from_utf8(answer).unwrap(), body);
        }
    }

    /// Changes something in its configuration, for the next start.
    pub fn change(&self, from: &str, to: &str) {
        let config = fs::read_to_string(&self.config).unwrap();
        assert!(config.contains(from), "{config}");
        fs::write(&self.config, config.replace(from, to)).unwrap();
    }

    /// Ends it in order, as an operator does, and waits until its process has ended.
    pub fn stop(&mut self) {
        self.running.take().expect("it runs").end();
    }

    /// Returns the folder of its streams.
    pub fn store(&self) -> PathBuf {
        self.config.with_file_name("store")
    }

    /// Ends it at once, as a crash would.
    pub fn kill(&mut self) {
        self.running = None;
    }

    /// Sends it a signal. One that is stopped stands still when this returns.
    pub fn signal(&self, signal: Signal) {
        self.running.as_ref().expect("it runs").signal(signal);
    }
}
