//! The room that an address names, or several: as each is given, else in its normal form.
//!
//! Rooms from before slugs had one written form keep the slug that they have. A
//! text that cannot be a slug names no room, so it is not found; it is malformed
//! only where a room is to be opened under it.

use linger_core::{Rejection, Slug, UserId, visibility::Scope};
use linger_node::{Node, RoomRef, limits::LOOKED_AT_MAX};
use linger_serve::Failure;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, PercentEncode, utf8_percent_encode};

/// Returns the room. A closed room does not exist for those outside.
pub(crate) fn room_at(
    node: &Node,
    given: &str,
    reader: Option<UserId>,
) -> Result<RoomRef, Rejection> {
    node.room(given, reader).or_else(|_| node.room(&normal(given)?, reader))
}

/// Returns the scope of the room's events.
pub(crate) fn scope_at(
    node: &Node,
    given: &str,
    reader: Option<UserId>,
) -> Result<Scope, Rejection> {
    match node.scope_of(given, reader) {
        Some(scope) => Ok(scope),
        None => Ok(node.room(&normal(given)?, reader)?.scope()),
    }
}

/// Returns the scope of the events of these rooms, `slug,slug`, and for a user of their
/// own rooms too. One that is named twice counts twice, and is read once.
pub(crate) fn scope_of_all(
    node: &Node,
    given: &str,
    reader: Option<UserId>,
) -> Result<Scope, Failure> {
    let mut rooms = Vec::new();
    for slug in given.split(',').filter(|slug| !slug.is_empty()) {
        if rooms.len() == LOOKED_AT_MAX {
            let detail = format!("'rooms' names up to {LOOKED_AT_MAX} rooms; ask for fewer");
            return Err(Failure::malformed(detail));
        }
        let room = room_at(node, slug, reader).map_err(|rejection| {
            let detail = format!("there is no room {slug:?} that you may read; leave it out");
            Failure { detail, ..rejection.into() }
        })?;
        rooms.push((room.id, room.kind));
    }
    Ok(Scope::of_onlooker(reader, rooms))
}

/// Returns a slug as it stands in a path.
pub(crate) fn in_path(slug: &Slug) -> PercentEncode<'_> {
    /// Unreserved characters stay as they are (RFC 3986, section 2.3).
    const RESERVED: &AsciiSet =
        &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');
    utf8_percent_encode(slug.as_str(), RESERVED)
}

fn normal(given: &str) -> Result<Slug, Rejection> {
    Slug::parse(given).map_err(|_| Rejection::RoomNotFound)
}
