//! The feed, read from the tables: for readers who are further behind than the
//! node's memory reaches.
//!
//! The table `concerns` has a row for each place and event, so the ranges of a
//! reader (each of their stays, and what concerns them alone) hold what they may see
//! and nothing else. Cost: an index range for each of the reader's rooms, and the
//! events of the answer.

use rusqlite::{Connection, params};

use crate::{
    News, Position, RoomKind, projection, queries, sum,
    visibility::{Scope, Stays, can_see},
};

/// Events, and how far one has read with them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Read {
    /// What the reader may see, oldest first.
    pub news: Vec<News>,
    /// The position up to which nothing is left to see: where to go on.
    pub upto: Position,
}

/// Returns up to `limit` events after `after` that a reader may see in `scope`.
///
/// `stays` are the reader's own ([`queries::stays_of`]), read in the transaction
/// that the caller has begun: with older ones, `upto` would pass over the event
/// of a join that they do not know yet. An empty answer still moves on: `upto` is
/// what the projection has applied, or the last event when there may be more.
pub fn read(
    connection: &Connection,
    scope: Scope,
    stays: &Stays,
    after: Position,
    limit: usize,
) -> rusqlite::Result<Read> {
    // `applied` and the events are of the same moment.
    let _moment = queries::moment(connection)?;
    let applied = projection::applied(connection)?;
    let positions = Ranges::of(scope, stays, after).positions(connection, applied, limit)?;
    let mut news = Vec::with_capacity(positions.len());
    for position in positions {
        let found = queries::news_at(connection, position)?;
        let found = found.ok_or_else(|| sum::damaged("an event is missing"))?;
        // The ranges have said so already; a damaged index might say anything.
        if !can_see(scope, stays, &found) {
            return Err(sum::damaged("an event stands where it does not belong"));
        }
        news.push(found);
    }
    check_numbers(scope, &news)?;
    let upto = match news.last() {
        Some(last) if news.len() == limit => last.position(),
        // With limit 0 the cursor must not move.
        None if limit == 0 => after,
        _ => applied.max(after),
    };
    Ok(Read { news, upto })
}

/// Where the events of one reader stand.
struct Ranges {
    after: Position,
    /// A place, whether its numbered events are meant, from and to: both included.
    ranges: Vec<(Position, bool, Position, Option<Position>)>,
}

impl Ranges {
    fn of(scope: Scope, stays: &Stays, after: Position) -> Ranges {
        let everything = (Position::START, None);
        let mut ranges = Vec::new();
        match scope {
            Scope::Room(room, RoomKind::Open) => {
                ranges.push((room.position(), true, everything.0, everything.1));
            }
            Scope::Room(room, RoomKind::Closed) => {
                let stays = stays.of_room(room);
                ranges.extend(stays.map(|(from, to)| (room.position(), true, from, to)));
            }
            Scope::Mine(reader) => {
                ranges.push((reader.position(), false, everything.0, everything.1));
                stays.each_after(after, |room, from, to| {
                    ranges.extend(
                        [true, false].map(|numbered| (room.position(), numbered, from, to)),
                    );
                });
            }
        }
        Ranges { after, ranges }
    }

    /// Returns the first `limit` positions after `after`, in order.
    fn positions(
        self,
        connection: &Connection,
        applied: Position,
        limit: usize,
    ) -> rusqlite::Result<Vec<Position>> {
        let mut select = connection.prepare_cached(
            "SELECT position FROM concerns
             WHERE place = ?1 AND numbered = ?2 AND position BETWEEN ?3 AND ?4
             ORDER BY position LIMIT ?5",
        )?;
        let mut positions = Vec::new();
        for (place, numbered, from, to) in self.ranges {
            let from = from.max(self.after.next());
            let to = to.unwrap_or(applied);
            if from <= to {
                let found = select
                    .query_map(params![place, numbered, from, to, limit], |row| row.get(0))?;
                positions.extend(found.collect::<Result<Vec<Position>, _>>()?);
            }
        }
        positions.sort_unstable();
        // A rename stands in each room that two people share.
        positions.dedup();
        positions.truncate(limit);
        Ok(positions)
    }
}

/// The events of an open room are numbered without gaps, so that a page proves
/// that nothing is missing between its first and its last.
fn check_numbers(scope: Scope, news: &[News]) -> rusqlite::Result<()> {
    let Scope::Room(_, RoomKind::Open) = scope else { return Ok(()) };
    let numbers = news.iter().map(|news| news.event.number);
    let follows = |(one, next): (Option<u64>, Option<u64>)| next == one.map(|one| one + 1);
    match numbers.clone().zip(numbers.skip(1)).all(follows) {
        true => Ok(()),
        false => Err(sum::damaged("a room's numbers have a gap")),
    }
}
