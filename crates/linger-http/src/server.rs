//! The accept loop: connections in, requests to the router, and a bounded end.
//!
//! Our own on hyper, because `axum::serve` has no time-out for a head that never
//! comes whole, no bound on connections, and a drain without an end. What is no
//! request at all is answered here, in plain bytes, and the connection closed.

mod head_guard;

use std::{
    convert::Infallible,
    future::Future,
    pin::{Pin, pin},
    sync::Arc,
    time::Duration,
};

use axum::{Router, body::Body, response::Response};
use head_guard::{HEAD_MAX, HeadGuard, Remains};
use hyper::{Request, body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::{Semaphore, watch},
    task::JoinSet,
    time::{sleep, timeout},
};
use tower::ServiceExt;

use crate::caller::Peer;

pub(crate) type Place = ();

/// When the system has no socket to give: long enough for some to close.
const ACCEPT_RETRY: Duration = Duration::from_millis(50);
/// For the last words to a connection that is closed, and for what it still sends.
const FAREWELL: Duration = Duration::from_secs(1);

/// The bounds of the accept loop.
#[derive(Debug, Clone)]
pub struct ServerSettings {
    /// Connections at once. More wait in the kernel's backlog.
    pub connections_max: usize,
    /// How long a head may take to come whole, and a connection be idle.
    pub head_timeout: Duration,
    /// How long requests may go on after the end was asked for.
    pub drain: Duration,
}

/// The accept loop of one listener.
pub struct Server {
    listener: TcpListener,
    router: Router,
    settings: ServerSettings,
}

impl Server {
    /// Serves `router` to whoever connects to `listener`.
    pub fn new(listener: TcpListener, router: Router, settings: ServerSettings) -> Server {
        Server { listener, router, settings }
    }

    /// Serves until `end` is done, then lets requests finish for the time of the
    /// drain, and cuts what is left.
    pub async fn run(self, end: impl Future<Output = ()>) {
        let Server { listener, router, settings } = self;
        let places = Arc::new(Semaphore::new(settings.connections_max));
        let (ending, ended) = watch::channel(());
        let mut connections = JoinSet::new();
        let mut end = pin!(end);
        loop {
            // A place first: who cannot be served stays in the backlog.
            let accepted = async {
                let place = places.clone().acquire_owned().await.expect("it is never closed");
                (listener.accept().await, place)
            };
            let (accepted, place) = tokio::select! {
                biased;
                () = &mut end => break,
                accepted = accepted => accepted,
            };
            match accepted {
                Ok((stream, peer)) => {
                    let router = router.clone();
                    let connection =
                        serve(stream, Peer(peer), router, settings.head_timeout, ended.clone());
                    connections.spawn(async move {
                        connection.await;
                        drop(place);
                    });
                }
                Err(error) => {
                    tracing::warn!(%error, "no connection could be accepted; trying again");
                    sleep(ACCEPT_RETRY).await;
                }
            }
            while connections.try_join_next().is_some() {}
        }
        drop(listener);
        drop(ending);
        let all = async { while connections.join_next().await.is_some() {} };
        if timeout(settings.drain, all).await.is_err() {
            tracing::warn!(connections = connections.len(), "cutting what did not end in time");
        }
    }
}

/// Serves one connection until it closes, or until its current request ends
/// after `ended`.
async fn serve(
    stream: TcpStream,
    peer: Peer,
    router: Router,
    head_timeout: Duration,
    mut ended: watch::Receiver<()>,
) {
    // An answer is one write: waiting for more to send would only delay it.
    if stream.set_nodelay(true).is_err() {
        return;
    }
    let service = service_fn(move |mut request: Request<Incoming>| {
        request.extensions_mut().insert(peer);
        let answer = router.clone().oneshot(request.map(Body::new));
        Box::pin(answer) as Pin<Box<dyn Future<Output = Result<Response, Infallible>> + Send>>
    });
    let mut connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(head_timeout)
        .max_header_size(HEAD_MAX)
        .max_buf_size(HEAD_MAX)
        .serve_connection(TokioIo::new(HeadGuard::new(stream)), service);
    let mut is_ending = false;
    let result = loop {
        let served = std::future::poll_fn(|context| connection.poll_without_shutdown(context));
        tokio::select! {
            biased;
            result = served => break result,
            _ = ended.changed(), if !is_ending => {
                is_ending = true;
                Pin::new(&mut connection).graceful_shutdown();
            }
        }
    };
    let parts = connection.into_parts();
    let has_begun = !parts.read_buf.is_empty();
    let mut remains = parts.io.into_inner().into_remains();
    let farewell = farewell(result.err().as_ref(), has_begun, &remains).unwrap_or_default();
    let last_words = async {
        remains.stream.write_all(farewell.as_bytes()).await?;
        remains.stream.shutdown().await?;
        // What was sent and not read makes the system cut the connection, and
        // the peer may lose our answer with it: so read, and let it fall.
        // On the heap: an array would be part of every connection's memory.
        let mut rest = vec![0; 4096];
        while remains.stream.read(&mut rest).await? > 0 {}
        std::io::Result::Ok(())
    };
    // The peer may be gone, or slow: neither is our loss.
    let _ = timeout(FAREWELL, last_words).await;
}

/// Returns what to say to a peer whose bytes were no request.
fn farewell(error: Option<&hyper::Error>, has_begun: bool, remains: &Remains) -> Option<String> {
    let is = |test: fn(&hyper::Error) -> bool| error.is_some_and(test);
    let (status, code, detail) = if remains.is_refused {
        (
            "400 Bad Request",
            "conflicting_lengths",
            "a request has Content-Length or Transfer-Encoding, not both; send one",
        )
    } else if is(hyper::Error::is_timeout) && has_begun {
        (
            "408 Request Timeout",
            "head_timeout",
            "the head of the request did not come whole in time; send it at once",
        )
    } else if is(hyper::Error::is_incomplete_message) && has_begun {
        ("400 Bad Request", "incomplete_head", "the head of the request broke off; send all of it")
    } else if remains.kept_back == Some(414) {
        (
            "414 URI Too Long",
            "uri_too_long",
            "the address of the request is too long; send less in it",
        )
    } else if remains.kept_back == Some(431) {
        (
            "431 Request Header Fields Too Large",
            "head_too_large",
            "the head of the request is too large; send fewer and shorter fields",
        )
    } else if remains.kept_back.is_some() || (is(hyper::Error::is_parse) && !remains.has_answered) {
        (
            "400 Bad Request",
            "malformed_head",
            "this is no HTTP/1.1 request; check its first line, its fields and its length",
        )
    } else {
        return None;
    };
    let (number, title) = status.split_once(' ').expect("a status has a number and words");
    let body = format!(
        r#"{{"type":"about:blank","title":"{title}","status":{number},"code":"{code}","detail":"{detail}"}}"#
    );
    Some(format!(
        "HTTP/1.1 {status}\r\nContent-Type: application/problem+json\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
        body.len()
    ))
}
