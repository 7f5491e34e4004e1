//! The connections of a reactor: opened, written to, closed.
//!
//! Source addresses are 127.0.0.1, 127.0.0.2 and so on, each for as many
//! connections as it surely has ports for. A request is written at once; bytes that
//! the socket does not take are kept and written when it does.

use std::{
    io::{self, Write},
    net::{Ipv4Addr, SocketAddr, SocketAddrV4},
    time::Duration,
};

use anyhow::Context;
use mio::{Interest, Registry, Token, net::TcpStream};
use rustix::{
    io::FdFlags,
    net::{AddressFamily, SocketType, sockopt},
};
use slab::Slab;

use crate::client::chunks::Chunks;

/// Of the 28,000 ephemeral ports that Linux gives to an address by default.
const CONNECTIONS_PER_SOURCE: usize = 20_000;
/// The first of them on addresses of our own; servers are on 127.0.0.1.
const PORT_MIN: u16 = 10_000;

/// A connection's place.
pub(crate) type Key = usize;

/// The owner of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Who {
    Reader(usize),
    Publisher(usize),
}

pub(super) enum Phase {
    Connecting,
    Open,
    /// The body of a stream is under way: in chunks, or until the end.
    Streaming(Option<Chunks>),
}

pub(super) struct Wire {
    pub(super) stream: TcpStream,
    pub(super) who: Who,
    /// Tells a connection from the one that had its key before.
    pub(super) serial: u64,
    pub(super) phase: Phase,
    pub(super) awaits_stream: bool,
    /// An answer that is not complete, and how many bytes it needs at least.
    pub(super) kept: Vec<u8>,
    pub(super) needed: usize,
    unsent: Vec<u8>,
}

impl Wire {
    pub(super) fn flush(&mut self) -> io::Result<()> {
        while !self.unsent.is_empty() {
            match self.stream.write(&self.unsent) {
                Ok(count) => drop(self.unsent.drain(..count)),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}

/// All connections.
pub(crate) struct Wires {
    registry: Registry,
    address: SocketAddr,
    wires: Slab<Wire>,
    request: Vec<u8>,
    opened: u64,
}

impl Wires {
    pub(super) fn new(registry: Registry, address: SocketAddr) -> Wires {
        Wires { registry, address, wires: Slab::new(), request: Vec::new(), opened: 0 }
    }

    pub(super) fn get(&mut self, key: Key) -> Option<&mut Wire> {
        self.wires.get_mut(key)
    }

    /// Connections that are open or opening.
    pub(crate) fn count(&self) -> usize {
        self.wires.len()
    }

    /// Begins to connect. Errors: the system has no socket or port to give.
    pub(crate) fn open(&mut self, who: Who) -> anyhow::Result<Key> {
        let entry = self.wires.vacant_entry();
        let key = entry.key();
        let stream = connect(self.address, key).with_context(|| {
            format!("connection number {key} to {} could not be opened", self.address)
        })?;
        let mut stream = TcpStream::from_std(stream);
        // Both once and for all: registering anew for each request would cost a
        // system call, and the events come edge by edge anyway.
        let interest = Interest::READABLE | Interest::WRITABLE;
        self.registry.register(&mut stream, Token(key), interest).context("epoll takes no more")?;
        self.opened += 1;
        entry.insert(Wire {
            stream,
            who,
            serial: self.opened,
            phase: Phase::Connecting,
            awaits_stream: false,
            kept: Vec::new(),
            needed: 0,
            unsent: Vec::new(),
        });
        Ok(key)
    }

    /// Sends the request that `write` writes. A failure shows with the next read.
    pub(crate) fn send(&mut self, key: Key, write: impl FnOnce(&mut Vec<u8>)) {
        self.request.clear();
        write(&mut self.request);
        let Some(wire) = self.wires.get_mut(key) else { return };
        if !wire.unsent.is_empty() {
            wire.unsent.extend_from_slice(&self.request);
            return;
        }
        let count = wire.stream.write(&self.request).unwrap_or(0);
        if count < self.request.len() {
            wire.unsent.extend_from_slice(&self.request[count..]);
        }
    }

    /// Sends a request that will be answered with a stream.
    pub(crate) fn send_for_stream(&mut self, key: Key, write: impl FnOnce(&mut Vec<u8>)) {
        if let Some(wire) = self.wires.get_mut(key) {
            wire.awaits_stream = true;
        }
        self.send(key, write);
    }

    /// Closes the connections of all readers.
    pub(crate) fn close_readers(&mut self) {
        self.wires.retain(|_, wire| !matches!(wire.who, Who::Reader(_)));
    }

    /// Closes a connection and returns its owner.
    pub(crate) fn close(&mut self, key: Key) -> Option<Who> {
        // Dropped, the socket leaves epoll by itself.
        self.wires.try_remove(key).map(|wire| wire.who)
    }
}

/// Begins to connect the connection with this key.
fn connect(address: SocketAddr, key: Key) -> io::Result<std::net::TcpStream> {
    let family = match address {
        SocketAddr::V4(_) => AddressFamily::INET,
        SocketAddr::V6(_) => AddressFamily::INET6,
    };
    let socket = rustix::net::socket(family, SocketType::STREAM, None)?;
    // One by one, because not every system can set this when it makes the socket. A
    // server that is restarted must not inherit its own readers.
    rustix::io::fcntl_setfd(&socket, FdFlags::CLOEXEC)?;
    rustix::io::ioctl_fionbio(&socket, true)?;
    sockopt::set_tcp_nodelay(&socket, true)?;
    // Closed with a reset: ten thousand connections in TIME_WAIT would take their
    // ports, and their memory, from the next run.
    sockopt::set_socket_linger(&socket, Some(Duration::ZERO))?;
    if let Some(source) = source(key).filter(|_| address.is_ipv4()) {
        sockopt::set_socket_reuseaddr(&socket, true)?;
        rustix::net::bind(&socket, &source)?;
    }
    match rustix::net::connect(&socket, &address) {
        Ok(()) | Err(rustix::io::Errno::INPROGRESS) => Ok(socket.into()),
        Err(error) => Err(error.into()),
    }
}

/// Returns the source of a connection. None: the system may choose it.
///
/// The port is named, because asking the system for any free one of an address
/// makes it search, and with thousands in use it searches long.
fn source(key: Key) -> Option<SocketAddrV4> {
    let host = u8::try_from(key / CONNECTIONS_PER_SOURCE).ok().filter(|host| *host > 0)?;
    let port = PORT_MIN + u16::try_from(key % CONNECTIONS_PER_SOURCE).ok()?;
    Some(SocketAddrV4::new(Ipv4Addr::new(127, 0, 0, host + 1), port))
}
