//! JSON in and out, with errors that say what to do.
//!
//! A body is parsed whatever content type it has: people have curl. At most
//! 64 KiB are read, and not for ever.

use std::time::Duration;

use axum::{
    body::{Body as Incoming, Bytes, to_bytes},
    extract::{FromRequest, Request},
    http::StatusCode,
    response::Response,
};
use http_body_util::LengthLimitError;
use serde::{Serialize, de::DeserializeOwned};
use tokio::time::timeout;

use crate::{
    failure::Failure,
    fields::Fields,
    response::{APPLICATION_JSON, whole},
};

/// Bytes in a body, at most.
const BODY_MAX: usize = 64 << 10;
/// How long a body may take to arrive: twice as long as a head. 64 KiB need less on
/// the slowest line, and a body without end must not keep a connection.
const BODY_TIMEOUT: Duration = Duration::from_secs(10);

/// A parsed body. An empty one counts as `{}`.
pub struct JsonBody<T>(pub T);

/// A whole body, as it came. Errors: those of [`JsonBody`] before it is parsed.
pub struct Body(pub Bytes);

impl<S: Sync> FromRequest<S> for Body {
    type Rejection = Failure;

    async fn from_request(request: Request, _: &S) -> Result<Self, Failure> {
        read(request).await.map(Body)
    }
}

impl<S: Sync, T: DeserializeOwned> FromRequest<S> for JsonBody<T> {
    type Rejection = Failure;

    async fn from_request(request: Request, _: &S) -> Result<Self, Failure> {
        parse(&read(request).await?).map(JsonBody)
    }
}

/// Parses a body, with or without a byte order mark before it. An empty one counts as
/// `{}`. Errors: 400 for a body that is not JSON, or not of this shape.
pub fn parse<T: DeserializeOwned>(body: &[u8]) -> Result<T, Failure> {
    const BYTE_ORDER_MARK: &[u8] = "\u{feff}".as_bytes();
    let text = body.strip_prefix(BYTE_ORDER_MARK).unwrap_or(body).trim_ascii_start();
    // serde would accept a list of values as the fields of an object, in their order.
    if text.first() == Some(&b'[') {
        return Err(malformed("an array is no object"));
    }
    let text = if text.is_empty() { b"{}" } else { text };
    serde_json::from_slice(text).map_err(malformed)
}

fn malformed(error: impl std::fmt::Display) -> Failure {
    let detail = format!("the body is not the JSON that belongs here: {error}");
    Failure::new(StatusCode::BAD_REQUEST, "malformed_json", detail)
}

/// Reads a whole body. Errors: 415 for one that is encoded; 413 above [`BODY_MAX`];
/// 408 after [`BODY_TIMEOUT`]; 400 when it breaks off.
pub(crate) async fn read(request: Request) -> Result<Bytes, Failure> {
    if is_encoded(request.headers()) {
        return Err(encoded_body());
    }
    let body = request.into_body();
    let Ok(read) = timeout(BODY_TIMEOUT, to_bytes(body, BODY_MAX)).await else {
        let detail = "the body did not come whole in time; send it at once";
        return Err(Failure::new(StatusCode::REQUEST_TIMEOUT, "body_timeout", detail));
    };
    read.map_err(|error| {
        let is_too_large =
            std::error::Error::source(&error).is_some_and(|source| source.is::<LengthLimitError>());
        match is_too_large {
            true => Failure::too_large("a body has at most 64 KiB"),
            false => Failure::malformed("the body broke off; send all of it"),
        }
    })
}

/// 415: the body is encoded.
pub(crate) fn encoded_body() -> Failure {
    let detail = "this server does not decode bodies; send it as it is, without Content-Encoding";
    Failure::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "encoded_body", detail)
}

/// Tells whether a body is compressed, or encoded otherwise.
pub(crate) fn is_encoded(fields: &impl Fields) -> bool {
    fields.values("content-encoding").any(|coding| !coding.eq_ignore_ascii_case(b"identity"))
}

/// Answers with JSON that must not be cached.
pub fn answer(status: StatusCode, value: &impl Serialize) -> Response {
    let body = serde_json::to_string(value).expect("answers have no failing parts");
    encoded(status, body)
}

/// Answers with JSON that is encoded already.
pub fn encoded(status: StatusCode, body: String) -> Response {
    let mut response = whole(APPLICATION_JSON, body).map(Incoming::from);
    *response.status_mut() = status;
    response
}
