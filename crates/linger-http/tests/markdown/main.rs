//! Markdown: what marks mean, and that a message printed and read again is the same.

#![allow(clippy::unwrap_used, reason = "in tests a panic is the report")]

mod corpus;
mod cost;
mod grammar;
mod law;
mod properties;
