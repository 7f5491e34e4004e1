//! Visits: connections that the park has handed over, until they go back.
//!
//! hyper answers what the park does not: one request, or as many as come without
//! a pause. Who asks for something often asks again, and the way to and fro would
//! cost more than the answer. At the boundary after them, or when a request comes
//! that the park holds, the connection returns. An errand is run first, if there
//! is one, and may make hyper unnecessary. What is no request at all ends the
//! connection, with words.

use std::{
    convert::Infallible,
    future::{Future, pending, poll_fn},
    pin::{Pin, pin},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    task::Poll,
    time::Duration,
};

use axum::Router;
use hyper::{Request, Response, body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use linger_park::{Connection, Park};
use tokio::{
    net::TcpStream,
    sync::{OwnedSemaphorePermit, Semaphore, mpsc::UnboundedReceiver, watch},
    task::JoinSet,
    time::{Instant, sleep},
};
use tower::ServiceExt;

use super::{
    boundary::{AnswerBody, Progress},
    farewell,
    head_guard::{HEAD_MAX, HeadGuard},
};
use crate::{
    caller::Peer,
    held::{HandedOver, ParkService},
    places::Place,
    request::Errand,
};

/// How long a connection stays with hyper after its last answer: long enough for
/// who asks one thing after another, and so short that few of hyper's buffers
/// are there for nothing.
const PAUSE: Duration = Duration::from_millis(200);

/// So many connections rest with hyper at once, at most: when a crowd asks for
/// something, each goes back at once.
const RESTING_MAX: usize = 32;
/// So many connections are with hyper at once for a moment; the next waits for one of
/// them. More would not be served sooner, and each brings 20 KiB of buffers.
const BRIEF_MAX: usize = 32;
/// Whoever takes longer than this is waiting for something else: others go on.
const BRIEF: Duration = Duration::from_millis(50);
/// For a head that was slow already, to end.
const LEFT_MIN: Duration = Duration::from_millis(100);

/// All visits of one server.
pub(super) struct Visits {
    host: Arc<Host>,
    /// At most as many as there are places.
    handed_over: UnboundedReceiver<HandedOver>,
    tasks: JoinSet<()>,
    /// For visits that are brief.
    turns: Arc<Semaphore>,
    /// Closed when the server ends.
    ended: watch::Receiver<()>,
}

/// What every visit needs.
pub(super) struct Host {
    pub(super) router: Router,
    pub(super) park: Arc<Park<ParkService>>,
    pub(super) service: Arc<ParkService>,
    /// How long a head may take to come whole.
    pub(super) head_timeout: Duration,
    /// Connections that rest with hyper now.
    pub(super) resting: AtomicUsize,
}

/// A connection that rests with hyper, until this is dropped.
struct Resting<'a>(&'a AtomicUsize);

type Answer = Pin<Box<dyn Future<Output = Result<Response<AnswerBody>, Infallible>> + Send>>;

impl Visits {
    /// Takes what is `handed_over`. Once `ended` is closed, each has one more answer,
    /// and is closed after it.
    pub(super) fn new(
        host: Host,
        handed_over: UnboundedReceiver<HandedOver>,
        ended: watch::Receiver<()>,
    ) -> Visits {
        Visits {
            host: Arc::new(host),
            handed_over,
            tasks: JoinSet::new(),
            turns: Arc::new(Semaphore::new(BRIEF_MAX)),
            ended,
        }
    }

    /// Serves for as long as it is polled. To drop it in between does no harm.
    pub(super) async fn serve(&mut self) -> Infallible {
        loop {
            tokio::select! {
                biased;
                Some((connection, errand)) = self.handed_over.recv() => {
                    let (host, ended) = (self.host.clone(), self.ended.clone());
                    let turns = self.turns.clone();
                    self.tasks.spawn(visit(host, connection, errand, turns, ended));
                }
                // Who is done is forgotten, also if nobody comes any more.
                Some(_) = self.tasks.join_next() => {}
                else => pending().await,
            }
            while self.tasks.try_join_next().is_some() {}
        }
    }

    /// Returns how many there are, those not counted that nobody looked at yet.
    pub(super) fn len(&self) -> usize {
        self.tasks.len()
    }

    /// Cuts those that are left.
    pub(super) async fn cut(mut self) {
        self.tasks.shutdown().await;
    }
}

async fn visit(
    host: Arc<Host>,
    connection: Connection<Place>,
    errand: Option<Errand>,
    turns: Arc<Semaphore>,
    mut ended: watch::Receiver<()>,
) {
    if let Some(errand) = errand {
        let is_for_park = tokio::select! {
            biased;
            // hyper answers it, and closes.
            _ = ended.changed() => false,
            // If it failed, hyper's side has the words for that.
            found = errand => found.is_ok(),
        };
        if is_for_park {
            return host.give_back(connection);
        }
    }
    let turn = turns.acquire_owned().await.expect("it is never closed");
    // On the heap: who waits for a turn need not have room for all of it.
    Box::pin(serve(&host, connection, turn, ended)).await;
}

/// Lets hyper serve one connection until it closes or is at a boundary.
async fn serve(
    host: &Host,
    connection: Connection<Place>,
    turn: OwnedSemaphorePermit,
    mut ended: watch::Receiver<()>,
) {
    let Connection { stream, peer, bytes, due, place } = connection;
    let stream = match TcpStream::from_std(stream) {
        Ok(stream) => stream,
        Err(error) => {
            tracing::warn!(%error, "a connection could not be watched, so it is closed");
            return;
        }
    };
    let progress = Arc::new(Progress::default());
    let service = service_fn(|request: Request<Incoming>| {
        let (mut head, incoming) = request.into_parts();
        head.extensions.insert(Peer(peer));
        let (answering, body) = progress.ask(incoming);
        let answer = host.router.clone().oneshot(Request::from_parts(head, body));
        Box::pin(async move { Ok(answer.await?.map(|body| answering.with(body))) }) as Answer
    });
    // A head that has begun has no more time here than in the park.
    let left = due.map(|due| due.saturating_duration_since(std::time::Instant::now()));
    let head_timeout =
        left.map_or(host.head_timeout, |left| left.clamp(LEFT_MIN, host.head_timeout));
    let guarded = HeadGuard::new((stream, peer), bytes, progress.clone(), host.service.clone());
    let mut connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(head_timeout)
        .max_header_size(HEAD_MAX)
        .max_buf_size(HEAD_MAX)
        .serve_connection(TokioIo::new(guarded), service);
    let mut is_ending = false;
    let mut pause = pin!(sleep(PAUSE));
    let mut asked_before_pause = 0;
    let mut resting = None;
    let mut turn = Some(turn);
    let mut long = pin!(sleep(BRIEF));
    // None: it did not close, and is at a boundary.
    let closed = loop {
        let served = poll_fn(|context| {
            if let Poll::Ready(result) = Pin::new(&mut connection).poll(context) {
                return Poll::Ready(Some(result));
            }
            if !progress.is_at_boundary() {
                resting = None;
                if turn.is_some() && long.as_mut().poll(context).is_ready() {
                    turn = None;
                }
                return Poll::Pending;
            }
            turn = None;
            resting = resting.take().or_else(|| Resting::begin(&host.resting));
            if resting.is_none() || progress.is_called_back() {
                return Poll::Ready(None);
            }
            if progress.looked_away() {
                context.waker().wake_by_ref();
            }
            if asked_before_pause != progress.asked() {
                asked_before_pause = progress.asked();
                pause.as_mut().reset(Instant::now() + PAUSE);
            }
            pause.as_mut().poll(context).map(|()| None)
        });
        tokio::select! {
            // hyper first: at the end it closes what has not read anything yet.
            biased;
            closed = served => break closed,
            _ = ended.changed(), if !is_ending => {
                is_ending = true;
                Pin::new(&mut connection).graceful_shutdown();
            }
        }
    };
    let parts = connection.into_parts();
    let remains = parts.io.into_inner().into_remains();
    let words = match closed {
        Some(result) => {
            farewell::after(result.err().as_ref(), !parts.read_buf.is_empty(), &remains)
        }
        // The park is to be empty.
        None if is_ending || ended.has_changed().is_err() => String::new(),
        None => {
            let bytes = [parts.read_buf, remains.ahead].concat();
            match remains.stream.into_std() {
                Ok(stream) => host.give_back(Connection { stream, peer, bytes, due: None, place }),
                Err(error) => {
                    tracing::warn!(%error, "a connection could not be given back, so it is closed");
                }
            }
            return;
        }
    };
    farewell::leave(remains.stream, &words).await;
    drop(place);
}

impl<'a> Resting<'a> {
    /// Begins to rest, if not too many do.
    fn begin(resting: &'a AtomicUsize) -> Option<Resting<'a>> {
        let this = Resting(resting);
        // Counted by now: dropped, it is taken off again.
        (resting.fetch_add(1, Ordering::Relaxed) < RESTING_MAX).then_some(this)
    }
}

impl Drop for Resting<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Host {
    fn give_back(&self, connection: Connection<Place>) {
        if let Err(error) = self.park.take(connection) {
            // Mostly the peer is gone.
            tracing::debug!(%error, "a connection could not be given back, so it is closed");
        }
    }
}
