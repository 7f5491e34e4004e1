//! Erased entries are gone from the stream, and are read from the bucket in their places.

use std::sync::atomic::Ordering;

use linger_core::{StoredEntry, Timestamp, Vocabulary, queries::Erasure};
use tokio::time::timeout;

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
fn entries_are_erased_some_at_a_time_by_three_requests_each_and_read_so_by_two() {
    const ENTRIES: u64 = 40;
    let folder = tempfile::tempdir().unwrap();
    let server = own_server(&folder);
    let settings = server.new_log();
    let desk = Desk::open(&settings, 1, &Limits::default());
    for number in 0..ENTRIES {
        append(&desk.log, draft(7, number));
    }
    let before = desk.all();
    let erasures: Vec<_> = (1..=ENTRIES).map(|entry| erasure(entry, false)).collect();
    let erasing = async |context: Context| {
        let skeletons = Skeletons::new(context, &settings.stream);
        skeletons.erase(erasures.clone(), Vocabulary::LATEST).await.unwrap();
    };
    let costs = requests(&settings, &server, erasing);
    assert_eq!(costs, (ENTRIES_AT_ONCE as u64, 3 * ENTRIES), "erased");
    assert_eq!(requests(&settings, &server, erasing).1, 2 * ENTRIES, "another node did it");
    let positions: Vec<_> = (1..=ENTRIES).rev().map(Position::new).collect();
    let reading = async |context: Context| {
        let read = history::read_each(context, &settings.stream, positions.clone()).await.unwrap();
        let expected = with_erased(&before, &erasures).into_iter().rev();
        assert_eq!(read, expected.collect::<Vec<_>>());
    };
    let costs = requests(&settings, &server, reading);
    assert_eq!(costs, (ENTRIES_AT_ONCE as u64, 2 * ENTRIES), "read");
}

/// Returns how many requests some work has on its way while the server does not answer, and how
/// many it makes in all.
fn requests(
    settings: &ClusterSettings,
    server: &NatsServer,
    work: impl AsyncFnOnce(Context),
) -> (u64, u64) {
    runtime().block_on(async {
        let context = context(settings).await.unwrap();
        let statistics = context.client().statistics();
        let begun = statistics.out_messages.load(Ordering::Relaxed);
        let made = || statistics.out_messages.load(Ordering::Relaxed) - begun;
        server.signal(Signal::STOP);
        let mut working = std::pin::pin!(work(context.clone()));
        let at_once = loop {
            let before = made();
            // It makes no more only because it waits for answers.
            let _ = timeout(Duration::from_millis(300), working.as_mut()).await;
            if made() == before {
                break before;
            }
        };
        server.signal(Signal::CONT);
        working.await;
        (at_once, made())
    })
}

#[test]
fn what_is_to_be_read_for_an_erasure_holds_up_nobody_who_asks_for_it() {
    let folder = tempfile::tempdir().unwrap();
    let server = own_server(&folder);
    let settings = server.new_log();
    append(&Desk::open(&settings, 1, &Limits::default()).log, draft(7, 0));
    // This one has nothing in memory.
    let desk = Desk::open(&settings, 1, &Limits::default());
    server.signal(Signal::STOP);
    let asked = Instant::now();
    let reading = desk.log.read_each(vec![Position::new(1)]);
    assert!(asked.elapsed() < Duration::from_secs(1), "{:?}", asked.elapsed());
    server.signal(Signal::CONT);
    assert_eq!(reading.blocking_recv().unwrap().unwrap()[0].draft, draft(7, 0));
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
