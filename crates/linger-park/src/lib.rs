//! HTTP/1.1 connections that can be parked for a few hundred bytes.
//!
//! A [`Park`] owns connections between their requests and while a request waits. A
//! [`Service`] decides about each request: answer these bytes, or park on this ticket
//! until that deadline, or hand the connection over. It then goes to another server,
//! with the bytes already read, and may come back.
//!
//! It knows sockets and the framing of HTTP/1.1, a strict part of it, and no chat.

#![forbid(unsafe_code)]

mod links;
mod outgoing;
mod park;
pub mod request;
mod service;
mod shard;
mod slots;
mod waiters;
mod wheel;

pub use outgoing::{Load, OUTGOING_MAX, Outgoing};
pub use park::{Connection, Park, ParkSettings};
pub use request::{Method, Request};
pub use service::{Answer, Look, Parking, Service, Then, Topic, Verdict};
pub use shard::{WRITE_MIN, write_some};
pub use waiters::Parked;
