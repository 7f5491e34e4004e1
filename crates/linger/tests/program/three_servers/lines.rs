//! The lines between servers, and from nodes to servers: proxies that can be cut, in both
//! directions or in one.
//!
//! Bytes that are sent while a line is cut are kept, and arrive when it is mended, late, as
//! those that TCP sends again. So partitions need no root, no namespaces and no packet filter,
//! and run wherever the tests do.

use std::{
    io::{ErrorKind, Read, Write},
    net::{Shutdown, TcpListener, TcpStream},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::Duration,
};

use crate::nats::{Nats, free_port};

/// Between two looks whether a line is cut.
const LOOK_EVERY: Duration = Duration::from_millis(10);

/// One who is at the end of a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    Server(usize),
    Node(usize),
}

/// All lines of a cluster. A node is connected with one server only: that of its own number.
pub struct Lines {
    /// From each server to each other one.
    servers: [[Option<Line>; 3]; 3],
    /// From each node to its server.
    nodes: Vec<Line>,
}

/// A line to one port of this machine.
struct Line {
    port: u16,
    state: Arc<State>,
}

/// Shared with the threads of a line.
#[derive(Default)]
struct State {
    /// Nothing arrives from the one who called.
    is_cut_forth: AtomicBool,
    /// Nothing arrives at the one who called.
    is_cut_back: AtomicBool,
    is_over: AtomicBool,
}

/// One direction of a line.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Direction {
    Forth,
    Back,
}

impl Lines {
    /// Starts three servers that know each other by these lines alone.
    pub fn start() -> (Nats, Lines) {
        let routes = [(); 3].map(|()| free_port());
        let line = |from: usize, to: usize| (from != to).then(|| Line::to(routes[to]));
        let servers = [0, 1, 2].map(|from| [0, 1, 2].map(|to| line(from, to)));
        let nats = Nats::three_with(|number| {
            let urls = servers[number].iter().flatten();
            let urls: Vec<_> = urls.map(|line| format!("nats://127.0.0.1:{}", line.port)).collect();
            // Without the last two, servers tell each other and their clients of shorter ways.
            format!(
                "listen: \"127.0.0.1:{}\", routes: {urls:?}, no_advertise: true, advertise: \"127.0.0.1:1\"",
                routes[number]
            )
        });
        let nodes = nats.servers.iter().map(|server| Line::to(server.port)).collect();
        (nats, Lines { servers, nodes })
    }

    /// Returns the address by which a node finds its server.
    pub fn url_of(&self, node: usize) -> String {
        format!("nats://127.0.0.1:{}", self.nodes[node].port)
    }

    /// Lets nothing arrive from one at the other.
    pub fn cut(&self, from: End, to: End) {
        match (from, to) {
            (End::Server(from), End::Server(to)) => {
                self.servers[from][to].as_ref().unwrap().cut(Direction::Forth);
                self.servers[to][from].as_ref().unwrap().cut(Direction::Back);
            }
            (End::Node(node), End::Server(_)) => self.nodes[node].cut(Direction::Forth),
            (End::Server(_), End::Node(node)) => self.nodes[node].cut(Direction::Back),
            (End::Node(_), End::Node(_)) => unreachable!("nodes do not talk to each other"),
        }
    }

    /// Lets all arrive again.
    pub fn mend(&self) {
        self.servers.iter().flatten().flatten().chain(&self.nodes).for_each(Line::mend);
    }
}

impl Line {
    fn to(port: u16) -> Line {
        let listener = TcpListener::bind(("127.0.0.1", free_port())).unwrap();
        listener.set_nonblocking(true).unwrap();
        let line = Line { port: listener.local_addr().unwrap().port(), state: Arc::default() };
        let state = line.state.clone();
        thread::spawn(move || {
            while !state.is_over() {
                match listener.accept() {
                    Ok((caller, _)) => {
                        let state = state.clone();
                        thread::spawn(move || state.connect(caller, port));
                    }
                    Err(_) => thread::sleep(LOOK_EVERY),
                }
            }
        });
        line
    }

    fn cut(&self, direction: Direction) {
        self.state.cut(direction).store(true, Ordering::Relaxed);
    }

    fn mend(&self) {
        for direction in [Direction::Forth, Direction::Back] {
            self.state.cut(direction).store(false, Ordering::Relaxed);
        }
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        self.state.is_over.store(true, Ordering::Relaxed);
    }
}

impl State {
    fn is_over(&self) -> bool {
        self.is_over.load(Ordering::Relaxed)
    }

    fn cut(&self, direction: Direction) -> &AtomicBool {
        match direction {
            Direction::Forth => &self.is_cut_forth,
            Direction::Back => &self.is_cut_back,
        }
    }

    /// Waits until bytes arrive in this direction. Tells whether they ever will.
    fn arrives(&self, direction: Direction) -> bool {
        while self.cut(direction).load(Ordering::Relaxed) && !self.is_over() {
            thread::sleep(LOOK_EVERY);
        }
        !self.is_over()
    }

    /// Carries one connection, both ways.
    fn connect(self: Arc<State>, caller: TcpStream, port: u16) {
        // To connect takes both directions.
        if !(self.arrives(Direction::Forth) && self.arrives(Direction::Back)) {
            return;
        }
        let Ok(called) = TcpStream::connect(("127.0.0.1", port)) else { return };
        let (other_caller, other_called) = (caller.try_clone(), called.try_clone());
        let (Ok(other_caller), Ok(other_called)) = (other_caller, other_called) else { return };
        let state = self.clone();
        thread::spawn(move || state.carry(other_called, other_caller, Direction::Back));
        self.carry(caller, called, Direction::Forth);
    }

    fn carry(&self, mut from: TcpStream, mut to: TcpStream, direction: Direction) {
        let mut bytes = [0; 1 << 16];
        let is_set = [&from, &to].iter().all(|it| {
            it.set_nonblocking(false).is_ok()
                && it.set_nodelay(true).is_ok()
                && it.set_read_timeout(Some(LOOK_EVERY)).is_ok()
        });
        while is_set && self.arrives(direction) {
            let count = match from.read(&mut bytes) {
                Ok(count) => count,
                Err(error)
                    if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) =>
                {
                    continue;
                }
                Err(_) => 0,
            };
            // It may have been cut in between.
            if count == 0 || !self.arrives(direction) || to.write_all(&bytes[..count]).is_err() {
                break;
            }
        }
        if self.arrives(direction) {
            let _ = to.shutdown(Shutdown::Both);
            let _ = from.shutdown(Shutdown::Both);
        }
    }
}
