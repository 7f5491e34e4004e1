//! The bytes of a file as an answer: in pieces, and so that a browser does nothing with them
//! but show or save them.
//!
//! The type is the one that was found by the bytes. Only pictures, video and audio may be
//! shown; the sandbox takes scripts and origin from whatever is opened by its address. Nothing
//! is cached without asking: the file may be erased, or the reader be sent away.

use std::{io, sync::Arc};

use axum::{
    body::{Body, Bytes},
    http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use futures_util::stream;
use linger_core::{FileHash, queries::AddedFile};
use linger_node::{BlobStore, Part};
use linger_serve::Failure;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use super::{
    not_found,
    ranges::{Asked, asked},
};

/// Seconds after which a cluster may answer again: a new leader takes some.
const RETRY_AFTER: u64 = 5;
/// Bytes that are read at a time.
const PIECE: u64 = 64 << 10;
/// No scripts, no forms, no origin; what is shown by itself may show itself.
const POLICY: HeaderValue = HeaderValue::from_static(
    "sandbox; default-src 'none'; img-src 'self'; media-src 'self'; style-src 'unsafe-inline'",
);
/// Kept by the reader's own browser alone, which asks each time whether it is still so.
const ASK_EACH_TIME: HeaderValue = HeaderValue::from_static("private, no-cache");
const SAME_ORIGIN: HeaderValue = HeaderValue::from_static("same-origin");
const NO_REFERRER: HeaderValue = HeaderValue::from_static("no-referrer");

/// Answers with a part of a file, or with a range of that.
pub(super) async fn serve(
    store: Arc<dyn BlobStore>,
    added: &AddedFile,
    part: Part,
    is_saved: bool,
    fields: &HeaderMap,
) -> Result<Response, Failure> {
    let hash = added.hash;
    let (length, kind) = look(store.clone(), hash, part, added.file.kind.as_str()).await?;
    let tag = match part {
        Part::Whole => format!("\"{hash}\""),
        Part::Thumbnail => format!("\"{hash}-thumbnail\""),
    };
    let (status, begin, end) = match asked(fields, &tag, length) {
        Asked::Whole => (StatusCode::OK, 0, length),
        Asked::Range(begin, end) => (StatusCode::PARTIAL_CONTENT, begin, end),
        Asked::Unchanged => (StatusCode::NOT_MODIFIED, 0, 0),
        Asked::Beyond => (StatusCode::RANGE_NOT_SATISFIABLE, 0, 0),
    };
    if begin < end {
        must_be_readable(store.clone(), hash, part, begin).await?;
    }
    let mut response = match status {
        StatusCode::RANGE_NOT_SATISFIABLE => no_such_range(length).into_response(),
        _ if begin < end => Response::new(pieces(store, hash, part, begin, end)),
        _ => Response::default(),
    };
    *response.status_mut() = status;
    let headers = response.headers_mut();
    let value = |text: String| HeaderValue::try_from(text).expect("it is visible ASCII");
    headers.insert(header::ETAG, value(tag));
    headers.insert(header::CACHE_CONTROL, ASK_EACH_TIME);
    headers.insert(header::ACCEPT_RANGES, HeaderValue::from_static("bytes"));
    headers.insert(header::CONTENT_SECURITY_POLICY, POLICY);
    headers.insert(HeaderName::from_static("cross-origin-resource-policy"), SAME_ORIGIN);
    headers.insert(header::REFERRER_POLICY, NO_REFERRER);
    match status {
        StatusCode::NOT_MODIFIED => return Ok(response),
        StatusCode::RANGE_NOT_SATISFIABLE => {
            headers.insert(header::CONTENT_RANGE, value(format!("bytes */{length}")));
            return Ok(response);
        }
        StatusCode::PARTIAL_CONTENT => {
            let range = format!("bytes {begin}-{}/{length}", end - 1);
            headers.insert(header::CONTENT_RANGE, value(range));
        }
        _ => {}
    }
    headers.insert(header::CONTENT_LENGTH, (end - begin).into());
    let is_shown =
        !is_saved && ["image/", "video/", "audio/"].iter().any(|it| kind.starts_with(it));
    headers.insert(
        header::CONTENT_DISPOSITION,
        value(disposition(is_shown, added.file.name.as_str())),
    );
    let kind = if kind == "text/plain" { "text/plain; charset=utf-8".to_owned() } else { kind };
    headers.insert(header::CONTENT_TYPE, value(kind));
    Ok(response)
}

fn no_such_range(length: u64) -> Failure {
    let detail = format!("the file has {length} bytes; ask for a range within them");
    Failure::new(StatusCode::RANGE_NOT_SATISFIABLE, "no_such_range", detail)
}

/// Returns how many bytes a part has, and its type.
async fn look(
    store: Arc<dyn BlobStore>,
    hash: FileHash,
    part: Part,
    kind: &str,
) -> Result<(u64, String), Failure> {
    let kind = kind.to_owned();
    let looked = tokio::task::spawn_blocking(move || {
        let Some(length) = store.length(hash, part)? else { return Ok(None) };
        let kind = match part {
            Part::Whole => kind,
            Part::Thumbnail => {
                let mut first = [0];
                store.read(hash, part, 0, &mut first)?;
                if first == [0xff] { "image/jpeg" } else { "image/png" }.to_owned()
            }
        };
        Ok::<_, io::Error>(Some((length, kind)))
    });
    let found = looked.await.map_err(io::Error::other).flatten();
    found.map_err(|error| unread(&error, hash))?.ok_or_else(not_found)
}

/// Reads the first byte that is asked for: a store that keeps the bytes elsewhere brings them
/// here for that, or says why not, before the answer has begun.
async fn must_be_readable(
    store: Arc<dyn BlobStore>,
    hash: FileHash,
    part: Part,
    at: u64,
) -> Result<(), Failure> {
    let read = tokio::task::spawn_blocking(move || store.read(hash, part, at, &mut [0]));
    let read = read.await.map_err(io::Error::other).flatten();
    read.map(drop).map_err(|error| unread(&error, hash))
}

fn unread(error: &io::Error, hash: FileHash) -> Failure {
    let failed = |detail| Failure::new(StatusCode::SERVICE_UNAVAILABLE, "storage_failed", detail);
    match error.kind() {
        // It was erased since it was asked for.
        io::ErrorKind::NotFound => not_found(),
        io::ErrorKind::NotConnected | io::ErrorKind::ResourceBusy => {
            tracing::warn!(%error, %hash, "the bytes of a file cannot be read just now");
            let detail = "the file is not on this server, and the cluster that has it does not give it just now; try again";
            Failure { retry_after: Some(RETRY_AFTER), ..failed(detail) }
        }
        _ => {
            tracing::error!(%error, %hash, "the bytes of a file cannot be read");
            failed("the server cannot read the file; try again, or tell its operator")
        }
    }
}

/// Reads from a place up to another one, each piece when the one before is on its way.
fn pieces(store: Arc<dyn BlobStore>, hash: FileHash, part: Part, begin: u64, end: u64) -> Body {
    Body::from_stream(stream::try_unfold(begin, move |at| {
        let store = store.clone();
        async move {
            if at >= end {
                return Ok(None);
            }
            let read = tokio::task::spawn_blocking(move || {
                let mut piece = vec![0; (end - at).min(PIECE) as usize];
                let count = store.read(hash, part, at, &mut piece)?;
                piece.truncate(count);
                Ok::<_, io::Error>(piece)
            });
            let piece = read.await.map_err(io::Error::other)??;
            if piece.is_empty() {
                return Err(io::Error::from(io::ErrorKind::UnexpectedEof));
            }
            let after = at + piece.len() as u64;
            Ok(Some((Bytes::from(piece), after)))
        }
    }))
}

/// Says whether it is shown or saved, and under which name. Source: RFC 6266, and RFC 8187
/// (which took the place of 5987) for names in other letters.
fn disposition(is_shown: bool, name: &str) -> String {
    /// The letters of `attr-char` stay as they are.
    const ENCODED: &AsciiSet = &NON_ALPHANUMERIC
        .remove(b'!')
        .remove(b'#')
        .remove(b'$')
        .remove(b'&')
        .remove(b'+')
        .remove(b'-')
        .remove(b'.')
        .remove(b'^')
        .remove(b'_')
        .remove(b'`')
        .remove(b'|')
        .remove(b'~');
    let way = if is_shown { "inline" } else { "attachment" };
    let is_plain = |c: &char| c.is_ascii_alphanumeric() || " .-_()".contains(*c);
    let plain: String = name.chars().map(|c| if is_plain(&c) { c } else { '_' }).collect();
    let encoded = utf8_percent_encode(name, ENCODED);
    format!("{way}; filename=\"{plain}\"; filename*=UTF-8''{encoded}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_cannot_leave_its_place_in_the_header() {
        let rows = [
            ("cat.png", "cat.png", "cat.png"),
            ("a \"b\"; x=y.txt", "a _b__ x_y.txt", "a%20%22b%22%3B%20x%3Dy.txt"),
            ("../../etc/passwd", ".._.._etc_passwd", "..%2F..%2Fetc%2Fpasswd"),
            ("猫.png", "_.png", "%E7%8C%AB.png"),
            ("50%.txt", "50_.txt", "50%25.txt"),
        ];
        for (name, plain, encoded) in rows {
            let expected = format!("attachment; filename=\"{plain}\"; filename*=UTF-8''{encoded}");
            assert_eq!(disposition(false, name), expected);
        }
        assert!(disposition(true, "cat.png").starts_with("inline; "));
    }
}
