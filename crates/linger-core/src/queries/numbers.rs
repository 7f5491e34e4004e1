//! Places in a room, by number: the events of a room count 1, 2, 3 … in the order of
//! their positions.
//!
//! No index has the numbers. A search by halves finds the place in some thirty steps,
//! however long the room is, so a send need not write one more index for it.

use rusqlite::{Connection, OptionalExtension, params};

use crate::{Position, RoomId, projection};

/// Returns the position of the event with this number in a room; of a number that the
/// room has not reached yet, a position after all of its events.
///
/// Cost: two lookups for each halving of the log.
pub fn position_of(
    connection: &Connection,
    room: RoomId,
    number: u64,
) -> rusqlite::Result<Position> {
    let (mut from, mut to) = (room.position(), projection::applied(connection)?.next());
    // The event is in from..to, or its number is too great: then it is at `to`.
    while from < to {
        let middle = Position::new(from.get() + (to.get() - from.get()) / 2);
        match next_event(connection, room, middle)? {
            Some((_, found)) if found < number => from = middle.next(),
            Some((position, found)) if found == number => return Ok(position),
            Some(_) | None => to = middle,
        }
    }
    Ok(to)
}

/// Returns the first event of a room at a position or after it: its own, and its number.
fn next_event(
    connection: &Connection,
    room: RoomId,
    from: Position,
) -> rusqlite::Result<Option<(Position, u64)>> {
    connection
        .prepare_cached(
            "SELECT events.position, events.number FROM concerns JOIN events USING (position)
             WHERE place = ?1 AND numbered = 1 AND concerns.position >= ?2
             ORDER BY concerns.position LIMIT 1",
        )?
        .query_one(params![room, from], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()
}
