//! Events: one cursor, read as a short poll, a long poll or a stream.
//!
//! All three are one wait; they differ in the deadline, and in whether the answer
//! ends. The stream is rendered in `edges::stream`.

use std::{borrow::Cow, sync::Arc, time::Duration};

use axum::{
    extract::{RawQuery, State},
    http::{HeaderMap, HeaderValue, header},
    response::Response,
};
use linger_core::{Cursor, Position, RoomKind, UserId, visibility::Scope};
use linger_node::{
    Page,
    limits::{PAGE_EVENTS_MAX, WAIT_DEFAULT, WAIT_MAX},
};

use super::{accept, documents, path::Path, query::Query};
use crate::{
    App,
    caller::Caller,
    edges::{addressed::scope_at, stream},
    failure::Failure,
    fields::Fields,
    held::{Asked, Form, Ticket, Whole, task},
    json,
};

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
pub(super) async fn of_room(
    State(app): State<Arc<App>>,
    Path(room): Path<String>,
    RawQuery(raw): RawQuery,
    caller: Caller,
    headers: HeaderMap,
) -> Result<Response, Failure> {
    let asked = ask_room(&app, caller, &room, raw.as_deref(), &headers)?;
    task::hold(app, asked).await
}

/// Understands a request for the events of a room. Errors: it is malformed, or the
/// room does not exist for the caller.
pub(crate) fn ask_room(
    app: &App,
    caller: Caller,
    room: &str,
    query: Option<&str>,
    fields: &impl Fields,
) -> Result<Asked, Failure> {
    let reader = caller.reader(app)?;
    let scope = scope_at(&app.node, room, reader)?;
    // All see the same of an open room: then nobody needs an answer of their own.
    let reader = reader.filter(|_| matches!(scope, Scope::Room(_, RoomKind::Closed)));
    ask(app, reader, scope, query, fields)
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
pub(super) async fn mine(
    State(app): State<Arc<App>>,
    RawQuery(raw): RawQuery,
    caller: Caller,
    headers: HeaderMap,
) -> Result<Response, Failure> {
    let asked = ask_mine(&app, caller, raw.as_deref(), &headers)?;
    task::hold(app, asked).await
}

/// Understands a request for the caller's events. Errors: it is malformed, or
/// nobody's.
pub(crate) fn ask_mine(
    app: &App,
    caller: Caller,
    query: Option<&str>,
    fields: &impl Fields,
) -> Result<Asked, Failure> {
    let user = caller.user()?;
    ask(app, Some(user), Scope::Mine(user), query, fields)
}

fn ask(
    app: &App,
    reader: Option<UserId>,
    scope: Scope,
    query: Option<&str>,
    fields: &impl Fields,
) -> Result<Asked, Failure> {
    let query = Query::new(query);
    let is_stream = accept::prefers_stream(fields.texts("accept"));
    let by_header = fields.text("last-event-id").map(Cow::Borrowed);
    // Polyfills cannot send the header, and put it into the address.
    let last_event_id = by_header.or_else(|| query.text("lastEventId")).filter(|_| is_stream);
    let given = last_event_id.or_else(|| query.text("after"));
    let after = match given.as_deref() {
        // A place: what happens from now on comes after it.
        None | Some("latest") => app.node.latest(),
        Some("start") => Cursor { log: app.node.log_id(), epoch: None, position: Position::START },
        Some(cursor) => cursor.parse()?,
    };
    let limit = query.number("limit", 1, PAGE_EVENTS_MAX as u64)?.unwrap_or(PAGE_EVENTS_DEFAULT);
    let named = query.text("wait");
    let preferred = fields.texts("prefer").find_map(preferred_wait);
    let hold = match named.as_deref().or(preferred) {
        None => WAIT_DEFAULT,
        Some(given) => seconds(given)?.min(WAIT_MAX),
    };
    let form = match is_stream {
        true => Form::Stream,
        false => {
            let is_preference = named.is_none() && preferred.is_some();
            Form::Page { preferred: is_preference.then_some(hold.as_secs() as u8) }
        }
    };
    let is_newcomer = matches!(given.as_deref(), None | Some("latest"));
    let opening = is_stream.then(|| {
        let mut opening = stream::opening(is_newcomer.then_some(after));
        app.settings.origins.allow(opening.headers_mut());
        opening
    });
    let ticket = Ticket { reader, scope, after, limit: limit as usize, form };
    Ok(Asked { ticket, hold, opening })
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

/// Returns the answer of a poll.
pub(crate) fn tell(app: &App, page: &Page, preferred: Option<u8>) -> Whole {
    let mut whole = json::whole(json::APPLICATION_JSON, encode(page));
    let headers = whole.headers_mut();
    if let Some(seconds) = preferred {
        let applied = format!("wait={seconds}");
        let applied = HeaderValue::from_str(&applied).expect("digits are a header's value");
        headers.insert("preference-applied", applied);
    }
    headers.insert(header::VARY, HeaderValue::from_static("Accept, Prefer"));
    app.settings.origins.allow(headers);
    whole
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
