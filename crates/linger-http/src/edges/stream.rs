//! Server-sent events: `wait` in a loop, each event under the cursor after it.
//!
//! A comment goes out at once and every 15 s, so that proxies pass the head on
//! and keep the connection. Who reads from now on is told at once where that is,
//! by an id without data: a browser that loses the stream before the first event
//! comes back with it. Source: the HTML standard, section 9.2.

use std::{convert::Infallible, sync::Arc, time::Duration};

use axum::{
    body::{Body, Bytes},
    http::{HeaderName, HeaderValue, header},
    response::{IntoResponse, Response},
};
use futures_util::stream;
use linger_core::Cursor;
use linger_node::{After, Page, Wait};

use crate::App;

/// Between two comments: proxies cut what is silent for 30 s.
const COMMENT_EVERY: Duration = Duration::from_secs(15);

/// Answers with the events as they happen, for as long as the reader stays.
pub(crate) fn open(app: Arc<App>, wait: Wait) -> Response {
    let (hello, wait) = match wait.after {
        After::Latest => {
            let here = app.node.latest();
            (format!(": linger\nid: {here}\n\n"), Wait { after: After::Cursor(here), ..wait })
        }
        After::Start | After::Cursor(_) => (": linger\n\n".to_owned(), wait),
    };
    let hello = stream::iter([Ok::<_, Infallible>(Bytes::from(hello))]);
    let events = stream::unfold(Some((app, wait)), |state| async {
        let (app, wait) = state?;
        let page = app.node.wait(wait, app.node.deadline(COMMENT_EVERY)).await;
        // Overloaded, or closing: the reader comes back with its last id.
        let page = page.ok()?;
        let chunk = encode(&page);
        let is_last = app.node.is_closing();
        let next = Wait { after: After::Cursor(page.cursor), ..wait };
        Some((Ok(Bytes::from(chunk)), (!is_last).then_some((app, next))))
    });
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static("text/event-stream")),
        (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
        // nginx collects an answer before it passes it on, unless told not to.
        (HeaderName::from_static("x-accel-buffering"), HeaderValue::from_static("no")),
    ];
    let body = Body::from_stream(futures_util::StreamExt::chain(hello, events));
    (headers, body).into_response()
}

fn encode(page: &Page) -> String {
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
