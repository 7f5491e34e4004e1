//! Logs of other versions: an older one is brought to today's form and means the same,
//! a newer one is left alone.

use std::{fs, path::Path, sync::Arc};

use linger_core::{Author, Position, RoomId, UserId, Vocabulary};
use rusqlite::{Connection, params};

use super::cast::{TestClock, mine, named, say, told};
use crate::{After, Limits, Node, OpenError, Rollback, check, salvage};

/// The tables as the first version made them.
const FIRST_FORM: &str = "
    CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID;
    CREATE TABLE entries (
        position   INTEGER PRIMARY KEY,
        version    INTEGER NOT NULL,
        at_ms      INTEGER NOT NULL,
        author     INTEGER NOT NULL,
        request_id TEXT NOT NULL,
        command    TEXT NOT NULL
    ) STRICT;
    INSERT INTO meta VALUES ('log_id', 'abcdefghij');
    PRAGMA user_version = 1;
";
/// The same for the tables, with two entries more than the log has.
const FIRST_TABLES: &str = r#"
    CREATE TABLE meta (key TEXT PRIMARY KEY, value ANY NOT NULL) STRICT, WITHOUT ROWID;
    CREATE TABLE users (id INTEGER PRIMARY KEY, name TEXT NOT NULL, role TEXT NOT NULL, external_id TEXT UNIQUE) STRICT;
    CREATE TABLE rooms (id INTEGER PRIMARY KEY, slug TEXT NOT NULL UNIQUE, name TEXT NOT NULL, topic TEXT NOT NULL,
        kind TEXT NOT NULL, members INTEGER NOT NULL, last_number INTEGER NOT NULL) STRICT;
    CREATE TABLE events (position INTEGER PRIMARY KEY, room_id INTEGER, is_message INTEGER NOT NULL, json TEXT NOT NULL) STRICT;
    INSERT INTO meta VALUES ('log_id', 'abcdefghij'), ('applied', 6), ('last_at_ms', 0);
    INSERT INTO users VALUES (2, 'ann', 'guest', NULL), (5, 'bob', 'guest', NULL);
    INSERT INTO rooms VALUES (1, 'lobby', 'Lobby', '', 'open', 1, 4);
    INSERT INTO events VALUES (4, 1, 1, '{"position":4}'), (6, 1, 1, '{"position":6}');
    PRAGMA user_version = 1;
"#;
const ENTRIES: [(u64, &str, &str); 4] = [
    (0, "lobby", r#"{"type":"open_room","slug":"lobby","name":"Lobby","topic":"","kind":"open"}"#),
    (0, "guest", r#"{"type":"create_guest","name":"ann"}"#),
    (2, "join", r#"{"type":"join_room","room":1}"#),
    (2, "m1", r#"{"type":"send_message","room":1,"text":"said before the upgrade"}"#),
];

fn old_log(folder: &Path) -> Connection {
    let connection = Connection::open(folder.join("log.db")).unwrap();
    connection.execute_batch(FIRST_FORM).unwrap();
    for (number, (author, request_id, command)) in ENTRIES.into_iter().enumerate() {
        let insert = "INSERT INTO entries VALUES (?1, 1, ?2, ?3, ?4, ?5)";
        let (position, at_ms) = (number + 1, 1_767_225_600_000_u64 + number as u64);
        connection.execute(insert, params![position, at_ms, author, request_id, command]).unwrap();
    }
    connection
}

fn open(folder: &Path) -> Result<Node, OpenError> {
    Node::open(folder, Rollback::Refused, Limits::default(), Arc::new(TestClock::new(1)))
}

#[tokio::test]
async fn a_log_of_the_first_version_goes_on_as_it_was_with_checksums() {
    let folder = tempfile::tempdir().unwrap();
    drop(old_log(folder.path()));
    let node = open(folder.path()).unwrap();
    node.ready().await.unwrap();
    let ann = UserId::new(Position::new(2));
    let page = node.reads(mine(ann, After::Start)).await;
    assert_eq!(told(&page.news), ["member_joined", "ann: said before the upgrade"]);
    assert_eq!(node.log_id().as_str(), "abcdefghij");
    // A request from before the upgrade is known after it.
    let command = say(RoomId::new(Position::new(1)), "said before the upgrade");
    let repeat = node.submit(Author::User(ann), named("m1", &command), command).await.unwrap();
    assert_eq!((repeat.position, repeat.is_repeat), (Position::new(4), true));
    drop(node);
    assert_eq!(check(folder.path()).unwrap().findings, [""; 0]);
    // And a letter that changes is found in an old entry, too.
    let connection = Connection::open(folder.path().join("log.db")).unwrap();
    let change =
        "UPDATE entries SET command = replace(command, 'before', 'beforE') WHERE position = 4";
    assert_eq!(connection.execute(change, []).unwrap(), 1);
    drop(connection);
    assert!(check(folder.path()).unwrap().findings[0].contains("position 4"));
}

#[tokio::test]
async fn what_only_an_old_versions_projection_knows_is_refused_and_can_be_saved() {
    let folder = tempfile::tempdir().unwrap();
    drop(old_log(folder.path()));
    let projection = Connection::open(folder.path().join("projection.db")).unwrap();
    projection.execute_batch(FIRST_TABLES).unwrap();
    drop(projection);
    let error = open(folder.path()).err().expect("it is refused");
    assert!(matches!(&error, OpenError::Shorter { entries: 4, known: 6, .. }), "{error}");
    let findings = check(folder.path()).unwrap().findings;
    assert!(findings[0].contains('6'), "{findings:?}");
    let into = folder.path().join("saved");
    salvage(folder.path(), &into).unwrap();
    let saved = ["events", "people", "rooms"]
        .map(|name| fs::read_to_string(into.join(format!("{name}.jsonl"))).unwrap());
    assert_eq!(saved[0], "{\"position\":6}\n");
    assert_eq!(saved[1], "{\"id\":5,\"name\":\"bob\",\"role\":\"guest\"}\n");
    assert_eq!(saved[2], "");
}

#[tokio::test]
async fn an_old_log_that_is_damaged_is_not_upgraded() {
    let folder = tempfile::tempdir().unwrap();
    let connection = old_log(folder.path());
    connection.execute("UPDATE entries SET command = '{' WHERE position = 2", []).unwrap();
    drop(connection);
    let before = fs::read(folder.path().join("log.db")).unwrap();
    let error = open(folder.path()).err().expect("it is refused");
    assert!(error.to_string().contains("position 2"), "{error}");
    let connection = Connection::open(folder.path().join("log.db")).unwrap();
    let form: u32 = connection.query_row("PRAGMA user_version", [], |row| row.get(0)).unwrap();
    assert_eq!(form, 1);
    let entries: u32 =
        connection.query_row("SELECT count(version) FROM entries", [], |row| row.get(0)).unwrap();
    assert_eq!((entries, before.is_empty()), (4, false));
}

#[tokio::test]
async fn a_log_with_newer_words_is_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let node = open(folder.path()).unwrap();
    node.ready().await.unwrap();
    drop(node);
    let connection = Connection::open(folder.path().join("log.db")).unwrap();
    let newer = (Vocabulary::LATEST.get() + 1).to_string();
    connection.execute("UPDATE meta SET value = ?1 WHERE key = 'vocabulary'", [&newer]).unwrap();
    drop(connection);
    let files = || ["log.db", "projection.db"].map(|it| fs::read(folder.path().join(it)).unwrap());
    let before = files();
    let error = open(folder.path()).err().expect("it is refused");
    assert!(matches!(&error, OpenError::Newer { .. }), "{error}");
    assert!(error.to_string().ends_with("run the newer version"), "{error}");
    assert!(files() == before, "nothing is applied and nothing is changed");
    assert!(matches!(check(folder.path()), Err(OpenError::Newer { .. })));
}
