//! Messages as HTML.
//!
//! The article's client appends `html` to its page and runs the answer through
//! `eval`; the answer itself goes out as `text/html`. So it must be safe in three
//! ways: as HTML inside, as JavaScript, and as HTML outside.

use linger_core::Message;

use crate::lobby::in_plain_text;

/// Returns one message as one element. Line breaks are kept.
pub(super) fn element(message: &Message) -> String {
    let name = escape(message.by.name.as_str());
    let text = escape(&in_plain_text(message));
    let text = text.replace("\r\n", "\n").replace(['\r', '\n'], "<br>");
    format!(r#"<div class="message"><b>{name}</b>: {text}</div>"#)
}

fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            c => escaped.push(c),
        }
    }
    escaped
}
