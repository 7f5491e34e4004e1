//! Calls: whose turn it is to look, and how much of that one turn of the shard does.
//!
//! Topics stand in two lines, each in the order of the wakes. Those whom others wait
//! for are called at once, before the sockets are looked at; patient ones some at a
//! time, afterwards. A topic may stand in a line twice, which does no harm. Streams that
//! are far behind stand in a line of their own, and come last.

use std::collections::{HashSet, VecDeque};

use super::{Same, Shard, State};
use crate::{
    Look, Service, Topic,
    waiters::{self, Waiters},
};

/// Lookups of the service in one turn: about two milliseconds. The work that is left
/// over is done in the next turn, so that others are heard between the two.
pub(super) const LOOKUPS_MAX: usize = 32_768;
/// Bytes of an answer that take as long to make as one lookup: half a megabyte is a
/// quarter of a turn.
const BYTES_OF_A_LOOKUP: usize = 64;
/// Patient readers who are called in one turn, or those of the last topic more. In one
/// room they read the same bytes, so a room is not split.
pub(super) const CALLED_MAX: u64 = 40;

/// The topics that are to be called.
#[derive(Default)]
pub(super) struct Calls {
    /// Topics of the wakes that were just heard, in any order. Empty between turns;
    /// kept for its space.
    pub(super) new: Vec<Topic>,
    urgent: VecDeque<Topic>,
    patient: VecDeque<Topic>,
}

impl Calls {
    pub(super) fn add(&mut self, topics: impl Iterator<Item = Topic>) {
        self.new.extend(topics);
    }

    pub(super) fn is_empty(&self) -> bool {
        self.urgent.is_empty() && self.patient.is_empty()
    }

    /// Puts the new topics into their lines: several wakes that came together are one.
    pub(super) fn line_up(&mut self, waiters: &Waiters) {
        self.new.sort_unstable();
        self.new.dedup();
        let patient = self.new.partition_point(|topic| *topic < Topic::PATIENT);
        self.urgent.extend(&self.new[..patient]);
        self.patient.extend(&self.new[patient..]);
        self.new.clear();
        for line in [&mut self.urgent, &mut self.patient] {
            // More than can wait: some stand there twice, or wait no more.
            if line.len() > 2 * waiters.len() {
                let mut seen = HashSet::new();
                line.retain(|topic| waiters.first(*topic).is_some() && seen.insert(*topic));
            }
        }
    }

    pub(super) fn shrink_to(&mut self, len: usize) {
        self.new.shrink_to(len);
        self.urgent.shrink_to(len);
        self.patient.shrink_to(len);
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.urgent.len() + self.patient.len()
    }
}

impl<S: Service> Shard<S> {
    /// Calls those whom others wait for, one at least, until the turn has cost enough.
    pub(super) fn call_urgent(&mut self) {
        while let Some(topic) = self.calls.urgent.pop_front() {
            self.call(topic);
            if self.is_spent() {
                break;
            }
        }
    }

    /// Calls some of the patient, one at least, and leaves the rest to the next turns.
    pub(super) fn call_some(&mut self) {
        let before = self.count_called;
        while let Some(topic) = self.calls.patient.pop_front() {
            self.call(topic);
            if self.is_spent() || self.count_called - before >= CALLED_MAX {
                break;
            }
        }
    }

    /// Goes on with streams whose last piece has gone out, one at least, until the turn has
    /// cost enough. Those that have more to come stand behind the others then.
    pub(super) fn stream_some(&mut self) {
        for _ in 0..self.streams.len() {
            let Some((key, generation)) = self.streams.pop_front() else { return };
            self.go_on_with(key, generation);
            if self.is_spent() {
                return;
            }
        }
    }

    /// Tells whether this turn has cost enough.
    pub(super) fn is_spent(&self) -> bool {
        self.lookups >= LOOKUPS_MAX
    }

    /// Looks for everybody who waits under `topic`.
    fn call(&mut self, topic: Topic) {
        let mut found = Same(None);
        let mut next = self.waiters.first(topic);
        while let Some(key) = next {
            // First: after its answer this one may stand elsewhere, or be gone. Nothing that
            // happens to it moves another.
            next = waiters::next_of(&self.connections, key);
            let State::Parked(ticket) = &mut self.connections[key as usize].state else {
                panic!("{key} stands under {topic:?} and is not parked");
            };
            self.count_called += 1;
            let lookups = &mut self.lookups;
            let look = found.of(ticket, || {
                let look = self.service.look(ticket);
                *lookups += look.cost();
                look
            });
            if let Some(answer) = &look.answer {
                self.unpark(key);
                let step = self.send(key, answer);
                self.advance(key, step);
            } else if *ticket != look.ticket {
                ticket.clone_from(&look.ticket);
            }
        }
    }
}

impl<T> Look<T> {
    /// Returns what it cost, in lookups.
    pub(super) fn cost(&self) -> usize {
        self.lookups + self.answer.as_ref().map_or(0, |answer| cost_of(&answer.bytes))
    }
}

pub(super) fn cost_of(bytes: &[u8]) -> usize {
    bytes.len() / BYTES_OF_A_LOOKUP
}
