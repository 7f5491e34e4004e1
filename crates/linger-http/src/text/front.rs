//! The front of the house: `/`, which leads to the lobby, and `/r`, the list of rooms.

use std::sync::Arc;

use axum::{
    body::Body,
    extract::{RawQuery, State},
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::Response,
};
use linger_core::queries::RoomsPage;
use linger_node::{
    limits::{LIST_PAGE_DEFAULT, LIST_PAGE_MAX},
    questions::Rooms,
};
use linger_serve::{Address, App, Caller, Failure, Fields};

use super::{html, medium::Medium};
use crate::{
    addressed::{in_path, room_at},
    guests::is_forgotten,
    query::Query,
};

/// Answers `GET /`: a browser goes on to the lobby, a terminal is told how to talk.
pub(super) async fn door(headers: HeaderMap) -> Response {
    let medium = Medium::of(&headers, false);
    let (status, body) = match medium.is_html() {
        true => (StatusCode::FOUND, String::new()),
        false => (StatusCode::OK, how_to_talk(headers.text("host").unwrap_or("localhost:8080"))),
    };
    let mut answer = medium.whole(body).map(Body::from);
    *answer.status_mut() = status;
    if status == StatusCode::FOUND {
        answer.headers_mut().insert(header::LOCATION, HeaderValue::from_static("/r/lobby"));
    }
    answer
}

fn how_to_talk(host: &str) -> String {
    format!(
        "Linger, a chat server. A browser finds the lobby here, and a terminal:\n\
         \x20 curl -N 'http://{host}/r/lobby?follow'              reads along\n\
         \x20 curl -d 'Hello' 'http://{host}/r/lobby?as=NAME'     says something\n\
         \x20 curl 'http://{host}/r'                              lists the rooms\n"
    )
}

/// Answers `GET /r`: the rooms that the reader may enter.
pub(super) async fn rooms(
    State(app): State<Arc<App>>,
    RawQuery(raw): RawQuery,
    caller: Result<Caller, Failure>,
    address: Address,
    headers: HeaderMap,
) -> Result<Response, Failure> {
    let caller = match caller {
        Err(failure) if is_forgotten(&failure, &headers) => Caller { user: None },
        caller => caller?,
    };
    let reader = caller.reader(&app)?;
    let query = Query::new(raw.as_deref());
    let limit = query.limit(LIST_PAGE_DEFAULT, LIST_PAGE_MAX)?;
    let after = query.text("after").map(|slug| room_at(&app.node, &slug, reader)).transpose()?;
    let after = after.map(|room| room.id);
    let page = app.node.query(address.asker(reader), Rooms { reader, after, limit }).await?;
    let medium = Medium::of(&headers, reader.is_some());
    let body = match medium {
        Medium::Plain => list(&page),
        Medium::Html { language, .. } => html::rooms(&page, language),
    };
    let mut answer = medium.whole(body);
    if let Some(last) = page.rooms.last().filter(|_| page.more) {
        let next = format!("</r?after={}>; rel=\"next\"", in_path(&last.slug));
        let next = HeaderValue::try_from(next).expect("what is encoded is ASCII");
        answer.headers_mut().append(header::LINK, next);
    }
    Ok(answer.map(Body::from))
}

/// Returns rooms as lines: the path, who is there, and the topic.
fn list(page: &RoomsPage) -> String {
    let line = |room: &linger_core::queries::Room| {
        let (path, topic) = (in_path(&room.slug), room.topic.as_str());
        let people = if room.members == 1 { "person" } else { "people" };
        let line = format!("/r/{path}  {} {people}  {topic}", room.members);
        line.trim_end().to_owned() + "\n"
    };
    page.rooms.iter().map(line).collect()
}
