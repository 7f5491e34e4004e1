//! Rooms: list, open, show, join, leave.

use std::sync::Arc;

use axum::{
    extract::State,
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
};
use linger_core::{Author, Command, Position, Rejection, RoomKind, RoomName, Slug, Topic, UserId};
use linger_node::{
    Asker,
    questions::{RoomNow, Rooms},
};
use linger_serve::{Address, App, Caller, Failure, JsonBody, answer};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Deserialize;
use serde_json::json;
use utoipa::ToSchema;

use super::{documents, path::Path, request_of};
use crate::addressed::room_at;

/// What is unreserved in a path stands as it is (RFC 3986, section 2.3).
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// Lists the rooms that I may enter
#[utoipa::path(
    get, path = "/rooms", tag = "rooms",
    responses(
        documents::Reading,
        (status = 200, body = documents::RoomsShape, description = "What was asked for"),
    )
)]
pub(super) async fn list(
    State(app): State<Arc<App>>,
    caller: Caller,
    address: Address,
) -> Result<Response, Failure> {
    let reader = caller.reader(&app)?;
    let rooms = app.node.query(address.asker(reader), Rooms(reader)).await?;
    Ok(answer(StatusCode::OK, &json!({ "rooms": rooms })))
}

#[derive(Deserialize, ToSchema)]
pub(super) struct NewRoom {
    /// Its name in URLs: lower-case letters of any script with their marks, digits and `-`.
    #[schema(min_length = 1, max_length = 64, example = "tea")]
    slug: String,
    /// Its name for people; the slug without one.
    #[schema(required = false, min_length = 1, max_length = 80)]
    name: Option<String>,
    /// What it is about.
    #[schema(required = false, max_length = 250)]
    topic: Option<String>,
    /// `open` without one.
    #[serde(default = "open_kind")]
    #[schema(required = false, value_type = documents::KindShape)]
    kind: RoomKind,
}

fn open_kind() -> RoomKind {
    RoomKind::Open
}

/// Opens a room
///
/// I am its first member. The header `Idempotency-Key` makes repeats safe.
#[utoipa::path(
    post, path = "/rooms", tag = "rooms", request_body = NewRoom,
    params(("Idempotency-Key" = Option<String>, Header, description = "1 to 64 of `A-Z a-z 0-9 . _ -`")),
    responses(
        documents::Writing,
        (status = 201, body = documents::RoomShape, description = "Done"),
        (status = 200, body = documents::RoomShape, description = "A repeat: it was opened before"),
    )
)]
pub(super) async fn open(
    State(app): State<Arc<App>>,
    caller: Caller,
    headers: HeaderMap,
    JsonBody(new): JsonBody<NewRoom>,
) -> Result<Response, Failure> {
    let user = caller.user()?;
    let slug = Slug::parse(&new.slug)?;
    let name = RoomName::parse(new.name.as_deref().unwrap_or(slug.as_str()))?;
    let topic = Topic::parse(new.topic.as_deref().unwrap_or_default())?;
    let [name_sent, topic_sent] =
        [&new.name, &new.topic].map(|sent| sent.as_deref().map(str::trim));
    let sent = ("open_room", &new.slug, name_sent, topic_sent, new.kind);
    let request = request_of(&headers, &sent)?;
    app.rates.send(user)?;
    let command = Command::OpenRoom { slug: slug.clone(), name, topic, kind: new.kind };
    let receipt = app.node.submit(Author::User(user), request, command).await?;
    let status = if receipt.is_repeat { StatusCode::OK } else { StatusCode::CREATED };
    let shown = room_now(&app, slug.as_str(), (Some(user), Asker::Person(user)), status).await?;
    let location = format!("/api/v1/rooms/{}", utf8_percent_encode(slug.as_str(), RESERVED));
    Ok(([(header::LOCATION, location)], shown).into_response())
}

/// Shows a room
#[utoipa::path(
    get, path = "/rooms/{room}", tag = "rooms",
    params(("room" = String, Path, description = "The room's slug, percent-encoded")),
    responses(
        documents::Reading,
        (status = 200, body = documents::RoomShape, description = "What was asked for"),
    )
)]
pub(super) async fn show(
    State(app): State<Arc<App>>,
    Path(room): Path<String>,
    caller: Caller,
    address: Address,
) -> Result<Response, Failure> {
    let reader = caller.reader(&app)?;
    room_now(&app, &room, (reader, address.asker(reader)), StatusCode::OK).await
}

/// Joins an open room
#[utoipa::path(
    put, path = "/rooms/{room}/members/me", tag = "rooms",
    params(("room" = String, Path, description = "The room's slug, percent-encoded")),
    responses(
        documents::Writing,
        (status = 204, description = "I am a member"),
    )
)]
pub(super) async fn join(
    State(app): State<Arc<App>>,
    Path(room): Path<String>,
    caller: Caller,
) -> Result<StatusCode, Failure> {
    change_members(&app, &room, caller, |room| Command::JoinRoom { room }).await
}

/// Leaves a room
#[utoipa::path(
    delete, path = "/rooms/{room}/members/me", tag = "rooms",
    params(("room" = String, Path, description = "The room's slug, percent-encoded")),
    responses(
        documents::Writing,
        (status = 204, description = "I am no member"),
    )
)]
pub(super) async fn leave(
    State(app): State<Arc<App>>,
    Path(room): Path<String>,
    caller: Caller,
) -> Result<StatusCode, Failure> {
    change_members(&app, &room, caller, |room| Command::LeaveRoom { room }).await
}

/// Adds somebody to a room that I am in
#[utoipa::path(
    put, path = "/rooms/{room}/members/{user}", tag = "rooms",
    params(
        ("room" = String, Path, description = "The room's slug, percent-encoded"),
        ("user" = u64, Path, description = "The user's id"),
    ),
    responses(
        documents::Writing,
        (status = 204, description = "They are a member"),
    )
)]
pub(super) async fn add_member(
    State(app): State<Arc<App>>,
    Path((room, user)): Path<(String, String)>,
    caller: Caller,
) -> Result<StatusCode, Failure> {
    let number = user.parse().ok().filter(|number| *number <= Position::MAX.get());
    let number = number.ok_or_else(|| Failure::malformed("a user's id is a number, or 'me'"))?;
    let user = UserId::new(Position::new(number));
    change_members(&app, &room, caller, |room| Command::AddMember { room, user }).await
}

async fn change_members(
    app: &App,
    room: &str,
    caller: Caller,
    command: impl FnOnce(linger_core::RoomId) -> Command,
) -> Result<StatusCode, Failure> {
    let user = caller.user()?;
    let room = room_at(&app.node, room, Some(user))?;
    app.rates.send(user)?;
    app.node.submit(Author::User(user), None, command(room.id)).await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn room_now(
    app: &App,
    slug: &str,
    (reader, asker): (Option<UserId>, Asker),
    status: StatusCode,
) -> Result<Response, Failure> {
    let room = room_at(&app.node, slug, reader)?;
    let room = app.node.query(asker, RoomNow { room, reader }).await?;
    Ok(answer(status, &room.ok_or(Rejection::RoomNotFound)?))
}
