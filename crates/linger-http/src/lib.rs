//! The edges: each protocol translated to the node's `submit`, `wait`, `query`.
//!
//! [`router`] is the whole URL map on one page. Every protocol dialect has a
//! file of its own under `edges`; no two of them know each other. This crate
//! knows protocols; its manifest lists no SQL and no log, so it cannot reach them.

mod app;
mod caller;
mod edges;
mod failure;
mod friendly_names;
mod health;
mod json;
mod rates;
mod server;

use std::sync::Arc;

use axum::{Router, middleware, routing::get};

pub use app::{App, Settings};
pub use edges::native::openapi;
pub use server::{Server, ServerSettings};

/// Returns the whole URL map.
pub fn router(app: Arc<App>) -> Router {
    let held_until_ready = Router::new()
        .nest("/api/v1", edges::native::routes())
        .merge(edges::updates::routes())
        .merge(edges::names::routes())
        .layer(middleware::from_fn_with_state(app.clone(), health::only_when_ready));
    Router::new()
        .merge(held_until_ready)
        .route("/health", get(health::health))
        .route("/ready", get(health::ready))
        .route("/metrics", get(health::metrics))
        .with_state(app)
        .merge(edges::page::routes())
}
