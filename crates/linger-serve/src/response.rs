//! Whole responses: the body is there, so no task is needed to send them.

use axum::{
    body::Bytes,
    http::{HeaderMap, HeaderValue, Response, header},
};

/// The media type of JSON.
pub const APPLICATION_JSON: &str = "application/json";

/// A response with its whole body.
pub type WholeResponse = Response<Bytes>;

/// Returns a response of this media type that must not be cached.
pub fn whole(content_type: &'static str, body: String) -> WholeResponse {
    let mut whole = WholeResponse::new(Bytes::from(body));
    let headers = whole.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    whole
}

/// A browser must take a response for the type that we give, whatever it looks like.
pub(crate) fn never_sniff(headers: &mut HeaderMap) {
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
}
