//! Erased entries: the text is gone, and everything else replays as before.
//!
//! No command erases yet; these tests put the erased form in an entry's place.

use proptest::prelude::*;

use super::{
    draft,
    logs::{Log, asks, empty},
    properties::{laws, tables},
};
use crate::{
    Author, Command, Draft, Entry, MessageText, Outcome, Position, Projection, RoomId, StoredEntry,
    Timestamp, UserId, Vocabulary, queries,
};

proptest! {
    #![proptest_config(laws(128))]

    #[test]
    fn erased_entries_anywhere_change_nothing_but_their_own_text(
        asks in asks(),
        chosen in prop::collection::vec(any::<bool>(), 80),
    ) {
        let whole = Log::of(&asks).entries;
        let mut erased = whole.clone();
        let places = erased.iter_mut().zip(chosen.iter().cycle());
        for (entry, _) in places.filter(|(_, is_chosen)| **is_chosen) {
            *entry = erase(entry).unwrap_or(entry.clone());
        }
        let [mut before, mut after] = [empty(), empty()];
        before.apply(&whole).unwrap();
        let outcomes = after.apply(&erased).unwrap();
        for (entry, outcome) in erased.iter().zip(&outcomes) {
            if let (Command::Erased { .. }, Some(news)) = (&entry.draft.command, outcome.news()) {
                let message = news.message().unwrap();
                prop_assert!(message.deleted && message.text.is_none());
                prop_assert!(!news.json.contains("text "));
            }
        }
        // Everything is the same but the texts, and the digests of the requests.
        let is_text = |row: &String| row.starts_with("events") || row.starts_with("requests");
        let rest = |projection: &Projection| {
            tables(projection).into_iter().filter(|row| !is_text(row)).collect::<Vec<_>>()
        };
        prop_assert_eq!(rest(&before), rest(&after));
        prop_assert_eq!(requests(&before), requests(&after));
        prop_assert_eq!(events_without_text(&before), events_without_text(&after));
    }
}

#[test]
fn a_repeat_of_an_erased_request_gets_the_deleted_form_whatever_it_says() {
    let mut entries = Log::of(&[]).entries;
    let (ann, tea) = (UserId::new(Position::new(1)), RoomId::new(Position::new(5)));
    let say = |position: u64, text: &str| {
        let command = Command::say(tea, MessageText::parse(text).unwrap());
        let draft = draft(Timestamp::from_ms(2_000_000), Author::User(ann), "hers", command);
        Entry { position: Position::new(position), draft }
    };
    entries.push(erase(&say(9, "hush")).unwrap());
    entries.extend([say(10, "hush"), say(11, "other words")]);
    let mut projection = empty();
    let outcomes = projection.apply(&entries).unwrap();
    let first = Position::new(9);
    assert_eq!(outcomes[9..], [Outcome::Repeated { first }, Outcome::Repeated { first }]);
    let message = queries::news_at(projection.connection(), first).unwrap().unwrap();
    assert_eq!(
        message.json.rsplit_once(r#""message":"#).unwrap().1,
        r##"{"id":9,"room":"tea","number":3,"at":"1970-01-01T00:33:20.000Z","by":{"id":1,"name":"ann"},"deleted":true,"request_id":"hers"}}"##
    );
    let StoredEntry { salt, asked, .. } = StoredEntry::encode(&entries[8].draft);
    assert_eq!((salt, asked), (None, None), "nothing that could confirm a guess");
}

/// Returns the entry with its payload erased, as it would be read back; none if it has
/// no payload.
fn erase(entry: &Entry) -> Option<Entry> {
    Some(StoredEntry::erased(&entry.draft)?.decode(entry.position).unwrap())
}

fn requests(projection: &Projection) -> Vec<(i64, String, i64)> {
    let db = projection.connection();
    let mut select = db.prepare("SELECT author, request_id, position FROM requests").unwrap();
    let rows = select.query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?))).unwrap();
    rows.map(Result::unwrap).collect()
}

fn events_without_text(projection: &Projection) -> Vec<serde_json::Value> {
    let db = projection.connection();
    let mut select = db.prepare("SELECT position FROM events ORDER BY position").unwrap();
    let positions: Vec<Position> =
        select.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect();
    let event = |position| {
        let news = queries::news_at(db, position).unwrap().unwrap();
        let mut event: serde_json::Value = serde_json::from_str(&news.json).unwrap();
        if let Some(message) = event["message"].as_object_mut() {
            for payload in ["text", "sender_time", "deleted"] {
                message.shift_remove(payload);
            }
        }
        event
    };
    positions.into_iter().map(event).collect()
}

#[test]
fn only_what_has_a_payload_is_erased_and_it_keeps_its_rules() {
    for entry in Log::of(&[]).entries {
        assert_eq!(erase(&entry), None, "{entry:?}");
    }
    let tea = RoomId::new(Position::new(5));
    let command = Command::say(tea, MessageText::parse("hush").unwrap());
    let draft = draft(Timestamp::from_ms(0), Author::Server, "r1", command);
    for vocabulary in [Vocabulary::FIRST, Vocabulary::SECOND, Vocabulary::THIRD] {
        let entry =
            Entry { position: Position::new(9), draft: Draft { vocabulary, ..draft.clone() } };
        let erased = erase(&entry).unwrap();
        assert_eq!(erased.draft.rules(), vocabulary);
        // A program that does not know the rules must not read it.
        assert_eq!(erased.draft.vocabulary, vocabulary.max(Vocabulary::SECOND));
        // Erased once more it is the same.
        assert_eq!(StoredEntry::erased(&erased.draft), None);
    }
}
