//! NATS servers for the tests: real ones, on ports of their own.
//!
//! Each ends with the test's process. [`NatsCluster`] is three of them.

use std::{
    fs,
    net::TcpStream,
    path::{Path, PathBuf},
    process::Command,
    sync::{
        OnceLock,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use guarded::{Guarded, NATS_SERVER, free_port, installed};
use rustix::process::Signal;

use super::{AboutStream, ClusterSettings, block_on, context};
use crate::{
    cluster::{self, Promise},
    tests::cast::TestClock,
};

const START_MAX: Duration = Duration::from_secs(60);

/// One server.
pub(crate) struct NatsServer {
    folder: PathBuf,
    port: u16,
    running: Option<Guarded>,
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
            let mut server = NatsServer::new(folder.clone(), "sync_interval: always", "");
            server.start_by(Some(&folder));
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
    pub(crate) fn start(&mut self) {
        self.start_by(None);
    }

    fn start_by(&mut self, remove: Option<&Path>) {
        let (shell, log) = (Command::new("sh"), self.folder.join("log"));
        let config = self.folder.join("server.conf");
        let arguments = ["--config", config.to_str().unwrap()];
        let server = Guarded::start_by(shell, &log, remove, &installed(NATS_SERVER), &arguments);
        self.running = Some(server);
        let begun = Instant::now();
        while TcpStream::connect(("127.0.0.1", self.port)).is_err() {
            let said = || fs::read_to_string(&log).unwrap_or_default();
            assert!(begun.elapsed() < START_MAX, "the server does not start: {}", said());
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// Sends it a signal. One that is stopped stands still when this returns.
    pub(crate) fn signal(&self, signal: Signal) {
        self.running.as_ref().expect("it runs").signal(signal);
    }

    /// Ends it at once, as a crash would.
    pub(crate) fn kill(&mut self) {
        self.running = None;
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
            server.start();
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
