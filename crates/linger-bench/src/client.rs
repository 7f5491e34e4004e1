//! The client's side of HTTP/1.1: how answers are framed, and plain calls.
//!
//! [`framing`] and [`chunks`] know bytes and no sockets; the reactor feeds them.
//! [`calls`] makes one blocking request after the other, for things that are not
//! measured: guests, rooms, figures.

pub(crate) mod calls;
pub(crate) mod chunks;
pub(crate) mod framing;
