//! The server: connections in, requests to the park or to the router, and a
//! bounded end.
//!
//! Every connection lives in the park, which costs next to nothing while it is
//! idle or held. Requests that the park does not answer are handed over: hyper serves
//! them, and the connection goes back ([`visits`]). The server is our own, because
//! `axum::serve` has no time-out for a head that stays incomplete, no bound on
//! connections, and no end to its drain.

mod boundary;
mod door;
mod early;
mod farewell;
mod head_guard;
mod heads;
mod outlet;
mod requests;
mod visits;

use std::{future::Future, io, pin::pin, sync::Arc, time::Duration};

use door::Door;
use linger_park::{Outgoing, Park};
use tokio::{
    net::TcpListener,
    sync::{mpsc, watch},
    task::JoinSet,
    time::timeout,
};
use visits::{Host, Visits};

use crate::{
    app::App,
    held::{ParkService, WaitingRoom, task},
    places::Places,
    routes::Routes,
};

/// Between two looks whether all is done, at the end.
const DRAIN_STEP: Duration = Duration::from_millis(10);

/// The bounds of a server.
#[derive(Debug, Clone, Copy)]
pub struct ServerSettings {
    /// Threads that hold connections. None: one for every two cores.
    pub shards: Option<usize>,
    /// Connections at once. More wait in the kernel's backlog.
    pub connections_max: usize,
    /// Connections at once from one address, or from one IPv6 /64. Others get a short
    /// answer and are closed. None: no such bound, as behind a proxy, from whose address
    /// all of them come.
    pub connections_per_address_max: Option<usize>,
    /// How long a head may take to arrive.
    pub head_timeout: Duration,
    /// In this time a peer must take 16 KiB of its answer, or the rest of it.
    pub write_timeout: Duration,
    /// Bytes of all answers that are on their way out. Above that, new answers are
    /// replaced by a refusal; an eighth is kept for small ones.
    pub outgoing_bytes_max: usize,
    /// How long requests may go on after the end has begun.
    pub drain: Duration,
}

/// The server of one listener.
pub struct Server {
    door: Door,
    visits: Visits,
    park: Arc<Park<ParkService>>,
    /// While it exists, the node calls those who are parked, and closes the park.
    waiting_room: Arc<WaitingRoom>,
    drain: Duration,
    /// Dropped when the end begins.
    ending: watch::Sender<()>,
}

impl Server {
    /// Serves these routes of `app` to everybody who connects to `listener`, once it runs.
    ///
    /// Errors: the system has no threads or event queues for the park.
    pub fn new(
        listener: TcpListener,
        app: &Arc<App>,
        routes: Routes,
        settings: ServerSettings,
    ) -> io::Result<Server> {
        let ServerSettings {
            shards,
            connections_max,
            connections_per_address_max,
            head_timeout,
            write_timeout,
            outgoing_bytes_max,
            drain,
        } = settings;
        let outgoing = Outgoing::new(outgoing_bytes_max);
        let (elsewhere, handed_over) = mpsc::unbounded_channel();
        let (router, table) = task::mount(routes, app.clone());
        let service = Arc::new(ParkService::new(table, elsewhere));
        let defaults = linger_park::ParkSettings::default();
        let settings = linger_park::ParkSettings {
            shards: shards.unwrap_or(defaults.shards),
            head_timeout,
            head_timeout_answer: farewell::to_the_slow(),
            write_timeout,
            outgoing: outgoing.clone(),
            overloaded_answer: farewell::when_overloaded(),
            ..defaults
        };
        let park = Arc::new(Park::start(&service, settings)?);
        let waiting_room = Arc::new(WaitingRoom(park.clone()));
        app.node.non_blocking().attach(Arc::<WaitingRoom>::downgrade(&waiting_room));
        let places = Places::new(connections_max, connections_per_address_max);
        let door = Door::new(listener, places, park.clone(), head_timeout);
        let (ending, ended) = watch::channel(());
        let host =
            Host { router, park: park.clone(), service, head_timeout, write_timeout, outgoing };
        let visits = Visits::new(host, handed_over, ended);
        Ok(Server { door, visits, park, waiting_room, drain, ending })
    }

    /// Serves until `end` is done, then lets requests finish for the time of the
    /// drain, and cuts the rest.
    ///
    /// Connections that are idle then are not waited for. Held requests are answered
    /// when the node is closed, which is not done here.
    pub async fn run(self, end: impl Future<Output = ()>) {
        let Server { door, mut visits, park, waiting_room: _waiting_room, drain, ending } = self;
        // In a task of its own, so that neither waits for the other. It is dropped with
        // this one.
        let mut doors = JoinSet::new();
        doors.spawn(door.open());
        let mut end = pin!(end);
        tokio::select! {
            biased;
            () = &mut end => {}
            never = visits.serve() => match never {},
        }
        doors.shutdown().await;
        drop(ending);
        let drained = async {
            loop {
                // At least one step: a request may be on its way from the park.
                let Err(_elapsed) = timeout(DRAIN_STEP, visits.serve()).await;
                if visits.len() == 0 && park.parked() == 0 {
                    return;
                }
            }
        };
        if timeout(drain, drained).await.is_err() {
            tracing::warn!(
                connections = visits.len(),
                parked = park.parked(),
                "cutting what did not end in time"
            );
        }
        visits.cut().await;
    }
}
