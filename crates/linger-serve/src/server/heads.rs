//! Rules for heads, beside those of hyper.
//!
//! A request is not served if two readers might cut its body in different places (RFC
//! 9112, section 6.3), if its coding is not understood here (section 6.1), or if its
//! host is missing, given twice or malformed (section 3.2). The first two are found in
//! the bytes, because hyper takes some and refuses others without a word; heads that
//! come behind another request are checked here after hyper has read them.

use axum::http::{StatusCode, Version, header, request::Parts};
use linger_park::request::is_host;

use crate::failure::Failure;

/// The fault of a head.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Refused {
    /// It gives its body two lengths.
    TwoLengths,
    /// Its body is in a coding that is not understood.
    UnknownCoding,
}

/// The kind of the codings of a body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Codings {
    /// In chunks, or unchanged.
    Known,
    /// Something else, at least in part.
    Unknown,
    /// Its end cannot be found: the chunks are inside of another coding, or twice.
    Endless,
}

/// Returns the fault of the head of a request, given with its end, if it has one.
pub(super) fn refused(head: &[u8]) -> Option<Refused> {
    let mut lines = head.split(|&byte| byte == b'\n').map(|line| line.trim_ascii_end());
    let is_request = lines
        .next()
        .is_some_and(|line| line.ends_with(b" HTTP/1.1") || line.ends_with(b" HTTP/1.0"));
    let values = |name: &'static [u8]| {
        let fields = lines.clone().filter_map(|line| {
            let colon = line.iter().position(|&byte| byte == b':')?;
            Some((&line[..colon], &line[colon + 1..]))
        });
        fields.filter(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value)
    };
    let has = |name: &'static [u8]| values(name).next().is_some();
    if !is_request || !has(b"transfer-encoding") {
        return None;
    }
    if has(b"content-length") {
        return Some(Refused::TwoLengths);
    }
    let is_unknown = codings(values(b"transfer-encoding")) == Codings::Unknown;
    is_unknown.then_some(Refused::UnknownCoding)
}

/// Checks a head that hyper has read.
///
/// Errors: 400 `malformed_host`; 501 `unknown_coding`; 400 `malformed`, for chunks that
/// are not the last coding. The connection is to be closed after each.
pub(super) fn check(head: &Parts) -> Result<(), Failure> {
    let hosts = head.headers.get_all(header::HOST);
    let count = hosts.iter().count();
    let is_needed = head.version >= Version::HTTP_11;
    if count > 1 || (is_needed && count == 0) || !hosts.iter().all(|host| is_host(host.as_bytes()))
    {
        let detail = "a request has one field Host, with a name or an address and perhaps a port";
        return Err(Failure::new(StatusCode::BAD_REQUEST, "malformed_host", detail));
    }
    let values = head.headers.get_all(header::TRANSFER_ENCODING);
    match codings(values.iter().map(|value| value.as_bytes())) {
        Codings::Known => Ok(()),
        Codings::Unknown => {
            Err(Failure::new(StatusCode::NOT_IMPLEMENTED, "unknown_coding", UNKNOWN_CODING))
        }
        Codings::Endless => {
            Err(Failure::malformed("a body is put into chunks once, and after all else"))
        }
    }
}

/// The sentence about a coding that is not understood.
pub(super) const UNKNOWN_CODING: &str =
    "a body comes as it is or in chunks (Transfer-Encoding: chunked), in no other coding";

/// Reads the values of all fields Transfer-Encoding, in order.
fn codings<'a>(values: impl Iterator<Item = &'a [u8]>) -> Codings {
    let codings =
        values.flat_map(|value| value.split(|&byte| byte == b',')).map(<[u8]>::trim_ascii);
    let (mut has_unknown, mut chunked, mut is_last) = (false, 0, true);
    for coding in codings.filter(|coding| !coding.is_empty()) {
        is_last = coding.eq_ignore_ascii_case(b"chunked");
        chunked += usize::from(is_last);
        has_unknown |= !is_last;
    }
    match (chunked, has_unknown) {
        (0, true) => Codings::Unknown,
        (1, true) if is_last => Codings::Unknown,
        (0 | 1, false) => Codings::Known,
        _ => Codings::Endless,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chunks_are_the_only_coding_and_come_last_and_once() {
        let rows: [(&[&str], Codings); 13] = [
            (&[], Codings::Known),
            (&["chunked"], Codings::Known),
            (&["CHUNKED"], Codings::Known),
            (&[" , chunked ,"], Codings::Known),
            (&["gzip"], Codings::Unknown),
            (&["gzip, chunked"], Codings::Unknown),
            (&["gzip", "chunked"], Codings::Unknown),
            (&["identity"], Codings::Unknown),
            (&["chunkedx"], Codings::Unknown),
            (&["x;y=chunked"], Codings::Unknown),
            (&["chunked, identity"], Codings::Endless),
            (&["chunked", "gzip"], Codings::Endless),
            (&["chunked, chunked"], Codings::Endless),
        ];
        for (values, expected) in rows {
            let found = codings(values.iter().map(|value| value.as_bytes()));
            assert_eq!(found, expected, "{values:?}");
        }
    }
}
