//! The servers that can be driven: each has its own rooms, cursors and publishes.
//!
//! A target writes requests and reads answers; it sends nothing during a
//! measurement. One file per server, and no scenario knows which it has.

pub(crate) mod cursor;
pub(crate) mod durable_streams;
pub(crate) mod linger;
pub(crate) mod nchan;
pub(crate) mod server;

use std::{net::SocketAddr, time::Duration};

use clap::ValueEnum;
use cursor::Cursor;

use crate::{client::framing::Answer, disk::Syncs, process::Pid};

/// How long a poll asks to be held: as long as Linger holds at most.
pub(crate) const HOLD_SECONDS: u64 = 55;
/// As long as Linger's tokens are, so that a head has the same size everywhere.
const TOKEN_LENGTH: usize = 64;
/// A server that is not there by then has failed.
pub(crate) const START_TIMEOUT: Duration = Duration::from_secs(20);

/// The servers by name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Kind {
    Linger,
    Nchan,
    DurableStreams,
}

impl Kind {
    /// All of them, the one that the others are compared with included.
    pub(crate) const ALL: [Kind; 3] = [Kind::Linger, Kind::Nchan, Kind::DurableStreams];

    /// Returns the name for tables and pictures.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Kind::Linger => "linger",
            Kind::Nchan => "nchan",
            Kind::DurableStreams => "durable-streams",
        }
    }
}

/// The speakers of a scenario: rooms and publishers are numbered from 0.
#[derive(Debug, Clone, Default)]
pub(crate) struct Cast {
    pub(crate) rooms: usize,
    pub(crate) publishers: usize,
    /// (publisher, room); the first publisher of a room opens it.
    pub(crate) speakers: Vec<(usize, usize)>,
}

/// Where a reader begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum From {
    Start,
    Now,
}

/// How messages are sent, where a server has two ways.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Sends {
    /// With the request id in the path
    Put,
    /// With the request id in a header
    Post,
    /// In turns
    Both,
}

impl Sends {
    /// Returns whether a lane's message is sent by `POST`: always the same way,
    /// however often it is said again.
    pub(crate) fn is_post(self, sequence: u64) -> bool {
        match self {
            Sends::Put => false,
            Sends::Post => true,
            Sends::Both => sequence.is_multiple_of(2),
        }
    }
}

/// The kind of an answer to a poll.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Polled {
    /// Events, perhaps: the messages are looked for in the body.
    News,
    /// Nothing happened for as long as the server holds.
    Nothing,
    /// Something else: an error of the server, or of this program.
    Refused,
}

/// A server that holds requests.
pub(crate) trait Target {
    /// Its version, in its own words.
    fn version(&self) -> &str;
    /// Where it listens.
    fn address(&self) -> SocketAddr;
    /// The process that was started for it; its children count as well.
    fn process(&self) -> Option<Pid>;
    /// The syncs of its data so far, if they are counted.
    fn syncs(&self) -> Option<Syncs>;

    /// Makes the rooms and the publishers that a scenario needs.
    fn prepare(&mut self, cast: &Cast) -> anyhow::Result<()>;
    /// Returns the cursor of a reader who begins in `room`.
    fn cursor(&mut self, room: usize, from: From) -> anyhow::Result<Cursor>;
    /// Returns the tokens of `count` new sessions, for one reader each.
    ///
    /// A peer knows none: it gets tokens that are made up, to read over.
    fn open_sessions(&mut self, count: usize) -> anyhow::Result<Vec<String>> {
        Ok((0..count).map(|number| format!("{number:0>TOKEN_LENGTH$}")).collect())
    }
    /// Returns how many requests are held, if the server tells.
    fn held(&mut self) -> anyhow::Result<Option<usize>>;
    /// Whether it lets go of a held request when its reader hangs up.
    fn notices_hang_ups(&self) -> bool {
        true
    }
    /// Ends the server and starts it anew on the same address and data.
    /// Returns how long the start took. Errors: it cannot, or not in time.
    fn restart(&mut self) -> anyhow::Result<Duration>;

    /// Writes the request that publishes `text`: the same `id`, the same effect.
    fn publish(&self, out: &mut Vec<u8>, publisher: usize, room: usize, id: PublishId, text: &[u8]);
    /// Returns whether that was acknowledged.
    fn was_published(&self, answer: &Answer<'_>) -> bool {
        (200..300).contains(&answer.status)
    }
    /// Writes the request that waits for events after `cursor`.
    fn poll(&self, out: &mut Vec<u8>, room: usize, cursor: &Cursor, session: Session<'_>);
    /// Reads the answer to a poll, and moves the cursor.
    fn polled(&self, answer: &Answer<'_>, cursor: &mut Cursor) -> Polled;
    /// Writes the request for a stream of events after `cursor`.
    fn stream(&self, out: &mut Vec<u8>, room: usize, cursor: &Cursor, session: Session<'_>);
    /// Reads some whole frames of the stream, and moves the cursor.
    fn streamed(&self, frames: &[u8], cursor: &mut Cursor);
    /// Whether a room can be followed as lines of text.
    fn has_lines(&self) -> bool {
        false
    }
    /// Writes the request for the lines of a room from now on, if it has them.
    fn follow(&self, _out: &mut Vec<u8>, _room: usize, _session: Session<'_>) {
        unreachable!("nobody follows a room without lines");
    }
    /// Writes a request that is answered at once, as a client makes before it waits.
    fn greet(&self, out: &mut Vec<u8>, session: Session<'_>);
}

/// Names one publish for ever.
#[derive(Debug, Clone, Copy)]
pub(crate) struct PublishId {
    pub(crate) lane: u32,
    pub(crate) sequence: u64,
    /// By `POST` instead of `PUT`; peers have one way only.
    pub(crate) is_post: bool,
}

/// A reader's token, if it has one of its own.
pub(crate) type Session<'a> = Option<&'a str>;

/// Ends a head, with the field that names the session.
fn end_head(out: &mut Vec<u8>, session: Session<'_>) {
    if let Some(token) = session {
        out.extend_from_slice(b"Authorization: Bearer ");
        out.extend_from_slice(token.as_bytes());
        out.extend_from_slice(b"\r\n");
    }
    out.extend_from_slice(b"\r\n");
}

/// Returns the last `id:` of some frames of server-sent events.
fn last_id(frames: &[u8]) -> Option<&[u8]> {
    let lines = frames.rsplit(|byte| *byte == b'\n');
    lines.filter_map(|line| line.strip_prefix(b"id: ")).next()
}
