//! The checks after a round: everything that was acknowledged is there once, every reader has
//! read the same, all nodes have made the same tables of it, and what was taken back is in no
//! file.

use std::{
    collections::{BTreeMap, HashSet},
    io,
    path::Path,
    thread,
    time::{Duration, Instant},
};

use super::{
    Cluster,
    authors::{Act, Written},
    readers::{Seen, Way},
};
use crate::{
    client::{Answer, Client},
    erasure::files_in,
    process::{Folder, PATIENCE, until},
};
use rusqlite::{Connection, OpenFlags};

/// In this time nodes erase what was taken back from their own files.
pub const ERASED_WITHIN: Duration = Duration::from_secs(60);
/// In this time the servers' Raft logs forget it, too.
pub const ERASED_FROM_SERVERS_WITHIN: Duration = Duration::from_secs(300);
/// Repeats of sends in one round.
const REPEATS: usize = 20;

/// Compares what was acknowledged with what a room tells from its start on.
pub fn check_written(room: &[Seen], written: &[Written]) {
    let is_act = |seen: &&Seen| seen.message.is_some();
    let told = room.iter().filter(is_act).map(|seen| (seen.message.unwrap(), seen.kind.as_str()));
    let mut told: Vec<_> = told.collect();
    let acts = || written.iter().flat_map(|written| &written.acts);
    let mut done: Vec<_> = acts().map(|act| (act.message, act.kind)).collect();
    told.sort_unstable();
    done.sort_unstable();
    let differs = told.iter().zip(&done).position(|(told, done)| told != done);
    let at = differs.unwrap_or(told.len().min(done.len()));
    assert!(
        told == done,
        "{} events of {} acts; the first that differ: {:?} and {:?}",
        told.len(),
        done.len(),
        told.get(at),
        done.get(at)
    );
    let texts: BTreeMap<u64, &str> = acts()
        .filter_map(|act| Some((act.message, act.said.as_ref()?.1["text"].as_str()?)))
        .collect();
    for seen in room.iter().filter(|seen| seen.kind == "message_sent") {
        assert_eq!(Some(seen.message.unwrap()), Some(seen.position), "ids are positions");
        let text = texts[&seen.position];
        assert!(seen.text.as_deref().is_none_or(|seen| seen == text), "{seen:?} and not {text}");
    }
}

/// Compares what readers have read with what a room tells from its start on.
pub fn check_read(room: &[Seen], read: &[(Way, Vec<Seen>)]) {
    for (number, (way, seen)) in read.iter().enumerate() {
        let differs = room.iter().zip(seen).find(|(told, seen)| !told.is_same(seen));
        assert_eq!(differs, None, "reader {number} ({way:?}) read something else");
        assert_eq!(seen.len(), room.len(), "reader {number} ({way:?})");
    }
}

/// Repeats some sends at any node: each gets its first answer.
pub fn check_repeats(cluster: &Cluster, room: &str, author: &Client, acts: &[Act]) {
    let said = acts.iter().filter_map(|act| Some((act.message, act.said.as_ref()?)));
    for (number, (message, (id, body))) in said.take(REPEATS).enumerate() {
        let path = format!("/api/v1/rooms/{room}/messages/{id}");
        let repeat = answered(&format!("a repeat of {id}"), || {
            let mut author = author.again(cluster.addresses.of(number));
            author.try_call("PUT", &path, &[], body.to_string())
        });
        let repeat = repeat.expect(200);
        assert_eq!(repeat["message"]["id"], message, "a repeat of {id}");
    }
}

/// Asks until there is an answer: a node may be behind, or its servers may be choosing a leader.
pub fn answered(what: &str, ask: impl Fn() -> io::Result<Answer>) -> Answer {
    let deadline = Instant::now() + PATIENCE;
    loop {
        match ask() {
            Ok(answer) if answer.status != 503 => return answer,
            unavailable => assert!(Instant::now() < deadline, "{what}: {unavailable:?}"),
        }
        thread::sleep(Duration::from_millis(100));
    }
}

/// Waits until all nodes are at one position, and compares their tables there.
pub fn check_tables(cluster: &Cluster, token: &Client) {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let tables: Vec<_> = (0..3).map(|node| tables_of(cluster, node, token)).collect();
        if tables.iter().all(|(applied, _)| *applied == tables[0].0) {
            for (node, (applied, fingerprint)) in tables.iter().enumerate() {
                let first = &tables[0].1;
                assert_eq!(fingerprint, first, "nodes 0 and {node} differ at {applied}");
            }
            return;
        }
        let positions: Vec<_> = tables.iter().map(|(applied, _)| applied).collect();
        assert!(Instant::now() < deadline, "the nodes are at {positions:?}");
        thread::sleep(Duration::from_millis(100));
    }
}

/// Returns the position of a node's tables, and their fingerprint there.
fn tables_of(cluster: &Cluster, node: usize, token: &Client) -> (u64, String) {
    // A read of the tables commits them.
    token.again(cluster.addresses.of(node)).get("/api/v1/me").expect(200);
    let file = cluster.folders[node].join("projection.db");
    let tables = Connection::open_with_flags(file, OpenFlags::SQLITE_OPEN_READ_ONLY).unwrap();
    tables.busy_timeout(Duration::from_secs(5)).unwrap();
    // One moment for both.
    let tables = tables.unchecked_transaction().unwrap();
    let applied = linger_core::projection_applied(&tables).unwrap();
    (applied.get(), linger_core::projection_fingerprint(&tables).unwrap())
}

/// Returns the words that were taken back.
pub fn gone_of(written: &[Written]) -> HashSet<&str> {
    written.iter().flat_map(|it| &it.gone).map(String::as_str).collect()
}

/// Checks that what was taken back leaves every node's files, and that what was not is there.
pub fn check_erased(cluster: &Cluster, written: &[Written]) {
    let gone = gone_of(written);
    let kept: HashSet<&str> = written.iter().flat_map(|it| &it.kept).map(String::as_str).collect();
    for folder in &cluster.folders {
        until_gone(folder.path(), &gone, ERASED_WITHIN);
        let there = words_in(folder.path());
        let lost: Vec<_> = kept.iter().filter(|word| !there.contains(**word)).collect();
        assert!(lost.is_empty(), "these words are lost: {lost:?}");
    }
}

pub fn until_gone(folder: &Path, gone: &HashSet<&str>, within: Duration) {
    let deadline = Instant::now() + within;
    loop {
        let there = words_by_file(folder);
        let is_left = |words: &HashSet<String>| words.iter().any(|word| gone.contains(&**word));
        let left: Vec<_> = there.iter().filter(|(_, words)| is_left(words)).collect();
        if left.is_empty() {
            return;
        }
        assert!(Instant::now() < deadline, "after {within:?} still there: {left:?}");
        thread::sleep(Duration::from_millis(500));
    }
}

/// Returns the words of authors that stand in the files of a folder.
pub fn words_in(folder: &Path) -> HashSet<String> {
    words_by_file(folder).into_iter().flat_map(|(_, words)| words).collect()
}

/// Returns the words of authors that stand in each file of a folder. Each file is read once,
/// however many words there are.
pub fn words_by_file(folder: &Path) -> Vec<(String, HashSet<String>)> {
    const BEGIN: &str = "word-";
    const END: &str = "-end";
    /// The longest name of an author, and a number.
    const LENGTH_MAX: usize = 64;
    let words_of = |bytes: &[u8]| -> HashSet<String> {
        let text = String::from_utf8_lossy(bytes);
        let begun = text.match_indices(BEGIN);
        let words = begun.filter_map(|(at, _)| text[at..].split_inclusive(END).next());
        let is_word = |word: &&str| word.len() <= LENGTH_MAX && word.ends_with(END);
        words.filter(is_word).map(str::to_owned).collect()
    };
    files_in(folder).into_iter().map(|(name, bytes)| (name, words_of(&bytes))).collect()
}

/// Waits until a node that was started anew has made the same tables.
pub fn check_newcomer(cluster: &mut Cluster, token: &Client) {
    cluster.kill_node(2);
    cluster.folders[2] = Folder::new();
    cluster.start_node(2);
    // While it is behind, it lets a question about somebody unknown wait.
    until("the new node knows everybody", || {
        let mut client = token.again(cluster.addresses.of(2));
        client.try_call("GET", "/api/v1/me", &[], "").is_ok_and(|answer| answer.status == 200)
    });
    check_tables(cluster, token);
}
