//! The native API, version 1: everything the page does, for everybody.
//!
//! The contract is `openapi()`, made from the handlers. Each family of calls has
//! a file of its own; all of them parse, ask the node, and render.

mod changes;
mod documents;
mod events;
mod files;
mod history;
mod messages;
mod path;
mod people;
mod rooms;
mod stream;
mod transfers;
mod uploads;

use std::sync::Arc;

use axum::{
    Router,
    http::StatusCode,
    response::{IntoResponse, Response},
    routing::get,
};
use linger_core::{Position, Request as Named, RequestId, Slug, UserId};
use linger_serve::{App, Failure, Fields, Handler, Method, Problem, Routes, encoded};
use serde::Serialize;
use utoipa::{
    Modify, OpenApi, Path as Described,
    openapi::{
        HttpMethod,
        security::{Http, HttpAuthScheme, SecurityScheme},
    },
};
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{accept, idempotency::request_id_of, query};

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
    paths(events::of_room, events::mine, messages::put, messages::post),
    components(schemas(Problem, Position, RequestId, Slug, UserId)),
    security(("token" = [])),
    modifiers(&Token)
)]
struct Document;

/// Adds the ways in which callers identify themselves; each call says if it takes visitors.
struct Token;

impl Modify for Token {
    fn modify(&self, document: &mut utoipa::openapi::OpenApi) {
        let scheme = SecurityScheme::Http(Http::new(HttpAuthScheme::Bearer));
        let components = document.components.get_or_insert_default();
        components.add_security_scheme("token", scheme);
    }
}

/// Returns the routes below `/api/v1`.
pub(crate) fn routes(app: &Arc<App>) -> Routes {
    let (calls, document) = described();
    let patterns: Vec<String> = document.paths.paths.keys().cloned().collect();
    let document: Arc<str> = to_json(&document).into();
    let document = get(async move || encoded(StatusCode::OK, document.to_string()));
    let routes = Routes::new()
        .router(calls.with_state(app.clone()), patterns.into_iter())
        .at_once("/openapi.json", document);
    let routes = held::<events::__path_of_room>(routes, events::of_room);
    let routes = held::<events::__path_mine>(routes, events::mine);
    let routes = held::<messages::__path_put>(routes, messages::put);
    let routes = held::<messages::__path_post>(routes, messages::post);
    let in_own_words =
        |router: Router| router.fallback(no_such_call).method_not_allowed_fallback(no_such_method);
    let routes = routes.on_hyper(in_own_words).when_ready(app).for_named_origins(app);
    Routes::new().nest("/api/v1", routes)
}

/// Adds a call that may be held, under its address in the document.
fn held<D: Described>(routes: Routes, handler: impl Handler) -> Routes {
    let method = match D::methods()[..] {
        [HttpMethod::Get] => Method::Get,
        [HttpMethod::Post] => Method::Post,
        [HttpMethod::Put] => Method::Put,
        _ => panic!("{} is a call by one method that the park knows", D::path()),
    };
    routes.held(method, &D::path(), handler)
}

/// Returns the OpenAPI 3.1 document of the native API, as JSON.
pub fn openapi() -> String {
    to_json(&described().1)
}

/// Returns the calls that are never held, and the document of all calls.
fn described() -> (Router<Arc<App>>, utoipa::openapi::OpenApi) {
    OpenApiRouter::with_openapi(Document::openapi())
        .routes(routes!(people::create_guest))
        .routes(routes!(people::me, people::rename_me))
        .routes(routes!(rooms::list, rooms::open))
        .routes(routes!(rooms::show, rooms::change))
        .routes(routes!(rooms::members))
        .routes(routes!(rooms::join, rooms::leave))
        .routes(routes!(rooms::add_member))
        .routes(routes!(history::history))
        .routes(routes!(files::add))
        .routes(routes!(files::show))
        .routes(routes!(files::thumbnail))
        .routes(routes!(uploads::describe, uploads::begin))
        .routes(routes!(uploads::progress, uploads::go_on, uploads::show, uploads::end))
        .routes(routes!(changes::show, changes::edit, changes::delete))
        .routes(routes!(changes::versions))
        .routes(routes!(changes::add_reaction, changes::remove_reaction))
        .routes(routes!(changes::pin, changes::unpin))
        .routes(routes!(changes::pins))
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

/// Returns the body `sent` as a request under the name in the header `Idempotency-Key`;
/// none without that header.
fn request_of(fields: &impl Fields, sent: &impl Serialize) -> Result<Option<Named>, Failure> {
    let id = request_id_of(fields)?;
    Ok(id.map(|id| Named::new(id, sent)))
}
