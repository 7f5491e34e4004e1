//! Rooms: list, open, show, join, leave; and their members.

use std::sync::Arc;

use axum::{
    extract::{RawQuery, State},
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
};
use linger_core::{
    Author, Command, Position, Rejection, Request, RequestId, RoomKind, RoomName, Slug, Topic,
    UserId,
    queries::{MembersPage, Room, RoomsPage},
};
use linger_node::{
    Asker,
    limits::{LIST_PAGE_DEFAULT, LIST_PAGE_MAX},
    questions::{Members, RoomNow, Rooms},
};
use linger_serve::{Address, App, Caller, Change, Failure, JsonBody, answer};
use serde::Deserialize;
use utoipa::ToSchema;

use super::{documents, path::Path, query::Query, request_of};
use crate::addressed::{in_path, room_at};

/// Lists the rooms that I may enter
///
/// In the order in which they were opened. If `more` is true, ask again with the last
/// slug as `after`.
#[utoipa::path(
    get, path = "/rooms", tag = "rooms", security((), ("token" = [])),
    params(
        ("after" = Option<Slug>, Query, description = "Only rooms that were opened after the one with this slug"),
        ("limit" = Option<u32>, Query, minimum = 1, maximum = 500, description = "Most rooms in the answer; 100 without"),
    ),
    responses(
        documents::Reading,
        (status = 200, body = RoomsPage, description = "A page of rooms"),
    )
)]
pub(super) async fn list(
    State(app): State<Arc<App>>,
    RawQuery(raw): RawQuery,
    caller: Caller,
    address: Address,
) -> Result<Response, Failure> {
    let query = Query::new(raw.as_deref());
    let limit = query.limit(LIST_PAGE_DEFAULT, LIST_PAGE_MAX)?;
    let reader = caller.reader(&app)?;
    let after = query.text("after").map(|slug| room_at(&app.node, &slug, reader)).transpose()?;
    let after = after.map(|room| room.id);
    let rooms = app.node.query(address.asker(reader), Rooms { reader, after, limit }).await?;
    Ok(answer(StatusCode::OK, &rooms))
}

#[derive(Deserialize, ToSchema)]
pub(super) struct NewRoom {
    /// Its name in URLs: lower-case letters of any script with their marks, digits and `-`.
    #[schema(value_type = Slug)]
    slug: String,
    /// Its name for people; the slug without one.
    #[schema(required = false, value_type = Option<RoomName>)]
    name: Option<String>,
    /// The topic of the room.
    #[schema(required = false, value_type = Option<Topic>)]
    topic: Option<String>,
    /// Open or closed; `open` without one.
    #[serde(default = "open_kind")]
    #[schema(required = false)]
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
    params(("Idempotency-Key" = Option<RequestId>, Header, description = "Makes repeats safe; may stand in quotes")),
    responses(
        documents::Writing,
        (status = 201, body = Room, description = "Done", headers(
            ("Location" = String, description = "The address of the room"),
        )),
        (status = 200, body = Room, description = "A repeat: it was opened before", headers(
            ("Location" = String, description = "The address of the room"),
        )),
    )
)]
pub(super) async fn open(
    State(app): State<Arc<App>>,
    Address(address): Address,
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
    app.rates.count(Change::Room, user, address)?;
    let command = Command::OpenRoom { slug: slug.clone(), name, topic, kind: new.kind };
    let receipt = app.node.submit(Author::User(user), request, command).await?;
    let status = if receipt.is_repeat { StatusCode::OK } else { StatusCode::CREATED };
    let shown = room_now(&app, slug.as_str(), (Some(user), Asker::Person(user)), status).await?;
    let location = format!("/api/v1/rooms/{}", in_path(&slug));
    Ok(([(header::LOCATION, location)], shown).into_response())
}

/// Shows a room
#[utoipa::path(
    get, path = "/rooms/{room}", tag = "rooms", security((), ("token" = [])),
    params(("room" = Slug, Path, description = "The room's slug, percent-encoded")),
    responses(
        documents::Reading,
        (status = 200, body = Room, description = "The room"),
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

#[derive(Deserialize, ToSchema)]
pub(super) struct RoomChange {
    /// Another name for people.
    #[schema(required = false, value_type = Option<RoomName>)]
    name: Option<String>,
    /// Another topic.
    #[schema(required = false, value_type = Option<Topic>)]
    topic: Option<String>,
}

/// Gives a room that I opened another name or topic
///
/// A field that is left out stays as it is.
#[utoipa::path(
    patch, path = "/rooms/{room}", tag = "rooms", request_body = RoomChange,
    params(
        ("room" = Slug, Path, description = "The room's slug, percent-encoded"),
        documents::IdempotencyKey,
    ),
    responses(
        documents::Writing,
        (status = 200, body = Room, description = "The room as it is now"),
    )
)]
pub(super) async fn change(
    State(app): State<Arc<App>>,
    Path(room): Path<String>,
    Address(address): Address,
    caller: Caller,
    headers: HeaderMap,
    JsonBody(new): JsonBody<RoomChange>,
) -> Result<Response, Failure> {
    let user = caller.user()?;
    let name = new.name.as_deref().map(RoomName::parse).transpose()?;
    let topic = new.topic.as_deref().map(Topic::parse).transpose()?;
    let found = room_at(&app.node, &room, Some(user))?;
    let [name_sent, topic_sent] =
        [&new.name, &new.topic].map(|sent| sent.as_deref().map(str::trim));
    let request = request_of(&headers, &("change_room", found.id, name_sent, topic_sent))?;
    app.rates.count(Change::Room, user, address)?;
    let command = Command::ChangeRoom { room: found.id, name, topic };
    app.node.submit(Author::User(user), request, command).await?;
    room_now(&app, &room, (Some(user), Asker::Person(user)), StatusCode::OK).await
}

/// Lists the members of a room
///
/// In the order of their ids. If `more` is true, ask again with the last id as `after`.
#[utoipa::path(
    get, path = "/rooms/{room}/members", tag = "rooms", security((), ("token" = [])),
    params(
        ("room" = Slug, Path, description = "The room's slug, percent-encoded"),
        ("after" = Option<Position>, Query, description = "Only members with a greater id than this"),
        ("limit" = Option<u32>, Query, minimum = 1, maximum = 500, description = "Most members in the answer; 100 without"),
    ),
    responses(
        documents::Reading,
        (status = 200, body = MembersPage, description = "A page of members"),
    )
)]
pub(super) async fn members(
    State(app): State<Arc<App>>,
    Path(room): Path<String>,
    RawQuery(raw): RawQuery,
    caller: Caller,
    address: Address,
) -> Result<Response, Failure> {
    let query = Query::new(raw.as_deref());
    let limit = query.limit(LIST_PAGE_DEFAULT, LIST_PAGE_MAX)?;
    let after = query.position("after")?.map(UserId::new);
    let reader = caller.reader(&app)?;
    let room = room_at(&app.node, &room, reader)?;
    let members = Members { room, reader, after, limit };
    let page = app.node.query(address.asker(reader), members).await?;
    Ok(answer(StatusCode::OK, &page.ok_or(Rejection::RoomNotFound)?))
}

/// Joins an open room, or comes back to a closed one
///
/// Only the person who left a closed room can bring themselves back, by this call.
#[utoipa::path(
    put, path = "/rooms/{room}/members/me", tag = "rooms",
    params(
        ("room" = Slug, Path, description = "The room's slug, percent-encoded"),
        documents::IdempotencyKey,
    ),
    responses(
        documents::Writing,
        (status = 204, description = "I am a member"),
    )
)]
pub(super) async fn join(
    State(app): State<Arc<App>>,
    Path(room): Path<String>,
    address: Address,
    caller: Caller,
    headers: HeaderMap,
) -> Result<StatusCode, Failure> {
    let user = caller.user()?;
    let room = room_at(&app.node, &room, Some(user))?.id;
    let request = request_of(&headers, &("join_room", room))?;
    change_members(&app, (user, address), request, Command::JoinRoom { room }).await
}

/// Leaves a room
#[utoipa::path(
    delete, path = "/rooms/{room}/members/me", tag = "rooms",
    params(
        ("room" = Slug, Path, description = "The room's slug, percent-encoded"),
        documents::IdempotencyKey,
    ),
    responses(
        documents::Writing,
        (status = 204, description = "I am no member"),
    )
)]
pub(super) async fn leave(
    State(app): State<Arc<App>>,
    Path(room): Path<String>,
    address: Address,
    caller: Caller,
    headers: HeaderMap,
) -> Result<StatusCode, Failure> {
    let user = caller.user()?;
    let room = room_at(&app.node, &room, Some(user))?.id;
    let request = request_of(&headers, &("leave_room", room))?;
    change_members(&app, (user, address), request, Command::LeaveRoom { room }).await
}

/// Adds somebody to a room that I am in
///
/// 409 `left_before`: they left this closed room, so only they themselves can come back.
#[utoipa::path(
    put, path = "/rooms/{room}/members/{user}", tag = "rooms",
    params(
        ("room" = Slug, Path, description = "The room's slug, percent-encoded"),
        ("user" = UserId, Path, description = "The user's id"),
        documents::IdempotencyKey,
    ),
    responses(
        documents::Writing,
        (status = 204, description = "They are a member"),
    )
)]
pub(super) async fn add_member(
    State(app): State<Arc<App>>,
    Path((room, user)): Path<(String, String)>,
    address: Address,
    caller: Caller,
    headers: HeaderMap,
) -> Result<StatusCode, Failure> {
    let number = user.parse().ok().filter(|number| *number <= Position::MAX.get());
    let number = number.ok_or_else(|| Failure::malformed("a user's id is a number, or 'me'"))?;
    let (member, user) = (UserId::new(Position::new(number)), caller.user()?);
    let room = room_at(&app.node, &room, Some(user))?.id;
    let request = request_of(&headers, &("add_member", room, member))?;
    let command = Command::AddMember { room, user: member };
    change_members(&app, (user, address), request, command).await
}

async fn change_members(
    app: &App,
    (user, address): (UserId, Address),
    request: Option<Request>,
    command: Command,
) -> Result<StatusCode, Failure> {
    app.rates.count(Change::Membership, user, address.0)?;
    app.node.submit(Author::User(user), request, command).await?;
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
