//! Lines for the log that every request could write: each is written seldom.

use std::{
    sync::Mutex,
    time::{Duration, Instant},
};

/// Lets something happen at once, and then not again for a while.
#[derive(Default)]
pub(crate) struct Seldom(Mutex<Option<Instant>>);

impl Seldom {
    /// Tells whether the last time is longer ago than `pause`, and notes this one.
    pub(crate) fn may(&self, pause: Duration) -> bool {
        let mut last = self.0.lock().expect("no holder of this lock panics");
        let is_due = last.is_none_or(|last| last.elapsed() >= pause);
        if is_due {
            *last = Some(Instant::now());
        }
        is_due
    }
}
