//! Visits: connections that the park has handed over, until they go back.
//!
//! hyper answers the requests that the park does not, in turn ([`crate::turns`]): one
//! request, or as many as come without a pause. A client that asks once often asks
//! again, and the way to and fro would cost more than the answer. At the boundary
//! after them, or when a request comes that the park holds, the connection returns.
//! An errand is run first, if there is one, and may make hyper unnecessary. Bytes that
//! are no request end the connection, with an answer; a peer that does not read its
//! answer ends it without one.

use std::{
    convert::Infallible,
    future::{Future, pending, poll_fn},
    pin::{Pin, pin},
    sync::Arc,
    task::Poll,
    time::Duration,
};

use axum::Router;
use hyper::{Request, Response, body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use linger_park::{Connection, Outgoing, Park};
use tokio::{
    net::TcpStream,
    sync::{mpsc::UnboundedReceiver, watch},
    task::JoinSet,
    time::{Instant, sleep},
};

use super::{
    boundary::{AnswerBody, ConnectionProgress},
    farewell,
    head_guard::{HEAD_MAX, HeadGuard, end_of_head},
    outlet::{Outlet, Patience},
    requests::{Overfull, Requests},
};
use crate::{
    held::{HandedOver, ParkService},
    places::Place,
    request::Errand,
    turns::{Slot, Turn, Turns, Wanted},
};

/// How long a connection may keep a turn that nobody wants, for its next request: long
/// enough for a client that asks one thing after another, and so short that few of
/// hyper's buffers are kept without need.
const PAUSE: Duration = Duration::from_millis(200);
/// The least time that is left to a head that was slow already.
const LEFT_MIN: Duration = Duration::from_millis(100);

/// All visits of one server.
pub(super) struct Visits {
    host: Arc<Host>,
    /// At most as many as there are places.
    handed_over: UnboundedReceiver<HandedOver>,
    tasks: JoinSet<()>,
    turns: Arc<Turns>,
    /// Closed when the server ends.
    ended: watch::Receiver<()>,
}

/// The things that every visit needs.
pub(super) struct Host {
    pub(super) router: Router,
    pub(super) park: Arc<Park<ParkService>>,
    pub(super) service: Arc<ParkService>,
    /// How long a head may take to arrive.
    pub(super) head_timeout: Duration,
    /// How long a peer may take for a part of an answer.
    pub(super) write_timeout: Duration,
    /// The bound on all answers that go out, which the park shares.
    pub(super) outgoing: Arc<Outgoing>,
}

/// The way hyper ended a connection, if it did not only come to a boundary.
enum End {
    Closed(hyper::Result<()>),
    /// The peer does not read.
    Unread,
}

type Answer = Pin<Box<dyn Future<Output = Result<Response<AnswerBody>, Overfull>> + Send>>;

impl Visits {
    /// Takes the connections in `handed_over`. Once `ended` is closed, each has one more
    /// answer, and is closed after it.
    pub(super) fn new(
        host: Host,
        handed_over: UnboundedReceiver<HandedOver>,
        ended: watch::Receiver<()>,
    ) -> Visits {
        Visits {
            host: Arc::new(host),
            handed_over,
            tasks: JoinSet::new(),
            turns: Arc::new(Turns::new()),
            ended,
        }
    }

    /// Serves for as long as it is polled. It may be dropped and called again.
    pub(super) async fn serve(&mut self) -> Infallible {
        loop {
            tokio::select! {
                biased;
                Some((connection, errand)) = self.handed_over.recv() => {
                    let (host, ended) = (self.host.clone(), self.ended.clone());
                    let turns = self.turns.clone();
                    self.tasks.spawn(visit(host, connection, errand, turns, ended));
                }
                // Visits that ended are forgotten, also if nobody comes any more.
                Some(_) = self.tasks.join_next() => {}
                else => pending().await,
            }
            while self.tasks.try_join_next().is_some() {}
        }
    }

    /// Returns how many there are, without those that are still in the queue.
    pub(super) fn len(&self) -> usize {
        self.tasks.len()
    }

    /// Cuts the visits that are left.
    pub(super) async fn cut(mut self) {
        self.tasks.shutdown().await;
    }
}

async fn visit(
    host: Arc<Host>,
    connection: Connection<Place>,
    errand: Option<Errand>,
    turns: Arc<Turns>,
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
    // Before hyper, because that has buffers. A head that is not complete gets no turn: its
    // request waits for one once it is.
    let turn = match end_of_head(connection.bytes.trim_ascii_start(), 0) {
        Some(_) => Some(turns.take().await),
        None => None,
    };
    // On the heap, so that a visit that waits for a turn is small.
    Box::pin(serve(&host, connection, (turns, turn), ended)).await;
}

/// Lets hyper serve one connection until it closes or is at a boundary.
async fn serve(
    host: &Host,
    connection: Connection<Place>,
    (turns, turn): (Arc<Turns>, Option<Turn>),
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
    let progress = Arc::new(ConnectionProgress::new(Outlet::new(host.outgoing.clone())));
    let requests = Arc::new(Requests {
        router: host.router.clone(),
        peer,
        progress: progress.clone(),
        turns: turns.clone(),
        slot: Slot::new(turn),
    });
    let slot = &requests.slot;
    let service = service_fn(|request: Request<Incoming>| {
        let taken = requests.take(request);
        Box::pin(requests.clone().answer(taken)) as Answer
    });
    // A head that began in the park has only the rest of its time here.
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
    let mut patience = Patience::new(host.write_timeout);
    let mut pause = pin!(sleep(PAUSE));
    let mut asked_before_pause = 0;
    let mut wanted: Option<Wanted> = None;
    // None: it did not close, and is at a boundary.
    let end = loop {
        let served = poll_fn(|context| {
            // Before hyper: if this task is called late, hyper's time for the next head may be
            // over too, and it would close a connection that is only idle.
            let called = Instant::now();
            if wanted.is_some() && pause.as_mut().poll(context).is_ready() {
                return Poll::Ready(None);
            }
            if let Poll::Ready(result) = Pin::new(&mut connection).poll(context) {
                return Poll::Ready(Some(End::Closed(result)));
            }
            if !progress.is_at_boundary() {
                // A request that is whole has taken its turn out by now.
                drop(slot.take());
                wanted = None;
                return patience.poll_end(&progress.outlet, context).map(|()| Some(End::Unread));
            }
            if progress.is_called_back() {
                return Poll::Ready(None);
            }
            if asked_before_pause != progress.asked() {
                asked_before_pause = progress.asked();
                pause.as_mut().reset(called + PAUSE);
                wanted = None;
            }
            if wanted.is_none() {
                let Some((turn, call)) = turns.spare() else { return Poll::Ready(None) };
                slot.put(turn);
                wanted = Some(call);
            }
            if progress.looked_away() {
                context.waker().wake_by_ref();
            }
            let is_wanted =
                wanted.as_mut().is_some_and(|call| call.as_mut().poll(context).is_ready());
            if is_wanted || pause.as_mut().poll(context).is_ready() {
                return Poll::Ready(None);
            }
            Poll::Pending
        });
        tokio::select! {
            // hyper first: at the end it closes a connection that has not read anything yet.
            biased;
            end = served => break end,
            _ = ended.changed(), if !is_ending => {
                is_ending = true;
                Pin::new(&mut connection).graceful_shutdown();
            }
        }
    };
    // Nothing after this needs a turn.
    drop(slot.take());
    let parts = connection.into_parts();
    let remains = parts.io.into_inner().into_remains();
    let words = match end {
        Some(End::Closed(result)) => {
            farewell::after(result.err().as_ref(), !parts.read_buf.is_empty(), &remains)
        }
        Some(End::Unread) => {
            tracing::debug!(%peer, "a connection does not read its answer, so it is closed");
            return;
        }
        // The park must become empty.
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

impl Host {
    fn give_back(&self, connection: Connection<Place>) {
        if let Err(error) = self.park.take(connection) {
            // Mostly the peer is gone.
            tracing::debug!(%error, "a connection could not be given back, so it is closed");
        }
    }
}
