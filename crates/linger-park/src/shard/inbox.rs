//! The messages of other threads to a shard.
//!
//! A message is one entry in a list; the shard is woken through the system only
//! if it sleeps. One lock guards the list and the flag that says that it sleeps,
//! so a shard cannot fall asleep over a message.

use std::{
    mem,
    sync::{
        Arc, Mutex, MutexGuard,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use crate::{Connection, Service};

/// The inbox of one shard, and what the shard shows of itself.
pub(crate) struct Inbox<S: Service> {
    queue: Mutex<Queue<S>>,
    waker: mio::Waker,
    parked: AtomicUsize,
}

/// A message to a shard.
pub(crate) enum Message<S: Service> {
    /// Take this connection.
    Take(Connection<S::Place>),
    /// There is news.
    Wake(Arc<S::Wake>),
    /// Answer all who are parked, spread over this time, and park nobody any more.
    Close(Duration),
    /// Drop everything and end.
    Stop,
}

struct Queue<S: Service> {
    messages: Vec<Message<S>>,
    is_asleep: bool,
}

impl<S: Service> Inbox<S> {
    /// Makes an empty inbox, whose shard sleeps until `waker` wakes it.
    pub(crate) fn new(waker: mio::Waker) -> Inbox<S> {
        let queue = Queue { messages: Vec::new(), is_asleep: false };
        Inbox { queue: Mutex::new(queue), waker, parked: AtomicUsize::new(0) }
    }

    /// Adds a message.
    pub(crate) fn post(&self, message: Message<S>) {
        let was_asleep = {
            let mut queue = self.lock();
            queue.messages.push(message);
            mem::replace(&mut queue.is_asleep, false)
        };
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

    fn lock(&self) -> MutexGuard<'_, Queue<S>> {
        self.queue.lock().expect("no holder of this lock panics")
    }
}
