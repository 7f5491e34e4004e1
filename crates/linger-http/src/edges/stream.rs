//! Server-sent events: one wait after another, each event under the cursor after it.
//!
//! A comment goes out at once and every 15 s, so that proxies pass the head on
//! and keep the connection. Who reads from now on is told at once where that is,
//! by an id without data: a browser that loses the stream before the first event
//! comes back with it. Source: the HTML standard, section 9.2.

use std::time::Duration;

use axum::{
    body::Bytes,
    http::{HeaderName, HeaderValue, header},
};
use linger_core::Cursor;
use linger_node::Page;

use crate::held::Whole;

/// Between two comments: proxies cut what is silent for 30 s.
pub(crate) const COMMENT_EVERY: Duration = Duration::from_secs(15);

/// Returns the head of a stream, and its first piece: where the reader is, for
/// one who has no cursor yet.
pub(crate) fn opening(here: Option<Cursor>) -> Whole {
    let place = here.map(|here| format!("id: {here}\n")).unwrap_or_default();
    let mut opening = Whole::new(Bytes::from(format!(": linger\n{place}\n")));
    let headers = opening.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/event-stream"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    // nginx collects an answer before it passes it on, unless told not to.
    let buffering = HeaderName::from_static("x-accel-buffering");
    headers.insert(buffering, HeaderValue::from_static("no"));
    opening
}

/// Returns the next piece of a stream. It is not empty.
pub(crate) fn tell(page: &Page) -> String {
    if let Some(reset) = page.reset {
        let cursor = page.cursor;
        return format!(
            "id: {cursor}\nevent: reset\ndata: {{\"reason\":\"{}\"}}\n\n",
            reset.code()
        );
    }
    if page.news.is_empty() {
        return ": still here\n\n".to_owned();
    }
    let mut frames = String::new();
    for news in &page.news {
        let cursor = Cursor { position: news.position(), ..page.cursor };
        let name = news.event.kind.name();
        frames.push_str(&format!("id: {cursor}\nevent: {name}\ndata: {}\n\n", news.json));
    }
    frames
}
