//! The proof that nothing is missing on a page.
//!
//! Rows have checksums, but a flipped byte in an index hides a row, and then nothing
//! wrong is read. A room's events are numbered without gaps, a stay begins with an
//! event, and the room has the number of its last one. So a page shows whether an event
//! is missing between its events, before them if it goes back to a beginning, and behind
//! them if it goes to the end. Cost: a lookup for each room that the last page tells of.

use std::collections::BTreeMap;

use rusqlite::Connection;

use super::Page;
use crate::{Position, RoomId, queries, sum, visibility::Range};

/// Errors: an event is missing. `ranges` hold the events after `after`, up to `applied`.
pub(super) fn check(
    connection: &Connection,
    page: &Page,
    ranges: &[Range],
    after: Position,
    applied: Position,
) -> rusqlite::Result<()> {
    let places = places(page);
    let goes_to_the_end = page.has_room();
    let end = match page.items.last() {
        _ if goes_to_the_end => applied,
        Some(last) => last.position(),
        None => after,
    };
    for range in ranges.iter().filter(|range| range.numbered && range.from <= end) {
        let seen = places.get(&range.place).map_or(&[][..], Vec::as_slice);
        let seen = &seen[seen.partition_point(|(_, position)| *position < range.from)..];
        let in_range = seen.partition_point(|(_, position)| *position <= range.to);
        let seen = &seen[..in_range];
        let begins_right = match seen.first() {
            first if range.from > after.next() => {
                first.is_some_and(|(_, position)| *position == range.from)
            }
            Some((number, _)) if after < range.place => *number == 1,
            _ => true,
        };
        let has_no_gap = seen.windows(2).all(|pair| pair[1].0 == pair[0].0 + 1);
        if !(begins_right && has_no_gap) {
            return Err(sum::damaged("a room's numbers have a gap"));
        }
        // A room that was opened at or before the cursor may have nothing behind it.
        let has_an_end = !seen.is_empty() || after < range.place;
        if goes_to_the_end && range.to >= applied && has_an_end {
            let room = queries::room(connection, RoomId::new(range.place))?;
            let last = seen.last().map_or(0, |(number, _)| *number);
            if room.map_or(0, |room| room.last_number) != last {
                return Err(sum::damaged("the end of a room is missing"));
            }
        }
    }
    Ok(())
}

/// Returns the numbers and positions of a page's events, for each room.
fn places(page: &Page) -> BTreeMap<Position, Vec<(u64, Position)>> {
    let mut places: BTreeMap<Position, Vec<(u64, Position)>> = BTreeMap::new();
    for news in &page.items {
        if let (Some(number), Some(room)) = (news.event.number, news.room_id()) {
            places.entry(room.position()).or_default().push((number, news.position()));
        }
    }
    places
}
