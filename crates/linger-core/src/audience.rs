//! The audience of an event, as a value and as columns.
//!
//! `apply` decides it when the event happens; [`crate::visibility`] and the feed read
//! it, and parse no event for that. For each room and person that an event
//! concerns there is one row in the table `concerns`, so that the ranges of a reader
//! hold what they may see and nothing else.

use rusqlite::Row;

use crate::{Position, RoomId, UserId, sum};

/// The audience of an event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Audience {
    /// Those who may read this room then. Such an event has a number in the room.
    Room(RoomId),
    /// One person alone. Such an event has no number.
    Person(UserId),
    /// A person, and all who share one of these rooms with them then. Such an event
    /// has no number.
    RoomMates {
        /// The person.
        of: UserId,
        /// The rooms that they are in then, in order.
        rooms: Vec<RoomId>,
    },
}

/// The columns for it: `audience`, `audience_id` and `audience_rooms`.
pub(crate) struct Columns {
    pub(crate) audience: &'static str,
    pub(crate) audience_id: Position,
    /// Ids, joined by commas.
    pub(crate) audience_rooms: Option<String>,
}

impl Audience {
    /// Returns the ids of the rooms and people that it concerns. All ids are positions of
    /// entries, so no room has the id of a person.
    pub fn places(&self) -> Vec<Position> {
        match self {
            Audience::Room(room) => vec![room.position()],
            Audience::Person(person) => vec![person.position()],
            Audience::RoomMates { of, rooms } => {
                rooms.iter().map(|room| room.position()).chain([of.position()]).collect()
            }
        }
    }

    pub(crate) fn columns(&self) -> Columns {
        let (audience, audience_id, audience_rooms) = match self {
            Audience::Room(room) => ("room", room.position(), None),
            Audience::Person(person) => ("person", person.position(), None),
            Audience::RoomMates { of, rooms } => {
                let rooms: Vec<String> = rooms.iter().map(RoomId::to_string).collect();
                ("room_mates", of.position(), Some(rooms.join(",")))
            }
        };
        Columns { audience, audience_id, audience_rooms }
    }

    /// Reads the three columns, which begin at `first`.
    pub(crate) fn of_row(row: &Row<'_>, first: usize) -> rusqlite::Result<Audience> {
        let id: Position = row.get(first + 1)?;
        match row.get_ref(first)?.as_str()? {
            "room" => Ok(Audience::Room(RoomId::new(id))),
            "person" => Ok(Audience::Person(UserId::new(id))),
            "room_mates" => {
                let rooms: String = row.get(first + 2)?;
                let room = |id: &str| id.parse().map(Position::new).map(RoomId::new);
                let rooms = rooms.split(',').filter(|id| !id.is_empty()).map(room);
                let rooms = rooms.collect::<Result<_, _>>().map_err(|_| unknown("rooms"))?;
                Ok(Audience::RoomMates { of: UserId::new(id), rooms })
            }
            _ => Err(unknown("kind")),
        }
    }
}

fn unknown(what: &str) -> rusqlite::Error {
    sum::damaged(format!("an event has an audience of an unknown {what}"))
}
