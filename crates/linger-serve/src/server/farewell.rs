//! Last words: the answers to connections that are closed, and the way to close them.
//!
//! Bytes that are no request get a problem in plain bytes, since no handler ever
//! sees them; so does a connection too many. All such answers are in this file.

use std::{io, sync::Arc, time::Duration};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};

use super::{
    head_guard::Remains,
    heads::{Refused, UNKNOWN_CODING},
};

/// The time for the last words to a connection, and for the bytes that it still sends.
pub(super) const FAREWELL: Duration = Duration::from_secs(1);

/// One answer before a connection is closed.
#[derive(Clone, Copy)]
struct Words {
    status: &'static str,
    code: &'static str,
    detail: &'static str,
    /// Fields of the head, each with its line end.
    fields: &'static str,
}

const TWO_LENGTHS: Words = Words::new(
    "400 Bad Request",
    "conflicting_lengths",
    "a request has Content-Length or Transfer-Encoding, not both; send one",
);
const NOT_UNDERSTOOD: Words = Words::new("501 Not Implemented", "unknown_coding", UNKNOWN_CODING);
const TOO_SLOW: Words = Words::new(
    "408 Request Timeout",
    "head_timeout",
    "the head of the request did not come whole in time; send it at once",
);
const BROKEN_OFF: Words = Words::new(
    "400 Bad Request",
    "incomplete_head",
    "the head of the request broke off; send all of it",
);
const LONG_URI: Words = Words::new(
    "414 URI Too Long",
    "uri_too_long",
    "the address of the request is too long; send less in it",
);
const LARGE_HEAD: Words = Words::new(
    "431 Request Header Fields Too Large",
    "head_too_large",
    "the head of the request is too large; send fewer and shorter fields",
);
const MALFORMED: Words = Words::new(
    "400 Bad Request",
    "malformed_head",
    "this is no HTTP/1.1 request; check its first line, its fields and its length",
);
const OVERLOADED: Words = Words {
    fields: "Retry-After: 2\r\n",
    ..Words::new(
        "503 Service Unavailable",
        "overloaded",
        "too many answers are on their way out; try again in 2 s",
    )
};
const TOO_MANY: Words = Words {
    fields: "Retry-After: 5\r\n",
    ..Words::new(
        "503 Service Unavailable",
        "too_many_connections",
        "your address has too many connections; close some, or try again in 5 s",
    )
};

impl Words {
    const fn new(status: &'static str, code: &'static str, detail: &'static str) -> Words {
        Words { status, code, detail, fields: "" }
    }

    /// Returns a whole answer, after which the connection is closed.
    fn to_answer(self) -> String {
        let Words { status, code, detail, fields } = self;
        let (number, title) = status.split_once(' ').expect("a status has a number and words");
        let body = format!(
            r#"{{"type":"about:blank","title":"{title}","status":{number},"code":"{code}","detail":"{detail}"}}"#
        );
        format!(
            "HTTP/1.1 {status}\r\nContent-Type: application/problem+json\r\nContent-Length: {}\r\n{fields}Connection: close\r\n\r\n{body}",
            body.len()
        )
    }
}

/// Returns the answer to a peer whose request took too long.
pub(super) fn to_the_slow() -> Arc<[u8]> {
    TOO_SLOW.to_answer().into_bytes().into()
}

/// Returns the answer in the place of one for which there is no room.
pub(super) fn when_overloaded() -> Arc<[u8]> {
    OVERLOADED.to_answer().into_bytes().into()
}

/// Returns the answer to a peer whose address has too many connections.
pub(super) fn to_one_too_many() -> String {
    TOO_MANY.to_answer()
}

/// Returns the answer to a peer after hyper has ended its connection: nothing,
/// unless its last bytes were no request.
pub(super) fn after(error: Option<&hyper::Error>, has_begun: bool, remains: &Remains) -> String {
    let is = |test: fn(&hyper::Error) -> bool| error.is_some_and(test);
    let words = if let Some(refused) = remains.refused {
        match refused {
            Refused::TwoLengths => TWO_LENGTHS,
            Refused::UnknownCoding => NOT_UNDERSTOOD,
        }
    } else if is(hyper::Error::is_timeout) && has_begun {
        TOO_SLOW
    } else if is(hyper::Error::is_incomplete_message) && has_begun {
        BROKEN_OFF
    } else if remains.kept_back == Some(414) {
        LONG_URI
    } else if remains.kept_back == Some(431) {
        LARGE_HEAD
    } else if remains.kept_back.is_some() || (is(hyper::Error::is_parse) && !remains.has_answered) {
        MALFORMED
    } else {
        return String::new();
    };
    words.to_answer()
}

/// Sends the last words and closes, so that the peer can read them.
///
/// It takes at most the time of a farewell, even if the peer is gone or slow.
pub(super) async fn leave(mut stream: TcpStream, words: &str) {
    let last_words = async {
        stream.write_all(words.as_bytes()).await?;
        stream.shutdown().await?;
        // Unread bytes would make the system reset the connection, and the peer might
        // lose our answer. So they are read, and thrown away.
        // On the heap: an array would be part of every connection's memory.
        let mut rest = vec![0; 4096];
        while stream.read(&mut rest).await? > 0 {}
        io::Result::Ok(())
    };
    let _ = timeout(FAREWELL, last_words).await;
}
