//! The servers' own words about what they have, from their monitoring addresses: whether each
//! has all streams and buckets, in the same state, and whether their leaders see it so.
//!
//! An operator asks `/healthz` the same. It is asked here, too, and not believed alone.

use std::collections::BTreeMap;

use serde_json::Value;

use super::Cluster;
use crate::client::{Answer, Client, read_chunk};

/// The log, the erased entries, the files, the nodes and the snapshots.
const STREAMS: usize = 5;

/// Returns a server's answer; none while it does not listen.
fn ask(cluster: &Cluster, server: usize, path: &str) -> Option<Answer> {
    let monitor = cluster.nats.servers[server].monitor;
    let mut from = Client::new(monitor).try_begin(path, &[]).ok()?;
    let mut answer = Answer::read_head(&mut from).ok()?;
    // A short answer has a length instead, and is one of a server that has no streams.
    if answer.header("transfer-encoding") == Some("chunked") {
        while let Some(chunk) = read_chunk(&mut from).ok()? {
            answer.body.extend(chunk);
        }
    }
    Some(answer)
}

/// Tells whether a server calls itself healthy, which it does once it has all of its streams.
pub fn is_healthy(cluster: &Cluster, server: usize) -> bool {
    ask(cluster, server, "/healthz").is_some_and(|answer| answer.status == 200)
}

/// Tells whether these servers have all streams and buckets in one state, where each leader is one
/// of them and sees the others up to date. Error: what is not so.
pub fn are_whole(cluster: &Cluster, servers: &[usize]) -> Result<(), String> {
    let mut streams: BTreeMap<String, Vec<Value>> = BTreeMap::new();
    for server in servers {
        let about = ask(cluster, *server, "/jsz?accounts=true&streams=true")
            .ok_or("a server is silent")?
            .json();
        for account in about["account_details"].as_array().into_iter().flatten() {
            for stream in account["stream_detail"].as_array().into_iter().flatten() {
                let name = stream["name"].as_str().unwrap().to_owned();
                streams.entry(name).or_default().push(stream.clone());
            }
        }
    }
    if streams.len() != STREAMS {
        return Err(format!("there are {:?}", streams.keys()));
    }
    let names: Vec<_> = servers.iter().map(|server| format!("n{}", server + 1)).collect();
    for (name, seen) in &streams {
        let mut states = seen.iter().map(state);
        let first = states.next();
        let are_equal = states.all(|state| Some(state) == first);
        let is_led = seen.iter().any(|stream| sees_all_current(stream, &names));
        if seen.len() != servers.len() || !are_equal || !is_led {
            return Err(format!("{name}: {seen:?}"));
        }
    }
    Ok(())
}

/// Returns what replicas of a stream have in common.
fn state(stream: &Value) -> [&Value; 4] {
    ["messages", "bytes", "first_seq", "last_seq"].map(|name| &stream["state"][name])
}

/// Tells whether this is the leader's view of a stream, in which the others of these servers
/// are up to date.
fn sees_all_current(stream: &Value, servers: &[String]) -> bool {
    let group = &stream["cluster"];
    let replicas: Vec<_> = group["replicas"].as_array().into_iter().flatten().collect();
    let is_here = |replica: &&&Value| servers.iter().any(|name| replica["name"] == **name);
    let mut here = replicas.iter().filter(is_here);
    // A leader does not count itself.
    let is_leader = here.clone().count() + 1 == servers.len()
        && servers.iter().any(|name| group["leader"] == **name)
        && replicas.iter().all(|replica| replica["name"] != group["leader"]);
    is_leader && here.all(|replica| replica["current"] == true && replica["lag"].is_null())
}
