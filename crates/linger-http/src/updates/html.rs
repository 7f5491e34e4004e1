//! Messages as HTML, and JSON that is harmless wherever it ends up.
//!
//! The article's client appends `html` to its page and runs the answer through
//! `eval`; the answer itself goes out as `text/html`. So it must be safe in three
//! ways: as HTML inside, as JavaScript, and as HTML outside.

use linger_core::{Message, MessageText};
use serde::Serialize;

/// Returns one message as one element. Line breaks are kept.
pub(super) fn element(message: &Message) -> String {
    let name = escape(message.by.name.as_str());
    let text = message.text.as_ref().map_or("", MessageText::as_str);
    let text = escape(text);
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

/// Encodes a value as JSON. A browser that shows it as a page finds no markup in it, and
/// older JavaScript evaluates it to the same value.
pub(super) fn inert_json(value: &impl Serialize) -> String {
    let json = serde_json::to_string(value).expect("answers have no failing parts");
    let mut inert = String::with_capacity(json.len());
    for c in json.chars() {
        match c {
            // All of these occur only inside of strings, so an escape means the same.
            '<' | '>' | '&' | '\u{2028}' | '\u{2029}' => {
                inert.push_str(&format!("\\u{:04x}", u32::from(c)));
            }
            c => inert.push(c),
        }
    }
    inert
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn inert_json_means_the_same_and_holds_no_markup() {
        let value = "<script>alert(1)</script> & \u{2028}\u{2029} \"quoted\" \\ 你好 </div>";
        let json = inert_json(&value);
        assert_eq!(serde_json::from_str::<String>(&json).unwrap(), value);
        assert!(!json.contains(['<', '>', '&', '\u{2028}', '\u{2029}']), "{json}");
    }
}
