//! Doubly linked lists through numbered slots.
//!
//! The waiters of a topic and the timers of a tick stand in such lists: to enter
//! and to leave takes the same time however many there are, and nothing is
//! allocated. A slot has one [`Links`] for each list that it can stand in.

use crate::slots::Slots;

/// No slot: a list's end.
pub(crate) const NONE: u32 = u32::MAX;

/// A slot's neighbours in one list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Links {
    pub(crate) previous: u32,
    pub(crate) next: u32,
}

impl Links {
    /// The links of a slot that stands alone, or in no list.
    pub(crate) const ALONE: Links = Links { previous: NONE, next: NONE };
}

/// Puts `key` first in the list that begins with `first`.
pub(crate) fn push<N>(
    slots: &mut Slots<N>,
    links: impl Fn(&mut N) -> &mut Links,
    first: &mut u32,
    key: u32,
) {
    let next = std::mem::replace(first, key);
    if next != NONE {
        links(&mut slots[next as usize]).previous = key;
    }
    *links(&mut slots[key as usize]) = Links { previous: NONE, next };
}

/// Takes `key` out of the list that begins with `first`, in which it stands.
pub(crate) fn take_out<N>(
    slots: &mut Slots<N>,
    links: impl Fn(&mut N) -> &mut Links,
    first: &mut u32,
    key: u32,
) {
    let Links { previous, next } = std::mem::replace(links(&mut slots[key as usize]), Links::ALONE);
    if next != NONE {
        links(&mut slots[next as usize]).previous = previous;
    }
    if previous != NONE {
        links(&mut slots[previous as usize]).next = next;
    } else {
        assert_eq!(*first, key, "it stands in another list");
        *first = next;
    }
}
