//! Counts and times of a run, and its faults.
//!
//! A fault is a message that a reader should have had and has not, or had twice,
//! or in the wrong order, or an answer that was an error. One fault fails the run;
//! the first few are described in words.

use std::time::Instant;

use super::message::Message;

/// Faults that are described; the others are counted.
const TOLD_MAX: usize = 8;

/// Times kept of one run, 4 bytes each: beyond them new ones take the places of
/// old ones, spread over all, and the rest is a sample.
const TIMES_MAX: usize = 10_000_000;

/// The counts of one run.
pub(crate) struct Ledger {
    epoch: Instant,
    /// Messages that reached a reader.
    pub(crate) deliveries: u64,
    /// Publishes that were acknowledged.
    pub(crate) acknowledged: u64,
    /// Readers with a poll under way.
    pub(crate) waiting: usize,
    /// Answers without news: the hold was over.
    pub(crate) empty: u64,
    /// Connections that were closed on us and opened again.
    pub(crate) reopened: u64,
    /// From the publish to each reader, in microseconds.
    pub(crate) latencies: Vec<u32>,
    /// From the publish to its acknowledgement, in microseconds.
    pub(crate) acknowledgements: Vec<u32>,
    faults: u64,
    told: Vec<String>,
}

impl Ledger {
    /// Begins with nothing; the run's clock starts now.
    pub(crate) fn new() -> Ledger {
        Ledger {
            epoch: Instant::now(),
            deliveries: 0,
            acknowledged: 0,
            waiting: 0,
            empty: 0,
            reopened: 0,
            latencies: Vec::new(),
            acknowledgements: Vec::new(),
            faults: 0,
            told: Vec::new(),
        }
    }

    /// Nanoseconds of the run's clock.
    pub(crate) fn nanos(&self) -> u64 {
        u64::try_from(self.epoch.elapsed().as_nanos()).expect("a run is short")
    }

    /// Enters that a reader who expected `next` in `lane` got `message`; returns
    /// the number that it expects now.
    pub(crate) fn delivered(
        &mut self,
        reader: usize,
        lane: u32,
        next: u64,
        message: Message,
        now: u64,
    ) -> u64 {
        let Message { lane: of, sequence, nanos } = message;
        if of != lane {
            self.fault(|| format!("reader {reader} of lane {lane} got a message of lane {of}"));
            return next;
        }
        if sequence < next {
            self.fault(|| {
                format!(
                    "reader {reader} of lane {lane} got {sequence} again, or late: {next} was next"
                )
            });
            return next;
        }
        if sequence > next {
            self.fault(|| {
                format!("reader {reader} of lane {lane} got {sequence} where {next} was next: {} missing", sequence - next)
            });
        }
        self.deliveries += 1;
        let latency = micros(now.saturating_sub(nanos));
        keep(&mut self.latencies, latency, self.deliveries);
        sequence + 1
    }

    /// Enters that a message was acknowledged.
    pub(crate) fn acknowledged(&mut self, message: Message) {
        self.acknowledged += 1;
        let taken = self.nanos().saturating_sub(message.nanos);
        keep(&mut self.acknowledgements, micros(taken), self.acknowledged);
    }

    /// Enters a fault; the sentence is made for the first few only.
    pub(crate) fn fault(&mut self, sentence: impl FnOnce() -> String) {
        self.faults += 1;
        if self.told.len() < TOLD_MAX {
            self.told.push(sentence());
        }
    }

    /// Whether anything went wrong.
    pub(crate) fn has_faults(&self) -> bool {
        self.faults > 0
    }

    /// Returns how many faults there were, and the first of them in words.
    pub(crate) fn faults(&self) -> (u64, &[String]) {
        (self.faults, &self.told)
    }

    /// Returns one sentence about the progress of a run.
    pub(crate) fn summary(&self, connections: usize) -> String {
        let Ledger { deliveries, acknowledged, waiting, reopened, faults, .. } = self;
        let first = self.told.first().map(|told| format!("; first: {told}")).unwrap_or_default();
        format!(
            "{connections} connections, {waiting} waiting, {acknowledged} acknowledged, \
             {deliveries} delivered, {reopened} reopened, {faults} faults{first}"
        )
    }

    /// Forgets the times so far, but not the counts.
    pub(crate) fn forget_times(&mut self) {
        self.latencies.clear();
        self.acknowledgements.clear();
    }
}

/// Keeps the time of the `number`th of its kind.
fn keep(times: &mut Vec<u32>, time: u32, number: u64) {
    /// A step that meets all places before it meets one again.
    const STEP: u64 = 7_368_787;
    match times.len() < TIMES_MAX {
        true => times.push(time),
        false => times[(number.wrapping_mul(STEP) % TIMES_MAX as u64) as usize] = time,
    }
}

fn micros(nanos: u64) -> u32 {
    u32::try_from(nanos / 1000).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sequence_is_complete_and_in_order_or_a_fault() {
        for (name, sequences, faults) in [
            ("complete", &[1, 2, 3, 4][..], 0),
            ("one missing", &[1, 2, 4], 1),
            ("one twice", &[1, 2, 2, 3], 1),
            ("two swapped", &[1, 3, 2, 4], 2),
            ("the first missing", &[2], 1),
        ] {
            let (mut ledger, mut next) = (Ledger::new(), 1);
            for sequence in sequences {
                let message = Message { lane: 0, sequence: *sequence, nanos: 0 };
                next = ledger.delivered(0, 0, next, message, 0);
            }
            assert_eq!(ledger.faults().0, faults, "{name}");
        }
    }

    #[test]
    fn a_message_of_another_room_is_a_fault() {
        let mut ledger = Ledger::new();
        ledger.delivered(0, 0, 1, Message { lane: 1, sequence: 1, nanos: 0 }, 0);
        assert!(ledger.has_faults());
    }
}
