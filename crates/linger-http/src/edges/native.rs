//! The native API, version 1: everything the page does, for everybody.
//!
//! The contract is `openapi()`, made from the handlers. Each family of calls has
//! a file of its own; all of them parse, ask the node, and render.

mod accept;
mod documents;
mod events;
mod messages;
mod path;
mod people;
mod query;
mod rooms;

use std::sync::Arc;

use axum::{
    Router,
    http::StatusCode,
    response::{IntoResponse, Response},
    routing::get,
};
use linger_core::{Request, RequestId};
use serde::Serialize;
use utoipa::OpenApi;
use utoipa_axum::{router::OpenApiRouter, routes};

pub(crate) use events::{ask_mine, ask_room, tell};
pub(crate) use messages::{Saying, ask_say, said, say};

use crate::{
    App,
    failure::{Failure, Problem},
    fields::Fields,
    json,
};

#[derive(OpenApi)]
#[openapi(
    info(
        title = "Linger",
        version = "1",
        description = "Chat over plain HTTP: a request lingers until there is news.\n\n\
            Send `Authorization: Bearer TOKEN` or the session cookie. Errors are RFC 9457 \
            problem+json with a stable `code`."
    ),
    servers((url = "/api/v1")),
    components(schemas(Problem))
)]
struct Document;

/// Returns the routes below `/api/v1`.
pub(crate) fn routes() -> Router<Arc<App>> {
    let (router, document) = described();
    let document: Arc<str> = to_json(&document).into();
    router
        .route(
            "/openapi.json",
            get(async move || json::encoded(StatusCode::OK, document.to_string())),
        )
        .fallback(no_such_call)
        .method_not_allowed_fallback(no_such_method)
}

/// Returns the OpenAPI 3.1 document of the native API, as JSON.
pub fn openapi() -> String {
    to_json(&described().1)
}

fn described() -> (Router<Arc<App>>, utoipa::openapi::OpenApi) {
    OpenApiRouter::with_openapi(Document::openapi())
        .routes(routes!(people::create_guest))
        .routes(routes!(people::me, people::rename_me))
        .routes(routes!(rooms::list, rooms::open))
        .routes(routes!(rooms::show))
        .routes(routes!(rooms::join, rooms::leave))
        .routes(routes!(rooms::add_member))
        .routes(routes!(messages::history, messages::post))
        .routes(routes!(messages::put))
        .routes(routes!(events::of_room))
        .routes(routes!(events::mine))
        .split_for_parts()
}

fn to_json(document: &utoipa::openapi::OpenApi) -> String {
    document.to_pretty_json().expect("a document has no failing parts")
}

async fn no_such_call() -> Response {
    let detail = "there is no such call; GET /api/v1/openapi.json lists them all";
    Failure::new(StatusCode::NOT_FOUND, "no_such_call", detail).into_response()
}

async fn no_such_method() -> Response {
    let detail =
        "this address takes other methods: see the header Allow, or GET /api/v1/openapi.json";
    Failure::new(StatusCode::METHOD_NOT_ALLOWED, "no_such_method", detail).into_response()
}

/// Returns what was sent as a request of the name in the header `Idempotency-Key`;
/// none without that header.
fn request_of(fields: &impl Fields, sent: &impl Serialize) -> Result<Option<Request>, Failure> {
    let id = request_id_of(fields)?;
    Ok(id.map(|id| Request::new(id, sent)))
}

/// Returns the request id of the header `Idempotency-Key`, if it is there.
fn request_id_of(fields: &impl Fields) -> Result<Option<RequestId>, Failure> {
    if !fields.has("idempotency-key") {
        return Ok(None);
    }
    let key = fields.text("idempotency-key");
    let key = key.ok_or_else(|| Failure::malformed("Idempotency-Key is printable ASCII"))?;
    // The draft of the header has it as a quoted string; both forms are in use.
    Ok(Some(RequestId::parse(key.trim_matches('"'))?))
}
