//! The log's epochs: in which part of the log a position lies, and whether a
//! cursor comes from a past that this log has.
//!
//! Each start of the server opens an epoch with a random value. When an older copy of
//! the log is put back, the next start opens another one at the same place. A cursor
//! from the lost future then has an unknown epoch, or a position beyond the end of
//! its epoch. The list is short and in memory; nothing is read for it.

use linger_core::{Epoch, Position};

/// The first position of each epoch, oldest first.
#[derive(Debug, Default)]
pub(crate) struct Epochs(Vec<(Position, Epoch)>);

/// The log's knowledge of an epoch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Known {
    /// This log has no such epoch.
    No,
    /// It ended with this position.
    Ended(Position),
    /// It is the one that lasts.
    Lasts,
}

impl Epochs {
    /// Begins with the epochs that the tables have.
    pub(crate) fn new(epochs: Vec<(Position, Epoch)>) -> Epochs {
        Epochs(epochs)
    }

    /// Tells whether none has begun yet.
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Takes in the epochs that began since.
    pub(crate) fn extend(&mut self, epochs: &[(Position, Epoch)]) {
        self.0.extend_from_slice(epochs);
    }

    /// Returns the epoch that a position lies in; none before the first.
    pub(crate) fn of(&self, position: Position) -> Option<Epoch> {
        // Mostly it is the last one.
        self.0.iter().rev().find(|(begin, _)| *begin <= position).map(|(_, epoch)| *epoch)
    }

    /// Returns what the log knows of an epoch.
    pub(crate) fn find(&self, epoch: Epoch) -> Known {
        let Some(place) = self.0.iter().rposition(|(_, known)| *known == epoch) else {
            return Known::No;
        };
        match self.0.get(place + 1) {
            Some((begin, _)) => Known::Ended(begin.before()),
            None => Known::Lasts,
        }
    }
}
