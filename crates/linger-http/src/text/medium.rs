//! The medium of an answer: plain text, or a page for a browser.
//!
//! It is the caller's choice, by the header `Accept`; whatever happens, a caller is
//! answered in their medium.

use axum::http::{HeaderValue, header};
use linger_serve::{Failure, Fields, WholeResponse, whole};

use crate::accept::prefers_html;

/// The header on which the medium depends.
pub(super) const VARY: HeaderValue = HeaderValue::from_static("Accept");

/// The medium of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Medium {
    /// Lines for a terminal.
    Plain,
    /// A page for a browser.
    Html,
}

impl Medium {
    /// Returns the medium that a request asks for.
    pub(super) fn of(fields: &impl Fields) -> Medium {
        match prefers_html(fields.texts("accept")) {
            true => Medium::Html,
            false => Medium::Plain,
        }
    }

    pub(super) fn content_type(self) -> &'static str {
        match self {
            Medium::Plain => "text/plain; charset=utf-8",
            Medium::Html => "text/html; charset=utf-8",
        }
    }

    /// Returns an answer.
    pub(super) fn whole(self, body: String) -> WholeResponse {
        let mut whole = whole(self.content_type(), body);
        whole.headers_mut().insert(header::VARY, VARY);
        whole
    }

    /// Returns the text of a failure.
    pub(super) fn failure(self, failure: &Failure) -> String {
        format!("{}\n", failure.detail)
    }

    /// Returns a failure as an answer.
    pub(super) fn failed(self, failure: &Failure) -> WholeResponse {
        let mut failed = failure.whole();
        let told = self.whole(self.failure(failure));
        *failed.body_mut() = told.body().clone();
        failed.headers_mut().extend(told.headers().clone());
        failed
    }
}
