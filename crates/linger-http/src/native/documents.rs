//! Parts that several calls of the OpenAPI document share: the failures, and the
//! parameters for events.
//!
//! The schemas of bodies derive from the types that are sent, here and in
//! linger-core.

use std::collections::BTreeMap;

use axum::http::StatusCode;
use linger_core::RequestId;
use utoipa::{
    IntoParams, IntoResponses, ToSchema,
    openapi::{
        ContentBuilder, HeaderBuilder, Ref, RefOr,
        response::{Response, ResponseBuilder},
        schema::{ObjectBuilder, Type},
    },
};

use linger_serve::Problem;

/// The failures of a call that only reads.
pub(super) struct Reading;

/// The failures of a call that changes something.
pub(super) struct Writing;

/// The failures of a call that takes the bytes of a file, beside those of [`Writing`].
pub(super) struct Sending;

/// The answers with bytes of a file.
pub(super) struct Bytes;

impl IntoResponses for Sending {
    fn responses() -> BTreeMap<String, RefOr<Response>> {
        problems(&[412, 415, 423, 507])
    }
}

impl IntoResponses for Bytes {
    fn responses() -> BTreeMap<String, RefOr<Response>> {
        let text =
            || HeaderBuilder::new().schema(Some(ObjectBuilder::new().schema_type(Type::String)));
        let bytes = |status: &str, description: &str| {
            let response = ResponseBuilder::new()
                .description(description)
                .content("*/*", ContentBuilder::new().build())
                .header("ETag", text().build())
                .header("Content-Disposition", text().build());
            (status.to_owned(), response)
        };
        let none = |status: &str, description: &str| {
            (status.to_owned(), ResponseBuilder::new().description(description))
        };
        let range = |(status, response): (String, ResponseBuilder)| {
            (status, response.header("Content-Range", text().build()))
        };
        [
            bytes("200", "The bytes"),
            range(bytes("206", "The range of bytes")),
            none("304", "The bytes are those that you have"),
            range(none("416", "There is no such range")),
        ]
        .into_iter()
        .map(|(status, response)| (status, response.build().into()))
        .collect()
    }
}

impl IntoResponses for Reading {
    fn responses() -> BTreeMap<String, RefOr<Response>> {
        problems(&[400, 401, 404, 503])
    }
}

impl IntoResponses for Writing {
    fn responses() -> BTreeMap<String, RefOr<Response>> {
        problems(&[400, 401, 403, 404, 408, 409, 413, 429, 503])
    }
}

fn problems(statuses: &[u16]) -> BTreeMap<String, RefOr<Response>> {
    let problem = |status: u16| {
        let words = StatusCode::from_u16(status).ok().and_then(|status| status.canonical_reason());
        let content =
            ContentBuilder::new().schema(Some(Ref::from_schema_name(Problem::name()))).build();
        let mut response = ResponseBuilder::new()
            .description(words.unwrap_or_default())
            .content("application/problem+json", content);
        match status {
            401 => {
                let scheme =
                    ObjectBuilder::new().schema_type(Type::String).enum_values(Some(["Bearer"]));
                response = response
                    .header("WWW-Authenticate", HeaderBuilder::new().schema(Some(scheme)).build());
            }
            429 | 503 => {
                let seconds = ObjectBuilder::new().schema_type(Type::Integer).minimum(Some(1));
                let after = HeaderBuilder::new()
                    .schema(Some(seconds))
                    .description(Some("Seconds after which to try again"));
                response = response.header("Retry-After", after.build());
            }
            _ => {}
        }
        (status.to_string(), response.build().into())
    };
    statuses.iter().map(|&status| problem(status)).collect()
}

/// The header by which an author names a request.
#[derive(IntoParams)]
#[into_params(parameter_in = Header)]
#[expect(dead_code, reason = "parsed by hand")]
pub(super) struct IdempotencyKey {
    /// Makes repeats safe; may stand in quotes.
    #[param(required = false, rename = "Idempotency-Key")]
    idempotency_key: Option<RequestId>,
}

/// The rooms that a reader of all their rooms looks at, too.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "parsed by hand")]
pub(super) struct LookedAt {
    /// The slugs of up to 50 rooms, joined by commas: open rooms, whether I am in them or not.
    /// Their events come beside mine, each once. A room that I may not read is 404, and
    /// `detail` names it. The same cursor goes on with other rooms, or without.
    #[param(required = false, example = "lobby,tea")]
    rooms: Option<String>,
}

/// The reader's cursor, and how long the request may be held.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "parsed by hand, since polling readers are many")]
pub(super) struct EventsParameters {
    /// A cursor from an earlier answer; `latest`: from now on; `start`: from the
    /// beginning. With SSE the header `Last-Event-ID`, or else `lastEventId` in the address, comes first.
    #[param(required = false, example = "latest")]
    after: Option<String>,
    /// Seconds that the request may be held while there is no news: 0 is a short
    /// poll; 25 by default; more than 55 means 55. `Prefer: wait=N` means the same.
    #[param(required = false, minimum = 0, maximum = 1_000_000, example = 25)]
    wait: Option<f64>,
    /// Most events in the answer.
    #[param(required = false, minimum = 1, maximum = 1000, example = 200)]
    limit: Option<u32>,
}
