//! Failures, in the form in which callers get them.
//!
//! Three kinds: malformed (the request has no meaning), rejected (the rules say
//! no) and unavailable (not just now). The native API renders a [`Failure`] as
//! RFC 9457 `application/problem+json`; other dialects take its parts and use their
//! own words.

use axum::{
    body::Body,
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use linger_core::{Malformed, MalformedCursor, Rejection};
use linger_node::{FilingError, Refusal, Unavailable, UploadError};
use serde::Serialize;
use utoipa::ToSchema;

use crate::response::{WholeResponse, whole};

/// One failure: the fault, and what to do next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// The HTTP status.
    pub status: StatusCode,
    /// The stable code: clients are written against it.
    pub code: &'static str,
    /// A sentence for people.
    pub detail: String,
    /// Seconds after which to try again.
    pub retry_after: Option<u64>,
}

/// RFC 9457: problem details.
#[derive(Serialize, ToSchema)]
pub struct Problem<'a> {
    /// Always `about:blank`: `code` says which problem it is.
    #[schema(example = "about:blank")]
    r#type: &'static str,
    /// The status in words.
    #[schema(example = "Not Found")]
    title: &'a str,
    /// The HTTP status.
    #[schema(example = 404)]
    status: u16,
    /// The stable code.
    #[schema(example = "room_not_found")]
    code: &'a str,
    /// A sentence for people: the fault, and what to do next.
    detail: &'a str,
}

impl Failure {
    /// Makes a failure without a time to try again.
    pub fn new(status: StatusCode, code: &'static str, detail: impl Into<String>) -> Failure {
        Failure { status, code, detail: detail.into(), retry_after: None }
    }

    /// 400: the request has no meaning.
    pub fn malformed(detail: impl Into<String>) -> Failure {
        Failure::new(StatusCode::BAD_REQUEST, "malformed", detail)
    }

    /// 401: this is not for visitors.
    pub fn no_token() -> Failure {
        let detail = "this needs a token: POST /api/v1/guests gives one, send it as 'Authorization: Bearer TOKEN'";
        Failure::new(StatusCode::UNAUTHORIZED, "no_token", detail)
    }

    /// 401: nobody holds the token that was sent.
    pub fn unknown_token() -> Failure {
        let detail = "nobody holds this token; POST /api/v1/guests gives a new one";
        Failure::new(StatusCode::UNAUTHORIZED, "unknown_token", detail)
    }

    /// 413: `what` says how much is allowed.
    pub fn too_large(what: &str) -> Failure {
        Failure::new(StatusCode::PAYLOAD_TOO_LARGE, "too_large", format!("{what}; send less"))
    }

    /// 429: `what` came too often. `retry_after` is in seconds.
    pub fn too_many(what: &str, retry_after: u64) -> Failure {
        let detail = format!("{what}; try again in {retry_after} s");
        Failure {
            retry_after: Some(retry_after),
            ..Failure::new(StatusCode::TOO_MANY_REQUESTS, "too_many_requests", detail)
        }
    }

    /// Renders a failure in another dialect: the answer keeps its status and its
    /// headers, and gets the body that `tell` makes. Other answers stay as they are.
    pub fn retell(
        mut response: Response,
        content_type: &'static str,
        tell: impl FnOnce(&Failure) -> String,
    ) -> Response {
        let Some(failure) = response.extensions_mut().remove::<Failure>() else { return response };
        *response.body_mut() = tell(&failure).into();
        let headers = response.headers_mut();
        headers.remove(header::CONTENT_LENGTH);
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
        response
    }
}

impl Failure {
    /// Returns the answer, with the failure as a problem.
    pub fn whole(&self) -> WholeResponse {
        let problem = Problem {
            r#type: "about:blank",
            title: self.status.canonical_reason().unwrap_or_default(),
            status: self.status.as_u16(),
            code: self.code,
            detail: &self.detail,
        };
        let body = serde_json::to_string(&problem).expect("a problem is plain text and a number");
        let mut whole = whole("application/problem+json", body);
        *whole.status_mut() = self.status;
        let headers = whole.headers_mut();
        if let Some(seconds) = self.retry_after {
            headers.insert(header::RETRY_AFTER, seconds.into());
        }
        if self.status == StatusCode::UNAUTHORIZED {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        whole
    }
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        let mut response = self.whole().map(Body::from);
        // For `retell`: an edge may say it in its own words.
        response.extensions_mut().insert(self);
        response
    }
}

impl From<Malformed> for Failure {
    fn from(malformed: Malformed) -> Failure {
        Failure::malformed(malformed.0)
    }
}

impl From<MalformedCursor> for Failure {
    fn from(malformed: MalformedCursor) -> Failure {
        Failure::new(StatusCode::BAD_REQUEST, "malformed_cursor", malformed.to_string())
    }
}

impl From<Rejection> for Failure {
    fn from(rejection: Rejection) -> Failure {
        let status = match rejection {
            Rejection::RoomNotFound
            | Rejection::UserNotFound
            | Rejection::MessageNotFound
            | Rejection::FileNotFound => StatusCode::NOT_FOUND,
            Rejection::SlugTaken
            | Rejection::LeftBefore
            | Rejection::TooManyRooms
            | Rejection::MessageDeleted
            | Rejection::TooManyReactions
            | Rejection::TooManyPins
            | Rejection::RequestIdReused
            | Rejection::ExternalIdTaken
            | Rejection::TokenTaken => StatusCode::CONFLICT,
            Rejection::NotAMember
            | Rejection::NotTheAuthor
            | Rejection::NotTheOpener
            | Rejection::NotForUsers
            | Rejection::NotForTheServer => StatusCode::FORBIDDEN,
        };
        Failure::new(status, rejection.code(), rejection.to_string())
    }
}

impl From<Unavailable> for Failure {
    fn from(unavailable: Unavailable) -> Failure {
        let (code, retry_after) = match unavailable {
            Unavailable::Overloaded => ("overloaded", 2),
            Unavailable::Unknown => ("outcome_unknown", 1),
            Unavailable::Storage => ("storage_failed", 10),
            Unavailable::Behind => ("node_behind", 1),
            Unavailable::NotAgreed => ("upgrade_unfinished", 30),
            Unavailable::Starting => ("starting", 1),
        };
        let failure = Failure::new(StatusCode::SERVICE_UNAVAILABLE, code, unavailable.to_string());
        Failure { retry_after: Some(retry_after), ..failure }
    }
}

impl From<Refusal> for Failure {
    fn from(refusal: Refusal) -> Failure {
        match refusal {
            Refusal::Rejected(rejection) => rejection.into(),
            Refusal::Unavailable(unavailable) => unavailable.into(),
        }
    }
}

impl From<UploadError> for Failure {
    fn from(error: UploadError) -> Failure {
        let detail = error.to_string();
        let (status, code) = match error {
            UploadError::TooLarge(bytes) => {
                return Failure::too_large(&format!("a file has at most {bytes} bytes here"));
            }
            UploadError::TooMany(_) => {
                return Failure::too_many("you have too many unfinished uploads", 60);
            }
            UploadError::Full => (StatusCode::INSUFFICIENT_STORAGE, "no_room"),
            UploadError::Refused(_) => (StatusCode::UNSUPPORTED_MEDIA_TYPE, "refused_type"),
            UploadError::NotFound => (StatusCode::NOT_FOUND, "upload_not_found"),
            UploadError::WrongOffset(_) => (StatusCode::CONFLICT, "wrong_offset"),
            UploadError::TooLong => (StatusCode::BAD_REQUEST, "too_long"),
            UploadError::TakenOver => (StatusCode::LOCKED, "taken_over"),
            UploadError::Overloaded => return Unavailable::Overloaded.into(),
            UploadError::Storage(error) => {
                tracing::error!(%error, "a file could not be stored");
                return Unavailable::Storage.into();
            }
        };
        Failure::new(status, code, detail)
    }
}

impl From<FilingError> for Failure {
    fn from(error: FilingError) -> Failure {
        match error {
            FilingError::Upload(error) => error.into(),
            FilingError::Refused(refusal) => refusal.into(),
        }
    }
}
