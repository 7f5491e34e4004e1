//! The program on a NATS server: nodes that follow one log, and what is refused.
//!
//! One real server a test ([`crate::nats`]); three servers are in [`crate::three_servers`].

mod files;

use serde_json::Value;

use crate::{
    erasure::{found, history, take_back, talk},
    nats::Nats,
    process::{Folder, Program, until},
    startup::check_refused,
};

pub(crate) fn texts(history: &[Value]) -> Vec<&str> {
    history.iter().filter_map(|message| message["text"].as_str()).collect()
}

#[test]
fn two_nodes_follow_one_log_and_a_third_begins_with_an_empty_folder() {
    let nats = Nats::start("sync_interval: always", "");
    nats.make_log();
    let folders = [(); 3].map(|()| Folder::new());
    let [one, two] = [0, 1].map(|node| nats.on(Program::on(&folders[node])).start());
    let mut ann = one.guest("ann");
    ann.join("lobby");
    ann.say("lobby", "from the first");
    // The same person, on the other node, once that has read so far.
    let mut there = ann.again(two.address);
    until("ann is known there", || ann.again(two.address).get("/api/v1/me").status == 200);
    there.say("lobby", "from the second");
    until("the first has it", || {
        texts(&ann.again(one.address).history("lobby", 10)).contains(&"from the second")
    });
    let three = nats.on(Program::on(&folders[2])).start();
    let said = ann.again(three.address).history("lobby", 10);
    assert_eq!(texts(&said), ["from the first", "from the second"]);
    let (code, status) = nats.cluster("status");
    assert!(code == Some(0) && status.contains("server n1: version 2.15.1"), "{status}");
}

#[test]
fn a_node_that_is_killed_goes_on_where_it_was_and_its_cursors_stay_good() {
    let nats = Nats::start("sync_interval: always", "");
    nats.make_log();
    let folder = Folder::new();
    let program = nats.on(Program::on(&folder));
    let mut node = program.start();
    let mut ann = node.guest("ann");
    ann.join("lobby");
    ann.say("lobby", "before");
    let cursor = ann.get("/api/v1/rooms/lobby/events?wait=0").expect(200)["cursor"].clone();
    node.kill();
    let node = program.start();
    let mut ann = ann.again(node.address);
    ann.say("lobby", "after");
    let path = format!("/api/v1/rooms/lobby/events?wait=5&after={}", cursor.as_str().unwrap());
    let page = ann.get(&path).expect(200);
    assert_eq!(page.get("reset"), None, "{page}");
    assert!(page.to_string().contains("after"), "{page}");
}

#[test]
fn deleted_text_is_in_no_file_of_a_node_or_the_server_and_a_new_node_shows_the_same() {
    let nats = Nats::start("sync_interval: always", "");
    nats.make_log();
    let folders = [(); 3].map(|()| Folder::new());
    let [one, _two] = [0, 1].map(|node| nats.on(Program::on(&folders[node])).start());
    let mut ann = one.guest("ann");
    ann.open("tea", "open");
    let said = talk(&mut ann);
    let store = nats.folder.join("store");
    let words: Vec<_> = said.iter().flat_map(|it| it.words.clone()).collect();
    let written = found(&store, &words);
    assert!(words.iter().all(|word| written.contains_key(word)), "all is written");
    let (gone, kept) = take_back(&mut ann, said);
    for folder in [&store, folders[0].path(), folders[1].path()] {
        until("nothing of the deleted text is left", || found(folder, &gone).is_empty());
        let found = found(folder, &kept);
        assert!(kept.iter().all(|word| found.contains_key(word)), "{}", folder.display());
    }
    let three = nats.on(Program::on(&folders[2])).start();
    assert_eq!(history(&three), history(&one));
    ann.say("tea", "and on it goes");
}

#[test]
fn what_cannot_keep_the_promise_is_refused_in_one_sentence() {
    let lazy = Nats::start("", "");
    let folder = Folder::new();
    let on_lazy = lazy.on(Program::on(&folder));
    check_refused("no stream", &on_lazy, &["no stream linger", "linger cluster init"]);
    let (code, said) = lazy.cluster("init");
    assert!(code == Some(1) && said.contains("sync_interval: always"), "{said}");
    check_refused("lazy server", &on_lazy, &["n1", "power cut", "sync_interval: always"]);
    let (code, said) = lazy.cluster("check");
    assert!(code == Some(1) && said.lines().count() == 1, "{said}");
    check_refused(
        "too few replicas",
        &on_lazy.env("LINGER_NATS_REPLICAS", "3"),
        &["1 of 3 replicas", "nats stream edit"],
    );
    let (code, said) = lazy.cluster("init");
    assert!(code == Some(1) && said.contains("there is a stream linger already"), "{said}");
    check_refused(
        "no server",
        &Program::on(&folder).env("LINGER_NATS", "nats://127.0.0.1:1"),
        &["no NATS server at 127.0.0.1:1"],
    );
    check_refused(
        "no NATS",
        &Program::on(&folder).env("LINGER_NATS", "http://127.0.0.1:1"),
        &["http:// is not NATS", "nats://a,b,c"],
    );
}

#[test]
fn neither_kind_of_node_takes_the_folder_of_the_other() {
    let nats = Nats::start("sync_interval: always", "");
    nats.make_log();
    let (alone, of_cluster) = (Folder::new(), Folder::new());
    Program::on(&alone).start().kill();
    check_refused("a log of its own", &nats.on(Program::on(&alone)), &["log.db of its own"]);
    nats.on(Program::on(&of_cluster)).start().kill();
    check_refused("no --log", &Program::on(&of_cluster), &["stream linger", "--log"]);
    let checked = Program::on(&of_cluster).arg("check").end();
    assert_eq!(checked.code, Some(0), "{checked:?}");
    assert!(checked.stdout.contains("linger cluster check"), "{checked:?}");
}

#[test]
fn users_with_passwords_and_the_system_account_are_taken_as_nats_takes_them() {
    let accounts = r#"accounts {
        CHAT { jetstream: enabled, users: [{ user: linger, password: "a b" }] }
        $SYS { users: [{ user: admin, password: secret }] }
    }"#;
    let nats = Nats::start("sync_interval: always", accounts);
    let url = |user: &str| format!("nats://{user}@{}", nats.servers[0].address);
    let program = Program::bare()
        .env("LINGER_NATS", &url("linger:a%20b"))
        .env("LINGER_NATS_REPLICAS", "1")
        .env("LINGER_NATS_SYSTEM", &url("admin:secret"));
    let init = program.clone().arg("cluster").arg("init").end();
    assert_eq!(init.code, Some(0), "{init:?}");
    let check = program.arg("cluster").arg("check").end();
    assert!(check.stdout.contains("Nothing of the cluster can lose"), "{check:?}");
    let folder = Folder::new();
    check_refused(
        "wrong password",
        &Program::on(&folder).env("LINGER_NATS", &url("linger:wrong")),
        &["takes the connection", "authorization"],
    );
}
