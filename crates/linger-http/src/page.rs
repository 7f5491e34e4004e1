//! The page at `/`, and the answer for addresses that do not exist.
//!
//! The files are linger-web's; here they get the headers that keep a page safe:
//! no script but our own files, no frames, nothing from elsewhere.

use axum::{
    Router,
    http::{HeaderName, HeaderValue, StatusCode, header},
    middleware,
    response::{IntoResponse, Response},
};
use linger_serve::{Failure, Routes};

const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; \
    connect-src 'self'; font-src 'self'; manifest-src 'self'; base-uri 'none'; form-action 'self'; \
    frame-ancestors 'none'";

/// Returns the routes of the page, and the answer to everything else.
pub(crate) fn routes() -> Routes {
    let files = files().layer(middleware::map_response(protect)).fallback(nothing_here);
    Routes::new().on_hyper(|router| router.merge(files))
}

#[cfg(feature = "page")]
fn files() -> Router {
    linger_web::router()
}

#[cfg(not(feature = "page"))]
fn files() -> Router {
    const WITHOUT: &str =
        "Linger was built without its page. Use the API: GET /api/v1/openapi.json\n";
    Router::new().route("/", axum::routing::get(|| async { WITHOUT }))
}

async fn protect(mut response: Response) -> Response {
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY));
    headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("same-origin"));
    headers.insert(
        HeaderName::from_static("permissions-policy"),
        HeaderValue::from_static("camera=(), geolocation=(), microphone=()"),
    );
    response
}

async fn nothing_here() -> Response {
    let detail = "there is nothing here; the page is at / and the API at /api/v1/openapi.json";
    Failure::new(StatusCode::NOT_FOUND, "nothing_here", detail).into_response()
}

/// Answers to a method that an address does not take.
pub(crate) async fn no_such_method() -> Response {
    let detail = "this address takes other methods: see the header Allow";
    Failure::new(StatusCode::METHOD_NOT_ALLOWED, "no_such_method", detail).into_response()
}
