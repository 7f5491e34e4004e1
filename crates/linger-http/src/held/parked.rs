//! Holding requests in linger-park: no task and no buffer while they wait.
//!
//! Sends are answered here too: they wait for their outcome as readers wait for
//! news. Only what goes as hoped is answered here. Whatever is malformed, refused
//! or needs the tables is handed over, and the router answers it in full.

use std::{borrow::Cow, net::SocketAddr, sync::Arc, time::Instant};

use axum::body::Bytes;
use linger_node::{Awaited, Call};
use linger_park::{
    Answer, Connection, Look, Method, Parked, Parking, Request, Service, Then, Topic, Verdict,
    request::{Fields, Parsed, parse},
};
use percent_encoding::percent_decode_str;
use tokio::{runtime::Handle, sync::mpsc::UnboundedSender};

use super::{
    Errand, Ticket,
    news::News,
    sending::{self, Sending},
    waiting_room::{Lists, topic},
};
use crate::{
    App,
    caller::{Caller, address_of, brings_token, tokens_of},
    edges::{names, native, updates},
    failure::Failure,
    json,
    server::Place,
};

/// A connection whose next request the park does not answer, or not yet.
pub(crate) type HandedOver = (Connection<Place>, Option<Errand>);

/// What the park asks about requests.
pub(crate) struct Held {
    app: Arc<App>,
    news: News,
    elsewhere: UnboundedSender<HandedOver>,
    runtime: Handle,
}

/// What a request in the park waits for.
#[derive(Clone)]
pub(crate) enum Waiting {
    /// News.
    News(Ticket),
    /// What becomes of something that was sent.
    Outcome(Arc<Sending>),
}

/// A request for a route that is served here.
enum Route<'a> {
    RoomEvents(&'a str),
    MyEvents,
    Update,
    NewMessage,
    Send { room: &'a str, request_id: Option<&'a str> },
}

/// Why a request is not answered here.
enum Elsewhere {
    /// The router answers it.
    Router,
    /// Something must be found out first.
    Errand(Errand),
}

impl From<Failure> for Elsewhere {
    /// The router has the same failure, and the words for it.
    fn from(_: Failure) -> Elsewhere {
        Elsewhere::Router
    }
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

impl Held {
    /// Answers for `app`. What is not answered here goes `elsewhere`. Call it inside
    /// of a tokio runtime.
    pub(crate) fn new(app: Arc<App>, elsewhere: UnboundedSender<HandedOver>) -> Held {
        Held { news: News::new(app.clone()), app, elsewhere, runtime: Handle::current() }
    }

    /// Tells whether the park is to have these bytes, which a connection brings
    /// between two requests: they may be the beginning of a request for it.
    pub(crate) fn claims(&self, bytes: &[u8], peer: SocketAddr) -> bool {
        match parse(bytes, peer, &mut Fields::new()) {
            Parsed::Head { head, .. } => self.wants(&head),
            Parsed::Incomplete => !bytes.is_empty(),
            Parsed::Foreign => false,
        }
    }

    fn decide(&self, request: &Request<'_>) -> Result<Verdict<Waiting, Errand>, Elsewhere> {
        let app = &*self.app;
        let has_answer_of_its_own = app.settings.origins.tells_apart(request)
            || json::is_encoded(request)
            || !app.settings.hosts.take(request);
        if has_answer_of_its_own {
            return Err(Elsewhere::Router);
        }
        let asked = match route(request).ok_or(Elsewhere::Router)? {
            Route::RoomEvents(room) => {
                let room = decode(room)?;
                native::ask_room(app, self.caller(request)?, &room, request.query, request)?
            }
            Route::MyEvents => {
                native::ask_mine(app, self.caller(request)?, request.query, request)?
            }
            Route::Update | Route::NewMessage if !app.settings.seed_protocols => {
                return Err(Elsewhere::Router);
            }
            Route::Update => {
                let form = updates::Form::new(Bytes::copy_from_slice(request.body));
                let reader = self.caller(request)?.reader(app)?;
                // Who has no cursor of ours is shown what the tables have.
                updates::ask(app, reader, &form)?.ok_or(Elsewhere::Router)?
            }
            Route::NewMessage => {
                names::visitors_may_read(app)?;
                let username = names::username(request.body)?;
                let now = tokio::time::Instant::now();
                let Some(visitor) = app.visitors.find(&username.id, now) else {
                    let address = address_of(app, request, request.peer.ip());
                    return Err(Elsewhere::Errand(Errand::Visitor(username, address)));
                };
                names::ask(app, username, visitor)?
            }
            Route::Send { room, request_id } => {
                return self.begin_to_send(request, room, request_id);
            }
        };
        let (opening, parking) = self.news.begin(asked).ok_or(Elsewhere::Router)?;
        Ok(opening.map_or(Verdict::Park(parking), Verdict::Answer))
    }

    fn begin_to_send(
        &self,
        request: &Request<'_>,
        room: &str,
        request_id: Option<&str>,
    ) -> Result<Verdict<Waiting, Errand>, Elsewhere> {
        let (app, room) = (&*self.app, decode(room)?);
        let request_id = request_id.map(decode).transpose()?;
        let caller = self.caller(request)?;
        let id = request_id.as_deref();
        let saying = native::ask_say(app, caller, &room, id, request.body, request)?;
        let sending = Arc::new(Sending::begin(app, saying).ok_or(Elsewhere::Router)?);
        Ok(Verdict::Park(parking(sending)))
    }

    fn caller(&self, request: &Request<'_>) -> Result<Caller, Elsewhere> {
        let app = &*self.app;
        let mut tokens = tokens_of(app, request);
        let Some(first) = tokens.next() else {
            return match brings_token(app, request) {
                true => Err(Elsewhere::Router),
                false => Ok(Caller { user: None }),
            };
        };
        if let Some(user) = app.node.session(first.text) {
            first.may_act(app, request, request.method == Method::Get)?;
            return Ok(Caller { user: Some(user) });
        }
        // With another one behind it, the tables say which of them counts.
        Err(match tokens.next() {
            Some(_) => Elsewhere::Router,
            None => Elsewhere::Errand(Errand::Session(first.text.to_owned())),
        })
    }
}

impl Service for Held {
    type Ticket = Waiting;
    type Wake = Call;
    type Place = Place;
    type Errand = Errand;

    fn wants(&self, head: &Request<'_>) -> bool {
        route(head).is_some()
    }

    fn ask(&self, request: &Request<'_>) -> Verdict<Waiting, Errand> {
        if !self.app.node.is_open() {
            return Verdict::NotMine;
        }
        self.decide(request).unwrap_or_else(|elsewhere| match elsewhere {
            Elsewhere::Router => Verdict::NotMine,
            Elsewhere::Errand(errand) => Verdict::NotYet(errand),
        })
    }

    fn look(&self, waiting: &Waiting) -> Look<Waiting> {
        match waiting {
            Waiting::News(ticket) => self.news.look(ticket),
            Waiting::Outcome(sending) => {
                let answer = sending.look(&self.app, &self.runtime).map(told);
                Look { ticket: waiting.clone(), answer }
            }
        }
    }

    fn is_brief(&self, waiting: &Waiting) -> bool {
        matches!(waiting, Waiting::Outcome(_))
    }

    fn expire(&self, waiting: &Waiting) -> Answer<Waiting> {
        match waiting {
            Waiting::News(ticket) => self.news.expire(ticket),
            Waiting::Outcome(sending) => {
                let answer =
                    sending.look(&self.app, &self.runtime).or_else(|| sending.give_up(&self.app));
                answer.map_or_else(
                    || {
                        let then = Then::Park(parking(sending.clone()));
                        Answer { bytes: Arc::new([]), items: 0, then }
                    },
                    told,
                )
            }
        }
    }

    fn topics(&self, call: &Call, parked: &Parked<'_>, called: &mut Vec<Topic>) {
        self.app.node.spread(call, &Lists(parked), |awaited| called.push(topic(awaited)));
    }

    fn count(&self, called: u64, items: u64) {
        self.app.node.count(called, items);
    }

    fn hand_over(&self, connection: Connection<Place>, errand: Option<Errand>) {
        // When the server has ended, nobody is there to take it, and it closes.
        let _ = self.elsewhere.send((connection, errand));
    }
}

fn parking(sending: Arc<Sending>) -> Parking<Waiting> {
    let topic = topic(Awaited::Outcome(sending.user()));
    let deadline = Instant::now() + sending::LOOK_EVERY;
    Parking { ticket: Waiting::Outcome(sending), topic, deadline }
}

fn told(bytes: Arc<[u8]>) -> Answer<Waiting> {
    Answer { bytes, items: 0, then: Then::NextRequest }
}

fn decode(part: &str) -> Result<Cow<'_, str>, Elsewhere> {
    if !part.contains('%') {
        return Ok(Cow::Borrowed(part));
    }
    percent_decode_str(part).decode_utf8().map_err(|_| Elsewhere::Router)
}

/// Returns which route a request is for, if it is served here.
fn route<'a>(request: &Request<'a>) -> Option<Route<'a>> {
    let (method, path) = (request.method, request.path);
    let Some(path) = path.strip_prefix("/api/v1/") else {
        return match (method, path) {
            (Method::Post, "/update") => Some(Route::Update),
            (Method::Post, "/get_new_message") => Some(Route::NewMessage),
            _ => None,
        };
    };
    if path == "events" {
        return (method == Method::Get).then_some(Route::MyEvents);
    }
    let (room, rest) = path.strip_prefix("rooms/")?.split_once('/')?;
    if room.is_empty() {
        return None;
    }
    match (method, rest) {
        (Method::Get, "events") => Some(Route::RoomEvents(room)),
        (Method::Post, "messages") => Some(Route::Send { room, request_id: None }),
        (Method::Put, rest) => {
            let id = rest.strip_prefix("messages/")?;
            let is_one = !id.is_empty() && !id.contains('/');
            is_one.then_some(Route::Send { room, request_id: Some(id) })
        }
        _ => None,
    }
}
