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

use crate::page::no_such_method;

/// Returns the routes that tell how the server is.
pub(crate) fn routes(app: &Arc<App>) -> Routes {
    Routes::new()
        .at_once("/health", get(health))
        .at_once("/ready", get(ready).with_state(app.clone()))
}

/// Returns the route of its figures.
pub(crate) fn figures(app: &Arc<App>) -> Routes {
    Routes::new().at_once("/metrics", get(metrics).with_state(app.clone()))
}

/// Returns the routes of a listener that serves figures and nothing else.
pub fn only_figures(app: &Arc<App>) -> Routes {
    figures(app).on_hyper(|router| {
        router.fallback(nothing_else).method_not_allowed_fallback(no_such_method)
    })
}

async fn nothing_else() -> Failure {
    let detail = "this address serves GET /metrics and nothing else";
    Failure::new(StatusCode::NOT_FOUND, "nothing_here", detail)
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
        Err(NotReady::Joining(progress)) => {
            let failure = Failure::from(Unavailable::Starting);
            Failure { detail: progress, ..failure }.into_response()
        }
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
