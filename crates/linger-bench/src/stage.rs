//! The stage of a scenario: the reactor, the players, and the clock.
//!
//! A scenario seats readers, opens their connections, lets publishers speak and
//! waits for the results. Every wait has an end, and then reports what was
//! missing.

pub(crate) mod ledger;
pub(crate) mod message;
pub(crate) mod players;

use std::time::{Duration, Instant};

use anyhow::bail;
use players::Players;

use crate::{
    disk::Syncs,
    process::{CpuMeter, Pid},
    reactor::{Reactor, Who},
    target::{Cast, From, Sends, Target},
};

/// The longest that the reactor sleeps while a condition is waited for.
const TURN: Duration = Duration::from_millis(5);
/// Less than the backlog of any listener here, so that no connection has to be
/// asked for twice. Only `returning` opens all at once.
const OPENED_PER_MILLISECOND: usize = 10;
/// The most at once, even if we had to wait for the processor.
const OPENED_AT_ONCE: usize = 64;

/// Readers who have connected and do not wait yet, when each has another request
/// to make: people come a few at a time, and memory that a server needs for all of
/// them at once is no cost of one of them.
const ARRIVING_MAX: usize = 256;

/// How readers wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Mode {
    /// One request per answer
    LongPoll,
    /// Server-sent events: one request, a stream of answers
    Sse,
    /// Lines of text without end, as curl follows a room; Linger alone has them
    Follow,
}

/// The settings of all scenarios.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Terms {
    pub(crate) text_bytes: usize,
    pub(crate) sends: Sends,
    /// Each reader has a session of its own.
    pub(crate) has_sessions: bool,
    /// The time for all to connect and be held, and for all to get the published messages.
    pub(crate) patience: Duration,
}

/// The reactor and the players.
pub(crate) struct Stage<'t> {
    terms: Terms,
    reactor: Reactor,
    pub(crate) players: Players<'t>,
}

impl<'t> Stage<'t> {
    /// Prepares rooms and publishers on the server, and no readers.
    pub(crate) fn new(
        target: &'t mut dyn Target,
        cast: &Cast,
        mode: Mode,
        terms: Terms,
    ) -> anyhow::Result<Stage<'t>> {
        if mode == Mode::Follow && !target.has_lines() {
            bail!("this server has no lines to follow; --target linger has");
        }
        target.prepare(cast)?;
        let reactor = Reactor::new(target.address())?;
        Ok(Stage { terms, reactor, players: Players::new(target, cast, mode, terms) })
    }

    /// Seats `count` readers in each of `rooms` rooms. They connect later.
    pub(crate) fn seat(&mut self, rooms: usize, count: usize, from: From) -> anyhow::Result<()> {
        let sessions = if self.terms.has_sessions { rooms * count } else { 0 };
        let mut sessions = self.players.target.open_sessions(sessions)?.into_iter();
        for room in 0..rooms {
            let cursor = self.players.target.cursor(room, from)?;
            self.players.seat(room, count, cursor, &mut sessions);
        }
        Ok(())
    }

    /// Connects the readers in `range`, a few at a time, and waits until all of
    /// them are held.
    pub(crate) fn park(&mut self, range: std::ops::Range<usize>) -> anyhow::Result<()> {
        let begin = Instant::now();
        let (first, count) = (range.start, range.len());
        let mut opened = 0;
        while opened < count {
            if self.players.greet_first {
                self.wait(Duration::ZERO, "those who came are waiting", |players| {
                    first + opened < players.ledger.waiting + ARRIVING_MAX
                })?;
            }
            let millis = usize::try_from(begin.elapsed().as_millis()).unwrap_or(usize::MAX);
            let due = millis.saturating_add(1).saturating_mul(OPENED_PER_MILLISECOND);
            let due = due.min(opened + OPENED_AT_ONCE).min(count);
            for reader in first + opened..first + due {
                self.reactor.wires.open(Who::Reader(reader))?;
            }
            opened = due;
            self.turn(Duration::from_millis(1))?;
        }
        let held = self.players.readers.len().min(range.end);
        self.wait(Duration::ZERO, "all readers are waiting", |players| {
            players.ledger.waiting >= held
        })?;
        self.until_held(held)?;
        self.settle()
    }

    /// Connects all readers at once.
    pub(crate) fn open_all(&mut self) -> anyhow::Result<()> {
        for reader in 0..self.players.readers.len() {
            self.reactor.wires.open(Who::Reader(reader))?;
        }
        Ok(())
    }

    /// Waits until the server, if it reports that, holds `count` requests.
    pub(crate) fn until_held(&mut self, count: usize) -> anyhow::Result<()> {
        self.until_holding(&format!("at least {count}"), |held| held >= count)
    }

    /// Has all readers hang up at once, and waits until the server, if it reports that,
    /// holds no request of theirs and rests.
    pub(crate) fn hang_up(&mut self) -> anyhow::Result<()> {
        let readers = self.players.ledger.waiting;
        let held = self.players.target.held()?.unwrap_or_default();
        let others = held.saturating_sub(readers);
        self.reactor.wires.close_readers();
        self.players.hung_up();
        self.until_holding(&format!("at most {others}"), |held| held <= others)?;
        self.settle()
    }

    fn until_holding(&mut self, wanted: &str, is_so: impl Fn(usize) -> bool) -> anyhow::Result<()> {
        let begin = Instant::now();
        while let Some(held) = self.players.target.held()?.filter(|held| !is_so(*held)) {
            if begin.elapsed() > self.terms.patience || self.players.ledger.has_faults() {
                let summary = self.players.ledger.summary(self.reactor.wires.count());
                bail!("the server holds {held} requests, not {wanted}: {summary}");
            }
            self.turn(TURN)?;
        }
        Ok(())
    }

    /// Has `publisher` send one message and waits until it is acknowledged.
    pub(crate) fn publish(&mut self, publisher: usize) -> anyhow::Result<()> {
        let acknowledged = self.players.ledger.acknowledged + 1;
        self.players.publish(&mut self.reactor.wires, publisher)?;
        self.wait(Duration::ZERO, "the publish is acknowledged", |players| {
            players.ledger.acknowledged >= acknowledged
        })
    }

    /// Has all publishers send for `time`, each as fast as it is acknowledged;
    /// returns when the last is acknowledged, with the time that took.
    pub(crate) fn publish_for(&mut self, time: Duration) -> anyhow::Result<Duration> {
        let begin = Instant::now();
        self.players.publishing_until = Some(begin + time);
        for publisher in 0..self.players.publishers.len() {
            self.players.publish(&mut self.reactor.wires, publisher)?;
        }
        self.wait(time, "all publishes are acknowledged", |players| {
            Instant::now() >= begin + time && !players.is_publishing()
        })?;
        self.players.publishing_until = None;
        Ok(begin.elapsed())
    }

    /// Waits until every reader has all that was published in its room.
    pub(crate) fn until_delivered(&mut self) -> anyhow::Result<()> {
        let begin = Instant::now();
        while !self.players.has_all() {
            if begin.elapsed() > self.terms.patience || self.players.ledger.has_faults() {
                // Not an error: the ledger names the missing messages and the readers.
                self.players.report_missing();
                return Ok(());
            }
            self.turn(TURN)?;
        }
        Ok(())
    }

    /// Waits until every reader waits again and the server rests.
    pub(crate) fn until_waiting(&mut self) -> anyhow::Result<()> {
        let readers = self.players.readers.len();
        self.wait(Duration::ZERO, "all readers wait again", |players| {
            players.ledger.waiting >= readers
        })?;
        self.settle()
    }

    /// Ends the server and starts it again; returns how long the start took.
    pub(crate) fn restart(&mut self) -> anyhow::Result<Duration> {
        self.players.target.restart()
    }

    /// Waits until all readers wait again and the server has nothing left to do.
    pub(crate) fn settle(&mut self) -> anyhow::Result<()> {
        /// Less CPU than this in a while is rest.
        const REST: Duration = Duration::from_micros(400);
        const WHILE: Duration = Duration::from_millis(20);
        /// On a busy machine the server may just not have had its turn.
        const TIMES: usize = 3;
        let begin = Instant::now();
        let mut meter = self.players.target.process().map(CpuMeter::begin);
        let mut rested = 0;
        loop {
            if let Some(meter) = &mut meter {
                meter.reset();
            }
            let until = Instant::now() + WHILE;
            while Instant::now() < until {
                self.turn(WHILE / 4)?;
            }
            let is_resting = meter.as_ref().is_none_or(|meter| meter.spent() < REST);
            rested = if is_resting { rested + 1 } else { 0 };
            if rested == TIMES || begin.elapsed() > Duration::from_secs(10) {
                return Ok(());
            }
        }
    }

    /// Plays until `condition` holds. Errors: it did not hold in `time` and the patience
    /// on top of it, or the run has failed anyway.
    pub(crate) fn wait(
        &mut self,
        time: Duration,
        what: &str,
        mut condition: impl FnMut(&Players<'t>) -> bool,
    ) -> anyhow::Result<()> {
        let begin = Instant::now();
        while !condition(&self.players) {
            if begin.elapsed() > time + self.terms.patience || self.players.ledger.has_faults() {
                bail!(
                    "after {:?} it is not so that {what}: {}",
                    begin.elapsed(),
                    self.players.ledger.summary(self.reactor.wires.count())
                );
            }
            self.turn(TURN)?;
        }
        Ok(())
    }

    /// Plays for `time`.
    pub(crate) fn play_for(&mut self, time: Duration) -> anyhow::Result<()> {
        let until = Instant::now() + time;
        while Instant::now() < until {
            self.turn(TURN)?;
        }
        Ok(())
    }

    /// Returns the syncs of the server so far, if they are counted.
    pub(crate) fn syncs(&self) -> Option<Syncs> {
        self.players.target.syncs()
    }

    /// Returns the server's process.
    pub(crate) fn process(&self) -> Option<Pid> {
        self.players.target.process()
    }

    fn turn(&mut self, timeout: Duration) -> anyhow::Result<()> {
        self.reactor.turn(&mut self.players, timeout)
    }
}
