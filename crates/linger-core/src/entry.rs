//! One line of the log: who asked for what, when, under which request id.
//!
//! The stored form is versioned and readable: columns for what every entry has,
//! and the command as JSON. Whatever a released version stored, every later
//! version decodes; `fixtures/logs` holds old logs that prove it.

use serde::{Deserialize, Serialize};

use crate::{Command, Position, RequestId, UserId};

/// Milliseconds since 1970 in UTC; printed as RFC 3339 with milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(i64);

/// Who asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Author {
    /// The server itself.
    Server,
    /// A user.
    User(UserId),
}

/// An entry that has no place in the log yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Draft {
    /// When the node took it in; decorates, never orders.
    pub at: Timestamp,
    /// Who asks.
    pub author: Author,
    /// The author's name for this request.
    pub request_id: RequestId,
    /// What is asked.
    pub command: Command,
}

/// One line of the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Its place.
    pub position: Position,
    /// What was appended there.
    pub draft: Draft,
}

/// An entry as engines store it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredEntry {
    /// The form of the payload; [`StoredEntry::VERSION`] when written today.
    pub version: u32,
    /// Milliseconds since 1970, UTC.
    pub at_ms: i64,
    /// The author's user id; 0 is the server.
    pub author: u64,
    /// The author's name for the request.
    pub request_id: String,
    /// The command as JSON.
    pub command: String,
}

/// An entry that this version cannot read.
#[derive(Debug, thiserror::Error)]
pub enum UnknownEntry {
    /// Written by a later version of Linger.
    #[error(
        "the log has an entry of form {0}, which this version does not know; run the newer version"
    )]
    Version(u32),
    /// The payload does not decode.
    #[error("an entry of the log does not decode: {0}; restore the log from a backup")]
    Payload(#[from] serde_json::Error),
}

impl StoredEntry {
    /// The form that is written today.
    pub const VERSION: u32 = 1;

    /// Encodes a draft in today's form.
    pub fn encode(draft: &Draft) -> StoredEntry {
        StoredEntry {
            version: StoredEntry::VERSION,
            at_ms: draft.at.as_ms(),
            author: draft.author.to_number(),
            request_id: draft.request_id.as_str().to_owned(),
            command: encode_command(&draft.command),
        }
    }

    /// Decodes any released form. Errors: [`UnknownEntry`].
    pub fn decode(self, position: Position) -> Result<Entry, UnknownEntry> {
        if self.version != 1 {
            return Err(UnknownEntry::Version(self.version));
        }
        // A damaged number is an entry that does not decode, not a bug of ours.
        let is_time = jiff::Timestamp::from_millisecond(self.at_ms).is_ok();
        if !is_time || self.author > Position::MAX.get() {
            let what = format!("time {} or author {} is out of range", self.at_ms, self.author);
            return Err(UnknownEntry::Payload(serde::de::Error::custom(what)));
        }
        let draft = Draft {
            at: Timestamp::from_ms(self.at_ms),
            author: Author::from_number(self.author),
            request_id: serde_json::from_value(self.request_id.into())?,
            command: serde_json::from_str(&self.command)?,
        };
        Ok(Entry { position, draft })
    }
}

/// Returns the command's stored form; equal commands have equal forms.
pub(crate) fn encode_command(command: &Command) -> String {
    serde_json::to_string(command).expect("a command has no maps and no failing parts")
}

impl Author {
    /// Returns the user's id as a number; 0 for the server.
    pub fn to_number(self) -> u64 {
        match self {
            Author::Server => 0,
            Author::User(user) => user.get(),
        }
    }

    /// Reads what [`Author::to_number`] made.
    pub fn from_number(number: u64) -> Author {
        match number {
            0 => Author::Server,
            number => Author::User(UserId::new(Position::new(number))),
        }
    }

    /// Returns the user, unless it is the server.
    pub fn user(self) -> Option<UserId> {
        match self {
            Author::Server => None,
            Author::User(user) => Some(user),
        }
    }
}

impl Timestamp {
    /// Makes a timestamp of milliseconds since 1970, UTC. Panics outside of the
    /// years -9999 to 9999.
    pub fn from_ms(ms: i64) -> Timestamp {
        assert!(jiff::Timestamp::from_millisecond(ms).is_ok(), "{ms} ms is no time of a calendar");
        Timestamp(ms)
    }

    /// Returns milliseconds since 1970, UTC.
    pub fn as_ms(self) -> i64 {
        self.0
    }
}

impl std::fmt::Display for Timestamp {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let timestamp =
            jiff::Timestamp::from_millisecond(self.0).expect("checked when it was made");
        write!(f, "{timestamp:.3}")
    }
}

impl Serialize for Timestamp {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let timestamp: jiff::Timestamp = text.parse().map_err(serde::de::Error::custom)?;
        Ok(Timestamp(timestamp.as_millisecond()))
    }
}
