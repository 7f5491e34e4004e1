//! What a reader may see: the only place that decides it.
//!
//! Whoever reads events, from memory or from the tables, for whatever protocol,
//! asks [`can_see`]. Privacy is this one file to audit.

use crate::{News, Position, RoomId, RoomKind, UserId};

/// One membership, from the event that began it to the event that ended it,
/// both included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stay {
    /// The room.
    pub room: RoomId,
    /// The event that began it.
    pub joined: Position,
    /// The event that ended it; none while it lasts.
    pub left: Option<Position>,
}

/// Which events are asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Scope {
    /// Those of one room.
    Room(RoomId, RoomKind),
    /// Those of the rooms that the reader is in, while they are in them, and
    /// what concerns the reader.
    Mine(UserId),
}

/// Tells whether a room exists for somebody with these stays: a closed room
/// does for those who are in it, or were.
pub fn can_enter(room: RoomId, kind: RoomKind, stays: &[Stay]) -> bool {
    kind == RoomKind::Open || stays.iter().any(|stay| stay.room == room)
}

/// Tells whether a reader with these stays is told this news in this scope.
///
/// `stays_of` returns the stays of another user: a rename concerns those who
/// share a room with the renamed.
pub fn can_see<S: AsRef<[Stay]>>(
    scope: Scope,
    stays: &[Stay],
    news: &News,
    stays_of: impl FnOnce(UserId) -> S,
) -> bool {
    let position = news.position();
    let is_inside =
        |room: RoomId| stays.iter().any(|stay| stay.room == room && stay.covers(position));
    match (scope, news.room_id) {
        (Scope::Room(room, kind), Some(happened_in)) => {
            room == happened_in && (kind == RoomKind::Open || is_inside(room))
        }
        (Scope::Room(..), None) => false,
        (Scope::Mine(_), Some(room)) => is_inside(room),
        (Scope::Mine(reader), None) => news.subject().is_some_and(|subject| {
            subject == reader
                || stays_of(subject)
                    .as_ref()
                    .iter()
                    .any(|stay| stay.covers(position) && is_inside(stay.room))
        }),
    }
}

impl Stay {
    /// Tells whether the membership covers this position.
    pub fn covers(&self, position: Position) -> bool {
        self.joined <= position && self.left.is_none_or(|left| position <= left)
    }
}
