//! Addresses in a text: where they begin and end, and which of them lead where they seem
//! to lead.
//!
//! The one table of these rules; `web/src/text/linkify.ts` follows it, and
//! `fixtures/addresses.json` tries both. An address that carries a name before an @ is
//! none: `https://bank.example@evil.example` is made to deceive. Each rule looks at a
//! character a bounded number of times.

use std::ops::Range;

const SCHEMES: [&str; 3] = ["http://", "https://", "mailto:"];

/// The most bytes that the target of a link has: what servers and proxies let through.
const TARGET_BYTES_MAX: usize = 2048;

/// Returns all addresses of a text, as ranges of bytes.
pub(crate) fn all(text: &str) -> Vec<Range<usize>> {
    let (mut found, mut from) = (Vec::new(), 0);
    while let Some(begin) = next(text, from) {
        let end = begin + candidate(&text[begin..]);
        let before = text[..begin].chars().next_back();
        let address = trimmed(&text[begin..end], |sign| before == Some(sign));
        if is_honest(address) {
            found.push(begin..begin + address.len());
        }
        from = end;
    }
    found
}

/// Returns where the next address seems to begin.
fn next(text: &str, from: usize) -> Option<usize> {
    text[from..].char_indices().map(|(at, _)| from + at).find(|&at| begins(text, at))
}

/// Tells whether an address seems to begin here: at a scheme that is no end of another
/// word. Chinese is written without spaces, so only Latin letters count.
pub(crate) fn begins(text: &str, at: usize) -> bool {
    let is_apart = !text[..at].chars().next_back().is_some_and(|c| c.is_ascii_alphanumeric());
    is_apart && has_scheme(&text[at..])
}

/// Tells whether a text begins with a scheme that is linked.
pub(crate) fn has_scheme(text: &str) -> bool {
    let begins_with = |scheme: &str| {
        text.get(..scheme.len()).is_some_and(|begin| begin.eq_ignore_ascii_case(scheme))
    };
    SCHEMES.iter().any(|scheme| begins_with(scheme))
}

/// Returns how far a text that begins with a scheme may be an address.
pub(crate) fn candidate(text: &str) -> usize {
    text.find(ends_address).unwrap_or(text.len())
}

/// Tells whether an address ends before a character: white space, quotes, and Chinese
/// and Japanese punctuation, which is written without a space in between.
pub(crate) fn ends_address(c: char) -> bool {
    c.is_whitespace()
        || c.is_control()
        || "<>\"`‘’“”。，、；：！？（）《》〈〉「」『』【】〔〕…".contains(c)
}

/// Drops what does not belong to an address: another script behind its host, and the
/// punctuation of the sentence around it. `is_mark` tells whether a sign at its end
/// belongs to a pair around it, as in `*https://example.org*`.
pub(crate) fn trimmed(address: &str, is_mark: impl Fn(char) -> bool) -> &str {
    without_tail(within_host(address), is_mark)
}

/// Drops what was written on without a space behind the host, as in
/// `https://example.com看看`.
fn within_host(address: &str) -> &str {
    let Some(start) = address.find("//").map(|at| at + 2) else { return address };
    let host = address[start..].split(['/', '?', '#']).next().unwrap_or_default();
    // A last label (or port) that begins in Latin letters ends with them; a whole one in
    // another script is a name of its own.
    let last = host.rfind(['.', ':']).map_or(0, |at| at + 1);
    let is_latin = |c: char| c.is_ascii_alphanumeric() || c == '-';
    match host[last..].find(|c| !is_latin(c)) {
        None | Some(0) => address,
        Some(latin) => &address[..start + last + latin],
    }
}

/// Drops punctuation that belongs to the sentence, not to the address.
fn without_tail(address: &str, is_mark: impl Fn(char) -> bool) -> &str {
    let mut unopened = Unopened::of(address);
    let mut address = address;
    while let Some(last) = address.chars().next_back() {
        let belongs_to_the_sentence = match last {
            // A bracket that was opened inside stays, as in Wikipedia's addresses.
            ')' | ']' | '}' => unopened.take(last),
            '.' | ',' | ';' | ':' | '!' | '?' | '\'' => true,
            '*' | '_' | '~' | '|' => is_mark(last),
            _ => false,
        };
        if !belongs_to_the_sentence {
            break;
        }
        address = &address[..address.len() - 1];
    }
    address
}

/// How many brackets of each kind are closed without having been opened.
struct Unopened([(char, isize); 3]);

impl Unopened {
    fn of(address: &str) -> Unopened {
        let surplus = |opening, closing| {
            let weigh = |c| isize::from(c == closing) - isize::from(c == opening);
            (closing, address.chars().map(weigh).sum())
        };
        Unopened([surplus('(', ')'), surplus('[', ']'), surplus('{', '}')])
    }

    /// Takes one away, if there is one.
    fn take(&mut self, closing: char) -> bool {
        let mut kinds = self.0.iter_mut();
        let count = kinds.find(|(kind, count)| *kind == closing && *count > 0);
        count.map(|(_, count)| *count -= 1).is_some()
    }
}

/// Tells whether an address leads where it seems to lead.
pub(crate) fn is_honest(address: &str) -> bool {
    let (scheme, rest) = address.split_once(':').unwrap_or_default();
    if scheme.eq_ignore_ascii_case("mailto") {
        return rest.find('@').is_some_and(|at| at > 0 && at + 1 < rest.len());
    }
    let rest = rest.trim_start_matches('/');
    let host = rest.split(['/', '?', '#']).next().unwrap_or_default();
    host.starts_with(|c: char| c.is_alphanumeric() || c == '[') && !host.contains(['@', '\\'])
}

/// Tells whether a link may lead there.
pub(crate) fn is_target(url: &str) -> bool {
    let is_broken = |c: char| c.is_whitespace() || c.is_control();
    url.len() <= TARGET_BYTES_MAX && has_scheme(url) && !url.contains(is_broken) && is_honest(url)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_in_a_text_are_found_and_nothing_else_is() {
        let rows = include_str!("../../../fixtures/addresses.json");
        let rows: Vec<(String, String, Vec<String>)> = serde_json::from_str(rows).unwrap();
        for (name, text, expected) in &rows {
            let found: Vec<_> = all(text).into_iter().map(|range| &text[range]).collect();
            assert_eq!(&found, expected, "{name}: {text}");
        }
    }

    #[test]
    fn a_target_is_one_honest_address_and_nothing_else() {
        let rows = [
            ("an address", "https://a.example/(b)", true),
            ("of mail", "mailto:ann@a.example", true),
            ("with a space", "https://a.example/ b", false),
            ("without a scheme", "a.example", false),
            ("of another scheme", "javascript://a.example", false),
            ("with a name before its host", "https://a.example@b.example", false),
            ("too long", &format!("https://a.example/{}", "x".repeat(2048)), false),
        ];
        for (case, url, expected) in rows {
            assert_eq!(is_target(url), expected, "{case}");
        }
    }
}
