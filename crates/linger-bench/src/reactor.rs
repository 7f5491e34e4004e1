//! Tens of thousands of connections on one thread: epoll, and nothing per event
//! but a read and a write.
//!
//! The [`Reactor`] waits and reads; a [`Play`] decides what to do then, and acts
//! through [`Wires`]. One buffer serves all connections: only an answer that comes
//! in pieces is kept. One request is under way on a connection at a time.

mod wires;

use std::{
    io::{self, Read},
    time::Duration,
};

use anyhow::Context;
use mio::{Events, Poll};
pub(crate) use wires::{Key, Who, Wires};

use crate::client::{
    chunks::Chunks,
    framing::{Answer, BodyLength, Malformed, Parsed, parse, parse_head},
};
use wires::Phase;

/// Events taken from the kernel at once.
const EVENTS: usize = 1024;
/// Larger than nearly every answer: then one read empties the socket.
const READ_BYTES: usize = 256 * 1024;

/// The reactions to events of connections.
pub(crate) trait Play {
    /// The connection is open: say something.
    fn opened(&mut self, wires: &mut Wires, who: Who, key: Key) -> anyhow::Result<()>;
    /// The answer to the last request is here.
    fn answered(
        &mut self,
        wires: &mut Wires,
        who: Who,
        key: Key,
        answer: &Answer<'_>,
    ) -> anyhow::Result<()>;
    /// Bytes of a stream are here, cut wherever the network cut them.
    fn streamed(&mut self, who: Who, bytes: &[u8]);
    /// The connection is gone; `key` means nothing any more.
    fn closed(&mut self, wires: &mut Wires, who: Who, why: &str) -> anyhow::Result<()>;
}

/// Waits for the kernel and reads.
pub(crate) struct Reactor {
    poll: Poll,
    events: Events,
    scratch: Vec<u8>,
    decoded: Vec<u8>,
    pub(crate) wires: Wires,
}

impl Reactor {
    /// Makes a reactor for connections to one server.
    pub(crate) fn new(address: std::net::SocketAddr) -> anyhow::Result<Reactor> {
        let poll = Poll::new().context("the system gives no epoll")?;
        let registry = poll.registry().try_clone().context("the system gives no file for epoll")?;
        Ok(Reactor {
            poll,
            events: Events::with_capacity(EVENTS),
            scratch: vec![0; READ_BYTES],
            decoded: Vec::new(),
            wires: Wires::new(registry, address),
        })
    }

    /// Waits for up to `timeout` and plays the events.
    pub(crate) fn turn(&mut self, play: &mut impl Play, timeout: Duration) -> anyhow::Result<()> {
        match self.poll.poll(&mut self.events, Some(timeout)) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => return Ok(()),
            result => result.context("epoll failed")?,
        }
        let events = std::mem::replace(&mut self.events, Events::with_capacity(0));
        for event in &events {
            let key = event.token().0;
            if event.is_writable() {
                self.writable(play, key)?;
            }
            if event.is_readable() || event.is_read_closed() || event.is_error() {
                self.readable(play, key, event.is_read_closed())?;
            }
        }
        self.events = events;
        Ok(())
    }

    fn writable(&mut self, play: &mut impl Play, key: Key) -> anyhow::Result<()> {
        let Some(wire) = self.wires.get(key) else { return Ok(()) };
        if !matches!(wire.phase, Phase::Connecting) {
            return match wire.flush() {
                Ok(()) => Ok(()),
                Err(error) => self.close(play, key, &error.to_string()),
            };
        }
        let who = wire.who;
        match wire.stream.take_error() {
            Ok(None) => {}
            Ok(Some(error)) | Err(error) => return self.close(play, key, &error.to_string()),
        }
        if wire.stream.peer_addr().is_err() {
            // The event is of the connection that had this key before.
            return Ok(());
        }
        wire.phase = Phase::Open;
        play.opened(&mut self.wires, who, key)
    }

    fn readable(&mut self, play: &mut impl Play, key: Key, is_ending: bool) -> anyhow::Result<()> {
        let Some(wire) = self.wires.get(key) else { return Ok(()) };
        if matches!(wire.phase, Phase::Connecting) {
            return Ok(());
        }
        let serial = wire.serial;
        loop {
            let Some(wire) = self.wires.get(key).filter(|wire| wire.serial == serial) else {
                return Ok(());
            };
            let count = match wire.stream.read(&mut self.scratch) {
                Ok(0) => return self.close(play, key, "the server closed the connection"),
                Ok(count) => count,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return self.close(play, key, &error.to_string()),
            };
            if let Err(error) = self.received(play, key, count)? {
                return self.close(play, key, &error.to_string());
            }
            // A short read has emptied the socket; later bytes bring a new event. Only an
            // end that is known already must be read now.
            if count < self.scratch.len() && !is_ending {
                return Ok(());
            }
        }
    }

    /// Plays the first `count` bytes of the scratch buffer.
    fn received(
        &mut self,
        play: &mut impl Play,
        key: Key,
        count: usize,
    ) -> anyhow::Result<Result<(), Malformed>> {
        let Some(wire) = self.wires.get(key) else { return Ok(Ok(())) };
        let (who, serial) = (wire.who, wire.serial);
        if let Phase::Streaming(chunks) = &mut wire.phase {
            return Ok(stream(play, who, chunks, &self.scratch[..count]));
        }
        let mut kept = std::mem::take(&mut wire.kept);
        if !kept.is_empty() {
            kept.extend_from_slice(&self.scratch[..count]);
            if kept.len() < wire.needed {
                wire.kept = kept;
                return Ok(Ok(()));
            }
        }
        let bytes = if kept.is_empty() { &self.scratch[..count] } else { kept.as_slice() };
        if wire.awaits_stream {
            match begin_stream(bytes) {
                Err(error) => return Ok(Err(error)),
                Ok(Begin::NotYet) => wire.kept = bytes.to_vec(),
                Ok(Begin::Refused) => wire.awaits_stream = false,
                Ok(Begin::Stream { mut chunks, used }) => {
                    let result = stream(play, who, &mut chunks, &bytes[used..]);
                    wire.phase = Phase::Streaming(chunks);
                    return Ok(result);
                }
            }
            if wire.awaits_stream {
                return Ok(Ok(()));
            }
        }
        match parse(bytes, &mut self.decoded) {
            Err(error) => Ok(Err(error)),
            Ok(Parsed::Partial { at_least }) => {
                wire.needed = at_least;
                wire.kept = if kept.is_empty() { bytes.to_vec() } else { kept };
                Ok(Ok(()))
            }
            // Nobody waits for interim answers (1xx).
            Ok(Parsed::Whole { answer, used }) if answer.status < 200 => {
                wire.kept = bytes[used..].to_vec();
                wire.needed = 0;
                Ok(Ok(()))
            }
            Ok(Parsed::Whole { used, .. }) if used < bytes.len() => {
                Ok(Err(Malformed("more than one answer to one request")))
            }
            Ok(Parsed::Whole { answer, .. }) => {
                play.answered(&mut self.wires, who, key, &answer)?;
                // The memory of an answer in pieces is used for the next one.
                if let Some(wire) = self.wires.get(key).filter(|wire| wire.serial == serial) {
                    kept.clear();
                    wire.kept = kept;
                }
                Ok(Ok(()))
            }
        }
    }

    fn close(&mut self, play: &mut impl Play, key: Key, why: &str) -> anyhow::Result<()> {
        match self.wires.close(key) {
            Some(who) => play.closed(&mut self.wires, who, why),
            None => Ok(()),
        }
    }
}

enum Begin {
    NotYet,
    /// Something else came, an error most likely: an answer like any other.
    Refused,
    Stream {
        chunks: Option<Chunks>,
        used: usize,
    },
}

fn begin_stream(bytes: &[u8]) -> Result<Begin, Malformed> {
    let Some(head) = parse_head(bytes)? else { return Ok(Begin::NotYet) };
    let chunks = match head.body {
        BodyLength::Fixed(_) => return Ok(Begin::Refused),
        BodyLength::Chunked => Some(Chunks::default()),
        BodyLength::UntilClose => None,
    };
    match head.status {
        200 => Ok(Begin::Stream { chunks, used: head.bytes }),
        _ => Ok(Begin::Refused),
    }
}

fn stream(
    play: &mut impl Play,
    who: Who,
    chunks: &mut Option<Chunks>,
    bytes: &[u8],
) -> Result<(), Malformed> {
    match chunks {
        None => play.streamed(who, bytes),
        Some(chunks) => {
            chunks.feed(bytes, |piece| play.streamed(who, piece))?;
        }
    }
    Ok(())
}
