//! The requests that wait, by topic: one list per topic, through numbered slots.
//!
//! A shard enters a connection when it parks and takes it out when it is
//! answered, expires or closes. To call a topic, the shard walks its list with
//! [`Waiters::first`] and [`next_of`]. A connection that enters meanwhile stands
//! before the others, so the walk does not come to it, and it ends.

use std::collections::{HashMap, hash_map::Entry};

use crate::{
    Topic,
    links::{self, Links, NONE},
    slots::Slots,
};

#[cfg(test)]
mod tests;

/// The lists of one shard.
#[derive(Debug, Default)]
pub(crate) struct Waiters {
    /// The first slot of each list. No list is empty.
    lists: HashMap<Topic, u32>,
    count: usize,
}

/// Where a slot stands: part of the slot.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Stand {
    topic: Topic,
    links: Links,
}

/// The topics under which somebody waits, in one shard.
#[derive(Debug)]
pub struct Parked<'a>(&'a Waiters);

impl Stand {
    /// The stand of a connection that waits for nothing.
    pub(crate) const NOWHERE: Stand = Stand { topic: Topic(0), links: Links::ALONE };
}

fn links<N: AsMut<Stand>>(slot: &mut N) -> &mut Links {
    &mut slot.as_mut().links
}

/// Returns the connection after `key` in its list.
pub(crate) fn next_of<N: AsRef<Stand>>(slots: &Slots<N>, key: u32) -> Option<u32> {
    let next = slots[key as usize].as_ref().links.next;
    (next != NONE).then_some(next)
}

impl Waiters {
    /// Enters `key` under `topic`, before those who are there. It stands nowhere yet.
    pub(crate) fn enter<N: AsMut<Stand>>(&mut self, slots: &mut Slots<N>, key: u32, topic: Topic) {
        slots[key as usize].as_mut().topic = topic;
        let first = self.lists.entry(topic).or_insert(NONE);
        links::push(slots, links, first, key);
        self.count += 1;
    }

    /// Takes `key` out. It was entered.
    pub(crate) fn leave<N: AsMut<Stand>>(&mut self, slots: &mut Slots<N>, key: u32) {
        let topic = slots[key as usize].as_mut().topic;
        let Entry::Occupied(mut first) = self.lists.entry(topic) else {
            panic!("{key} does not wait under {topic:?}");
        };
        links::take_out(slots, links, first.get_mut(), key);
        if *first.get() == NONE {
            first.remove();
        }
        self.count -= 1;
        if self.lists.is_empty() && self.lists.capacity() > 1024 {
            // A crowd has gone: its memory goes, too.
            self.lists = HashMap::new();
        }
    }

    /// Returns the first that waits under `topic`.
    pub(crate) fn first(&self, topic: Topic) -> Option<u32> {
        self.lists.get(&topic).copied()
    }

    /// Returns how many wait.
    pub(crate) fn len(&self) -> usize {
        self.count
    }

    /// Returns the lists, for the service to look at.
    pub(crate) fn parked(&self) -> Parked<'_> {
        Parked(self)
    }
}

impl Parked<'_> {
    /// Tells whether somebody waits under `topic`.
    pub fn has(&self, topic: Topic) -> bool {
        self.0.lists.contains_key(&topic)
    }

    /// Returns under how many topics somebody waits.
    pub fn topics_len(&self) -> usize {
        self.0.lists.len()
    }

    /// Returns the topics under which somebody waits, in no order.
    pub fn topics(&self) -> impl Iterator<Item = Topic> {
        self.0.lists.keys().copied()
    }
}
