//! Places in the log, and the ids that are made of them.
//!
//! Everything that an entry creates is named by the position of that entry, so there
//! is no id generator, and ids agree on every node that applies the same log.

use std::fmt;

use rusqlite::types::{FromSql, FromSqlResult, ToSql, ToSqlOutput, ValueRef};
use serde::{Deserialize, Serialize};

/// A place in the log: 1 for the first entry, then increasing; gaps are allowed.
///
/// Below 2^53, so that JSON readers keep it exactly; below 2^31 for as long as
/// possible, because Telegram clients hold it in 32 bits.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct Position(u64);

impl Position {
    /// Before the first entry.
    pub const START: Position = Position(0);
    /// The largest position: JSON numbers are exact below 2^53.
    pub const MAX: Position = Position((1 << 53) - 1);

    /// Makes a position from a number. Panics above [`Position::MAX`].
    pub fn new(number: u64) -> Position {
        assert!(number <= Position::MAX.0, "position {number} is beyond 2^53");
        Position(number)
    }

    /// Returns the number.
    pub fn get(self) -> u64 {
        self.0
    }

    /// Returns the position right before this one; the start has none before it.
    #[must_use]
    pub fn before(self) -> Position {
        Position(self.0.saturating_sub(1))
    }

    /// Returns the position right after this one.
    #[must_use]
    pub fn next(self) -> Position {
        Position::new(self.0 + 1)
    }
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl ToSql for Position {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::from(self.0.cast_signed()))
    }
}

impl FromSql for Position {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        u64::column_result(value).map(Position)
    }
}

macro_rules! id_made_of_a_position {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(
            Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
        )]
        #[serde(transparent)]
        pub struct $name(Position);

        impl $name {
            /// Names what the entry at `position` created.
            pub fn new(position: Position) -> $name {
                $name(position)
            }

            /// Returns the position of the entry that created it.
            pub fn position(self) -> Position {
                self.0
            }

            /// Returns the id as a number.
            pub fn get(self) -> u64 {
                self.0.get()
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }

        impl ToSql for $name {
            fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
                self.0.to_sql()
            }
        }

        impl FromSql for $name {
            fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
                Position::column_result(value).map($name)
            }
        }
    };
}

id_made_of_a_position!(
    /// A user: the position of the entry that created them.
    UserId
);
id_made_of_a_position!(
    /// A room: the position of the entry that opened it.
    RoomId
);
id_made_of_a_position!(
    /// A message: the position of the entry that sent it.
    MessageId
);
id_made_of_a_position!(
    /// A file: the position of the entry that added it.
    FileId
);
