//! The members of each room, and the rooms' events that memory has forgotten: for looks
//! at recent events and for waking those whom they concern, without asking the
//! tables.
//!
//! Loaded from the projection at start and kept up to date by every event
//! since. It decides nothing: [`linger_core::visibility`] does, with these facts.

use std::collections::{HashMap, HashSet};

use linger_core::{
    EventKind, News, Position, RoomId, RoomKind, Slug, UserId, queries,
    visibility::{NOWHERE, Scope, Stays, can_enter},
};

/// A room, with the facts that readers and writers need.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RoomRef {
    /// Its id.
    pub id: RoomId,
    /// Its name in URLs.
    pub slug: Slug,
    /// Whether everybody may come in, or members only.
    pub kind: RoomKind,
}

impl RoomRef {
    /// Returns the scope of this room's events.
    pub fn scope(&self) -> Scope {
        Scope::Room(self.id, self.kind)
    }
}

/// Rooms and memberships.
#[derive(Debug, Default)]
pub(crate) struct Roster {
    rooms: HashMap<Slug, RoomRef>,
    kinds: HashMap<RoomId, RoomKind>,
    stays: HashMap<UserId, Stays>,
    members: HashMap<RoomId, HashSet<UserId>>,
    /// The last event of each room that memory does not hold, and the last one
    /// outside of all rooms.
    forgotten: HashMap<Option<RoomId>, Position>,
}

impl Roster {
    /// Loads rooms and memberships as the projection has them now.
    pub(crate) fn load(connection: &rusqlite::Connection) -> rusqlite::Result<Roster> {
        let mut roster = Roster::default();
        for room in queries::rooms(connection)? {
            let last = queries::last_event(connection, Some(room.id))?;
            roster.forgotten.insert(Some(room.id), last);
            roster.insert(RoomRef { id: room.id, slug: room.slug, kind: room.kind });
        }
        roster.forgotten.insert(None, queries::last_event(connection, None)?);
        for (user, stays) in queries::all_stays(connection)? {
            for room in stays.rooms() {
                roster.members.entry(room).or_default().insert(user);
            }
            roster.stays.insert(user, stays);
        }
        Ok(roster)
    }

    /// Takes in the changes that an event makes.
    pub(crate) fn fold(&mut self, news: &News) {
        let Some(room) = news.room_id() else { return };
        match &news.event.kind {
            EventKind::RoomOpened { opened } => {
                let slug = news.event.room.clone().expect("a room's event names its room");
                self.insert(RoomRef { id: room, slug, kind: opened.kind });
                if let Some(by) = &news.event.by {
                    self.begin_stay(by.id, room, news);
                }
            }
            EventKind::MemberJoined { member, .. } => self.begin_stay(member.id, room, news),
            EventKind::MemberLeft { member } => {
                self.stays.entry(member.id).or_default().end(room, news.position());
                self.members.entry(room).or_default().remove(&member.id);
            }
            EventKind::MessageSent { .. }
            | EventKind::MessageEdited { .. }
            | EventKind::MessageDeleted { .. }
            | EventKind::ReactionAdded { .. }
            | EventKind::ReactionRemoved { .. }
            | EventKind::MessagePinned { .. }
            | EventKind::MessageUnpinned { .. }
            | EventKind::RoomChanged { .. }
            | EventKind::UserRenamed { .. } => {}
        }
    }

    /// Returns the room with this slug, if it exists for this reader.
    pub(crate) fn room(&self, slug: &str, reader: Option<UserId>) -> Option<&RoomRef> {
        let room = self.rooms.get(slug)?;
        can_enter(room.id, room.kind, self.stays(reader)).then_some(room)
    }

    /// Returns the kind of a room.
    pub(crate) fn kind(&self, room: RoomId) -> Option<RoomKind> {
        self.kinds.get(&room).copied()
    }

    /// Returns the memberships of a user: those that last, and those past ones of which
    /// memory still holds an event. A visitor has none.
    pub(crate) fn stays(&self, reader: Option<UserId>) -> &Stays {
        reader.and_then(|user| self.stays.get(&user)).unwrap_or(&NOWHERE)
    }

    /// Tells whether the user is a member now.
    pub(crate) fn is_member(&self, room: RoomId, user: UserId) -> bool {
        self.members.get(&room).is_some_and(|members| members.contains(&user))
    }

    /// Returns the members of a room now.
    pub(crate) fn members(&self, room: RoomId) -> Option<&HashSet<UserId>> {
        self.members.get(&room)
    }

    /// Notes that memory no longer holds this event.
    pub(crate) fn forget(&mut self, news: &News) {
        self.forgotten.insert(news.room_id(), news.position());
        if let (Some(room), EventKind::MemberLeft { member }) = (news.room_id(), &news.event.kind) {
            // Memory holds no event of this stay.
            self.stays.entry(member.id).or_default().forget(room, news.position());
        }
    }

    /// Tells whether memory holds everything that this reader can see in this scope after
    /// `after`. It may say no although only events that they cannot see were forgotten.
    pub(crate) fn remembers(&self, reader: Option<UserId>, scope: &Scope, after: Position) -> bool {
        let has = |place| self.forgotten.get(&place).is_none_or(|last| *last <= after);
        if let Scope::Room(room, _) = scope {
            return has(Some(*room));
        }
        let has_mine = || {
            let stays = self.stays(reader);
            let is_over = |to: Option<Position>| to.is_some_and(|to| to <= after);
            has(None)
                && stays.known_after() <= after
                && stays.each().all(|(room, _, to)| is_over(to) || has(Some(room)))
        };
        scope.open_rooms().iter().all(|room| has(Some(*room)))
            && (scope.person().is_none() || has_mine())
    }

    fn insert(&mut self, room: RoomRef) {
        self.kinds.insert(room.id, room.kind);
        self.rooms.insert(room.slug.clone(), room);
    }

    fn begin_stay(&mut self, user: UserId, room: RoomId, news: &News) {
        self.stays.entry(user).or_default().begin(room, news.position());
        self.members.entry(room).or_default().insert(user);
    }
}
