//! What a reader may see: the only place that decides it.
//!
//! Whoever reads events, from memory or from the tables, for whatever protocol,
//! asks [`can_see`], or takes the ranges of [`Stays`], which the audience's index
//! rows answer alike. Privacy is this one file to audit.

use std::collections::BTreeMap;

use crate::{Audience, News, Position, RoomId, RoomKind, UserId};

/// The memberships of one person, by room: those that last apart from those that
/// are past. A membership lasts from the event that began it to the event that
/// ended it, both included.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Stays {
    current: BTreeMap<RoomId, Position>,
    /// From and to, oldest first.
    past: BTreeMap<RoomId, Vec<(Position, Position)>>,
}

/// Somebody who was never anywhere: a visitor.
pub static NOWHERE: Stays = Stays { current: BTreeMap::new(), past: BTreeMap::new() };

/// Which events are asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Scope {
    /// Those of one room.
    Room(RoomId, RoomKind),
    /// Those of the rooms that the reader is in, while they are in them, and
    /// what concerns the reader.
    Mine(UserId),
}

/// Tells whether a room exists for somebody with these stays: a closed room
/// does for those who are in it, or were.
pub fn can_enter(room: RoomId, kind: RoomKind, stays: &Stays) -> bool {
    kind == RoomKind::Open || stays.has_been_in(room)
}

/// Tells whether a reader with these stays is told this news in this scope.
pub fn can_see(scope: Scope, stays: &Stays, news: &News) -> bool {
    let is_inside = |room: RoomId| stays.cover(room, news.position());
    match (scope, &news.audience) {
        (Scope::Room(room, kind), Audience::Room(happened_in)) => {
            room == *happened_in && (kind == RoomKind::Open || is_inside(room))
        }
        (Scope::Room(..), Audience::Person(_) | Audience::RoomMates { .. }) => false,
        (Scope::Mine(_), Audience::Room(room)) => is_inside(*room),
        (Scope::Mine(reader), Audience::Person(person)) => reader == *person,
        (Scope::Mine(reader), Audience::RoomMates { of, rooms }) => {
            reader == *of || rooms.iter().any(|room| is_inside(*room))
        }
    }
}

impl Stays {
    /// Begins a membership with the event at `joined`.
    pub fn begin(&mut self, room: RoomId, joined: Position) {
        self.current.insert(room, joined);
    }

    /// Ends the membership that lasts, with the event at `left`.
    pub fn end(&mut self, room: RoomId, left: Position) {
        if let Some(joined) = self.current.remove(&room) {
            self.add_past(room, joined, left);
        }
    }

    /// Adds a past membership, later than those before.
    pub(crate) fn add_past(&mut self, room: RoomId, joined: Position, left: Position) {
        self.past.entry(room).or_default().push((joined, left));
    }

    /// Tells whether the membership of this room lasts.
    pub fn is_in(&self, room: RoomId) -> bool {
        self.current.contains_key(&room)
    }

    /// Tells whether there is or was a membership of this room.
    pub fn has_been_in(&self, room: RoomId) -> bool {
        self.is_in(room) || self.past.contains_key(&room)
    }

    /// Returns the rooms whose membership lasts, in order.
    pub fn rooms(&self) -> impl Iterator<Item = RoomId> + '_ {
        self.current.keys().copied()
    }

    /// Tells whether a membership of this room covers this position.
    pub fn cover(&self, room: RoomId, position: Position) -> bool {
        if self.current.get(&room).is_some_and(|joined| *joined <= position) {
            return true;
        }
        let Some(past) = self.past.get(&room) else { return false };
        let begun = past.partition_point(|(joined, _)| *joined <= position);
        past[..begun].last().is_some_and(|(_, left)| position <= *left)
    }

    /// Returns the memberships of one room, oldest first: from and to, both
    /// included, and no end while it lasts.
    pub(crate) fn of_room(
        &self,
        room: RoomId,
    ) -> impl DoubleEndedIterator<Item = (Position, Option<Position>)> + '_ {
        let past = self.past.get(&room).into_iter().flatten();
        let past = past.map(|&(joined, left)| (joined, Some(left)));
        past.chain(self.current.get(&room).map(|joined| (*joined, None)))
    }

    /// Returns all memberships, with their rooms: from and to, both included, and no
    /// end while they last.
    pub fn each(&self) -> impl Iterator<Item = (RoomId, Position, Option<Position>)> + '_ {
        let current = self.current.iter().map(|(room, joined)| (*room, *joined, None));
        let past = self.past.iter().flat_map(|(room, past)| {
            past.iter().map(|(joined, left)| (*room, *joined, Some(*left)))
        });
        current.chain(past)
    }
}
