//! The way of one connection, step by step.
//!
//! A report, a call or a timer begins it, and [`Shard::advance`] goes on until the
//! connection rests: idle, parked, with an answer that does not go out, or
//! gone. Wherever it rests, its one timer is set anew.

use std::{
    mem,
    net::Shutdown,
    sync::Arc,
    time::{Duration, Instant},
};

use super::{
    Shard, WRITE_MIN,
    calls::cost_of,
    connection::{Record, State, Writing},
};
use crate::{
    Answer, Connection, Look, Parking, Service, Then, Verdict,
    request::{Fields, Parsed, parse},
};

/// Steps of one connection in one turn, about twenty requests. Then others have
/// their turn.
const STEPS_MAX: usize = 64;
/// A body mostly comes with its head, or right behind it. If it is not there by
/// then, the connection is handed over, and the other server waits for it.
const BODY_PATIENCE: Duration = Duration::from_secs(1);
/// How long a peer may still send after its last answer.
const FAREWELL: Duration = Duration::from_secs(1);
/// Reads of those bytes. A peer that sends more than that is not listening.
const FAREWELL_READS_MAX: usize = 16;

/// The next thing to do for a connection.
pub(super) enum Step<T> {
    /// Serve what is left over, or read.
    Read,
    Send(Answer<T>),
    /// Park a request that was looked for in this turn.
    Park(Parking<T>),
    Then(Then<T>),
    /// Nothing until something happens; or the connection is gone.
    Rest,
}

impl<S: Service> Shard<S> {
    /// Takes one step after the other until the connection rests, or had enough for now.
    pub(super) fn advance(&mut self, key: u32, mut step: Step<S::Ticket>) {
        let mut has_parked = false;
        for _ in 0..STEPS_MAX {
            // A request that was not begun can wait; one that was begun is finished. The next
            // piece of a stream comes when other streams had theirs.
            let can_wait = match step {
                Step::Read => self.is_spent(),
                Step::Park(_) => {
                    has_parked = true;
                    false
                }
                Step::Then(Then::Park(_)) => mem::replace(&mut has_parked, true) || self.is_spent(),
                _ => false,
            };
            if can_wait {
                break;
            }
            step = match step {
                Step::Read => self.serve_next(key),
                Step::Send(answer) => self.send(key, &answer),
                Step::Then(Then::NextRequest) => Step::Read,
                Step::Then(Then::Close) => self.leave(key),
                Step::Park(parking) | Step::Then(Then::Park(parking)) => self.park(key, parking),
                Step::Rest => return,
            };
        }
        self.put_off(key, step);
    }

    /// Keeps for the next turn what is to be done.
    fn put_off(&mut self, key: u32, step: Step<S::Ticket>) {
        let is_stream = matches!(step, Step::Then(Then::Park(_)));
        let rest = match step {
            Step::Rest => return,
            Step::Read => None,
            Step::Send(Answer { bytes, then, items }) => {
                self.count_items += u64::from(items);
                Some((bytes, then))
            }
            // The answer has gone out already; only the next step is left.
            Step::Then(then) => Some((Arc::from([]), then)),
            Step::Park(parking) => Some((Arc::from([]), Then::Park(parking))),
        };
        if let Some((bytes, then)) = rest {
            let Some(load) = self.loads.of(&bytes) else { return self.drop_connection(key) };
            let writing = Writing { bytes, offset: 0, offset_before: 0, then, _load: load };
            self.connections[key as usize].state = State::Writing(Box::new(writing));
        }
        let record = &mut self.connections[key as usize];
        record.is_put_off = true;
        match is_stream {
            true => self.streams.push_back((key, record.generation)),
            false => self.put_off.push((key, record.generation)),
        }
        if !record.is_short {
            // The timer was set for something that is over.
            let deadline = self.now + self.settings.write_timeout;
            self.wheel.set(&mut self.connections, key, deadline);
        }
    }

    /// Serves the next request, from what is left over or from what can be read.
    fn serve_next(&mut self, key: u32) -> Step<S::Ticket> {
        let record = &mut self.connections[key as usize];
        let mut count = record.left_over.len();
        // Another server may give back more bytes than would ever be read here.
        if count > self.buffer.len() {
            let bytes = mem::take(&mut record.left_over);
            return self.hand_over(key, bytes, None);
        }
        self.buffer[..count].copy_from_slice(&record.left_over);
        if count == 0 || record.is_short {
            if !record.may_read {
                return self.rest(key);
            }
            match record.read(&mut self.buffer[count..]) {
                Ok(Some(0)) if record.is_short => {
                    // The request broke off: the other server answers that.
                    let bytes = mem::take(&mut record.left_over);
                    return self.hand_over(key, bytes, None);
                }
                Ok(Some(0)) | Err(_) => return self.drop_connection_and_rest(key),
                Ok(Some(read)) => count += read,
                Ok(None) => return self.rest(key),
            }
        }
        let bytes = &self.buffer[..count];
        let mut fields = Fields::new();
        let (verdict, end) = match parse(bytes, record.peer, &mut fields) {
            Parsed::Incomplete => (None, 0),
            Parsed::Foreign => (Some(Verdict::NotMine), 0),
            Parsed::Head { head, .. } if !self.service.wants(&head) => (Some(Verdict::NotMine), 0),
            Parsed::Head { head, head_bytes, body_bytes } => {
                let end = head_bytes + body_bytes;
                let body = bytes.get(head_bytes..end);
                (body.map(|body| self.service.ask(&head.with_body(body))), end)
            }
        };
        let Some(verdict) = verdict else {
            let is_first = !mem::replace(&mut record.is_short, true);
            record.left_over = bytes.to_vec();
            let patience = if end == 0 { self.settings.head_timeout } else { BODY_PATIENCE };
            let due = self.now + patience;
            // Bytes that trickle in do not move the deadline.
            let known = self.wheel.deadline(&mut self.connections, key);
            if is_first || known.is_none_or(|known| due < known) {
                self.wheel.set(&mut self.connections, key, due);
            }
            return Step::Read;
        };
        let (step, errand) = match verdict {
            Verdict::Answer(answer) => {
                self.lookups += cost_of(&answer.bytes);
                (Some(Step::Send(answer)), None)
            }
            Verdict::Park(parking) => {
                let lookups = &mut self.lookups;
                let look = self.entered.of(&parking.ticket, || {
                    let look = self.service.first_look(&parking.ticket);
                    *lookups += look.as_ref().map_or(0, Look::cost);
                    look
                });
                (look.is_some().then_some(Step::Park(parking)), None)
            }
            Verdict::NotMine => (None, None),
            Verdict::NotYet(errand) => (None, Some(errand)),
        };
        let Some(step) = step else {
            let bytes = bytes.to_vec();
            return self.hand_over(key, bytes, errand);
        };
        // An exact copy of the rest, without spare memory.
        record.left_over = bytes[end..].to_vec();
        record.is_short = false;
        step
    }

    /// Ends the wait for the rest of a request whose time is over.
    pub(super) fn give_up(&mut self, key: u32) {
        let record = &mut self.connections[key as usize];
        let is_head_here = matches!(
            parse(&record.left_over, record.peer, &mut Fields::new()),
            Parsed::Head { .. }
        );
        let step = if is_head_here {
            let bytes = mem::take(&mut record.left_over);
            // The time for the head is over.
            record.is_short = false;
            self.hand_over(key, bytes, None)
        } else {
            let bytes = self.settings.head_timeout_answer.clone();
            Step::Send(Answer { bytes, items: 0, then: Then::Close })
        };
        self.advance(key, step);
    }

    /// Rests until more of a request comes.
    fn rest(&mut self, key: u32) -> Step<S::Ticket> {
        if !self.connections[key as usize].is_short {
            let deadline = self.now + self.settings.idle_timeout;
            self.wheel.set(&mut self.connections, key, deadline);
        }
        Step::Rest
    }

    pub(super) fn park(&mut self, key: u32, parking: Parking<S::Ticket>) -> Step<S::Ticket> {
        let Parking { ticket, topic, deadline } = parking;
        self.waiters.enter(&mut self.connections, key, topic);
        // A request was looked for already. That was soon enough: wakes are heard between
        // turns, so one that its look has missed finds it here.
        let lookups = &mut self.lookups;
        let mut look = || {
            let look = self.service.look(&ticket);
            *lookups += look.cost();
            look
        };
        let entered = self.entered.of(&ticket, || Some(look())).clone();
        let look = entered.unwrap_or_else(look);
        let is_brief = self.service.is_brief(&look.ticket);
        let record = &mut self.connections[key as usize];
        record.state = State::Parked(look.ticket);
        if let Some(answer) = look.answer {
            self.unpark(key);
            Step::Send(answer)
        } else if self.closing.is_some() && !is_brief || deadline <= Instant::now() {
            // The clock decides, not the time of the turn, which may be older than the deadline.
            Step::Send(self.expired_answer(key))
        } else if record.has_ended && !is_brief {
            self.drop_connection_and_rest(key)
        } else {
            self.wheel.set(&mut self.connections, key, deadline);
            Step::Rest
        }
    }

    /// Takes a parked connection out of its list. Its timer is set anew where it
    /// rests next.
    pub(super) fn unpark(&mut self, key: u32) -> S::Ticket {
        self.waiters.leave(&mut self.connections, key);
        if self.closing.is_none() {
            // Before its answer goes out: a client that has its answer must not be counted.
            self.inbox.show_parked(self.waiters.len());
        }
        let state = &mut self.connections[key as usize].state;
        match mem::replace(state, State::Reading) {
            State::Parked(ticket) => ticket,
            _ => panic!("{key} is not parked"),
        }
    }

    pub(super) fn expire(&mut self, key: u32) {
        let answer = self.expired_answer(key);
        self.advance(key, Step::Send(answer));
    }

    /// Unparks the connection, and returns its answer after a wait without news.
    fn expired_answer(&mut self, key: u32) -> Answer<S::Ticket> {
        let ticket = self.unpark(key);
        let lookups = &mut self.lookups;
        let answer = self.expired.of(&ticket, || {
            let (answer, took) = self.service.expire(&ticket);
            *lookups += took + cost_of(&answer.bytes);
            answer
        });
        let mut answer = answer.clone();
        let ends = self.closing.is_some() && !self.service.is_brief(&ticket);
        if ends && matches!(answer.then, Then::Park(_)) {
            // The stream ends here; otherwise it would park and expire for ever.
            answer.then = Then::Close;
        }
        answer
    }

    pub(super) fn send(&mut self, key: u32, answer: &Answer<S::Ticket>) -> Step<S::Ticket> {
        // Before its first byte: after that, no other answer can be sent.
        if !self.loads.has_room(&answer.bytes) {
            return self.refuse(key, answer);
        }
        self.count_items += u64::from(answer.items);
        match self.connections[key as usize].write(&answer.bytes, 0) {
            Ok(offset) if offset == answer.bytes.len() => Step::Then(answer.then.clone()),
            Ok(offset) => {
                let Answer { bytes, then, items: _ } = answer.clone();
                let Some(load) = self.loads.of(&bytes) else {
                    return self.drop_connection_and_rest(key);
                };
                let writing = Writing { bytes, offset, offset_before: offset, then, _load: load };
                self.connections[key as usize].state = State::Writing(Box::new(writing));
                let deadline = self.now + self.settings.write_timeout;
                self.wheel.set(&mut self.connections, key, deadline);
                Step::Rest
            }
            Err(_) => self.drop_connection_and_rest(key),
        }
    }

    /// Sends a refusal in the place of an answer for which there is no room, and closes.
    /// If a part of the answer has gone out, there is no place for a refusal.
    fn refuse(&mut self, key: u32, answer: &Answer<S::Ticket>) -> Step<S::Ticket> {
        let bytes = self.settings.overloaded_answer.clone();
        let is_head = answer.bytes.starts_with(b"HTTP/1.1 ");
        if !is_head || Arc::ptr_eq(&bytes, &answer.bytes) {
            return self.drop_connection_and_rest(key);
        }
        Step::Send(Answer { bytes, items: 0, then: Then::Close })
    }

    /// Cuts a reader whose time is over, unless it took its part of the answer.
    pub(super) fn press(&mut self, key: u32) {
        // The socket may take more, although the system has not said so yet.
        let step = self.write_on(key);
        let Some(record) = self.connections.get_mut(key as usize) else { return };
        if let State::Writing(writing) = &mut record.state {
            if writing.offset - writing.offset_before < WRITE_MIN {
                return self.drop_connection(key);
            }
            writing.offset_before = writing.offset;
            let deadline = self.now + self.settings.write_timeout;
            self.wheel.set(&mut self.connections, key, deadline);
        }
        self.advance(key, step);
    }

    /// Goes on with an answer that did not go out at once.
    pub(super) fn write_on(&mut self, key: u32) -> Step<S::Ticket> {
        let record = &mut self.connections[key as usize];
        let State::Writing(mut writing) = mem::replace(&mut record.state, State::Reading) else {
            panic!("{key} has nothing to write");
        };
        match record.write(&writing.bytes, writing.offset) {
            Ok(offset) if offset == writing.bytes.len() => Step::Then(writing.then),
            Ok(offset) => {
                writing.offset = offset;
                record.state = State::Writing(writing);
                Step::Rest
            }
            Err(_) => self.drop_connection_and_rest(key),
        }
    }

    /// Ends the sending, and waits a little for the peer to close.
    fn leave(&mut self, key: u32) -> Step<S::Ticket> {
        let record = &mut self.connections[key as usize];
        record.state = State::Leaving;
        record.left_over = Vec::new();
        record.is_short = false;
        if record.stream.shutdown(Shutdown::Write).is_err() {
            return self.drop_connection_and_rest(key);
        }
        self.wheel.set(&mut self.connections, key, self.now + FAREWELL);
        self.let_fall(key);
        Step::Rest
    }

    /// Reads what still comes, and throws it away.
    pub(super) fn let_fall(&mut self, key: u32) {
        let record = &mut self.connections[key as usize];
        for _ in 0..FAREWELL_READS_MAX {
            if !record.may_read {
                return;
            }
            match record.read(&mut self.buffer) {
                Ok(Some(0)) | Err(_) => break,
                Ok(_) => {}
            }
        }
        self.drop_connection(key);
    }

    /// Gives the connection, with what was read and not answered, to the service.
    fn hand_over(
        &mut self,
        key: u32,
        bytes: Vec<u8>,
        errand: Option<S::Errand>,
    ) -> Step<S::Ticket> {
        let is_short = self.connections[key as usize].is_short;
        let due = self.wheel.deadline(&mut self.connections, key).filter(|_| is_short);
        let Record { mut stream, peer, place, .. } = self.remove(key);
        // It is the same socket that the other server will watch.
        match self.poll.registry().deregister(&mut stream) {
            Ok(()) => {
                let connection = Connection { stream: stream.into(), peer, bytes, due, place };
                self.service.hand_over(connection, errand);
            }
            Err(error) => {
                tracing::warn!(%error, "a connection could not be handed over, so it is closed");
            }
        }
        Step::Rest
    }

    fn drop_connection_and_rest(&mut self, key: u32) -> Step<S::Ticket> {
        self.drop_connection(key);
        Step::Rest
    }

    /// Closes the connection and frees its place, wherever it stands.
    pub(super) fn drop_connection(&mut self, key: u32) {
        if self.connections[key as usize].is_parked() {
            self.waiters.leave(&mut self.connections, key);
        }
        // To close a socket ends the watch over it.
        drop(self.remove(key));
    }

    fn remove(&mut self, key: u32) -> Record<S> {
        self.wheel.clear(&mut self.connections, key);
        self.connections.remove(key as usize)
    }
}
