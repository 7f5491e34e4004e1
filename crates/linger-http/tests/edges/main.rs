//! The edges as clients meet them: requests into the real router, answers out.
//!
//! A module for each seed protocol, one for the story that all of them tell
//! together, and the transcripts, which pin them byte for byte. [`stage`] has the
//! server and the short forms; each test has a node of its own on a temporary
//! folder, and waits for what happens, never for the clock.

#![allow(clippy::unwrap_used, reason = "in tests a panic is the report")]

mod names;
mod sockets;
mod stage;
mod story;
mod transcripts;
mod updates;
