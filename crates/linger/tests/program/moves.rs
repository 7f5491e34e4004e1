//! The program moves its log to a NATS server and back: under the cursors of its readers,
//! killed again and again, onto a full disk, and where it must not.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Stdio,
    thread,
    time::Duration,
};

use serde_json::json;

use crate::{
    cluster::texts,
    erasure::{found, history, take_back, talk},
    nats::Nats,
    process::{Folder, Program, Refusal, Server, until},
};

const PICTURE: &[u8] = include_bytes!("../../../linger-media/corpus/wide.jpg");

/// Runs `linger cluster …` on a folder.
fn moved(nats: &Nats, verb: &str, folder: &Folder) -> Refusal {
    nats.on(Program::on(folder)).arg("cluster").arg(verb).end()
}

/// Checks that it says no, in one sentence with these words.
#[track_caller]
fn check_no(end: &Refusal, words: &str) {
    assert!(end.code == Some(1) && end.stdout.is_empty(), "{end:?}");
    assert!(end.stderr.lines().count() == 1 && end.stderr.contains(words), "{words}: {end:?}");
}

/// Reads what came after a cursor. Returns the page.
fn after(server: &Server, cursor: &str) -> serde_json::Value {
    let path = format!("/api/v1/rooms/tea/events?wait=0&limit=1000&after={cursor}");
    server.visitor().get(&path).expect(200)
}

fn cursor(server: &Server) -> String {
    after(server, "latest")["cursor"].as_str().unwrap().to_owned()
}

#[test]
fn a_server_moves_to_a_cluster_and_back_under_its_readers_and_deleted_text_stays_deleted() {
    let nats = Nats::start("sync_interval: always", "");
    let [alone, node, back] = [(); 3].map(|()| Folder::new());
    let server = Program::on(&alone).start();
    let mut ann = server.guest("ann");
    ann.open("tea", "open");
    let said = talk(&mut ann);
    let first = cursor(&server);
    let (gone, _) = take_back(&mut ann, said);
    until("it is erased", || found(alone.path(), &gone).is_empty());
    let before = history(&server);
    let in_use = moved(&nats, "import", &alone);
    check_no(&in_use, "in use by another linger");
    drop(server);

    let end = moved(&nats, "import", &alone);
    assert!(end.code == Some(0) && end.stdout.contains("each compared"), "{end:?}");
    // Nobody goes on with the old folder by accident.
    check_no(&Program::on(&alone).refused("the old folder"), "its log is the stream linger");
    // A node need not make its tables anew.
    fs::copy(alone.join("projection.db"), node.join("projection.db")).unwrap();
    if alone.join("projection.db-wal").exists() {
        fs::copy(alone.join("projection.db-wal"), node.join("projection.db-wal")).unwrap();
    }
    let server = nats.on(Program::on(&node)).start();
    assert!(!server.log().contains("anew"), "{}", server.log());
    assert_eq!(history(&server), before);
    let mut ann = ann.again(server.address);
    let second = cursor(&server);
    ann.say("tea", "said on the cluster");
    let page = after(&server, &first);
    assert_eq!(page.get("reset"), None, "{page}");
    assert!(page.to_string().contains("said on the cluster"), "{page}");
    let before = history(&server);
    drop(server);

    let end = moved(&nats, "export", &back);
    assert!(end.code == Some(0) && end.stdout.contains("Start a server on it"), "{end:?}");
    assert_eq!(found(back.path(), &gone).len(), 0);
    let server = Program::on(&back).start();
    assert_eq!(history(&server), before);
    ann.again(server.address).say("tea", "said back at home");
    for from in [first, second] {
        let page = after(&server, &from);
        assert_eq!(page.get("reset"), None, "{page}");
        let page = page.to_string();
        assert!(page.contains("said on the cluster") && page.contains("said back at home"));
    }
    drop(server);
    let check = Program::on(&back).arg("check").end();
    assert_eq!(check.code, Some(0), "{check:?}");
}

#[test]
fn an_import_that_is_killed_again_and_again_loses_nothing() {
    let nats = Nats::start("sync_interval: always", "");
    let [alone, node] = [(); 2].map(|()| Folder::new());
    let server = Program::on(&alone).start();
    server.guest("ann").open("tea", "open");
    let address = server.address;
    thread::scope(|threads| {
        for author in 0..8 {
            let mut author = server.guest(&format!("author-{author}"));
            threads.spawn(move || {
                author.join("tea");
                (0..400).for_each(|number| {
                    let text = format!("{number} of {address}");
                    author.post("/api/v1/rooms/tea/messages", &json!({ "text": text })).expect(201);
                });
            });
        }
    });
    let before = history(&server);
    assert_eq!(before.len(), 3200);
    drop(server);
    let mut killed = 0;
    for wait_ms in (20..).step_by(30) {
        let mut import = nats
            .on(Program::on(&alone))
            .arg("cluster")
            .arg("import")
            .command()
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        thread::sleep(Duration::from_millis(wait_ms));
        if import.try_wait().unwrap().is_some_and(|status| status.success()) {
            break;
        }
        import.kill().unwrap();
        if import.wait().unwrap().success() {
            break;
        }
        killed += 1;
    }
    assert!(killed > 2, "it was killed {killed} times");
    let server = nats.on(Program::on(&node)).start();
    assert_eq!(history(&server), before);
}

#[test]
fn a_copy_of_a_cluster_becomes_another_one_and_readers_of_what_was_lost_are_told() {
    let nats = Nats::start("sync_interval: always", "");
    nats.make_log();
    let [node, copy, restored] = [(); 3].map(|()| Folder::new());
    let server = nats.on(Program::on(&node)).start();
    let mut ann = server.guest("ann");
    ann.open("tea", "open");
    ann.say("tea", "kept");
    let kept = cursor(&server);
    // While the node runs.
    let end = moved(&nats, "export", &copy);
    assert_eq!(end.code, Some(0), "{end:?}");
    ann.say("tea", "lost");
    let lost = cursor(&server);
    drop(server);
    let other = |program: Program| nats.on(program).env("LINGER_NATS_STREAM", "other");
    let end = other(Program::on(&copy)).arg("cluster").arg("import").end();
    assert_eq!(end.code, Some(0), "{end:?}");
    let server = other(Program::on(&restored)).start();
    ann.again(server.address).say("tea", "new");
    assert_eq!(texts(&history(&server)), ["kept", "new"]);
    assert_eq!(after(&server, &kept).get("reset"), None);
    assert!(after(&server, &lost).get("reset").is_some(), "those are told to begin afresh");
}

#[test]
fn a_full_disk_amid_an_export_is_told_and_with_room_it_goes_on() {
    let nats = Nats::start("sync_interval: always", "");
    nats.make_log();
    let [node, copy] = [(); 2].map(|()| Folder::new());
    let server = nats.on(Program::on(&node)).start();
    let mut ann = server.guest("ann");
    ann.open("tea", "open");
    talk(&mut ann);
    let before = history(&server);
    drop(server);
    #[cfg(target_os = "linux")]
    {
        let disk = crate::disk::Disk::under(copy.path());
        disk.set(&["write-fails unfinished"]);
        let program = disk.mount(nats.on(Program::on(&copy)));
        let end = program.arg("cluster").arg("export").end();
        check_no(&end, "begin again");
        check_no(&Program::on(&copy).arg("check").end(), "neither log.db nor projection.db");
    }
    let end = moved(&nats, "export", &copy);
    assert_eq!(end.code, Some(0), "{end:?}");
    assert_eq!(history(&Program::on(&copy).start()), before);
    check_no(&moved(&nats, "export", &copy), "is not empty");
}

#[test]
fn files_go_along_and_those_that_are_gone_are_counted() {
    let nats = Nats::start("sync_interval: always", "");
    let [alone, node, back] = [(); 3].map(|()| Folder::new());
    let server = Program::on(&alone).start();
    let mut ann = server.guest("ann");
    ann.open("tea", "open");
    let text: Vec<u8> = (0..3_000_000_u64).map(|number| (number * number % 251) as u8).collect();
    let files = [("long.bin", &text[..]), ("wide.jpg", PICTURE), ("lost.txt", b"lost")];
    let files = files.map(|(name, bytes)| {
        let sent = ann.call("POST", &format!("/api/v1/files?name={name}"), &[], bytes).expect(201);
        let file = sent["file"]["id"].as_u64().unwrap();
        let body = json!({ "text": name, "files": [file] });
        ann.post("/api/v1/rooms/tea/messages", &body).expect(201);
        file
    });
    let paths = [
        format!("/api/v1/files/{}", files[0]),
        format!("/api/v1/files/{}", files[1]),
        format!("/api/v1/files/{}/thumbnail", files[1]),
    ];
    let read = |server: &Server| {
        let mut ann = ann.again(server.address);
        paths.each_ref().map(|path| {
            let answer = ann.get(path);
            assert_eq!(answer.status, 200, "{path}");
            answer.body
        })
    };
    let before = read(&server);
    assert!(before[0] == text);
    drop(server);
    let kept: Vec<_> = files_below(&alone.join("files"));
    let lost = kept.iter().find(|path| fs::read(path).unwrap() == b"lost").unwrap();
    fs::remove_file(lost).unwrap();

    let end = moved(&nats, "import", &alone);
    assert!(end.stdout.contains("and 2 files (1 more were not there any more"), "{end:?}");
    let server = nats.on(Program::on(&node)).start();
    assert!(read(&server) == before, "a node serves them");
    drop(server);
    let end = moved(&nats, "export", &back);
    assert!(end.stdout.contains("and 2 files (1 more"), "{end:?}");
    let server = Program::on(&back).start();
    assert!(read(&server) == before, "and so does a server alone");
    for folder in [&alone, &back] {
        assert!(!folder.join("files/moving").exists(), "nothing is left of the way");
    }
}

/// Returns the files in a folder, and in those in it.
fn files_below(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        match path.is_dir() {
            true => files.append(&mut files_below(&path)),
            false => files.push(path),
        }
    }
    files
}
