//! NATS servers for the tests: real ones, on ports of their own.
//!
//! `cargo xtask test` installs the program into `target/`. A server ends with the test's
//! process, however that ends: a shell waits for that. [`NatsCluster`] is three of them.

use std::{
    fs,
    io::{BufRead, BufReader},
    net::TcpListener,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::{
        OnceLock,
        atomic::{AtomicU16, AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use rustix::process::{Pid, Signal, kill_process};

use super::{AboutStream, ClusterSettings, block_on, context};
use crate::{
    cluster::{self, Promise},
    tests::cast::TestClock,
};

/// Keep it as it is in `xtask/nats-server.txt`.
const VERSION: &str = "2.15.1";
const START_MAX: Duration = Duration::from_secs(60);
/// Says the server's number, and ends it when its own input does. With a third word the
/// folder goes, too.
const GUARD: &str = r#"
"$1" --config "$2/server.conf" > "$2/log" 2>&1 &
echo $!
read -r _
kill -s KILL $!
wait $!
[ -z "$3" ] || rm -rf "$2"
"#;

/// One server.
pub(crate) struct NatsServer {
    folder: PathBuf,
    port: u16,
    running: Option<(Child, Pid)>,
}

/// Three servers.
pub(crate) struct NatsCluster {
    pub(crate) servers: Vec<NatsServer>,
    _folder: tempfile::TempDir,
}

impl NatsServer {
    /// Returns the server that all tests of this process share.
    pub(crate) fn of_this_process() -> &'static NatsServer {
        static SERVER: OnceLock<NatsServer> = OnceLock::new();
        SERVER.get_or_init(|| {
            let folder = tempfile::tempdir().unwrap().keep();
            let mut server = NatsServer::new(folder, "sync_interval: always", "");
            server.start("and remove the folder");
            server
        })
    }

    /// A server that is not started yet, with more lines of configuration.
    pub(crate) fn new(folder: PathBuf, jetstream: &str, more: &str) -> NatsServer {
        let port = free_port();
        let store = folder.join("store");
        let config = format!(
            "listen: \"127.0.0.1:{port}\"\njetstream {{ store_dir: {store:?}, {jetstream} }}\n{more}\n"
        );
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join("server.conf"), config).unwrap();
        NatsServer { folder, port, running: None }
    }

    /// Starts it, and waits until it listens.
    pub(crate) fn start(&mut self, guard_more: &str) {
        let program = program();
        assert!(
            program.is_file(),
            "there is no {}; 'cargo xtask test tools' installs it",
            program.display()
        );
        let mut guard = Command::new("sh")
            .args(["-c", GUARD, "guard"])
            .args([&program, &self.folder])
            .arg(guard_more)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut number = String::new();
        BufReader::new(guard.stdout.as_mut().unwrap()).read_line(&mut number).unwrap();
        self.running = Some((guard, Pid::from_raw(number.trim().parse().unwrap()).unwrap()));
        let begun = Instant::now();
        while std::net::TcpStream::connect(("127.0.0.1", self.port)).is_err() {
            let log = || fs::read_to_string(self.folder.join("log")).unwrap_or_default();
            assert!(begun.elapsed() < START_MAX, "the server does not start: {}", log());
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// Sends it a signal. One that is stopped stands still when this returns.
    pub(crate) fn signal(&self, signal: Signal) {
        let (_, server) = self.running.as_ref().expect("it runs");
        kill_process(*server, signal).unwrap();
        // Its threads stop one by one, on a busy machine some milliseconds later.
        while signal == Signal::STOP && !stands_still(*server) {
            std::thread::sleep(Duration::from_millis(1));
        }
    }

    /// Ends it at once, as a crash would.
    pub(crate) fn kill(&mut self) {
        if let Some((mut guard, _)) = self.running.take() {
            drop(guard.stdin.take());
            guard.wait().unwrap();
        }
    }

    /// Returns how to reach the stream of this name.
    pub(crate) fn settings(&self, stream: &str) -> ClusterSettings {
        ClusterSettings {
            servers: format!("nats://127.0.0.1:{}", self.port),
            stream: stream.to_owned(),
            credentials: None,
            tls_ca: None,
            tls_identity: None,
        }
    }

    /// Makes a stream for a new log.
    pub(crate) fn new_log(&self) -> ClusterSettings {
        static LOGS: AtomicU64 = AtomicU64::new(1);
        let number = LOGS.fetch_add(1, Ordering::Relaxed);
        let settings = self.settings(&format!("log-{number}"));
        cluster::init(&settings, 1, &TestClock::new(number)).unwrap();
        settings
    }
}

/// Tells whether all threads of a process are stopped.
fn stands_still(process: Pid) -> bool {
    let threads = fs::read_dir(format!("/proc/{}/task", process.as_raw_nonzero())).unwrap();
    let stat = |thread: std::io::Result<fs::DirEntry>| {
        fs::read_to_string(thread.unwrap().path().join("stat"))
    };
    threads.map(stat).all(|stat| stat.unwrap().rsplit(") ").next().unwrap().starts_with('T'))
}

impl Drop for NatsServer {
    fn drop(&mut self) {
        self.kill();
    }
}

impl NatsCluster {
    /// Starts three servers that know each other.
    pub(crate) fn start() -> NatsCluster {
        let folder = tempfile::tempdir().unwrap();
        let routes: Vec<_> = (0..3).map(|_| free_port()).collect();
        let urls: Vec<_> = routes.iter().map(|port| format!("nats://127.0.0.1:{port}")).collect();
        let server = |(number, route): (usize, &u16)| {
            let more = format!(
                "server_name: n{number}\ncluster {{ name: three, listen: \"127.0.0.1:{route}\", routes: {urls:?} }}"
            );
            let mut server = NatsServer::new(
                folder.path().join(number.to_string()),
                "sync_interval: always",
                &more,
            );
            server.start("");
            server
        };
        let servers = routes.iter().enumerate().map(server).collect();
        NatsCluster { servers, _folder: folder }
    }

    /// Returns how to reach all of them.
    pub(crate) fn settings(&self, stream: &str) -> ClusterSettings {
        let hosts = self.servers.iter().map(|server| format!("127.0.0.1:{}", server.port));
        let servers = format!("nats://{}", hosts.collect::<Vec<_>>().join(","));
        ClusterSettings { servers, ..self.servers[0].settings(stream) }
    }

    /// Makes a stream for a new log, once the servers have found each other.
    pub(crate) fn new_log(&self) -> ClusterSettings {
        let settings = self.settings("linger");
        let begun = Instant::now();
        while let Err(error) = cluster::init(&settings, 3, &TestClock::new(1)) {
            assert!(begun.elapsed() < START_MAX, "no stream: {error}");
            std::thread::sleep(Duration::from_millis(100));
        }
        settings
    }

    /// Waits until each server has all that the leader has.
    pub(crate) fn until_all_are_current(&self, settings: &ClusterSettings) {
        let begun = Instant::now();
        let is_current = || {
            let group = ask(settings).cluster.unwrap();
            group.replicas.len() == 2 && group.replicas.iter().all(|it| it.current && !it.offline)
        };
        while !is_current() {
            assert!(begun.elapsed() < START_MAX, "a server does not catch up");
            std::thread::sleep(Duration::from_millis(100));
        }
    }

    /// Returns the server that leads the stream.
    pub(crate) fn leader(&mut self, settings: &ClusterSettings) -> &mut NatsServer {
        let leader = ask(settings).cluster.unwrap().leader.unwrap();
        &mut self.servers[leader[1..].parse::<usize>().unwrap()]
    }
}

fn ask(settings: &ClusterSettings) -> AboutStream {
    block_on(async {
        let context = context(settings).await.unwrap();
        AboutStream::ask(&context, &settings.stream).await.unwrap()
    })
}

/// The promise of so many servers, when nobody asks how safely they write.
pub(crate) fn promise(replicas: usize) -> Promise {
    Promise { replicas, servers: None }
}

/// Returns a port that nobody listens at. It stays so while its server is down: the system
/// gives clients only ports from 32768 on.
fn free_port() -> u16 {
    static TAKEN: AtomicU16 = AtomicU16::new(0);
    // Another test's process begins elsewhere.
    let begin = u16::try_from(std::process::id() * 53 % 20_000).expect("it is small");
    loop {
        let port = 11_000 + (begin + TAKEN.fetch_add(1, Ordering::Relaxed)) % 20_000;
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
}

fn program() -> PathBuf {
    let target = match std::env::var_os("CARGO_TARGET_DIR") {
        Some(target) => PathBuf::from(target),
        None => Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target"),
    };
    target.join(format!("nats-server-{VERSION}/bin/nats-server"))
}
