//! One line of the log: an author asked for something, at a time, under a
//! request id.
//!
//! Nodes make a [`Draft`], engines give it a place, and `apply` decides its
//! effect. The stored form of an entry is in `stored.rs`.

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::{Command, Position, RequestId, UserId, Vocabulary, stored::encode_command};

/// Milliseconds since 1970 in UTC; printed as RFC 3339 with milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(i64);

/// The author of an entry.
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
    /// The words that it is written in; its rules go by them ([`Draft::rules`]).
    pub vocabulary: Vocabulary,
    /// When the node took it in; decorates, never orders.
    pub at: Timestamp,
    /// The author.
    pub author: Author,
    /// The author's name for this request; none where they chose none, and then
    /// a repeat is not known as a repeat.
    pub request: Option<Request>,
    /// Random, so that the digest of a short text does not give the text away.
    /// None in the first vocabulary, and where the payload is erased.
    pub salt: Option<Salt>,
    /// Random, so that a node knows its own append wherever it comes back to it.
    /// None in the first vocabulary.
    pub nonce: Option<Nonce>,
    /// The command.
    pub command: Command,
}

/// A request that its author named, so that a repeat is known as a repeat.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// The author's name for it.
    pub id: RequestId,
    /// A digest of what was sent under it; none where the payload is erased.
    pub asked: Option<RequestDigest>,
}

/// SHA-256 of what was sent: not of what was made of it, which may change with
/// the version that makes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RequestDigest(pub [u8; 32]);

/// 16 random bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Salt(pub [u8; 16]);

/// 63 random bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Nonce(u64);

/// One line of the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Its place.
    pub position: Position,
    /// The draft that was appended there.
    pub draft: Draft,
}

impl Draft {
    /// Returns the vocabulary whose rules decide what it does. An erased entry
    /// keeps the rules that it had.
    pub fn rules(&self) -> Vocabulary {
        self.command.erased_rules().unwrap_or(self.vocabulary)
    }

    /// Returns about how many bytes it takes in memory. Only messages are long.
    pub fn weight(&self) -> usize {
        let text = match &self.command {
            Command::SendMessage { text, entities, .. }
            | Command::EditMessage { text, entities, .. } => {
                text.as_str().len() + entities.weight()
            }
            _ => 0,
        };
        size_of::<Entry>() + 64 + text
    }
}

impl Request {
    /// Names a request by what was sent: a verb and its fields, as the author gave
    /// them. Equal ones have equal JSON.
    pub fn new(id: RequestId, sent: &impl Serialize) -> Request {
        let sent = serde_json::to_vec(sent).expect("what was sent has no failing parts");
        Request { id, asked: Some(RequestDigest(Sha256::digest(sent).into())) }
    }

    /// Names a request whose command says just what was sent.
    pub fn of(id: RequestId, command: &Command) -> Request {
        Request { id, asked: Some(RequestDigest::of(command)) }
    }
}

impl RequestDigest {
    /// Digests a command's stored form, as the first vocabulary did.
    pub fn of(command: &Command) -> RequestDigest {
        RequestDigest(Sha256::digest(encode_command(command)).into())
    }

    /// Returns what is kept of it for ever, to know a repeat: half of a digest, since
    /// an author can only deceive themselves, and there is one for each message.
    pub(crate) fn salted(&self, salt: Salt) -> [u8; 16] {
        let digest = Sha256::new().chain_update(salt.0).chain_update(self.0).finalize();
        *digest.first_chunk().expect("16 of 32 bytes")
    }
}

impl Nonce {
    /// Makes a nonce of 63 of the given random bits.
    pub fn from_random(bits: u64) -> Nonce {
        // SQLite's integers are signed.
        Nonce(bits >> 1)
    }

    /// Returns the number, below 2^63.
    pub fn get(self) -> u64 {
        self.0
    }
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
    /// The first millisecond of the year 0: RFC 3339 has no earlier one.
    pub const MIN: Timestamp = Timestamp(-62_167_219_200_000);
    /// The last millisecond that is in the year 9999 in every time zone: RFC 3339 has
    /// no later years.
    pub const MAX: Timestamp = Timestamp(253_402_207_200_000);

    /// Makes a timestamp of milliseconds since 1970, UTC. A clock that is beyond
    /// the years 0 to 9999 is taken for the nearest end of them.
    pub fn from_ms(ms: i64) -> Timestamp {
        Timestamp(ms.clamp(Timestamp::MIN.0, Timestamp::MAX.0))
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
