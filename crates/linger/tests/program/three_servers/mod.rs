//! Three NATS servers and three nodes, of which something dies, hangs or is cut off.
//!
//! [`rounds`] ends and stops one after another under writers and readers, at random times;
//! [`partitions`] cuts the way between hosts, and [`full_disk`] takes room away; in [`snapshots`] the leader of
//! the bucket dies while a snapshot is made, and [`remedy`] takes a server's store away. The rule
//! for all: an acknowledged message is read once by every reader, in one order, and all nodes make the same
//! tables of it. These tests run one at a time (`.config/nextest.toml`): each of them keeps
//! both cores busy.

mod authors;
mod checks;
mod full_disk;
mod one_down;
mod partitions;
mod readers;
mod remedy;
mod replicas;
mod rounds;
mod snapshots;
mod strikes;

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex},
    time::Duration,
};

use rustix::process::Signal;

use crate::{
    client::Client,
    hosts::Network,
    nats::Nats,
    process::{Folder, Program, Server, until},
};

/// A node that does not answer for longer is left for another one.
const PATIENCE_WITH_A_NODE: Duration = Duration::from_secs(3);

/// Rounds of faults, if there are to be so many, make a run long enough for what takes minutes.
const LONG_RUN: u64 = 3;

/// Where the nodes listen now; none of one that never did. One that was started again has another
/// port.
#[derive(Clone, Default)]
pub struct Addresses(Arc<Mutex<[Option<SocketAddr>; 3]>>);

/// A server or a node, of which each may have a host of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    Server(usize),
    Node(usize),
}

/// Three servers, and three nodes that follow one log on them.
pub struct Cluster {
    pub nats: Nats,
    pub addresses: Addresses,
    folders: [Folder; 3],
    /// None of one that was killed.
    nodes: [Option<Server>; 3],
    /// Settings of the nodes that start from now on.
    settings: Vec<(&'static str, &'static str)>,
    /// None where all are on one host.
    network: Option<Network>,
    reach: Reach,
}

/// The servers that a node knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reach {
    /// The one of its own number.
    OwnServer,
    AllServers,
}

/// Returns how many rounds of faults are asked for: `cargo xtask faults` does.
fn rounds_asked() -> Option<u64> {
    number("LINGER_FAULT_ROUNDS")
}

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

/// Tells whether this is a long run, which waits until the servers have forgotten what was
/// deleted.
fn is_long_run() -> bool {
    rounds_asked().is_some_and(|rounds| rounds >= LONG_RUN)
}

impl End {
    /// Returns the number of its host.
    fn host(self) -> usize {
        match self {
            End::Server(server) => server,
            End::Node(node) => 3 + node,
        }
    }
}

impl Addresses {
    /// Returns where a node listens, or listened before it was killed.
    pub fn of(&self, node: usize) -> SocketAddr {
        self.0.lock().unwrap()[node % 3].expect("it was started")
    }
}

impl Cluster {
    /// Starts all of them, on a new log.
    pub fn start() -> Cluster {
        Cluster::on(Nats::three())
    }

    /// Starts three nodes on these servers, on a new log.
    pub fn on(nats: Nats) -> Cluster {
        Cluster::start_with(nats, None, Reach::AllServers)
    }

    /// Starts each of them on a host of its own ([`End`]), on a new log.
    pub fn start_apart(reach: Reach) -> Cluster {
        let network = Network::of(6);
        let servers = [0, 1, 2].map(|server| network.host(End::Server(server).host()).clone());
        Cluster::start_with(Nats::three_apart(&servers), Some(network), reach)
    }

    fn start_with(nats: Nats, network: Option<Network>, reach: Reach) -> Cluster {
        nats.make_log();
        let mut cluster = Cluster {
            nats,
            addresses: Addresses::default(),
            folders: [(); 3].map(|()| Folder::new()),
            nodes: [None, None, None],
            settings: Vec::new(),
            network,
            reach,
        };
        (0..3).for_each(|node| cluster.start_node(node));
        cluster
    }

    /// Starts a node on its folder.
    pub fn start_node(&mut self, node: usize) {
        let settings = self.settings.iter();
        let program = settings
            .fold(self.nats.on(Program::on(&self.folders[node])), |it, set| it.env(set.0, set.1));
        let program = match &self.network {
            Some(network) => program.at_host(network.host(End::Node(node).host())),
            None => program,
        };
        let program = match self.reach {
            Reach::OwnServer => program.env("LINGER_NATS", &self.nats.servers[node].url()),
            Reach::AllServers => program,
        };
        let server = program.start();
        self.addresses.0.lock().unwrap()[node] = Some(server.address);
        self.nodes[node] = Some(server);
    }

    /// Ends a node at once, as a crash would.
    pub fn kill_node(&mut self, node: usize) {
        self.nodes[node].take().expect("it runs").kill();
    }

    /// Sends a node a signal.
    pub fn signal_node(&self, node: usize, signal: Signal) {
        self.nodes[node].as_ref().expect("it runs").signal(signal);
    }

    /// Waits until every server has what the leader has, and every node does all its work.
    pub fn until_whole(&self) {
        until("all servers are up to date", || {
            self.nats.group().is_some_and(|group| group.is_current)
        });
        for node in 0..3 {
            until("the node is ready", || {
                let answer = self.visitor(node).try_call("GET", "/ready", &[], "");
                answer.is_ok_and(|answer| answer.status == 200)
            });
        }
    }

    /// Returns somebody without a token at a node.
    pub fn visitor(&self, node: usize) -> Client {
        Client::new(self.addresses.of(node)).with_patience(PATIENCE_WITH_A_NODE)
    }

    /// Returns a new guest, once every node knows them.
    pub fn guest(&self, name: &str) -> Client {
        let guest = Client::guest(self.addresses.of(0), name);
        for node in 1..3 {
            until("the other nodes know the guest", || {
                guest.again(self.addresses.of(node)).get("/api/v1/me").status == 200
            });
        }
        guest.with_patience(PATIENCE_WITH_A_NODE)
    }
}
