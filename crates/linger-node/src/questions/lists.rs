//! Questions about rooms and their members, a page at a time.

use std::collections::BTreeMap;

use linger_core::{
    Cursor, LogId, RoomId, RoomKind, UserId, UserName, projection_applied,
    queries::{self, MembersPage, Room, RoomsPage, User},
};
use rusqlite::Connection;

use super::Question;
use crate::{RoomRef, limits::LIST_PAGE_MAX};

/// What does a page need to start for this user?
#[derive(Debug, Clone)]
pub struct Start(pub UserId);

/// Everything that a page needs to start: the events after `cursor` bring it up to date.
#[derive(Debug)]
pub struct Started {
    /// The user.
    pub user: User,
    /// The rooms that the user is in: the first page of them, which has all unless
    /// they joined more before there was a bound.
    pub rooms: RoomsPage,
    /// The moment of this answer.
    pub cursor: Cursor,
}

impl Question for Start {
    type Answer = Option<Started>;

    fn answer(self, connection: &Connection, log: LogId) -> rusqlite::Result<Option<Started>> {
        // In one moment, so that the cursor fits the rest.
        let _moment = queries::moment(connection)?;
        let Some(user) = queries::user(connection, self.0)? else { return Ok(None) };
        let rooms = queries::rooms_of(connection, self.0, LIST_PAGE_MAX)?;
        let position = projection_applied(connection)?;
        let cursor = Cursor { log, epoch: queries::epoch_at(connection, position)?, position };
        Ok(Some(Started { user, rooms, cursor }))
    }
}

/// Which rooms exist for this reader?
#[derive(Debug, Clone)]
pub struct Rooms {
    /// The user who asks; none for a visitor.
    pub reader: Option<UserId>,
    /// Only rooms that were opened after this one; none from the first on.
    pub after: Option<RoomId>,
    /// Most rooms in the answer.
    pub limit: usize,
}

impl Question for Rooms {
    type Answer = RoomsPage;

    fn answer(self, connection: &Connection, _: LogId) -> rusqlite::Result<RoomsPage> {
        let _moment = queries::moment(connection)?;
        queries::rooms_for(connection, self.reader, self.after, self.limit)
    }
}

/// What is this room like now?
#[derive(Debug, Clone)]
pub struct RoomNow {
    /// The room.
    pub room: RoomRef,
    /// The user who asks; none for a visitor.
    pub reader: Option<UserId>,
}

impl Question for RoomNow {
    type Answer = Option<Room>;

    fn answer(self, connection: &Connection, _: LogId) -> rusqlite::Result<Option<Room>> {
        let _moment = queries::moment(connection)?;
        match exists_now(connection, &self.room, self.reader)? {
            true => queries::room(connection, self.room.id),
            false => Ok(None),
        }
    }
}

/// Whom do these names mean in this room? Under each name, a text that somebody wrote.
#[derive(Debug, Clone)]
pub struct Named {
    /// The room.
    pub room: RoomRef,
    /// The names, by what was written.
    pub names: BTreeMap<String, UserName>,
}

impl Question for Named {
    type Answer = BTreeMap<String, UserId>;

    fn answer(self, connection: &Connection, _: LogId) -> rusqlite::Result<Self::Answer> {
        let _moment = queries::moment(connection)?;
        let mut people = BTreeMap::new();
        for (written, name) in self.names {
            let person = queries::member_named(connection, self.room.id, &name)?;
            people.extend(person.map(|person| (written, person)));
        }
        Ok(people)
    }
}

/// Who is in this room now?
#[derive(Debug, Clone)]
pub struct Members {
    /// The room.
    pub room: RoomRef,
    /// The user who asks; none for a visitor.
    pub reader: Option<UserId>,
    /// Only members with greater ids; none from the first on.
    pub after: Option<UserId>,
    /// Most members in the answer.
    pub limit: usize,
}

impl Question for Members {
    type Answer = Option<MembersPage>;

    fn answer(self, connection: &Connection, _: LogId) -> rusqlite::Result<Option<MembersPage>> {
        let _moment = queries::moment(connection)?;
        match exists_now(connection, &self.room, self.reader)? {
            true => queries::members_of(connection, self.room.id, self.after, self.limit).map(Some),
            false => Ok(None),
        }
    }
}

/// Tells whether a room as it is now exists for somebody. A past membership gives access
/// to events from that time, not to a closed room as it is now.
pub(super) fn exists_now(
    connection: &Connection,
    room: &RoomRef,
    reader: Option<UserId>,
) -> rusqlite::Result<bool> {
    match (room.kind, reader) {
        (RoomKind::Open, _) => Ok(true),
        (RoomKind::Closed, None) => Ok(false),
        (RoomKind::Closed, Some(reader)) => queries::is_member(connection, room.id, reader),
    }
}
