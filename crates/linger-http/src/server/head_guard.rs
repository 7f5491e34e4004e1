//! Refuses a head that gives its body two lengths.
//!
//! hyper follows RFC 9112, section 6.3: Transfer-Encoding wins, and the
//! connection closes after the answer. That is safe here, but a proxy in front
//! may have read it the other way: so such a request is not served at all.

use std::{
    io,
    pin::Pin,
    task::{Context, Poll, ready},
};

use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::TcpStream,
};

/// A connection whose heads are looked at as they come in.
pub(super) struct HeadGuard(TcpStream);

/// What makes the connection end.
#[derive(Debug, thiserror::Error)]
#[error("a head with both Content-Length and Transfer-Encoding")]
struct TwoLengths;

/// Tells whether a connection ended because its head was refused here.
pub(super) fn is_refusal(error: &hyper::Error) -> bool {
    let io_error = std::error::Error::source(error).and_then(|source| source.downcast_ref::<io::Error>());
    io_error.and_then(io::Error::get_ref).is_some_and(|inner| inner.is::<TwoLengths>())
}

impl HeadGuard {
    /// Guards a connection.
    pub(super) fn new(stream: TcpStream) -> HeadGuard {
        HeadGuard(stream)
    }

    /// Returns the connection.
    pub(super) fn into_inner(self) -> TcpStream {
        self.0
    }
}

/// Tells whether these bytes begin with a head that has both lengths.
///
/// A head that comes in pieces passes, and hyper reads it the safe way.
fn has_two_lengths(bytes: &[u8]) -> bool {
    let Some(end) = bytes.windows(4).position(|window| window == b"\r\n\r\n") else { return false };
    let mut lines = bytes[..end].split(|&byte| byte == b'\n');
    let is_request = lines.next().is_some_and(|line| line.ends_with(b" HTTP/1.1\r") || line.ends_with(b" HTTP/1.0\r"));
    let has = |name: &[u8]| {
        let fields = lines.clone();
        fields.filter_map(|line| line.split(|&byte| byte == b':').next()).any(|field| field.eq_ignore_ascii_case(name))
    };
    is_request && has(b"content-length") && has(b"transfer-encoding")
}

impl AsyncRead for HeadGuard {
    fn poll_read(mut self: Pin<&mut Self>, context: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        ready!(Pin::new(&mut self.0).poll_read(context, buffer))?;
        match has_two_lengths(&buffer.filled()[before..]) {
            true => Poll::Ready(Err(io::Error::new(io::ErrorKind::InvalidData, TwoLengths))),
            false => Poll::Ready(Ok(())),
        }
    }
}

impl AsyncWrite for HeadGuard {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(context, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write_vectored(context, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.0.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use super::has_two_lengths;

    #[test]
    fn a_head_with_two_lengths_is_known_by_its_fields_not_by_its_body() {
        let cases = [
            ("both", "POST / HTTP/1.1\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n", true),
            ("in any case and order", "POST / HTTP/1.1\r\ntransfer-encoding: x\r\nCONTENT-LENGTH:3\r\n\r\nabc", true),
            ("one", "POST / HTTP/1.1\r\nContent-Length: 3\r\n\r\nabc", false),
            ("the other in the body", "POST / HTTP/1.1\r\nContent-Length: 30\r\n\r\nTransfer-Encoding: chunked\r\n\r\n", false),
            ("a body alone", "Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n", false),
            ("as a value", "GET / HTTP/1.1\r\nContent-Length: 0\r\nX: transfer-encoding: no\r\n\r\n", false),
        ];
        for (case, bytes, expected) in cases {
            assert_eq!(has_two_lengths(bytes.as_bytes()), expected, "{case}");
        }
    }
}
