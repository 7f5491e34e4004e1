//! Compression for pages: a fifth of their bytes, on the first way to a reader.
//!
//! Answers of tasks are compressed; a shard's thread has no time for it, and what it
//! answers is short. The length of a page gives no secret away: the one in it, a newcomer's
//! form, is another on each page.

use std::io::Write;

use axum::{
    body::Bytes,
    http::{HeaderValue, header},
};
use flate2::{Compression, write::GzEncoder};
use linger_serve::{Fields, WholeResponse};

/// A shorter answer fits into one packet as it is.
const BYTES_MIN: usize = 1024;

/// Tells whether a reader takes gzip. Source: RFC 9110, section 12.5.3.
pub(super) fn is_taken(fields: &impl Fields) -> bool {
    let codings = fields.texts("accept-encoding").flat_map(|value| value.split(','));
    codings.map(|coding| coding.split_once(';').unwrap_or((coding, ""))).any(|(coding, weight)| {
        let weight = weight.trim().trim_start_matches(['q', 'Q', '=', ' ']);
        let is_none = weight.parse() == Ok(0.0);
        coding.trim().eq_ignore_ascii_case("gzip") && !is_none
    })
}

/// Compresses an answer.
pub(super) fn compress(answer: WholeResponse) -> WholeResponse {
    let (mut head, body) = answer.into_parts();
    if body.len() < BYTES_MIN {
        return WholeResponse::from_parts(head, body);
    }
    let mut encoder = GzEncoder::new(Vec::with_capacity(body.len() / 3), Compression::default());
    let written = encoder.write_all(&body).and_then(|()| encoder.finish());
    head.headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    let bytes = Bytes::from(written.expect("a vector takes all that is written to it"));
    WholeResponse::from_parts(head, bytes)
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderMap;

    use super::*;

    #[test]
    fn gzip_is_for_those_who_say_that_they_take_it() {
        for (accepted, expected) in [
            ("gzip, deflate, br, zstd", true),
            ("br;q=1, GZIP;q=0.5", true),
            ("gzip;q=0", false),
            ("gzip; q=0.0", false),
            ("br", false),
            ("", false),
        ] {
            let mut fields = HeaderMap::new();
            fields.insert(header::ACCEPT_ENCODING, HeaderValue::from_static(accepted));
            assert_eq!(is_taken(&fields), expected, "{accepted:?}");
        }
        assert!(!is_taken(&HeaderMap::new()));
    }
}
