//! The stream that is the log: how `linger cluster init` makes it, and its own statements
//! about itself.
//!
//! Its metadata names the log, as `log.db` does. Beside it are the buckets of erased entries
//! and of files.

use std::time::Duration;

use async_nats::jetstream::{Context, context::RequestErrorKind};
use linger_core::{LogId, Position};
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::time::{Instant, sleep};

use super::{ClusterError, skeletons};

/// In the stream's metadata: which log it is.
const LOG_ID: &str = "linger-log-id";
/// In the stream's metadata, as long as the entries of a log are still being put there.
const IMPORT: &str = "linger-import";
/// In this time JetStream knows a message that is sent again. Appends are sent again for
/// ten seconds.
pub(super) const DUPLICATE_WINDOW_NS: u64 = 600_000_000_000;
/// JetStream's code for a stream that is not there.
const NO_STREAM: u64 = 10_059;
/// JetStream's code for a cluster without a leader.
const NO_LEADER: u64 = 10_008;
/// How long the servers may take to choose a leader, after one of them went: they begin within
/// 9 s, and may have to begin again.
const ELECTION_MAX: Duration = Duration::from_secs(30);
/// Between two questions meanwhile.
const ASK_AGAIN_AFTER: Duration = Duration::from_millis(250);

/// A stream's statements about itself.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct AboutStream {
    pub(crate) config: Value,
    /// When it was made: another time means another stream.
    pub(crate) created: String,
    pub(crate) state: State,
    /// None on a server by itself.
    #[serde(default)]
    pub(crate) cluster: Option<Group>,
}

/// How a stream begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Beginning {
    /// Without an entry.
    Empty,
    /// With the entries of a log that is moved: no node follows it before it has them all.
    Import,
}

/// Its contents.
#[derive(Debug, Clone, Copy, Deserialize)]
pub(crate) struct State {
    #[serde(rename = "first_seq")]
    pub(crate) first: u64,
    #[serde(rename = "last_seq")]
    pub(crate) last: u64,
    #[serde(rename = "messages")]
    pub(crate) count: u64,
    #[serde(default)]
    pub(crate) bytes: u64,
}

/// The servers that keep it.
#[derive(Debug, Clone, Default, Deserialize)]
pub(crate) struct Group {
    #[serde(default)]
    pub(crate) leader: Option<String>,
    #[serde(default)]
    leader_since: Option<String>,
    #[serde(default)]
    pub(crate) replicas: Vec<Replica>,
}

/// A server that leads, and since when it does.
pub(super) type Leadership = (String, Option<String>);

/// A server that keeps a copy, as the leader sees it.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Replica {
    pub(crate) name: String,
    #[serde(default)]
    pub(crate) current: bool,
    #[serde(default)]
    pub(crate) offline: bool,
    /// Nanoseconds since it was heard.
    #[serde(default)]
    pub(crate) active: u64,
    #[serde(default)]
    pub(crate) lag: u64,
}

/// JetStream's answer: what was asked for, or an error.
#[derive(Deserialize)]
#[serde(untagged)]
enum Reply<T> {
    Error { error: ApiError },
    Answer(T),
}

/// An error of JetStream's interface.
#[derive(Debug, Clone, Default, Deserialize)]
pub(super) struct ApiError {
    #[serde(default)]
    pub(super) err_code: u64,
    #[serde(default)]
    pub(super) description: String,
}

impl AboutStream {
    /// Asks the stream's leader, and waits while there is none. Errors: there is no such stream,
    /// or nobody answers.
    pub(crate) async fn ask(context: &Context, stream: &str) -> Result<AboutStream, ClusterError> {
        AboutStream::told(request(context, &info(stream), &json!({})).await, stream)
    }

    /// Asks the stream's leader, for somebody who asks again anyway. Errors: as before.
    pub(crate) async fn ask_once(
        context: &Context,
        stream: &str,
    ) -> Result<AboutStream, ClusterError> {
        AboutStream::told(request_once(context, &info(stream), &json!({})).await, stream)
    }

    fn told(
        answer: Result<AboutStream, Failed>,
        stream: &str,
    ) -> Result<AboutStream, ClusterError> {
        answer.map_err(|error| match error {
            Failed::Api(error) if error.err_code == NO_STREAM => {
                ClusterError::NoStream(stream.to_owned())
            }
            error => error.into(),
        })
    }

    /// Asks the leader of the bucket of a log's erased entries. Errors: as before.
    pub(crate) async fn ask_bucket(
        context: &Context,
        stream: &str,
    ) -> Result<AboutStream, ClusterError> {
        AboutStream::ask(context, &skeletons::stream_of(&skeletons::bucket(stream))).await
    }

    /// Asks the leader of the bucket of files beside a log. Errors: as before.
    pub(crate) async fn ask_files(
        context: &Context,
        stream: &str,
    ) -> Result<AboutStream, ClusterError> {
        AboutStream::ask(context, &object_stream(&files_bucket(stream))).await
    }

    /// Makes the stream of a new log, and its buckets.
    pub(crate) async fn create(
        context: &Context,
        stream: &str,
        replicas: usize,
        log: LogId,
        beginning: Beginning,
    ) -> Result<AboutStream, ClusterError> {
        // First, so that no stream is ever without them.
        for bucket in [bucket_config(stream, replicas), files_config(stream, replicas)] {
            let _: Value = request(context, &create(&bucket), &bucket).await?;
        }
        let mut config = config(stream, replicas, log);
        if beginning == Beginning::Import {
            config["metadata"][IMPORT] = json!("unfinished");
        }
        Ok(request(context, &create(&config), &config).await?)
    }

    /// Tells whether entries of a log are still being put there.
    pub(crate) fn is_unfinished(&self) -> bool {
        self.config["metadata"][IMPORT].is_string()
    }

    /// Lets nodes follow a stream that has all entries of the log that was moved there.
    pub(super) async fn finish(self, context: &Context) -> Result<(), ClusterError> {
        let mut config = self.config;
        if let Some(metadata) = config["metadata"].as_object_mut() {
            metadata.remove(IMPORT);
        }
        let name = config["name"].as_str().unwrap_or_default();
        let _: Value = request(context, &format!("STREAM.UPDATE.{name}"), &config).await?;
        Ok(())
    }

    /// Returns which log it is. Errors: nobody made it with `linger cluster init`.
    pub(crate) fn log_id(&self) -> Result<LogId, ClusterError> {
        let id = self.config["metadata"][LOG_ID].as_str().and_then(|id| id.parse().ok());
        id.ok_or_else(|| {
            ClusterError::Unsafe(format!(
                "the stream {} does not say which log it is; let 'linger cluster init' make one, under another name",
                self.config["name"].as_str().unwrap_or_default()
            ))
        })
    }

    /// Returns the position of its last entry.
    pub(crate) fn tail(&self) -> Position {
        Position::new(self.state.last)
    }

    /// Returns how many servers are to keep it.
    pub(crate) fn replicas(&self) -> usize {
        let replicas = self.config["num_replicas"].as_u64();
        replicas.and_then(|number| usize::try_from(number).ok()).unwrap_or(1)
    }

    /// Returns the names of the servers that keep it.
    pub(crate) fn members(&self) -> Vec<&str> {
        let Some(group) = &self.cluster else { return Vec::new() };
        let replicas = group.replicas.iter().map(|replica| &*replica.name);
        group.leader.as_deref().into_iter().chain(replicas).collect()
    }

    /// Returns who leads it, and since when. None: a server by itself, or nobody.
    pub(super) fn leadership(&self) -> Option<Leadership> {
        let group = self.cluster.as_ref()?;
        Some((group.leader.clone()?, group.leader_since.clone()))
    }

    /// Tells whether a majority of its servers stands behind the leader, as it sees them.
    pub(crate) fn has_majority(&self) -> bool {
        /// Followers are heard each second.
        const ACTIVE_NS: u64 = 5_000_000_000;
        let Some(group) = &self.cluster else { return true };
        let stands = |it: &&Replica| !it.offline && it.active < ACTIVE_NS;
        let standing = group.replicas.iter().filter(stands).count() + 1;
        group.leader.is_some() && standing * 2 > group.replicas.len() + 1
    }
}

/// Makes a stream that is not the log. One that is there already must have the same settings.
pub(crate) async fn make_stream(context: &Context, config: &Value) -> Result<(), ClusterError> {
    let _: Value = request(context, &create(config), config).await?;
    Ok(())
}

fn info(stream: &str) -> String {
    format!("STREAM.INFO.{stream}")
}

fn create(config: &Value) -> String {
    format!("STREAM.CREATE.{}", config["name"].as_str().unwrap_or_default())
}

/// Returns the subject under which entries are sent.
pub(crate) fn subject(stream: &str) -> String {
    format!("{stream}.log")
}

/// Returns the settings of a new stream.
fn config(stream: &str, replicas: usize, log: LogId) -> Value {
    let mut config = kept(stream, &subject(stream), replicas);
    config["max_msgs_per_subject"] = json!(-1);
    config["duplicate_window"] = json!(DUPLICATE_WINDOW_NS);
    // Erasing deletes messages.
    config["deny_delete"] = json!(false);
    config["metadata"] = json!({ LOG_ID: log.as_str() });
    config
}

/// Returns the settings of the bucket of skeletons, as NATS makes buckets; but none can be
/// taken out of it, and only its leader answers, which has all that was written.
fn bucket_config(stream: &str, replicas: usize) -> Value {
    let bucket = skeletons::bucket(stream);
    let mut config = kept(&skeletons::stream_of(&bucket), &format!("$KV.{bucket}.>"), replicas);
    config["max_msgs_per_subject"] = json!(1);
    config["deny_delete"] = json!(true);
    config
}

/// Returns the name of the bucket with the files of a log.
pub(crate) fn files_bucket(stream: &str) -> String {
    format!("{stream}-files")
}

/// Returns the name of the stream in which NATS keeps the objects of a bucket.
pub(crate) fn object_stream(bucket: &str) -> String {
    format!("OBJ_{bucket}")
}

/// Returns the settings of the bucket of files, as NATS makes buckets of objects; but only its
/// leader answers. Erasing deletes messages.
fn files_config(stream: &str, replicas: usize) -> Value {
    let bucket = files_bucket(stream);
    let mut config = kept(&object_stream(&bucket), "", replicas);
    config["subjects"] = json!([format!("$O.{bucket}.C.>"), format!("$O.{bucket}.M.>")]);
    config
}

/// Returns settings with which nothing is ever dropped, and only the leader answers.
pub(crate) fn kept(name: &str, subjects: &str, replicas: usize) -> Value {
    json!({
        "name": name,
        "subjects": [subjects],
        "storage": "file",
        "retention": "limits",
        "discard": "new",
        "num_replicas": replicas,
        "max_age": 0,
        "max_msgs": -1,
        "max_bytes": -1,
        "max_consumers": -1,
        "deny_purge": true,
        "allow_rollup_hdrs": false,
        "allow_direct": false,
    })
}

/// Reasons why a request has no answer.
pub(super) enum Failed {
    Api(ApiError),
    /// There is none in time.
    Silence,
    Request(String),
}

impl Failed {
    /// Tells whether it ends by itself: the servers may be choosing a leader.
    fn is_passing(&self) -> bool {
        match self {
            Failed::Silence => true,
            Failed::Api(error) => error.err_code == NO_LEADER,
            Failed::Request(_) => false,
        }
    }
}

impl From<Failed> for ClusterError {
    fn from(failed: Failed) -> ClusterError {
        ClusterError::Refused(match failed {
            Failed::Api(error) => error.description,
            Failed::Silence => "JetStream does not answer in time".to_owned(),
            Failed::Request(error) => error,
        })
    }
}

/// Asks JetStream's own interface for something that may be done twice, and asks again while
/// the servers choose a leader.
pub(super) async fn request<T: serde::de::DeserializeOwned>(
    context: &Context,
    subject: &str,
    payload: &Value,
) -> Result<T, Failed> {
    until_led(Failed::is_passing, || request_once(context, subject, payload)).await
}

/// Asks for something again and again, while the servers may be choosing a leader and the error
/// is one that passes.
pub(crate) async fn until_led<T, E, F: Future<Output = Result<T, E>>>(
    is_passing: impl Fn(&E) -> bool,
    ask: impl Fn() -> F,
) -> Result<T, E> {
    let until = Instant::now() + ELECTION_MAX;
    let mut is_told = false;
    loop {
        match ask().await {
            Err(error) if is_passing(&error) && Instant::now() < until => {
                if !is_told {
                    tracing::info!("waiting until JetStream has a leader");
                    is_told = true;
                }
                sleep(ASK_AGAIN_AFTER).await;
            }
            answer => return answer,
        }
    }
}

/// Asks JetStream's own interface.
pub(super) async fn request_once<T: serde::de::DeserializeOwned>(
    context: &Context,
    subject: &str,
    payload: &Value,
) -> Result<T, Failed> {
    match context.request(subject.to_owned(), payload).await {
        Ok(Reply::Answer(answer)) => Ok(answer),
        Ok(Reply::Error { error }) => Err(Failed::Api(error)),
        Err(error) => Err(match error.kind() {
            RequestErrorKind::TimedOut => Failed::Silence,
            RequestErrorKind::NoResponders => Failed::Request("JetStream is not there".to_owned()),
            _ => Failed::Request(error.to_string()),
        }),
    }
}
