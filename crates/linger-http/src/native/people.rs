//! Guests: one call and you have a name.

use std::sync::Arc;

use axum::{
    extract::State,
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
};
use linger_core::{
    Author, Command, Cursor, UserName,
    queries::{Room, RoomsPage, User},
};
use linger_node::{
    Asker,
    questions::{Start, WhoNow},
};
use linger_serve::{
    Address, App, Caller, Change, Failure, JsonBody, answer, refuse_other_origins, tokens_of,
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{documents, request_of};
use crate::guests::make_guest;

#[derive(Deserialize, ToSchema)]
pub(super) struct NewGuest {
    /// The name; without one, the guest gets a friendly name at random.
    #[schema(required = false, value_type = Option<UserName>)]
    name: Option<String>,
    /// The language of that name, like `zh-CN`; without one, `Accept-Language`.
    #[schema(required = false, example = "zh-CN")]
    locale: Option<String>,
}

/// A new guest, with the token that makes its holder this guest.
#[derive(Serialize, ToSchema)]
pub(super) struct Guest {
    /// Send it as `Authorization: Bearer TOKEN`. The cookie holds the same.
    #[schema(pattern = "^[0-9a-f]{64}$")]
    token: String,
    user: User,
}

/// Makes a guest
///
/// The answer has the token; our own page gets it as the session cookie too.
#[utoipa::path(
    post, path = "/guests", tag = "people", request_body = NewGuest, security(()),
    responses(
        documents::Writing,
        (status = 201, body = Guest, description = "Done", headers(
            ("Set-Cookie" = String, description = "The session cookie; for our own page only"),
        )),
    )
)]
pub(super) async fn create_guest(
    State(app): State<Arc<App>>,
    address: Address,
    headers: HeaderMap,
    JsonBody(new): JsonBody<NewGuest>,
) -> Result<Response, Failure> {
    let name = new.name.as_deref().map(UserName::parse).transpose()?;
    let guest = make_guest(&app, address, &headers, name, new.locale.as_deref()).await?;
    let made = answer(StatusCode::CREATED, &Guest { token: guest.token.clone(), user: guest.user });
    // A page of another origin keeps its token itself: the cookie is for our own page.
    if refuse_other_origins(&app, &headers).is_err() {
        return Ok(made);
    }
    let cookie = app.session_cookie.set(&guest.token, &headers);
    Ok(([(header::SET_COOKIE, cookie)], made).into_response())
}

/// My own user, as it is now.
#[derive(Serialize, ToSchema)]
pub(super) struct Me {
    user: User,
    /// The rooms that I am in, at most 500.
    rooms: Vec<Room>,
    /// Present if I am in more: I joined them before a person's rooms had a bound.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    more_rooms: bool,
    /// The events after this cursor bring the answer up to date.
    cursor: Cursor,
}

/// Shows my own user, and everything that a page needs to start
#[utoipa::path(
    get, path = "/me", tag = "people",
    responses(
        documents::Reading,
        (status = 200, body = Me, description = "My own user, rooms and cursor"),
    )
)]
pub(super) async fn me(
    State(app): State<Arc<App>>,
    caller: Caller,
    headers: HeaderMap,
) -> Result<Response, Failure> {
    let user = caller.user()?;
    let started = app.node.query(Asker::Person(user), Start(user)).await?;
    let started = started.ok_or_else(Failure::unknown_token)?;
    let RoomsPage { rooms, more: more_rooms } = started.rooms;
    let me = Me { user: started.user, rooms, more_rooms, cursor: started.cursor };
    let mut response = answer(StatusCode::OK, &me);
    // The cookie lasts a year from each start of a page, so a regular visitor stays the same user.
    let mut tokens = tokens_of(&app, &headers).filter(|token| token.is_cookie());
    if let Some(token) = tokens.find(|token| app.node.session(token.text) == Some(user)) {
        let cookie = app.session_cookie.set(token.text, &headers);
        response.headers_mut().insert(header::SET_COOKIE, cookie);
    }
    Ok(response)
}

#[derive(Deserialize, ToSchema)]
pub(super) struct NewName {
    /// The new name.
    #[schema(value_type = UserName)]
    name: String,
}

/// My own user, with the new name.
#[derive(Serialize, ToSchema)]
pub(super) struct Renamed {
    user: User,
}

/// Changes my name
///
/// Messages that I sent before keep the name that I had.
#[utoipa::path(
    patch, path = "/me", tag = "people", request_body = NewName,
    params(documents::IdempotencyKey),
    responses(
        documents::Writing,
        (status = 200, body = Renamed, description = "My own user, with the new name"),
    )
)]
pub(super) async fn rename_me(
    State(app): State<Arc<App>>,
    Address(address): Address,
    caller: Caller,
    headers: HeaderMap,
    JsonBody(new): JsonBody<NewName>,
) -> Result<Response, Failure> {
    let id = caller.user()?;
    let name = UserName::parse(&new.name)?;
    let request = request_of(&headers, &("rename_user", new.name.trim()))?;
    app.rates.count(Change::Name, id, address)?;
    app.node.submit(Author::User(id), request, Command::RenameUser { name }).await?;
    let user = app.node.query(Asker::Person(id), WhoNow(id)).await?;
    let user = user.ok_or_else(Failure::unknown_token)?;
    Ok(answer(StatusCode::OK, &Renamed { user }))
}
