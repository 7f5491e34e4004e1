//! Holding requests in linger-park: no task and no buffer while they wait.
//!
//! Only what goes as hoped is answered here. Whatever is malformed, refused or
//! needs the tables is handed over, and the router answers it in full.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use axum::body::Bytes;
use linger_core::{Position, RoomId, UserId};
use linger_node::{Annex, Awaited, Call, Page, WaitLists};
use linger_park::{
    Answer, Connection, Look, Method, Park, Parked, Parking, Request, Service, Then, Topic,
    Verdict,
    request::{Fields, Parsed, parse},
};
use percent_encoding::percent_decode_str;
use tokio::{sync::mpsc::UnboundedSender, time::Instant};

use super::{Asked, Errand, Form, Ticket, Told, answers::Answers, bytes};
use crate::{
    App,
    caller::{Caller, address_of, token_of},
    edges::{names, native, stream::COMMENT_EVERY, updates},
    server::Place,
};

/// A connection whose next request the park does not answer, or not yet.
pub(crate) type HandedOver = (Connection<Place>, Option<Errand>);

/// What the park asks about requests.
pub(crate) struct Held {
    app: Arc<App>,
    answers: Answers,
    elsewhere: UnboundedSender<HandedOver>,
}

/// A park as the node sees it: a waiting room beside its own.
pub(crate) struct WaitingRoom(pub(crate) Arc<Park<Held>>);

/// A request for a held route.
enum Route<'a> {
    RoomEvents(&'a str),
    MyEvents,
    Update,
    NewMessage,
}

/// Why a request is not answered here.
enum Elsewhere {
    /// The router answers it.
    Router,
    /// Something must be found out first.
    Errand(Errand),
}

impl Held {
    /// Answers for `app`. What is not held goes `elsewhere`.
    pub(crate) fn new(app: Arc<App>, elsewhere: UnboundedSender<HandedOver>) -> Held {
        Held { app, answers: Answers::new(), elsewhere }
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

    fn asked(&self, request: &Request<'_>) -> Result<Asked, Elsewhere> {
        let app = &*self.app;
        let asked = match route(request).ok_or(Elsewhere::Router)? {
            Route::RoomEvents(room) => {
                let room = percent_decode_str(room).decode_utf8().map_err(|_| Elsewhere::Router)?;
                let caller = self.caller(request)?;
                native::ask_room(app, caller, &room, request.query, request)
            }
            Route::MyEvents => native::ask_mine(app, self.caller(request)?, request.query, request),
            Route::Update => {
                let form = updates::Form::new(Bytes::copy_from_slice(request.body));
                let reader = self.caller(request)?.reader(app).map_err(|_| Elsewhere::Router)?;
                updates::ask(app, reader, &form).and_then(|asked| {
                    // Who has no cursor of ours is shown what the tables have.
                    asked.ok_or_else(crate::failure::Failure::no_token)
                })
            }
            Route::NewMessage => {
                let username = names::username(request.body).map_err(|_| Elsewhere::Router)?;
                let Some(visitor) = app.visitors.find(&username.id, Instant::now()) else {
                    let address = address_of(app, request, request.peer.ip());
                    return Err(Elsewhere::Errand(Errand::Visitor(username, address)));
                };
                names::ask(app, username, visitor)
            }
        };
        asked.map_err(|_| Elsewhere::Router)
    }

    fn caller(&self, request: &Request<'_>) -> Result<Caller, Elsewhere> {
        let is_safe = request.method == Method::Get;
        let Some(token) = token_of(request, is_safe).map_err(|_| Elsewhere::Router)? else {
            return Ok(Caller { user: None });
        };
        let unknown = || Elsewhere::Errand(Errand::Session(token.to_owned()));
        self.app.node.session(token).map(|user| Caller { user: Some(user) }).ok_or_else(unknown)
    }

    /// Returns what a reader is told of `page`, or the ticket with which they wait on.
    fn answer(
        &self,
        ticket: &Ticket,
        page: &Page,
        is_over: bool,
    ) -> Result<Answer<Ticket>, Ticket> {
        let items = u32::try_from(page.news.len()).expect("pages are short");
        if let Some(bytes) = self.answers.find(&ticket.form, page) {
            let then = match ticket.form {
                Form::Stream => self.go_on(ticket.at(page.cursor)),
                Form::Page { .. } | Form::Update | Form::Names(_) => Then::NextRequest,
            };
            return Ok(Answer { bytes, items, then });
        }
        let (bytes, then) = match ticket.tell(&self.app, page, is_over) {
            Told::Whole(whole) => (bytes::whole(whole), Then::NextRequest),
            Told::Piece(piece, next) => (bytes::chunk(&piece), self.go_on(next)),
            Told::Nothing(next) => return Err(next),
        };
        // Nobody else is told what one visitor is told.
        if !matches!(ticket.form, Form::Names(_)) {
            self.answers.keep(&ticket.form, page, &bytes);
        }
        Ok(Answer { bytes, items, then })
    }

    fn go_on(&self, ticket: Ticket) -> Then<Ticket> {
        Then::Park(self.parking(ticket, COMMENT_EVERY))
    }

    /// Looks for an answer. Errors: the ticket, moved on, when there is none yet;
    /// nothing, when memory does not reach back so far.
    fn find(&self, ticket: &Ticket) -> Result<Answer<Ticket>, Option<Ticket>> {
        let mut ticket = ticket.clone();
        loop {
            let page = self.app.node.glance(&ticket.wait()).ok_or(None)?;
            let is_all = page.news.is_empty();
            match self.answer(&ticket, &page, false) {
                Ok(answer) => return Ok(answer),
                Err(next) if is_all => return Err(Some(next)),
                // Nothing for this reader among these; there may be more.
                Err(next) => ticket = next,
            }
        }
    }

    /// Returns the answer to who waited in vain.
    fn nothing(&self, ticket: &Ticket) -> Answer<Ticket> {
        let mut ticket = ticket.clone();
        loop {
            let nothing = || Page { reset: None, news: Vec::new(), cursor: ticket.after };
            let page = self.app.node.glance(&ticket.wait()).unwrap_or_else(nothing);
            match self.answer(&ticket, &page, true) {
                Ok(answer) => return answer,
                // Another request of theirs was faster: from where that came to.
                Err(next) => ticket = next,
            }
        }
    }

    fn parking(&self, ticket: Ticket, hold: Duration) -> Parking<Ticket> {
        let topic = topic(Awaited::of(ticket.scope));
        let deadline = self.app.node.deadline(hold).into_std();
        Parking { ticket, topic, deadline }
    }
}

impl Service for Held {
    type Ticket = Ticket;
    type Wake = Call;
    type Place = Place;
    type Errand = Errand;

    fn wants(&self, head: &Request<'_>) -> bool {
        route(head).is_some()
    }

    fn ask(&self, request: &Request<'_>) -> Verdict<Ticket, Errand> {
        if !self.app.node.is_open() {
            return Verdict::NotMine;
        }
        let asked = match self.asked(request) {
            Ok(asked) => asked,
            Err(Elsewhere::Router) => return Verdict::NotMine,
            Err(Elsewhere::Errand(errand)) => return Verdict::NotYet(errand),
        };
        let Asked { ticket, hold, opening } = asked;
        // A reset, or what only the tables know: the router tells it.
        let is_told_here =
            self.app.node.glance(&ticket.wait()).is_some_and(|page| page.reset.is_none());
        match opening {
            _ if !is_told_here => Verdict::NotMine,
            None => Verdict::Park(self.parking(ticket, hold)),
            Some(opening) => {
                let then = self.go_on(ticket);
                Verdict::Answer(Answer { bytes: bytes::opening(opening), items: 0, then })
            }
        }
    }

    fn look(&self, ticket: &Ticket) -> Look<Ticket> {
        match self.find(ticket) {
            Ok(answer) => Look { ticket: ticket.clone(), answer: Some(answer) },
            Err(Some(ticket)) => Look { ticket, answer: None },
            // So much happened at once that memory forgot some of it. They come
            // back with the cursor that they had, and the tables know.
            Err(None) => {
                let mut answer = self.nothing(ticket);
                if let Then::Park(_) = answer.then {
                    answer =
                        Answer { bytes: bytes::LAST_CHUNK.into(), items: 0, then: Then::Close };
                }
                Look { ticket: ticket.clone(), answer: Some(answer) }
            }
        }
    }

    fn expire(&self, ticket: &Ticket) -> Answer<Ticket> {
        let mut answer = self.nothing(ticket);
        if self.app.node.is_closing()
            && let Then::Park(_) = answer.then
        {
            answer.bytes = [&*answer.bytes, bytes::LAST_CHUNK].concat().into();
            answer.then = Then::Close;
        }
        answer
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

impl Annex for WaitingRoom {
    fn wake(&self, call: &Arc<Call>) {
        self.0.wake(call);
    }

    fn waiting(&self) -> usize {
        self.0.parked()
    }

    fn close(&self, spread: Duration) {
        self.0.close(spread);
    }
}

/// The lists of one shard, as the node asks for them.
struct Lists<'a>(&'a Parked<'a>);

impl WaitLists for Lists<'_> {
    fn has(&self, awaited: Awaited) -> bool {
        self.0.has(topic(awaited))
    }

    fn count(&self) -> usize {
        self.0.topics_len()
    }

    fn each_user(&self, visit: &mut dyn FnMut(UserId)) {
        for Topic(number) in self.0.topics() {
            if number % 2 == 1 {
                visit(UserId::new(Position::new(number / 2)));
            }
        }
    }
}

/// Numbers what is awaited: rooms are even, users are odd.
fn topic(awaited: Awaited) -> Topic {
    match awaited {
        Awaited::Room(room) => Topic(RoomId::get(room) * 2),
        Awaited::User(user) => Topic(UserId::get(user) * 2 + 1),
    }
}

/// Returns which held route a request is for.
fn route<'a>(request: &Request<'a>) -> Option<Route<'a>> {
    match (request.method, request.path) {
        (Method::Post, "/update") => Some(Route::Update),
        (Method::Post, "/get_new_message") => Some(Route::NewMessage),
        (Method::Get, path) => match path.strip_prefix("/api/v1/")? {
            "events" => Some(Route::MyEvents),
            path => {
                let room = path.strip_prefix("rooms/")?.strip_suffix("/events")?;
                (!room.is_empty() && !room.contains('/')).then_some(Route::RoomEvents(room))
            }
        },
        (Method::Post, _) => None,
    }
}
