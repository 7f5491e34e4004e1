//! A shard: one thread, its connections, those of them that wait, and their timers.
//!
//! A turn: sleep until something happens, read the inbox, call those whom others wait
//! for, handle the reports of the sockets, call some of the other readers, go on with
//! some of the streams that are behind, answer those whose time is over. One loop over [`Step`]s per connection does all of it;
//! nothing here blocks.
//!
//! No wake-up is lost: this thread alone empties the inbox. A wake that was posted
//! after some look is read after the request of that look stands in its list.

mod calls;
pub(crate) mod connection;
pub(crate) mod inbox;
mod loads;
mod steps;

use std::{
    collections::VecDeque,
    io, mem,
    sync::Arc,
    time::{Duration, Instant},
};

use calls::Calls;
pub use connection::write_some;
use connection::{Record, State};
use inbox::{Inbox, Message};
use loads::Loads;
use mio::{Events, Interest, Poll, Token, event::Event, net::TcpStream};
use steps::Step;

use crate::{
    Answer, Connection, Look, ParkSettings, Service,
    request::{BODY_MAX, HEAD_MAX},
    slots::Slots,
    waiters::{Stand, Waiters},
    wheel::{Timer, Wheel},
};

#[cfg(test)]
mod tests;

/// Reports of the system in one turn: enough to share looks, few enough to hear
/// the inbox between them.
const EVENTS_MAX: usize = 1024;
/// A reader who takes fewer bytes in [`ParkSettings::write_timeout`] is cut.
pub const WRITE_MIN: usize = 16 << 10;
/// How often some are answered while the park closes: often enough to look even, and cheap.
const CLOSING_STEP: Duration = Duration::from_millis(10);
/// Larger lists give their memory back at the end of a turn.
const KEPT_MAX: usize = 1024;
const WAKER: Token = Token(usize::MAX);
// A token is a key and a generation.
const _: () = assert!(usize::BITS == 64, "tokens need 64 bits");

/// One thread's part of the park.
pub(crate) struct Shard<S: Service> {
    service: Arc<S>,
    settings: Arc<ParkSettings>,
    poll: Poll,
    inbox: Arc<Inbox<S>>,
    connections: Slots<Record<S>>,
    waiters: Waiters,
    wheel: Wheel,
    /// The generation of the next connection.
    generation: u32,
    /// Sockets are read into this. A whole request fits.
    buffer: Box<[u8]>,
    /// When this turn began.
    now: Instant,
    /// The results for equal tickets in this turn: on entering, and on expiring.
    entered: Same<S::Ticket, Option<Look<S::Ticket>>>,
    expired: Same<S::Ticket, Answer<S::Ticket>>,
    /// The answers of this shard that are on their way out.
    loads: Loads,
    /// Keys and generations of connections that had enough steps in this turn.
    put_off: Vec<(u32, u32)>,
    /// The same for streams that may have another piece to send.
    streams: VecDeque<(u32, u32)>,
    /// Lookups of this turn.
    lookups: usize,
    /// Once this is set, no request parks any more.
    closing: Option<Closing>,
    /// The work of this turn, for [`Service::count`].
    count_called: u64,
    count_items: u64,
    /// Topics that are to be called.
    calls: Calls,
    /// Empty between uses; kept for its space.
    due: Vec<u32>,
}

/// The result for the last ticket. Requests that come together mostly have equal ones.
struct Same<T, V>(Option<(T, V)>);

/// The answering of all who were parked when the park began to close.
struct Closing {
    from: Instant,
    spread: Duration,
    /// Keys and generations.
    parked: Vec<(u32, u32)>,
    answered: usize,
}

impl<T: Clone + PartialEq, V> Same<T, V> {
    fn of(&mut self, ticket: &T, make: impl FnOnce() -> V) -> &V {
        if self.0.as_ref().is_none_or(|(known, _)| known != ticket) {
            self.0 = Some((ticket.clone(), make()));
        }
        &self.0.as_ref().expect("it was just set").1
    }
}

fn token(key: u32, generation: u32) -> Token {
    Token((generation as usize) << 32 | key as usize)
}

fn key_and_generation(Token(token): Token) -> (u32, u32) {
    (token as u32, (token >> 32) as u32)
}

impl<S: Service> Shard<S> {
    /// Makes a shard without connections, and the inbox by which it is told what to do.
    ///
    /// Errors: the system gives no event queue.
    pub(crate) fn new(
        service: Arc<S>,
        settings: Arc<ParkSettings>,
    ) -> io::Result<(Shard<S>, Arc<Inbox<S>>)> {
        let poll = Poll::new()?;
        let waker = mio::Waker::new(poll.registry(), WAKER)?;
        let inbox = Arc::new(Inbox::new(waker, settings.inbox_bytes_max));
        let now = Instant::now();
        let loads = Loads::new(settings.outgoing.clone());
        let shard = Shard {
            service,
            settings,
            poll,
            inbox: inbox.clone(),
            connections: Slots::new(),
            waiters: Waiters::default(),
            wheel: Wheel::new(now),
            generation: 0,
            buffer: vec![0; HEAD_MAX + BODY_MAX].into(),
            now,
            entered: Same(None),
            expired: Same(None),
            loads,
            put_off: Vec::new(),
            streams: VecDeque::new(),
            lookups: 0,
            closing: None,
            count_called: 0,
            count_items: 0,
            calls: Calls::default(),
            due: Vec::new(),
        };
        Ok((shard, inbox))
    }

    /// Works until it is told to stop.
    pub(crate) fn run(mut self) {
        let mut events = Events::with_capacity(EVENTS_MAX);
        let mut messages = Vec::new();
        loop {
            let wait = if self.inbox.may_sleep() { self.sleep() } else { Some(Duration::ZERO) };
            match self.poll.poll(&mut events, wait) {
                Ok(()) => {}
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => panic!("the event queue of a shard failed: {error}"),
            }
            self.now = Instant::now();
            self.lookups = 0;
            self.inbox.take(&mut messages);
            if !self.hear(&mut messages) {
                return;
            }
            messages.shrink_to(KEPT_MAX);
            // Before new reports: those that were put off have waited for a turn already.
            self.go_on();
            for event in &events {
                self.notice(event);
            }
            // A sender does not wait until all have read what others sent.
            self.call_some();
            self.stream_some();
            self.expire_due();
            self.close_some();
            self.tidy();
            self.count();
            self.inbox.show_parked(self.waiters.len() + self.going_out());
        }
    }

    /// Returns how long it may sleep, if nothing happens.
    fn sleep(&self) -> Option<Duration> {
        if !self.put_off.is_empty() || !self.streams.is_empty() || !self.calls.is_empty() {
            return Some(Duration::ZERO);
        }
        let closing = self.closing.as_ref().filter(|closing| !closing.parked.is_empty());
        let step = closing.map(|_| self.now + CLOSING_STEP);
        let next = [self.wheel.next_turn(), step].into_iter().flatten().min();
        next.map(|next| next.saturating_duration_since(Instant::now()))
    }

    /// Carries out the messages. Tells whether to go on.
    fn hear(&mut self, messages: &mut Vec<Message<S>>) -> bool {
        // Results from before these messages do not know the news that they bring.
        self.entered = Same(None);
        self.expired = Same(None);
        for message in messages.drain(..) {
            match message {
                Message::Take(connection) => self.admit(connection),
                // To find out whom each of so many concerns takes longer than to look.
                Message::Wake(_) if self.is_spent() => {
                    self.calls.add(self.waiters.parked().topics());
                }
                Message::Wake(wake) => {
                    let parked = self.waiters.parked();
                    self.lookups += self.service.topics(&wake, &parked, &mut self.calls.new);
                }
                Message::WakeAll => self.calls.add(self.waiters.parked().topics()),
                Message::Close(spread) => self.begin_closing(spread),
                Message::Stop => return false,
            }
        }
        self.calls.line_up(&self.waiters);
        self.call_urgent();
        true
    }

    fn admit(&mut self, connection: Connection<S::Place>) {
        let Connection { stream, peer, bytes, due, place } = connection;
        let mut stream = TcpStream::from_std(stream);
        let key = u32::try_from(self.connections.next_key()).expect("fewer connections than 2^32");
        let generation = self.generation;
        self.generation = generation.wrapping_add(1);
        // Once and for all: no change of interest ever costs a system call.
        let interest = Interest::READABLE | Interest::WRITABLE;
        let registry = self.poll.registry();
        if let Err(error) = registry.register(&mut stream, token(key, generation), interest) {
            tracing::warn!(%error, "a connection could not be watched, so it is closed");
            return;
        }
        self.connections.insert(Record {
            stream,
            peer,
            place,
            generation,
            // To watch it reports what is there already.
            may_read: false,
            has_ended: false,
            is_short: false,
            is_put_off: false,
            state: State::Reading,
            left_over: bytes,
            stand: Stand::NOWHERE,
            timer: Timer::OFF,
        });
        self.advance(key, Step::Read);
        let record = self.record_of(key, generation);
        let is_idle =
            record.is_some_and(|record| matches!(record.state, State::Reading) && !record.is_short);
        if let Some(due) = due.filter(|_| is_idle) {
            self.wheel.set(&mut self.connections, key, due);
        }
    }

    /// Notices what the system reports of a socket.
    fn notice(&mut self, event: &Event) {
        if event.token() == WAKER {
            return;
        }
        let has_ended = event.is_read_closed() || event.is_error();
        self.notice_of(event.token(), event.is_readable(), event.is_writable(), has_ended);
    }

    fn notice_of(&mut self, token: Token, may_read: bool, may_write: bool, has_ended: bool) {
        let (key, generation) = key_and_generation(token);
        let record = self.connections.get_mut(key as usize);
        let Some(record) = record.filter(|record| record.generation == generation) else {
            // The report is about a connection that had this slot before.
            return;
        };
        record.has_ended |= has_ended;
        record.may_read |= may_read || has_ended;
        if record.is_put_off {
            return;
        }
        match record.state {
            State::Parked(ref ticket) if has_ended && !self.service.is_brief(ticket) => {
                self.drop_connection(key);
            }
            State::Reading if record.may_read => self.advance(key, Step::Read),
            State::Writing(_) if may_write || has_ended => {
                let step = self.write_on(key);
                self.advance(key, step);
            }
            State::Leaving if record.may_read => self.let_fall(key),
            _ => {}
        }
    }

    /// Goes on with the connections that were put off.
    fn go_on(&mut self) {
        for (key, generation) in mem::take(&mut self.put_off) {
            self.go_on_with(key, generation);
        }
    }

    fn go_on_with(&mut self, key: u32, generation: u32) {
        let Some(record) = self.record_of(key, generation) else { return };
        record.is_put_off = false;
        match record.state {
            State::Reading => self.advance(key, Step::Read),
            State::Writing(_) => {
                let step = self.write_on(key);
                self.advance(key, step);
            }
            State::Leaving => self.let_fall(key),
            State::Parked(_) => {}
        }
    }

    /// Ends every wait whose timer is due, by its kind.
    fn expire_due(&mut self) {
        let mut due = mem::take(&mut self.due);
        self.wheel.turn(&mut self.connections, self.now, &mut due);
        for key in due.drain(..) {
            if self.is_spent() {
                // It is still due, and is looked at again in the next turn.
                self.wheel.set(&mut self.connections, key, self.now);
                continue;
            }
            let record = &self.connections[key as usize];
            match &record.state {
                State::Parked(_) => self.expire(key),
                State::Reading if record.is_short => self.give_up(key),
                State::Writing(_) => self.press(key),
                State::Reading | State::Leaving => self.drop_connection(key),
            }
        }
        self.due = due;
    }

    fn begin_closing(&mut self, spread: Duration) {
        let parked = self.connections.iter().filter(|(_, record)| match &record.state {
            State::Parked(ticket) => !self.service.is_brief(ticket),
            _ => false,
        });
        let parked = parked.map(|(key, record)| (key as u32, record.generation)).collect();
        self.closing = Some(Closing { from: self.now, spread, parked, answered: 0 });
    }

    /// Answers a part of those who were parked when the park began to close, by the time.
    fn close_some(&mut self) {
        let Some(closing) = &mut self.closing else { return };
        let gone = self.now.saturating_duration_since(closing.from).as_nanos();
        let all = closing.parked.len();
        let share = (all as u128 * gone).checked_div(closing.spread.as_nanos());
        let upto = share.map_or(all, |share| share.min(all as u128) as usize);
        let from = mem::replace(&mut closing.answered, upto);
        let now_due = closing.parked[from..upto].to_vec();
        if upto == all {
            closing.parked = Vec::new();
            closing.answered = 0;
        }
        for (key, generation) in now_due {
            // Another connection may have the slot by now.
            if self.record_of(key, generation).is_some_and(|record| record.is_parked()) {
                self.expire(key);
            }
        }
    }

    fn count(&mut self) {
        let (called, items) = (mem::take(&mut self.count_called), mem::take(&mut self.count_items));
        if (called, items) != (0, 0) {
            self.service.count(called, items);
        }
    }

    /// Returns how many answers are on their way out. While the park is open nobody
    /// asks.
    fn going_out(&self) -> usize {
        match self.closing {
            Some(_) => {
                let is_going_out = |record: &Record<S>| matches!(record.state, State::Writing(_));
                self.connections.iter().filter(|(_, record)| is_going_out(record)).count()
            }
            None => 0,
        }
    }

    /// Gives back what a large batch needed.
    fn tidy(&mut self) {
        self.due.shrink_to(KEPT_MAX);
        self.calls.shrink_to(KEPT_MAX);
        self.put_off.shrink_to(KEPT_MAX);
        self.streams.shrink_to(KEPT_MAX);
    }

    fn record_of(&mut self, key: u32, generation: u32) -> Option<&mut Record<S>> {
        self.connections.get_mut(key as usize).filter(|record| record.generation == generation)
    }
}
