//! Watches the bytes of a connection for requests that hyper passes, or answers without
//! words.
//!
//! If a head gives its body two lengths, hyper follows RFC 9112, section 6.3:
//! Transfer-Encoding wins and the connection closes after the answer. That
//! is safe here, but a proxy in front may have read it the other way. So such a
//! request is not served at all, and neither is one whose body is in a coding that
//! the server does not understand ([`heads`]).
//!
//! If bytes are no request, hyper answers with a bare status. That answer is
//! kept back, and the server says the same with words.
//!
//! The bytes that the park has read ahead of hyper come first. All writes of hyper pass
//! here, so its [`ConnectionProgress`] is told how much of them the system takes.
//! Between two requests, the next bytes are shown to the park first: hyper does not see
//! requests that the park holds.

use std::{
    io,
    net::SocketAddr,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use hyper::body::Bytes;
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::TcpStream,
};

use super::{
    boundary::ConnectionProgress,
    heads::{self, Refused},
};
use crate::held::ParkService;

/// Bytes in a head, at most: room for the longest address that hyper takes, and
/// for fields as browsers send them.
pub(super) const HEAD_MAX: usize = 128 << 10;

/// A connection whose heads are checked as they come in.
pub(super) struct HeadGuard {
    stream: TcpStream,
    /// Bytes from before that hyper has not read yet.
    ahead: Bytes,
    peer: SocketAddr,
    progress: Arc<ConnectionProgress>,
    service: Arc<ParkService>,
    heads: Heads,
    refused: Option<Refused>,
    kept_back: Option<u16>,
    has_answered: bool,
}

/// A connection that hyper has let go.
pub(super) struct Remains {
    pub(super) stream: TcpStream,
    /// Bytes from before that hyper never read.
    pub(super) ahead: Bytes,
    /// The fault of a head, if that ended the connection.
    pub(super) refused: Option<Refused>,
    /// The status that hyper gave to bytes that are no request. It was not sent.
    pub(super) kept_back: Option<u16>,
    /// Whether anything was answered on this connection.
    pub(super) has_answered: bool,
}

impl HeadGuard {
    /// Guards a connection from which `ahead` was read already, which is the
    /// beginning of a head that is not for the park.
    pub(super) fn new(
        (stream, peer): (TcpStream, SocketAddr),
        ahead: Vec<u8>,
        progress: Arc<ConnectionProgress>,
        service: Arc<ParkService>,
    ) -> HeadGuard {
        HeadGuard {
            stream,
            ahead: ahead.into(),
            peer,
            progress,
            service,
            heads: Heads::default(),
            refused: None,
            kept_back: None,
            has_answered: false,
        }
    }

    /// Returns the connection.
    pub(super) fn into_remains(self) -> Remains {
        let HeadGuard { stream, ahead, refused, kept_back, has_answered, .. } = self;
        Remains { stream, ahead, refused, kept_back, has_answered }
    }

    /// Checks an answer on its way out. Tells whether it was kept back.
    fn keeps_back(&mut self, bytes: &[u8]) -> bool {
        self.progress.write();
        self.heads.expect_next();
        let bare = bare_refusal(bytes);
        self.kept_back = self.kept_back.or(bare);
        self.has_answered |= bare.is_none();
        bare.is_some()
    }
}

/// Returns the status, if this is a whole answer that hyper gives by itself: a
/// refusal without a body, after which it closes the connection.
fn bare_refusal(bytes: &[u8]) -> Option<u16> {
    let head = bytes.strip_suffix(b"\r\n\r\n")?.strip_prefix(b"HTTP/1.1 ")?;
    let mut lines = head.split(|&byte| byte == b'\n').map(|line| line.trim_ascii());
    let status = match lines.next()?.get(..3)? {
        b"400" => 400,
        b"414" => 414,
        b"431" => 431,
        _ => return None,
    };
    let has = |field: &[u8]| lines.clone().any(|line| line.eq_ignore_ascii_case(field));
    (has(b"content-length: 0") && has(b"connection: close")).then_some(status)
}

/// The heads among the bytes that come in, whole or in pieces.
#[derive(Default)]
struct Heads {
    /// The beginning of a head that is not complete yet.
    begun: Vec<u8>,
    /// Whether the bytes now are a body, until an answer goes out.
    is_past: bool,
}

impl Heads {
    /// Begins with the next head, after an answer.
    fn expect_next(&mut self) {
        self.is_past = false;
    }

    /// Returns the fault of a head that these bytes complete, if it has one.
    ///
    /// A head that follows another one without waiting for its answer passes;
    /// hyper reads it in the safe way.
    fn refused(&mut self, bytes: &[u8]) -> Option<Refused> {
        if self.is_past {
            return None;
        }
        if self.begun.is_empty() {
            // Mostly a head arrives at once, and nothing is copied.
            let bytes = bytes.trim_ascii_start();
            let Some(end) = end_of_head(bytes, 0) else {
                self.collect(bytes);
                return None;
            };
            self.is_past = true;
            return heads::refused(&bytes[..end]);
        }
        let seen = self.begun.len();
        self.collect(bytes);
        // An end may lie across two pieces.
        let end = end_of_head(&self.begun, seen.saturating_sub(3))?;
        self.is_past = true;
        heads::refused(&std::mem::take(&mut self.begun)[..end])
    }

    fn collect(&mut self, bytes: &[u8]) {
        if self.begun.len() + bytes.len() > HEAD_MAX {
            self.begun = Vec::new();
            self.is_past = true;
            return;
        }
        self.begun.extend_from_slice(bytes);
    }
}

/// Returns where the first empty line is, looking from `from` on. hyper takes
/// lines that end without a carriage return too.
pub(super) fn end_of_head(bytes: &[u8], from: usize) -> Option<usize> {
    let rest = bytes.get(from..)?;
    let is_end =
        |i: &usize| rest[*i] == b'\n' && matches!(rest[i + 1..], [b'\n', ..] | [b'\r', b'\n', ..]);
    (0..rest.len()).find(is_end).map(|i| from + i)
}

impl AsyncRead for HeadGuard {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        // When the peer closes its sending side, hyper takes the peer for gone and drops the
        // answer. That is right while a request is held, and wrong for a peer that closes its
        // sending side right after its request. So hyper must not see that end before the
        // handler had the chance to answer at once, nor before that answer is out.
        if self.progress.begins() {
            context.waker().wake_by_ref();
            return Poll::Pending;
        }
        if self.progress.is_leaving() {
            // The flush calls hyper again, and after it comes the boundary.
            self.progress.look_away();
            return Poll::Pending;
        }
        let before = buffer.filled().len();
        if self.ahead.is_empty() {
            ready!(Pin::new(&mut self.stream).poll_read(context, buffer))?;
            let bytes = &buffer.filled()[before..];
            if self.progress.is_at_boundary() && self.service.claims(bytes, self.peer) {
                self.ahead = Bytes::copy_from_slice(bytes);
                buffer.set_filled(before);
                self.progress.call_back();
                // Nobody waits for more: the connection is taken from hyper now.
                return Poll::Pending;
            }
        } else {
            let count = self.ahead.len().min(buffer.remaining());
            buffer.put_slice(&self.ahead.split_to(count));
        }
        self.refused = self.heads.refused(&buffer.filled()[before..]);
        match self.refused {
            Some(_) => Poll::Ready(Err(io::ErrorKind::InvalidData.into())),
            None => Poll::Ready(Ok(())),
        }
    }
}

impl AsyncWrite for HeadGuard {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        match self.keeps_back(bytes) {
            true => Poll::Ready(Ok(bytes.len())),
            false => {
                let written = Pin::new(&mut self.stream).poll_write(context, bytes);
                self.progress.outlet.note(written, &self.stream, bytes)
            }
        }
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        // A bare answer is one slice; an answer with a body is more.
        let bytes = if let [bytes] = slices { bytes } else { [].as_slice() };
        match self.keeps_back(bytes) {
            true => Poll::Ready(Ok(bytes.len())),
            false => {
                let written = Pin::new(&mut self.stream).poll_write_vectored(context, slices);
                let first = slices.iter().find(|slice| !slice.is_empty());
                let first = first.map_or([].as_slice(), |slice| slice);
                self.progress.outlet.note(written, &self.stream, first)
            }
        }
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(Pin::new(&mut self.stream).poll_flush(context))?;
        self.progress.flush();
        Poll::Ready(Ok(()))
    }

    /// Does nothing: the last words are still to come. But hyper must be able to ask for
    /// it, because only then does it flush its last answer before it ends.
    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

#[cfg(test)]
mod tests {
    use super::{Heads, Refused, bare_refusal};

    impl Heads {
        fn has_two_lengths(&mut self, bytes: &[u8]) -> bool {
            self.refused(bytes) == Some(Refused::TwoLengths)
        }
    }

    const TWO: &str = "POST / HTTP/1.1\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n";

    #[test]
    fn a_head_with_two_lengths_is_known_by_its_fields_not_by_its_body() {
        let cases = [
            ("both", TWO, true),
            (
                "in any case and order",
                "POST / HTTP/1.1\r\ntransfer-encoding: x\r\nCONTENT-LENGTH:3\r\n\r\nabc",
                true,
            ),
            (
                "after empty lines",
                "\r\n\r\nPOST / HTTP/1.1\r\nContent-Length: 3\r\nTransfer-Encoding: x\r\n\r\n",
                true,
            ),
            (
                "without carriage returns",
                "POST / HTTP/1.1\nContent-Length: 3\nTransfer-Encoding: x\n\n",
                true,
            ),
            ("one", "POST / HTTP/1.1\r\nContent-Length: 3\r\n\r\nabc", false),
            (
                "the other in the body",
                "POST / HTTP/1.1\r\nContent-Length: 30\r\n\r\nTransfer-Encoding: chunked\r\n\r\n",
                false,
            ),
            ("a body alone", "Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n", false),
            (
                "as a value",
                "GET / HTTP/1.1\r\nContent-Length: 0\r\nX: transfer-encoding: no\r\n\r\n",
                false,
            ),
        ];
        for (case, text, expected) in cases {
            assert_eq!(Heads::default().has_two_lengths(text.as_bytes()), expected, "{case}");
            for piece in 1..5 {
                let mut heads = Heads::default();
                let seen = text.as_bytes().chunks(piece).any(|bytes| heads.has_two_lengths(bytes));
                assert_eq!(seen, expected, "{case}, {piece} at a time");
            }
        }
    }

    #[test]
    fn a_coding_that_is_not_understood_is_known_by_its_name() {
        let cases = [
            ("gzip", Some(Refused::UnknownCoding)),
            ("gzip, chunked", Some(Refused::UnknownCoding)),
            ("chunked", None),
            // hyper itself refuses these.
            ("chunked, gzip", None),
            ("", None),
        ];
        for (coding, expected) in cases {
            let head = format!("POST / HTTP/1.1\r\nTransfer-Encoding: {coding}\r\n\r\n");
            assert_eq!(Heads::default().refused(head.as_bytes()), expected, "{coding:?}");
        }
    }

    #[test]
    fn a_body_is_not_looked_at_and_the_next_head_is() {
        let mut heads = Heads::default();
        assert!(!heads.has_two_lengths(b"POST / HTTP/1.1\r\nContent-Length: 99\r\n\r\n"));
        assert!(!heads.has_two_lengths(TWO.as_bytes()), "it is the body");
        heads.expect_next();
        assert!(heads.has_two_lengths(TWO.as_bytes()));
    }

    #[test]
    fn a_head_without_end_is_not_collected_for_ever() {
        let mut heads = Heads::default();
        for _ in 0..1000 {
            assert!(!heads.has_two_lengths(&[b'a'; 1000]));
            assert!(heads.begun.len() <= super::HEAD_MAX);
        }
    }

    #[test]
    fn only_an_answer_that_hyper_gives_by_itself_is_kept_back() {
        let bare = "HTTP/1.1 431 Request Header Fields Too Large\r\nconnection: close\r\ncontent-length: 0\r\n\r\n";
        let cases = [
            ("bare", bare.to_owned(), Some(431)),
            ("with a body", bare.replace("length: 0", "length: 2") + "{}", None),
            ("after which the connection goes on", bare.replace("connection: close", "x: y"), None),
            ("a success", bare.replace("431", "200"), None),
            ("a piece of it", bare[..40].to_owned(), None),
            ("nothing", String::new(), None),
        ];
        for (case, answer, expected) in cases {
            assert_eq!(bare_refusal(answer.as_bytes()), expected, "{case}");
        }
    }
}
