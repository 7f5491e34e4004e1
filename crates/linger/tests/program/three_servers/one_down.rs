//! One server is down, and that is no reason for anything else to be: nodes start, what is deleted
//! is erased, and the operator's commands tell which one it is.

use std::collections::HashSet;

use super::{
    Cluster,
    checks::{ERASED_WITHIN, answered, until_gone},
    remedy::{self, ROOM},
};
use crate::client::Client;

#[test]
fn a_node_starts_and_the_cluster_can_be_looked_at_while_one_server_is_down() {
    let mut cluster = Cluster::start();
    // Without the one that leads all, the others choose a new leader first, and so they do
    // without the one that leads the stream.
    for leader in [leader_of_all, |cluster: &Cluster| cluster.nats.group().unwrap().leader] {
        let down = leader(&cluster);
        let name = format!("n{}", down + 1);
        cluster.nats.servers[down].kill();
        cluster.kill_node(0);
        cluster.start_node(0);
        cluster.visitor(0).get("/ready").expect(200);
        let (code, status) = cluster.nats.cluster("status");
        assert!(code == Some(0) && status.contains(&format!("replica {name}: ")), "{status}");
        let (code, said) = cluster.nats.cluster("check");
        assert!(code == Some(1) && said.contains(&format!("the server {name} ")), "{said}");
        cluster.nats.servers[down].start();
        cluster.until_whole();
    }
}

#[test]
fn what_is_deleted_while_one_server_is_down_leaves_the_nodes_files_within_a_minute() {
    let mut cluster = Cluster::start();
    let ann = cluster.guest("ann");
    ann.again(cluster.addresses.of(0)).open(ROOM, "open");
    for down in 0..3 {
        let word = format!("word-{down}-end");
        let said = remedy::say(&cluster, &ann, &format!("said-{down}"), &word);
        for node in 0..3 {
            let file = answered("each node has the file", || {
                let mut ann = ann.again(cluster.addresses.of(node));
                ann.try_call("GET", &format!("/api/v1/files/{}", said.file), &[], "")
            });
            assert_eq!(file.text(), word);
        }
        cluster.nats.servers[down].kill();
        let answer = answered("it is deleted", || {
            let mut ann = ann.again(cluster.addresses.of(0));
            ann.try_call("DELETE", &format!("/api/v1/messages/{}", said.message), &[], "")
        });
        assert_eq!(answer.status, 204);
        for folder in &cluster.folders {
            until_gone(folder.path(), &HashSet::from([&*word]), ERASED_WITHIN);
        }
        cluster.nats.servers[down].start();
        cluster.until_whole();
    }
}

/// Returns the server that gives streams their places.
fn leader_of_all(cluster: &Cluster) -> usize {
    let about = Client::new(cluster.nats.servers[0].monitor).get("/jsz").json();
    let name = about["meta_cluster"]["leader"].as_str().expect("there is one");
    name.trim_start_matches('n').parse::<usize>().unwrap() - 1
}
