//! A stream that is not what it was: purged, put back from an older backup, made anew. The node
//! says so in one plain sentence, refuses sends, shows what it has, and passes over nothing.

use std::{fs, path::Path, process::Command};

use serde_json::{Value, json};

use crate::{
    client::Client,
    nats::Nats,
    process::{Folder, PATIENCE, Program, Server, until},
    startup::check_refused,
    ways::texts_of,
};

/// A server, and a node whose log is there.
struct House {
    nats: Nats,
    folder: Folder,
    node: Server,
    ann: Client,
}

impl House {
    /// Ann says so many things.
    fn with(count: usize) -> House {
        let nats = Nats::start("sync_interval: always", "");
        nats.make_log();
        let folder = Folder::new();
        let node = nats.on(Program::on(&folder)).start();
        let mut ann = node.guest("ann");
        ann.join("lobby");
        say_all(&mut ann, 0..count);
        House { nats, folder, node, ann }
    }

    fn program(&self) -> Program {
        self.nats.on(Program::on(&self.folder))
    }

    /// Copies all that the server keeps.
    fn back_up(&mut self) -> Folder {
        let copy = Folder::new();
        self.nats.servers[0].kill();
        copy_all(&self.nats.servers[0].store(), copy.path());
        self.restart_server();
        until("the node is ready", || ready(&self.node) == 200);
        copy
    }

    /// Puts a copy in the place of what the server keeps.
    fn put_back(&mut self, copy: &Folder) {
        self.nats.servers[0].kill();
        let store = self.nats.servers[0].store();
        fs::remove_dir_all(&store).unwrap();
        copy_all(copy.path(), &store);
        self.restart_server();
    }

    fn restart_server(&mut self) {
        self.nats.servers[0].start();
        self.nats.servers[0].until_it_listens();
    }

    /// Waits until the running node says this in `/ready`; checks that it refuses sends, and
    /// shows as many messages as before.
    fn check_told(&mut self, words: &[&str], messages: usize) {
        until("the node says what is wrong", || {
            let said = self.node.visitor().get("/ready").text();
            words.iter().all(|word| said.contains(word))
        });
        let answer = self.ann.try_send("lobby", "refused", "refused").unwrap();
        assert_eq!(answer.status, 503, "{answer:?}");
        assert_eq!(texts_of(&self.ann.history("lobby", 200)).len(), messages);
    }
}

fn ready(node: &Server) -> u16 {
    node.visitor().get("/ready").status
}

fn say_all(ann: &mut Client, numbers: std::ops::Range<usize>) {
    numbers.for_each(|number| drop(ann.say("lobby", &format!("message {number}"))));
}

/// Copies a folder and all in it, into one that may be there already.
fn copy_all(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    let copied = Command::new("cp").arg("-a").arg(from.join(".")).arg(to).status();
    assert!(copied.unwrap().success());
}

#[test]
fn an_older_backup_that_was_put_back_is_told_and_followed_only_when_that_is_accepted() {
    let mut house = House::with(10);
    let copy = house.back_up();
    say_all(&mut house.ann, 10..15);
    let lost = house.ann.get("/api/v1/rooms/lobby/events?wait=0").expect(200)["cursor"].clone();
    house.put_back(&copy);
    house.check_told(&["the stream linger ends at entry", "part of the log is missing"], 15);
    house.node.kill();
    let words = ["the stream linger ends at entry", "--accept-rollback"];
    check_refused("an older backup", &house.program(), &words);
    let node = house.program().arg("--accept-rollback").start();
    let mut ann = house.ann.again(node.address);
    assert_eq!(texts_of(&ann.history("lobby", 200)).len(), 10);
    ann.say("lobby", "on it goes");
    let lost = lost.as_str().unwrap();
    let page = ann.get(&format!("/api/v1/rooms/lobby/events?wait=0&after={lost}")).expect(200);
    assert_ne!(page["reset"], Value::Null, "{page}");
}

#[test]
fn an_older_backup_that_grew_again_is_not_taken_for_what_a_node_had_read() {
    for is_stopped in [false, true] {
        let mut house = House::with(10);
        let copy = house.back_up();
        say_all(&mut house.ann, 10..15);
        // It sees nothing of the following, as a node that hangs, or it is not there.
        match is_stopped {
            true => {
                // In order, so that its tables have all that it read.
                house.node.terminate();
                house.node.ended(PATIENCE);
            }
            false => house.node.signal(rustix::process::Signal::STOP),
        }
        house.put_back(&copy);
        let other = Folder::new();
        let other = house.nats.on(Program::on(&other)).start();
        say_all(&mut house.ann.again(other.address), 20..40);
        let words = ["has another entry", "an older backup was put back, and has grown since"];
        if is_stopped {
            check_refused("a backup that grew", &house.program(), &words);
        } else {
            house.node.signal(rustix::process::Signal::CONT);
            house.check_told(&words, 15);
        }
    }
}

#[test]
fn a_stream_that_was_made_anew_is_another_log() {
    let mut house = House::with(10);
    let deleted = house.nats.servers[0].ask("STREAM.DELETE.linger", &json!({}));
    assert_eq!(deleted["success"], true, "{deleted}");
    // The bucket of erased entries is that of the log.
    house.nats.servers[0].ask("STREAM.DELETE.KV_linger-erased", &json!({}));
    house.nats.make_log();
    house.check_told(&["the stream linger was deleted and made anew"], 10);
    house.node.kill();
    let words = ["the stream linger is another log", "--data", "--accept-rollback"];
    check_refused("another log", &house.program(), &words);
    let node = house.program().arg("--accept-rollback").start();
    node.guest("bob").say("lobby", "a new log");
    let kept = |name: &str| name.starts_with("projection.db.2");
    let files = fs::read_dir(house.folder.path()).unwrap();
    assert!(files.map(|file| file.unwrap().file_name()).any(|name| kept(&name.to_string_lossy())));
}

#[test]
fn a_log_cannot_be_purged_and_that_cannot_be_allowed_later() {
    let mut house = House::with(3);
    let server = &house.nats.servers[0];
    let purged = server.ask("STREAM.PURGE.linger", &json!({}));
    assert!(purged["error"]["description"].is_string(), "{purged}");
    let mut config = server.ask("STREAM.INFO.linger", &json!({}))["config"].take();
    config["deny_purge"] = json!(false);
    let changed = server.ask("STREAM.UPDATE.linger", &config);
    assert!(changed["error"]["description"].is_string(), "{changed}");
    say_all(&mut house.ann, 3..6);
    assert_eq!(ready(&house.node), 200);
}
