//! A cluster as the operator sees it: makes its stream, and says what of it cannot keep
//! the promise that an acknowledged message is never lost.
//!
//! The stream's settings it asks for itself. The servers' statements about themselves come from
//! their system account ([`system_servers`]), or from their monitoring addresses, which the
//! program asks, since this crate knows no HTTP.

mod nodes;

use std::time::Duration;

use futures_util::StreamExt;
use linger_core::LogId;
use serde::Deserialize;
use tokio::time::timeout;

pub use nodes::{forget, nodes};

use crate::{
    Clock, ClusterError, ClusterSettings,
    log::jetstream::{
        AboutStream, Beginning, Opened, Roll, block_on, bucket_faults, context, files_faults,
    },
};

/// The oldest NATS server whose acknowledgement means that a majority's disks have it, at
/// the cost of one sync for many messages.
const VERSION_MIN: (u64, u64) = (2, 15);
/// After the last server's answer, no other comes.
const SILENCE: Duration = Duration::from_millis(500);

/// The promise that a cluster has to make before a node follows it.
#[derive(Debug, Clone)]
pub struct Promise {
    /// Servers that keep each entry.
    pub replicas: usize,
    /// The servers' statements about themselves; none where nobody can be asked.
    pub servers: Option<Vec<AboutServer>>,
}

/// A NATS server's statements about itself (`/varz`).
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct AboutServer {
    /// Its name.
    #[serde(rename = "server_name")]
    pub name: String,
    /// Its version.
    pub version: String,
    /// None where it has no JetStream.
    #[serde(default)]
    jetstream: Option<JetStream>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
struct JetStream {
    #[serde(default)]
    config: Option<JetStreamConfig>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
struct JetStreamConfig {
    /// Left out where it is false.
    #[serde(default)]
    sync_always: bool,
}

/// The state of a cluster, in sentences.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Overview {
    /// Facts, a line each.
    pub facts: Vec<String>,
    /// Faults that break the promise, each with the change to make, a line each.
    pub faults: Vec<String>,
}

impl Promise {
    /// Looks at the stream of a log. Errors: it is not there, or something of the cluster
    /// cannot keep the promise.
    pub(crate) fn open(&self, settings: ClusterSettings) -> Result<Opened, ClusterError> {
        let about = block_on(self.check(&settings))?;
        Opened::new(settings, about)
    }

    /// Looks at a stream. Errors: it is not there, or something of the cluster cannot keep
    /// the promise.
    pub(crate) async fn check(
        &self,
        settings: &ClusterSettings,
    ) -> Result<AboutStream, ClusterError> {
        let seen = look(settings).await?;
        let mut faults = self.faults(&settings.stream, &seen);
        // A node starts also while a server is down: those that are known are a majority, so
        // that nothing is acknowledged without one of them.
        let silent = self.silent(&seen.about);
        if silent.len() * 2 >= seen.about.members().len() {
            faults.extend(silent);
        }
        match faults.into_iter().next() {
            Some(fault) => Err(ClusterError::Unsafe(fault)),
            None => Ok(seen.about),
        }
    }

    fn faults(&self, stream: &str, seen: &Seen) -> Vec<String> {
        let Seen { about, bucket, files, connected } = seen;
        let mut faults = about.faults(self.replicas);
        faults.extend(bucket_faults(stream, bucket.as_ref(), self.replicas));
        faults.extend(files_faults(stream, files.as_ref(), self.replicas));
        let Some(servers) = &self.servers else {
            faults.extend(too_old(&connected.name, &connected.version));
            return faults;
        };
        for server in servers {
            faults.extend(server.faults());
        }
        faults
    }

    /// Returns a sentence for each server that keeps the stream and said nothing of itself,
    /// where the servers are asked.
    fn silent(&self, about: &AboutStream) -> Vec<String> {
        let Some(servers) = &self.servers else { return Vec::new() };
        let is_silent = |member: &&str| !servers.iter().any(|server| server.name == *member);
        let told = |member: &str| {
            format!(
                "the server {member} keeps the stream and said nothing of itself; add its address to --nats-monitor, or start it"
            )
        };
        about.members().into_iter().filter(is_silent).map(told).collect()
    }
}

impl AboutServer {
    fn faults(&self) -> Vec<String> {
        let AboutServer { name, version, jetstream } = self;
        let mut faults: Vec<_> = too_old(name, version).into_iter().collect();
        let config = jetstream.as_ref().and_then(|it| it.config.as_ref());
        match config {
            Some(JetStreamConfig { sync_always: true }) => {}
            Some(_) => faults.push(format!(
                "the server {name} acknowledges before its disk has it, so that a power cut loses what was acknowledged; set sync_interval: always in its jetstream block, and restart it"
            )),
            // It keeps nothing: a server that only passes messages on.
            None => {}
        }
        faults
    }
}

/// Makes the stream of a new log, and returns which log it is.
///
/// Errors: there is a stream of this name.
pub fn init(
    settings: &ClusterSettings,
    replicas: usize,
    clock: &dyn Clock,
) -> Result<LogId, ClusterError> {
    let id = LogId::from_random(clock.random());
    block_on(async {
        let context = context(settings).await?;
        match AboutStream::ask(&context, &settings.stream).await {
            Ok(about) => Err(ClusterError::Refused(format!(
                "there is a stream {} already, with {} entries",
                settings.stream, about.state.count
            ))),
            Err(ClusterError::NoStream(_)) => {
                let beginning = Beginning::Empty;
                let made = AboutStream::create(&context, &settings.stream, replicas, id, beginning);
                made.await?;
                Roll::open(context, &settings.stream, replicas).await.map(|_| id)
            }
            Err(error) => Err(error),
        }
    })
}

/// Says what there is to say of a cluster, and what of it cannot keep the promise.
///
/// Errors: it cannot be asked.
pub fn overview(settings: &ClusterSettings, promise: &Promise) -> Result<Overview, ClusterError> {
    let seen = block_on(look(settings))?;
    let Seen { about, bucket, files, connected } = &seen;
    let mut facts = vec![format!(
        "stream {}: log {}, entries {} to {}, replicas: {}",
        settings.stream,
        about.log_id().map_or("of nobody".to_owned(), |id| id.to_string()),
        about.state.first,
        about.state.last,
        about.members().len(),
    )];
    if let Some(bucket) = bucket {
        facts.push(format!("erased entries: {}", bucket.state.count));
    }
    if let Some(files) = files {
        facts.push(format!("files: {} bytes", files.state.bytes));
    }
    if let Some(group) = &about.cluster {
        let leader = group.leader.as_deref().unwrap_or("none");
        facts.push(format!("leader {leader}: at {}", about.state.last));
        facts.extend(group.replicas.iter().map(|replica| {
            let state = match (replica.offline, replica.current) {
                (true, _) => "offline",
                (false, true) => "up to date",
                (false, false) => "behind",
            };
            format!("replica {}: {state}, {} behind the leader", replica.name, replica.lag)
        }));
    }
    match &promise.servers {
        Some(servers) => facts.extend(
            servers.iter().map(|server| format!("server {}: version {}", server.name, server.version)),
        ),
        None => facts.push(format!(
            "server {}: version {}; of the others, and of what they do before they acknowledge, nothing is known: name their addresses with --nats-monitor, or a user of the system account with --nats-system",
            connected.name, connected.version
        )),
    }
    let mut faults = promise.faults(&settings.stream, &seen);
    faults.extend(promise.silent(about));
    faults.extend(about.log_id().err().map(|error| error.to_string()));
    if about.is_unfinished() {
        faults.push(ClusterError::Unfinished(settings.stream.clone()).to_string());
    }
    if !about.has_majority() {
        faults.push(
            "no majority of the stream's servers is there: nothing can be written".to_owned(),
        );
    }
    Ok(Overview { facts, faults })
}

/// Asks all servers about themselves, as a user of their system account.
pub fn system_servers(system: &ClusterSettings) -> Result<Vec<AboutServer>, ClusterError> {
    #[derive(Deserialize)]
    struct Answer {
        data: AboutServer,
    }
    let refused = |error: String| ClusterError::Refused(error);
    block_on(async {
        let client = context(system).await?.client();
        let inbox = client.new_inbox();
        let subscribed = client.subscribe(inbox.clone()).await;
        let mut answers = subscribed.map_err(|error| refused(error.to_string()))?;
        let asked = client.publish_with_reply("$SYS.REQ.SERVER.PING.VARZ", inbox, "".into()).await;
        asked.map_err(|error| refused(error.to_string()))?;
        let mut servers = Vec::new();
        while let Ok(Some(answer)) = timeout(SILENCE, answers.next()).await {
            if let Ok(Answer { data }) = serde_json::from_slice(&answer.payload) {
                servers.push(data);
            }
        }
        match servers.is_empty() {
            false => Ok(servers),
            true => Err(refused(
                "no server says anything of itself; is the user of --nats-system one of the system account?".to_owned(),
            )),
        }
    })
}

/// The server that took our connection.
struct Connected {
    name: String,
    version: String,
}

/// A log's stream, and its buckets of erased entries and of files, if they are there.
struct Seen {
    about: AboutStream,
    bucket: Option<AboutStream>,
    files: Option<AboutStream>,
    connected: Connected,
}

async fn look(settings: &ClusterSettings) -> Result<Seen, ClusterError> {
    let context = context(settings).await?;
    let about = AboutStream::ask(&context, &settings.stream).await?;
    let bucket = if_there(AboutStream::ask_bucket(&context, &settings.stream).await)?;
    let files = if_there(AboutStream::ask_files(&context, &settings.stream).await)?;
    let info = context.client().server_info();
    let connected = Connected { name: info.server_name, version: info.version };
    Ok(Seen { about, bucket, files, connected })
}

fn if_there(asked: Result<AboutStream, ClusterError>) -> Result<Option<AboutStream>, ClusterError> {
    match asked {
        Err(ClusterError::NoStream(_)) => Ok(None),
        asked => asked.map(Some),
    }
}

fn too_old(name: &str, version: &str) -> Option<String> {
    let mut numbers = version.split('.').map(|number| number.parse().ok());
    let is_known = matches!(
        (numbers.next(), numbers.next()),
        (Some(Some(major)), Some(Some(minor))) if (major, minor) >= VERSION_MIN
    );
    let (major, minor) = VERSION_MIN;
    (!is_known).then(|| {
        format!("the server {name} is nats-server {version}, and {major}.{minor} or later is needed; upgrade it")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn server(version: &str, jetstream: &str) -> AboutServer {
        let text = format!(
            r#"{{"server_name":"n1","version":"{version}","other":1,"jetstream":{jetstream}}}"#
        );
        serde_json::from_str(&text).unwrap()
    }

    #[test]
    fn a_server_that_cannot_keep_the_promise_is_told_in_a_sentence_with_what_to_change() {
        let always = r#"{"config":{"sync_always":true,"sync_interval":1}}"#;
        let lazy = r#"{"config":{"sync_interval":120000000000}}"#;
        for (version, jetstream, words) in [
            ("2.15.1", always, None),
            ("3.0.0", always, None),
            ("2.15.0-RC.1", "{}", None),
            ("2.12.8", always, Some("2.15 or later is needed")),
            ("2.9.10", always, Some("2.15 or later is needed")),
            ("dev", always, Some("2.15 or later is needed")),
            ("2.15.1", lazy, Some("sync_interval: always")),
        ] {
            let faults = server(version, jetstream).faults();
            assert_eq!(faults.len(), usize::from(words.is_some()), "{version} {jetstream}");
            let words = words.unwrap_or_default();
            assert!(faults.iter().all(|fault| fault.contains(words)), "{faults:?}");
        }
    }
}
