//! Pages of rooms and of members, by keys: a page begins after the last item of the
//! page before, whatever changed in between.
//!
//! Cost of each: the rows of the answer. It does not look at rooms that the reader may
//! not see, at later rooms and people, or at past memberships.

use rusqlite::{Connection, params};
use serde::Serialize;

use super::{Room, User, room, room_of_row, user};
use crate::{RoomId, UserId, sum};

/// Some of the rooms, in the order in which they were opened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct RoomsPage {
    /// The rooms.
    pub rooms: Vec<Room>,
    /// Whether there are later ones.
    pub more: bool,
}

/// Some of a room's members, in the order of their ids.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct MembersPage {
    /// The members.
    pub members: Vec<User>,
    /// Whether there are later ones.
    pub more: bool,
}

/// The rooms that everybody may see. The index is named, so that no plan walks over
/// closed rooms in between.
const OPEN_ROOMS: &str = "SELECT id, slug, name, topic, kind, members, last_number, sum
     FROM rooms INDEXED BY open_rooms WHERE kind = 'open' AND id > ?1 ORDER BY id";
/// The rooms of a user.
const ROOMS_OF: &str =
    "SELECT room_id, user_id, joined, sum FROM members INDEXED BY members_by_user
     WHERE user_id = ?1 AND room_id > ?2 ORDER BY room_id";
const MEMBERS: &str = "SELECT room_id, user_id, joined, sum FROM members
     WHERE room_id = ?1 AND user_id > ?2 ORDER BY user_id LIMIT ?3";

/// Returns up to `limit` rooms after `after` that exist now for the reader, who may
/// be a visitor: the open ones, and the closed ones that they are in.
pub fn rooms_for(
    connection: &Connection,
    reader: Option<UserId>,
    after: Option<RoomId>,
    limit: usize,
) -> rusqlite::Result<RoomsPage> {
    let mut select = connection.prepare_cached(OPEN_ROOMS)?;
    let mut open = select.query_map([after_or_start(after)], room_of_row)?;
    let mut select = connection.prepare_cached(ROOMS_OF)?;
    let mut mine = select.query_map(params![reader, after_or_start(after)], room_id_of_member)?;
    let mut next_open = open.next().transpose()?;
    let mut next_mine = mine.next().transpose()?;
    let mut page = RoomsPage { rooms: Vec::new(), more: false };
    // Both are in order, and an open room that the reader is in comes twice.
    loop {
        let open_id = next_open.as_ref().map(|room| room.id);
        let Some(next) = open_id.into_iter().chain(next_mine).min() else { return Ok(page) };
        if page.rooms.len() == limit {
            return Ok(RoomsPage { more: true, ..page });
        }
        if next_mine == Some(next) {
            next_mine = mine.next().transpose()?;
        }
        if open_id == Some(next) {
            page.rooms.extend(next_open.take());
            next_open = open.next().transpose()?;
        } else {
            page.rooms.push(room_of_member(connection, next)?);
        }
    }
}

/// Returns the first `limit` rooms of a user.
pub fn rooms_of(
    connection: &Connection,
    member: UserId,
    limit: usize,
) -> rusqlite::Result<RoomsPage> {
    let mut select = connection.prepare_cached(ROOMS_OF)?;
    let mut ids = select.query_map(params![member, after_or_start(None)], room_id_of_member)?;
    let first = ids.by_ref().take(limit);
    let rooms = first.map(|id| room_of_member(connection, id?)).collect::<Result<_, _>>()?;
    Ok(RoomsPage { rooms, more: ids.next().transpose()?.is_some() })
}

/// Returns up to `limit` members of a room after `after`.
pub fn members_of(
    connection: &Connection,
    room: RoomId,
    after: Option<UserId>,
    limit: usize,
) -> rusqlite::Result<MembersPage> {
    let after = after.map_or(0, |after| after.get().cast_signed());
    let mut select = connection.prepare_cached(MEMBERS)?;
    // One more than asked for shows whether there are more.
    let mut ids = select.query_map(params![room, after, limit + 1], |row| {
        sum::check(row, "members")?;
        row.get::<_, UserId>(1)
    })?;
    let member = |id| match user(connection, id)? {
        Some(user) => Ok(user),
        None => Err(sum::damaged(format!("user {id} is a member and is not there"))),
    };
    let members = ids.by_ref().take(limit).map(|id| member(id?)).collect::<Result<_, _>>()?;
    Ok(MembersPage { members, more: ids.next().transpose()?.is_some() })
}

fn after_or_start(after: Option<RoomId>) -> i64 {
    after.map_or(0, |after| after.get().cast_signed())
}

fn room_id_of_member(row: &rusqlite::Row<'_>) -> rusqlite::Result<RoomId> {
    sum::check(row, "members")?;
    row.get(0)
}

fn room_of_member(connection: &Connection, id: RoomId) -> rusqlite::Result<Room> {
    let room = room(connection, id)?;
    room.ok_or_else(|| sum::damaged(format!("room {id} has a member and is not there")))
}
