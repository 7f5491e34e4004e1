//! Erased entries are gone from the stream, and are read from the bucket in their places.

use linger_core::{StoredEntry, Timestamp, queries::Erasure};

use super::*;
use crate::log::{
    erased_form,
    jetstream::{message, skeletons::Skeletons},
};

/// Asks for the payload of an entry, because a later one deleted it; or because it was for
/// nothing.
fn erasure(entry: u64, is_in_vain: bool) -> Erasure {
    let entry = Position::new(entry);
    let cause = if is_in_vain { entry } else { Position::new(100) };
    Erasure { cause, entry, rejection: None }
}

/// Returns what is read of entries after some were erased.
fn with_erased(entries: &[Entry], erasures: &[Erasure]) -> Vec<Entry> {
    let erased = |entry: &Entry| {
        let erasure = erasures.iter().find(|erasure| erasure.entry == entry.position);
        match erasure.map(|erasure| erased_form(&entry.draft, erasure).unwrap()) {
            Some(stored) => stored.decode(entry.position).unwrap(),
            None => entry.clone(),
        }
    };
    entries.iter().map(erased).collect()
}

fn erase(desk: &Desk, erasures: &[Erasure]) {
    desk.log.erase(erasures.to_vec()).blocking_recv().expect("it is done");
}

#[test]
fn erased_entries_are_read_in_their_places_wherever_they_stood() {
    let settings = NatsServer::of_this_process().new_log();
    let desk = Desk::open(&settings, 1, &Limits::default());
    for number in 0..9 {
        append(&desk.log, draft(7, number));
    }
    let before = desk.all();
    // The first two, some in a row, and the last two.
    let erasures: Vec<_> = [1, 2, 4, 5, 6, 8, 9].map(|entry| erasure(entry, entry > 7)).into();
    erase(&desk, &erasures);
    let after = with_erased(&before, &erasures);
    let fresh = Desk::open(&settings, 1, &Limits::default());
    assert_eq!(fresh.all(), after, "from the beginning");
    for from in 0..9 {
        let found = fresh.log.read_after(Position::new(from), 9).unwrap();
        assert_eq!(found, after[usize::try_from(from).unwrap()..], "from {from}");
    }
    // Both follow what comes next.
    append(&fresh.log, draft(7, 9));
    append(&desk.log, draft(7, 10));
    assert_eq!(fresh.all().len(), 11);
    assert_eq!(*fresh.log.tail().borrow(), Position::new(11));
}

#[test]
fn what_was_begun_is_done_again_by_any_node_and_ends_the_same() {
    let settings = NatsServer::of_this_process().new_log();
    let nodes = [(); 2].map(|()| Desk::open(&settings, 1, &Limits::default()));
    for number in 0..6 {
        append(&nodes[0].log, draft(7, number));
    }
    let before = nodes[0].all();
    let erasures: Vec<_> = (1..=5).map(|entry| erasure(entry, false)).collect();
    // A node was killed between the two steps.
    with_stream(&settings, async |context| {
        let erased = erased_form(&before[1].draft, &erasures[1]).unwrap();
        let skeletons = Skeletons::new(context.clone(), &settings.stream);
        skeletons.put(Position::new(2), message::payload(erased)).await.unwrap();
    });
    let answers = nodes.each_ref().map(|node| node.log.erase(erasures.clone()));
    assert!(answers.into_iter().all(|answer| answer.blocking_recv().is_ok()));
    let fresh = Desk::open(&settings, 1, &Limits::default());
    assert_eq!(fresh.all(), with_erased(&before, &erasures));
    assert!(fresh.all()[..5].iter().all(|entry| StoredEntry::is_erased(&entry.draft)));
}

#[test]
fn erased_text_is_in_no_file_of_the_server() {
    let folder = tempfile::tempdir().unwrap();
    let server = own_server(&folder);
    let desk = Desk::open(&server.new_log(), 1, &Limits::default());
    let at = Timestamp::from_ms(0);
    append(&desk.log, draft(7, 4711));
    append(&desk.log, Draft { at, ..draft(7, 4712) });
    let is_found = |word: &str| is_in_files(folder.path(), word.as_bytes());
    assert!(is_found("word 4711") && is_found("word 4712"));
    erase(&desk, &[erasure(1, false)]);
    assert!(!is_found("word 4711"));
    assert!(is_found("word 4712"));
}

fn is_in_files(folder: &Path, word: &[u8]) -> bool {
    fs::read_dir(folder).unwrap().any(|entry| {
        let path = entry.unwrap().path();
        match path.is_dir() {
            true => is_in_files(&path, word),
            false => fs::read(&path).unwrap().windows(word.len()).any(|bytes| bytes == word),
        }
    })
}
