//! Messages: send one, once.

use axum::http::StatusCode;
use linger_core::{FileId, Message, MessageId, MessageText, RequestId, Slug};
use linger_node::Receipt;
use linger_serve::{
    APPLICATION_JSON, Decision, Failure, Request, Undecided, WholeResponse, parse, whole,
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{documents, request_id_of};
use crate::{
    addressed::room_at,
    say::{Answered, Answers, Saying, message_of},
    written::{Format, Writing},
};

#[derive(Deserialize, ToSchema)]
pub(super) struct NewMessage {
    /// The text: 1 to 4000 characters after trimming; it may be empty with files.
    #[schema(value_type = MessageText)]
    text: String,
    /// How the text is written; `plain` without one.
    #[serde(default)]
    #[schema(required = false)]
    format: Format,
    /// The message that this one answers, in the same room.
    #[schema(required = false)]
    reply_to: Option<MessageId>,
    /// Files that I added, at most 10.
    #[serde(default)]
    #[schema(required = false, max_items = 10)]
    files: Vec<FileId>,
}

/// Files of one message.
const FILES_MAX: usize = 10;

/// Sends a message under my own request id
///
/// Repeats with this id get the same answer for ever, and store nothing. Sending to
/// an open room joins it.
#[utoipa::path(
    put, path = "/rooms/{room}/messages/{request_id}", tag = "messages", request_body = NewMessage,
    params(
        ("room" = Slug, Path, description = "The room's slug, percent-encoded"),
        ("request_id" = RequestId, Path, description = "My name for this request"),
    ),
    responses(
        documents::Writing,
        (status = 201, body = Said, description = "Done"),
        (status = 200, body = Said, description = "A repeat: it was said before"),
    )
)]
pub(super) fn put(request: &Request<'_>) -> Result<Decision, Undecided> {
    let id = RequestId::parse(&request.parameter("request_id")?)?;
    say(request, Some(id))
}

/// Sends a message
///
/// The header `Idempotency-Key` serves as the request id.
#[utoipa::path(
    post, path = "/rooms/{room}/messages", tag = "messages", request_body = NewMessage,
    params(
        ("room" = Slug, Path, description = "The room's slug, percent-encoded"),
        ("Idempotency-Key" = Option<RequestId>, Header, description = "Makes repeats safe; may stand in quotes"),
    ),
    responses(
        documents::Writing,
        (status = 201, body = Said, description = "Done"),
        (status = 200, body = Said, description = "A repeat: it was said before"),
    )
)]
pub(super) fn post(request: &Request<'_>) -> Result<Decision, Undecided> {
    say(request, request_id_of(request.fields())?)
}

/// Understands a request to send a message, under this request id or none.
fn say(request: &Request<'_>, id: Option<RequestId>) -> Result<Decision, Undecided> {
    let user = request.caller()?.user()?;
    let new: NewMessage = parse(request.body())?;
    if new.files.len() > FILES_MAX {
        return Err(Failure::malformed("a message has up to 10 files; send fewer").into());
    }
    let NewMessage { text, format, reply_to, files } = new;
    let writing = Writing::read(text.clone(), format, !files.is_empty())?;
    let app = request.app();
    let room = room_at(&app.node, &request.parameter("room")?, Some(user))?;
    let named = id.map(|id| Saying::request(id, &room, (&text, format), (reply_to, &files)));
    let nothing_yet = Saying::plain(user, room, MessageText::empty());
    let saying = Saying { request: named, reply_to, files, ..nothing_yet };
    Answered { saying, address: request.address(), answers: AsJson }.decide(app, writing)
}

/// Answers a send with the message as JSON.
#[derive(Debug)]
struct AsJson;

impl Answers for AsJson {
    fn said(&self, receipt: &Receipt) -> WholeResponse {
        let body = serde_json::to_string(&Said { message: message_of(receipt) });
        let mut whole = whole(APPLICATION_JSON, body.expect("answers have no failing parts"));
        if !receipt.is_repeat {
            *whole.status_mut() = StatusCode::CREATED;
        }
        whole
    }

    fn are_for_named_origins(&self) -> bool {
        true
    }
}

/// A message that was sent.
#[derive(Serialize, ToSchema)]
struct Said<'a> {
    message: &'a Message,
}
