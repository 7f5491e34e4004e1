//! One server is down, and that is no reason for anything else to be: nodes start, and the
//! operator's commands tell which one it is.

use super::Cluster;

#[test]
fn a_node_starts_and_the_cluster_can_be_looked_at_while_one_server_is_down() {
    let mut cluster = Cluster::start();
    let leader = cluster.nats.group().expect("all is whole").leader;
    let down = (leader + 1) % 3;
    let name = format!("n{}", down + 1);
    cluster.nats.servers[down].kill();
    cluster.kill_node(0);
    cluster.start_node(0);
    cluster.visitor(0).get("/ready").expect(200);
    let (code, status) = cluster.nats.cluster("status");
    assert!(code == Some(0) && status.contains(&format!("replica {name}: ")), "{status}");
    let (code, said) = cluster.nats.cluster("check");
    assert!(code == Some(1) && said.contains(&format!("the server {name} ")), "{said}");
}
