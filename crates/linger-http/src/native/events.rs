//! Events: one cursor, read as a short poll, a long poll or a stream.
//!
//! All three are one wait; they differ in the deadline, and in whether the answer
//! ends. The stream is rendered in [`stream`].

use std::{borrow::Cow, time::Duration};

use axum::http::{HeaderValue, header};
use linger_core::{Cursor, Position, RoomKind, UserId, visibility::Scope};
use linger_node::{
    Page,
    limits::{PAGE_EVENTS_MAX, WAIT_DEFAULT, WAIT_MAX},
};
use linger_serve::{
    APPLICATION_JSON, Decision, Failure, Fields, HEARTBEAT_EVERY, Hold, Rendered, Renderer,
    RendererRef, Request, Ticket, Undecided, whole,
};

use super::{
    accept, documents,
    query::Query,
    stream::{self, StreamRenderer},
};
use crate::addressed::scope_at;

/// Events in an answer, when the reader names no number.
const PAGE_EVENTS_DEFAULT: u64 = 200;

/// Reads the events of one room
///
/// Held while there is no news. With `Accept: text/event-stream`, a stream.
#[utoipa::path(
    get, path = "/rooms/{room}/events", tag = "events",
    params(("room" = String, Path, description = "The room's slug, percent-encoded"), documents::EventsParameters),
    responses(
        documents::Reading,
        (status = 200, description = "Events, as JSON or as a stream", content((documents::PageShape = "application/json"), (String = "text/event-stream"))),
    )
)]
pub(super) fn of_room(request: &Request<'_>) -> Result<Decision, Undecided> {
    let app = request.app();
    let reader = request.caller()?.reader(app)?;
    let room = request.parameter("room")?;
    let scope = scope_at(&app.node, &room, reader)?;
    // All see the same of an open room: then nobody needs an answer of their own.
    let reader = reader.filter(|_| matches!(scope, Scope::Room(_, RoomKind::Closed)));
    Ok(Decision::Hold(hold(request, reader, scope)?))
}

/// Reads the events of all my rooms, and what concerns me
///
/// Held while there is no news. With `Accept: text/event-stream`, a stream.
#[utoipa::path(
    get, path = "/events", tag = "events", params(documents::EventsParameters),
    responses(
        documents::Reading,
        (status = 200, description = "Events, as JSON or as a stream", content((documents::PageShape = "application/json"), (String = "text/event-stream"))),
    )
)]
pub(super) fn mine(request: &Request<'_>) -> Result<Decision, Undecided> {
    let user = request.caller()?.user()?;
    Ok(Decision::Hold(hold(request, Some(user), Scope::Mine(user))?))
}

/// Understands how a request wants to wait. Errors: it is malformed.
fn hold(request: &Request<'_>, reader: Option<UserId>, scope: Scope) -> Result<Hold, Failure> {
    let (node, fields) = (&request.app().node, request.fields());
    let query = Query::new(request.query());
    let is_stream = accept::prefers_stream(fields.texts("accept"));
    let by_header = fields.text("last-event-id").map(Cow::Borrowed);
    // Polyfills cannot send the header, and put it into the address.
    let last_event_id = by_header.or_else(|| query.text("lastEventId")).filter(|_| is_stream);
    let given = last_event_id.or_else(|| query.text("after"));
    let after = match given.as_deref() {
        // A place: what happens from now on comes after it.
        None | Some("latest") => node.latest(),
        Some("start") => Cursor { log: node.log_id(), epoch: None, position: Position::START },
        Some(cursor) => cursor.parse()?,
    };
    let limit = query.number("limit", 1, PAGE_EVENTS_MAX as u64)?.unwrap_or(PAGE_EVENTS_DEFAULT);
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
    let ticket = Ticket { reader, scope, after, limit: limit as usize, renderer };
    Ok(Hold { ticket, hold, opening })
}

/// Returns N of `Prefer: wait=N` (RFC 7240, section 4.3).
fn preferred_wait(value: &str) -> Option<&str> {
    value.split(',').find_map(|preference| preference.trim().strip_prefix("wait="))
}

fn seconds(given: &str) -> Result<Duration, Failure> {
    // Longer than any wait, and still a time that can be added to the clock's.
    const SECONDS_MAX: f64 = 1e6;
    let seconds = given.parse().ok().filter(|seconds| (0.0..=SECONDS_MAX).contains(seconds));
    seconds.map(Duration::from_secs_f64).ok_or_else(|| {
        Failure::malformed(format!("'wait' is a number of seconds, 0 to 55, not {given:?}"))
    })
}

/// Renders a page of events, which confirms `Prefer: wait=N` with N.
#[derive(Debug)]
struct PageRenderer {
    preferred: Option<u8>,
}

static PAGE: PageRenderer = PageRenderer { preferred: None };
static STREAM: StreamRenderer = StreamRenderer;
/// One for each N. They are few, and readers with the same N get the same bytes.
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
