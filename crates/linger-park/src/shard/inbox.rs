//! The messages of other threads to a shard.
//!
//! A message is one entry in a list; the shard is woken through the system only
//! if it sleeps. One lock guards the list and the flag that says that it sleeps,
//! so a shard cannot fall asleep over a message. The list has a bound, for a shard that
//! has much to do: connections are weighed, and may be refused; wakes are not lost,
//! but become one for everybody.

use std::{
    mem,
    sync::{
        Arc, Mutex, MutexGuard,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use crate::{Connection, Service};

/// So many wakes are kept apart. A shard that is further behind looks for everybody,
/// which costs less than to hear each of them.
pub(crate) const WAKES_MAX: usize = 1024;

/// The inbox of one shard, and what the shard shows of itself.
pub(crate) struct Inbox<S: Service> {
    queue: Mutex<Queue<S>>,
    waker: mio::Waker,
    parked: AtomicUsize,
    /// The bound on connections that wait here, in bytes.
    connections_bytes_max: usize,
    /// Those of now, to be asked without the lock.
    connections_bytes: AtomicUsize,
}

/// A message to a shard.
pub(crate) enum Message<S: Service> {
    /// Take this connection.
    Take(Connection<S::Place>),
    /// There is news.
    Wake(Arc<S::Wake>),
    /// There was so much news that everybody is to look.
    WakeAll,
    /// Answer all who are parked, spread over this time, and park nobody any more.
    Close(Duration),
    /// Drop everything and end.
    Stop,
}

struct Queue<S: Service> {
    messages: Vec<Message<S>>,
    wakes: usize,
    is_asleep: bool,
}

impl<S: Service> Inbox<S> {
    /// Makes an empty inbox with room for so many bytes of connections, whose shard
    /// sleeps until `waker` wakes it.
    pub(crate) fn new(waker: mio::Waker, connections_bytes_max: usize) -> Inbox<S> {
        let queue = Queue { messages: Vec::new(), wakes: 0, is_asleep: false };
        Inbox {
            queue: Mutex::new(queue),
            waker,
            parked: AtomicUsize::new(0),
            connections_bytes_max,
            connections_bytes: AtomicUsize::new(0),
        }
    }

    /// Tells whether there is room for new connections: a half is kept for those that
    /// come back.
    pub(crate) fn has_room(&self) -> bool {
        self.connections_bytes.load(Ordering::Relaxed) < self.connections_bytes_max / 2
    }

    /// Adds a connection to be taken. Errors: there is no room for it.
    pub(crate) fn post_connection(
        &self,
        connection: Connection<S::Place>,
    ) -> Result<(), Connection<S::Place>> {
        let queue = self.lock();
        let bytes = self.connections_bytes.load(Ordering::Relaxed) + weight(&connection);
        if bytes > self.connections_bytes_max {
            return Err(connection);
        }
        self.connections_bytes.store(bytes, Ordering::Relaxed);
        self.add(queue, Message::Take(connection));
        Ok(())
    }

    /// Adds a wake. With too many, it is one for everybody.
    pub(crate) fn post_wake(&self, wake: &Arc<S::Wake>) {
        let mut queue = self.lock();
        queue.wakes += 1;
        let message = match queue.wakes {
            1..=WAKES_MAX => Message::Wake(wake.clone()),
            wakes if wakes == WAKES_MAX + 1 => Message::WakeAll,
            // The shard has not read that one yet, and looks when it has.
            _ => return,
        };
        self.add(queue, message);
    }

    /// Adds one of the messages that come once.
    pub(crate) fn post(&self, message: Message<S>) {
        self.add(self.lock(), message);
    }

    fn add(&self, mut queue: MutexGuard<'_, Queue<S>>, message: Message<S>) {
        queue.messages.push(message);
        let was_asleep = mem::replace(&mut queue.is_asleep, false);
        drop(queue);
        if was_asleep {
            self.waker.wake().expect("an open waker wakes");
        }
    }

    /// Notes that the shard goes to sleep. Tells whether it may: nothing is here.
    pub(crate) fn may_sleep(&self) -> bool {
        let mut queue = self.lock();
        queue.is_asleep = queue.messages.is_empty();
        queue.is_asleep
    }

    /// Moves the messages to `messages`, which is empty, and notes that the shard
    /// is awake.
    pub(crate) fn take(&self, messages: &mut Vec<Message<S>>) {
        let mut queue = self.lock();
        queue.is_asleep = false;
        queue.wakes = 0;
        self.connections_bytes.store(0, Ordering::Relaxed);
        mem::swap(&mut queue.messages, messages);
    }

    /// Shows how many are parked in the shard.
    pub(crate) fn show_parked(&self, parked: usize) {
        self.parked.store(parked, Ordering::Relaxed);
    }

    /// Returns how many are parked in the shard, as last shown.
    pub(crate) fn parked(&self) -> usize {
        self.parked.load(Ordering::Relaxed)
    }

    /// Returns how many messages wait.
    #[cfg(test)]
    pub(crate) fn len(&self) -> usize {
        self.lock().messages.len()
    }

    fn lock(&self) -> MutexGuard<'_, Queue<S>> {
        self.queue.lock().expect("no holder of this lock panics")
    }
}

/// Returns the bytes that a connection takes in the list.
fn weight<P>(connection: &Connection<P>) -> usize {
    size_of::<Connection<P>>() + connection.bytes.capacity()
}
