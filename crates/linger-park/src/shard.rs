//! A shard: one thread, its connections, who of them waits, and their timers.
//!
//! A turn: sleep until something happens, hear the inbox, call whom others wait for,
//! notice what the sockets report, call some of the rest, answer who is due. All of it is done by one
//! loop over [`Step`]s per connection; nothing here blocks.
//!
//! No lost wake-up: the inbox is emptied by this thread alone, so a wake that was
//! posted after some look is heard after whoever looked stands in their list.

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

pub use connection::write_some;
use connection::{Record, State};
use inbox::{Inbox, Message};
use loads::Loads;
use mio::{Events, Interest, Poll, Token, event::Event, net::TcpStream};
use steps::Step;

use crate::{
    Answer, Connection, Look, Service, Settings, Topic,
    request::{BODY_MAX, HEAD_MAX},
    slots::Slots,
    waiters::{self, Stand, Waiters},
    wheel::{Timer, Wheel},
};

#[cfg(test)]
mod tests;

/// Reports of the system in one turn: enough to share looks, few enough to hear
/// the inbox between them.
const EVENTS_MAX: usize = 1024;
/// A reader who takes less bytes in [`Settings::write_timeout`] is cut.
pub const WRITE_MIN: usize = 16 << 10;
/// How often some are answered while the park closes: it looks even, and costs nothing.
const CLOSING_STEP: Duration = Duration::from_millis(10);
/// Space for so many is kept from turn to turn.
const KEPT_MAX: usize = 1024;
/// Of those who can wait so many are called in a turn, or the last topic's more. Then the
/// sockets are looked at: a sender does not wait until all have read what others sent.
const CALLED_MAX: u64 = 40;
const WAKER: Token = Token(usize::MAX);
// A token is a key and a generation.
const _: () = assert!(usize::BITS == 64, "tokens need 64 bits");

/// One thread's part of the park.
pub(crate) struct Shard<S: Service> {
    service: Arc<S>,
    settings: Arc<Settings>,
    poll: Poll,
    inbox: Arc<Inbox<S>>,
    connections: Slots<Record<S>>,
    waiters: Waiters,
    wheel: Wheel,
    /// The generation of the next connection.
    generation: u32,
    /// What is read is read to here. A whole request fits.
    buffer: Box<[u8]>,
    /// When this turn began.
    now: Instant,
    /// What equal tickets got in this turn: on entering, and on expiring.
    entered: Same<S::Ticket, Look<S::Ticket>>,
    expired: Same<S::Ticket, Answer<S::Ticket>>,
    /// The answers of this shard that are on their way out.
    loads: Loads,
    /// Keys and generations of those who had enough steps in this turn.
    put_off: Vec<(u32, u32)>,
    /// Set, nobody parks any more.
    closing: Option<Closing>,
    /// What this turn did, for [`Service::count`].
    count_called: u64,
    count_items: u64,
    /// Empty between uses; kept for their space.
    called: Vec<Topic>,
    due: Vec<u32>,
    /// Topics that are called in the next turns, oldest first.
    later: VecDeque<Topic>,
}

/// The answer to the last ticket. Those who come together mostly hold the same.
struct Same<T, V>(Option<(T, V)>);

/// Answering all who were parked when the end began.
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
        settings: Arc<Settings>,
    ) -> io::Result<(Shard<S>, Arc<Inbox<S>>)> {
        let poll = Poll::new()?;
        let inbox = Arc::new(Inbox::new(mio::Waker::new(poll.registry(), WAKER)?));
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
            closing: None,
            count_called: 0,
            count_items: 0,
            called: Vec::new(),
            due: Vec::new(),
            later: VecDeque::new(),
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
            self.inbox.take(&mut messages);
            if !self.hear(&mut messages) {
                return;
            }
            messages.shrink_to(KEPT_MAX);
            for event in &events {
                self.notice(event);
            }
            self.call_some();
            self.go_on();
            self.expire_due();
            self.close_some();
            self.tidy();
            self.count();
            self.inbox.show_parked(self.waiters.len() + self.going_out());
        }
    }

    /// Returns how long it may sleep, if nothing happens.
    fn sleep(&self) -> Option<Duration> {
        if !(self.put_off.is_empty() && self.later.is_empty()) {
            return Some(Duration::ZERO);
        }
        let closing = self.closing.as_ref().filter(|closing| !closing.parked.is_empty());
        let step = closing.map(|_| self.now + CLOSING_STEP);
        let next = [self.wheel.next_turn(), step].into_iter().flatten().min();
        next.map(|next| next.saturating_duration_since(Instant::now()))
    }

    /// Does what it is told. Tells whether to go on.
    fn hear(&mut self, messages: &mut Vec<Message<S>>) -> bool {
        // What was looked up before this cannot know of the news to be heard.
        self.entered = Same(None);
        self.expired = Same(None);
        for message in messages.drain(..) {
            match message {
                Message::Take(connection) => self.admit(connection),
                Message::Wake(wake) => {
                    self.service.topics(&wake, &self.waiters.parked(), &mut self.called);
                }
                Message::Close(spread) => self.begin_closing(spread),
                Message::Stop => return false,
            }
        }
        // Several batches that came meanwhile are one call, in the order of topics.
        let mut called = mem::take(&mut self.called);
        called.sort_unstable();
        called.dedup();
        for topic in called.drain(..) {
            match topic < Topic::PATIENT {
                true => self.call(topic),
                false => self.later.push_back(topic),
            }
        }
        self.called = called;
        true
    }

    /// Calls those who can wait, and leaves the rest to the next turns.
    fn call_some(&mut self) {
        let before = self.count_called;
        // More than anybody can wait for: some stand there twice.
        let has_repeats = self.later.len() > self.waiters.len();
        while has_repeats || self.count_called - before < CALLED_MAX {
            let Some(topic) = self.later.pop_front() else { break };
            self.call(topic);
        }
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

    /// Lets everybody look who waits under `topic`.
    fn call(&mut self, topic: Topic) {
        let mut found = Same(None);
        let mut next = self.waiters.first(topic);
        while let Some(key) = next {
            // First: the one at hand may be elsewhere after its answer, or gone.
            // Nothing that it does moves another.
            next = waiters::next_of(&self.connections, key);
            let State::Parked(ticket) = &mut self.connections[key as usize].state else {
                panic!("{key} stands under {topic:?} and is not parked");
            };
            self.count_called += 1;
            let look = found.of(ticket, || self.service.look(ticket));
            if let Some(answer) = &look.answer {
                self.unpark(key);
                let step = self.send(key, answer);
                self.advance(key, step);
            } else if *ticket != look.ticket {
                ticket.clone_from(&look.ticket);
            }
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
            // Of one who had this slot before.
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

    /// Goes on with those who were put off.
    fn go_on(&mut self) {
        // Who is put off again has its turn after the others.
        for (key, generation) in mem::take(&mut self.put_off) {
            let Some(record) = self.record_of(key, generation) else { continue };
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
    }

    /// Does to everybody what their timer was set for.
    fn expire_due(&mut self) {
        let mut due = mem::take(&mut self.due);
        self.wheel.turn(&mut self.connections, self.now, &mut due);
        for key in due.drain(..) {
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

    /// Answers as many of those parked at the end as the time that has gone asks for.
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
            // Somebody else may have the slot by now.
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
        self.later.shrink_to(KEPT_MAX);
        self.called.shrink_to(KEPT_MAX);
        self.put_off.shrink_to(KEPT_MAX);
    }

    fn record_of(&mut self, key: u32, generation: u32) -> Option<&mut Record<S>> {
        self.connections.get_mut(key as usize).filter(|record| record.generation == generation)
    }
}
