//! Holding requests in linger-park: no task and no buffer while they wait.
//!
//! Sends are answered here too: they wait for their outcome as readers wait for
//! news. Only requests that succeed are answered here. A request that is malformed,
//! refused or needs the tables is handed over, and hyper's side answers it in full.

use std::{net::SocketAddr, sync::Arc, time::Instant};

use linger_node::{Awaited, Call};
use linger_park::{
    Answer, Connection, Look, Parked, Parking, Request, Service, Then, Topic, Verdict,
    request::{Fields, Parsed, parse},
};
use tokio::{runtime::Handle, sync::mpsc::UnboundedSender};

use super::{
    bytes,
    news::{News, Reading},
    sending::{self, Sending},
    waiting_room::{Lists, topic},
};
use crate::{
    app::{App, AppSettings},
    failure::Failure,
    json::is_encoded,
    places::Place,
    request::{Decision, Errand, Undecided},
    routes::Table,
};

/// A connection whose next request the park does not answer, or not yet.
pub(crate) type HandedOver = (Connection<Place>, Option<Errand>);

/// Decides about requests for the park.
pub(crate) struct ParkService {
    app: Arc<App>,
    table: Arc<Table>,
    news: News,
    elsewhere: UnboundedSender<HandedOver>,
    runtime: Handle,
}

/// The thing that a request in the park waits for.
#[derive(Clone)]
pub(crate) enum Waiting {
    /// News.
    News(Reading),
    /// The outcome of a send.
    Outcome(Arc<Sending>),
}

impl PartialEq for Waiting {
    fn eq(&self, other: &Waiting) -> bool {
        match (self, other) {
            (Waiting::News(one), Waiting::News(other)) => one == other,
            (Waiting::Outcome(one), Waiting::Outcome(other)) => Arc::ptr_eq(one, other),
            _ => false,
        }
    }
}

impl ParkService {
    /// Answers requests for routes that the table has. Other requests go `elsewhere`. Call
    /// it inside of a tokio runtime.
    pub(crate) fn new(table: Arc<Table>, elsewhere: UnboundedSender<HandedOver>) -> ParkService {
        let app = table.app.clone();
        let news = News::new(app.clone());
        ParkService { app, table, news, elsewhere, runtime: Handle::current() }
    }

    /// Tells whether these bytes, which a connection brings between two requests, are for
    /// the park: they may be the beginning of a request for it.
    pub(crate) fn claims(&self, bytes: &[u8], peer: SocketAddr) -> bool {
        match parse(bytes, peer, &mut Fields::new()) {
            Parsed::Head { head, .. } => self.wants(&head),
            Parsed::Incomplete => !bytes.is_empty(),
            Parsed::Foreign => false,
        }
    }

    /// Returns the park's verdict on a request that was decided. None: hyper's side
    /// answers it.
    fn begin(&self, decision: Decision) -> Option<Verdict<Waiting, Errand>> {
        Some(match decision {
            Decision::Answer(whole) => Verdict::Answer(last(bytes::whole(whole))),
            Decision::Hold(hold) => {
                let (opening, parking) = self.news.begin(hold)?;
                opening.map_or(Verdict::Park(parking), Verdict::Answer)
            }
            Decision::Submit(submission) => {
                Verdict::Park(parking(Arc::new(Sending::begin(&self.app, submission)?)))
            }
        })
    }

    /// Returns the errand that asks the tables who holds these tokens. If nobody holds the
    /// first, hyper's side finds out whether that matters.
    fn authenticate(&self, tokens: Vec<String>) -> Errand {
        let app = self.app.clone();
        Box::pin(async move {
            for token in tokens {
                app.node.authenticate(&token).await?.ok_or_else(Failure::unknown_token)?;
            }
            Ok(())
        })
    }

    /// Tells whether the answer to this request may differ from that to others.
    fn has_answer_of_its_own(&self, request: &Request<'_>) -> bool {
        let AppSettings { origins, hosts, .. } = &self.app.settings;
        origins.tells_apart(request) || is_encoded(request) || !hosts.take(request)
    }
}

impl Service for ParkService {
    type Ticket = Waiting;
    type Wake = Call;
    type Place = Place;
    type Errand = Errand;

    fn wants(&self, head: &Request<'_>) -> bool {
        self.table.find(head.method, head.path).is_some()
    }

    fn ask(&self, request: &Request<'_>) -> Verdict<Waiting, Errand> {
        if !self.app.node.is_open() || self.has_answer_of_its_own(request) {
            return Verdict::NotMine;
        }
        // Hyper's side explains all failures, because it has the words for them.
        let verdict = match self.table.decide(request, &[]) {
            Some(Ok(decision)) => self.begin(decision),
            Some(Err(Undecided::Sessions(tokens))) => {
                Some(Verdict::NotYet(self.authenticate(tokens)))
            }
            Some(Err(Undecided::Errand(errand))) => Some(Verdict::NotYet(errand)),
            Some(Err(Undecided::Failure(_) | Undecided::Task(_))) | None => None,
        };
        verdict.unwrap_or(Verdict::NotMine)
    }

    fn look(&self, waiting: &Waiting) -> Look<Waiting> {
        match waiting {
            Waiting::News(reading) => self.news.look(reading),
            Waiting::Outcome(sending) => {
                let answer = sending.look(&self.app, &self.runtime).map(last);
                Look { ticket: waiting.clone(), answer, lookups: 1 }
            }
        }
    }

    fn first_look(&self, waiting: &Waiting) -> Option<Look<Waiting>> {
        match waiting {
            Waiting::News(reading) => self.news.first_look(reading),
            Waiting::Outcome(_) => Some(self.look(waiting)),
        }
    }

    fn is_brief(&self, waiting: &Waiting) -> bool {
        matches!(waiting, Waiting::Outcome(_))
    }

    fn expire(&self, waiting: &Waiting) -> (Answer<Waiting>, usize) {
        match waiting {
            Waiting::News(reading) => self.news.expire(reading),
            Waiting::Outcome(sending) => {
                let answer =
                    sending.look(&self.app, &self.runtime).or_else(|| sending.give_up(&self.app));
                let answer = answer.map_or_else(
                    || {
                        let then = Then::Park(parking(sending.clone()));
                        Answer { bytes: Arc::new([]), items: 0, then }
                    },
                    last,
                );
                (answer, 1)
            }
        }
    }

    fn topics(&self, call: &Call, parked: &Parked<'_>, called: &mut Vec<Topic>) -> usize {
        self.app
            .node
            .non_blocking()
            .spread(call, &Lists(parked), |awaited| called.push(topic(awaited)))
    }

    fn count(&self, called: u64, items: u64) {
        self.app.node.non_blocking().count(called, items);
    }

    fn hand_over(&self, connection: Connection<Place>, errand: Option<Errand>) {
        // Once the server has ended, nobody receives the connection, and it closes.
        let _ = self.elsewhere.send((connection, errand));
    }
}

fn parking(sending: Arc<Sending>) -> Parking<Waiting> {
    let topic = topic(Awaited::Outcome(sending.user()));
    let deadline = Instant::now() + sending::LOOK_EVERY;
    Parking { ticket: Waiting::Outcome(sending), topic, deadline }
}

/// Returns a whole answer with these bytes.
fn last(bytes: Arc<[u8]>) -> Answer<Waiting> {
    Answer { bytes, items: 0, then: Then::NextRequest }
}
