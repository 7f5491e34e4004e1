//! Server-sent events: one wait after another, each event under the cursor after it.
//!
//! A comment goes out at once and every 15 s, so that proxies pass the head on
//! and keep the connection. A reader who starts from now on gets the cursor at once, as
//! an id without data: a browser that loses the stream before the first event comes
//! back with it. Source: the HTML standard, section 9.2.

use axum::{
    body::Bytes,
    http::{HeaderName, HeaderValue, header},
};
use linger_core::Cursor;
use linger_node::Page;
use linger_serve::{Rendered, Renderer, WholeResponse};

/// Renders the next piece of a stream.
#[derive(Debug)]
pub(super) struct StreamRenderer;

impl Renderer for StreamRenderer {
    fn render(&self, _: Cursor, page: &Page, is_over: bool) -> Rendered {
        match page.news.is_empty() && page.reset.is_none() && !is_over {
            true => Rendered::Nothing(page.cursor),
            false => Rendered::Piece(piece(page)),
        }
    }

    fn is_for_named_origins(&self) -> bool {
        true
    }
}

/// Returns the head of a stream with its first piece: the cursor, for a reader who has
/// none yet.
pub(super) fn opening(here: Option<Cursor>) -> WholeResponse {
    let place = here.map(|here| format!("id: {here}\n")).unwrap_or_default();
    let mut opening = WholeResponse::new(Bytes::from(format!(": linger\n{place}\n")));
    let headers = opening.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/event-stream"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    // nginx collects an answer before it passes it on, unless told not to.
    let buffering = HeaderName::from_static("x-accel-buffering");
    headers.insert(buffering, HeaderValue::from_static("no"));
    opening
}

/// Returns the next piece of a stream. It is not empty.
fn piece(page: &Page) -> String {
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
