//! The waiting room: who is parked, and how they are called.
//!
//! [`crate::Node::wait`] enters before it looks; the follower wakes. A wake
//! carries no news: the woken reader looks at the feed again, so there is one
//! delivery path and one visibility check.
//!
//! Memory: one slot per parked reader, in one list of those who wait for the
//! same; to enter and to leave take the same time however many wait.

use std::{
    collections::HashMap,
    future::poll_fn,
    sync::{Arc, Mutex, MutexGuard},
    task::{Poll, Waker},
    time::Duration,
};

use linger_core::{News, RoomId, UserId, visibility::Scope};
use slab::Slab;
use tokio::time::Instant;

use crate::{metrics::Metrics, roster::Roster};

#[cfg(test)]
mod tests;

/// The waiting room.
pub(crate) struct Hub {
    room: Mutex<WaitingRoom>,
    waiters_max: usize,
    metrics: Arc<Metrics>,
}

/// A place in the waiting room; dropped, it is free again.
pub(crate) struct Ticket<'a> {
    hub: &'a Hub,
    key: usize,
}

/// Why nobody may enter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Crowded;

#[derive(Default)]
struct WaitingRoom {
    slots: Slab<Slot>,
    /// The first slot of each list.
    lists: HashMap<Topic, usize>,
    is_closing: bool,
}

/// What a reader waits for: those with the same topic stand in one list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Topic {
    /// Events of one room.
    Room(RoomId),
    /// Whatever one user sees.
    User(UserId),
}

struct Slot {
    topic: Topic,
    previous: Option<usize>,
    next: Option<usize>,
    is_called: bool,
    waker: Option<Waker>,
}

impl Hub {
    /// Opens the waiting room for up to `waiters_max` readers.
    pub(crate) fn new(waiters_max: usize, metrics: Arc<Metrics>) -> Hub {
        Hub { room: Mutex::default(), waiters_max, metrics }
    }

    /// Takes a place. Whatever happens from now on calls it, so look after this.
    /// None once the room is closing: nobody would call who comes after that.
    pub(crate) fn enter(&self, scope: Scope) -> Result<Option<Ticket<'_>>, Crowded> {
        let topic = match scope {
            Scope::Room(room, _) => Topic::Room(room),
            Scope::Mine(user) => Topic::User(user),
        };
        let mut room = self.lock();
        if room.is_closing {
            return Ok(None);
        }
        if room.slots.len() >= self.waiters_max {
            return Err(Crowded);
        }
        let key = room.insert(topic);
        self.metrics.requests_held.inc();
        Ok(Some(Ticket { hub: self, key }))
    }

    /// Calls everybody whom one of these events may concern. Once per batch.
    pub(crate) fn wake<'n>(&self, news: impl Iterator<Item = &'n News>, roster: &Roster) {
        let mut called = Vec::new();
        {
            let mut room = self.lock();
            if room.slots.is_empty() {
                return;
            }
            let mut last_room = None;
            for news in news {
                // A batch is mostly one busy room: call its readers once.
                let is_repeat = news.room_id.is_some() && news.room_id == last_room;
                if let Some(room_id) = news.room_id.filter(|_| !is_repeat) {
                    room.call_room(room_id, roster, &mut called);
                    last_room = Some(room_id);
                }
                if let Some(subject) = news.subject() {
                    room.call(Topic::User(subject), &mut called);
                    if news.room_id.is_none() {
                        // A rename: for all who share a room with the renamed.
                        for stay in roster.stays(Some(subject)) {
                            room.call_room(stay.room, roster, &mut called);
                        }
                    }
                }
            }
        }
        self.metrics.wakes.inc_by(called.len() as u64);
        called.into_iter().for_each(Waker::wake);
    }

    /// Closes the waiting room: who waits is called, spread evenly over `spread`,
    /// and nobody waits any more.
    pub(crate) async fn close(&self, spread: Duration) {
        /// Short enough to look even, long enough to cost nothing.
        const TICK: Duration = Duration::from_millis(10);
        let waiting: Vec<usize> = {
            let mut room = self.lock();
            room.is_closing = true;
            room.slots.iter().map(|(key, _)| key).collect()
        };
        let ticks = (spread.as_millis() / TICK.as_millis()).max(1) as usize;
        for part in waiting.chunks(waiting.len().div_ceil(ticks).max(1)) {
            let mut called = Vec::with_capacity(part.len());
            {
                let mut room = self.lock();
                // A key may be somebody else's by now: they are called too.
                part.iter().for_each(|&key| room.call_slot(key, &mut called));
            }
            called.into_iter().for_each(Waker::wake);
            tokio::time::sleep(TICK).await;
        }
    }

    /// Tells whether the waiting room was closed.
    pub(crate) fn is_closing(&self) -> bool {
        self.lock().is_closing
    }

    /// Returns how many wait now.
    pub(crate) fn waiting(&self) -> usize {
        self.lock().slots.len()
    }

    fn lock(&self) -> MutexGuard<'_, WaitingRoom> {
        self.room.lock().expect("no holder of this lock panics")
    }
}

impl Ticket<'_> {
    /// Waits until called, or until the deadline. Tells whether it was called.
    pub(crate) async fn called_before(&self, deadline: Instant) -> bool {
        let called = poll_fn(|context| {
            let mut room = self.hub.lock();
            let slot = &mut room.slots[self.key];
            if slot.is_called {
                return Poll::Ready(());
            }
            match &mut slot.waker {
                Some(waker) => waker.clone_from(context.waker()),
                none => *none = Some(context.waker().clone()),
            }
            Poll::Pending
        });
        tokio::time::timeout_at(deadline, called).await.is_ok()
    }
}

impl Drop for Ticket<'_> {
    fn drop(&mut self) {
        self.hub.lock().remove(self.key);
        self.hub.metrics.requests_held.dec();
    }
}

impl WaitingRoom {
    fn insert(&mut self, topic: Topic) -> usize {
        let next = self.lists.get(&topic).copied();
        let slot = Slot { topic, previous: None, next, is_called: false, waker: None };
        let key = self.slots.insert(slot);
        if let Some(next) = next {
            self.slots[next].previous = Some(key);
        }
        self.lists.insert(topic, key);
        key
    }

    fn remove(&mut self, key: usize) {
        let slot = self.slots.remove(key);
        if let Some(next) = slot.next {
            self.slots[next].previous = slot.previous;
        }
        match (slot.previous, slot.next) {
            (Some(previous), next) => self.slots[previous].next = next,
            (None, Some(next)) => drop(self.lists.insert(slot.topic, next)),
            (None, None) => drop(self.lists.remove(&slot.topic)),
        }
    }

    /// Calls those who wait for this room, and its members who wait for theirs.
    fn call_room(&mut self, room: RoomId, roster: &Roster, called: &mut Vec<Waker>) {
        self.call(Topic::Room(room), called);
        let Some(members) = roster.members(room) else { return };
        // Go through whichever is shorter: the lists, or the members.
        if members.len() <= self.lists.len() {
            members.iter().for_each(|&user| self.call(Topic::User(user), called));
        } else {
            let users = self.lists.keys().copied();
            let users =
                users.filter(|topic| matches!(topic, Topic::User(user) if members.contains(user)));
            for topic in users.collect::<Vec<_>>() {
                self.call(topic, called);
            }
        }
    }

    fn call(&mut self, topic: Topic, called: &mut Vec<Waker>) {
        let mut next = self.lists.get(&topic).copied();
        while let Some(key) = next {
            self.call_slot(key, called);
            next = self.slots[key].next;
        }
    }

    fn call_slot(&mut self, key: usize, called: &mut Vec<Waker>) {
        let Some(slot) = self.slots.get_mut(key) else { return };
        slot.is_called = true;
        called.extend(slot.waker.take());
    }
}
