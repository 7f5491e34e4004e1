//! Several nodes on one stream: where it ends, the words that each knows, and the roll.

use linger_core::{StoredEntry, Vocabulary, queries::Erasure};

use super::*;
use crate::nodes::{Agreement, Milestone, Record};

/// A node that knows no higher words than these.
fn knowing(settings: &ClusterSettings, highest: Vocabulary) -> Desk {
    let health = Arc::new(Health::new());
    let mut opened = promise(1).open(settings.clone()).unwrap();
    opened.agreement = Arc::new(Agreement::of(highest));
    let (limits, metrics) = (Limits::default(), Arc::new(Metrics::new()));
    let log = opened.start(erased_file(), &limits, metrics, health.clone()).unwrap();
    Desk { log, health }
}

fn in_words(vocabulary: Vocabulary, number: u64) -> Draft {
    Draft { vocabulary, ..draft(7, number) }
}

#[test]
fn the_leader_tells_where_the_stream_ends_and_a_server_that_hangs_tells_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let server = own_server(&folder);
    let settings = server.new_log();
    let [one, other] = [(); 2].map(|()| Desk::open(&settings, 1, &Limits::default()));
    assert!(other.log.is_shared());
    assert_eq!(other.log.ask_end().blocking_recv(), Ok(Position::START));
    for number in 0..3 {
        append(&one.log, draft(7, number));
        let asked: Vec<_> = (0..20).map(|_| other.log.ask_end()).collect();
        for end in asked {
            assert_eq!(end.blocking_recv(), Ok(Position::new(number + 1)));
        }
    }
    server.signal(Signal::STOP);
    assert!(other.log.ask_end().blocking_recv().is_err());
    server.signal(Signal::CONT);
}

#[test]
fn a_node_reads_up_to_the_first_entry_in_words_that_it_does_not_know_and_says_so() {
    let settings = NatsServer::of_this_process().new_log();
    let desk = Desk::open(&settings, 1, &Limits::default());
    let older = knowing(&settings, Vocabulary::THIRD);
    for (number, vocabulary) in [3, 3, 4, 3].into_iter().enumerate() {
        let vocabulary = Vocabulary::known(vocabulary).unwrap();
        append(&desk.log, in_words(vocabulary, number as u64));
    }
    // It has them in memory, and one that begins later reads them from the stream.
    let begun = Instant::now();
    while *older.log.tail().borrow() < Position::new(4) {
        assert!(begun.elapsed() < WAIT_MAX);
        std::thread::sleep(Duration::from_millis(10));
    }
    for node in [&older, &knowing(&settings, Vocabulary::THIRD)] {
        assert_eq!(node.log.read_after(Position::START, 9).unwrap().len(), 2);
        let error = node.log.read_after(Position::new(2), 9).unwrap_err().to_string();
        assert!(error.contains("vocabulary 4 at position 3"), "{error}");
        assert!(error.ends_with("run the newer version"), "{error}");
    }
}

#[test]
fn nothing_is_erased_into_a_form_that_some_node_could_not_read() {
    let settings = NatsServer::of_this_process().new_log();
    let desk = knowing(&settings, Vocabulary::THIRD);
    append(&desk.log, in_words(Vocabulary::THIRD, 0));
    let entry = Position::new(1);
    let in_vain = vec![Erasure { cause: entry, entry, rejection: None }];
    assert!(desk.log.erase(in_vain.clone()).blocking_recv().is_err());
    assert!(!StoredEntry::is_erased(&desk.all()[0].draft));
    drop(desk);
    let desk = Desk::open(&settings, 1, &Limits::default());
    desk.log.erase(in_vain).blocking_recv().expect("all know it now");
    let fresh = Desk::open(&settings, 1, &Limits::default());
    assert!(StoredEntry::is_erased(&fresh.all()[0].draft));
}

#[test]
fn the_roll_has_the_last_word_of_each_node_and_nothing_of_a_later_form() {
    let settings = NatsServer::of_this_process().new_log();
    let record = |applied| Record {
        name: "a".to_owned(),
        start: String::new(),
        version: "0.1.0".to_owned(),
        vocabulary: 4,
        applied: Position::new(applied),
        milestone: Some(Milestone::new(Position::new(256), 7)),
        has_stopped: false,
    };
    let read = async |roll: &Roll| {
        let nodes = roll.read().await.unwrap();
        assert!(nodes.iter().all(|node| node.silent_for < WAIT_MAX));
        nodes.into_iter().map(|node| (node.id, node.record)).collect::<Vec<_>>()
    };
    with_stream(&settings, async |context| {
        // A log from before there was one: the first node makes it.
        context.delete_stream(format!("KV_{}-nodes", settings.stream)).await.unwrap();
        let roll = Roll::open(context.clone(), &settings.stream, 1).await.unwrap();
        assert_eq!(read(&roll).await, []);
        for applied in [300, 400] {
            roll.write("1", &record(applied)).await.unwrap();
        }
        roll.write("2", &record(1)).await.unwrap();
        let later = format!("$KV.{}-nodes.3", settings.stream);
        context.publish(later, "{\"said\":\"otherwise\"}".into()).await.unwrap().await.unwrap();
        let again = Roll::open(context.clone(), &settings.stream, 1).await.unwrap();
        let both = [("1".to_owned(), record(400)), ("2".to_owned(), record(1))];
        assert_eq!(read(&again).await, both);
        again.forget("1").await.unwrap();
        assert_eq!(read(&roll).await, both[1..]);
    });
}
