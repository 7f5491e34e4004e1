//! The door: connections come in, each with a place, and go to the park.
//!
//! A connection waits in the kernel's backlog while there is no place for it, or the
//! park is far behind. One from an address that has its share already gets a short
//! answer and is closed. Nothing is read here.

use std::{
    convert::Infallible,
    io::{self, Write},
    net::SocketAddr,
    sync::Arc,
    time::{Duration, Instant},
};

use linger_park::{Connection, Park};
use tokio::{
    net::{TcpListener, TcpStream},
    task::JoinSet,
    time::{sleep, timeout},
};

use super::farewell::{self, FAREWELL};
use crate::{
    held::ParkService,
    places::{Place, Places},
};

/// The pause when the system has no socket to give: long enough for some to close.
const RETRY: Duration = Duration::from_millis(50);
/// Between two looks whether a park that is far behind has room again.
const ROOM_STEP: Duration = Duration::from_millis(1);
/// The least time between two warnings that the system has no sockets.
const WARN_EVERY: Duration = Duration::from_secs(1);
/// The server waits for so many rejected peers until they have read why. They
/// have places meanwhile, which others may need.
const TURNED_AWAY_MAX: usize = 64;

/// The door of one server. The listener closes when it is dropped.
pub(super) struct Door {
    listener: TcpListener,
    places: Arc<Places>,
    park: Arc<Park<ParkService>>,
    head_timeout: Duration,
    turned_away: JoinSet<()>,
    warned: Option<Instant>,
}

impl Door {
    /// Makes a door to the park.
    pub(super) fn new(
        listener: TcpListener,
        places: Arc<Places>,
        park: Arc<Park<ParkService>>,
        head_timeout: Duration,
    ) -> Door {
        let turned_away = JoinSet::new();
        Door { listener, places, park, head_timeout, turned_away, warned: None }
    }

    /// Accepts connections for as long as it is polled.
    pub(super) async fn open(mut self) -> Infallible {
        loop {
            // A place first: a connection that cannot be served stays in the backlog.
            let mut place = self.places.take().await;
            while !self.park.has_room() {
                sleep(ROOM_STEP).await;
            }
            let (stream, peer) = self.accept().await;
            if !place.count_for(peer.ip()) {
                self.turn_away(stream, place);
                continue;
            }
            let taken = stream.into_std().and_then(|stream| {
                // Those who connect have something to ask, at once.
                let due = Some(Instant::now() + self.head_timeout);
                self.park.take(Connection { stream, peer, bytes: Vec::new(), due, place })
            });
            if let Err(error) = taken {
                tracing::debug!(%error, "a connection ended before it began");
            }
        }
    }

    async fn accept(&mut self) -> (TcpStream, SocketAddr) {
        loop {
            let error = match self.listener.accept().await {
                Ok(accepted) => return accepted,
                // It is gone already, and the next one may be fine.
                Err(error) if error.kind() == io::ErrorKind::ConnectionAborted => continue,
                Err(error) => error,
            };
            if self.warned.is_none_or(|warned| warned.elapsed() >= WARN_EVERY) {
                self.warned = Some(Instant::now());
                tracing::warn!(%error, "no connection could be accepted; trying again");
            }
            sleep(RETRY).await;
        }
    }

    /// Answers why, in the background. If there are many, it does not wait for the reader.
    fn turn_away(&mut self, stream: TcpStream, place: Place) {
        while self.turned_away.try_join_next().is_some() {}
        let words = farewell::to_one_too_many();
        if self.turned_away.len() >= TURNED_AWAY_MAX {
            // Without tokio, which does not know yet whether the socket can be written to. If
            // the peer is gone, that is fine.
            let _ = stream.into_std().and_then(|mut stream| stream.write(words.as_bytes()));
            return;
        }
        self.turned_away.spawn(async move {
            // Some clients treat an answer before their request as an error.
            let _ = timeout(FAREWELL, stream.readable()).await;
            farewell::leave(stream, &words).await;
            drop(place);
        });
    }
}
