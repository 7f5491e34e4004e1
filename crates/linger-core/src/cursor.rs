//! A reader's bookmark: which log, and how far.
//!
//! Clients keep it and give it back unread. It names its log, so that a bookmark
//! from another log, or from a log that was rolled back, is noticed and answered
//! with a reset instead of with silence.

use std::{fmt, str::FromStr};

use crate::Position;

/// Names one log, from its first entry to its last: 10 characters `a-z2-7`.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct LogId([u8; 10]);

/// A log id and a position in that log, printed as `logid-position`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Cursor {
    /// The log that it is a place in.
    pub log: LogId,
    /// The last position that its holder has seen, or has no right to see.
    pub position: Position,
}

/// Not a cursor at all.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a cursor is taken from an earlier answer, unchanged; or 'latest', or 'start'")]
pub struct MalformedCursor;

impl LogId {
    const ALPHABET: &[u8; 32] = b"abcdefghijklmnopqrstuvwxyz234567";

    /// Makes a log id of 50 of the given random bits.
    pub fn from_random(bits: u64) -> LogId {
        LogId(std::array::from_fn(|i| Self::ALPHABET[(bits >> (5 * i)) as usize & 31]))
    }

    /// Returns its ten characters.
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).expect("the alphabet is ASCII")
    }
}

impl FromStr for LogId {
    type Err = MalformedCursor;

    fn from_str(text: &str) -> Result<Self, MalformedCursor> {
        let bytes: [u8; 10] = text.as_bytes().try_into().map_err(|_| MalformedCursor)?;
        let fits = bytes.iter().all(|byte| Self::ALPHABET.contains(byte));
        fits.then_some(LogId(bytes)).ok_or(MalformedCursor)
    }
}

impl fmt::Display for LogId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for LogId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Cursor {
    type Err = MalformedCursor;

    /// Parses strictly: what this prints is the only form that it reads.
    fn from_str(text: &str) -> Result<Self, MalformedCursor> {
        let (log, digits) = text.split_once('-').ok_or(MalformedCursor)?;
        let number: u64 = digits.parse().map_err(|_| MalformedCursor)?;
        let is_canonical = number <= Position::MAX.get() && number.to_string() == digits;
        if !is_canonical {
            return Err(MalformedCursor);
        }
        Ok(Cursor { log: log.parse()?, position: Position::new(number) })
    }
}

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.log, self.position)
    }
}
