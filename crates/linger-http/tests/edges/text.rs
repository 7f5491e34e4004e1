//! Rooms as text. The exchanges in plain text are transcripts; here is what they
//! cannot show: pages for browsers ([`pages`]), and what is beside a text in both
//! ([`conversations`]), forms in parts ([`multipart`]), and the requests that are held ([`follows`]).

mod conversations;
mod follows;
mod multipart;
mod pages;

use axum::http::StatusCode;

use crate::stage::{Answer, Stage};

/// A browser, as far as its headers go.
const BROWSER: (&str, &str) =
    ("accept", "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8");

impl Stage {
    /// Opens the lobby as a page.
    async fn page(&self, path: &str) -> Answer {
        self.get(path, &[BROWSER]).await
    }

    /// Says something in the lobby as somebody new, and returns their token.
    async fn newcomer_says(&self, name: &str, text: &str) -> String {
        let answer = self.form(&format!("/r/lobby?as={name}"), text, &[]).await;
        assert_eq!(answer.status, StatusCode::CREATED, "{}", answer.body);
        answer.header("linger-token").to_owned()
    }
}
