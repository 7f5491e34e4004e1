//! Logs that are moved to real NATS servers and back: each entry in its place, whatever is cut
//! off or dies meanwhile; and nothing is moved that could not be moved whole.

use std::{
    fs,
    panic::{AssertUnwindSafe, catch_unwind},
    path::Path,
    sync::Arc,
};

use linger_core::{Command, Entry, LogId, Position, Projection, RoomKind, StoredEntry};
use tempfile::TempDir;

use super::*;
use crate::{
    Clock, ClusterSettings, Limits, Member, Node, OpenError, Rollback, check,
    log::{
        conformance::draft,
        jetstream::server::{NatsCluster, NatsServer, promise},
        sqlite::SqliteFile,
    },
    tests::cast::{TestClock, from, mine, told},
};

/// A log of its own: so many entries, of which these are erased.
fn entries(count: u64, erased: impl Fn(u64) -> bool) -> Vec<Entry> {
    let entry = |number| {
        let (position, draft) = (Position::new(number), draft(7, number));
        match erased(number) {
            true => StoredEntry::erased(&draft).unwrap().decode(position).unwrap(),
            false => Entry { position, draft },
        }
    };
    (1..=count).map(entry).collect()
}

/// The folder of a server that is stopped, with this log.
fn folder_with(entries: &[Entry]) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("log.db");
    let mut file = SqliteFile::open(&path, LogId::from_random(7)).unwrap();
    entries.chunks(1000).for_each(|some| file.extend(some).unwrap());
    file.close().unwrap();
    folder
}

fn entries_in(folder: &Path) -> Vec<Entry> {
    let file = SqliteFile::open(&folder.join("log.db"), LogId::from_random(0)).unwrap();
    let (mut entries, mut after) = (Vec::new(), Position::START);
    loop {
        let page = file.read_after(after, 1000).unwrap();
        let Some(last) = page.last() else { return entries };
        after = last.position;
        entries.extend(page);
    }
}

fn fingerprint(log: LogId, entries: &[Entry]) -> String {
    let mut projection = Projection::in_memory(log).unwrap();
    projection.apply(entries).unwrap();
    projection.fingerprint().unwrap()
}

fn clock(seed: u64) -> Arc<dyn Clock> {
    Arc::new(TestClock::new(seed))
}

fn import_to(folder: &Path, settings: &ClusterSettings) -> Result<Moved, MoveError> {
    import(folder, settings, &promise(1), &clock(3), &mut |_| {})
}

/// Moves a log to a stream and back, and checks that it is as it was. Returns how many of its
/// files were missing.
fn check_round_trip(name: &str, entries: &[Entry]) -> usize {
    let settings = NatsServer::of_this_process().settings(name);
    let folder = folder_with(entries);
    let moved = import_to(folder.path(), &settings).unwrap();
    let end = Position::new(entries.len() as u64);
    let are_erased = entries.iter().filter(|entry| StoredEntry::is_erased(&entry.draft));
    let erased = are_erased.count();
    let log = LogId::from_random(7);
    // Nobody has the bytes of these files.
    let Moved { files_missing, .. } = moved;
    assert_eq!(
        moved,
        Moved { log, end, erased, files: 0, files_missing, epoch: Some(end.next()) },
        "{name}"
    );
    let back = tempfile::tempdir().unwrap();
    let moved = export(back.path(), &settings, &clock(4), &mut |_| {}).unwrap();
    assert_eq!(
        moved,
        Moved { log, end: end.next(), erased, files: 0, files_missing, epoch: None },
        "{name}"
    );
    let mut found = entries_in(back.path());
    let epoch = found.pop().unwrap();
    assert!(matches!(epoch.draft.command, Command::BeginEpoch { .. }), "{name}: {epoch:?}");
    assert_eq!(found, entries, "{name}");
    assert_eq!(fingerprint(log, &found), fingerprint(log, entries), "{name}");
    files_missing
}

/// Reads a log that was released. Some of these have gaps, which no log in a folder has: the
/// entries are numbered anew.
fn released(name: &str) -> Vec<Entry> {
    #[derive(serde::Deserialize)]
    struct Line {
        #[serde(alias = "version")]
        vocabulary: u32,
        at_ms: i64,
        author: u64,
        request_id: String,
        asked: Option<String>,
        salt: Option<String>,
        nonce: Option<u64>,
        command: String,
    }
    let path = format!("{}/../../fixtures/logs/{name}.jsonl", env!("CARGO_MANIFEST_DIR"));
    let read = |(line, number): (&str, u64)| {
        let line: Line = serde_json::from_str(line).unwrap();
        let stored = StoredEntry {
            vocabulary: line.vocabulary,
            at_ms: line.at_ms,
            author: line.author,
            request_id: line.request_id,
            asked: line.asked.map(|hex| const_hex::decode_to_array(hex).unwrap()),
            salt: line.salt.map(|hex| const_hex::decode_to_array(hex).unwrap()),
            nonce: line.nonce,
            command: line.command,
        };
        stored.decode(Position::new(number)).unwrap()
    };
    fs::read_to_string(path).unwrap().lines().zip(1..).map(read).collect()
}

#[test]
fn every_entry_comes_back_as_it_was_wherever_erased_ones_stood() {
    let erased = |number| matches!(number, 1 | 2 | 700..=760 | 1200 | 2499 | 2500);
    assert_eq!(check_round_trip("moved", &entries(2500, erased)), 0);
    assert_eq!(check_round_trip("moved-one", &entries(1, |_| false)), 0);
    assert_eq!(check_round_trip("moved-erased", &entries(3, |_| true)), 0);
}

#[test]
fn logs_that_were_released_come_back_as_they_were() {
    for name in ["v1", "v2", "v3", "v4"] {
        let files_missing = check_round_trip(&format!("moved-{name}"), &released(name));
        assert_eq!(files_missing > 0, name == "v4", "{name}");
    }
}

#[test]
fn a_move_that_is_cut_off_anywhere_goes_on_and_nothing_follows_it_before() {
    let entries = entries(4000, |number| number % 50 == 0);
    let folder = folder_with(&entries);
    let settings = NatsServer::of_this_process().settings("cut-off");
    let mut cuts = 0;
    loop {
        let mut steps = 0;
        let mut cut = |_: Progress| {
            steps += 1;
            // Each time a little later.
            assert!(steps <= cuts, "cut off");
        };
        let moved = catch_unwind(AssertUnwindSafe(|| {
            import(folder.path(), &settings, &promise(1), &clock(3), &mut cut)
        }));
        if let Ok(moved) = moved {
            assert_eq!(moved.unwrap().end, Position::new(4000));
            break;
        }
        cuts += 1;
        let refused = promise(1).open(settings.clone()).err().unwrap().to_string();
        assert!(refused.contains("only a part of the log"), "{refused}");
        let overview = crate::cluster::overview(&settings, &promise(1)).unwrap();
        assert_eq!(overview.faults, [refused], "'linger cluster check' says it, too");
        let back = tempfile::tempdir().unwrap();
        let refused =
            export(back.path(), &settings, &clock(4), &mut |_| {}).unwrap_err().to_string();
        assert!(refused.contains("only a part of the log"), "{refused}");
    }
    assert!(cuts > 3, "only {cuts} cuts");
    // The other way, too.
    let back = tempfile::tempdir().unwrap();
    for cuts in 0..20 {
        let mut steps = 0;
        let mut cut = |_: Progress| {
            steps += 1;
            assert!(steps <= cuts, "cut off");
        };
        let export = || export(back.path(), &settings, &clock(4), &mut cut);
        if let Ok(moved) = catch_unwind(AssertUnwindSafe(export)) {
            moved.unwrap();
            break;
        }
        assert!(!back.path().join("log.db").exists(), "no server takes it for a log");
    }
    assert_eq!(entries_in(back.path())[..4000], entries);
}

#[test]
fn a_move_that_was_done_is_found_done_and_two_logs_of_one_name_are_told_apart() {
    let server = NatsServer::of_this_process();
    let settings = server.settings("done");
    let folder = folder_with(&entries(20, |number| number == 20));
    let moved = import_to(folder.path(), &settings).unwrap();
    assert_eq!(import_to(folder.path(), &settings).unwrap(), moved);
    let elsewhere = import_to(folder.path(), &server.settings("elsewhere"));
    assert!(elsewhere.unwrap_err().to_string().contains("to the stream done already"));
    // A server went on with the folder, although it was told not to.
    let mut longer = entries(21, |number| number == 20);
    let other = folder_with(&longer);
    let error = import_to(other.path(), &settings).unwrap_err().to_string();
    assert!(error.contains("two logs by now"), "{error}");
    longer.truncate(20);
    longer[10].draft = draft(9, 9);
    let renamed = folder_with(&longer);
    let mut file = SqliteFile::open(&renamed.path().join("log.db"), LogId::from_random(0)).unwrap();
    file.rename(LogId::from_random(8)).unwrap();
    file.close().unwrap();
    let error = import_to(renamed.path(), &settings).unwrap_err().to_string();
    assert!(error.contains("a stream done already, of another log"), "{error}");
}

#[test]
fn what_cannot_be_moved_is_told_in_a_sentence_before_anything_is_written() {
    let settings = NatsServer::of_this_process().settings("refused");
    let refused = |folder: &Path| import_to(folder, &settings).unwrap_err().to_string();
    let nothing = tempfile::tempdir().unwrap();
    let error = refused(&nothing.path().join("nowhere"));
    assert!(error.contains("there is no log.db in"), "{error}");
    assert!(!nothing.path().join("nowhere").exists(), "it is not made");

    let damaged = folder_with(&entries(20, |_| false));
    let connection = rusqlite::Connection::open(damaged.path().join("log.db")).unwrap();
    connection.execute("UPDATE entries SET at_ms = at_ms + 1 WHERE position = 17", []).unwrap();
    drop(connection);
    let error = refused(damaged.path());
    assert!(error.contains("damaged at position 17"), "{error}");

    let gap = folder_with(&entries(20, |_| false));
    let connection = rusqlite::Connection::open(gap.path().join("log.db")).unwrap();
    connection.execute("DELETE FROM entries WHERE position = 1", []).unwrap();
    drop(connection);
    let error = refused(gap.path());
    assert!(error.contains("position 1"), "{error}");

    let taken = folder_with(&entries(3, |_| false));
    let _taken = crate::data_folder::DataFolder::take(taken.path()).unwrap();
    let error = refused(taken.path());
    assert!(error.contains("in use by another linger"), "{error}");

    // Nothing was begun: there is no stream.
    let error = export(nothing.path(), &settings, &clock(4), &mut |_| {}).unwrap_err().to_string();
    assert!(error.contains("no stream refused"), "{error}");
    let error = export(taken.path(), &settings, &clock(4), &mut |_| {}).unwrap_err().to_string();
    assert!(error.contains("is not empty"), "{error}");
}

#[test]
fn servers_without_room_are_told_and_with_room_it_goes_on() {
    let place = tempfile::tempdir().unwrap();
    let mut server =
        NatsServer::new(place.path().join("n"), "sync_interval: always, max_file_store: 400KB", "");
    server.start();
    let settings = server.settings("linger");
    let entries = entries(4000, |_| false);
    let folder = folder_with(&entries);
    let error = import_to(folder.path(), &settings).unwrap_err().to_string();
    assert!(error.contains("do not take entry") && error.contains("make room"), "{error}");
    server.kill();
    let config = place.path().join("n/server.conf");
    let text = fs::read_to_string(&config).unwrap();
    fs::write(&config, text.replace("400KB", "400MB")).unwrap();
    server.start();
    assert_eq!(import_to(folder.path(), &settings).unwrap().end, Position::new(4000));
}

#[tokio::test(flavor = "multi_thread")]
async fn readers_go_on_with_their_cursors_on_a_cluster_and_back() {
    let settings = NatsServer::of_this_process().settings("cursors");
    let folders = [(); 3].map(|()| tempfile::tempdir().unwrap());
    let alone = |folder: &TempDir, seed| {
        Node::open(folder.path(), Rollback::Refused, Limits::default(), clock(seed)).unwrap()
    };

    let node = alone(&folders[0], 1);
    node.ready().await.unwrap();
    let ann = node.guest("ann").await;
    let tea = node.opens(ann, "tea", RoomKind::Open).await;
    let first = node.latest();
    node.says(ann, &tea, "alone").await;
    let taken_back = node.says(ann, &tea, "a word to be forgotten").await;
    let message = linger_core::MessageId::new(taken_back.position);
    node.ask(ann, "taken-back", Command::DeleteMessage { message }).await.unwrap();
    // It is moved before the log is rewritten.
    drop(node);
    import_to(folders[0].path(), &settings).unwrap();
    let again = Node::open(folders[0].path(), Rollback::Refused, Limits::default(), clock(2));
    assert!(
        matches!(again.err(), Some(OpenError::OfCluster { .. })),
        "the folder says where it is"
    );

    let node = Node::open_on_cluster(
        folders[1].path(),
        settings.clone(),
        &promise(1),
        Rollback::Refused,
        Limits::default(),
        clock(3),
        Member::default(),
    );
    let node = node.unwrap();
    node.ready().await.unwrap();
    let tea = node.room(&linger_core::Slug::parse("tea").unwrap(), None).unwrap();
    let page = node.reads(mine(ann, from(first))).await;
    assert_eq!(page.reset, None);
    assert!(told(&page.news).contains(&"ann: alone".to_owned()), "{:?}", told(&page.news));
    node.says(ann, &tea, "together").await;
    let second = node.latest();
    node.says(ann, &tea, "together again").await;
    drop(node);
    let there = {
        let path = folders[1].path().join("projection.db");
        let tables = Projection::open_reader(&path).unwrap();
        let applied = linger_core::projection_applied(&tables).unwrap();
        (applied, linger_core::projection_fingerprint(&tables).unwrap())
    };

    let moved = export(folders[2].path(), &settings, &clock(4), &mut |_| {}).unwrap();
    let mut entries = entries_in(folders[2].path());
    assert_eq!(moved.end, there.0, "all that the node had applied");
    entries.retain(|entry| entry.position <= there.0);
    assert_eq!(fingerprint(moved.log, &entries), there.1, "equal at equal positions");

    let node = alone(&folders[2], 4);
    node.ready().await.unwrap();
    for (cursor, words) in [(first, "ann: alone"), (second, "ann: together again")] {
        let page = node.reads(mine(ann, from(cursor))).await;
        assert_eq!(page.reset, None);
        assert!(told(&page.news).contains(&words.to_owned()), "{:?}", told(&page.news));
    }
    drop(node);
    assert_eq!(check(folders[2].path()).unwrap().findings, [""; 0]);
}

mod three_servers {
    use super::*;

    #[test]
    fn the_death_of_the_leader_amid_a_move_costs_no_entry_and_no_place() {
        let mut cluster = NatsCluster::start();
        // Once they have found each other.
        cluster.new_log();
        let settings = cluster.settings("moved");
        let entries = entries(12_000, |number| number % 100 == 0);
        let folder = folder_with(&entries);
        let mut is_killed = false;
        let mut kill_at_half = |progress: Progress| {
            if !is_killed && progress.done >= 6000 {
                is_killed = true;
                cluster.leader(&settings).kill();
            }
        };
        let moved = import(folder.path(), &settings, &promise(3), &clock(3), &mut kill_at_half);
        assert_eq!(moved.unwrap().end, Position::new(12_000));
        assert!(is_killed);
        let back = tempfile::tempdir().unwrap();
        export(back.path(), &settings, &clock(4), &mut |_| {}).unwrap();
        assert_eq!(entries_in(back.path())[..12_000], entries);
    }
}
