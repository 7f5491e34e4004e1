//! A reader's bookmark: which log, which epoch of it, and how far.
//!
//! Clients keep it and give it back unread. It names its log and its epoch, so that
//! a bookmark from another log, or from a past that this log does not have (an old
//! copy was put back), is noticed and answered with a reset instead of with silence.

use std::{fmt, str::FromStr};

use rusqlite::types::{FromSql, FromSqlError, FromSqlResult, ToSql, ToSqlOutput, ValueRef};
use serde::{Deserialize, Serialize};

use crate::Position;

/// Names one log, from its first entry to its last: 10 characters `a-z2-7`.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct LogId([u8; 10]);

/// Names one stretch of a log, from one start of the server to the next: 8 random
/// characters `a-z2-7`.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Epoch([u8; 8]);

/// A log, an epoch and a position, printed as `log-epoch-position`. Without an epoch,
/// as before there were any: `log-position`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Cursor {
    /// The log that it is a place in.
    pub log: LogId,
    /// The epoch that its position lies in.
    pub epoch: Option<Epoch>,
    /// The position up to which its holder has seen everything that they may see.
    pub position: Position,
}

/// Not a cursor at all.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a cursor is taken from an earlier answer, unchanged; or 'latest', or 'start'")]
pub struct MalformedCursor;

const ALPHABET: &[u8; 32] = b"abcdefghijklmnopqrstuvwxyz234567";

macro_rules! random_name {
    ($name:ident, $length:literal) => {
        impl $name {
            /// Makes one from the given random bits, five for each character.
            pub fn from_random(bits: u64) -> $name {
                $name(std::array::from_fn(|i| ALPHABET[(bits >> (5 * i)) as usize & 31]))
            }

            /// Returns its characters.
            pub fn as_str(&self) -> &str {
                std::str::from_utf8(&self.0).expect("the alphabet is ASCII")
            }
        }

        impl FromStr for $name {
            type Err = MalformedCursor;

            fn from_str(text: &str) -> Result<Self, MalformedCursor> {
                let bytes: [u8; $length] =
                    text.as_bytes().try_into().map_err(|_| MalformedCursor)?;
                let fits = bytes.iter().all(|byte| ALPHABET.contains(byte));
                fits.then_some($name(bytes)).ok_or(MalformedCursor)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.as_str())
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.as_str())
            }
        }
    };
}

random_name!(LogId, 10);
random_name!(Epoch, 8);

impl Serialize for Epoch {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for Epoch {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(|_| serde::de::Error::custom("an epoch is 8 characters a-z2-7"))
    }
}

impl ToSql for Epoch {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(self.as_str().into())
    }
}

impl FromSql for Epoch {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        value.as_str()?.parse().map_err(|_| FromSqlError::InvalidType)
    }
}

impl Serialize for Cursor {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl FromStr for Cursor {
    type Err = MalformedCursor;

    /// Parses strictly: it reads exactly the form that it prints.
    fn from_str(text: &str) -> Result<Self, MalformedCursor> {
        let (log, rest) = text.split_once('-').ok_or(MalformedCursor)?;
        let (epoch, digits) = match rest.split_once('-') {
            Some((epoch, digits)) => (Some(epoch.parse()?), digits),
            None => (None, rest),
        };
        let number: u64 = digits.parse().map_err(|_| MalformedCursor)?;
        let is_canonical = number <= Position::MAX.get() && number.to_string() == digits;
        if !is_canonical {
            return Err(MalformedCursor);
        }
        Ok(Cursor { log: log.parse()?, epoch, position: Position::new(number) })
    }
}

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Cursor { log, epoch, position } = self;
        match epoch {
            Some(epoch) => write!(f, "{log}-{epoch}-{position}"),
            None => write!(f, "{log}-{position}"),
        }
    }
}
