//! Answers as bytes of HTTP/1.1, built once for all readers who get them.
//!
//! Source: RFC 9112, sections 4 to 7. The fields are those that hyper would send,
//! in its order.

use std::{fmt::Write, sync::Arc, time::SystemTime};

use axum::http::{HeaderMap, StatusCode};

use crate::response::{WholeResponse, never_sniff};

/// The end of an answer in chunks.
pub(super) const LAST_CHUNK: &[u8] = b"0\r\n\r\n";

/// An answer, or a piece of one.
#[derive(Clone)]
pub(super) struct Encoded {
    pub(super) bytes: Arc<[u8]>,
    /// Whether it is a piece, after which the answer goes on.
    pub(super) is_piece: bool,
}

/// Returns a whole answer.
pub(super) fn whole(whole: WholeResponse) -> Arc<[u8]> {
    let (parts, body) = whole.into_parts();
    let mut bytes = head(parts.status, parts.headers, body.len());
    write!(bytes, "content-length: {}\r\n", body.len()).expect("a string takes it");
    end_head(bytes, &body)
}

/// Returns the beginning of an answer in chunks.
pub(super) fn opening(opening: WholeResponse) -> Arc<[u8]> {
    let (parts, body) = opening.into_parts();
    let mut bytes = head(parts.status, parts.headers, body.len());
    bytes.push_str("transfer-encoding: chunked\r\n");
    end_head(bytes, &chunk_bytes(&body))
}

/// Returns one chunk. It is not empty: an empty one would be the last.
pub(super) fn chunk(piece: &str) -> Arc<[u8]> {
    chunk_bytes(piece.as_bytes()).into()
}

fn chunk_bytes(piece: &[u8]) -> Vec<u8> {
    let mut chunk = format!("{:X}\r\n", piece.len()).into_bytes();
    chunk.extend_from_slice(piece);
    chunk.extend_from_slice(b"\r\n");
    chunk
}

fn head(status: StatusCode, mut headers: HeaderMap, body_bytes: usize) -> String {
    never_sniff(&mut headers);
    let mut head = String::with_capacity(512 + body_bytes);
    let words = status.canonical_reason().unwrap_or_default();
    write!(head, "HTTP/1.1 {} {words}\r\n", status.as_u16()).expect("a string takes it");
    for (name, value) in &headers {
        let value = value.to_str().expect("our fields are ASCII");
        write!(head, "{name}: {value}\r\n").expect("a string takes it");
    }
    head
}

fn end_head(mut head: String, body: &[u8]) -> Arc<[u8]> {
    let date = httpdate::fmt_http_date(SystemTime::now());
    write!(head, "date: {date}\r\n\r\n").expect("a string takes it");
    let mut bytes = head.into_bytes();
    bytes.extend_from_slice(body);
    bytes.into()
}
