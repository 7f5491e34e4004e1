//! A log that is shorter than its projection: damaged, emptied or missing.
//!
//! The program refuses, with both numbers, and touches nothing. With
//! `--accept-rollback` it goes on with the shorter log, keeps the projection under
//! a dated name, and tells readers from the lost future to begin afresh.

use std::{fs, path::Path};

use crate::{
    process::{Folder, Program},
    startup::check_refused,
};

use super::{
    bytes_of, check_reset, check_rollback_refused, cursor_now, last_position, log_entries, say_all,
    stop, texts,
};

/// Finds the projections that were kept under dated names.
pub fn kept_projections(data: &Path) -> Vec<std::path::PathBuf> {
    let paths = fs::read_dir(data).unwrap().map(|entry| entry.unwrap().path());
    let mut kept: Vec<_> = paths
        .filter(|path| {
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            // As a date that a person reads: the year is in it.
            let is_dated =
                name.strip_prefix("projection.db.").is_some_and(|date| date.contains("20"));
            is_dated && !name.ends_with("-wal") && !name.ends_with("-shm")
        })
        .collect();
    kept.sort();
    kept
}

/// Flips one bit of the log's newest frames with this text in them.
fn flip_in_wal(data: &Path, text: &str) {
    let path = data.join("log.db-wal");
    let mut wal = fs::read(&path).unwrap();
    // The first frame that has the text is of the commit of that text.
    let at = wal.windows(text.len()).position(|bytes| bytes == text.as_bytes()).unwrap();
    wal[at] ^= 1;
    fs::write(path, wal).unwrap();
}

#[test]
fn a_flipped_bit_that_shortens_the_log_is_refused_until_the_operator_accepts_it() {
    let folder = Folder::new();
    let mut server = Program::on(&folder).start();
    let mut ann = server.guest("ann");
    ann.open("tea", "open");
    let mut said = say_all(&mut ann, "kept", 5);
    let mut futures = Vec::new();
    let lost: Vec<String> = (1..=4).map(|n| format!("lost {n} of four")).collect();
    for text in &lost {
        ann.say("tea", text);
        futures.push(cursor_now(&mut ann));
    }
    let projection = last_position(&mut ann, super::ROOM);
    server.kill();
    drop(server);
    flip_in_wal(folder.path(), &lost[0]);
    let log = log_entries(folder.path());
    assert_eq!(log, projection - lost.len() as u64, "only these are lost");
    check_rollback_refused("a flipped bit", folder.path(), log, projection);

    let server = Program::on(&folder).arg("--accept-rollback").start();
    let mut ann = ann.again(server.address);
    assert_eq!(texts(&mut ann), said);
    let kept = kept_projections(folder.path());
    let [kept] = &kept[..] else { panic!("one projection is kept: {kept:?}") };
    let kept = rusqlite::Connection::open(kept).unwrap();
    for text in &lost {
        let pattern = format!("%{text}%");
        let found: u64 = kept
            .query_row("SELECT count(*) FROM events WHERE json LIKE ?1", [pattern], |row| {
                row.get(0)
            })
            .unwrap();
        assert_eq!(found, 1, "{text} is in the projection that was kept");
    }
    for future in &futures {
        check_reset("nothing new was said", &mut ann, future);
    }
    said.extend(say_all(&mut ann, "new", lost.len() + 3));
    for future in &futures {
        check_reset("more was said than was lost", &mut ann, future);
    }
    stop(server);

    let server = Program::on(&folder).start();
    let mut ann = ann.again(server.address);
    assert_eq!(texts(&mut ann), said, "accepted once, it is no rollback any more");
    futures.iter().for_each(|future| check_reset("after a restart", &mut ann, future));
}

#[test]
fn a_wal_that_is_damaged_in_the_middle_is_refused_also_when_no_projection_knows_more() {
    let folder = Folder::new();
    let mut server = Program::on(&folder).start();
    let mut ann = server.guest("ann");
    ann.open("tea", "open");
    say_all(&mut ann, "lost", 5);
    server.kill();
    drop(server);
    flip_in_wal(folder.path(), "lost 1");
    for name in ["projection.db", "projection.db-wal", "projection.db-shm"] {
        let _ = fs::remove_file(folder.join(name));
    }
    let before = bytes_of(folder.path());
    let words = ["log.db-wal", "damaged", "salvage", "--accept-rollback"];
    check_refused("a flipped bit", &Program::on(&folder), &words);
    assert!(bytes_of(folder.path()) == before, "nothing is touched");
    let server = Program::on(&folder).arg("--accept-rollback").start();
    server.guest("bob").say("lobby", "going on");
    stop(server);
    let mut kept = fs::read_dir(folder.path()).unwrap().map(|file| file.unwrap().file_name());
    let is_kept = kept.any(|name| name.to_string_lossy().starts_with("log.db-wal.20"));
    assert!(is_kept, "the damaged WAL is kept");
    Program::on(&folder).start();
}

#[test]
fn an_empty_or_missing_log_beside_a_projection_is_refused() {
    type Damage = fn(&Path);
    let cases: [(&str, Damage); 2] = [
        ("emptied", |log| fs::write(log, "").unwrap()),
        ("missing", |log| fs::remove_file(log).unwrap()),
    ];
    for (case, damage) in cases {
        let folder = Folder::new();
        let server = Program::on(&folder).start();
        let mut ann = server.guest("ann");
        ann.open("tea", "open");
        say_all(&mut ann, "lost", 3);
        let projection = last_position(&mut ann, super::ROOM);
        stop(server);
        // A clean end leaves no write-ahead log.
        let _ = fs::remove_file(folder.join("log.db-wal"));
        damage(&folder.join("log.db"));
        check_rollback_refused(case, folder.path(), 0, projection);

        let server = Program::on(&folder).arg("--accept-rollback").start();
        server.visitor().get("/api/v1/rooms/tea").problem(404);
        assert_eq!(kept_projections(folder.path()).len(), 1, "{case}");
        server.guest("bob").say("lobby", "here we are again");
    }
}
