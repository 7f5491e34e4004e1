//! Reading a room: the newest lines, those around a number, a wait for more of them, or
//! all from now on.

use std::{sync::Arc, time::Duration};

use axum::http::StatusCode;
use linger_core::{Cursor, Position, RoomKind, UserId};
use linger_node::{
    RoomRef,
    limits::{HISTORY_PAGE_MAX, WAIT_DEFAULT, WAIT_MAX},
    questions::{Conversation, Conversed, Part},
};
use linger_serve::{
    Address, Decision, Failure, HEARTBEAT_EVERY, Hold, Request, Ticket, Undecided, WholeResponse,
};

use super::{
    caller, gzip,
    medium::Medium,
    news::{Readers, opening},
    view::{Shown, View},
    windows::Window,
    zone::Zone,
};
use crate::{addressed::room_at, behind::not_here, query::Query};

/// Messages in an answer, when the reader gives no number.
pub(super) const MESSAGES_DEFAULT: usize = 50;
/// Messages in a window: as many as anybody may ask for.
const WINDOW_MESSAGES: usize = HISTORY_PAGE_MAX;
/// Events in the answer to a wait; the next one has the rest.
const NEWS_MAX: usize = 200;

/// A request to read.
#[derive(Clone)]
struct Asked {
    readers: Arc<Readers>,
    address: Address,
    room: RoomRef,
    reader: Option<UserId>,
    view: View,
    part: Part,
    /// Most messages in the answer.
    limit: usize,
    takes_gzip: bool,
}

/// Answers `GET /r/{room}`.
pub(super) fn read(request: &Request<'_>, readers: &Arc<Readers>) -> Result<Decision, Undecided> {
    let query = Query::new(request.query());
    let asked = Asked::parse(request, query, readers)?;
    let node = &request.app().node;
    if query.text("follow").is_some() {
        return follow(&asked);
    }
    let Some(hold) = hold(query)? else {
        return Err(Undecided::Task(Box::pin(newest(asked))));
    };
    let after = match query.text("after").as_deref() {
        None | Some("latest") => node.latest(),
        Some("start") => Cursor { log: node.log_id(), epoch: None, position: Position::START },
        Some(cursor) => cursor.parse().map_err(Failure::from)?,
    };
    // From another log, say: the reader begins afresh.
    if !node.knows(after) {
        return Err(Undecided::Task(Box::pin(newest(asked))));
    }
    if asked.view.medium.is_html() || node.is_behind(after) {
        // The page at the end of the wait is made of it; and what is shown where it turns out
        // that there is no such place.
        asked.window()?;
    }
    let ticket = asked.ticket(after, false);
    Ok(Decision::Hold(Hold { ticket, hold, opening: None }))
}

/// Answers `GET /r/{room}/{number}`: the messages around this number.
pub(super) fn read_at(
    request: &Request<'_>,
    readers: &Arc<Readers>,
) -> Result<Decision, Undecided> {
    let asked = Asked::parse(request, Query::new(request.query()), readers)?;
    let number = request.parameter("number")?;
    let number = number.parse().ok().filter(|number| (1..=Position::MAX.get()).contains(number));
    let Some(number) = number else { return Err(no_such_number().into()) };
    Err(Undecided::Task(Box::pin(around(Asked { part: Part::Around(number), ..asked }, number))))
}

fn no_such_number() -> Failure {
    let detail = "this room has nothing with that number; read the room without a number";
    Failure::new(StatusCode::NOT_FOUND, "number_not_found", detail)
}

/// Answers the lines around a number.
async fn around(asked: Asked, number: u64) -> Result<Decision, Failure> {
    let conversed = asked.query().await?;
    match conversed.room.as_ref().is_some_and(|room| number > room.last_number) {
        true => Err(no_such_number()),
        false => Ok(Decision::Answer(asked.answer(&conversed))),
    }
}

/// Answers the newest lines, or those before a number.
async fn newest(asked: Asked) -> Result<Decision, Failure> {
    let conversed = asked.query().await?;
    Ok(Decision::Answer(asked.answer(&conversed)))
}

/// Answers the newest lines, and then all that come.
fn follow(asked: &Asked) -> Result<Decision, Undecided> {
    let window = asked.window()?;
    let shown = asked.view.answer(&Shown::of(&window, asked.limit), &asked.readers.newcomers);
    let ticket = asked.ticket(window.cursor, true);
    let opening = Some(opening(shown));
    Ok(Decision::Hold(Hold { ticket, hold: HEARTBEAT_EVERY, opening }))
}

impl Asked {
    /// Errors: it is malformed, or there is no such room for this reader.
    fn parse(
        request: &Request<'_>,
        query: Query<'_>,
        readers: &Arc<Readers>,
    ) -> Result<Asked, Undecided> {
        let app = request.app();
        let reader = caller(request)?.reader(app)?;
        let is_known = reader.is_some();
        let room = room_at(&app.node, &request.parameter("room")?, reader)
            .map_err(|rejection| not_here(request, query.text("after").as_deref(), rejection))?;
        // An answer without end is for terminals, also where a browser asks for it.
        let medium = match query.text("follow") {
            Some(_) => Medium::Plain,
            None => Medium::of(request.fields(), is_known),
        };
        let zone = query.text("tz").map_or(Ok(Zone::UTC), |name| Zone::named(&name))?;
        Ok(Asked {
            readers: readers.clone(),
            address: Address(request.address()),
            // In an open room all see the same, so nobody needs an answer of their own.
            reader: reader.filter(|_| room.kind == RoomKind::Closed),
            view: View { room: room.slug.clone(), medium, zone },
            room,
            part: query
                .number("before", 1, Position::MAX.get())?
                .map_or(Part::Newest, Part::Before),
            limit: query.limit(MESSAGES_DEFAULT, HISTORY_PAGE_MAX)?,
            takes_gzip: gzip::is_taken(request.fields()),
        })
    }

    async fn query(&self) -> Result<Conversed, Failure> {
        let Asked { ref room, reader, part, limit, .. } = *self;
        let conversation = Conversation { room: room.clone(), reader, part, limit };
        let asker = self.address.asker(reader);
        Ok(self.readers.app.node.query(asker, conversation).await?)
    }

    fn answer(&self, conversed: &Conversed) -> WholeResponse {
        let answer = self.show(conversed);
        if self.takes_gzip { gzip::compress(answer) } else { answer }
    }

    fn show(&self, conversed: &Conversed) -> WholeResponse {
        let Conversed { passage, room, cursor } = conversed;
        let news: Vec<_> = passage.messages.iter().collect();
        let first = news.first().and_then(|first| first.event.number);
        let shown = Shown {
            news,
            cursor: *cursor,
            room: room.as_ref(),
            earlier: first.filter(|_| passage.more),
            has_later: passage.more_after,
            target: match self.part {
                Part::Around(number) => Some(number),
                Part::Newest | Part::Before(_) => None,
            },
            waited: None,
        };
        self.view.answer(&shown, &self.readers.newcomers)
    }

    /// Returns the newest messages. Errors: an errand must read them first.
    fn window(&self) -> Result<Window, Undecided> {
        let Readers { app, windows, .. } = &*self.readers;
        if let Some(window) = windows.now(&app.node, &self.room, self.reader) {
            return Ok(window);
        }
        let windows = windows.clone();
        let asked = Asked { part: Part::Newest, limit: WINDOW_MESSAGES, ..self.clone() };
        Err(Undecided::Errand(Box::pin(async move {
            let place = (asked.room.id, asked.reader);
            windows.keep(place, asked.query().await?, WINDOW_MESSAGES);
            Ok(())
        })))
    }

    /// Returns the ticket of a reader who waits, or follows, from `after` on.
    fn ticket(&self, after: Cursor, follows: bool) -> Ticket {
        let renderer = self.readers.renderer(&self.view, (&self.room, self.reader), follows);
        Ticket { reader: self.reader, scope: self.room.scope(), after, limit: NEWS_MAX, renderer }
    }
}

/// Returns how long the request may be held; none if it is not to wait.
fn hold(query: Query<'_>) -> Result<Option<Duration>, Failure> {
    match query.text("wait").as_deref() {
        None => Ok(None),
        Some("") => Ok(Some(WAIT_DEFAULT)),
        Some(_) => {
            let seconds = query.number("wait", 0, 1_000_000)?;
            Ok(seconds.map(|seconds| Duration::from_secs(seconds).min(WAIT_MAX)))
        }
    }
}
