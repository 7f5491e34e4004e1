//! A damaged projection: it is made of the log, so it heals by itself.
//!
//! While stopped: the next start makes it anew and keeps the damaged one under a
//! dated name. While running: answers are right or an error, never wrong, until it
//! has healed.

use std::{
    fs::{self, File},
    os::unix::fs::FileExt,
    time::Duration,
};

use serde_json::Value;

use crate::{
    chance::Chance,
    client::{Answer, Client},
    process::{Folder, Program},
};

use super::{rollback::kept_projections, say_all, stop, within};

/// Enough messages that the tables have middle pages which no start reads.
const MESSAGES: usize = 120;
/// All of these fit into one page of history.
const SAID_MEANWHILE: usize = 70;
/// The time in which a debug build must notice and heal.
const HEALED: Duration = Duration::from_secs(8);
const PAGE: usize = 4096;

/// A stopped server's folder with this many messages, all in one file each.
fn used_folder() -> (Folder, Client, Vec<Value>) {
    let folder = Folder::new();
    let server = Program::on(&folder).start();
    let mut ann = server.guest("ann");
    ann.open("tea", "open");
    let filler = "leaves ".repeat(150);
    say_all(&mut ann, &filler, MESSAGES);
    let history = ann.history("tea", 200);
    stop(server);
    (folder, ann, history)
}

/// Flips a letter of this text wherever the file has it, so that it is another text.
fn flip_text(bytes: &mut [u8], text: &str) {
    let found = bytes.windows(text.len()).enumerate();
    let places = found.filter(|(_, bytes)| *bytes == text.as_bytes()).map(|(at, _)| at);
    let places: Vec<usize> = places.collect();
    assert!(!places.is_empty(), "{text} is in the file");
    places.into_iter().for_each(|at| bytes[at] ^= 1);
}

#[test]
fn a_projection_damaged_while_the_server_was_stopped_is_made_anew_and_kept() {
    type Damage = fn(&mut Vec<u8>);
    let cases: [(&str, Damage); 6] = [
        ("garbage", |bytes| bytes.fill(0x5a)),
        ("a text with another letter", |bytes| flip_text(bytes, "leaves")),
        ("another form", |bytes| bytes[60..64].copy_from_slice(&77_u32.to_be_bytes())),
        ("cut in half", |bytes| bytes.truncate(bytes.len() / 2)),
        ("zeros in the middle", |bytes| {
            let middle = bytes.len() / 2;
            bytes[middle..middle + 2 * PAGE].fill(0);
        }),
        // A quarter of the file: where which table has its pages is the database's own affair.
        ("a page elsewhere", |bytes| {
            let (pages, page) = (bytes.len() / PAGE, bytes[2 * PAGE..3 * PAGE].to_vec());
            for elsewhere in bytes.chunks_exact_mut(PAGE).take(pages * 3 / 4).skip(pages / 2) {
                elsewhere.copy_from_slice(&page);
            }
        }),
    ];
    let (folder, ann, history) = used_folder();
    let path = folder.join("projection.db");
    let whole = fs::read(&path).unwrap();
    for (n, (case, damage)) in cases.into_iter().enumerate() {
        let mut damaged = whole.clone();
        damage(&mut damaged);
        fs::write(&path, &damaged).unwrap();
        let server = Program::on(&folder).start();
        let mut ann = ann.again(server.address);
        assert!(ann.history("tea", 200) == history, "{case}: everything is there, unchanged");
        stop(server);
        let kept = kept_projections(folder.path());
        assert_eq!(kept.len(), n + 1, "{case}: the damaged one is kept: {kept:?}");
        // Damage that only a read finds is kept with everything applied until then.
        let is_found_at_once = ["garbage", "another form", "cut in half"].contains(&case);
        let is_kept = kept.iter().any(|kept| fs::read(kept).unwrap() == damaged);
        assert!(is_kept || !is_found_at_once, "{case}: as it was");
    }
}

#[test]
fn a_projection_damaged_under_a_running_server_heals_and_is_never_believed() {
    for seed in 1..=3 {
        let (folder, ann, history) = used_folder();
        let mut server = Program::on(&folder).start();
        let mut ann = ann.again(server.address);
        let projection = File::options().write(true).open(folder.join("projection.db")).unwrap();
        let pages = projection.metadata().unwrap().len() / PAGE as u64;
        let mut chance = Chance::new(seed);
        // The first pages are in memory since the start, so they are left alone.
        for page in pages / 3..pages * 2 / 3 {
            let garbage: Vec<u8> = (0..PAGE).map(|_| chance.pick(0..256) as u8).collect();
            projection.write_all_at(&garbage, page * PAGE as u64).unwrap();
        }

        let mut said = history.clone();
        within(HEALED, &format!("healed, seed {seed}"), || {
            // The follower writes into the tables, too.
            let text = format!("meanwhile {}", said.len());
            if said.len() < MESSAGES + SAID_MEANWHILE {
                let answer = ann.try_send("tea", &text.replace(' ', "-"), &text).unwrap();
                if [200, 201].contains(&answer.status) {
                    said.push(answer.json()["message"].take());
                }
            }
            let is_ready = server.visitor().get("/ready").status == 200;
            check_right_or_unavailable(&mut ann, &said, &text) && is_ready
        });
        assert!(server.is_running());
        let healed = ann.history("tea", 200);
        stop(server);
        let server = Program::on(&folder).start();
        let mut ann = ann.again(server.address);
        assert!(ann.history("tea", 200) == healed, "seed {seed}: as before the restart");
    }
}

/// Reads everything in three ways. Tells whether each was answered; an answer that says
/// "not now" is allowed. A message of unknown outcome may be there or not.
fn check_right_or_unavailable(client: &mut Client, said: &[Value], unknown: &str) -> bool {
    let is_known = |message: &&Value| said.contains(message) || message["text"] != unknown;
    let history = client.get("/api/v1/rooms/tea/messages?limit=200");
    let events = client.get("/api/v1/rooms/tea/events?after=start&wait=0&limit=1000");
    let me = client.get("/api/v1/me");
    let is_answer = |answer: &Answer| {
        assert!(answer.status == 200 || answer.status == 503, "{answer:?}");
        answer.status == 200
    };
    if is_answer(&history) {
        let history = history.json();
        let told = history["messages"].as_array().unwrap().iter().filter(is_known);
        assert!(told.eq(said), "a wrong history");
    }
    if is_answer(&events) {
        let events = events.json();
        let told = events["events"].as_array().unwrap().iter();
        let told = told.filter(|event| event["type"] == "message_sent");
        assert!(told.map(|event| &event["message"]).filter(is_known).eq(said), "wrong events");
    }
    if is_answer(&me) {
        assert_eq!(me.json()["user"]["id"], client.id);
    }
    [history, events, me].iter().all(|answer| answer.status == 200)
}
