//! Guests: one call and you have a name.

use std::sync::Arc;

use axum::{
    extract::State,
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
};
use linger_core::{
    Author, Command, UserName,
    queries::{Room, User},
};
use linger_node::{
    Asker,
    questions::{Start, WhoNow},
};
use linger_serve::{
    Address, App, Caller, Change, Failure, JsonBody, answer, refuse_other_origins, tokens_of,
};
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::ToSchema;

use super::documents;
use crate::guests::make_guest;

#[derive(Deserialize, ToSchema)]
pub(super) struct NewGuest {
    /// How to be called; without one, a friendly name at random.
    #[schema(required = false, min_length = 1, max_length = 40)]
    name: Option<String>,
    /// The language of that name, like `zh-CN`; without one, `Accept-Language`.
    #[schema(required = false)]
    locale: Option<String>,
}

/// Makes a guest
///
/// The answer has the token; our own page gets it as the session cookie too.
#[utoipa::path(
    post, path = "/guests", tag = "people", request_body = NewGuest,
    responses(
        documents::Writing,
        (status = 201, body = documents::NewGuestShape, description = "Done"),
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
    let user = json!({ "id": guest.id, "name": guest.name, "role": "guest" });
    let made = answer(StatusCode::CREATED, &json!({ "token": guest.token, "user": user }));
    // A page of another origin holds its token itself: the cookie is our own page's.
    if refuse_other_origins(&app, &headers).is_err() {
        return Ok(made);
    }
    let cookie = app.session_cookie.set(&guest.token, &headers);
    Ok(([(header::SET_COOKIE, cookie)], made).into_response())
}

#[derive(Serialize)]
struct Me<'a> {
    user: &'a User,
    rooms: &'a [Room],
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    more_rooms: bool,
    cursor: String,
}

/// Tells who I am, and all that a page needs to start
#[utoipa::path(
    get, path = "/me", tag = "people",
    responses(
        documents::Reading,
        (status = 200, body = documents::MeShape, description = "What was asked for"),
    )
)]
pub(super) async fn me(
    State(app): State<Arc<App>>,
    caller: Caller,
    headers: HeaderMap,
) -> Result<Response, Failure> {
    let user = caller.user()?;
    let started = app
        .node
        .query(Asker::Person(user), Start(user))
        .await?
        .ok_or_else(Failure::unknown_token)?;
    let mut response = answer(
        StatusCode::OK,
        &Me {
            user: &started.user,
            rooms: &started.rooms.rooms,
            more_rooms: started.rooms.more,
            cursor: started.cursor.to_string(),
        },
    );
    // A cookie lasts a year from here on, so somebody who comes stays who they are.
    let mut tokens = tokens_of(&app, &headers).filter(|token| token.is_cookie());
    if let Some(token) = tokens.find(|token| app.node.session(token.text) == Some(user)) {
        let cookie = app.session_cookie.set(token.text, &headers);
        response.headers_mut().insert(header::SET_COOKIE, cookie);
    }
    Ok(response)
}

#[derive(Deserialize, ToSchema)]
pub(super) struct NewName {
    /// How to be called from now on.
    #[schema(min_length = 1, max_length = 40)]
    name: String,
}

/// Gives me another name
///
/// What I said before keeps the name that I had.
#[utoipa::path(
    patch, path = "/me", tag = "people", request_body = NewName,
    responses(
        documents::Writing,
        (status = 200, body = documents::RenamedShape, description = "What was asked for"),
    )
)]
pub(super) async fn rename_me(
    State(app): State<Arc<App>>,
    Address(address): Address,
    caller: Caller,
    JsonBody(new): JsonBody<NewName>,
) -> Result<Response, Failure> {
    let id = caller.user()?;
    let name = UserName::parse(&new.name)?;
    app.rates.count(Change::Name, id, address)?;
    app.node.submit(Author::User(id), None, Command::RenameUser { name }).await?;
    let user =
        app.node.query(Asker::Person(id), WhoNow(id)).await?.ok_or_else(Failure::unknown_token)?;
    Ok(answer(StatusCode::OK, &json!({ "user": user })))
}
