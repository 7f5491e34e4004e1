//! Old logs replay to the same tables for ever: `fixtures/logs` proves it.
//!
//! Each `NAME.jsonl` there is a log in its stored form, as a released version
//! wrote it; it never changes. `NAME.outcomes` tells what each entry did, and
//! `NAME.fingerprint` what the tables are afterwards. A new command, a new stored
//! form or a new rule gets a log of its own (`v2.jsonl` to `v4.jsonl`). With
//! LINGER_WRITE_FIXTURES=1 in the environment the test writes the outcomes and the
//! fingerprint that it would compare, but never a log: look at the difference before
//! committing it.

use std::{collections::BTreeSet, fs, path::PathBuf};

use rusqlite::{
    Connection,
    hooks::{AuthAction, AuthContext, Authorization},
};
use serde::Deserialize;

use crate::{
    Command, Entry, LogId, Outcome, Position, Projection, StoredEntry,
    apply::{self, Desk},
    statements::Batch,
};

#[test]
fn old_logs_replay_to_the_same_tables_for_ever() {
    for name in logs() {
        let mut projection = Projection::in_memory(LogId::from_random(0)).unwrap();
        let entries = read(&name);
        let mut told = String::new();
        for (entry, outcome) in entries.iter().zip(projection.apply(&entries).unwrap()) {
            told += &format!("{} {}\n", entry.position, in_words(&outcome));
        }
        compare(
            &format!("{name}.outcomes"),
            &told,
            "An old entry has another outcome than when it was written, so nodes and clients \
             of the released version disagree with this one. Released rules never change: undo \
             the change, or let it take effect from a logged entry on. (A rule that was never \
             released may change: write the fixture anew.)",
        );
        let fingerprint = format!("{}\n{}\n", projection.log(), projection.fingerprint().unwrap());
        compare(
            &format!("{name}.fingerprint"),
            &fingerprint,
            "The outcomes of this old log are as ever, but its tables are not. If you changed \
             projection.sql and SCHEMA on purpose, write the fixture anew: the lines of other \
             tables stay. If not, apply, or the fingerprint itself, has changed by accident: undo \
             that.",
        );
    }
}

#[test]
fn old_logs_decode_and_encode_as_they_are_stored() {
    for name in logs() {
        for line in lines(&name) {
            let stored = line.clone().stored();
            let checksum = stored.checksum(Position::new(line.position));
            assert_eq!(line.checksum.unwrap_or(checksum), checksum, "position {}", line.position);
            let entry = stored.clone().decode(Position::new(line.position)).unwrap();
            let encoded = StoredEntry::encode(&entry.draft);
            // A repeat is known by the digest of this form: were it to change,
            // repeats from before an upgrade would be rejected after it.
            assert_eq!(encoded.command, stored.command, "position {} of {name}", line.position);
            assert_eq!(encoded, stored, "position {} of {name}", line.position);
        }
    }
}

#[test]
fn old_logs_have_every_command() {
    let mut missing = BTreeSet::from([
        "create_guest",
        "rename_user",
        "open_room",
        "join_room",
        "add_member",
        "leave_room",
        "send_message",
        "begin_epoch",
        "erased",
        "edit_message",
        "delete_message",
        "add_reaction",
        "remove_reaction",
        "pin_message",
        "unpin_message",
        "change_room",
        "add_file",
        "drop_file",
        "erased_edit",
        "erased_file",
        "erased_in_vain",
    ]);
    for entry in logs().iter().flat_map(|name| read(name)) {
        // A new command does not compile here: name it above and below, and put
        // it into a new log.
        missing.remove(match entry.draft.command {
            Command::CreateGuest { .. } => "create_guest",
            Command::RenameUser { .. } => "rename_user",
            Command::OpenRoom { .. } => "open_room",
            Command::JoinRoom { .. } => "join_room",
            Command::AddMember { .. } => "add_member",
            Command::LeaveRoom { .. } => "leave_room",
            Command::SendMessage { .. } => "send_message",
            Command::BeginEpoch { .. } => "begin_epoch",
            Command::Erased { .. } => "erased",
            Command::EditMessage { .. } => "edit_message",
            Command::DeleteMessage { .. } => "delete_message",
            Command::AddReaction { .. } => "add_reaction",
            Command::RemoveReaction { .. } => "remove_reaction",
            Command::PinMessage { .. } => "pin_message",
            Command::UnpinMessage { .. } => "unpin_message",
            Command::ChangeRoom { .. } => "change_room",
            Command::AddFile { .. } => "add_file",
            Command::DropFile { .. } => "drop_file",
            Command::ErasedEdit { .. } => "erased_edit",
            Command::ErasedFile { .. } => "erased_file",
            Command::ErasedInVain { .. } => "erased_in_vain",
        });
    }
    assert_eq!(missing, BTreeSet::new(), "no log in fixtures/logs has these");
}

#[test]
fn apply_asks_sqlite_for_no_clock_no_chance_and_no_other_function() {
    // No function is allowed. If one is needed one day, and is deterministic, it may be
    // let through by name.
    let refuse_functions = |context: AuthContext<'_>| match context.action {
        AuthAction::Function { .. } => Authorization::Deny,
        _ => Authorization::Allow,
    };
    for name in logs() {
        let mut connection = Connection::open_in_memory().unwrap();
        connection.execute_batch(include_str!("../projection.sql")).unwrap();
        connection.authorizer(Some(refuse_functions)).unwrap();
        assert!(connection.prepare("SELECT random()").is_err(), "the authorizer is asked");
        assert!(connection.prepare("SELECT CURRENT_TIMESTAMP").is_err(), "the authorizer is asked");
        let desk = Desk::default();
        for entry in read(&name) {
            apply::apply(&Batch::on(&connection), &desk, &entry, entry.draft.at).unwrap();
        }
    }
}

#[test]
fn the_fingerprint_covers_every_table_and_every_column() {
    let fresh = || {
        let mut projection = Projection::in_memory(LogId::from_random(0)).unwrap();
        projection.apply(&read("v4")).unwrap();
        projection
    };
    let whole = fresh().fingerprint().unwrap();
    let columns = "SELECT t.name, c.name FROM sqlite_schema t, pragma_table_info(t.name) c
                   WHERE t.type = 'table'";
    let projection = fresh();
    let mut select = projection.connection().prepare(columns).unwrap();
    let columns = select.query_map([], |row| Ok((row.get(0)?, row.get(1)?))).unwrap();
    let columns: Vec<(String, String)> = columns.map(Result::unwrap).collect();
    assert!(columns.len() > 30, "{columns:?}");
    for (table, column) in columns {
        let changed = fresh();
        // Another value of the same type, in one row.
        let update = format!(
            r#"UPDATE {table} SET "{column}" = CASE typeof("{column}")
                 WHEN 'integer' THEN "{column}" + 1000000 WHEN 'null' THEN 1
                 WHEN 'blob' THEN CAST("{column}" || 'x' AS BLOB) ELSE "{column}" || 'x' END
               WHERE "{column}" IS (SELECT max("{column}") FROM {table})"#
        );
        assert!(changed.connection().execute(&update, []).unwrap() > 0, "{table}.{column}");
        assert_ne!(changed.fingerprint().unwrap(), whole, "{table}.{column}");
    }
}

#[test]
fn the_fingerprint_is_that_of_one_log() {
    let of = |bits| Projection::in_memory(LogId::from_random(bits)).unwrap().fingerprint().unwrap();
    assert_eq!(of(1), of(1));
    assert_ne!(of(1), of(2));
}

/// A line of a log in `fixtures/logs`. Fields that the first vocabulary did not
/// have are left out there; the checksum is that of the form of today.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct Line {
    position: u64,
    #[serde(alias = "version")]
    vocabulary: u32,
    at_ms: i64,
    author: u64,
    request_id: String,
    asked: Option<String>,
    salt: Option<String>,
    nonce: Option<u64>,
    checksum: Option<u32>,
    command: String,
}

impl Line {
    fn stored(self) -> StoredEntry {
        let bytes = |hex: String| const_hex::decode(hex).unwrap().try_into().unwrap();
        StoredEntry {
            vocabulary: self.vocabulary,
            at_ms: self.at_ms,
            author: self.author,
            request_id: self.request_id,
            asked: self.asked.map(|hex| const_hex::decode_to_array(hex).unwrap()),
            salt: self.salt.map(bytes),
            nonce: self.nonce,
            command: self.command,
        }
    }
}

fn fixtures() -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../fixtures/logs"))
}

/// Returns the names of all logs.
fn logs() -> BTreeSet<String> {
    let files = fs::read_dir(fixtures()).unwrap().map(|file| file.unwrap().file_name());
    let names = files.filter_map(|file| Some(file.to_str()?.strip_suffix(".jsonl")?.to_owned()));
    let names: BTreeSet<String> = names.collect();
    assert!(names.contains("v1"), "{names:?}");
    names
}

fn lines(name: &str) -> Vec<Line> {
    let text = fs::read_to_string(fixtures().join(name).with_extension("jsonl")).unwrap();
    text.split_terminator('\n').map(|line| serde_json::from_str(line).unwrap()).collect()
}

pub(super) fn read(name: &str) -> Vec<Entry> {
    let entry = |line: Line| {
        let position = Position::new(line.position);
        line.stored().decode(position).unwrap()
    };
    lines(name).into_iter().map(entry).collect()
}

fn in_words(outcome: &Outcome) -> String {
    match outcome {
        Outcome::Accepted(Some(news)) => format!("accepted {}", news.json),
        Outcome::Accepted(None) => "accepted".to_owned(),
        Outcome::Repeated { first } => format!("repeated {first}"),
        Outcome::Rejected(rejection) => format!("rejected {}", rejection.code()),
    }
}

/// Compares with a file, or writes it; `advice` says what a difference means.
fn compare(file: &str, found: &str, advice: &str) {
    let path = fixtures().join(file);
    if std::env::var_os("LINGER_WRITE_FIXTURES").is_some_and(|it| it == "1") {
        fs::write(&path, found).unwrap();
        return;
    }
    let expected = fs::read_to_string(&path).unwrap_or_default();
    let mut pairs = expected.split('\n').zip(found.split('\n'));
    let first = pairs.find(|(expected, found)| expected != found);
    assert!(
        expected == found,
        "fixtures/logs/{file} is not what the log replays to.\n{advice}\n\
         To write anew: LINGER_WRITE_FIXTURES=1 cargo test -p linger-core replay\n\
         First difference (expected, found): {first:#?}"
    );
}
