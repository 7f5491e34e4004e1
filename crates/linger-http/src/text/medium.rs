//! The medium of an answer: plain text, or a page for a browser.
//!
//! It is the caller's choice, by the header `Accept`; whatever happens, a caller is
//! answered in their medium.

use axum::http::{HeaderValue, header};
use linger_serve::{Failure, Fields, WholeResponse, whole};

use super::html;
use crate::{accept::prefers_html, friendly_names::Language, policy::protect};

/// The headers on which an answer depends.
pub(super) const VARY: HeaderValue =
    HeaderValue::from_static("Accept, Accept-Language, Accept-Encoding");

/// The medium of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Medium {
    /// Lines for a terminal.
    Plain,
    /// A page for a browser.
    Html {
        language: Language,
        /// Whether the reader has a session: others are asked for a name.
        is_known: bool,
    },
}

impl Medium {
    /// Returns the medium that a request asks for.
    pub(super) fn of(fields: &impl Fields, is_known: bool) -> Medium {
        match prefers_html(fields.texts("accept")) {
            true => {
                let language = Language::choose(None, fields.text("accept-language"));
                Medium::Html { language, is_known }
            }
            false => Medium::Plain,
        }
    }

    /// Tells whether it is a page for a browser.
    pub(super) fn is_html(self) -> bool {
        matches!(self, Medium::Html { .. })
    }

    /// Tells whether it is a page whose form makes its reader a guest.
    pub(super) fn is_for_newcomers(self) -> bool {
        matches!(self, Medium::Html { is_known: false, .. })
    }

    pub(super) fn content_type(self) -> &'static str {
        match self {
            Medium::Plain => "text/plain; charset=utf-8",
            Medium::Html { .. } => "text/html; charset=utf-8",
        }
    }

    /// Returns an answer.
    pub(super) fn whole(self, body: String) -> WholeResponse {
        let mut whole = whole(self.content_type(), body);
        let headers = whole.headers_mut();
        headers.insert(header::VARY, VARY);
        if self.is_html() {
            protect(headers);
            #[cfg(feature = "page")]
            headers.append(header::LINK, HeaderValue::from_static(linger_web::EARLY));
        }
        whole
    }

    /// Returns the words for a failure.
    pub(super) fn failure(self, failure: &Failure) -> String {
        match self {
            Medium::Plain => format!("{}\n", failure.detail),
            Medium::Html { language, .. } => html::refused(failure, language),
        }
    }

    /// Returns a failure as an answer.
    pub(super) fn failed(self, failure: &Failure) -> WholeResponse {
        let mut failed = failure.whole();
        let (told, body) = self.whole(self.failure(failure)).into_parts();
        for (name, value) in &told.headers {
            failed.headers_mut().insert(name, value.clone());
        }
        *failed.body_mut() = body;
        failed
    }
}
