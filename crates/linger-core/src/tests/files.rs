//! A projection on disk: it goes on where it was, belongs to one log, and is
//! read by others while it is written.
//!
//! A reader's connection can only read. All its reads in one transaction are of
//! one moment, although the follower commits in between.

use std::path::PathBuf;

use tempfile::TempDir;

use super::{
    draft,
    logs::{ALL, Log, empty, stays_of},
    most,
};
use crate::{
    Author, Command, Entry, LogId, Position, Projection, ProjectionError, RoomId, Timestamp,
    UserId, feed, projection_applied, visibility::Scope,
};

#[test]
fn a_projection_that_is_opened_again_goes_on_where_it_was() {
    let (_folder, path) = place();
    let log = Log::of(&[]);
    let (first, rest) = log.entries.split_at(3);
    let mut projection = Projection::open(&path, LogId::from_random(0)).unwrap();
    projection.apply(first).unwrap();
    projection.commit().unwrap();
    drop(projection);
    let mut projection = Projection::open(&path, LogId::from_random(0)).unwrap();
    assert_eq!(projection.applied(), first[2].position);
    projection.apply(rest).unwrap();
    let mut at_once = empty();
    at_once.apply(&log.entries).unwrap();
    assert_eq!(projection.fingerprint().unwrap(), at_once.fingerprint().unwrap());
}

#[test]
fn what_is_not_committed_nobody_else_sees_and_it_goes_with_the_projection() {
    let (_folder, path) = place();
    let log = Log::of(&[]);
    let mut projection = Projection::open(&path, LogId::from_random(0)).unwrap();
    let reader = Projection::open_reader(&path).unwrap();
    let (first, rest) = log.entries.split_at(3);
    let [third, last] = [first, rest].map(|entries| entries.last().unwrap().position);
    projection.apply(first).unwrap();
    assert_eq!((projection.applied(), projection.committed()), (third, Position::START));
    assert_eq!(projection_applied(&reader).unwrap(), Position::START);
    projection.commit().unwrap();
    projection.apply(rest).unwrap();
    assert_eq!((projection.applied(), projection.committed()), (last, third));
    assert_eq!(projection_applied(&reader).unwrap(), third);
    drop(projection);
    let projection = Projection::open(&path, LogId::from_random(0)).unwrap();
    assert_eq!((projection.applied(), projection.committed()), (third, third));
}

#[test]
fn a_full_disk_takes_what_is_not_committed_and_it_applies_again_as_before() {
    let (_folder, path) = place();
    let mut entries = Log::of(&[]).entries;
    let beginning = entries.len();
    entries.extend((9..900).map(|position| match position % 2 {
        1 => bobs(position, 2_000_000, Command::JoinRoom { room: tea() }),
        _ => bobs(position, 2_000_000, Command::LeaveRoom { room: tea() }),
    }));
    let mut at_once = empty();
    let expected = at_once.apply(&entries).unwrap();

    let mut projection = Projection::open(&path, LogId::from_random(0)).unwrap();
    projection.apply(&entries[..beginning]).unwrap();
    projection.commit().unwrap();
    let page_max = |projection: &Projection, pages: u32| {
        projection.connection().pragma_update(None, "max_page_count", pages).unwrap();
    };
    page_max(&projection, 42);
    let mut batches = entries[beginning..].chunks(50);
    let error = batches.find_map(|batch| projection.apply(batch).err()).expect("it is full");
    assert_eq!(error.sqlite_error_code(), Some(rusqlite::ErrorCode::DiskFull));
    assert!(batches.len() < 16, "batches were applied before");
    assert_eq!(projection.committed(), entries[beginning - 1].position);
    assert_eq!(projection.applied(), projection.committed());

    page_max(&projection, 10_000);
    let again = projection.apply(&entries[beginning..]).unwrap();
    assert_eq!(again, expected[beginning..]);
    projection.commit().unwrap();
    drop(projection);
    let projection = Projection::open(&path, LogId::from_random(0)).unwrap();
    assert_eq!(projection.fingerprint().unwrap(), at_once.fingerprint().unwrap());
}

#[test]
fn time_does_not_run_backwards_over_a_restart() {
    let (_folder, path) = place();
    let mut projection = Projection::open(&path, LogId::from_random(0)).unwrap();
    projection.apply(&Log::of(&[]).entries).unwrap();
    projection.apply(&[bobs(9, 9_000_000, Command::JoinRoom { room: tea() })]).unwrap();
    projection.commit().unwrap();
    drop(projection);
    let mut projection = Projection::open(&path, LogId::from_random(0)).unwrap();
    let leave = bobs(10, 8_996_000, Command::LeaveRoom { room: tea() });
    let outcomes = projection.apply(&[leave]).unwrap();
    assert_eq!(outcomes[0].news().unwrap().event.at, Timestamp::from_ms(9_000_000));
    // If it is further ahead than clocks are ever set back, the last time was wrong (F7).
    drop(projection);
    let mut projection = Projection::open(&path, LogId::from_random(0)).unwrap();
    let leave = bobs(10, 5_000_000, Command::LeaveRoom { room: tea() });
    let outcomes = projection.apply(&[leave]).unwrap();
    assert_eq!(outcomes[0].news().unwrap().event.at, Timestamp::from_ms(5_000_000));
}

#[test]
fn a_projection_of_another_log_or_another_version_is_foreign() {
    let (_folder, path) = place();
    let mut projection = Projection::open(&path, LogId::from_random(0)).unwrap();
    projection.apply(&Log::of(&[]).entries).unwrap();
    projection.commit().unwrap();
    let other_log = Projection::open(&path, LogId::from_random(1));
    assert!(matches!(other_log, Err(ProjectionError::Foreign)));
    projection.connection().pragma_update(None, "user_version", 99).unwrap();
    let other_version = Projection::open(&path, LogId::from_random(0));
    assert!(matches!(other_version, Err(ProjectionError::Foreign)));
}

#[test]
fn a_readers_connection_can_only_read() {
    let (_folder, path) = place();
    let _projection = Projection::open(&path, LogId::from_random(0)).unwrap();
    let reader = Projection::open_reader(&path).unwrap();
    assert_eq!(projection_applied(&reader).unwrap(), Position::START);
    assert!(reader.execute("DELETE FROM meta", []).is_err());
}

#[test]
fn who_joins_while_reading_misses_nothing() {
    let (_folder, path) = place();
    let mut projection = Projection::open(&path, LogId::from_random(0)).unwrap();
    projection.apply(&Log::of(&[]).entries).unwrap();
    projection.commit().unwrap();
    let reader = Projection::open_reader(&path).unwrap();
    let read = |after, commit: &mut dyn FnMut()| {
        let tx = reader.unchecked_transaction().unwrap();
        let stays = stays_of(&tx, Some(bob()));
        commit();
        feed::read(&tx, &Scope::Mine(bob()), &stays, after, most(ALL)).unwrap()
    };
    // The follower commits after the reader's stays were read: had the feed been
    // read from a later moment, the cursor would pass over the join.
    let before = projection_applied(&reader).unwrap();
    let page = read(before, &mut || {
        let join = bobs(9, 2_000_000, Command::JoinRoom { room: tea() });
        projection.apply(&[join]).unwrap();
        projection.commit().unwrap();
    });
    assert_eq!(page, feed::Read { news: Vec::new(), upto: before });
    let page = read(page.upto, &mut || {});
    assert_eq!(page.upto, Position::new(9));
    let positions: Vec<u64> = page.news.iter().map(|news| news.position().get()).collect();
    assert_eq!(positions, [9]);
}

/// A command of bob's. [`Log::of`] begins with eight entries, in which he is not
/// in #tea.
fn bobs(position: u64, at_ms: i64, command: Command) -> Entry {
    let at = Timestamp::from_ms(at_ms);
    let draft = draft(at, Author::User(bob()), &format!("r{position}"), command);
    Entry { position: Position::new(position), draft }
}

fn bob() -> UserId {
    UserId::new(Position::new(2))
}

fn tea() -> RoomId {
    RoomId::new(Position::new(5))
}

fn place() -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("projection.db");
    (folder, path)
}
