//! The memory of a shard about one connection: small, since there may be very many.
//!
//! No buffer is kept while a connection is idle or parked. Larger parts are boxed,
//! and are there only for as long as they are needed: the bytes of a request that is
//! not complete, and an answer that does not go out at once.

use std::{io, net::SocketAddr, os::fd::AsFd, sync::Arc};

use mio::net::TcpStream;
use rustix::{
    io::Errno,
    net::{RecvFlags, SendFlags, recv, send},
};

use crate::{Load, Service, Then, waiters::Stand, wheel::Timer};

/// A connection in its shard's slots.
pub(super) struct Record<S: Service> {
    pub(super) stream: TcpStream,
    pub(super) peer: SocketAddr,
    pub(super) place: S::Place,
    /// Tells this connection from those that had its slot before.
    pub(super) generation: u32,
    /// Whether a read may find something: nothing else is worth a system call.
    pub(super) may_read: bool,
    /// Whether the peer sends nothing more after what can be read.
    pub(super) has_ended: bool,
    /// Whether `left_over` is the beginning of a request, and the time runs until it
    /// must be complete.
    pub(super) is_short: bool,
    /// Whether it goes on at the end of this turn or in the next.
    pub(super) is_put_off: bool,
    pub(super) state: State<S::Ticket>,
    /// Bytes read and not yet served: less than a request, or pipelined ones.
    pub(super) left_over: Vec<u8>,
    pub(super) stand: Stand,
    pub(super) timer: Timer,
}

/// The state of a connection.
pub(super) enum State<T> {
    /// Waiting for a request, or for the rest of one.
    Reading,
    /// Its request waits, under the topic of its stand.
    Parked(T),
    /// Its answer did not go out at once. It holds on to the bytes it shares with
    /// the others, not to a copy.
    Writing(Box<Writing<T>>),
    /// The last answer has gone out. Further bytes are read and thrown away: unread
    /// bytes would make the system reset the connection, and the answer might be lost.
    Leaving,
}

/// An answer on its way out.
pub(super) struct Writing<T> {
    pub(super) bytes: Arc<[u8]>,
    pub(super) offset: usize,
    /// The offset at which the time began to run.
    pub(super) offset_before: usize,
    pub(super) then: Then<T>,
    /// Shared with the others who get the same bytes from this shard.
    pub(super) _load: Arc<Load>,
}

/// Writes to a socket that does not block, and returns how many bytes it took.
///
/// The system reports a full socket as writable again when a third of its buffer
/// is free. A slow reader takes long for that, so this asks the system itself.
pub fn write_some(socket: impl AsFd, bytes: &[u8]) -> io::Result<usize> {
    loop {
        match send(&socket, bytes, SendFlags::NOSIGNAL) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(count) => return Ok(count),
            Err(Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
}

impl<S: Service> Record<S> {
    /// Reads into `buffer`. None: there is nothing now.
    pub(super) fn read(&mut self, buffer: &mut [u8]) -> io::Result<Option<usize>> {
        loop {
            match recv(&self.stream, &mut *buffer, RecvFlags::empty()) {
                Ok((count, _)) => {
                    // Fewer than asked for: these are all, and the next bytes bring an event.
                    // An end that came already brings none.
                    self.may_read = count == buffer.len() || self.has_ended;
                    return Ok(Some(count));
                }
                Err(Errno::AGAIN) => {
                    self.may_read = false;
                    return Ok(None);
                }
                Err(Errno::INTR) => {}
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// Writes from `offset` on for as long as the system takes it, and returns how
    /// far that is.
    pub(super) fn write(&self, bytes: &[u8], mut offset: usize) -> io::Result<usize> {
        while offset < bytes.len() {
            match write_some(&self.stream, &bytes[offset..]) {
                Ok(count) => offset += count,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(error) => return Err(error),
            }
        }
        Ok(offset)
    }

    /// Tells whether it is parked.
    pub(super) fn is_parked(&self) -> bool {
        matches!(self.state, State::Parked(_))
    }
}

impl<S: Service> AsMut<Stand> for Record<S> {
    fn as_mut(&mut self) -> &mut Stand {
        &mut self.stand
    }
}

impl<S: Service> AsRef<Stand> for Record<S> {
    fn as_ref(&self) -> &Stand {
        &self.stand
    }
}

impl<S: Service> AsMut<Timer> for Record<S> {
    fn as_mut(&mut self) -> &mut Timer {
        &mut self.timer
    }
}
