//! For those who run the server: alive, ready, figures.

use std::sync::Arc;

use axum::{
    extract::State,
    http::{StatusCode, header},
    response::{IntoResponse, Response},
    routing::get,
};
use linger_node::{NotReady, Unavailable};
use linger_serve::{App, Failure, Routes, answer};
use serde_json::json;

/// Returns these routes.
pub(crate) fn routes(app: &Arc<App>) -> Routes {
    Routes::new()
        .at_once("/health", get(health))
        .at_once("/ready", get(ready).with_state(app.clone()))
        .at_once("/metrics", get(metrics).with_state(app.clone()))
}

/// `GET /health`: the process is alive.
async fn health() -> Response {
    answer(StatusCode::OK, &json!({ "status": "ok" }))
}

/// `GET /ready`: the log can be written, and the projection follows it; else why not.
async fn ready(State(app): State<Arc<App>>) -> Response {
    match app.node.readiness().await {
        Ok(()) => answer(StatusCode::OK, &json!({ "status": "ready" })),
        Err(NotReady::NotOpen) => Failure::from(Unavailable::Starting).into_response(),
        Err(NotReady::Ill(reason)) => {
            let failure = Failure::from(Unavailable::Storage);
            Failure { detail: reason, ..failure }.into_response()
        }
    }
}

/// `GET /metrics`: figures as Prometheus text.
async fn metrics(State(app): State<Arc<App>>) -> Response {
    let content_type = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    ([(header::CONTENT_TYPE, content_type)], app.metrics()).into_response()
}
