//! Forms as `curl -F` sends them: multipart/form-data, whole in memory.
//!
//! Source: RFC 7578, and RFC 2046, section 5.1. A field that was read from a file (`curl
//! -F text=@note.txt`) is a field like any other.

use linger_serve::Failure;
use memchr::memmem;

/// The fields of a form, in order, with their names.
pub(super) struct Multipart<'a>(Vec<(String, &'a [u8])>);

impl<'a> Multipart<'a> {
    /// Parses a body. Errors: 400 if it is none of this content type.
    pub(super) fn parse(content_type: &str, body: &'a [u8]) -> Result<Multipart<'a>, Failure> {
        let boundary = parameter(content_type, "boundary").filter(|given| !given.is_empty());
        let fields = boundary.and_then(|boundary| fields(&boundary, body));
        fields.map(Multipart).ok_or_else(|| {
            Failure::malformed(
                "the body is no whole form of multipart/form-data with the boundary that its Content-Type names; curl -F text=hello sends one",
            )
        })
    }

    /// Returns the first field of this name, if there is one. Errors: 400 for a text that
    /// is not UTF-8.
    pub(super) fn find(&self, name: &str) -> Result<Option<String>, Failure> {
        let Some((_, value)) = self.0.iter().find(|(known, _)| known == name) else {
            return Ok(None);
        };
        let not_utf8 =
            |_| Failure::malformed(format!("the field '{name}' is not UTF-8; send it as UTF-8"));
        str::from_utf8(value).map(|text| Some(text.to_owned())).map_err(not_utf8)
    }
}

/// Returns the fields of a body; none if it has another form, or broke off.
fn fields<'a>(boundary: &str, body: &'a [u8]) -> Option<Vec<(String, &'a [u8])>> {
    let delimiter = format!("\r\n--{boundary}");
    let finder = memmem::Finder::new(&delimiter);
    // The first one may stand at the very beginning, without the end of a line before it.
    let mut rest = match body.strip_prefix(&delimiter.as_bytes()[2..]) {
        Some(rest) => rest,
        None => after(&finder, body)?.1,
    };
    let mut fields = Vec::new();
    while !rest.starts_with(b"--") {
        let (part, next) = after(&finder, rest)?;
        // White space may fill up the line of the delimiter.
        let head_from = memmem::find(part, b"\r\n")?;
        part[..head_from].trim_ascii().is_empty().then_some(())?;
        let head_to = head_from + memmem::find(&part[head_from..], b"\r\n\r\n")?;
        let head = String::from_utf8_lossy(&part[head_from..head_to]);
        if let Some(name) = name_of(&head) {
            fields.push((name, &part[head_to + 4..]));
        }
        rest = next;
    }
    Some(fields)
}

/// Returns what is before the next delimiter, and what is after it.
fn after<'a>(delimiter: &memmem::Finder<'_>, bytes: &'a [u8]) -> Option<(&'a [u8], &'a [u8])> {
    let at = delimiter.find(bytes)?;
    Some((&bytes[..at], &bytes[at + delimiter.needle().len()..]))
}

/// Returns the name that the head of a part gives to its field.
fn name_of(head: &str) -> Option<String> {
    let mut fields = head.lines().filter_map(|line| line.split_once(':'));
    let is_it = |name: &str| name.trim().eq_ignore_ascii_case("content-disposition");
    fields.find(|(name, _)| is_it(name)).and_then(|(_, value)| parameter(value, "name"))
}

/// Returns a parameter of a field's value: `form-data; name="text"`. Source: RFC 9110,
/// section 5.6.6.
fn parameter(value: &str, name: &str) -> Option<String> {
    let mut rest = value.split_once(';')?.1;
    loop {
        let (known, after) = rest.split_once('=')?;
        let (given, next) = match after.trim_start().strip_prefix('"') {
            Some(quoted) => unquoted(quoted)?,
            None => {
                let (token, next) = after.split_once(';').unwrap_or((after, ""));
                (token.trim().to_owned(), next)
            }
        };
        if known.trim_matches([' ', '\t', ';']).eq_ignore_ascii_case(name) {
            return Some(given);
        }
        rest = next;
    }
}

/// Returns a quoted text whose beginning is cut off, and what is behind its end.
fn unquoted(quoted: &str) -> Option<(String, &str)> {
    let mut text = String::new();
    let mut characters = quoted.char_indices();
    while let Some((at, c)) = characters.next() {
        match c {
            '"' => return Some((text, &quoted[at + 1..])),
            '\\' => text.push(characters.next()?.1),
            c => text.push(c),
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    const TYPE: &str = "multipart/form-data; boundary=------------------------d74496d6";

    fn of_curl(parts: &[&str]) -> String {
        let boundary = "--------------------------d74496d6";
        let parts: String = parts.iter().map(|part| format!("{boundary}\r\n{part}\r\n")).collect();
        format!("{parts}{boundary}--\r\n")
    }

    fn text(content_type: &str, body: &str) -> Option<String> {
        Multipart::parse(content_type, body.as_bytes()).ok()?.find("text").unwrap()
    }

    #[test]
    fn a_field_is_found_as_curl_and_browsers_send_it() {
        let field = "Content-Disposition: form-data; name=\"text\"\r\n\r\nhi";
        let file = "Content-Disposition: form-data; name=\"text\"; filename=\"a;name=\\\"x\\\".txt\"\r\nContent-Type: text/plain\r\n\r\nhi";
        let other = "Content-Disposition: form-data; name=\"as\"\r\n\r\ntext\r\n--";
        let quoted = "multipart/form-data; charset=utf-8; Boundary=\"a b\"";
        let in_quotes = "--a b \t\r\ncontent-disposition:form-data;name=text\r\n\r\nhi\r\n--a b--";
        for (case, content_type, body) in [
            ("alone", TYPE, of_curl(&[field])),
            ("from a file", TYPE, of_curl(&[file])),
            ("behind another", TYPE, of_curl(&[other, field])),
            ("twice: the first", TYPE, of_curl(&[field, &field.replace("hi", "no")])),
            ("with words before and behind", TYPE, format!("a\r\n{}b", of_curl(&[field]))),
            ("a boundary in quotes, little space", quoted, in_quotes.to_owned()),
        ] {
            assert_eq!(text(content_type, &body).as_deref(), Some("hi"), "{case}");
        }
        let empty = of_curl(&["Content-Disposition: form-data; name=\"text\"\r\n\r\n"]);
        assert_eq!(text(TYPE, &empty).as_deref(), Some(""));
    }

    #[test]
    fn what_is_no_whole_form_is_refused() {
        let whole = of_curl(&["Content-Disposition: form-data; name=\"text\"\r\n\r\nhi"]);
        for length in 0..whole.len() - 2 {
            assert!(Multipart::parse(TYPE, &whole.as_bytes()[..length]).is_err(), "{length}");
        }
        for content_type in
            ["multipart/form-data", "multipart/form-data; boundary=", "x; boundary=y"]
        {
            assert!(Multipart::parse(content_type, whole.as_bytes()).is_err(), "{content_type}");
        }
        let latin = b"--x\r\nContent-Disposition: form-data; name=text\r\n\r\n\xE4\r\n--x--";
        let form = Multipart::parse("a/b; boundary=x", latin).unwrap();
        assert!(form.find("text").is_err() && form.find("as") == Ok(None));
    }
}
