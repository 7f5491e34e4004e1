//! The member of a room whom a name means. Names repeat: one that several bear means nobody.

use rusqlite::{Connection, params};

use super::{User, is_member, user_of_row};
use crate::{RoomId, UserId, UserName};

/// A name that more people on the server bear means nobody: so a look costs no more than that.
const NAMESAKES_MAX: usize = 50;

/// Returns the one member of a room who bears this name, if there is one and no other.
///
/// Cost: the people of that name, whatever room they are in, up to a bound.
pub fn member_named(
    connection: &Connection,
    room: RoomId,
    name: &UserName,
) -> rusqlite::Result<Option<UserId>> {
    let people: Vec<User> = connection
        .prepare_cached(
            "SELECT id, name, role, external_id, sum FROM users INDEXED BY users_by_name
             WHERE name = ?1 LIMIT ?2",
        )?
        .query_map(params![name, NAMESAKES_MAX + 1], user_of_row)?
        .collect::<Result<_, _>>()?;
    if people.len() > NAMESAKES_MAX {
        return Ok(None);
    }
    let mut found = None;
    for person in people {
        if is_member(connection, room, person.id)? && found.replace(person.id).is_some() {
            return Ok(None);
        }
    }
    Ok(found)
}
