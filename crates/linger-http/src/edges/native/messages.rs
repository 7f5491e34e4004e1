//! Messages: say something, once; read what was said.

use std::sync::Arc;

use axum::{
    body::Body,
    extract::{RawQuery, State},
    http::{HeaderMap, StatusCode},
    response::Response,
};
use linger_core::{Command, Message, MessageId, MessageText, Position, Request, RequestId, UserId};
use linger_node::{Node, Receipt, RoomRef, limits::HISTORY_PAGE_MAX, questions::Earlier};
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::ToSchema;

use super::{documents, path::Path, query::Query, request_id_of};
use crate::{
    App,
    caller::Caller,
    edges::{addressed::room_at, say},
    failure::Failure,
    fields::Fields,
    held::Whole,
    json::{self, JsonBody},
};

/// Messages in a page of history, when the reader names no number.
const HISTORY_PAGE_DEFAULT: usize = 50;

#[derive(Deserialize, ToSchema)]
pub(super) struct NewMessage {
    /// What to say: 1 to 4000 characters after trimming.
    #[schema(min_length = 1, max_length = 4000, example = "Hello!")]
    text: String,
}

/// Sends a message under my own request id
///
/// The same again gets the same answer, for ever, and is said once. Sending to
/// an open room joins it.
#[utoipa::path(
    put, path = "/rooms/{room}/messages/{request_id}", tag = "messages", request_body = NewMessage,
    params(
        ("room" = String, Path, description = "The room's slug, percent-encoded"),
        ("request_id" = String, Path, description = "1 to 64 of `A-Z a-z 0-9 . _ -`"),
    ),
    responses(
        documents::Writing,
        (status = 201, body = documents::SentShape, description = "Done"),
        (status = 200, body = documents::SentShape, description = "A repeat: it was said before"),
    )
)]
pub(super) async fn put(
    State(app): State<Arc<App>>,
    Path((room, request_id)): Path<(String, String)>,
    caller: Caller,
    JsonBody(new): JsonBody<NewMessage>,
) -> Result<Response, Failure> {
    let request_id = RequestId::parse(&request_id)?;
    let saying = saying(&app, caller.user()?, &room, Some(request_id), &new)?;
    app.rates.send(saying.user)?;
    Ok(say(&app.node, &saying).await?.map(Body::from))
}

/// Sends a message
///
/// The header `Idempotency-Key` plays the part of the request id.
#[utoipa::path(
    post, path = "/rooms/{room}/messages", tag = "messages", request_body = NewMessage,
    params(
        ("room" = String, Path, description = "The room's slug, percent-encoded"),
        ("Idempotency-Key" = Option<String>, Header, description = "1 to 64 of `A-Z a-z 0-9 . _ -`"),
    ),
    responses(
        documents::Writing,
        (status = 201, body = documents::SentShape, description = "Done"),
        (status = 200, body = documents::SentShape, description = "A repeat: it was said before"),
    )
)]
pub(super) async fn post(
    State(app): State<Arc<App>>,
    Path(room): Path<String>,
    caller: Caller,
    headers: HeaderMap,
    JsonBody(new): JsonBody<NewMessage>,
) -> Result<Response, Failure> {
    let user = caller.user()?;
    let request_id = request_id_of(&headers)?;
    let saying = saying(&app, user, &room, request_id, &new)?;
    app.rates.send(user)?;
    Ok(say(&app.node, &saying).await?.map(Body::from))
}

/// Something that a user says, perhaps under a request id of theirs.
#[derive(Debug)]
pub(crate) struct Saying {
    pub(crate) user: UserId,
    pub(crate) room: RoomRef,
    pub(crate) request: Option<Request>,
    pub(crate) text: MessageText,
}

/// Understands a request to send a message: with the id in its path, or without.
///
/// Errors: it is malformed, or the room does not exist for the caller.
pub(crate) fn ask_say(
    app: &App,
    caller: Caller,
    room: &str,
    request_id: Option<&str>,
    body: &[u8],
    fields: &impl Fields,
) -> Result<Saying, Failure> {
    let user = caller.user()?;
    let request_id = match request_id {
        Some(request_id) => Some(RequestId::parse(request_id)?),
        None => request_id_of(fields)?,
    };
    saying(app, user, room, request_id, &json::parse(body)?)
}

fn saying(
    app: &App,
    user: UserId,
    room: &str,
    request_id: Option<RequestId>,
    new: &NewMessage,
) -> Result<Saying, Failure> {
    let text = MessageText::parse(&new.text)?;
    let room = room_at(&app.node, room, Some(user))?;
    // White space around it was never part of a text.
    let sent = ("send_message", room.id, new.text.trim());
    let request = request_id.map(|id| Request::new(id, &sent));
    Ok(Saying { user, room, request, text })
}

impl Saying {
    /// Returns what it asks of the node.
    pub(crate) fn command(&self) -> Command {
        let text = self.text.clone();
        Command::SendMessage { room: self.room.id, text, sender_time: None }
    }
}

/// Says it, and returns the answer. Who speaks in an open room joins it.
pub(crate) async fn say(node: &Node, saying: &Saying) -> Result<Whole, Failure> {
    let Saying { user, room, request, text } = saying;
    Ok(said(&say::say(node, *user, request.clone(), room, text.clone(), None).await?))
}

/// Returns the answer to who said something.
pub(crate) fn said(receipt: &Receipt) -> Whole {
    let message =
        receipt.news.as_ref().and_then(|news| news.message()).expect("what was said is a message");
    let body = serde_json::to_string(&Said { message }).expect("answers have no failing parts");
    let mut whole = json::whole(json::APPLICATION_JSON, body);
    if !receipt.is_repeat {
        *whole.status_mut() = StatusCode::CREATED;
    }
    whole
}

#[derive(Serialize)]
struct Said<'a> {
    message: &'a Message,
}

/// Reads what was said before
#[utoipa::path(
    get, path = "/rooms/{room}/messages", tag = "messages",
    params(
        ("room" = String, Path, description = "The room's slug, percent-encoded"),
        ("before" = Option<u64>, Query, description = "Only what was said before the message with this id"),
        ("limit" = Option<u32>, Query, minimum = 1, maximum = 200, description = "Most messages in the answer; 50 without"),
    ),
    responses(
        documents::Reading,
        (status = 200, body = documents::HistoryShape, description = "What was asked for"),
    )
)]
pub(super) async fn history(
    State(app): State<Arc<App>>,
    Path(room): Path<String>,
    RawQuery(raw): RawQuery,
    caller: Caller,
) -> Result<Response, Failure> {
    let query = Query::new(raw.as_deref());
    let before = query.number("before", 0, Position::MAX.get())?;
    let limit = query.number("limit", 1, HISTORY_PAGE_MAX as u64)?;
    let reader = caller.reader(&app)?;
    let earlier = app.node.query(Earlier {
        room: room_at(&app.node, &room, reader)?,
        reader,
        before: before.map(|id| MessageId::new(Position::new(id))),
        limit: limit.map_or(HISTORY_PAGE_DEFAULT, |limit| limit as usize),
    });
    let history = earlier.await?;
    let messages: Vec<_> = history.messages.iter().filter_map(|news| news.message()).collect();
    Ok(json::answer(StatusCode::OK, &json!({ "messages": messages, "more": history.more })))
}
