//! Onlookers: the readers who are held for open rooms that they need not be in, by room.
//!
//! A reader stands in one list of a waiting room ([`Awaited::of`]). A list is found by its
//! room or by a member, and for an onlooker by what is noted here: a call for a room is a
//! call for the lists of those who look at it. Notes are counted, and made before the
//! reader looks. They are bounded: see [`Limits::looked_at_max`](crate::Limits).

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard},
};

use linger_core::{RoomId, visibility::Scope};

use crate::call::Awaited;

/// The lists of those who look at each room, with the number of requests behind each.
pub(crate) struct Onlookers {
    notes: Mutex<BTreeMap<(RoomId, Awaited), u32>>,
    notes_max: usize,
}

/// The note that somebody looks at their rooms; gone when this is dropped.
pub struct Onlooking {
    onlookers: Arc<Onlookers>,
    scope: Scope,
}

/// The reason why nobody else may look at rooms.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct TooManyOnlookers;

impl Onlookers {
    /// Makes room for so many notes: one for each room and list.
    pub(crate) fn new(notes_max: usize) -> Arc<Onlookers> {
        Arc::new(Onlookers { notes: Mutex::default(), notes_max })
    }

    /// Notes the rooms of a scope, if there are any: events in them call its reader from
    /// now on, so look after this.
    pub(crate) fn note(
        self: &Arc<Onlookers>,
        scope: &Scope,
    ) -> Result<Option<Onlooking>, TooManyOnlookers> {
        let Scope::Onlooker(onlooker) = scope else { return Ok(None) };
        let mut notes = self.lock();
        if notes.len() + onlooker.rooms().len() > self.notes_max {
            return Err(TooManyOnlookers);
        }
        for room in onlooker.rooms() {
            *notes.entry((*room, Awaited::of(scope))).or_default() += 1;
        }
        Ok(Some(Onlooking { onlookers: self.clone(), scope: scope.clone() }))
    }

    /// Returns the lists of those who look at one of these rooms, or none if they are more
    /// than `max`. Some may come twice.
    pub(crate) fn of(&self, rooms: &[RoomId], max: usize) -> Option<Vec<Awaited>> {
        let notes = self.lock();
        let mut found = Vec::new();
        if notes.is_empty() {
            return Some(found);
        }
        for room in rooms {
            // No onlooker stands in a room's own list, and those lists are the first in order.
            let of_room = notes.range((*room, Awaited::Room(*room))..);
            let of_room = of_room.take_while(|((noted, _), _)| noted == room);
            found.extend(of_room.map(|((_, awaited), _)| *awaited).take(max - found.len() + 1));
            if found.len() > max {
                return None;
            }
        }
        Some(found)
    }

    /// Returns how many notes there are.
    #[cfg(test)]
    pub(crate) fn len(&self) -> usize {
        self.lock().len()
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<(RoomId, Awaited), u32>> {
        self.notes.lock().expect("no holder of this lock panics")
    }
}

impl Drop for Onlooking {
    fn drop(&mut self) {
        let awaited = Awaited::of(&self.scope);
        let mut notes = self.onlookers.lock();
        for room in self.scope.open_rooms() {
            let note = notes.get_mut(&(*room, awaited)).expect("it was noted");
            *note -= 1;
            if *note == 0 {
                notes.remove(&(*room, awaited));
            }
        }
    }
}
