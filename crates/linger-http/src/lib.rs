//! The edges: each protocol translated to the node's `submit`, `wait`, `query`.
//!
//! [`router`] is the whole URL map on one page. Every protocol dialect has a
//! file of its own under `edges`; no two of them know each other. This crate
//! knows protocols; its manifest lists no SQL and no log, so it cannot reach them.

mod app;
mod caller;
mod edges;
mod failure;
mod fields;
mod forwarded;
mod friendly_names;
mod health;
mod held;
mod hosts;
mod json;
mod origins;
mod rates;
mod seldom;
mod server;
mod session_cookie;

use std::sync::Arc;

use axum::{
    Router,
    http::{HeaderMap, HeaderValue, header},
    middleware,
    response::Response,
    routing::get,
};

pub use app::{App, Settings};
pub use edges::native::openapi;
pub use hosts::Hosts;
pub use origins::Origins;
pub use server::{Server, ServerSettings};

/// Returns the whole URL map.
pub fn router(app: Arc<App>) -> Router {
    let ready = middleware::from_fn_with_state(app.clone(), health::only_when_ready);
    let named = middleware::from_fn_with_state(app.clone(), origins::let_named_origins_call);
    let ours = middleware::from_fn_with_state(app.clone(), hosts::answer_to_our_names);
    let seeds = match app.settings.seed_protocols {
        // A dialect goes around the rest: its clients understand nothing else.
        true => Router::new()
            .merge(edges::updates::in_dialect(edges::updates::routes().layer(ready.clone())))
            .merge(edges::names::in_dialect(edges::names::routes().layer(ready.clone()))),
        false => Router::new(),
    };
    Router::new()
        .nest("/api/v1", edges::native::routes().layer(ready).layer(named))
        .merge(seeds)
        .route("/health", get(health::health))
        .route("/ready", get(health::ready))
        .route("/metrics", get(health::metrics))
        .with_state(app)
        .merge(edges::page::routes())
        .method_not_allowed_fallback(edges::page::no_such_method)
        .layer(ours)
        .layer(middleware::map_response(all_say_what_they_are))
}

async fn all_say_what_they_are(mut response: Response) -> Response {
    never_sniff(response.headers_mut());
    response
}

/// A browser takes an answer for what we say that it is, whatever it looks like.
fn never_sniff(headers: &mut HeaderMap) {
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
}
