//! The weather of a simulated JetStream: how often each of its faults happens. A seed draws it, and a
//! story has one weather to its end. Each fault is away in two of five stories, so that what
//! some of them do together is not hidden by the others.

use crate::tests::chance::Chance;

/// The percentage of cases in which each fault happens.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Weather {
    pub(super) lost_message: u64,
    pub(super) lost_answer: u64,
    /// Seconds late, so that answers come in another order.
    pub(super) late: u64,
    pub(super) repeated_answer: u64,
    pub(super) election: u64,
    /// A node reads what is new only after seconds.
    pub(super) slow_reading: u64,
    pub(super) failed_read: u64,
    /// It is not known how far an erasure came.
    pub(super) failed_erasure: u64,
}

impl Weather {
    /// Draws how often each fault happens.
    pub(crate) fn draw(chance: &mut Chance) -> Weather {
        let mut percent = || chance.pick(&[0, 0, 5, 15, 30]);
        Weather {
            lost_message: percent(),
            lost_answer: percent(),
            late: percent(),
            repeated_answer: percent(),
            election: percent() / 5,
            slow_reading: percent(),
            failed_read: percent(),
            failed_erasure: percent(),
        }
    }
}
