//! How these protocols answer: `{status, error, message}`, to pages of any origin.
//!
//! Source: the article's `jsonify` and its `after_request` hook. The hook runs on
//! every answer there, so it does here: errors, a wrong method and a server that
//! still starts are told in the dialect too.

use axum::{
    Router,
    extract::Request,
    http::{HeaderMap, HeaderValue, Method, StatusCode, header},
    middleware::{self, Next},
    response::{IntoResponse, Response},
};
use linger_serve::Failure;
use serde::Serialize;

/// The methods of all these routes.
const METHODS: HeaderValue = HeaderValue::from_static("POST, OPTIONS");
/// The headers that the article allows.
const HEADERS: HeaderValue =
    HeaderValue::from_static("Origin,Content-Type,Cookie,Accept,Token,authorization");

/// One answer. The fields stand in the article's order.
#[derive(Serialize)]
pub(super) struct Envelope<'a, M> {
    status: u8,
    error: &'a str,
    message: M,
}

impl<M> Envelope<'_, M> {
    /// It is done; here is the message.
    pub(super) fn done(message: M) -> Self {
        Envelope { status: 1, error: "", message }
    }
}

impl<'a> Envelope<'a, &'static str> {
    /// There is nothing to tell; `error` says why.
    pub(super) fn nothing(error: &'a str) -> Self {
        Envelope { status: 0, error, message: "" }
    }
}

/// Makes all answers of these routes speak this dialect, to any origin.
pub(super) fn in_dialect(routes: Router) -> Router {
    routes.method_not_allowed_fallback(no_such_method).layer(middleware::from_fn(speak))
}

/// Answers a request by another method.
async fn no_such_method() -> Failure {
    Failure::new(StatusCode::METHOD_NOT_ALLOWED, "no_such_method", "this address takes POST only")
}

async fn speak(request: Request, next: Next) -> Response {
    // A browser asks for permission first. It gets it also while the server starts:
    // otherwise the page could not read the 503 that follows.
    let mut response = match *request.method() {
        Method::OPTIONS => preflight(),
        _ => Failure::retell(next.run(request).await, "application/json", |failure| {
            let envelope = Envelope::nothing(&failure.detail);
            serde_json::to_string(&envelope).expect("answers have no failing parts")
        }),
    };
    let is_wrong_method = response.status() == StatusCode::METHOD_NOT_ALLOWED;
    let headers = response.headers_mut();
    open_to_all(headers);
    if is_wrong_method {
        headers.insert(header::ALLOW, METHODS);
    }
    response
}

/// Lets pages of any origin read the answer.
pub(super) fn open_to_all(headers: &mut HeaderMap) {
    headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
}

fn preflight() -> Response {
    let headers = [
        (header::ALLOW, METHODS),
        (header::ACCESS_CONTROL_ALLOW_METHODS, METHODS),
        (header::ACCESS_CONTROL_ALLOW_HEADERS, HEADERS),
    ];
    (StatusCode::NO_CONTENT, headers).into_response()
}
