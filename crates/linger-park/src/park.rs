//! The park as its owner sees it: connections go in, wakes go in, and it closes.
//!
//! The work is done by shards, one thread each; a connection stays with the shard
//! that it was given to. A park that is dropped drops its connections at once: to be
//! polite, call [`Park::close`] first, and wait for the time that it was given.

use std::{
    fmt, io,
    net::{SocketAddr, TcpStream},
    num::NonZero,
    panic::{AssertUnwindSafe, catch_unwind},
    process,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use crate::{
    OUTGOING_MAX, Outgoing, Service,
    shard::{
        Shard,
        inbox::{Inbox, Message},
        write_some,
    },
};

const HEAD_TIMEOUT_ANSWER: &[u8] =
    b"HTTP/1.1 408 Request Timeout\r\nConnection: close\r\nContent-Length: 0\r\n\r\n";
const OVERLOADED_ANSWER: &[u8] =
    b"HTTP/1.1 503 Service Unavailable\r\nRetry-After: 2\r\nConnection: close\r\nContent-Length: 0\r\n\r\n";

/// The bounds of a park.
#[derive(Debug, Clone)]
pub struct ParkSettings {
    /// Threads, each with its own connections. By default one for two cores: the
    /// other cores are for those who make the news, and a busy shard answers more
    /// requests at a time, which costs less for each.
    pub shards: usize,
    /// How long a head may take to come whole, from its first byte on.
    pub head_timeout: Duration,
    /// The answer to a connection whose head took longer; it is closed then.
    pub head_timeout_answer: Arc<[u8]>,
    /// How long a connection may be idle between requests, and before the first one
    /// unless its owner says otherwise ([`Connection::due`]).
    pub idle_timeout: Duration,
    /// In this time a reader must take [`crate::WRITE_MIN`] bytes of its answer, or
    /// what is left of it.
    pub write_timeout: Duration,
    /// The bound on all answers that are on their way out.
    pub outgoing: Arc<Outgoing>,
    /// Connections that wait until a shard takes them, in bytes and for each shard: see
    /// [`Park::take`].
    pub inbox_bytes_max: usize,
    /// The answer sent in the place of one for which there is no room, and to a
    /// connection for which there is none; the connection is closed then.
    pub overloaded_answer: Arc<[u8]>,
}

/// A connection on its way in or out.
pub struct Connection<P> {
    /// The socket. It does not block.
    pub stream: TcpStream,
    /// The address of the other end.
    pub peer: SocketAddr,
    /// The bytes that were read from it and not answered.
    pub bytes: Vec<u8>,
    /// On the way in: until when the next request must begin, if not within the idle
    /// time-out. On the way out: until when a request that has begun must be complete;
    /// none if none has begun.
    pub due: Option<Instant>,
    /// The value that travels with it, and is dropped with it.
    pub place: P,
}

/// A running park.
pub struct Park<S: Service> {
    shards: Vec<Running<S>>,
    /// Counts connections, to give them to the shards in turn.
    taken: AtomicUsize,
    overloaded_answer: Arc<[u8]>,
}

struct Running<S: Service> {
    inbox: Arc<Inbox<S>>,
    thread: JoinHandle<()>,
}

impl Default for ParkSettings {
    fn default() -> ParkSettings {
        ParkSettings {
            shards: thread::available_parallelism().map_or(1, NonZero::get).div_ceil(2),
            head_timeout: Duration::from_secs(5),
            head_timeout_answer: Arc::from(HEAD_TIMEOUT_ANSWER),
            // A little above what browsers and proxies keep: they close first.
            idle_timeout: Duration::from_secs(75),
            write_timeout: Duration::from_secs(10),
            outgoing: Outgoing::new(OUTGOING_MAX),
            // A half of it is some 20,000 new ones: more than come in a turn that takes long.
            inbox_bytes_max: 4 << 20,
            overloaded_answer: Arc::from(OVERLOADED_ANSWER),
        }
    }
}

impl<S: Service> Park<S> {
    /// Starts the threads.
    ///
    /// Errors: the system gives no event queue, or no thread.
    pub fn start(service: &Arc<S>, settings: ParkSettings) -> io::Result<Park<S>> {
        let settings = Arc::new(settings);
        let overloaded_answer = settings.overloaded_answer.clone();
        let taken = AtomicUsize::new(0);
        let mut park = Park { shards: Vec::new(), taken, overloaded_answer };
        for number in 0..settings.shards.max(1) {
            let (shard, inbox) = Shard::new(service.clone(), settings.clone())?;
            let work = move || {
                // A bug: a part of all readers would hang, and nobody would notice.
                // So the process ends. The panic was reported where it happened.
                if catch_unwind(AssertUnwindSafe(|| shard.run())).is_err() {
                    process::abort();
                }
            };
            let thread = thread::Builder::new().name(format!("park-{number}")).spawn(work)?;
            park.shards.push(Running { inbox, thread });
        }
        Ok(park)
    }

    /// Tells whether a new connection is to come in now: some shard has room for it. If
    /// not, it waits where it is.
    pub fn has_room(&self) -> bool {
        self.shards.iter().any(|shard| shard.inbox.has_room())
    }

    /// Takes a connection: a new one, or one that comes back with what was read
    /// of its next request.
    ///
    /// Errors: the socket cannot be made non-blocking, or the shards have so much to do
    /// that no more may wait for them. If the connection asks for something, it gets a
    /// refusal; it is closed then.
    pub fn take(&self, connection: Connection<S::Place>) -> io::Result<()> {
        connection.stream.set_nonblocking(true)?;
        connection.stream.set_nodelay(true)?;
        let first = self.taken.fetch_add(1, Ordering::Relaxed) % self.shards.len();
        let (before, from_first) = self.shards.split_at(first);
        let mut refused = connection;
        for shard in from_first.iter().chain(before) {
            match shard.inbox.post_connection(refused) {
                Ok(()) => return Ok(()),
                Err(connection) => refused = connection,
            }
        }
        // An answer before any request would be taken for the answer to the next one.
        if refused.due.is_some() || !refused.bytes.is_empty() {
            write_some(&refused.stream, &self.overloaded_answer)?;
        }
        Err(io::Error::other("too many connections wait to be taken"))
    }

    /// Calls those whom the news concerns. [`Service::look`] must be able to see all of
    /// it before this is called. Cost: one entry per shard.
    pub fn wake(&self, wake: &Arc<S::Wake>) {
        for shard in &self.shards {
            shard.inbox.post_wake(wake);
        }
    }

    /// Answers everybody who is parked by [`Service::expire`], spread evenly over
    /// `spread`, in the background. A request that would park later expires at once;
    /// other requests are served until the park is dropped.
    pub fn close(&self, spread: Duration) {
        for shard in &self.shards {
            shard.inbox.post(Message::Close(spread));
        }
    }

    /// Returns how many requests are parked, as of a moment ago; once the park
    /// closes, with those whose answer is still going out.
    pub fn parked(&self) -> usize {
        self.shards.iter().map(|shard| shard.inbox.parked()).sum()
    }
}

impl<S: Service> Drop for Park<S> {
    fn drop(&mut self) {
        // All of them first, so that they end side by side.
        for shard in &self.shards {
            shard.inbox.post(Message::Stop);
        }
        for shard in self.shards.drain(..) {
            // A service that held the last handle may drop the park on a shard's own thread.
            // That thread cannot wait for itself: it ends after this.
            if shard.thread.thread().id() != thread::current().id() {
                shard.thread.join().expect("its panic would have ended the process");
            }
        }
    }
}

impl<S: Service> fmt::Debug for Park<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Park").field("shards", &self.shards.len()).finish_non_exhaustive()
    }
}

impl<P> fmt::Debug for Connection<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Connection { stream: _, peer, bytes, due, place: _ } = self;
        let mut connection = f.debug_struct("Connection");
        connection.field("peer", peer).field("bytes", &bytes.len()).field("due", due);
        connection.finish_non_exhaustive()
    }
}
