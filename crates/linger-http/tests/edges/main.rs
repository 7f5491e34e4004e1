//! The edges as clients meet them: requests into the real edges, answers out.
//!
//! There is a module for each seed protocol, one for the events of the native API, one
//! for the story that all of them tell together, and the transcripts, which pin them
//! byte for byte. All of these run over both [`drivers`]; [`connections`] tests
//! sockets. [`stage`] has the server and the short forms. Each test has a node of its
//! own on a temporary folder, and waits for events, never for the clock.

#![allow(clippy::unwrap_used, reason = "in tests a panic is the report")]

mod bounds;
mod callers;
mod changes;
mod client;
mod connections;
mod document;
mod drivers;
mod events;
mod files;
mod history;
mod mentions;
mod names;
mod origins;
mod rates;
mod rooms;
mod settings;
mod sockets;
mod stage;
mod story;
mod text;
mod transcripts;
mod updates;
