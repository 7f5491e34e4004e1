//! The timers of a shard: a wheel of slots, each a list of those that are due then.
//!
//! A tick is a tenth of a second, and the wheel goes round in 102 seconds. A timer of
//! a later round stays in its list until then, since each timer knows its absolute
//! tick. To set and to clear take the same time however many there are. A bitmap says
//! which slots hold a timer, so that a quiet shard sleeps through.

use std::time::{Duration, Instant};

use crate::{
    links::{self, Links, NONE},
    slots::Slots,
};

#[cfg(test)]
mod tests;

/// Fine enough for holds of seconds, coarse enough to wake ten times a second.
pub(crate) const TICK: Duration = Duration::from_millis(100);
/// Most deadlines are less than one round ahead.
const SLOTS: usize = 1024;
const WORD: usize = u64::BITS as usize;
/// The tick of a timer that is not set.
const UNSET: u32 = u32::MAX;

/// The wheel of one shard.
#[derive(Debug)]
pub(crate) struct Wheel {
    start: Instant,
    /// The last tick that was gone through.
    passed: u32,
    firsts: Box<[u32; SLOTS]>,
    has_some: [u64; SLOTS / WORD],
}

/// A slot's one timer: part of the slot.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Timer {
    tick: u32,
    links: Links,
}

impl Timer {
    /// A timer that is not set.
    pub(crate) const OFF: Timer = Timer { tick: UNSET, links: Links::ALONE };
}

fn links<N: AsMut<Timer>>(slot: &mut N) -> &mut Links {
    &mut slot.as_mut().links
}

fn slot(tick: u32) -> usize {
    tick as usize % SLOTS
}

impl Wheel {
    /// Makes a wheel without timers, which begins to turn at `start`.
    pub(crate) fn new(start: Instant) -> Wheel {
        Wheel { start, passed: 0, firsts: Box::new([NONE; SLOTS]), has_some: [0; _] }
    }

    /// Returns when the timer of `key` is due, if it is set.
    pub(crate) fn deadline<N: AsMut<Timer>>(
        &self,
        slots: &mut Slots<N>,
        key: u32,
    ) -> Option<Instant> {
        let tick = slots[key as usize].as_mut().tick;
        (tick != UNSET).then(|| self.start + TICK * tick)
    }

    /// Sets the timer of `key`, set or not, to the first tick at or after `deadline`.
    pub(crate) fn set<N: AsMut<Timer>>(
        &mut self,
        slots: &mut Slots<N>,
        key: u32,
        deadline: Instant,
    ) {
        let ahead = deadline.saturating_duration_since(self.start).as_nanos();
        let tick = ahead.div_ceil(TICK.as_nanos()).min(u128::from(UNSET - 1)) as u32;
        // A past deadline is due at the next tick.
        let tick = tick.max(self.passed + 1);
        if slots[key as usize].as_mut().tick == tick {
            return;
        }
        self.clear(slots, key);
        slots[key as usize].as_mut().tick = tick;
        links::push(slots, links, &mut self.firsts[slot(tick)], key);
        self.has_some[slot(tick) / WORD] |= 1 << (slot(tick) % WORD);
    }

    /// Clears the timer of `key`, if it is set.
    pub(crate) fn clear<N: AsMut<Timer>>(&mut self, slots: &mut Slots<N>, key: u32) {
        let tick = std::mem::replace(&mut slots[key as usize].as_mut().tick, UNSET);
        if tick == UNSET {
            return;
        }
        let first = &mut self.firsts[slot(tick)];
        links::take_out(slots, links, first, key);
        if *first == NONE {
            self.has_some[slot(tick) / WORD] &= !(1 << (slot(tick) % WORD));
        }
    }

    /// Turns the wheel to `now`: clears the timers that are due by then and adds
    /// their keys to `due`, earlier ticks first.
    pub(crate) fn turn<N: AsMut<Timer>>(
        &mut self,
        slots: &mut Slots<N>,
        now: Instant,
        due: &mut Vec<u32>,
    ) {
        let ticks = now.saturating_duration_since(self.start).as_nanos() / TICK.as_nanos();
        let now = ticks.min(u128::from(UNSET - 2)) as u32;
        let behind = now.saturating_sub(self.passed);
        // After more than a round every slot was passed: once through is enough.
        let turns = behind.min(SLOTS as u32);
        for tick in (now + 1 - turns)..=now {
            let mut next = self.firsts[slot(tick)];
            while next != NONE {
                let key = next;
                let timer = *slots[key as usize].as_mut();
                next = timer.links.next;
                if timer.tick <= now {
                    self.clear(slots, key);
                    due.push(key);
                }
            }
        }
        self.passed = self.passed.max(now);
    }

    /// Returns when the wheel should turn next, if any timer is set: when the next
    /// slot comes round that holds one, though it may be due in a later round.
    pub(crate) fn next_turn(&self) -> Option<Instant> {
        let from = slot(self.passed + 1);
        let mut word = from / WORD;
        let mut bits = self.has_some[word] & (!0 << (from % WORD));
        // One word more than there are, because the low bits of the first word come last.
        for _ in 0..=self.has_some.len() {
            if bits != 0 {
                let found = word * WORD + bits.trailing_zeros() as usize;
                let ahead = (found + SLOTS - from) % SLOTS;
                return Some(self.start + TICK * (self.passed + 1 + ahead as u32));
            }
            word = (word + 1) % self.has_some.len();
            bits = self.has_some[word];
        }
        None
    }
}
