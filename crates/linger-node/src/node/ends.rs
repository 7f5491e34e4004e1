//! The end of a log that other nodes write, too, as those who decide it tell it: for readers
//! who bring a cursor from a node that has read further than this one.
//!
//! Entries are never taken back, so a place that the log once had is there for good, and its
//! reader waits until this node comes to it. A place that the log does not have may be made
//! up; but those who were asked may still be about to apply it. So a place counts as made up
//! only after they were short of it for some time.

use std::time::{Duration, Instant};

use linger_core::Position;

/// A new leader of the cluster has applied by then what a majority has.
const SHORT_FOR: Duration = Duration::from_secs(5);
/// A doubt that nobody raised again for so long is forgotten.
const DOUBTED_FOR: Duration = Duration::from_secs(60);

/// The knowledge of the end.
#[derive(Debug, Default)]
pub(super) struct Ends {
    /// The log is at least so long.
    known: Position,
    short: Option<Short>,
}

/// The log did not have this place, each time that somebody asked.
#[derive(Debug, Clone, Copy)]
struct Short {
    of: Position,
    since: Instant,
    asked: Instant,
}

/// Whether a log has a place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Has {
    Yes,
    No,
    /// It is to be asked, or once more.
    Perhaps,
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
        if now - short.since >= SHORT_FOR { Has::No } else { Has::Perhaps }
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
    fn a_place_is_made_up_only_after_the_log_was_short_of_it_for_some_time() {
        let (mut ends, now) = (Ends::default(), Instant::now());
        let late = now + SHORT_FOR;
        assert_eq!(ends.note(at(5), at(9), now), Has::Perhaps);
        assert_eq!(ends.note(at(5), at(9), late - Duration::from_millis(1)), Has::Perhaps);
        assert_eq!(ends.note(at(5), at(8), late), Has::Perhaps, "an earlier place begins anew");
        assert_eq!(ends.note(at(5), at(9), late + SHORT_FOR), Has::No);
        assert_eq!(ends.note(at(9), at(9), late + SHORT_FOR), Has::Yes, "it came");
        assert_eq!(ends.note(at(9), at(12), late + SHORT_FOR), Has::Perhaps);
        let forgotten = late + SHORT_FOR + 2 * DOUBTED_FOR;
        assert_eq!(ends.note(at(9), at(12), forgotten), Has::Perhaps);
    }
}
