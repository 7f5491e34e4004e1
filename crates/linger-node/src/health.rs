//! The node's health: the faults that keep it from its work, in words.
//!
//! The log's writer and the follower report theirs; `/ready` and the check before
//! appends ask. It is logged once when the node becomes unready, and once when it is
//! ready again. A fault that cannot be mended while the node runs ends it
//! ([`Health::end`]).

use std::{
    path::Path,
    sync::{
        Mutex,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use tokio::sync::watch;

/// A part of the node that can fail by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Part {
    /// Appends to the log.
    Log,
    /// The tables that are made from it.
    Tables,
}

/// The node's health.
pub(crate) struct Health {
    illnesses: Mutex<[Option<String>; 2]>,
    /// Read at each append: most of the time a lock would be for nothing.
    is_ill: [AtomicBool; 2],
    /// When the log was last written, in seconds since `begun`.
    written_s: AtomicU64,
    begun: Instant,
    /// How far the node is with its start, where that takes long.
    progress: Mutex<Option<String>>,
    end: watch::Sender<Option<String>>,
}

impl Health {
    /// Begins in good health.
    pub(crate) fn new() -> Health {
        Health {
            illnesses: Mutex::default(),
            is_ill: Default::default(),
            written_s: AtomicU64::new(0),
            begun: Instant::now(),
            progress: Mutex::default(),
            end: watch::Sender::new(None),
        }
    }

    /// Notes why a part cannot do its work.
    pub(crate) fn is_ill(&self, part: Part, reason: String) {
        let mut illnesses = self.illnesses.lock().expect("no holder of this lock panics");
        // A second fault mostly comes from the first: one line for both.
        match illnesses.iter().all(Option::is_none) {
            true => tracing::error!(reason, "not ready: {}", part.consequence()),
            false => tracing::debug!(reason, "still not ready"),
        }
        illnesses[part as usize] = Some(reason);
        self.is_ill[part as usize].store(true, Ordering::Release);
    }

    /// Notes that a part does its work.
    pub(crate) fn is_well(&self, part: Part) {
        if part == Part::Log {
            self.written_s.store(self.begun.elapsed().as_secs(), Ordering::Relaxed);
        }
        if !self.is_ill[part as usize].swap(false, Ordering::AcqRel) {
            return;
        }
        let mut illnesses = self.illnesses.lock().expect("no holder of this lock panics");
        let was_ill = illnesses[part as usize].take().is_some();
        if was_ill && illnesses.iter().all(Option::is_none) {
            tracing::warn!("ready again: the log can be written, and the tables follow it");
        }
    }

    /// Returns why a part cannot do its work.
    pub(crate) fn illness(&self, part: Part) -> Option<String> {
        if !self.is_ill[part as usize].load(Ordering::Acquire) {
            return None;
        }
        self.illnesses.lock().expect("no holder of this lock panics")[part as usize].clone()
    }

    /// Notes how far the node is with its start, or that there is nothing to say of it.
    pub(crate) fn is_getting_there(&self, progress: Option<String>) {
        *self.progress.lock().expect("no holder of this lock panics") = progress;
    }

    /// Returns how far the node is with its start, where that takes long.
    pub(crate) fn progress(&self) -> Option<String> {
        self.progress.lock().expect("no holder of this lock panics").clone()
    }

    /// Tells whether the log was written within this time, to seconds.
    pub(crate) fn was_written_within(&self, time: Duration) -> bool {
        let written = Duration::from_secs(self.written_s.load(Ordering::Relaxed));
        self.begun.elapsed().saturating_sub(written) <= time
    }

    /// Returns why the node cannot do all its work.
    pub(crate) fn any_illness(&self) -> Option<String> {
        self.end
            .borrow()
            .clone()
            .or_else(|| self.illness(Part::Log))
            .or_else(|| self.illness(Part::Tables))
    }

    /// Ends the node, with a sentence for the operator. The first one counts.
    pub(crate) fn end(&self, reason: String) {
        self.end.send_if_modified(|end| {
            let is_first = end.is_none();
            end.get_or_insert(reason);
            is_first
        });
    }

    /// Ends the node because one of its files was taken away.
    pub(crate) fn end_without(&self, gone: &Path) {
        self.end(format!(
            "{} is no longer the file that this server opened: it was deleted, moved or replaced; what was sent since then was not acknowledged; put the data folder back, and start again",
            gone.display()
        ));
    }

    /// Tells whether the node is ending.
    pub(crate) fn has_ended(&self) -> bool {
        self.end.borrow().is_some()
    }

    /// Waits until the node cannot go on, and returns why.
    pub(crate) async fn ended(&self) -> String {
        let mut end = self.end.subscribe();
        let end = end.wait_for(Option::is_some).await.expect("the sender is ours");
        end.clone().expect("it was waited for")
    }
}

impl Part {
    fn consequence(self) -> &'static str {
        match self {
            Part::Log => "sends are refused, and reading goes on; trying again each second",
            Part::Tables => "reading goes on as far as it can; trying again each second",
        }
    }
}
