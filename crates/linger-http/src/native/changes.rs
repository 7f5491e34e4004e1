//! One message by its id: show it, change it, take it back, answer to it with an emoji, pin
//! it.
//!
//! The rules are decided in the log's order, by apply. A text that the tables refuse already is
//! not appended: it would stand in the log for a while, for nothing.

use std::sync::Arc;

use axum::{
    extract::State,
    http::{HeaderMap, StatusCode},
    response::Response,
};
use linger_core::{
    Author, Command, Emoji, Message, MessageId, MessageText, Position, Rejection, Slug, UserId,
    queries::Version,
};
use linger_node::{
    Asker,
    questions::{MessageNow, Pins, Versions},
};
use linger_serve::{Address, App, Caller, Change, Failure, JsonBody, answer};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{documents, path::Path, request_of};
use crate::{
    addressed::room_at,
    written::{Format, Writing},
};

/// A message.
#[derive(Serialize, ToSchema)]
pub(super) struct One {
    message: Message,
}

/// The texts of a message.
#[derive(Serialize, ToSchema)]
pub(super) struct AllVersions {
    /// Oldest first; the last one is what the message says now. None of a deleted message.
    versions: Vec<Version>,
}

/// The pinned messages of a room.
#[derive(Serialize, ToSchema)]
pub(super) struct Pinned {
    /// The last pinned first.
    messages: Vec<Message>,
}

/// Another text for a message.
#[derive(Deserialize, ToSchema)]
pub(super) struct NewText {
    /// The text: 1 to 4000 characters after trimming; it may be empty if the message has files.
    #[schema(value_type = MessageText)]
    text: String,
    /// How the text is written; `plain` without one.
    #[serde(default)]
    #[schema(required = false)]
    format: Format,
}

/// Shows a message
///
/// As it is now; to somebody who left its closed room, as it was then.
#[utoipa::path(
    get, path = "/messages/{id}", tag = "messages", security((), ("token" = [])),
    params(("id" = MessageId, Path, description = "The message's id")),
    responses(documents::Reading, (status = 200, body = One, description = "The message"))
)]
pub(super) async fn show(
    State(app): State<Arc<App>>,
    Path(id): Path<String>,
    caller: Caller,
    address: Address,
) -> Result<Response, Failure> {
    let (reader, id) = (caller.reader(&app)?, message_id(&id)?);
    let message = now(&app, address.asker(reader), reader, id).await?;
    Ok(answer(StatusCode::OK, &One { message }))
}

/// Changes a message of mine
///
/// The same text again changes nothing. Earlier texts can be read: `/messages/{id}/versions`.
#[utoipa::path(
    patch, path = "/messages/{id}", tag = "messages", request_body = NewText,
    params(
        ("id" = MessageId, Path, description = "The message's id"),
        documents::IdempotencyKey,
    ),
    responses(documents::Writing, (status = 200, body = One, description = "The message as it is now"))
)]
pub(super) async fn edit(
    State(app): State<Arc<App>>,
    Path(id): Path<String>,
    address: Address,
    caller: Caller,
    headers: HeaderMap,
    JsonBody(new): JsonBody<NewText>,
) -> Result<Response, Failure> {
    let (user, id) = (caller.user()?, message_id(&id)?);
    let asker = Asker::Person(user);
    let writing = Writing::read(new.text.clone(), new.format, true)?;
    app.rates.count(Change::Message, user, address.0)?;
    let before = now(&app, asker, Some(user), id).await?;
    let room = room_at(&app.node, before.room.as_str(), Some(user))?;
    let (text, entities) = writing.naming(&app.node, asker, &room).await?;
    if before.files.is_empty() {
        // Only beside files a text may be empty.
        MessageText::parse(text.as_str())?;
    }
    let request = request_of(&headers, &("edit_message", id, new.text.trim(), new.format))?;
    // A repeat of an edit of a message that is deleted by now gets its first answer.
    if request.is_none() {
        may_change(&before, user)?;
    }
    let command = Command::EditMessage { message: id, text, entities };
    app.node.submit(Author::User(user), request, command).await?;
    let message = now(&app, asker, Some(user), id).await?;
    Ok(answer(StatusCode::OK, &One { message }))
}

/// Takes a message of mine back
///
/// Its text is erased from every file of the server within a minute, and nobody gets it any
/// more.
#[utoipa::path(
    delete, path = "/messages/{id}", tag = "messages",
    params(
        ("id" = MessageId, Path, description = "The message's id"),
        documents::IdempotencyKey,
    ),
    responses(documents::Writing, (status = 204, description = "It is deleted"))
)]
pub(super) async fn delete(
    State(app): State<Arc<App>>,
    Path(id): Path<String>,
    address: Address,
    caller: Caller,
    headers: HeaderMap,
) -> Result<StatusCode, Failure> {
    let message = message_id(&id)?;
    let command = Command::DeleteMessage { message };
    change(&app, (caller, address), &headers, ("delete_message", message, ""), command).await
}

/// Shows the texts that a message had
#[utoipa::path(
    get, path = "/messages/{id}/versions", tag = "messages", security((), ("token" = [])),
    params(("id" = MessageId, Path, description = "The message's id")),
    responses(documents::Reading, (status = 200, body = AllVersions, description = "Its texts"))
)]
pub(super) async fn versions(
    State(app): State<Arc<App>>,
    Path(id): Path<String>,
    caller: Caller,
    address: Address,
) -> Result<Response, Failure> {
    let (reader, id) = (caller.reader(&app)?, message_id(&id)?);
    let versions = app.node.query(address.asker(reader), Versions { reader, id }).await?;
    let versions = versions.ok_or(Rejection::MessageNotFound)?;
    Ok(answer(StatusCode::OK, &AllVersions { versions }))
}

/// Answers to a message with an emoji
#[utoipa::path(
    put, path = "/messages/{id}/reactions/{emoji}", tag = "messages",
    params(
        ("id" = MessageId, Path, description = "The message's id"),
        ("emoji" = Emoji, Path, description = "One emoji, percent-encoded"),
        documents::IdempotencyKey,
    ),
    responses(documents::Writing, (status = 204, description = "It is there"))
)]
pub(super) async fn add_reaction(
    State(app): State<Arc<App>>,
    Path((id, emoji)): Path<(String, String)>,
    address: Address,
    caller: Caller,
    headers: HeaderMap,
) -> Result<StatusCode, Failure> {
    let (message, emoji) = (message_id(&id)?, Emoji::parse(&emoji)?);
    let sent = ("add_reaction", message, emoji.to_string());
    let command = Command::AddReaction { message, emoji };
    change(&app, (caller, address), &headers, sent, command).await
}

/// Takes an answer by emoji back
#[utoipa::path(
    delete, path = "/messages/{id}/reactions/{emoji}", tag = "messages",
    params(
        ("id" = MessageId, Path, description = "The message's id"),
        ("emoji" = Emoji, Path, description = "One emoji, percent-encoded"),
        documents::IdempotencyKey,
    ),
    responses(documents::Writing, (status = 204, description = "It is not there"))
)]
pub(super) async fn remove_reaction(
    State(app): State<Arc<App>>,
    Path((id, emoji)): Path<(String, String)>,
    address: Address,
    caller: Caller,
    headers: HeaderMap,
) -> Result<StatusCode, Failure> {
    let (message, emoji) = (message_id(&id)?, Emoji::parse(&emoji)?);
    let sent = ("remove_reaction", message, emoji.to_string());
    let command = Command::RemoveReaction { message, emoji };
    change(&app, (caller, address), &headers, sent, command).await
}

/// Pins a message in its room
#[utoipa::path(
    put, path = "/messages/{id}/pin", tag = "messages",
    params(
        ("id" = MessageId, Path, description = "The message's id"),
        documents::IdempotencyKey,
    ),
    responses(documents::Writing, (status = 204, description = "It is pinned"))
)]
pub(super) async fn pin(
    State(app): State<Arc<App>>,
    Path(id): Path<String>,
    address: Address,
    caller: Caller,
    headers: HeaderMap,
) -> Result<StatusCode, Failure> {
    let message = message_id(&id)?;
    let command = Command::PinMessage { message };
    change(&app, (caller, address), &headers, ("pin_message", message, ""), command).await
}

/// Unpins a message
#[utoipa::path(
    delete, path = "/messages/{id}/pin", tag = "messages",
    params(
        ("id" = MessageId, Path, description = "The message's id"),
        documents::IdempotencyKey,
    ),
    responses(documents::Writing, (status = 204, description = "It is not pinned"))
)]
pub(super) async fn unpin(
    State(app): State<Arc<App>>,
    Path(id): Path<String>,
    address: Address,
    caller: Caller,
    headers: HeaderMap,
) -> Result<StatusCode, Failure> {
    let message = message_id(&id)?;
    let command = Command::UnpinMessage { message };
    change(&app, (caller, address), &headers, ("unpin_message", message, ""), command).await
}

/// Lists the pinned messages of a room
///
/// At most 100. Of a closed room, those that were sent while I was in it.
#[utoipa::path(
    get, path = "/rooms/{room}/pins", tag = "messages", security((), ("token" = [])),
    params(("room" = Slug, Path, description = "The room's slug, percent-encoded")),
    responses(documents::Reading, (status = 200, body = Pinned, description = "The messages"))
)]
pub(super) async fn pins(
    State(app): State<Arc<App>>,
    Path(room): Path<String>,
    caller: Caller,
    address: Address,
) -> Result<Response, Failure> {
    let reader = caller.reader(&app)?;
    let room = room_at(&app.node, &room, reader)?;
    let messages = app.node.query(address.asker(reader), Pins { room, reader }).await?;
    Ok(answer(StatusCode::OK, &Pinned { messages }))
}

/// Submits a change of a message, under the name that the author gave it.
async fn change(
    app: &App,
    (caller, address): (Caller, Address),
    headers: &HeaderMap,
    sent: (&str, MessageId, impl Serialize),
    command: Command,
) -> Result<StatusCode, Failure> {
    let user = caller.user()?;
    let request = request_of(headers, &sent)?;
    app.rates.count(Change::Message, user, address.0)?;
    app.node.submit(Author::User(user), request, command).await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn now(
    app: &App,
    asker: Asker,
    reader: Option<UserId>,
    id: MessageId,
) -> Result<Message, Failure> {
    let message = app.node.query(asker, MessageNow { reader, id }).await?;
    Ok(message.ok_or(Rejection::MessageNotFound)?)
}

fn may_change(message: &Message, user: UserId) -> Result<(), Rejection> {
    match message.by.id == user {
        false => Err(Rejection::NotTheAuthor),
        true if message.deleted => Err(Rejection::MessageDeleted),
        true => Ok(()),
    }
}

fn message_id(given: &str) -> Result<MessageId, Failure> {
    let number = given.parse().ok().filter(|number| *number <= Position::MAX.get());
    let number = number.ok_or_else(|| Failure::malformed("a message's id is a number"))?;
    Ok(MessageId::new(Position::new(number)))
}
