//! For those who run the server: alive, ready, figures.

use std::sync::Arc;

use axum::{
    extract::{Request, State},
    http::{StatusCode, header},
    middleware::Next,
    response::{IntoResponse, Response},
};
use linger_node::{NotReady, Unavailable};
use prometheus_client::encoding::text::encode;
use serde_json::json;

use crate::{App, failure::Failure, json};

/// `GET /health`: the process is alive.
pub(crate) async fn health() -> Response {
    json::answer(StatusCode::OK, &json!({ "status": "ok" }))
}

/// `GET /ready`: the log can be written, and the projection follows it; else why not.
pub(crate) async fn ready(State(app): State<Arc<App>>) -> Response {
    match app.node.readiness().await {
        Ok(()) => json::answer(StatusCode::OK, &json!({ "status": "ready" })),
        Err(NotReady::NotOpen) => Failure::from(Unavailable::Starting).into_response(),
        Err(NotReady::Ill(reason)) => {
            let failure = Failure::from(Unavailable::Storage);
            Failure { detail: reason, ..failure }.into_response()
        }
    }
}

/// `GET /metrics`: figures as Prometheus text.
pub(crate) async fn metrics(State(app): State<Arc<App>>) -> Response {
    app.node.refresh_metrics();
    let mut text = String::new();
    let registry = app.registry.lock().expect("no holder of this lock panics");
    encode(&mut text, &registry).expect("a string takes all that is written to it");
    let content_type = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    ([(header::CONTENT_TYPE, content_type)], text).into_response()
}

/// Answers 503 until the node has applied its log: an unknown token would be
/// answered wrongly before.
pub(crate) async fn only_when_ready(
    State(app): State<Arc<App>>,
    request: Request,
    next: Next,
) -> Response {
    match app.node.is_open() {
        true => next.run(request).await,
        false => Failure::from(Unavailable::Starting).into_response(),
    }
}
