//! The end of a log that other nodes write, too, as those who decide it tell it: for readers
//! who bring a cursor from a node that has read further than this one.
//!
//! Entries are never taken back, so a place that the log once had is there for good, and its
//! reader waits until this node comes to it. A place that the log does not have may be made
//! up; but those who were asked may still be about to apply it, and the next ones who lead
//! may, too. So it counts as made up only once they have proven where the log ends, after its
//! reader came. A proof costs them a write: it is asked for only after they were short of the
//! place for some time, and not often.

use std::time::{Duration, Instant};

use linger_core::Position;

/// A new leader of the cluster has mostly applied by then what a majority has.
const SHORT_FOR: Duration = Duration::from_secs(5);
/// A doubt that nobody raised again for so long is forgotten.
const DOUBTED_FOR: Duration = Duration::from_secs(60);
/// Between two proofs.
const PROVE_EVERY: Duration = Duration::from_secs(1);

/// The knowledge of the end.
#[derive(Debug, Default)]
pub(super) struct Ends {
    /// The log is at least so long.
    known: Position,
    short: Option<Short>,
    /// When a proof was asked for last.
    asked: Option<Instant>,
    proof: Option<Proof>,
}

/// The log did not have this place, each time that somebody asked.
#[derive(Debug, Clone, Copy)]
struct Short {
    of: Position,
    since: Instant,
    asked: Instant,
}

/// The log ended here at some moment after a proof was asked for.
#[derive(Debug, Clone, Copy)]
struct Proof {
    end: Position,
    asked: Instant,
}

/// Whether a log has a place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Has {
    Yes,
    /// It is to be asked, or once more.
    Perhaps,
    /// They were short of it for some time. That proves nothing.
    Hardly,
}

impl Ends {
    /// Tells whether the log has a place, as far as that is known.
    pub(super) fn has(&self, place: Position) -> Has {
        if place <= self.known { Has::Yes } else { Has::Perhaps }
    }

    /// Takes note of the end that was told after somebody came with a place.
    pub(super) fn note(&mut self, end: Position, place: Position, now: Instant) -> Has {
        self.known = self.known.max(end);
        self.short.take_if(|short| short.of <= self.known || now - short.asked > DOUBTED_FOR);
        if place <= self.known {
            return Has::Yes;
        }
        let short = self.short.get_or_insert(Short { of: place, since: now, asked: now });
        if place < short.of {
            *short = Short { of: place, since: now, asked: now };
        }
        short.asked = now;
        if now - short.since >= SHORT_FOR { Has::Hardly } else { Has::Perhaps }
    }

    /// Tells whether a proof may be asked for now, and takes note that it is.
    pub(super) fn may_prove(&mut self, now: Instant) -> bool {
        let may = self.asked.is_none_or(|asked| now - asked >= PROVE_EVERY);
        if may {
            self.asked = Some(now);
        }
        may
    }

    /// Takes note of an end that is proven, and when that was asked for.
    pub(super) fn note_proof(&mut self, end: Position, asked: Instant) {
        self.known = self.known.max(end);
        self.proof = Some(Proof { end, asked });
    }

    /// Tells whether it is proven that the log did not have a place when its reader came.
    pub(super) fn lacked(&self, place: Position, came: Instant) -> bool {
        self.proof.is_some_and(|proof| came <= proof.asked && proof.end < place)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(number: u64) -> Position {
        Position::new(number)
    }

    #[test]
    fn a_place_that_the_log_had_is_there_for_good() {
        let (mut ends, now) = (Ends::default(), Instant::now());
        assert_eq!(ends.has(at(7)), Has::Perhaps);
        assert_eq!(ends.note(at(9), at(7), now), Has::Yes);
        assert_eq!(ends.has(at(9)), Has::Yes);
        // A new leader that has not applied them yet changes nothing about it.
        assert_eq!(ends.note(at(5), at(9), now + 2 * SHORT_FOR), Has::Yes);
    }

    #[test]
    fn a_place_is_doubted_only_after_the_log_was_short_of_it_for_some_time() {
        let (mut ends, now) = (Ends::default(), Instant::now());
        let late = now + SHORT_FOR;
        assert_eq!(ends.note(at(5), at(9), now), Has::Perhaps);
        assert_eq!(ends.note(at(5), at(9), late - Duration::from_millis(1)), Has::Perhaps);
        assert_eq!(ends.note(at(5), at(8), late), Has::Perhaps, "an earlier place begins anew");
        assert_eq!(ends.note(at(5), at(9), late + SHORT_FOR), Has::Hardly);
        assert_eq!(ends.note(at(9), at(9), late + SHORT_FOR), Has::Yes, "it came");
        assert_eq!(ends.note(at(9), at(12), late + SHORT_FOR), Has::Perhaps);
        let forgotten = late + SHORT_FOR + 2 * DOUBTED_FOR;
        assert_eq!(ends.note(at(9), at(12), forgotten), Has::Perhaps);
    }

    #[test]
    fn leaders_who_are_still_applying_prove_nothing_however_many_come_one_after_another() {
        let (mut ends, now) = (Ends::default(), Instant::now());
        let after = |ms| now + Duration::from_millis(ms);
        // Nine entries were acknowledged. Each leader dies before it has applied them.
        for (end, ms) in [(5, 0), (7, 400), (6, 4_900), (7, 5_300), (8, 30_000)] {
            assert_ne!(ends.note(at(end), at(9), after(ms)), Has::Yes);
            assert!(!ends.lacked(at(9), now));
        }
        ends.note_proof(at(9), after(31_000));
        assert_eq!(ends.has(at(9)), Has::Yes);
    }

    #[test]
    fn a_proof_holds_for_readers_who_came_before_it_and_one_is_enough_for_all() {
        let (mut ends, now) = (Ends::default(), Instant::now());
        let later = now + Duration::from_millis(1);
        assert!(ends.may_prove(now));
        assert!(!ends.may_prove(later), "one is on its way");
        ends.note_proof(at(9), now);
        assert!(ends.lacked(at(10), now) && ends.lacked(at(99), now));
        assert!(!ends.lacked(at(9), now));
        assert!(!ends.lacked(at(10), later), "it may have been written since");
        assert!(ends.may_prove(now + PROVE_EVERY));
    }
}
