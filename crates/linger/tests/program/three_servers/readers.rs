//! People who read a room while servers die: by held requests, by short ones and by streams.
//!
//! Each keeps one cursor, and takes it to another node when theirs does not answer, and now
//! and then without a reason. A gap, a repeat or a reset panics.

use std::{
    io::{self, BufReader},
    net::TcpStream,
    sync::atomic::{AtomicU64, Ordering},
    thread,
    time::{Duration, Instant},
};

use serde_json::Value;

use super::{Addresses, PATIENCE_WITH_A_NODE};
use crate::{
    chance::Chance,
    client::{Answer, Client, read_chunk},
    process::PATIENCE,
};

/// Seconds: below the patience with a node.
const WAIT: u64 = 2;
/// A stream without news has no comment for longer; so its reader leaves before.
const STREAM_PATIENCE: Duration = Duration::from_secs(4);

/// The ways in which they read.
#[derive(Debug, Clone, Copy)]
pub enum Way {
    Held,
    Short,
    Stream,
}

/// One who reads.
pub struct Reader<'a> {
    pub way: Way,
    client: Client,
    addresses: &'a Addresses,
    node: usize,
    room: &'a str,
    chance: Chance,
    cursor: String,
    seen: Vec<Seen>,
}

/// An event, as a reader saw it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seen {
    pub position: u64,
    pub number: u64,
    pub kind: String,
    /// The message that it is about.
    pub message: Option<u64>,
    /// Its text, if that was not taken back.
    pub text: Option<String>,
}

impl Seen {
    pub fn of(event: &Value) -> Seen {
        let message = event["message"]["id"].as_u64().or(event["message_id"].as_u64());
        Seen {
            position: event["position"].as_u64().unwrap(),
            number: event["number"].as_u64().unwrap(),
            kind: event["type"].as_str().unwrap().to_owned(),
            message,
            text: event["message"]["text"].as_str().map(str::to_owned),
        }
    }

    /// Tells whether both are the same event: its text may have been taken back in between.
    pub fn is_same(&self, other: &Seen) -> bool {
        let texts_agree = match (&self.text, &other.text) {
            (Some(one), Some(other)) => one == other,
            _ => true,
        };
        let fact = |seen: &Seen| (seen.position, seen.number, seen.message);
        fact(self) == fact(other) && self.kind == other.kind && texts_agree
    }
}

impl<'a> Reader<'a> {
    /// Somebody who reads a room from its start on, and begins at this node.
    pub fn new(
        client: Client,
        addresses: &'a Addresses,
        node: usize,
        room: &'a str,
        seed: u64,
    ) -> Reader<'a> {
        let way = [Way::Held, Way::Held, Way::Held, Way::Stream, Way::Short][seed as usize % 5];
        let (chance, cursor) = (Chance::new(1000 + seed), "start".to_owned());
        Reader { way, client, addresses, node, room, chance, cursor, seen: Vec::new() }
    }

    /// Reads until the room's last event, whose number is said when it is known.
    pub fn read(mut self, last: &AtomicU64) -> Vec<Seen> {
        let mut known_since = None;
        loop {
            let end = last.load(Ordering::Relaxed);
            if self.number() >= end {
                return self.seen;
            }
            if end < u64::MAX {
                let time = known_since.get_or_insert_with(Instant::now).elapsed();
                let number = self.number();
                assert!(time < PATIENCE, "{:?} has read {number} of {end}", self.way);
            }
            let is_going = match self.way {
                Way::Stream => self.stream(last).is_err(),
                Way::Held | Way::Short => self.poll().is_err() || self.chance.pick(0..50) == 0,
            };
            if is_going {
                self.node += 1;
                self.client = self.client.again(self.addresses.of(self.node));
                thread::sleep(Duration::from_millis(self.chance.pick(10..100)));
            }
        }
    }

    /// Asks once. Errors: the node does not answer, or cannot just now.
    fn poll(&mut self) -> io::Result<()> {
        let wait = if matches!(self.way, Way::Held) { WAIT } else { 0 };
        let (room, cursor) = (self.room, &self.cursor);
        let path = format!("/api/v1/rooms/{room}/events?after={cursor}&wait={wait}&limit=200");
        let answer = self.client.try_call("GET", &path, &[], "")?;
        if answer.status == 503 {
            return Err(io::ErrorKind::Other.into());
        }
        let page = answer.expect(200);
        assert_eq!(page["reset"], Value::Null, "{:?} after {}: {page}", self.way, self.cursor);
        page["events"].as_array().unwrap().iter().for_each(|event| self.take(event));
        page["cursor"].as_str().unwrap().clone_into(&mut self.cursor);
        if matches!(self.way, Way::Short) {
            thread::sleep(Duration::from_millis(self.chance.pick(50..400)));
        }
        Ok(())
    }

    /// Reads a stream for some time. Errors: it ended, or the node hangs.
    fn stream(&mut self, last: &AtomicU64) -> io::Result<()> {
        let path = format!("/api/v1/rooms/{}/events?after=start", self.room);
        let mut fields = vec![("Accept", "text/event-stream")];
        if self.cursor != "start" {
            fields.push(("Last-Event-ID", &self.cursor));
        }
        let mut stream = self.client.try_begin(&path, &fields)?;
        stream.get_ref().set_read_timeout(Some(PATIENCE_WITH_A_NODE))?;
        let head = Answer::read_head(&mut stream)?;
        if head.status == 503 {
            return Err(io::ErrorKind::Other.into());
        }
        head.expect(200);
        stream.get_ref().set_read_timeout(Some(STREAM_PATIENCE))?;
        let until = Instant::now() + Duration::from_millis(self.chance.pick(500..20_000));
        let mut begun = Vec::new();
        while Instant::now() < until {
            self.take_frames(&mut begun, &mut stream)?;
            if self.number() >= last.load(Ordering::Relaxed) {
                break;
            }
        }
        // It leaves without a reason.
        Err(io::ErrorKind::Other.into())
    }

    /// Takes the frames that are whole with the next chunk.
    fn take_frames(
        &mut self,
        begun: &mut Vec<u8>,
        stream: &mut BufReader<TcpStream>,
    ) -> io::Result<()> {
        begun.extend(read_chunk(stream)?.ok_or(io::ErrorKind::UnexpectedEof)?);
        let whole = begun.windows(2).rposition(|two| two == b"\n\n").map_or(0, |end| end + 2);
        let text = String::from_utf8(begun.drain(..whole).collect()).unwrap();
        for frame in text.split_terminator("\n\n") {
            let field = |name| frame.lines().find_map(|line| line.strip_prefix(name));
            assert_ne!(field("event: "), Some("reset"), "after {}: {frame}", self.cursor);
            if let Some(data) = field("data: ") {
                self.take(&serde_json::from_str(data).unwrap());
            }
            if let Some(id) = field("id: ") {
                id.clone_into(&mut self.cursor);
            }
        }
        Ok(())
    }

    /// Returns the number of the last event that was read.
    fn number(&self) -> u64 {
        self.seen.last().map_or(0, |seen| seen.number)
    }

    fn take(&mut self, event: &Value) {
        let seen = Seen::of(event);
        let before = self.number();
        assert_eq!(
            seen.number,
            before + 1,
            "{:?} after {}: {event} after number {before}",
            self.way,
            self.cursor
        );
        self.seen.push(seen);
    }
}
