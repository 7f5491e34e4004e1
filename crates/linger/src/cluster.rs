//! `linger cluster`: makes the stream of a log, checks the cluster, shows its state; `moves`
//! brings logs there and back. And
//! asks the NATS servers how safely they write, at their monitoring addresses, for these
//! and for `serve`.

use std::{
    io::{Read, Write},
    net::{TcpStream, ToSocketAddrs},
    path::Path,
    process::ExitCode,
    time::Duration,
};

use anyhow::{Context, anyhow, bail};
use linger_node::{
    SystemClock,
    cluster::{self, AboutServer, Promise},
};

use crate::{
    config::{Cluster, ClusterVerb},
    moves,
};

/// For one server's answer.
const ANSWER_MAX: Duration = Duration::from_secs(3);
/// An answer has some 5 KiB.
const ANSWER_BYTES_MAX: u64 = 1 << 20;

/// Does what `linger cluster …` asks for.
pub(crate) fn run(
    verb: &ClusterVerb,
    cluster: Option<&Cluster>,
    data: &Path,
) -> anyhow::Result<ExitCode> {
    let cluster =
        cluster.context("there is no cluster; name its servers with --log nats://a,b,c")?;
    match verb {
        ClusterVerb::Import => return moves::import(cluster, data),
        ClusterVerb::Export => return moves::export(cluster, data),
        ClusterVerb::Forget { node } => {
            let name = cluster::forget(&cluster.log, node)?;
            writeln!(std::io::stdout(), "The node {name} is forgotten.")?;
            return Ok(ExitCode::SUCCESS);
        }
        ClusterVerb::Init | ClusterVerb::Check | ClusterVerb::Status => {}
    }
    let mut out = std::io::stdout().lock();
    if *verb == ClusterVerb::Init {
        let id = cluster::init(&cluster.log, cluster.replicas, &SystemClock)?;
        writeln!(out, "The stream {} is made, for the log {id}.", cluster.log.stream)?;
    }
    let overview = cluster::overview(&cluster.log, &promise(cluster)?)?;
    if *verb == ClusterVerb::Status {
        for line in overview.facts.iter().chain(&cluster::nodes(&cluster.log)?) {
            writeln!(out, "{line}")?;
        }
        return Ok(ExitCode::SUCCESS);
    }
    for line in &overview.faults {
        writeln!(out, "{line}")?;
    }
    if !overview.faults.is_empty() {
        return Ok(ExitCode::FAILURE);
    }
    match cluster.knows_servers() {
        true => writeln!(out, "Nothing of the cluster can lose what is acknowledged.")?,
        false => writeln!(
            out,
            "The stream can lose nothing. How safely the servers write is not known: name their addresses with --nats-monitor, or a user of their system account with --nats-system."
        )?,
    }
    Ok(ExitCode::SUCCESS)
}

/// Asks the servers what they do before they acknowledge, where they can be asked.
pub(crate) fn promise(cluster: &Cluster) -> anyhow::Result<Promise> {
    let servers = match (&cluster.monitor, &cluster.system) {
        (Some(addresses), _) => {
            let answers = addresses.split(',').map(|address| monitored(address.trim()));
            let (servers, silent): (Vec<_>, Vec<_>) = answers.partition(Result::is_ok);
            let servers: Vec<_> = servers.into_iter().flatten().collect();
            // One that is down says nothing, and the others go on without it.
            for error in silent.into_iter().filter_map(Result::err) {
                if servers.is_empty() {
                    return Err(error);
                }
                tracing::warn!("{error:#}");
            }
            Some(servers)
        }
        (None, Some(system)) => Some(cluster::system_servers(system)?),
        (None, None) => None,
    };
    Ok(Promise { replicas: cluster.replicas, servers })
}

impl Cluster {
    fn knows_servers(&self) -> bool {
        self.monitor.is_some() || self.system.is_some()
    }
}

/// Asks one server at its monitoring address.
fn monitored(address: &str) -> anyhow::Result<AboutServer> {
    let advice = || {
        format!(
            "the NATS server at {address} does not say how it is set up; is this its monitoring address, like http://a:8222?"
        )
    };
    if address.starts_with("https://") {
        bail!("{address} cannot be asked: only http:// can; use --nats-system instead");
    }
    let host = address.trim_start_matches("http://").trim_end_matches('/');
    let body = get(host, "/varz").with_context(advice)?;
    serde_json::from_str(&body).with_context(advice)
}

/// Gets a page of plain HTTP, in one piece.
fn get(host: &str, path: &str) -> anyhow::Result<String> {
    let address = host.to_socket_addrs()?.next().context("it has no address")?;
    let mut stream = TcpStream::connect_timeout(&address, ANSWER_MAX)?;
    stream.set_read_timeout(Some(ANSWER_MAX))?;
    // Of this version, an answer ends with its connection.
    write!(stream, "GET {path} HTTP/1.0\r\nHost: {host}\r\n\r\n")?;
    let mut answer = String::new();
    stream.take(ANSWER_BYTES_MAX).read_to_string(&mut answer)?;
    let (head, body) = answer.split_once("\r\n\r\n").context("it is no answer of HTTP")?;
    match head.split(' ').nth(1) {
        Some("200") => Ok(body.to_owned()),
        _ => Err(anyhow!("the answer is {}", head.lines().next().unwrap_or_default())),
    }
}
