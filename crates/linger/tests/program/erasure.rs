//! Deleted text and files are in no file of the data folder, searched byte by byte: also when
//! the server was killed before it was done, or while it was at it.

use std::{collections::BTreeMap, fs, path::Path};

use serde_json::json;

use crate::{
    client::Client,
    process::{Folder, Program, Server, until},
};

/// So many messages, a third of which is taken back.
const MESSAGES: usize = 240;

/// A message, and the words in it that are nowhere else: those that it had, and has.
pub(crate) struct Said {
    id: u64,
    pub(crate) words: Vec<String>,
}

/// Says and edits a lot, and repeats some of it.
pub(crate) fn talk(ann: &mut Client) -> Vec<Said> {
    let mut said = Vec::new();
    for number in 0..MESSAGES {
        let (first, second) = (format!("first-{number}-word"), format!("second-{number}-word"));
        // Some lie in pages of their own.
        let filling = "so it is ".repeat([0, 3, 40, 400][number % 4]);
        let body = json!({ "text": format!("{first} {filling}") });
        let sent = ann.put(&format!("/api/v1/rooms/tea/messages/m{number}"), &body);
        let id = sent.json()["message"]["id"].as_u64().unwrap();
        if number % 5 == 0 {
            ann.put(&format!("/api/v1/rooms/tea/messages/m{number}"), &body);
        }
        let mut words = vec![first];
        if number % 2 == 0 {
            ann.patch(&format!("/api/v1/messages/{id}"), &json!({ "text": second }));
            words.push(second);
        }
        if number % 7 == 0 {
            let answer = json!({ "text": "I see", "reply_to": id });
            ann.post("/api/v1/rooms/tea/messages", &answer);
        }
        said.push(Said { id, words });
    }
    said
}

/// Deletes a third of these, and returns the words that must be gone, and those that stay.
pub(crate) fn take_back(ann: &mut Client, said: Vec<Said>) -> (Vec<String>, Vec<String>) {
    let (mut gone, mut kept) = (Vec::new(), Vec::new());
    for (number, Said { id, words }) in said.into_iter().enumerate() {
        if number % 3 == 0 {
            assert_eq!(ann.delete(&format!("/api/v1/messages/{id}")).status, 204);
            gone.extend(words);
        } else {
            kept.extend(words);
        }
    }
    (gone, kept)
}

/// Returns the files of a folder, and of those in it.
pub(crate) fn files_in(folder: &Path) -> Vec<(String, Vec<u8>)> {
    let mut files = Vec::new();
    let Ok(entries) = fs::read_dir(folder) else { return files };
    for entry in entries {
        let path = entry.unwrap().path();
        // It may be gone by now.
        match fs::read(&path) {
            Ok(bytes) => files.push((path.to_string_lossy().into_owned(), bytes)),
            Err(_) => files.append(&mut files_in(&path)),
        }
    }
    files
}

/// Returns the files in which each of these words stands.
pub(crate) fn found(folder: &Path, words: &[String]) -> BTreeMap<String, Vec<String>> {
    let mut found: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (name, bytes) in files_in(folder) {
        let bytes = String::from_utf8_lossy(&bytes);
        for word in words {
            if name.contains(word) || bytes.contains(&**word) {
                found.entry(word.clone()).or_default().push(name.clone());
            }
        }
    }
    found
}

fn until_gone(folder: &Folder, gone: &[String]) {
    until("nothing of the deleted text is left", || found(folder.path(), gone).is_empty());
}

fn all_are_there(folder: &Folder, kept: &[String]) {
    let found = found(folder.path(), kept);
    assert!(kept.iter().all(|word| found.contains_key(word)), "what was not deleted is there");
}

pub(crate) fn history(server: &Server) -> Vec<serde_json::Value> {
    let (mut messages, mut before) = (Vec::new(), String::new());
    loop {
        let path = format!("/api/v1/rooms/tea/messages?limit=200{before}");
        let page = server.visitor().get(&path).json();
        let found = page["messages"].as_array().unwrap().clone();
        before = format!("&before={}", found[0]["id"]);
        messages.splice(0..0, found);
        if page["more"] == false {
            return messages;
        }
    }
}

#[test]
fn deleted_text_is_in_no_file_a_little_later_and_the_log_replays_to_the_same() {
    let folder = Folder::new();
    let program = Program::on(&folder);
    let (gone, kept, before) = {
        let server = program.start();
        let mut ann = server.guest("ann");
        ann.open("tea", "open");
        let said = talk(&mut ann);
        let (gone, kept) = take_back(&mut ann, said);
        until_gone(&folder, &gone);
        all_are_there(&folder, &kept);
        (gone, kept, history(&server))
    };
    fs::remove_file(folder.join("projection.db")).unwrap();
    let server = program.start();
    assert_eq!(history(&server), before);
    until_gone(&folder, &gone);
    all_are_there(&folder, &kept);
}

#[test]
fn an_erasure_that_a_kill_cut_off_is_finished_after_the_next_start() {
    for round in ["at once", "when the log is rewritten"] {
        let folder = Folder::new();
        let program = Program::on(&folder);
        let (gone, kept) = {
            let mut server = program.start();
            let mut ann = server.guest("ann");
            ann.open("tea", "open");
            let said = talk(&mut ann);
            let (gone, kept) = take_back(&mut ann, said);
            if round != "at once" {
                let log = || fs::read(folder.join("log.db")).unwrap();
                let is_there = || String::from_utf8_lossy(&log()).contains(&gone[0]);
                until("the log has less", || !is_there());
            }
            server.kill();
            (gone, kept)
        };
        let server = program.start();
        until_gone(&folder, &gone);
        all_are_there(&folder, &kept);
        drop(server);
        assert!(found(folder.path(), &gone).is_empty(), "{round}");
    }
}

const PICTURE: &[u8] = include_bytes!("../../../linger-media/corpus/wide.jpg");

/// Files that were sent, and how they are found again.
struct Sent {
    /// A message for each, but two for the last one.
    messages: Vec<u64>,
    /// Names, and words of the texts.
    words: Vec<String>,
    /// Parts from the middle of the picture and of its small form.
    pieces: Vec<Vec<u8>>,
}

impl Sent {
    /// Sends a text, a picture, and another text, twice, that stands in two messages.
    fn by(ann: &mut Client) -> Sent {
        let (mut words, mut pieces, mut messages) = (Vec::new(), Vec::new(), Vec::new());
        let shared = b"shared-word-in-a-file";
        let files: [(&str, &[u8]); 4] = [
            ("first-name.txt", b"first-word-in-a-file"),
            ("second-name.jpg", PICTURE),
            ("third-name.txt", shared),
            ("fourth-name.txt", shared),
        ];
        for (name, bytes) in files {
            let added = ann.call("POST", &format!("/api/v1/files?name={name}"), &[], bytes);
            let file = added.expect(201)["file"].take();
            let body = json!({ "text": "look", "files": [file["id"]] });
            let sent = ann.post("/api/v1/rooms/tea/messages", &body).expect(201);
            messages.push(sent["message"]["id"].as_u64().unwrap());
            words.push(name.to_owned());
            if bytes != PICTURE {
                words.push(String::from_utf8(bytes.to_vec()).unwrap());
                continue;
            }
            for part in ["", "/thumbnail"] {
                let bytes = ann.get(&format!("/api/v1/files/{}{part}", file["id"])).body;
                pieces.push(bytes[bytes.len() / 2..][..32].to_vec());
            }
        }
        Sent { messages, words, pieces }
    }

    /// Returns how much of them there is in the folder.
    fn left(&self, folder: &Folder) -> usize {
        let files = files_in(folder.path());
        let has = |piece: &[u8]| {
            files.iter().any(|(_, bytes)| bytes.windows(piece.len()).any(|part| part == piece))
        };
        let pieces = self.pieces.iter().filter(|piece| has(piece)).count();
        pieces + found(folder.path(), &self.words).len()
    }
}

#[test]
fn deleted_files_are_gone_with_their_last_message_also_after_a_kill() {
    for round in ["no kill", "at once", "when the bytes are gone"] {
        let folder = Folder::new();
        let program = Program::on(&folder);
        let mut server = program.start();
        let mut ann = server.guest("ann");
        ann.open("tea", "open");
        let sent = Sent::by(&mut ann);
        assert_eq!(sent.left(&folder), 4 + 2 + 2, "names, texts and parts of the picture");
        let (last, others) = sent.messages.split_last().unwrap();
        for message in others {
            ann.delete(&format!("/api/v1/messages/{message}")).expect(204);
        }
        until("only the last one is left", || sent.left(&folder) == 2);
        ann.delete(&format!("/api/v1/messages/{last}")).expect(204);
        if round == "when the bytes are gone" {
            let text = || found(&folder.join("files"), &sent.words[4..6]);
            until("nothing is left beside the tables", || text().is_empty());
        }
        if round != "no kill" {
            server.kill();
            server = program.start();
        }
        until(&format!("nothing is left ({round})"), || sent.left(&folder) == 0);
        drop(server);
        assert_eq!(sent.left(&folder), 0);
    }
}
