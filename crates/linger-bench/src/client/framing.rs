//! Finds whole answers in the bytes that a server sent.
//!
//! Stateless on purpose: nearly every answer comes in one piece and is read where
//! it lies. The caller collects one that does not, and looks at it again when
//! `at_least` so many bytes are there, so that a slow answer costs no rescans.
//! Requests are the targets' business; nothing here writes.

use std::fmt;

use memchr::memmem;

use super::chunks::Chunks;

/// More than any of the servers sends; a longer head is an error.
const HEAD_BYTES_MAX: usize = 16 * 1024;
/// A page of a thousand long messages fits; a length beyond it is an error.
const BODY_BYTES_MAX: usize = 64 << 20;

/// The server sent something that is no HTTP/1.1 answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Malformed(pub(crate) &'static str);

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "no HTTP/1.1 answer: {}", self.0)
    }
}

impl std::error::Error for Malformed {}

/// How long a body is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum BodyLength {
    /// So many bytes.
    Fixed(usize),
    /// Until the chunk of length zero.
    Chunked,
    /// Until the server closes: only streams may do that.
    UntilClose,
}

/// The head of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Head {
    pub(crate) status: u16,
    /// Bytes up to and with the empty line.
    pub(crate) bytes: usize,
    pub(crate) body: BodyLength,
    /// The server closes after this answer.
    pub(crate) closes: bool,
}

/// A whole answer.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Answer<'a> {
    pub(crate) status: u16,
    head: &'a [u8],
    pub(crate) body: &'a [u8],
    pub(crate) closes: bool,
}

impl<'a> Answer<'a> {
    /// Returns the value of a header field; `name` in lower case.
    pub(crate) fn field(&self, name: &str) -> Option<&'a [u8]> {
        fields(self.head).find(|(given, _)| is_name(given, name)).map(|(_, value)| value)
    }

    /// Returns the beginning of the body, for a sentence about an error.
    pub(crate) fn excerpt(&self) -> String {
        String::from_utf8_lossy(&self.body[..self.body.len().min(200)]).into_owned()
    }
}

/// The contents of some bytes.
#[derive(Debug)]
pub(crate) enum Parsed<'a> {
    /// No whole answer yet: look again when there are this many bytes.
    Partial { at_least: usize },
    /// An answer, and how many bytes it took.
    Whole { answer: Answer<'a>, used: usize },
}

/// Looks for a whole answer at the beginning of `bytes`. A chunked body is put
/// together in `decoded`.
pub(crate) fn parse<'a>(
    bytes: &'a [u8],
    decoded: &'a mut Vec<u8>,
) -> Result<Parsed<'a>, Malformed> {
    let Some(head) = parse_head(bytes)? else {
        return Ok(Parsed::Partial { at_least: bytes.len() + 1 });
    };
    let rest = &bytes[head.bytes..];
    let (body, length) = match head.body {
        BodyLength::Fixed(length) if rest.len() < length => {
            return Ok(Parsed::Partial { at_least: head.bytes + length });
        }
        BodyLength::Fixed(length) => (&rest[..length], length),
        BodyLength::Chunked => {
            decoded.clear();
            let mut chunks = Chunks::default();
            let used = chunks.feed(rest, |piece| decoded.extend_from_slice(piece))?;
            if !chunks.is_done() {
                return Ok(Parsed::Partial { at_least: bytes.len() + 1 });
            }
            (decoded.as_slice(), used)
        }
        BodyLength::UntilClose => return Err(Malformed("an answer without a length")),
    };
    let answer =
        Answer { status: head.status, head: &bytes[..head.bytes], body, closes: head.closes };
    Ok(Parsed::Whole { answer, used: head.bytes + length })
}

/// Reads the head at the beginning of `bytes`; None while it is not whole.
pub(crate) fn parse_head(bytes: &[u8]) -> Result<Option<Head>, Malformed> {
    let Some(end) = memmem::find(bytes, b"\r\n\r\n") else {
        return match bytes.len() > HEAD_BYTES_MAX {
            true => Err(Malformed("a head without an end")),
            false => Ok(None),
        };
    };
    let head = &bytes[..end + 4];
    let status = status(head).ok_or(Malformed("no status line"))?;
    let mut body = None;
    let mut closes = false;
    for (name, value) in fields(head) {
        if is_name(name, "content-length") {
            let length = number(value).filter(|length| *length <= BODY_BYTES_MAX);
            body = Some(BodyLength::Fixed(length.ok_or(Malformed("a length out of bounds"))?));
        } else if is_name(name, "transfer-encoding") {
            if !value.eq_ignore_ascii_case(b"chunked") {
                return Err(Malformed("an unknown transfer encoding"));
            }
            // Both may be there if a proxy was careless: chunks win (RFC 9112, 6.3).
            body = Some(BodyLength::Chunked);
            break;
        } else if is_name(name, "connection") {
            closes |= value.eq_ignore_ascii_case(b"close");
        }
    }
    let has_no_body = matches!(status, 100..=199 | 204 | 304);
    let body =
        if has_no_body { BodyLength::Fixed(0) } else { body.unwrap_or(BodyLength::UntilClose) };
    Ok(Some(Head { status, bytes: head.len(), body, closes }))
}

fn status(head: &[u8]) -> Option<u16> {
    let rest = head.strip_prefix(b"HTTP/1.1 ").or_else(|| head.strip_prefix(b"HTTP/1.0 "))?;
    let digits = rest.get(..3)?;
    number(digits).and_then(|status| u16::try_from(status).ok())
}

fn number(digits: &[u8]) -> Option<usize> {
    if digits.is_empty() || digits.len() > 12 {
        return None;
    }
    digits.iter().try_fold(0, |sum, digit| {
        digit.is_ascii_digit().then(|| sum * 10 + usize::from(digit - b'0'))
    })
}

fn is_name(given: &[u8], name: &str) -> bool {
    given.len() == name.len() && given.eq_ignore_ascii_case(name.as_bytes())
}

/// Returns the header fields, without the space around their values.
fn fields(head: &[u8]) -> impl Iterator<Item = (&[u8], &[u8])> {
    let lines = head.split(|byte| *byte == b'\n').skip(1);
    lines.filter_map(|line| {
        let colon = memchr::memchr(b':', line)?;
        Some((&line[..colon], line[colon + 1..].trim_ascii()))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLAIN: &[u8] =
        b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nETag: \"7\"\r\nConnection: keep-alive\r\n\r\nhello";
    const CHUNKED: &[u8] =
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\nhel\r\n2\r\nlo\r\n0\r\n\r\n";

    #[test]
    fn an_answer_is_whole_with_its_last_byte_and_not_before() {
        for (name, bytes) in [("plain", PLAIN), ("chunked", CHUNKED)] {
            let mut decoded = Vec::new();
            for end in 0..bytes.len() {
                match parse(&bytes[..end], &mut decoded) {
                    Ok(Parsed::Partial { at_least }) => {
                        assert!(at_least > end, "{name}: {at_least} after {end}");
                        assert!(at_least <= bytes.len(), "{name}: {at_least} is too many");
                    }
                    other => panic!("{name}, {end} bytes: {other:?}"),
                }
            }
            let whole = [bytes, b"HTTP"].concat();
            let Ok(Parsed::Whole { answer, used }) = parse(&whole, &mut decoded) else {
                panic!("{name}: not whole");
            };
            assert_eq!(
                (answer.status, answer.body, used),
                (200, &b"hello"[..], bytes.len()),
                "{name}"
            );
            assert!(!answer.closes, "{name}");
        }
    }

    #[test]
    fn a_field_is_found_whatever_its_case() {
        let mut decoded = Vec::new();
        let Ok(Parsed::Whole { answer, .. }) = parse(PLAIN, &mut decoded) else {
            panic!("not whole")
        };
        assert_eq!(answer.field("etag"), Some(&b"\"7\""[..]));
        assert_eq!(answer.field("last-modified"), None);
    }

    #[test]
    fn answers_without_a_body_end_with_their_head() {
        for (name, bytes, closes) in [
            ("no content", &b"HTTP/1.1 204 No Content\r\nstream-next-offset: 9\r\n\r\n"[..], false),
            ("not modified", b"HTTP/1.1 304 Not Modified\r\nConnection: close\r\n\r\n", true),
        ] {
            let mut decoded = Vec::new();
            let parsed = parse(bytes, &mut decoded);
            let Ok(Parsed::Whole { answer, used }) = parsed else { panic!("{name}: {parsed:?}") };
            assert_eq!(
                (used, answer.body, answer.closes),
                (bytes.len(), &b""[..], closes),
                "{name}"
            );
        }
    }

    #[test]
    fn what_is_no_answer_is_refused() {
        let endless = [b"HTTP/1.1 200 OK\r\n".as_slice(), &b"x".repeat(HEAD_BYTES_MAX)].concat();
        for (name, bytes) in [
            ("no status", &b"hello\r\n\r\n"[..]),
            ("length in words", b"HTTP/1.1 200 OK\r\nContent-Length: five\r\n\r\n"),
            ("length too large", b"HTTP/1.1 200 OK\r\nContent-Length: 999999999999\r\n\r\n"),
            ("encoding", b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n"),
            ("no length", b"HTTP/1.1 200 OK\r\n\r\nhello"),
            ("chunk size", b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nz\r\n"),
            ("endless head", &endless),
        ] {
            assert!(parse(bytes, &mut Vec::new()).is_err(), "{name}");
        }
    }
}
