//! A text in parts: its lines, and the addresses in them as links.
//!
//! The same rules as `web/src/text/linkify.ts`; `fixtures/addresses.json` tries both. An
//! address that carries a name before an @ is no link: `https://bank.example@evil.example`
//! is made to deceive.

/// A part of a line.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Part<'t> {
    pub(super) text: &'t str,
    /// Present where the text is an address.
    pub(super) href: Option<&'t str>,
}

/// Returns the lines of a text, each in parts that put together give it again.
pub(super) fn paragraphs(text: &str) -> Vec<Vec<Part<'_>>> {
    text.split('\n').map(parts).collect()
}

fn parts(line: &str) -> Vec<Part<'_>> {
    let (mut parts, mut done, mut from) = (Vec::new(), 0, 0);
    while let Some(begin) = next_address(line, from) {
        let found = &line[begin..];
        let end = found.find(ends_address).unwrap_or(found.len());
        let before = line[..begin].chars().next_back();
        let address = without_tail(within_host(&found[..end]), before);
        from = begin + end;
        if !is_honest(address) {
            continue;
        }
        if begin > done {
            parts.push(Part { text: &line[done..begin], href: None });
        }
        parts.push(Part { text: address, href: Some(address) });
        done = begin + address.len();
    }
    if done < line.len() {
        parts.push(Part { text: &line[done..], href: None });
    }
    parts
}

const SCHEMES: [&str; 3] = ["http://", "https://", "mailto:"];

/// Returns where the next address begins: at a scheme that is no end of another word.
/// Chinese is written without spaces, so only Latin letters count.
fn next_address(line: &str, from: usize) -> Option<usize> {
    let begins = |at: usize| {
        let is_apart = !line[..at].chars().next_back().is_some_and(|c| c.is_ascii_alphanumeric());
        is_apart && SCHEMES.iter().any(|scheme| begins_with(&line[at..], scheme))
    };
    line[from..].char_indices().map(|(at, _)| from + at).find(|&at| begins(at))
}

fn begins_with(text: &str, scheme: &str) -> bool {
    text.get(..scheme.len()).is_some_and(|begin| begin.eq_ignore_ascii_case(scheme))
}

/// Tells whether an address ends before a character: white space, quotes, and Chinese
/// and Japanese punctuation, which is written without a space in between.
fn ends_address(c: char) -> bool {
    c.is_whitespace()
        || c.is_control()
        || "<>\"`‘’“”。，、；：！？（）《》〈〉「」『』【】〔〕…".contains(c)
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
fn without_tail(address: &str, before: Option<char>) -> &str {
    let mut address = address;
    while let Some(last) = address.chars().next_back() {
        let belongs_to_the_sentence = match last {
            // A bracket that was opened inside stays, as in Wikipedia's addresses.
            ')' => is_unopened(address, '(', ')'),
            ']' => is_unopened(address, '[', ']'),
            '}' => is_unopened(address, '{', '}'),
            '.' | ',' | ';' | ':' | '!' | '?' | '\'' => true,
            // It stands at both ends, as in `*https://example.org*`.
            '*' | '_' | '~' => before == Some(last),
            _ => false,
        };
        if !belongs_to_the_sentence {
            break;
        }
        address = &address[..address.len() - 1];
    }
    address
}

fn is_unopened(address: &str, opening: char, closing: char) -> bool {
    address.matches(closing).count() > address.matches(opening).count()
}

/// Tells whether an address leads where it seems to lead.
fn is_honest(address: &str) -> bool {
    let (scheme, rest) = address.split_once(':').unwrap_or_default();
    if scheme.eq_ignore_ascii_case("mailto") {
        return rest.find('@').is_some_and(|at| at > 0 && at + 1 < rest.len());
    }
    let rest = rest.trim_start_matches('/');
    let host = rest.split(['/', '?', '#']).next().unwrap_or_default();
    host.starts_with(|c: char| c.is_alphanumeric() || c == '[') && !host.contains(['@', '\\'])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_in_a_text_are_links_and_nothing_else_is() {
        let rows = include_str!("../../../../../fixtures/addresses.json");
        let rows: Vec<(String, String, Vec<String>)> = serde_json::from_str(rows).unwrap();
        for (name, text, expected) in &rows {
            let parts = parts(text);
            let links: Vec<_> = parts.iter().filter_map(|part| part.href).collect();
            assert_eq!(&links, expected, "{name}: {text}");
            assert_eq!(&parts.iter().map(|part| part.text).collect::<String>(), text);
        }
    }

    #[test]
    fn an_empty_line_has_no_parts() {
        assert_eq!(paragraphs("a\n\nb").iter().map(Vec::len).collect::<Vec<_>>(), [1, 0, 1]);
    }
}
