//! The stored form of an entry: columns for what every entry has, and the command
//! as JSON.
//!
//! An entry says which vocabulary it needs. Decoding is strict: a form that is unknown
//! in a known vocabulary is damage; a higher vocabulary is a reason to run the newer
//! version. Every later version decodes everything that a released version stored;
//! `fixtures/logs` holds old logs that prove it.

use crate::{
    Author, Command, Draft, Entry, Nonce, Position, Rejection, Request, RequestDigest, RequestId,
    Salt, Timestamp, sum::Sum,
};

/// The words that an entry is written in, and the rules that decide what it does.
///
/// A release that adds a command, a field or a rule for new entries adds one
/// (docs/decisions/0016).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Vocabulary(u32);

/// An entry as engines store it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredEntry {
    /// The number of the vocabulary.
    pub vocabulary: u32,
    /// Milliseconds since 1970, UTC.
    pub at_ms: i64,
    /// The author's user id; 0 is the server.
    pub author: u64,
    /// The author's name for the request; empty if they chose none.
    pub request_id: String,
    /// SHA-256 of the request's content.
    pub asked: Option<[u8; 32]>,
    /// The salt of the digest that is kept of it.
    pub salt: Option<[u8; 16]>,
    /// The number by which a node knows its own append; below 2^63.
    pub nonce: Option<u64>,
    /// The command as JSON.
    pub command: String,
}

/// Reasons why an entry cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum UnreadableEntry {
    /// A later version of Linger wrote it.
    #[error(
        "the log has an entry of vocabulary {vocabulary} at position {position}, and this version knows vocabularies up to {}; run the newer version",
        Vocabulary::LATEST.0
    )]
    Newer {
        /// Where it is.
        position: Position,
        /// The number that it has.
        vocabulary: u32,
    },
    /// It is not the same as when it was stored.
    #[error(
        "the log is damaged at position {position}: {reason}; restore log.db from a backup, or let 'linger salvage' write down what can still be read"
    )]
    Damaged {
        /// Where it is.
        position: Position,
        /// A few words about the damage.
        reason: String,
    },
}

impl Vocabulary {
    /// The first one that was released.
    pub const FIRST: Vocabulary = Vocabulary(1);
    /// Epochs, erased entries, requests without a name, salts and nonces; times that
    /// recover from a wrong clock; messages that tell their request id.
    pub const SECOND: Vocabulary = Vocabulary(2);
    /// Somebody who left a closed room comes back by themselves, and nobody can add them.
    pub const THIRD: Vocabulary = Vocabulary(3);
    /// Messages with formatting, answers and files, which can be changed and taken back;
    /// reactions, pins, names and topics of rooms that change.
    pub const FOURTH: Vocabulary = Vocabulary(4);
    /// The one that entries are written in today.
    pub const LATEST: Vocabulary = Vocabulary::FOURTH;

    /// Returns the number.
    pub fn get(self) -> u32 {
        self.0
    }

    /// Returns the vocabulary of this number, if this version knows it.
    pub fn known(number: u32) -> Option<Vocabulary> {
        (Vocabulary::FIRST.0..=Vocabulary::LATEST.0).contains(&number).then_some(Vocabulary(number))
    }
}

impl StoredEntry {
    /// Encodes a draft in the form of its vocabulary.
    pub fn encode(draft: &Draft) -> StoredEntry {
        let is_first = draft.vocabulary == Vocabulary::FIRST;
        let request = draft.request.as_ref();
        StoredEntry {
            vocabulary: draft.vocabulary.0,
            at_ms: draft.at.as_ms(),
            author: draft.author.to_number(),
            request_id: request.map(|request| request.id.to_string()).unwrap_or_default(),
            // In the first vocabulary the command has it.
            asked: request.and_then(|it| it.asked).filter(|_| !is_first).map(|asked| asked.0),
            salt: draft.salt.map(|salt| salt.0),
            nonce: draft.nonce.map(Nonce::get),
            command: encode_command(&draft.command),
        }
    }

    /// Returns the checksum of the entry at this place, over its whole stored form.
    pub fn checksum(&self, position: Position) -> u32 {
        let mut sum = Sum::default();
        sum.number(position.get().cast_signed());
        sum.number(self.vocabulary.into());
        sum.number(self.at_ms);
        sum.number(self.author.cast_signed());
        sum.text(self.request_id.as_bytes());
        sum.optional(self.asked.as_ref(), |sum, asked| sum.blob(asked));
        sum.optional(self.salt.as_ref(), |sum, salt| sum.blob(salt));
        sum.optional(self.nonce, |sum, nonce| sum.number(nonce.cast_signed()));
        sum.text(self.command.as_bytes());
        sum.finish()
    }

    /// Decodes any released form.
    pub fn decode(self, position: Position) -> Result<Entry, UnreadableEntry> {
        let Some(vocabulary) = Vocabulary::known(self.vocabulary) else {
            return Err(match self.vocabulary {
                0 => damaged(position, "no entry has vocabulary 0"),
                vocabulary => UnreadableEntry::Newer { position, vocabulary },
            });
        };
        let draft = self.draft(vocabulary).map_err(|reason| damaged(position, reason))?;
        Ok(Entry { position, draft })
    }

    fn draft(self, vocabulary: Vocabulary) -> Result<Draft, String> {
        let at = Timestamp::from_ms(self.at_ms);
        if at.as_ms() != self.at_ms || self.author > Position::MAX.get() {
            return Err(format!("time {} or author {} is out of range", self.at_ms, self.author));
        }
        let command: Command =
            serde_json::from_str(&self.command).map_err(|error| error.to_string())?;
        if command.vocabulary() > vocabulary {
            return Err(format!("vocabulary {} has no such command", vocabulary.0));
        }
        if command.erased_rules().is_some_and(|rules| rules > vocabulary) {
            return Err(format!("vocabulary {} has no rules of a later one", vocabulary.0));
        }
        let is_erased = command.is_erased();
        let is_named = !self.request_id.is_empty();
        let asked = match vocabulary {
            Vocabulary::FIRST => Some(RequestDigest::of(&command)),
            _ => self.asked.map(RequestDigest),
        };
        let is_consistent = match vocabulary {
            Vocabulary::FIRST => is_named && self.asked.is_none() && self.salt.is_none(),
            _ if is_erased => self.asked.is_none() && self.salt.is_none(),
            _ => self.asked.is_some() == is_named && self.salt.is_some(),
        };
        if !is_consistent {
            return Err("its request id, digest and salt do not go together".to_owned());
        }
        let request = match is_named {
            false => None,
            true => Some(Request { id: request_id(self.request_id)?, asked }),
        };
        Ok(Draft {
            vocabulary,
            at,
            author: Author::from_number(self.author),
            request,
            salt: self.salt.map(Salt),
            nonce: self.nonce.map(|nonce| Nonce::from_random(nonce << 1)),
            command,
        })
    }

    /// Returns the erased form of an entry. It still says who asked, where, when, under
    /// which request id, and for what kind of thing.
    ///
    /// None where the command has no payload to erase.
    pub fn erased(draft: &Draft) -> Option<StoredEntry> {
        let command = draft.command.erased(draft.rules())?;
        Some(StoredEntry::without_payload(draft, command))
    }

    /// Returns the erased form of an entry that changed nothing, with the reason why it was
    /// rejected, if it was. None where the command has no payload to erase.
    pub fn erased_in_vain(draft: &Draft, rejection: Option<Rejection>) -> Option<StoredEntry> {
        let command = Command::ErasedInVain { rules: draft.rules(), rejection };
        draft.command.has_payload().then(|| StoredEntry::without_payload(draft, command))
    }

    /// Tells whether an entry has an erased form.
    pub fn is_erased(draft: &Draft) -> bool {
        draft.command.is_erased()
    }

    fn without_payload(draft: &Draft, command: Command) -> StoredEntry {
        let request = draft.request.clone().map(|request| Request { asked: None, ..request });
        // Only a program that knows both the form and the rules may read it.
        let vocabulary = draft.rules().max(command.vocabulary());
        StoredEntry::encode(&Draft { vocabulary, request, salt: None, command, ..*draft })
    }
}

/// Returns the command's stored form; equal commands have equal forms.
pub(crate) fn encode_command(command: &Command) -> String {
    serde_json::to_string(command).expect("a command has no maps and no failing parts")
}

fn request_id(text: String) -> Result<RequestId, String> {
    serde_json::from_value(text.into()).map_err(|error| error.to_string())
}

fn damaged(position: Position, reason: impl Into<String>) -> UnreadableEntry {
    UnreadableEntry::Damaged { position, reason: reason.into() }
}
