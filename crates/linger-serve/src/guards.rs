//! Guards against pages of other sites: the layers around the routes on hyper, and the
//! rule for requests with the session cookie.
//!
//! A request that changes something by the cookie must come from our own page. The
//! header Sec-Fetch-Site tells that; without it, Origin is compared with Host. Source:
//! Fetch Metadata, section 2; for the pages that the operator named, [`Origins`].

use std::{sync::Arc, time::Duration};

use axum::{
    extract::{Request, State},
    http::{HeaderValue, Method, StatusCode, header},
    middleware::Next,
    response::{IntoResponse, Response},
};

use crate::{
    app::App,
    failure::Failure,
    fields::Fields,
    origins::{Origins, TOLD_WITH, is_ours},
};

/// Methods that pages of other origins may use.
const METHODS: HeaderValue = HeaderValue::from_static("GET, HEAD, POST, PUT, PATCH, DELETE");
/// Headers that they may send, beside those that every page may send.
const ASKED_WITH: HeaderValue = HeaderValue::from_static(
    "Authorization, Content-Type, Idempotency-Key, If-None-Match, If-Range, Last-Event-ID, Prefer, Range, \
     Tus-Resumable, Upload-Length, Upload-Metadata, Upload-Offset",
);
/// Seconds for which a browser may remember the permission: most keep it no longer.
const KEPT_SECONDS: HeaderValue = HeaderValue::from_static("7200");
/// Between two warnings about pages that are taken for another server's.
const WARN_EVERY: Duration = Duration::from_secs(60);

/// Refuses a request under a name that is not this server's.
pub(crate) async fn answer_to_our_names(
    State(app): State<Arc<App>>,
    request: Request,
    next: Next,
) -> Response {
    if app.settings.hosts.take(request.headers()) {
        return next.run(request).await;
    }
    let detail = "this server listens for its own machine only and does not know the name in the header Host; start it with --hosts NAME to let it answer to that name, or with --behind-proxy on behind a proxy";
    Failure::new(StatusCode::MISDIRECTED_REQUEST, "unknown_host", detail).into_response()
}

/// Answers a browser that asks whether a page may call, and lets the page read every
/// answer of these routes.
pub(crate) async fn let_named_origins_call(
    State(app): State<Arc<App>>,
    request: Request,
    next: Next,
) -> Response {
    let origins = &app.settings.origins;
    if *origins == Origins::None {
        return next.run(request).await;
    }
    let origin = request.headers().get(header::ORIGIN).filter(|_| origins.has(request.headers()));
    let origin = origin.cloned();
    let is_preflight = *request.method() == Method::OPTIONS
        && request.headers().contains_key(header::ACCESS_CONTROL_REQUEST_METHOD);
    let mut response = match is_preflight && origin.is_some() {
        true => {
            let headers = [
                (header::ACCESS_CONTROL_ALLOW_METHODS, METHODS),
                (header::ACCESS_CONTROL_ALLOW_HEADERS, ASKED_WITH),
                (header::ACCESS_CONTROL_MAX_AGE, KEPT_SECONDS),
            ];
            (StatusCode::NO_CONTENT, headers).into_response()
        }
        false => next.run(request).await,
    };
    let headers = response.headers_mut();
    origins.allow(headers);
    if origins.same_for_all().is_none() {
        headers.append(header::VARY, HeaderValue::from_static("Origin"));
        if let Some(origin) = origin {
            headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
            headers.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, TOLD_WITH);
        }
    }
    response
}

/// Refuses a request that sets or uses the cookie, unless it is from our own pages.
///
/// Errors: 403 for a request that a browser sends for a page of another origin.
/// A client that is no browser sends neither header, and passes.
pub fn refuse_other_origins(app: &App, fields: &impl Fields) -> Result<(), Failure> {
    let site = fields.has("sec-fetch-site").then(|| fields.text("sec-fetch-site"));
    let origin = fields.has("origin").then(|| fields.text("origin"));
    let detail = match (site, origin) {
        (Some(Some("same-origin" | "none")), _) | (None, None) => return Ok(()),
        (None, Some(Some(origin))) if is_ours(origin, fields.text("host")) => return Ok(()),
        (None, Some(Some(origin))) => not_our_address(app, origin, fields.text("host")),
        // A header that cannot be read proves nothing.
        (Some(_), _) | (None, Some(None)) => "a request with the session cookie must come from this server's own pages; send the token as 'Authorization: Bearer TOKEN' instead".to_owned(),
    };
    Err(Failure::new(StatusCode::FORBIDDEN, "other_origin", detail))
}

/// Says, to the reader and in the log, why a page is taken for another server's: the
/// server cannot tell such a page from its own behind a proxy that changes Host.
fn not_our_address(app: &App, origin: &str, host: Option<&str>) -> String {
    let host = host.unwrap_or("nothing");
    if app.origin_warning.may(WARN_EVERY) {
        tracing::warn!(
            %origin, %host,
            "a page was refused because its origin is not the address that this server is asked by; if it is this server's own page, let the proxy pass Host as the browser sends it, with the port (nginx: proxy_set_header Host $http_host)"
        );
    }
    format!(
        "the page is from {origin}, and this server was asked as {host}: another page's request does not get the session cookie. If this is the server's own page, its proxy changes the header Host: let it pass Host as the browser sends it, with the port (nginx: proxy_set_header Host $http_host). From another page, send the token as 'Authorization: Bearer TOKEN'"
    )
}
