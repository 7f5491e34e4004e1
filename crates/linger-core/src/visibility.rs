//! The only place that decides what a reader may see.
//!
//! All readers of events, from memory or from the tables, for any protocol, ask
//! [`can_see`], or take the [`ranges`], for which the index of places gives the same
//! answer. Privacy is this one file to audit.

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    sync::Arc,
};

use crate::{Audience, Message, News, Position, Quote, RoomId, RoomKind, UserId};

/// The memberships of one person, by room: those that last apart from those that
/// are past. A membership lasts from the event that began it to the event that
/// ended it, both included.
///
/// A reader of recent events may forget the bounds of old memberships; the rooms of
/// those are still known.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Stays {
    /// The person, where that is known.
    of: Option<UserId>,
    current: BTreeMap<RoomId, Position>,
    /// From and to, oldest first.
    past: BTreeMap<RoomId, VecDeque<(Position, Position)>>,
    past_len: usize,
    /// The rooms of memberships whose bounds are forgotten.
    forgotten: BTreeSet<RoomId>,
    /// The end of the last one of those.
    forgotten_upto: Position,
}

/// Somebody who was never anywhere: a visitor.
pub static NOWHERE: Stays = Stays {
    of: None,
    current: BTreeMap::new(),
    past: BTreeMap::new(),
    past_len: 0,
    forgotten: BTreeSet::new(),
    forgotten_upto: Position::START,
};

/// A part of the events in one place, which one reader may see.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Range {
    /// The room or the person that it concerns.
    pub place: Position,
    /// Whether it means the events that have a number there, or the others.
    pub numbered: bool,
    /// The first position, included.
    pub from: Position,
    /// The last position, included.
    pub to: Position,
}

/// The events that a reader asks for.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Scope {
    /// Those of one room.
    Room(RoomId, RoomKind),
    /// Those of the rooms that the reader is in, while they are in them, and those
    /// that concern the reader.
    Mine(UserId),
    /// Those of several open rooms; and, of a user, those of [`Scope::Mine`] too.
    Onlooker(Arc<Onlooker>),
}

/// A reader who looks at open rooms, whether they are in them or not.
///
/// An open room stays open: no command closes it. If one ever does, a request that is
/// held then must look at the room's kind again.
#[derive(Debug, PartialEq, Eq, Hash)]
pub struct Onlooker {
    reader: Option<UserId>,
    /// In order, each once.
    rooms: Box<[RoomId]>,
}

impl Scope {
    /// Returns the scope of a reader who looks at these rooms, all of which exist for
    /// them ([`can_enter`]); a user reads their own rooms too.
    ///
    /// Of a closed room they see their own stays, which are among their own events.
    pub fn of_onlooker(
        reader: Option<UserId>,
        rooms: impl IntoIterator<Item = (RoomId, RoomKind)>,
    ) -> Scope {
        let rooms = rooms.into_iter().filter(|(_, kind)| *kind == RoomKind::Open);
        let rooms: BTreeSet<RoomId> = rooms.map(|(room, _)| room).collect();
        match (reader, rooms.len()) {
            (Some(reader), 0) => Scope::Mine(reader),
            // All who read one open room read the same.
            (None, 1) => Scope::Room(*rooms.first().expect("there is one"), RoomKind::Open),
            _ => Scope::Onlooker(Arc::new(Onlooker { reader, rooms: rooms.into_iter().collect() })),
        }
    }

    /// Returns the user whose own rooms are in it, and what concerns them.
    pub fn person(&self) -> Option<UserId> {
        match self {
            Scope::Room(..) => None,
            Scope::Mine(person) => Some(*person),
            Scope::Onlooker(onlooker) => onlooker.reader,
        }
    }

    /// Returns the open rooms that are in it, whether the reader is in them or not.
    pub fn open_rooms(&self) -> &[RoomId] {
        match self {
            Scope::Room(room, RoomKind::Open) => std::slice::from_ref(room),
            Scope::Room(_, RoomKind::Closed) | Scope::Mine(_) => &[],
            Scope::Onlooker(onlooker) => &onlooker.rooms,
        }
    }
}

impl Onlooker {
    /// Returns the rooms, in order.
    pub fn rooms(&self) -> &[RoomId] {
        &self.rooms
    }

    /// Tells whether they look at this room.
    pub fn looks_at(&self, room: RoomId) -> bool {
        self.rooms.binary_search(&room).is_ok()
    }
}

/// Tells whether a room exists for somebody with these stays: a closed room
/// does for those who are in it, or were.
pub fn can_enter(room: RoomId, kind: RoomKind, stays: &Stays) -> bool {
    kind == RoomKind::Open || stays.has_been_in(room)
}

/// Tells whether a reader with these stays may see this event in this scope.
pub fn can_see(scope: &Scope, stays: &Stays, news: &News) -> bool {
    let is_inside = |room: RoomId| stays.cover(room, news.position());
    match (scope, &news.audience) {
        (Scope::Room(room, kind), Audience::Room(happened_in)) => {
            room == happened_in && (*kind == RoomKind::Open || is_inside(*room))
        }
        (Scope::Room(..), Audience::Person(_) | Audience::RoomMates { .. }) => false,
        (Scope::Mine(_), Audience::Room(room)) => is_inside(*room),
        (Scope::Mine(reader), Audience::Person(person)) => reader == person,
        (Scope::Mine(reader), Audience::RoomMates { of, rooms }) => {
            // Walks through the shorter list: their rooms, or the reader's stays.
            reader == of
                || match rooms.len() <= stays.len() {
                    true => rooms.iter().any(|room| is_inside(*room)),
                    false => stays
                        .each()
                        .any(|(room, ..)| rooms.binary_search(&room).is_ok() && is_inside(room)),
                }
        }
        (Scope::Onlooker(onlooker), Audience::Room(room)) if onlooker.looks_at(*room) => true,
        (Scope::Onlooker(onlooker), _) => {
            onlooker.reader.is_some_and(|reader| can_see(&Scope::Mine(reader), stays, news))
        }
    }
}

/// Returns an event as a reader sees it who may see it ([`can_see`]); none if they see all of
/// it: what it shows of other messages of a closed room is left out where they may not
/// read those.
///
/// `is_covered` tells whether the reader was in a room at a position.
pub fn as_seen<E>(
    news: &News,
    is_covered: impl Fn(RoomId, Position) -> Result<bool, E>,
) -> Result<Option<News>, E> {
    let Some((room, shown)) = news.room_id().zip(news.shown()).filter(|_| news.is_narrow) else {
        return Ok(None);
    };
    if !is_covered(room, shown.id.position())? {
        return Ok(Some(news.with_shown(|message| {
            *message = Message { deleted: message.deleted, ..message.without_payload() };
        })));
    }
    match &shown.reply_to {
        Some(quote) if !is_covered(room, quote.id.position())? => {
            let bare = Quote::bare(quote.id);
            Ok(Some(news.with_shown(|message| message.reply_to = Some(bare))))
        }
        _ => Ok(None),
    }
}

/// Returns the ranges of events that a reader with these stays may see in this scope,
/// after `after` and up to `upto`: [`can_see`] agrees about each of them.
pub fn ranges(scope: &Scope, stays: &Stays, after: Position, upto: Position) -> Vec<Range> {
    let mut ranges = Vec::new();
    let mut add = |place: Position, numbered, from: Position, to: Option<Position>| {
        let (from, to) = (from.max(after.next()), to.unwrap_or(upto));
        if from <= to {
            ranges.push(Range { place, numbered, from, to });
        }
    };
    let open_rooms = scope.open_rooms();
    for room in open_rooms {
        add(room.position(), true, Position::START, None);
    }
    if let Scope::Room(room, RoomKind::Closed) = scope {
        for (from, to) in stays.of_room(*room) {
            add(room.position(), true, from, to);
        }
    }
    if let Some(person) = scope.person() {
        add(person.position(), false, Position::START, None);
        for (room, from, to) in stays.each() {
            // An open room that is looked at has its range already.
            if open_rooms.binary_search(&room).is_err() {
                add(room.position(), true, from, to);
            }
            add(room.position(), false, from, to);
        }
    }
    ranges
}

impl Stays {
    /// Begins with none of this person's.
    pub(crate) fn of(person: Option<UserId>) -> Stays {
        Stays { of: person, ..Stays::default() }
    }

    /// Returns the person, where that is known.
    pub(crate) fn person(&self) -> Option<UserId> {
        self.of
    }

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
        self.past.entry(room).or_default().push_back((joined, left));
        self.past_len += 1;
    }

    /// Forgets the bounds of the memberships of a room that ended by `left`.
    pub fn forget(&mut self, room: RoomId, left: Position) {
        self.forgotten.insert(room);
        self.forgotten_upto = self.forgotten_upto.max(left);
        let Some(past) = self.past.get_mut(&room) else { return };
        while past.pop_front_if(|(_, end)| *end <= left).is_some() {
            self.past_len -= 1;
        }
        if past.is_empty() {
            self.past.remove(&room);
        }
    }

    /// Returns the position after which the bounds of all memberships are known: none that
    /// ended later is forgotten.
    pub fn known_after(&self) -> Position {
        self.forgotten_upto
    }

    /// Returns how many memberships there are whose bounds are known.
    pub fn len(&self) -> usize {
        self.current.len() + self.past_len
    }

    /// Returns how many of those are of this room.
    pub fn len_of(&self, room: RoomId) -> usize {
        usize::from(self.is_in(room)) + self.past.get(&room).map_or(0, VecDeque::len)
    }

    /// Tells whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Tells whether the membership of this room lasts.
    pub fn is_in(&self, room: RoomId) -> bool {
        self.current.contains_key(&room)
    }

    /// Tells whether there is or was a membership of this room.
    pub fn has_been_in(&self, room: RoomId) -> bool {
        self.is_in(room) || self.past.contains_key(&room) || self.forgotten.contains(&room)
    }

    /// Returns the rooms whose membership lasts, in order.
    pub fn rooms(&self) -> impl Iterator<Item = RoomId> + '_ {
        self.current.keys().copied()
    }

    /// Returns how many memberships last.
    pub fn rooms_count(&self) -> usize {
        self.current.len()
    }

    /// Tells whether a membership of this room covers this position.
    pub fn cover(&self, room: RoomId, position: Position) -> bool {
        if self.current.get(&room).is_some_and(|joined| *joined <= position) {
            return true;
        }
        let Some(past) = self.past.get(&room) else { return false };
        let begun = past.partition_point(|(joined, _)| *joined <= position);
        begun > 0 && position <= past[begun - 1].1
    }

    /// Tells the same, or that it cannot be told: the membership may be one whose bounds are
    /// forgotten.
    pub fn covers(&self, room: RoomId, position: Position) -> Option<bool> {
        let is_known = !self.forgotten.contains(&room) || position > self.forgotten_upto;
        (is_known || self.cover(room, position)).then(|| self.cover(room, position))
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

    /// Returns all memberships whose bounds are known, with their rooms: from and to,
    /// both included, and no end while they last.
    pub fn each(&self) -> impl Iterator<Item = (RoomId, Position, Option<Position>)> + '_ {
        let current = self.current.iter().map(|(room, joined)| (*room, *joined, None));
        let past = self.past.iter().flat_map(|(room, past)| {
            past.iter().map(|(joined, left)| (*room, *joined, Some(*left)))
        });
        current.chain(past)
    }
}
