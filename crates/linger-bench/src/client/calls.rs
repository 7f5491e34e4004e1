//! Plain calls: one blocking request after the other on a kept connection.
//!
//! For things that are not measured: guests, rooms, cursors, figures. Every call ends
//! within [`CALL_TIMEOUT`].

use std::{
    io::{Read, Write},
    net::{SocketAddr, TcpStream},
    time::Duration,
};

use anyhow::{Context, bail};

use super::framing::{Answer, Parsed, parse};

/// A server on this machine that takes longer for a small call is stuck.
const CALL_TIMEOUT: Duration = Duration::from_secs(10);

/// A connection that is opened when needed and again when it was closed.
pub(crate) struct Caller {
    address: SocketAddr,
    stream: Option<TcpStream>,
    received: Vec<u8>,
    decoded: Vec<u8>,
}

impl Caller {
    /// Calls `address`; connects with the first call.
    pub(crate) fn new(address: SocketAddr) -> Caller {
        Caller { address, stream: None, received: Vec::new(), decoded: Vec::new() }
    }

    /// Sends a request and returns the answer, whatever its status.
    ///
    /// `fields` are header lines, each with its line end. Sends again, once, when
    /// a kept connection fails: the server had closed it meanwhile.
    pub(crate) fn call(
        &mut self,
        method: &str,
        path: &str,
        fields: &str,
        body: &str,
    ) -> anyhow::Result<Answer<'_>> {
        let length = body.len();
        let request = format!(
            "{method} {path} HTTP/1.1\r\nHost: {}\r\n{fields}Content-Length: {length}\r\n\r\n{body}",
            self.address
        );
        self.send(request.as_bytes()).with_context(|| format!("{method} {path} failed"))
    }

    /// Sends the bytes of a request and returns the answer, whatever its status.
    pub(crate) fn send(&mut self, request: &[u8]) -> anyhow::Result<Answer<'_>> {
        let was_open = self.stream.is_some();
        let mut result = self.exchange(request);
        if result.is_err() && was_open {
            result = self.exchange(request);
        }
        result.with_context(|| format!("{} does not answer", self.address))?;
        match parse(&self.received, &mut self.decoded)? {
            Parsed::Whole { answer, .. } => Ok(answer),
            Parsed::Partial { .. } => bail!("half an answer"),
        }
    }

    /// Sends a request and returns the answer. Errors: a status of 400 or more.
    pub(crate) fn expect(
        &mut self,
        method: &str,
        path: &str,
        fields: &str,
        body: &str,
    ) -> anyhow::Result<Answer<'_>> {
        let answer = self.call(method, path, fields, body)?;
        if answer.status >= 400 {
            bail!("{method} {path} was answered {}: {}", answer.status, answer.excerpt());
        }
        Ok(answer)
    }

    /// Leaves a whole answer in `self.received`.
    fn exchange(&mut self, request: &[u8]) -> anyhow::Result<()> {
        let mut stream = match self.stream.take() {
            Some(stream) => stream,
            None => TcpStream::connect_timeout(&self.address, CALL_TIMEOUT)?,
        };
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(CALL_TIMEOUT))?;
        stream.set_write_timeout(Some(CALL_TIMEOUT))?;
        stream.write_all(request)?;
        self.received.clear();
        let mut part = [0; 16 * 1024];
        loop {
            let count = stream.read(&mut part)?;
            if count == 0 {
                bail!("the server closed the connection instead of answering");
            }
            self.received.extend_from_slice(&part[..count]);
            if let Parsed::Whole { answer, .. } = parse(&self.received, &mut self.decoded)? {
                if !answer.closes {
                    self.stream = Some(stream);
                }
                return Ok(());
            }
        }
    }
}
