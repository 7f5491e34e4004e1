//! Entries that differ from what was stored: damaged, or of a later version. Each kind is
//! told from the other, and neither is applied in part.

use proptest::prelude::*;

use super::{
    logs::{Log, asks},
    properties::laws,
};
use crate::{Position, StoredEntry, UnreadableEntry, Vocabulary};

#[test]
fn an_entry_of_a_later_version_asks_for_the_newer_version_whatever_is_in_it() {
    let next = Vocabulary::LATEST.get() + 1;
    for vocabulary in [next, next + 1, u32::MAX] {
        for command in [sample().command, r#"{"type":"fly"}"#.to_owned(), "{".to_owned()] {
            let error = decode(StoredEntry { vocabulary, command, ..sample() }).unwrap_err();
            assert_eq!(error, UnreadableEntry::Newer { position: Position::new(1), vocabulary });
            assert!(error.to_string().ends_with("run the newer version"), "{error}");
        }
    }
}

#[test]
fn an_entry_that_does_not_decode_is_damaged_and_no_panic() {
    assert!(decode(sample()).is_ok());
    assert!(decode(of_the_first()).is_ok());
    let command = |command: &str| StoredEntry { command: command.to_owned(), ..sample() };
    let rows = [
        ("no JSON", command("{")),
        ("nothing", command("")),
        ("an unknown command", command(r#"{"type":"close_room","room":1}"#)),
        ("a missing field", command(r#"{"type":"join_room"}"#)),
        ("an unknown field", command(r#"{"type":"join_room","room":1,"silently":true}"#)),
        ("a field twice", command(r#"{"type":"join_room","room":1,"room":2}"#)),
        ("another type of field", command(r#"{"type":"join_room","room":"tea"}"#)),
        (
            "another kind of room",
            command(r#"{"type":"open_room","slug":"a","name":"a","topic":"","kind":"odd"}"#),
        ),
        ("something behind it", command(r#"{"type":"join_room","room":1} "x""#)),
        (
            "erased by rules that there are not",
            command(r#"{"type":"erased","kind":"send_message","room":1,"rules":9}"#),
        ),
        (
            "erased by rules of a later vocabulary",
            StoredEntry {
                vocabulary: 2,
                asked: None,
                salt: None,
                ..command(r#"{"type":"erased","kind":"send_message","room":1,"rules":3}"#)
            },
        ),
        ("a time outside of the calendar", StoredEntry { at_ms: i64::MAX, ..sample() }),
        ("an author beyond 2^53", StoredEntry { author: u64::MAX, ..sample() }),
        ("vocabulary 0", StoredEntry { vocabulary: 0, ..sample() }),
        ("no salt", StoredEntry { salt: None, ..sample() }),
        ("a name and no digest", StoredEntry { asked: None, ..sample() }),
        ("a digest and no name", StoredEntry { request_id: String::new(), ..sample() }),
        (
            "a command that its vocabulary does not have",
            StoredEntry {
                command: r#"{"type":"begin_epoch","epoch":"abcdefgh"}"#.to_owned(),
                ..of_the_first()
            },
        ),
        (
            "the first one, without a name",
            StoredEntry { request_id: String::new(), ..of_the_first() },
        ),
    ];
    for (row, stored) in rows {
        let decoded = decode(stored);
        assert!(matches!(decoded, Err(UnreadableEntry::Damaged { .. })), "{row}: {decoded:?}");
    }
}

proptest! {
    #![proptest_config(laws(64))]

    #[test]
    fn every_entry_reads_back_as_it_was_stored(asks in asks()) {
        for entry in Log::of(&asks).entries {
            let stored = StoredEntry::encode(&entry.draft);
            prop_assert_eq!(stored.decode(entry.position).unwrap(), entry);
        }
    }

    #[test]
    fn no_changed_letter_has_the_checksum_of_what_was_stored(
        asks in asks(),
        which in any::<prop::sample::Index>(),
        place in any::<prop::sample::Index>(),
        change in 1_u8..128,
    ) {
        let entries = Log::of(&asks).entries;
        let entry = which.get(&entries);
        let stored = StoredEntry::encode(&entry.draft);
        let checksum = stored.checksum(entry.position);
        prop_assert_ne!(stored.checksum(entry.position.next()), checksum);
        let mut command = stored.command.clone().into_bytes();
        *command.get_mut(place.index(stored.command.len())).unwrap() ^= change;
        if let Ok(command) = String::from_utf8(command) {
            let changed = StoredEntry { command, ..stored.clone() };
            prop_assert_ne!(changed.checksum(entry.position), checksum);
        }
        let fields = [
            StoredEntry { vocabulary: stored.vocabulary ^ u32::from(change), ..stored.clone() },
            StoredEntry { at_ms: stored.at_ms ^ i64::from(change), ..stored.clone() },
            StoredEntry { author: stored.author ^ u64::from(change), ..stored.clone() },
            StoredEntry { nonce: stored.nonce.map_or(Some(0), |_| None), ..stored.clone() },
            StoredEntry { salt: stored.salt.map_or(Some([0; 16]), |_| None), ..stored.clone() },
            StoredEntry { asked: stored.asked.map_or(Some([0; 32]), |_| None), ..stored },
        ];
        for changed in fields {
            prop_assert_ne!(changed.checksum(entry.position), checksum);
        }
    }
}

fn decode(stored: StoredEntry) -> Result<crate::Entry, UnreadableEntry> {
    stored.decode(Position::new(1))
}

fn sample() -> StoredEntry {
    StoredEntry {
        vocabulary: Vocabulary::LATEST.get(),
        at_ms: 0,
        author: 1,
        request_id: "r1".to_owned(),
        asked: Some([7; 32]),
        salt: Some([8; 16]),
        nonce: Some(9),
        command: r#"{"type":"join_room","room":1}"#.to_owned(),
    }
}

fn of_the_first() -> StoredEntry {
    StoredEntry { vocabulary: 1, asked: None, salt: None, nonce: None, ..sample() }
}
