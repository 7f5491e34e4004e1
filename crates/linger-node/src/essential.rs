//! The node's own threads: the log's writer, the follower, the readers.
//!
//! A panic on one of them is a bug after which nothing would work correctly, yet
//! the other threads would not notice. So the process ends, with a message. All
//! acknowledged entries are in the log, and the next start goes on from there.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    process,
    thread::{self, JoinHandle},
};

/// Runs `work` on a thread of its own.
pub(crate) fn spawn(name: &str, work: impl FnOnce() + Send + 'static) -> JoinHandle<()> {
    let guarded = move || {
        // The panic itself was reported where it happened.
        if catch_unwind(AssertUnwindSafe(work)).is_err() {
            process::abort();
        }
    };
    thread::Builder::new()
        .name(name.to_owned())
        .spawn(guarded)
        .expect("the system has threads to give")
}
