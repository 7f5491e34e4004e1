//! Files on a cluster: each node serves them, and with their last message they are in no file
//! of any node, nor of the NATS server.

use std::{fs, thread, time::Duration};

use serde_json::{Value, json};

use crate::{
    client::Client,
    erasure::found,
    nats::Nats,
    process::{Folder, Program, Server, until},
    startup::check_refused,
};

const PICTURE: &[u8] = include_bytes!("../../../../linger-media/corpus/wide.jpg");

/// A word, over and over, with numbers between.
fn text(word: &str, bytes: usize) -> Vec<u8> {
    let line = |number| format!("{word} {number}\n");
    (0..).flat_map(|number| line(number).into_bytes()).take(bytes).collect()
}

/// Sends a file, says something with it, and returns the numbers of the file and the message.
fn say_with_file(ann: &mut Client, name: &str, bytes: &[u8]) -> (u64, u64) {
    let added = ann.call("POST", &format!("/api/v1/files?name={name}"), &[], bytes);
    let file = added.expect(201)["file"]["id"].as_u64().unwrap();
    let body = json!({ "text": "look", "files": [file] });
    let said = ann.post("/api/v1/rooms/lobby/messages", &body).expect(201);
    (file, said["message"]["id"].as_u64().unwrap())
}

/// Returns the same person at another node, once that node knows them and the message.
fn there(ann: &Client, node: &Server, message: u64) -> Client {
    let path = format!("/api/v1/messages/{message}");
    until("the other node has it", || ann.again(node.address).get(&path).status == 200);
    ann.again(node.address)
}

#[test]
fn a_file_is_served_by_each_node_and_gone_from_all_of_them_with_its_last_message() {
    let nats = Nats::start("sync_interval: always", "");
    nats.make_log();
    let folders = [(); 2].map(|()| Folder::new());
    let [one, two] = [0, 1].map(|node| nats.on(Program::on(&folders[node])).start());
    let mut ann = one.guest("ann");
    ann.join("lobby");
    let bytes = text("only-in-the-file", 600_000);
    let (file, first) = say_with_file(&mut ann, "large.txt", &bytes);
    let (picture, second) = say_with_file(&mut ann, "wide.jpg", PICTURE);
    let mut at_two = there(&ann, &two, second);

    let path = format!("/api/v1/files/{file}");
    let range = at_two.call("GET", &path, &[("Range", "bytes=300000-300099")], b"");
    assert_eq!((range.status, &range.body[..]), (206, &bytes[300_000..300_100]));
    assert_eq!(range.header("content-range"), Some("bytes 300000-300099/600000"));
    let whole = at_two.get(&path);
    assert!(whole.body == bytes);
    let here = ann.get(&path);
    assert_eq!(whole.header("etag"), here.header("etag"));
    let tag = whole.header("etag").unwrap().to_owned();
    assert_eq!(at_two.call("GET", &path, &[("If-None-Match", &tag)], b"").status, 304);
    let small = format!("/api/v1/files/{picture}/thumbnail");
    let (thumbnail, same) = (at_two.get(&small), ann.get(&small));
    assert_eq!((thumbnail.status, thumbnail.body == same.body), (200, true));

    let store = nats.folder.join("store");
    let word = ["only-in-the-file".to_owned()];
    let piece = &thumbnail.body[thumbnail.body.len() / 2..][..32];
    let places = [&store, folders[0].path(), folders[1].path()];
    for place in places {
        assert!(!found(place, &word).is_empty() && has(place, piece), "{}", place.display());
    }
    // The second one by the other node.
    ann.delete(&format!("/api/v1/messages/{first}")).expect(204);
    at_two.delete(&format!("/api/v1/messages/{second}")).expect(204);
    for place in places {
        until(&format!("nothing is left in {}", place.display()), || {
            found(place, &word).is_empty() && !has(place, piece)
        });
    }
    for mut reader in [ann, at_two] {
        assert_eq!(reader.get(&path).status, 404);
    }
}

/// Tells whether these bytes stand in a file of the folder.
fn has(folder: &std::path::Path, piece: &[u8]) -> bool {
    fs::read_dir(folder).into_iter().flatten().any(|entry| {
        let path = entry.unwrap().path();
        match fs::read(&path) {
            Ok(bytes) => bytes.windows(piece.len()).any(|part| part == piece),
            Err(_) => has(&path, piece),
        }
    })
}

#[test]
fn the_copies_of_a_node_have_a_bound_and_without_nats_it_serves_what_it_has() {
    let mut nats = Nats::start("sync_interval: always", "");
    nats.make_log();
    let folders = [(); 2].map(|()| Folder::new());
    let one = nats.on(Program::on(&folders[0])).start();
    let two = nats.on(Program::on(&folders[1])).env("LINGER_FILE_CACHE", "250000").start();
    let mut ann = one.guest("ann");
    ann.join("lobby");
    let texts: Vec<_> = (0..5).map(|number| text(&format!("file {number}"), 100_000)).collect();
    let sent: Vec<_> =
        texts.iter().map(|bytes| say_with_file(&mut ann, "some.txt", bytes)).collect();
    let mut at_two = there(&ann, &two, sent[4].1);
    let path = |number: usize| format!("/api/v1/files/{}", sent[number].0);
    let get = |at: &mut Client, number| at.get(&path(number)).body == texts[number];
    // The first one is used again and again.
    for number in [0, 1, 0, 2, 0, 3, 0] {
        assert!(get(&mut at_two, number), "{number}");
    }
    assert_eq!(copies(&folders[1]), 2, "the first and the last");
    nats.servers[0].kill();
    until("the node says so", || two.visitor().get("/ready").status == 503);
    assert!(get(&mut at_two, 0) && get(&mut at_two, 3));
    for number in [1, 2, 4] {
        let away = at_two.get(&path(number));
        assert!(away.header("retry-after").is_some());
        assert_eq!(away.problem(503), "storage_failed");
    }
}

fn copies(folder: &Folder) -> usize {
    let folders = fs::read_dir(folder.join("files")).unwrap();
    let folders = folders.map(|entry| entry.unwrap()).filter(|it| it.file_name().len() == 2);
    folders.map(|folder| fs::read_dir(folder.path()).unwrap().count()).sum()
}

#[test]
fn an_upload_goes_on_only_at_the_node_that_took_it() {
    let nats = Nats::start("sync_interval: always", "");
    nats.make_log();
    let folders = [(); 2].map(|()| Folder::new());
    let [one, two] = [0, 1].map(|node| nats.on(Program::on(&folders[node])).start());
    let mut ann = one.guest("ann");
    until("ann is known there", || ann.again(two.address).get("/api/v1/me").status == 200);
    let tus = ("Tus-Resumable", "1.0.0");
    let begun = ann.call("POST", "/api/v1/uploads", &[tus, ("Upload-Length", "5")], b"");
    assert_eq!(begun.status, 201);
    let upload = begun.header("location").unwrap().to_owned();
    let fields = [tus, ("Content-Type", "application/offset+octet-stream"), ("Upload-Offset", "0")];
    let elsewhere = ann.again(two.address).call("PATCH", &upload, &fields, b"hello");
    assert_eq!(elsewhere.status, 404);
    assert_eq!(ann.call("PATCH", &upload, &fields, b"hello").status, 204);
}

#[test]
fn no_upload_is_acknowledged_without_its_bytes_when_the_nats_server_dies() {
    let mut nats = Nats::start("sync_interval: always", "");
    nats.make_log();
    let folders = [(); 2].map(|()| Folder::new());
    let one = nats.on(Program::on(&folders[0])).start();
    let mut ann = one.guest("ann");
    ann.join("lobby");
    let mut acknowledged = Vec::new();
    for round in 0..6_u64 {
        let bytes = text(&format!("round {round}"), 2_000_000);
        let mut sender = ann.again(one.address);
        let sending = thread::spawn(move || {
            let path = format!("/api/v1/files?name=round-{round}.txt");
            let added = sender.call("POST", &path, &[], &bytes);
            (added, bytes)
        });
        thread::sleep(Duration::from_millis(round * 12));
        nats.servers[0].kill();
        nats.servers[0].start();
        nats.servers[0].until_it_listens();
        let (added, bytes) = sending.join().unwrap();
        // It may have come to its end before, or not.
        match added.status {
            201 => acknowledged.push((added.json()["file"]["id"].as_u64().unwrap(), bytes)),
            status => assert_eq!(status, 503, "{}", added.text()),
        }
        until("it is well again", || one.visitor().get("/ready").status == 200);
    }
    // The node has two connections: the one for files may come back a little later.
    let add = || ann.again(one.address).call("POST", "/api/v1/files?name=last.txt", &[], b"last");
    until("it takes files again", || add().status == 201);
    let added = add().expect(201);
    acknowledged.push((added["file"]["id"].as_u64().unwrap(), b"last".into()));
    // Another node, which has nothing of its own.
    let two = nats.on(Program::on(&folders[1])).start();
    for (file, bytes) in acknowledged {
        let got = ann.again(two.address).get(&format!("/api/v1/files/{file}"));
        assert!(got.status == 200 && got.body == bytes, "{file}: {}", got.status);
    }
}

#[test]
fn a_cluster_without_a_bucket_for_files_is_refused_in_one_sentence() {
    let nats = Nats::start("sync_interval: always", "");
    nats.make_log();
    let (code, said) = nats.cluster("status");
    assert!(code == Some(0) && said.contains("files: 0 bytes"), "{said}");
    let deleted = nats.servers[0].ask("STREAM.DELETE.OBJ_linger-files", &json!({}));
    assert_eq!(deleted["success"], true);
    let folder = Folder::new();
    let words = ["no bucket linger-files", "nats object add linger-files", "--replicas=1"];
    check_refused("no bucket", &nats.on(Program::on(&folder)), &words);
    let (code, said) = nats.cluster("check");
    assert!(code == Some(1) && said.lines().count() == 1 && said.contains(words[1]), "{said}");
    // As that command makes it, but for a day and in memory.
    let bucket = json!({ "name": "OBJ_linger-files", "storage": "memory",
        "max_age": 86_400_000_000_000_u64, "allow_rollup_hdrs": true,
        "subjects": ["$O.linger-files.C.>", "$O.linger-files.M.>"] });
    let made = nats.servers[0].ask("STREAM.CREATE.OBJ_linger-files", &bucket);
    assert_eq!(made["error"], Value::Null);
    let (code, said) = nats.cluster("check");
    assert_eq!((code, said.lines().count()), (Some(1), 2), "{said}");
    for words in ["kept in memory", "drops its oldest files"] {
        assert!(said.contains(words), "{said}");
    }
}

/// Returns the position up to which a node has noted that all is erased, if there is any.
fn erased_upto(folder: &Folder) -> Option<u64> {
    fs::read_to_string(folder.join("erased")).ok()?.parse().ok()
}

#[test]
fn bytes_that_one_node_adds_while_another_erases_them_are_there_once_acknowledged() {
    const FILES: usize = 16;
    let nats = Nats::start("sync_interval: always", "");
    nats.make_log();
    let folders = [(); 3].map(|()| Folder::new());
    let quick = |folder| nats.on(Program::on(folder)).env("LINGER_RATE_LIMITS", "off");
    let [one, two] = [0, 1].map(|node| quick(&folders[node]).start());
    let mut ann = one.guest("ann");
    ann.join("lobby");
    let texts: Vec<_> = (0..FILES).map(|number| text(&format!("file {number}"), 300_000)).collect();
    let sent: Vec<_> =
        texts.iter().map(|bytes| say_with_file(&mut ann, "some.txt", bytes)).collect();
    let at_two = there(&ann, &two, sent[FILES - 1].1);
    for (_, message) in &sent {
        ann.delete(&format!("/api/v1/messages/{message}")).expect(204);
    }
    // Files are erased some two seconds later, one after another, by both nodes.
    let added: Vec<_> = thread::scope(|threads| {
        let adds = texts.iter().enumerate().map(|(number, bytes)| {
            let mut sender = at_two.again(two.address);
            threads.spawn(move || {
                thread::sleep(Duration::from_millis(1800 + 60 * number as u64));
                let added = sender.call("POST", "/api/v1/files?name=again.txt", &[], bytes);
                added.expect(201)["file"]["id"].as_u64().unwrap()
            })
        });
        let adds: Vec<_> = adds.collect();
        adds.into_iter().map(|add| add.join().unwrap()).collect()
    });
    // The first ones are forgotten, and those that were added since are not.
    for (file, _) in &sent {
        until("the first one is gone", || {
            ann.again(one.address).get(&format!("/api/v1/files/{file}")).status == 404
        });
    }
    let events = ann.read_all("/api/v1/rooms/lobby/events");
    let last = events.iter().rfind(|event| event["type"] == "message_deleted").unwrap();
    for folder in &folders[..2] {
        until("the node has erased all of it", || erased_upto(folder) >= last["position"].as_u64());
    }
    let three = quick(&folders[2]).start();
    for node in [&one, &two, &three] {
        for (file, bytes) in added.iter().zip(&texts) {
            let got = ann.again(node.address).get(&format!("/api/v1/files/{file}"));
            assert!(got.status == 200 && got.body == *bytes, "{file}: {}", got.status);
        }
    }
}
