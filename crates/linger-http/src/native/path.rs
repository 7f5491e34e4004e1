//! Path parameters, decoded.
//!
//! axum's own extractor answers in plain text when a parameter is not UTF-8; this
//! one answers with a problem, like every other error of the native API.

use axum::{
    extract::{FromRequestParts, Path as Decoded},
    http::request::Parts,
};
use serde::de::DeserializeOwned;

use linger_serve::Failure;

/// The value of a parameter in the path. Errors: 400 when it is not UTF-8.
pub(super) struct Path<T>(pub(super) T);

impl<S: Send + Sync, T: DeserializeOwned + Send> FromRequestParts<S> for Path<T> {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Path<T>, Failure> {
        let decoded = Decoded::from_request_parts(parts, state).await;
        decoded
            .map(|Decoded(decoded)| Path(decoded))
            .map_err(|rejection| Failure::malformed(rejection.body_text()))
    }
}
