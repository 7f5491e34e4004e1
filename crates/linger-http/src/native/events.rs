//! Events: one cursor, read as a short poll, a long poll or a stream.
//!
//! All three are one wait; they differ in the deadline, and in whether the answer
//! ends. The stream is rendered in [`stream`].

use std::{borrow::Cow, time::Duration};

use axum::http::{HeaderValue, header};
use linger_core::{Cursor, Event, Position, RoomKind, Slug, UserId, visibility::Scope};
use linger_node::{
    Page,
    limits::{PAGE_EVENTS_MAX, WAIT_DEFAULT, WAIT_MAX},
};
use linger_serve::{
    APPLICATION_JSON, Decision, Failure, Fields, HEARTBEAT_EVERY, Hold, Rendered, Renderer,
    RendererRef, Request, Ticket, Undecided, whole,
};
use utoipa::ToSchema;

use super::{
    accept, documents,
    query::Query,
    stream::{self, StreamRenderer},
};
use crate::{
    addressed::{scope_at, scope_of_all},
    behind::not_here,
};

/// Events in an answer, when the reader gives no number.
const PAGE_EVENTS_DEFAULT: usize = 200;

/// Reads the events of one room
///
/// Held while there is no news. With `Accept: text/event-stream`, a stream.
#[utoipa::path(
    get, path = "/rooms/{room}/events", tag = "events", security((), ("token" = [])),
    params(("room" = Slug, Path, description = "The room's slug, percent-encoded"), documents::EventsParameters),
    responses(
        documents::Reading,
        (status = 200, description = "Events, as JSON or as a stream", content((EventsPage = "application/json"), (String = "text/event-stream"))),
    )
)]
pub(super) fn of_room(request: &Request<'_>) -> Result<Decision, Undecided> {
    let app = request.app();
    let reader = request.caller()?.reader(app)?;
    let room = request.parameter("room")?;
    let scope = scope_at(&app.node, &room, reader)
        .map_err(|rejection| not_here(request, given_cursor(request).as_deref(), rejection))?;
    // In an open room all see the same, so nobody needs an answer of their own.
    let reader = reader.filter(|_| matches!(scope, Scope::Room(_, RoomKind::Closed)));
    Ok(Decision::Hold(hold(request, reader, scope)?))
}

/// Reads the events of all my rooms, and what concerns me
///
/// With `rooms`, also those of these open rooms; then for visitors too. Held while there is
/// no news. With `Accept: text/event-stream`, a stream.
#[utoipa::path(
    get, path = "/events", tag = "events", security((), ("token" = [])),
    params(documents::LookedAt, documents::EventsParameters),
    responses(
        documents::Reading,
        (status = 200, description = "Events, as JSON or as a stream", content((EventsPage = "application/json"), (String = "text/event-stream"))),
    )
)]
pub(super) fn mine(request: &Request<'_>) -> Result<Decision, Undecided> {
    let app = request.app();
    let rooms = Query::new(request.query()).text("rooms").filter(|rooms| !rooms.is_empty());
    let Some(rooms) = rooms else {
        let user = request.caller()?.user()?;
        return Ok(Decision::Hold(hold(request, Some(user), Scope::Mine(user))?));
    };
    let reader = request.caller()?.reader(app)?;
    let scope = scope_of_all(&app.node, &rooms, reader)
        .map_err(|failure| not_here(request, given_cursor(request).as_deref(), failure))?;
    Ok(Decision::Hold(hold(request, reader, scope)?))
}

/// Understands how a request wants to wait. Errors: it is malformed.
fn hold(request: &Request<'_>, reader: Option<UserId>, scope: Scope) -> Result<Hold, Failure> {
    let (node, fields) = (&request.app().node, request.fields());
    let query = Query::new(request.query());
    let is_stream = accept::prefers_stream(fields.texts("accept"));
    let given = given_cursor(request);
    let after = match given.as_deref() {
        // A position: later events come after it.
        None | Some("latest") => node.latest(),
        Some("start") => Cursor { log: node.log_id(), epoch: None, position: Position::START },
        Some(cursor) => cursor.parse()?,
    };
    let limit = query.limit(PAGE_EVENTS_DEFAULT, PAGE_EVENTS_MAX)?;
    let named = query.text("wait");
    let preferred = fields.texts("prefer").find_map(preferred_wait);
    let hold = match named.as_deref().or(preferred) {
        None => WAIT_DEFAULT,
        Some(given) => seconds(given)?.min(WAIT_MAX),
    };
    let is_newcomer = matches!(given.as_deref(), None | Some("latest"));
    let opening = is_stream.then(|| stream::opening(is_newcomer.then_some(after)));
    let renderer: &'static dyn Renderer = match (is_stream, named.is_none() && preferred.is_some())
    {
        (true, _) => &STREAM,
        (false, true) => &PREFERRED_PAGES[hold.as_secs() as usize],
        (false, false) => &PAGE,
    };
    let renderer = RendererRef::Shared(renderer);
    let hold = if is_stream { HEARTBEAT_EVERY } else { hold };
    let ticket = Ticket { reader, scope, after, limit, renderer };
    Ok(Hold { ticket, hold, opening })
}

/// Returns the reader's place, as it is given.
fn given_cursor<'r>(request: &'r Request<'_>) -> Option<Cow<'r, str>> {
    let (query, fields) = (Query::new(request.query()), request.fields());
    let is_stream = accept::prefers_stream(fields.texts("accept"));
    let by_header = || fields.text("last-event-id").map(Cow::Borrowed);
    // Polyfills cannot send the header, and put it into the address.
    let last_event_id = || by_header().or_else(|| query.text("lastEventId"));
    is_stream.then(last_event_id).flatten().or_else(|| query.text("after"))
}

/// Returns N of `Prefer: wait=N` (RFC 7240, section 4.3).
fn preferred_wait(value: &str) -> Option<&str> {
    value.split(',').find_map(|preference| preference.trim().strip_prefix("wait="))
}

fn seconds(given: &str) -> Result<Duration, Failure> {
    // Longer than any wait, and small enough to be added to the clock's time.
    const SECONDS_MAX: f64 = 1e6;
    let seconds = given.parse().ok().filter(|seconds| (0.0..=SECONDS_MAX).contains(seconds));
    seconds.map(Duration::from_secs_f64).ok_or_else(|| {
        Failure::malformed(format!("'wait' is a number of seconds, 0 to 55, not {given:?}"))
    })
}

/// Renders a page of events whose head confirms `Prefer: wait=N` with N.
#[derive(Debug)]
struct PageRenderer {
    preferred: Option<u8>,
}

static PAGE: PageRenderer = PageRenderer { preferred: None };
static STREAM: StreamRenderer = StreamRenderer;
/// One renderer for each N. They are few, and readers with the same N share their bytes.
static PREFERRED_PAGES: [PageRenderer; WAIT_MAX.as_secs() as usize + 1] = {
    let mut pages = [const { PageRenderer { preferred: None } }; WAIT_MAX.as_secs() as usize + 1];
    let mut seconds = 0;
    while seconds < pages.len() {
        pages[seconds].preferred = Some(seconds as u8);
        seconds += 1;
    }
    pages
};

impl Renderer for PageRenderer {
    fn render(&self, _: Cursor, page: &Page, is_over: bool) -> Rendered {
        if page.news.is_empty() && page.reset.is_none() && !is_over {
            return Rendered::Nothing(page.cursor);
        }
        let mut whole = whole(APPLICATION_JSON, encode(page));
        let headers = whole.headers_mut();
        if let Some(seconds) = self.preferred {
            let applied = format!("wait={seconds}");
            let applied = HeaderValue::from_str(&applied).expect("digits are a header's value");
            headers.insert("preference-applied", applied);
        }
        headers.insert(header::VARY, HeaderValue::from_static("Accept, Prefer"));
        Rendered::Answer(whole)
    }

    fn is_for_named_origins(&self) -> bool {
        true
    }
}

/// Events, and where to go on. New types of events may be added: ignore those that you
/// do not know.
// The shape of the text that `encode` writes.
#[derive(ToSchema)]
#[cfg_attr(test, derive(serde::Serialize))]
#[cfg_attr(not(test), expect(dead_code, reason = "events are encoded already"))]
struct EventsPage<'a> {
    /// The cursor is of no use here: fetch afresh and go on from the new one.
    #[schema(nullable = false)]
    #[cfg_attr(test, serde(skip_serializing_if = "Option::is_none"))]
    reset: Option<Reset>,
    /// Oldest first.
    events: Vec<&'a Event>,
    /// Give it back as `after`. Newer than yours also when there is no news.
    cursor: Cursor,
}

/// Why a cursor is of no use.
#[derive(ToSchema)]
#[cfg_attr(test, derive(serde::Serialize))]
#[cfg_attr(not(test), expect(dead_code, reason = "written by hand"))]
struct Reset {
    /// `other_log`, `beyond_the_end` or another word, to be logged.
    reason: &'static str,
}

/// Puts a page together from events that are encoded already.
fn encode(page: &Page) -> String {
    let events: usize = page.news.iter().map(|news| news.json.len() + 1).sum();
    let mut body = String::with_capacity(events + 128);
    body.push('{');
    if let Some(reset) = page.reset {
        body.push_str(&format!(r#""reset":{{"reason":"{}"}},"#, reset.code()));
    }
    body.push_str(r#""events":["#);
    for (i, news) in page.news.iter().enumerate() {
        if i > 0 {
            body.push(',');
        }
        body.push_str(&news.json);
    }
    body.push_str(&format!(r#"],"cursor":"{}"}}"#, page.cursor));
    body
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use linger_core::{Audience, EventKind, News, Person, RoomId, Timestamp, UserName};
    use linger_node::ResetReason;

    use super::*;

    #[test]
    fn a_page_is_written_as_the_document_describes_it() {
        let member =
            Person { id: UserId::new(Position::new(2)), name: UserName::parse("ann").unwrap() };
        let news = |position| {
            let event = Event {
                position: Position::new(position),
                number: Some(position),
                room: Slug::parse("tea").ok(),
                at: Timestamp::from_ms(1_000),
                by: None,
                kind: EventKind::MemberLeft { member: member.clone() },
            };
            let json = serde_json::to_string(&event).unwrap().into();
            Arc::new(News {
                event,
                audience: Audience::Room(RoomId::new(Position::new(1))),
                json,
                is_narrow: false,
                about: None,
            })
        };
        let cursor: Cursor = "k3tq7vbn2x-a2b3c4d5-1024".parse().unwrap();
        for reset in [None, Some(ResetReason::OtherLog)] {
            for count in 0..3 {
                let page = Page { news: (1..=count).map(news).collect(), cursor, reset };
                let described = EventsPage {
                    reset: reset.map(|reset| Reset { reason: reset.code() }),
                    events: page.news.iter().map(|news| &news.event).collect(),
                    cursor,
                };
                assert_eq!(encode(&page), serde_json::to_string(&described).unwrap());
            }
        }
    }
}
