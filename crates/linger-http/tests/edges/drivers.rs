//! The two drivers, and how a test is run over both.
//!
//! A request without a socket goes to the router. Over a socket the server chooses
//! which part holds a request. The answers must be the same, so every test of
//! answers runs twice.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use axum::{
    Router,
    body::Body,
    http::{HeaderMap, Request, StatusCode},
};
use http_body_util::BodyExt;
use linger_node::Node;
use linger_serve::{App, Routes, Server, ServerSettings, router};
use tokio::{
    net::TcpListener,
    runtime::Handle,
    sync::oneshot,
    task::{JoinHandle, block_in_place},
    time::timeout,
};
use tower::ServiceExt;

use crate::{
    client::{self, CONNECTIONS_MAX, Client},
    stage::{Answer, PATIENCE},
};

/// The way by which requests go in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Driver {
    /// Straight into the router.
    Router,
    /// Over connections to the real server.
    Sockets,
}

/// Makes two tests of each `async fn name(driver: Driver)`: `name::router` and
/// `name::sockets`. A function that is not listed is dead code, so the compiler finds it.
macro_rules! over_both_drivers {
    ($($name:ident),+ $(,)?) => {$(
        mod $name {
            use crate::drivers::Driver;

            #[tokio::test(flavor = "multi_thread")]
            async fn router() {
                super::$name(Driver::Router).await;
            }

            #[tokio::test(flavor = "multi_thread")]
            async fn sockets() {
                super::$name(Driver::Sockets).await;
            }
        }
    )+};
}
pub(crate) use over_both_drivers;

/// The place where requests go in.
#[derive(Clone)]
pub(crate) enum Entrance {
    Router(Router),
    Sockets(Arc<Client>),
}

/// An answer whose body is still coming. Dropped before its end, it hangs up.
pub(crate) struct Coming {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    body: ComingBody,
}

enum ComingBody {
    Router(Body),
    // Boxed: the one variant is much larger than the other.
    Sockets(Box<client::Coming>),
}

/// Bounds that no test reaches.
pub(crate) fn roomy() -> ServerSettings {
    ServerSettings {
        shards: None,
        // Connections that a client has left may not be closed yet.
        connections_max: 10 * CONNECTIONS_MAX,
        connections_per_address_max: None,
        head_timeout: 2 * PATIENCE,
        write_timeout: 2 * PATIENCE,
        outgoing_bytes_max: 1 << 30,
        drain: PATIENCE,
    }
}

/// The real server on a port of its own. Dropped, it ends.
pub(crate) struct Listening {
    pub(crate) address: SocketAddr,
    node: Arc<Node>,
    end: Option<oneshot::Sender<()>>,
    server: Option<JoinHandle<()>>,
}

impl Entrance {
    /// Opens the way in of a driver; over sockets, with the server behind it.
    pub(crate) async fn open(
        driver: Driver,
        app: Arc<App>,
        routes: Routes,
        bounds: ServerSettings,
    ) -> (Entrance, Option<Listening>) {
        match driver {
            Driver::Router => (Entrance::Router(router(app, routes)), None),
            Driver::Sockets => {
                let listening = Listening::start(app, routes, bounds).await;
                let client = Client::new(listening.address);
                (Entrance::Sockets(Arc::new(client)), Some(listening))
            }
        }
    }

    /// Sends a request, and reads the head of the answer.
    pub(crate) async fn begin(&self, request: Request<Body>) -> Coming {
        match self {
            Entrance::Router(router) => {
                let (head, body) = router.clone().oneshot(request).await.unwrap().into_parts();
                let body = ComingBody::Router(body);
                Coming { status: head.status, headers: head.headers, body }
            }
            Entrance::Sockets(client) => {
                let coming = client.clone().begin(request).await;
                let (status, headers) = (coming.status, coming.headers.clone());
                Coming { status, headers, body: ComingBody::Sockets(Box::new(coming)) }
            }
        }
    }

    /// Sends a request, and reads the whole answer.
    pub(crate) async fn send(&self, request: Request<Body>) -> Answer {
        let answer = async {
            let mut coming = self.begin(request).await;
            let mut body = Vec::new();
            while let Some(piece) = coming.piece().await {
                body.extend(piece);
            }
            let body = String::from_utf8(body).unwrap();
            Answer { status: coming.status, headers: coming.headers, body }
        };
        timeout(PATIENCE, answer).await.expect("an answer comes in time")
    }
}

impl Coming {
    /// Waits for the next piece of the body; none at its end.
    pub(crate) async fn piece(&mut self) -> Option<Vec<u8>> {
        match &mut self.body {
            ComingBody::Router(body) => {
                let frame = body.frame().await?.unwrap();
                Some(frame.into_data().expect("there are no trailers").to_vec())
            }
            ComingBody::Sockets(coming) => coming.piece().await,
        }
    }
}

impl Listening {
    async fn start(app: Arc<App>, routes: Routes, bounds: ServerSettings) -> Listening {
        let node = app.node.clone();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let server = Server::new(listener, &app, routes, bounds).unwrap();
        let (end, ended) = oneshot::channel();
        let server = tokio::spawn(server.run(async { drop(ended.await) }));
        Listening { address, node, end: Some(end), server: Some(server) }
    }

    /// Ends the server as the program does: it accepts nobody new, and answers everybody
    /// who is held.
    pub(crate) async fn end(&mut self) {
        drop(self.end.take());
        self.node.close(Duration::ZERO).await;
        let Some(server) = self.server.take() else { return };
        let ended = timeout(PATIENCE, server).await;
        // A test that has failed already must not panic again.
        if !std::thread::panicking() {
            ended.expect("the server ends").unwrap();
        }
    }
}

impl Drop for Listening {
    fn drop(&mut self) {
        block_in_place(|| Handle::current().block_on(self.end()));
    }
}
