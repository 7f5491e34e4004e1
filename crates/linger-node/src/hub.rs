//! The waiting room: the parked readers, and how they are called.
//!
//! [`crate::Node::wait`] enters before it looks; the follower wakes. A wake
//! carries no news: the woken reader looks at the feed again, so there is one
//! delivery path and one visibility check. An edge may have a waiting room of its
//! own, the [`Annex`]: it is woken with this one.
//!
//! Memory: one slot per parked reader, in one list of those who wait for the same
//! thing. To enter and to leave take the same time however many wait.

use std::{
    collections::HashMap,
    future::poll_fn,
    sync::{Arc, Mutex, MutexGuard, Weak},
    task::{Poll, Waker},
    time::Duration,
};

use linger_core::visibility::Scope;
use slab::Slab;
use tokio::time::Instant;

use crate::{
    Limits,
    call::{Annex, Awaited, Call, WaitLists},
    metrics::Metrics,
    onlookers::{Onlookers, Onlooking, TooManyOnlookers},
    roster::Roster,
};

#[cfg(test)]
mod tests;

/// The waiting room.
pub(crate) struct Hub {
    room: Mutex<WaitingRoom>,
    annexes: Mutex<Vec<Weak<dyn Annex>>>,
    /// Those who look at rooms, here and in the annexes.
    pub(crate) onlookers: Arc<Onlookers>,
    waiters_max: usize,
    metrics: Arc<Metrics>,
}

/// A place in the waiting room; free again when this is dropped.
pub(crate) struct Ticket<'a> {
    hub: &'a Hub,
    key: usize,
    _onlooking: Option<Onlooking>,
}

/// The reason why nobody may enter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Crowded;

#[derive(Default)]
struct WaitingRoom {
    slots: Slab<Slot>,
    /// The first slot of each list.
    lists: HashMap<Awaited, usize>,
    is_closing: bool,
}

struct Slot {
    awaited: Awaited,
    previous: Option<usize>,
    next: Option<usize>,
    is_called: bool,
    waker: Option<Waker>,
}

impl Hub {
    /// Opens the waiting room, for as many readers as the limits say.
    pub(crate) fn new(limits: &Limits, metrics: Arc<Metrics>) -> Hub {
        Hub {
            room: Mutex::default(),
            annexes: Mutex::default(),
            onlookers: Onlookers::new(limits.looked_at_max),
            waiters_max: limits.waiters_max,
            metrics,
        }
    }

    /// Wakes, counts and closes this one too, from now on until it is dropped.
    pub(crate) fn attach(&self, annex: Weak<dyn Annex>) {
        let mut annexes = self.annexes.lock().expect("no holder of this lock panics");
        annexes.retain(|annex| annex.strong_count() > 0);
        annexes.push(annex);
    }

    /// Takes a place. Later events call it, so look after this. None: the room is
    /// closing, and nobody would call a reader who comes now.
    pub(crate) fn enter(&self, scope: &Scope) -> Result<Option<Ticket<'_>>, Crowded> {
        let onlooking = self.onlookers.note(scope).map_err(|TooManyOnlookers| Crowded)?;
        let mut room = self.lock();
        if room.is_closing {
            return Ok(None);
        }
        if room.slots.len() >= self.waiters_max {
            return Err(Crowded);
        }
        let key = room.insert(Awaited::of(scope));
        Ok(Some(Ticket { hub: self, key, _onlooking: onlooking }))
    }

    /// Calls everybody whom a batch concerns, here and in the annexes.
    pub(crate) fn wake(&self, call: Call, roster: &Roster) {
        if call.is_empty() {
            return;
        }
        let mut called = Vec::new();
        {
            let mut room = self.lock();
            let mut lists = Vec::new();
            call.spread(roster, &self.onlookers, &*room, |awaited| lists.push(awaited));
            lists.into_iter().for_each(|awaited| room.call(awaited, &mut called));
        }
        self.metrics.wakes.inc_by(called.len() as u64);
        called.into_iter().for_each(Waker::wake);
        self.wake_annexes(call);
    }

    /// Calls those whom it concerns in the annexes only.
    pub(crate) fn wake_annexes(&self, call: Call) {
        let call = Arc::new(call);
        self.each_annex(|annex| annex.wake(&call));
    }

    /// Closes the waiting room: those who wait are called, spread evenly over `spread`,
    /// and nobody waits any more.
    pub(crate) async fn close(&self, spread: Duration) {
        /// Short enough to look even, long enough to cost nothing.
        const TICK: Duration = Duration::from_millis(10);
        self.each_annex(|annex| annex.close(spread));
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
                // A key may belong to another reader by now, who is called too.
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

    /// Returns how many wait now, in the annexes too.
    pub(crate) fn waiting(&self) -> usize {
        let mut waiting = self.lock().slots.len();
        self.each_annex(|annex| waiting += annex.waiting());
        waiting
    }

    fn each_annex(&self, visit: impl FnMut(Arc<dyn Annex>)) {
        let annexes = self.annexes.lock().expect("no holder of this lock panics");
        annexes.iter().filter_map(Weak::upgrade).for_each(visit);
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
    }
}

impl WaitingRoom {
    fn insert(&mut self, awaited: Awaited) -> usize {
        let next = self.lists.get(&awaited).copied();
        let slot = Slot { awaited, previous: None, next, is_called: false, waker: None };
        let key = self.slots.insert(slot);
        if let Some(next) = next {
            self.slots[next].previous = Some(key);
        }
        self.lists.insert(awaited, key);
        key
    }

    fn remove(&mut self, key: usize) {
        let slot = self.slots.remove(key);
        if let Some(next) = slot.next {
            self.slots[next].previous = slot.previous;
        }
        match (slot.previous, slot.next) {
            (Some(previous), next) => self.slots[previous].next = next,
            (None, Some(next)) => drop(self.lists.insert(slot.awaited, next)),
            (None, None) => drop(self.lists.remove(&slot.awaited)),
        }
    }

    fn call(&mut self, awaited: Awaited, called: &mut Vec<Waker>) {
        let mut next = self.lists.get(&awaited).copied();
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

impl WaitLists for WaitingRoom {
    fn has(&self, awaited: Awaited) -> bool {
        self.lists.contains_key(&awaited)
    }

    fn count(&self) -> usize {
        self.lists.len()
    }

    fn each(&self, visit: &mut dyn FnMut(Awaited)) {
        self.lists.keys().copied().for_each(visit);
    }
}
