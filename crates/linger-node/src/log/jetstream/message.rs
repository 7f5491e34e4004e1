//! The form of an entry as a message of the stream: one JSON object.
//!
//! The stream gives an entry its position, so the message cannot have it, and its checksum
//! is that of position 0. The command is in it letter for letter as it was stored, since
//! the checksum is over its text. [`MessageId`] is how a node knows its own append, and how
//! JetStream knows a message that was sent twice. `fixtures/cluster` pins the form.

use bytes::Bytes;
use linger_core::{Draft, Entry, Nonce, Position, StoredEntry, UnreadableEntry, Vocabulary};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

/// A draft as it is sent.
#[derive(Debug, Clone)]
pub(super) struct Message {
    pub(super) id: MessageId,
    pub(super) payload: Bytes,
}

/// The number by which an append is known: its nonce, and its checksum beside it. 63 random
/// bits alone could meet by chance in the ten minutes in which JetStream compares them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct MessageId {
    nonce: u64,
    checksum: u32,
}

/// The JSON object.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Form<'m> {
    vocabulary: u32,
    at_ms: i64,
    author: u64,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    request_id: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    asked: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    salt: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    nonce: Option<u64>,
    #[serde(borrow)]
    command: &'m RawValue,
    checksum: u32,
}

/// The part that every later form has, too.
#[derive(Deserialize)]
struct AnyForm {
    vocabulary: u32,
}

impl Message {
    /// Writes a draft down.
    pub(super) fn of(draft: &Draft) -> Message {
        let stored = StoredEntry::encode(draft);
        let checksum = stored.checksum(Position::START);
        let nonce = draft.nonce.map_or(0, Nonce::get);
        Message { id: MessageId { nonce, checksum }, payload: payload(stored) }
    }
}

impl std::fmt::Display for MessageId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:016x}{:08x}", self.nonce, self.checksum)
    }
}

/// Writes an entry down.
pub(super) fn payload(stored: StoredEntry) -> Bytes {
    let checksum = stored.checksum(Position::START);
    let command = RawValue::from_string(stored.command).expect("a command's form is JSON");
    let form = Form {
        vocabulary: stored.vocabulary,
        at_ms: stored.at_ms,
        author: stored.author,
        request_id: stored.request_id,
        asked: stored.asked.map(const_hex::encode),
        salt: stored.salt.map(const_hex::encode),
        nonce: stored.nonce,
        command: &command,
        checksum,
    };
    serde_json::to_vec(&form).expect("it has no maps and no failing parts").into()
}

/// Reads the message at a position.
///
/// Errors: it is not what was written, or a later version wrote it.
pub(super) fn read(
    position: Position,
    payload: &[u8],
) -> Result<(Entry, MessageId), UnreadableEntry> {
    let damaged = |reason: &str| UnreadableEntry::Damaged { position, reason: reason.to_owned() };
    let form: Form<'_> = match serde_json::from_slice(payload) {
        Ok(form) => form,
        Err(error) => {
            return Err(match serde_json::from_slice::<AnyForm>(payload) {
                Ok(AnyForm { vocabulary }) if vocabulary > Vocabulary::LATEST.get() => {
                    UnreadableEntry::Newer { position, vocabulary }
                }
                _ => damaged(&format!("it has not the form of an entry ({error})")),
            });
        }
    };
    let checksum = form.checksum;
    let nonce = form.nonce.unwrap_or_default();
    let stored = form.stored().ok_or_else(|| damaged("its digest or salt is no number"))?;
    if stored.checksum(Position::START) != checksum {
        return Err(damaged("the entry is not what was stored"));
    }
    Ok((stored.decode(position)?, MessageId { nonce, checksum }))
}

impl Form<'_> {
    fn stored(self) -> Option<StoredEntry> {
        fn bytes<const N: usize>(hex: Option<String>) -> Option<Option<[u8; N]>> {
            hex.map(|hex| const_hex::decode_to_array(hex).ok())
                .map_or(Some(None), |it| it.map(Some))
        }
        Some(StoredEntry {
            vocabulary: self.vocabulary,
            at_ms: self.at_ms,
            author: self.author,
            request_id: self.request_id,
            asked: bytes(self.asked)?,
            salt: bytes(self.salt)?,
            nonce: self.nonce,
            command: self.command.get().to_owned(),
        })
    }
}

#[cfg(test)]
mod tests {
    use linger_core::{Author, RoomId, Timestamp, UserId};

    use super::*;
    use crate::tests::cast::{self, create, say};

    const PINNED: &str = include_str!("../../../../../fixtures/cluster/messages-v4.jsonl");

    fn drafts() -> [Draft; 3] {
        let at = Timestamp::from_ms(1_767_225_600_000);
        let user = Author::User(UserId::new(Position::new(2)));
        let say = say(RoomId::new(Position::new(1)), "tea \"and\" 茶 ☕");
        let named = cast::draft(at, user, "m1", say);
        let unnamed = Draft { request: None, ..named.clone() };
        let drafts = [cast::draft(at, Author::Server, "ann", create("ann")), named, unnamed];
        // Of the vocabulary that was the latest when the form was pinned.
        drafts.map(|draft| Draft { vocabulary: Vocabulary::known(4).unwrap(), ..draft })
    }

    #[test]
    fn entries_are_written_as_they_were_when_the_form_was_pinned_and_read_back() {
        let written: Vec<_> = drafts().iter().map(Message::of).collect();
        let lines = written.iter().map(|it| String::from_utf8(it.payload.to_vec()).unwrap() + "\n");
        let written_text: String = lines.collect();
        if std::env::var_os("LINGER_WRITE_FIXTURES").is_some() {
            let path =
                concat!(env!("CARGO_MANIFEST_DIR"), "/../../fixtures/cluster/messages-v4.jsonl");
            std::fs::write(path, &written_text).unwrap();
        }
        assert_eq!(written_text, PINNED);
        for ((message, draft), line) in written.iter().zip(drafts()).zip(PINNED.lines()) {
            let position = Position::new(17);
            let read = read(position, line.as_bytes()).unwrap();
            assert_eq!(read, (Entry { position, draft }, message.id));
        }
    }

    #[test]
    fn a_changed_letter_is_damage_and_a_later_vocabulary_is_not() {
        let position = Position::new(4);
        let line = PINNED.lines().nth(1).unwrap();
        for at in 0..line.len() {
            let mut changed = line.as_bytes().to_vec();
            changed[at] ^= 1;
            let Err(error) = read(position, &changed) else { panic!("letter {at} was changed") };
            assert!(matches!(error, UnreadableEntry::Damaged { .. }), "letter {at}: {error}");
        }
        let later = br#"{"vocabulary":9999,"something":"new"}"#;
        assert_eq!(
            read(position, later),
            Err(UnreadableEntry::Newer { position, vocabulary: 9999 })
        );
    }

    #[test]
    fn drafts_with_one_nonce_are_told_apart_by_what_they_say() {
        let [_, named, unnamed] = drafts();
        assert_eq!(named.nonce, unnamed.nonce);
        assert_ne!(Message::of(&named).id, Message::of(&unnamed).id);
    }
}
