//! The server that the tests talk to, and the requests that they make.
//!
//! A [`Stage`] is a node on a temporary folder with the real router around it.
//! Requests go in without a socket, except in `sockets`. It can be closed and
//! opened again on the same folder, as a restart does.

use std::{
    future::Future,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use axum::{
    Router,
    body::Body,
    http::{HeaderMap, Method, Request, StatusCode},
};
use http_body_util::BodyExt;
use linger_core::Timestamp;
use linger_http::{App, Settings, router};
use linger_node::{Clock, Limits, Node, SystemClock};
use serde_json::Value;
use tempfile::TempDir;
use tokio::{task::JoinHandle, time::timeout};
use tower::ServiceExt;

/// Longer than anything takes here: who waits so long has missed something.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);
/// A hold for tests that want to see it end.
pub(crate) const SHORT: Duration = Duration::from_millis(30);

/// A running server.
pub(crate) struct Stage {
    pub(crate) node: Arc<Node>,
    pub(crate) router: Router,
    folder: TempDir,
    clock: Arc<dyn Clock>,
}

/// What came back.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: String,
}

/// Long holds and no rates: what tests mostly want.
pub(crate) fn patient() -> Settings {
    let hold = 2 * PATIENCE;
    Settings { rate_limits: false, update_hold: hold, names_hold: hold, ..Settings::default() }
}

/// Short holds and no rates.
pub(crate) fn hasty() -> Settings {
    Settings { update_hold: SHORT, names_hold: SHORT, ..patient() }
}

impl Stage {
    /// Opens a new server with long holds.
    pub(crate) async fn open() -> Stage {
        Stage::open_with(patient()).await
    }

    /// Opens a new server.
    pub(crate) async fn open_with(settings: Settings) -> Stage {
        Stage::start(tempfile::tempdir().unwrap(), settings, Arc::new(SystemClock)).await
    }

    /// Opens a new server whose time and chance are the same every time.
    pub(crate) async fn open_by_clockwork(settings: Settings) -> Stage {
        Stage::start(tempfile::tempdir().unwrap(), settings, Arc::new(Clockwork::default())).await
    }

    /// Opens a new server that has not applied its log yet.
    pub(crate) fn open_not_ready() -> Stage {
        Stage::assemble(tempfile::tempdir().unwrap(), patient(), Arc::new(SystemClock))
    }

    /// Closes the server, and opens it again on the same folder.
    pub(crate) async fn restart(self, settings: Settings) -> Stage {
        self.node.close(Duration::ZERO).await;
        let Stage { node, router, folder, clock } = self;
        drop(router);
        // Those who were held are answered now; the last of them lets go.
        let alone = async {
            while Arc::strong_count(&node) > 1 {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        };
        timeout(PATIENCE, alone).await.expect("nobody uses the node any more");
        drop(node);
        Stage::start(folder, settings, clock).await
    }

    async fn start(folder: TempDir, settings: Settings, clock: Arc<dyn Clock>) -> Stage {
        let stage = Stage::assemble(folder, settings, clock);
        stage.node.ready().await.unwrap();
        stage
    }

    fn assemble(folder: TempDir, settings: Settings, clock: Arc<dyn Clock>) -> Stage {
        let path: &Path = folder.path();
        let node = Arc::new(Node::open(path, Limits::default(), clock.clone()).unwrap());
        let router = router(Arc::new(App::new(node.clone(), settings)));
        Stage { node, router, folder, clock }
    }

    /// Sends a request, and reads the whole answer.
    pub(crate) fn send(
        &self,
        request: Request<Body>,
    ) -> impl Future<Output = Answer> + Send + use<> {
        let router = self.router.clone();
        async move { send(&router, request).await }
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
    pub(crate) async fn hold(
        &self,
        answering: impl Future<Output = Answer> + Send + 'static,
    ) -> JoinHandle<Answer> {
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

/// Sends a request to a router, and reads the whole answer.
pub(crate) async fn send(router: &Router, request: Request<Body>) -> Answer {
    let answer = async {
        let (head, body) = router.clone().oneshot(request).await.unwrap().into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        let body = String::from_utf8(body.to_vec()).unwrap();
        Answer { status: head.status, headers: head.headers, body }
    };
    timeout(PATIENCE, answer).await.expect("an answer comes in time")
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

/// A clock that is a second further whenever it is asked, and whose n-th secret
/// is the byte n, 32 times.
#[derive(Default)]
struct Clockwork {
    seconds: AtomicU64,
    secrets: AtomicU64,
}

impl Clock for Clockwork {
    fn now(&self) -> Timestamp {
        /// 2026-11-21T10:00:00Z.
        const BEGIN_MS: i64 = 1_795_255_200_000;
        let seconds = self.seconds.fetch_add(1, Ordering::Relaxed);
        Timestamp::from_ms(BEGIN_MS + 1000 * seconds.cast_signed())
    }

    fn secret(&self) -> [u8; 32] {
        let number = self.secrets.fetch_add(1, Ordering::Relaxed) + 1;
        [u8::try_from(number).expect("a transcript is short"); 32]
    }
}
