//! Readers and publishers, and how each reacts to an answer.
//!
//! A reader polls, compares the answer with the messages that it expects, and polls
//! again at once, as a client does. A publisher sends one message and waits for its
//! acknowledgement. A connection that is closed on them is opened again.

use std::time::Instant;

use super::{
    Mode, Terms,
    ledger::Ledger,
    message::{Message, Messages},
};
use crate::{
    client::framing::Answer,
    reactor::{Key, Play, Who, Wires},
    target::{Cast, Polled, PublishId, Sends, Target, cursor::Cursor},
};

/// Reconnects per reader before the run is given up: a server that closes
/// everything would keep us busy for ever.
const REOPENED_PER_READER: u64 = 10;

/// A reader.
pub(crate) struct Reader {
    room: usize,
    /// The sequence number that comes next.
    next: u64,
    cursor: Cursor,
    /// Its token, if it has a session of its own.
    session: Option<Box<str>>,
    state: Reading,
    has_greeted: bool,
    /// The beginning of a stream's frame.
    carry: Vec<u8>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Reading {
    Away,
    Greeting,
    Waiting,
}

impl Reader {
    fn new(room: usize, cursor: Cursor, session: Option<String>) -> Reader {
        let (session, state) = (session.map(Into::into), Reading::Away);
        Reader { room, next: 1, cursor, session, state, has_greeted: false, carry: Vec::new() }
    }

    /// Forgets the parts that belong to a connection, but not what was read.
    fn leave(&mut self) {
        self.state = Reading::Away;
        self.has_greeted = false;
        self.carry.clear();
    }
}

/// A publisher, in rooms of its own or in lanes of its own.
#[derive(Default)]
pub(crate) struct Publisher {
    rooms: Vec<usize>,
    turn: usize,
    key: Option<Key>,
    is_open: bool,
    /// The lane's room, and the message there that is not acknowledged.
    unacknowledged: Option<(usize, Message)>,
}

/// All of them.
pub(crate) struct Players<'t> {
    pub(crate) target: &'t mut dyn Target,
    pub(crate) readers: Vec<Reader>,
    pub(crate) publishers: Vec<Publisher>,
    pub(crate) ledger: Ledger,
    /// Until this time, an acknowledged publisher sends the next message.
    pub(crate) publishing_until: Option<Instant>,
    /// Readers whose connection is closed stay away instead of coming back.
    pub(crate) stay_away: bool,
    /// Readers make another request on each connection before they poll.
    pub(crate) greet_first: bool,
    /// Each publisher has a lane of its own, so each order is checked by itself.
    pub(crate) lanes_by_publisher: bool,
    mode: Mode,
    text_bytes: usize,
    sends: Sends,
    messages: Messages,
    /// The last number that was given out in each lane.
    lanes: Vec<u64>,
    readers_in: Vec<u64>,
    /// Deliveries that there must be in the end.
    due: u64,
    text: Vec<u8>,
}

impl<'t> Players<'t> {
    pub(super) fn new(
        target: &'t mut dyn Target,
        cast: &Cast,
        mode: Mode,
        Terms { text_bytes, sends, .. }: Terms,
    ) -> Players<'t> {
        let mut publishers = Vec::new();
        publishers.resize_with(cast.publishers, Publisher::default);
        for (publisher, room) in &cast.speakers {
            publishers[*publisher].rooms.push(*room);
        }
        Players {
            target,
            readers: Vec::new(),
            publishers,
            ledger: Ledger::new(),
            publishing_until: None,
            stay_away: false,
            greet_first: false,
            lanes_by_publisher: false,
            mode,
            text_bytes,
            sends,
            messages: Messages::new(),
            lanes: vec![0; cast.rooms.max(cast.publishers)],
            readers_in: vec![0; cast.rooms],
            due: 0,
            text: Vec::new(),
        }
    }

    /// The last sequence number in each lane.
    pub(crate) fn lanes(&self) -> &[u64] {
        &self.lanes
    }

    /// Whether anything is not acknowledged yet.
    pub(crate) fn is_publishing(&self) -> bool {
        self.publishers.iter().any(|publisher| publisher.unacknowledged.is_some())
    }

    /// Seats `count` readers in a room, who begin behind `cursor`: before
    /// everything that was sent there through us, or with nothing sent yet. Each
    /// takes a session while there are any.
    pub(crate) fn seat(
        &mut self,
        room: usize,
        count: usize,
        cursor: Cursor,
        sessions: &mut impl Iterator<Item = String>,
    ) {
        let readers = std::iter::repeat_with(|| Reader::new(room, cursor, sessions.next()));
        self.readers.extend(readers.take(count));
        self.readers_in[room] += count as u64;
        self.due += count as u64 * self.lanes[room];
    }

    /// Whether every reader has all that was published in its room.
    pub(crate) fn has_all(&self) -> bool {
        // The sum first, which saves the walk over all readers while most are missing.
        self.ledger.deliveries >= self.due
            && self.readers.iter().all(|reader| reader.next > self.lanes[reader.room])
    }

    /// Enters a fault for every reader who has not got everything.
    pub(crate) fn report_missing(&mut self) {
        for (number, reader) in self.readers.iter().enumerate() {
            let last = self.lanes[reader.room];
            if reader.next <= last {
                let (room, next, state) = (reader.room, reader.next, reader.state);
                self.ledger.fault(|| {
                    format!("reader {number} of room {room} ({state:?}) never got {next} to {last}")
                });
            }
        }
    }

    /// Readers who have no connection.
    pub(crate) fn away(&self) -> usize {
        self.readers.iter().filter(|reader| reader.state == Reading::Away).count()
    }

    /// Enters that all readers hung up: their connections are gone.
    pub(super) fn hung_up(&mut self) {
        self.ledger.waiting = 0;
        for reader in &mut self.readers {
            reader.leave();
        }
    }

    /// Has a publisher send the next message to the next of its rooms.
    pub(crate) fn publish(&mut self, wires: &mut Wires, number: usize) -> anyhow::Result<()> {
        let publisher = &mut self.publishers[number];
        let room = publisher.rooms[publisher.turn % publisher.rooms.len()];
        publisher.turn += 1;
        let lane = if self.lanes_by_publisher { number } else { room };
        self.lanes[lane] += 1;
        self.due += self.readers_in[room];
        let sequence = self.lanes[lane];
        let lane = u32::try_from(lane).expect("lanes are bounded");
        publisher.unacknowledged =
            Some((room, Message { lane, sequence, nanos: self.ledger.nanos() }));
        match publisher.key {
            None => publisher.key = Some(wires.open(Who::Publisher(number))?),
            Some(key) if publisher.is_open => self.say(wires, number, key),
            Some(_) => {}
        }
        Ok(())
    }

    fn say(&mut self, wires: &mut Wires, number: usize, key: Key) {
        let Some((room, message)) = self.publishers[number].unacknowledged else { return };
        self.text.clear();
        message.write(self.text_bytes, &mut self.text);
        let Message { lane, sequence, .. } = message;
        let id = PublishId { lane, sequence, is_post: self.sends.is_post(sequence) };
        wires.send(key, |out| self.target.publish(out, number, room, id, &self.text));
    }

    fn poll(&mut self, wires: &mut Wires, number: usize, key: Key) {
        let reader = &mut self.readers[number];
        if self.greet_first && !reader.has_greeted {
            reader.state = Reading::Greeting;
            reader.has_greeted = true;
            wires.send(key, |out| self.target.greet(out, reader.session.as_deref()));
            return;
        }
        reader.state = Reading::Waiting;
        self.ledger.waiting += 1;
        let Reader { room, cursor, session, .. } = reader;
        let (room, session) = (*room, session.as_deref());
        match self.mode {
            Mode::LongPoll => wires.send(key, |out| self.target.poll(out, room, cursor, session)),
            Mode::Sse => {
                wires.send_for_stream(key, |out| self.target.stream(out, room, cursor, session));
            }
            Mode::Follow => {
                wires.send_for_stream(key, |out| self.target.follow(out, room, session));
            }
        }
    }

    fn reader_answered(
        &mut self,
        wires: &mut Wires,
        number: usize,
        key: Key,
        answer: &Answer<'_>,
    ) -> anyhow::Result<()> {
        let reader = &mut self.readers[number];
        let polled = match reader.state {
            Reading::Waiting => {
                self.ledger.waiting -= 1;
                Some(self.target.polled(answer, &mut reader.cursor))
            }
            // The request before the first poll: any answer but an error will do.
            Reading::Greeting | Reading::Away => (answer.status >= 400).then_some(Polled::Refused),
        };
        match (self.mode, polled) {
            (_, None) => {}
            (Mode::LongPoll, Some(Polled::News)) => self.read(number, answer.body),
            (Mode::LongPoll, Some(Polled::Nothing)) => self.ledger.empty += 1,
            _ => {
                let (status, said) = (answer.status, answer.excerpt());
                self.ledger.fault(|| format!("reader {number} was answered {status}: {said}"));
                reader.state = Reading::Away;
                wires.close(key);
                return Ok(());
            }
        }
        if answer.closes {
            wires.close(key);
            return self.reader_closed(wires, number);
        }
        self.poll(wires, number, key);
        Ok(())
    }

    fn reader_closed(&mut self, wires: &mut Wires, number: usize) -> anyhow::Result<()> {
        self.readers[number].leave();
        if self.stay_away {
            return Ok(());
        }
        self.ledger.reopened += 1;
        if self.ledger.reopened > REOPENED_PER_READER * self.readers.len() as u64 {
            self.ledger.fault(|| format!("reader {number} is closed out again and again"));
            return Ok(());
        }
        wires.open(Who::Reader(number)).map(drop)
    }

    /// Compares messages with those that the reader expects.
    fn read(&mut self, number: usize, bytes: &[u8]) {
        let reader = &mut self.readers[number];
        let lane = u32::try_from(reader.room).expect("rooms are bounded");
        let now = self.ledger.nanos();
        for message in self.messages.within(bytes) {
            reader.next = self.ledger.delivered(number, lane, reader.next, message, now);
        }
    }

    fn publisher_answered(
        &mut self,
        wires: &mut Wires,
        number: usize,
        key: Key,
        answer: &Answer<'_>,
    ) -> anyhow::Result<()> {
        let publisher = &mut self.publishers[number];
        let Some((_, message)) = publisher.unacknowledged.take() else {
            self.ledger.fault(|| format!("publisher {number} was answered without asking"));
            return Ok(());
        };
        if answer.closes {
            wires.close(key);
            (publisher.key, publisher.is_open) = (None, false);
        }
        if !self.target.was_published(answer) {
            let (status, said) = (answer.status, answer.excerpt());
            self.ledger.fault(|| format!("publisher {number} was answered {status}: {said}"));
            return Ok(());
        }
        self.ledger.acknowledged(message);
        match self.publishing_until.is_some_and(|until| Instant::now() < until) {
            true => self.publish(wires, number),
            false => Ok(()),
        }
    }
}

impl Play for Players<'_> {
    fn opened(&mut self, wires: &mut Wires, who: Who, key: Key) -> anyhow::Result<()> {
        match who {
            Who::Reader(number) => self.poll(wires, number, key),
            Who::Publisher(number) => {
                self.publishers[number].is_open = true;
                self.say(wires, number, key);
            }
        }
        Ok(())
    }

    fn answered(
        &mut self,
        wires: &mut Wires,
        who: Who,
        key: Key,
        answer: &Answer<'_>,
    ) -> anyhow::Result<()> {
        match who {
            Who::Reader(number) => self.reader_answered(wires, number, key, answer),
            Who::Publisher(number) => self.publisher_answered(wires, number, key, answer),
        }
    }

    fn streamed(&mut self, who: Who, bytes: &[u8]) {
        let Who::Reader(number) = who else { return };
        let mut carry = std::mem::take(&mut self.readers[number].carry);
        // Frames end with an empty line, and lines with a line.
        let end: &[u8] = if self.mode == Mode::Follow { b"\n" } else { b"\n\n" };
        let is_whole = carry.is_empty() && bytes.ends_with(end);
        if !is_whole {
            carry.extend_from_slice(bytes);
        }
        let all = if is_whole { bytes } else { carry.as_slice() };
        // The bytes after the last one are kept.
        let frames = memchr::memmem::rfind(all, end).map_or(0, |at| at + end.len());
        self.read(number, &all[..frames]);
        self.target.streamed(&all[..frames], &mut self.readers[number].cursor);
        if !is_whole {
            carry.drain(..frames);
        }
        self.readers[number].carry = carry;
    }

    fn closed(&mut self, wires: &mut Wires, who: Who, why: &str) -> anyhow::Result<()> {
        match who {
            Who::Reader(number) => {
                if self.readers[number].state == Reading::Waiting {
                    self.ledger.waiting -= 1;
                }
                self.reader_closed(wires, number)
            }
            Who::Publisher(number) => {
                let publisher = &mut self.publishers[number];
                let was_open = publisher.is_open;
                (publisher.key, publisher.is_open) = (None, false);
                match (publisher.unacknowledged, was_open) {
                    (None, _) => {}
                    // Most likely it was idle and closed just when we began to send. Send
                    // again under the same id; if it counted twice, the readers would notice.
                    (Some(_), true) => publisher.key = Some(wires.open(who)?),
                    (Some(_), false) => {
                        publisher.unacknowledged = None;
                        self.ledger.fault(|| format!("publisher {number} cannot connect: {why}"));
                    }
                }
                Ok(())
            }
        }
    }
}
