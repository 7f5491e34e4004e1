//! The server that the tests talk to, and the requests that they make.
//!
//! A [`Stage`] is a node on a temporary folder with the real edges around it, and
//! a [`Driver`] by which requests go in. It can be closed and opened again on the
//! same folder, as a restart does.

use std::{
    fs,
    future::Future,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use axum::{
    body::Body,
    http::{HeaderMap, HeaderName, HeaderValue, Method, Request, StatusCode, header},
};
use linger_core::Timestamp;
use linger_http::DialectSettings;
use linger_node::{
    Clock, ClusterSettings, Limits, Node, Rollback, SystemClock,
    cluster::{self, Promise},
};
use linger_serve::{App, AppSettings, ServerSettings};
use serde_json::Value;
use tempfile::TempDir;
use tokio::{task::JoinHandle, time::timeout};

use crate::drivers::{Driver, Entrance, Listening, roomy};

/// Longer than anything takes here: a test that waits so long has missed something.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);
/// A hold for tests that wait for its end.
pub(crate) const SHORT: Duration = Duration::from_millis(30);

/// A running server.
pub(crate) struct Stage {
    pub(crate) node: Arc<Node>,
    pub(crate) entrance: Entrance,
    /// The server behind the entrance, if requests go in over sockets.
    pub(crate) listening: Option<Listening>,
    set: Set,
}

/// The parts of a stage, from which it is made again after a restart.
struct Set {
    driver: Driver,
    limits: Limits,
    bounds: ServerSettings,
    clock: Arc<dyn Clock>,
    folder: TempDir,
}

/// The operator's settings, as far as they concern requests.
#[derive(Default)]
pub(crate) struct Settings {
    pub(crate) app: AppSettings,
    pub(crate) dialects: DialectSettings,
}

/// An answer.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: String,
}

/// Long holds and no rate limits: most tests want these.
pub(crate) fn patient() -> Settings {
    let hold = 2 * PATIENCE;
    Settings {
        app: AppSettings { rate_limits: false, ..AppSettings::default() },
        dialects: DialectSettings {
            update_hold: hold,
            names_hold: hold,
            ..DialectSettings::default()
        },
    }
}

/// Short holds and no rate limits.
pub(crate) fn hasty() -> Settings {
    patient().with(|it| {
        it.dialects.update_hold = SHORT;
        it.dialects.names_hold = SHORT;
    })
}

impl Settings {
    /// Returns the settings with a change.
    pub(crate) fn with(mut self, change: impl FnOnce(&mut Settings)) -> Settings {
        change(&mut self);
        self
    }
}

impl Stage {
    /// Opens a new server with long holds.
    pub(crate) async fn open(driver: Driver) -> Stage {
        Stage::open_with(driver, patient()).await
    }

    /// Opens a new server.
    pub(crate) async fn open_with(driver: Driver, settings: Settings) -> Stage {
        Stage::start(Set::new(driver), settings).await
    }

    /// Opens a new server with long holds that has so few recent events in
    /// memory: a reader who is further behind reads from the tables.
    pub(crate) async fn open_forgetful(driver: Driver, recent_events_max: usize) -> Stage {
        let limits = Limits { recent_events_max, ..Limits::default() };
        Stage::start(Set { limits, ..Set::new(driver) }, patient()).await
    }

    /// Opens a new server over sockets, with these bounds.
    pub(crate) async fn open_within(bounds: ServerSettings) -> Stage {
        Stage::start(Set { bounds, ..Set::new(Driver::Sockets) }, patient()).await
    }

    /// Opens a new server whose time and chance are the same every time.
    pub(crate) async fn open_by_clockwork(driver: Driver, settings: Settings) -> Stage {
        let clock = Arc::new(Clockwork::default());
        let stage = Stage::start(Set { clock: clock.clone(), ..Set::new(driver) }, settings).await;
        // The first secret names the log. A node of a cluster has taken others.
        clock.secrets.store(1, Ordering::Relaxed);
        stage
    }

    /// Tells whether its log is on a NATS server, where other nodes could write to it.
    pub(crate) fn is_on_cluster(&self) -> bool {
        std::env::var_os("LINGER_TEST_LOG").is_some()
    }

    /// Returns the epoch of a server by clockwork.
    pub(crate) fn epoch(&self) -> &'static str {
        // A cluster's first epoch has its name from the log's id.
        if self.is_on_cluster() { "biacqaea" } else { "aaaaaaaa" }
    }

    /// Opens a new server that has not applied its log yet.
    pub(crate) async fn open_not_ready(driver: Driver) -> Stage {
        Stage::assemble(Set::new(driver), patient()).await
    }

    /// Closes the server, and opens it again on the same folder.
    pub(crate) async fn restart(self, settings: Settings) -> Stage {
        self.node.close(Duration::ZERO).await;
        let Stage { node, entrance, listening, set } = self;
        drop((entrance, listening));
        // Requests that were held are answered now; the last of them drops the app.
        let alone = async {
            while Arc::strong_count(&node) > 1 {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        };
        timeout(PATIENCE, alone).await.expect("nobody uses the node any more");
        drop(node);
        Stage::start(set, settings).await
    }

    async fn start(set: Set, settings: Settings) -> Stage {
        let stage = Stage::assemble(set, settings).await;
        stage.node.ready().await.unwrap();
        stage
    }

    async fn assemble(set: Set, settings: Settings) -> Stage {
        let node = Arc::new(set.open_node());
        let app = Arc::new(App::new(node.clone(), settings.app));
        let routes = linger_http::routes(&app, &settings.dialects);
        let (entrance, listening) = Entrance::open(set.driver, app, routes, set.bounds).await;
        Stage { node, entrance, listening, set }
    }

    /// Sends a request, and reads the whole answer.
    pub(crate) fn send(
        &self,
        request: Request<Body>,
    ) -> impl Future<Output = Answer> + Send + use<> {
        let entrance = self.entrance.clone();
        async move { entrance.send(request).await }
    }

    /// Sends a GET request.
    pub(crate) fn get(
        &self,
        path: &str,
        headers: &[(&str, &str)],
    ) -> impl Future<Output = Answer> + Send + use<> {
        self.send(request(Method::GET, path, "", headers))
    }

    /// Sends a form.
    pub(crate) fn form(
        &self,
        path: &str,
        body: &str,
        headers: &[(&str, &str)],
    ) -> impl Future<Output = Answer> + Send + use<> {
        let form = ("content-type", "application/x-www-form-urlencoded");
        self.send(request(Method::POST, path, body, &[&[form], headers].concat()))
    }

    /// Sends JSON.
    pub(crate) fn json(
        &self,
        path: &str,
        body: &Value,
    ) -> impl Future<Output = Answer> + Send + use<> {
        let headers = [("content-type", "application/json")];
        self.send(request(Method::POST, path, &body.to_string(), &headers))
    }

    /// Sends a request in the background, and waits until it is held.
    pub(crate) async fn hold<T: Send + 'static>(
        &self,
        answering: impl Future<Output = T> + Send + 'static,
    ) -> JoinHandle<T> {
        let held = self.node.waiting();
        let task = tokio::spawn(answering);
        self.until_held(held + 1).await;
        task
    }

    /// Waits until so many requests are held.
    pub(crate) async fn until_held(&self, number: usize) {
        let reached = async {
            while self.node.waiting() != number {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        };
        timeout(PATIENCE, reached).await.unwrap_or_else(|_| {
            panic!("{} requests are held, not {number}", self.node.waiting());
        });
    }
}

impl Set {
    /// Opens the node on its folder, or with its log in a stream of the folder's name on the
    /// NATS server that `LINGER_TEST_LOG` names (`cargo xtask test nats`).
    fn open_node(&self) -> Node {
        let folder: &Path = self.folder.path();
        let (limits, clock) = (self.limits.clone(), self.clock.clone());
        let Ok(servers) = std::env::var("LINGER_TEST_LOG") else {
            return Node::open(folder, Rollback::Refused, limits, clock).unwrap();
        };
        let name = folder.file_name().unwrap().to_string_lossy().replace('.', "");
        let stream = format!("edges-{}-{name}", std::process::id());
        let cluster = ClusterSettings {
            servers,
            stream,
            credentials: None,
            tls_ca: None,
            tls_identity: None,
        };
        // A restart finds what there is.
        if fs::read_dir(folder).unwrap().next().is_none() {
            cluster::init(&cluster, 1, &*clock).unwrap();
        }
        let promise = Promise { replicas: 1, servers: None };
        let (refused, member) = (Rollback::Refused, linger_node::Member::default());
        Node::open_on_cluster(folder, cluster, &promise, refused, limits, clock, member).unwrap()
    }

    fn new(driver: Driver) -> Set {
        let folder = tempfile::tempdir().unwrap();
        let (limits, clock) = (Limits::default(), Arc::new(SystemClock));
        Set { driver, limits, bounds: roomy(), clock, folder }
    }
}

impl Answer {
    /// Returns a header, or nothing.
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    /// Returns the body as JSON.
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body)
            .unwrap_or_else(|error| panic!("{error} in {:?}", self.body))
    }

    /// Returns the session that the answer sets, as a browser gives it back.
    pub(crate) fn cookie(&self) -> String {
        self.header("set-cookie").split(';').next().unwrap().to_owned()
    }
}

/// Returns the headers of an answer as sorted `name: value` lines, without its length
/// and its date, which only a server on a socket adds.
pub(crate) fn header_lines(headers: &HeaderMap) -> Vec<String> {
    let is_told = |name: &HeaderName| ![header::CONTENT_LENGTH, header::DATE].contains(name);
    let told = headers.iter().filter(|(name, _)| is_told(name));
    let line = |(name, value): (_, &HeaderValue)| format!("{name}: {}", value.to_str().unwrap());
    let mut lines: Vec<_> = told.map(line).collect();
    lines.sort();
    lines
}

/// Makes a request.
pub(crate) fn request(
    method: Method,
    path: &str,
    body: &str,
    headers: &[(&str, &str)],
) -> Request<Body> {
    let request = Request::builder().method(method).uri(path);
    let request =
        headers.iter().fold(request, |request, (name, value)| request.header(*name, *value));
    request.body(Body::from(body.to_owned())).unwrap()
}

/// A clock that moves on by a second each time it is read. Its n-th secret is the
/// byte n, 32 times.
#[derive(Default)]
struct Clockwork {
    seconds: AtomicU64,
    secrets: AtomicU64,
}

impl Clock for Clockwork {
    fn now(&self) -> Timestamp {
        /// A second before 2026-11-21T10:00:00Z, when the lobby opens.
        const BEGIN_MS: i64 = 1_795_255_199_000;
        let seconds = self.seconds.fetch_add(1, Ordering::Relaxed);
        Timestamp::from_ms(BEGIN_MS + 1000 * seconds.cast_signed())
    }

    fn secret(&self) -> [u8; 32] {
        let number = self.secrets.fetch_add(1, Ordering::Relaxed) + 1;
        [u8::try_from(number).expect("a transcript is short"); 32]
    }

    fn nonce(&self) -> [u8; 32] {
        // Epochs are made from it; its other uses stay in the log.
        [0; 32]
    }
}
