//! The running hash: the same on every node, with and without the texts, and another one
//! wherever nodes disagree.

use proptest::prelude::*;

use super::{
    logs::{ALL, Log, asks, empty},
    properties::laws,
};
use crate::{
    Author, Entry, Nonce, Outcome, Position, Projection, Rejection, StoredEntry, Timestamp, UserId,
    Vocabulary,
    queries::{self, Erasure},
    running::{self, MILESTONE, Running},
};

/// Puts the erased form in the place of what is to be erased: of all of it, or of a part, as
/// a node finds the log that begins anew while another one erases.
fn erased(log: &Log, is_done: impl Fn(usize) -> bool) -> Vec<Entry> {
    let mut entries = log.entries.clone();
    let mut before = empty();
    before.apply(&entries).unwrap();
    let erasures = queries::erasures_after(before.connection(), Position::START, ALL).unwrap();
    for (number, Erasure { cause, entry, rejection }) in erasures.iter().enumerate() {
        let place = entries.iter().position(|it| it.position == *entry).unwrap();
        let draft = &entries[place].draft;
        let stored = match cause == entry {
            true => StoredEntry::erased_in_vain(draft, *rejection),
            false => StoredEntry::erased(draft),
        };
        if is_done(number) {
            entries[place] = stored.unwrap().decode(*entry).unwrap();
        }
    }
    entries
}

fn hash_of(entries: &[Entry], batch: usize) -> Running {
    let mut projection = empty();
    for entries in entries.chunks(batch) {
        projection.apply(entries).unwrap();
    }
    assert_eq!(running::now(projection.connection()).unwrap(), projection.running());
    projection.running()
}

proptest! {
    #![proptest_config(laws(128))]

    #[test]
    fn an_erased_log_has_the_running_hash_that_it_had_with_its_texts(
        asks in asks(),
        batch in 1..40_usize,
        done in any::<u64>(),
    ) {
        let log = Log::of(&asks);
        let whole = hash_of(&log.entries, ALL);
        prop_assert_eq!(hash_of(&log.entries, batch), whole);
        prop_assert_eq!(hash_of(&erased(&log, |_| true), batch), whole);
        let part = erased(&log, |number| done >> (number % 64) & 1 == 1);
        prop_assert_eq!(hash_of(&part, batch), whole, "erased in part: {:b}", done);
    }
}

#[test]
fn each_part_of_an_entry_that_erasing_keeps_is_in_the_hash_and_so_is_what_it_did() {
    let mut entry = Log::of(&[]).entries.pop().unwrap();
    entry.draft.vocabulary = Vocabulary::LATEST;
    let with = |change: fn(&mut Entry)| {
        let mut changed = entry.clone();
        change(&mut changed);
        Running::START.with(&changed, &Outcome::Accepted(None)).hash
    };
    let hashes = [
        with(|_| {}),
        with(|entry| entry.position = entry.position.next()),
        with(|entry| entry.draft.vocabulary = Vocabulary::FIRST),
        with(|entry| entry.draft.at = Timestamp::MAX),
        with(|entry| entry.draft.author = Author::User(UserId::new(Position::new(99)))),
        with(|entry| entry.draft.nonce = Some(Nonce::from_random(77))),
        with(|entry| entry.draft.request = None),
        Running::START.with(&entry, &Outcome::Repeated { first: Position::new(1) }).hash,
        Running::START.with(&entry, &Outcome::Rejected(Rejection::SlugTaken)).hash,
        Running::START.with(&entry, &Outcome::Rejected(Rejection::NotAMember)).hash,
        Running::START.hash,
    ];
    for (place, hash) in hashes.iter().enumerate() {
        assert!(!hashes[..place].contains(hash), "{place}");
    }
}

#[test]
fn the_hash_at_each_milestone_is_kept_and_a_difference_stays_for_ever() {
    let first = Log::of(&[]).entries.pop().unwrap();
    let rejected = |position| Entry { position: Position::new(position), ..first.clone() };
    let end = 3 * MILESTONE + 17;
    let fill = |projection: &mut Projection, missing: u64| {
        let entries: Vec<_> = (1..=end).filter(|at| *at != missing).map(rejected).collect();
        entries.chunks(100).for_each(|entries| _ = projection.apply(entries).unwrap());
    };
    let [mut one, mut other] = [empty(), empty()];
    fill(&mut one, 0);
    fill(&mut other, MILESTONE + 1);
    let at = |projection: &Projection, position| {
        running::at(projection.connection(), Position::new(position)).unwrap().map(|it| it.hash)
    };
    assert_eq!(at(&one, MILESTONE), at(&other, MILESTONE));
    assert!(at(&one, MILESTONE).is_some());
    for milestone in [2, 3].map(|number| number * MILESTONE) {
        assert_ne!(at(&one, milestone), at(&other, milestone));
    }
    assert_eq!([MILESTONE + 1, 4 * MILESTONE].map(|position| at(&one, position)), [None; 2]);
    assert_ne!(one.running().hash, other.running().hash);
    assert_eq!(one.running().rules, first.draft.rules());
}
