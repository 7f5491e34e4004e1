//! One server has no room left: the others go on without it, whether it led or not, and nothing
//! that was acknowledged is lost. With more room it comes back, and has all of it.
//!
//! The room is the server's own bound (`max_file_store`), which needs no root: a server
//! treats it as it treats a disk that is full.

use std::thread;

use serde_json::json;

use super::{Cluster, checks};
use crate::{client::Client, nats::Nats, process::until};

/// Room for some 700 long messages.
const ROOM: &str = "sync_interval: always, max_file_store: 3MB";
const WRITERS: usize = 8;
/// Together much more than there is room for.
const MESSAGES_EACH: usize = 150;

/// Says long things at one node after another, until each is acknowledged.
fn fill(cluster: &Cluster, ann: &Client, room: &str, writer: usize) {
    let long = "so it is ".repeat(440);
    let mut node = writer;
    for number in 0..MESSAGES_EACH {
        let id = format!("{room}.{writer}.{number}");
        let is_said = |node: usize| {
            let mut ann = ann.again(cluster.addresses.of(node));
            let answer = ann.try_send(room, &id, &format!("{id} {long}"));
            answer.is_ok_and(|answer| answer.status < 300)
        };
        until("it is acknowledged", || is_said(node) || is_said(node + 1) || is_said(node + 2));
        node += 1;
    }
}

#[test]
fn a_server_without_room_stops_nobody_and_comes_back_with_everything() {
    for leads in [false, true] {
        let room_of = |number| if number == 0 { ROOM } else { "sync_interval: always" }.to_owned();
        let mut cluster = Cluster::on(Nats::three_with_room(room_of));
        let ann = cluster.guest("ann");
        ann.again(cluster.addresses.of(0)).open("tea", "open");
        cluster.until_whole();
        until("the right one leads", || {
            let leader = cluster.nats.group().map(|group| group.leader);
            if leader.is_some_and(|leader| (leader == 0) != leads) {
                let preferred = if leads { "n1" } else { "n2" };
                let wish = json!({ "placement": { "preferred": preferred } });
                cluster.nats.servers[1].ask("STREAM.LEADER.STEPDOWN.linger", &wish);
                thread::sleep(std::time::Duration::from_millis(500));
            }
            leader.is_some_and(|leader| (leader == 0) == leads)
        });
        thread::scope(|threads| {
            let (cluster, ann) = (&cluster, &ann);
            (0..WRITERS).for_each(|writer| {
                threads.spawn(move || fill(cluster, ann, "tea", writer));
            });
        });
        println!("it leads: {leads}; afterwards: {:?}", cluster.nats.group());
        checks::check_tables(&cluster, &ann);
        let said = ann.again(cluster.addresses.of(0)).history("tea", 200).len();
        assert_eq!(said, WRITERS * MESSAGES_EACH, "each is there once");

        cluster.nats.servers[0].kill();
        cluster.nats.servers[0].change("max_file_store: 3MB", "max_file_store: 1GB");
        cluster.nats.servers[0].start();
        cluster.until_whole();
        checks::check_tables(&cluster, &ann);
    }
}
