//! Erased entries: the text is gone, and everything else replays as before.
//!
//! These tests put the erased form in an entry's place, as a node does for what
//! `queries::erasures_after` names.

use std::{collections::BTreeSet, sync::Arc};

use proptest::prelude::*;

use super::{
    draft,
    logs::{ALL, Log, asks, empty},
    properties::{laws, tables},
};
use crate::{
    Author, Command, Draft, Entry, MessageId, MessageText, Outcome, Position, Projection,
    Rejection, RoomId, StoredEntry, Timestamp, UserId, Vocabulary,
    queries::{self, Erasure},
};

proptest! {
    #![proptest_config(laws(128))]

    #[test]
    fn a_log_without_what_was_to_be_erased_replays_to_the_same_tables(asks in asks()) {
        let log = Log::of(&asks);
        let mut before = empty();
        before.apply(&log.entries).unwrap();
        let erasures = queries::erasures_after(before.connection(), Position::START, ALL).unwrap();
        let mut erased = log.entries.clone();
        for Erasure { cause, entry, rejection } in &erasures {
            let place = erased.iter().position(|it| it.position == *entry).unwrap();
            let draft = &erased[place].draft;
            let stored = match cause == entry {
                true => StoredEntry::erased_in_vain(draft, *rejection),
                false => StoredEntry::erased(draft),
            };
            erased[place] = stored.unwrap().decode(*entry).unwrap();
        }
        let mut after = empty();
        let outcomes = after.apply(&erased).unwrap();
        prop_assert_eq!(before.fingerprint().unwrap(), after.fingerprint().unwrap());
        let silent = |outcome: &Outcome| match outcome {
            Outcome::Accepted(news) => Outcome::Accepted(news.as_ref().map(|news| {
                let mut news = (**news).clone();
                for id in log.model.deleted() {
                    news = news.without_text_of(id).unwrap_or(news);
                }
                Arc::new(news)
            })),
            // Nobody can tell any more whether it asked for the same as the erased request under
            // its name. It had no effect, and has none.
            Outcome::Repeated { .. } => Outcome::Rejected(Rejection::RequestIdReused),
            other => other.clone(),
        };
        let expected: Vec<Outcome> = log.outcomes.iter().map(silent).collect();
        prop_assert_eq!(outcomes.iter().map(silent).collect::<Vec<_>>(), expected);
        // All that is left of a deleted message is what it was an answer to, and its files.
        let deleted: BTreeSet<Position> = log.model.deleted().map(MessageId::position).collect();
        for entry in erased.iter().filter(|entry| deleted.contains(&entry.position)) {
            prop_assert!(matches!(entry.draft.command, Command::Erased { .. }), "{:?}", entry);
        }
    }

    #[test]
    fn erased_entries_anywhere_change_nothing_but_their_own_text(
        asks in asks(),
        chosen in prop::collection::vec(any::<bool>(), 80),
    ) {
        let whole = Log::of(&asks).entries;
        let mut erased = whole.clone();
        // Whether an edit changes a text can be told only while the text is there.
        let is_of_edits = |entry: &Entry| {
            let id = MessageId::new(entry.position);
            let edits = |it: &Entry| matches!(it.draft.command, Command::EditMessage { message, .. } if message == id);
            matches!(entry.draft.command, Command::EditMessage { .. } | Command::AddFile { .. })
                || whole.iter().any(edits)
        };
        let places = erased.iter_mut().filter(|it| !is_of_edits(it)).zip(chosen.iter().cycle());
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
        let is_text = |row: &String| {
            ["events", "requests", "messages"].iter().any(|table| row.starts_with(table))
        };
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
            for payload in [
                "text",
                "sender_time",
                "deleted",
                "entities",
                "files",
                "reply_to",
                "reactions",
                "pinned",
            ] {
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
