//! Promises that only the SQLite engine makes: one fsync for many appends, a bound on
//! its queue, and a failed commit that loses and doubles nothing.
//!
//! A second connection plays the disk: it holds the writer up by taking the
//! write lock, or makes commits fail with a trigger.

use linger_core::StoredEntry;
use prometheus_client::{encoding::text::encode, registry::Registry};
use tempfile::TempDir;

use super::*;
use crate::log::{
    conformance::{append, draft},
    latest,
};

/// A log, with a second connection to its file.
struct Desk {
    log: SqliteLog,
    metrics: Arc<Metrics>,
    other: Connection,
    _folder: TempDir,
}

impl Desk {
    fn new(limits: &Limits) -> Desk {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("log.db");
        let metrics = Arc::new(Metrics::new());
        let file = SqliteFile::open(&path, LogId::from_random(1)).unwrap();
        let health = Arc::new(Health::new());
        let log = file.start(Arc::new(Files::default()), limits, metrics.clone(), health);
        Desk { log, metrics, other: Connection::open(path).unwrap(), _folder: folder }
    }

    /// Holds the writer up while `meanwhile` runs.
    fn while_it_is_busy<T>(&self, meanwhile: impl FnOnce() -> T) -> T {
        self.other.execute_batch("BEGIN IMMEDIATE").unwrap();
        let result = meanwhile();
        self.other.execute_batch("ROLLBACK").unwrap();
        result
    }

    /// Appends, again and again while the log counts as one that cannot be written.
    fn append_when_it_goes(&self, number: u64) -> Position {
        let deadline = Instant::now() + std::time::Duration::from_secs(30);
        loop {
            match self.log.append(draft(7, number)).map(|appending| appending.blocking_recv()) {
                Ok(Ok(Ok(position))) => return position,
                Ok(Ok(Err(error))) | Err(error) => assert_eq!(error, AppendError::NotWritten),
                Ok(Err(_)) => panic!("no answer"),
            }
            assert!(Instant::now() < deadline, "it does not recover");
            std::thread::yield_now();
        }
    }

    fn commits(&self) -> usize {
        let mut registry = Registry::default();
        self.metrics.register(&mut registry);
        let mut text = String::new();
        encode(&mut text, &registry).unwrap();
        let line = text.lines().find_map(|line| line.strip_prefix("fsync_seconds_count "));
        line.unwrap().parse().unwrap()
    }

    fn drafts(&self) -> Vec<Draft> {
        let entries = self.log.read_after(Position::START, 10_000).unwrap();
        // The file and memory must agree.
        let held: u64 =
            self.other.query_row("SELECT count(*) FROM entries", [], |row| row.get(0)).unwrap();
        assert_eq!(held as usize, entries.len());
        assert!(entries.is_sorted_by(|one, next| one.position < next.position));
        entries.into_iter().map(|entry| entry.draft).collect()
    }
}

#[test]
fn the_log_is_synced_in_full_and_in_wal_mode_on_every_start() {
    let folder = tempfile::tempdir().unwrap();
    for _ in 0..2 {
        let path = folder.path().join("log.db");
        let file = SqliteFile::open(&path, LogId::from_random(1)).unwrap();
        let pragma = |name: &str| {
            let sql = format!("SELECT * FROM pragma_{name}");
            file.connection
                .query_row(&sql, [], |row| row.get::<_, rusqlite::types::Value>(0))
                .unwrap()
        };
        assert_eq!(pragma("journal_mode"), "wal".to_owned().into());
        assert_eq!(pragma("synchronous"), 2.into(), "FULL is 2");
    }
}

#[test]
fn many_appends_that_queue_up_share_one_commit() {
    const APPENDS: u64 = 300;
    let desk = Desk::new(&Limits::default());
    append(&desk.log, draft(7, 0));
    assert_eq!(desk.commits(), 1);
    let appending = desk.while_it_is_busy(|| {
        (1..=APPENDS).map(|number| desk.log.append(draft(7, number)).unwrap()).collect::<Vec<_>>()
    });
    for answer in appending {
        answer.blocking_recv().unwrap().unwrap();
    }
    // Those that the writer had taken when it was held up, and all the others.
    assert!(desk.commits() <= 3, "{} commits", desk.commits());
    assert_eq!(desk.drafts(), (0..=APPENDS).map(|number| draft(7, number)).collect::<Vec<_>>());
}

#[test]
fn an_append_to_a_full_queue_is_refused_and_leaves_nothing() {
    let limits = Limits { append_queue_max: 4, append_batch_max: 2, ..Limits::default() };
    let desk = Desk::new(&limits);
    let (accepted, refused) = desk.while_it_is_busy(|| {
        let answers: Vec<_> =
            (0..20).map(|number| (number, desk.log.append(draft(7, number)))).collect();
        let (accepted, refused): (Vec<_>, Vec<_>) =
            answers.into_iter().partition(|(_, answer)| answer.is_ok());
        let refused: Vec<_> = refused.into_iter().map(|(_, answer)| answer.unwrap_err()).collect();
        (accepted, refused)
    });
    // Four in the queue, and one or two that the writer had taken.
    assert!((4..=6).contains(&accepted.len()), "{} were accepted", accepted.len());
    assert!(refused.iter().all(|error| *error == AppendError::Full));
    let mut expected = Vec::new();
    for (number, answer) in accepted {
        answer.unwrap().blocking_recv().unwrap().unwrap();
        expected.push(draft(7, number));
    }
    append(&desk.log, draft(7, 99));
    expected.push(draft(7, 99));
    assert_eq!(desk.drafts(), expected);
}

#[test]
fn a_commit_that_fails_is_known_not_to_be_written_and_loses_and_doubles_nothing() {
    let desk = Desk::new(&Limits::default());
    append(&desk.log, draft(7, 0));
    let full_disk =
        "CREATE TRIGGER full_disk BEFORE INSERT ON entries WHEN NEW.request_id = 'request-2'
                     BEGIN SELECT RAISE(ABORT, 'the disk is full'); END";
    desk.other.execute_batch(full_disk).unwrap();
    let tail = desk.log.tail();
    let appending = desk
        .while_it_is_busy(|| [1, 2, 3].map(|number| desk.log.append(draft(7, number)).unwrap()));
    let answers = appending.map(|answer| answer.blocking_recv().unwrap());
    assert_eq!(answers[1], Err(AppendError::NotWritten));
    // The first may have had a commit of its own.
    let mut expected = vec![draft(7, 0)];
    for (answer, number) in answers.iter().zip(1..) {
        match answer {
            Ok(_) => expected.push(draft(7, number)),
            Err(error) => assert_eq!(*error, AppendError::NotWritten),
        }
    }
    assert_eq!(desk.drafts(), expected);
    assert_eq!(tail.borrow().get() as usize, expected.len());

    assert!(desk.log.health.illness(Part::Log).unwrap().contains("the disk is full"));
    desk.other.execute_batch("DROP TRIGGER full_disk").unwrap();
    for number in 4..8 {
        desk.append_when_it_goes(number);
        expected.push(draft(7, number));
    }
    assert_eq!(desk.drafts(), expected);
}

#[test]
fn entries_of_a_commit_that_failed_and_yet_took_place_are_found_and_keep_their_places() {
    let desk = Desk::new(&Limits::default());
    let first = append(&desk.log, draft(7, 0));
    // As if a commit had been reported as failed when it was on the disk.
    let stored = StoredEntry::encode(&draft(7, 1));
    file::insert(&desk.other, first.next(), &stored).unwrap();
    let mut tail = desk.log.tail();
    tail.mark_unchanged();
    let answer = desk.log.append(draft(7, 2)).unwrap().blocking_recv().unwrap();
    assert_eq!(answer, Err(AppendError::Unknown));
    let third = desk.append_when_it_goes(3);
    assert_eq!(third, first.next().next());
    assert_eq!(*tail.borrow_and_update(), third);
    assert_eq!(desk.drafts(), [draft(7, 0), draft(7, 1), draft(7, 3)]);
}

#[test]
fn a_follower_that_is_far_behind_reads_from_the_file_what_memory_has_dropped() {
    let count = latest::ENTRIES_MAX as u64 + 300;
    let limits = Limits { append_queue_max: count as usize, ..Limits::default() };
    let desk = Desk::new(&limits);
    let appending: Vec<_> =
        (1..=count).map(|number| desk.log.append(draft(7, number)).unwrap()).collect();
    for answer in appending {
        answer.blocking_recv().unwrap().unwrap();
    }
    assert!(desk.log.latest.lock().unwrap().after > Position::START);
    let mut after = Position::START;
    while after < Position::new(count) {
        for entry in desk.log.read_after(after, 7).unwrap() {
            assert_eq!(
                entry,
                Entry { position: after.next(), draft: draft(7, after.next().get()) }
            );
            after = entry.position;
        }
    }
}

#[test]
fn a_log_that_was_closed_is_one_file() {
    let Desk { log, other, _folder, .. } = Desk::new(&Limits::default());
    append(&log, draft(7, 0));
    drop(other);
    drop(log);
    let names = std::fs::read_dir(_folder.path()).unwrap().map(|file| file.unwrap().file_name());
    assert_eq!(names.collect::<Vec<_>>(), ["log.db"]);
}
