//! Events: one cursor, read as a short poll, a long poll or a stream.
//!
//! All three are [`linger_node::Node::wait`]; they differ in the deadline, and in
//! whether the answer ends. The stream is rendered in `edges::stream`.

use std::{sync::Arc, time::Duration};

use axum::{
    extract::{RawQuery, State},
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use linger_core::{Slug, visibility::Scope};
use linger_node::{
    After, Page, Wait,
    limits::{PAGE_EVENTS_MAX, WAIT_DEFAULT, WAIT_MAX},
};

use super::{documents, path::Path, query};
use crate::{App, caller::Caller, edges::stream, failure::Failure, json};

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
    let reader = caller.reader(&app)?;
    let room = app.node.room(&Slug::parse(&room)?, reader)?;
    let asked = Asked::parse(raw.as_deref(), &headers)?;
    let wait = Wait { reader, scope: room.scope(), after: asked.after, limit: asked.limit };
    answer(app, wait, &asked).await
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
    let user = caller.user()?;
    let asked = Asked::parse(raw.as_deref(), &headers)?;
    let wait = Wait {
        reader: Some(user),
        scope: Scope::Mine(user),
        after: asked.after,
        limit: asked.limit,
    };
    answer(app, wait, &asked).await
}

/// What a reader asked for.
struct Asked {
    after: After,
    wait: Duration,
    limit: usize,
    is_stream: bool,
    /// The wait came by the header `Prefer`, and is to be confirmed.
    is_preference: bool,
}

impl Asked {
    fn parse(raw: Option<&str>, headers: &HeaderMap) -> Result<Asked, Failure> {
        let parameters = query::parse(raw)?;
        let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
        let is_stream = header("accept").is_some_and(|accept| accept.contains("text/event-stream"));
        let last_event_id = header("last-event-id").filter(|_| is_stream);
        let after = match last_event_id.or(query::text(&parameters, "after")) {
            None | Some("latest") => After::Latest,
            Some("start") => After::Start,
            Some(cursor) => After::Cursor(cursor.parse()?),
        };
        let limit = query::number(&parameters, "limit", 1, PAGE_EVENTS_MAX as u64)?;
        let preferred = headers.get_all("prefer").iter().find_map(preferred_wait);
        let named = query::text(&parameters, "wait");
        let wait = match named.or(preferred) {
            None => WAIT_DEFAULT,
            Some(given) => seconds(given)?,
        };
        Ok(Asked {
            after,
            wait: wait.min(WAIT_MAX),
            limit: limit.unwrap_or(PAGE_EVENTS_DEFAULT) as usize,
            is_stream,
            is_preference: named.is_none() && preferred.is_some(),
        })
    }
}

/// Returns N of `Prefer: wait=N` (RFC 7240, section 4.3).
fn preferred_wait(value: &HeaderValue) -> Option<&str> {
    let preferences = value.to_str().ok()?.split(',');
    preferences.filter_map(|preference| preference.trim().strip_prefix("wait=")).next()
}

fn seconds(given: &str) -> Result<Duration, Failure> {
    // Longer than any wait, and still a time that can be added to the clock's.
    const SECONDS_MAX: f64 = 1e6;
    let seconds = given.parse().ok().filter(|seconds| (0.0..=SECONDS_MAX).contains(seconds));
    seconds.map(Duration::from_secs_f64).ok_or_else(|| {
        Failure::malformed(format!("'wait' is a number of seconds, 0 to 55, not {given:?}"))
    })
}

async fn answer(app: Arc<App>, wait: Wait, asked: &Asked) -> Result<Response, Failure> {
    if asked.is_stream {
        return Ok(stream::open(app, wait));
    }
    let page = app.node.wait(wait, app.node.deadline(asked.wait)).await?;
    let mut response = json::encoded(StatusCode::OK, encode(&page));
    if asked.is_preference {
        let applied = format!("wait={}", asked.wait.as_secs());
        let applied = HeaderValue::from_str(&applied).expect("digits are a header's value");
        response.headers_mut().insert("preference-applied", applied);
    }
    response.headers_mut().insert(header::VARY, HeaderValue::from_static("Accept, Prefer"));
    Ok(response.into_response())
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
