//! The roll of the nodes: a key-value bucket beside the stream, with a node's id as its key.
//!
//! `linger cluster init` makes it, and so does a node that finds none: nothing in it is truth.
//! Its leader answers, and stamps each record with the servers' own time. Nodes go by that,
//! since their clocks may differ.

use std::collections::BTreeMap;

use async_nats::{
    HeaderMap,
    datetime::parse_rfc3339,
    jetstream::{Context, stream::RawMessageErrorKind},
};
use serde::Deserialize;
use serde_json::json;

use super::{
    ClusterError,
    skeletons::stream_of,
    stream::{AboutStream, kept, request},
};
use crate::nodes::{Record, Seen};

/// As NATS marks a key that was taken out.
const OPERATION: &str = "KV-Operation";
const DELETED: &str = "DEL";

/// The roll of one stream's nodes.
pub(crate) struct Roll {
    context: Context,
    bucket: String,
}

/// The bucket's stream, with its subjects.
#[derive(Deserialize)]
struct AboutRoll {
    /// The servers' time.
    ts: String,
    state: Subjects,
}

#[derive(Deserialize)]
struct Subjects {
    #[serde(default)]
    subjects: Option<BTreeMap<String, u64>>,
}

impl Roll {
    /// Opens it, and makes it if it is not there, with as many replicas.
    ///
    /// Errors: the cluster cannot be asked, or does not let us make it.
    pub(crate) async fn open(
        context: Context,
        stream: &str,
        replicas: usize,
    ) -> Result<Roll, ClusterError> {
        let bucket = bucket(stream);
        let name = stream_of(&bucket);
        if let Err(ClusterError::NoStream(_)) = AboutStream::ask(&context, &name).await {
            let mut config = kept(&name, &format!("$KV.{bucket}.>"), replicas);
            config["max_msgs_per_subject"] = json!(1);
            let _: serde_json::Value =
                request(&context, &format!("STREAM.CREATE.{name}"), &config).await?;
        }
        Ok(Roll { context, bucket })
    }

    /// Says something of a node.
    pub(crate) async fn write(&self, id: &str, record: &Record) -> Result<(), ClusterError> {
        let record = serde_json::to_vec(record).expect("it has no maps and no failing parts");
        let sent = self.context.publish(self.subject(id), record.into()).await;
        sent.map_err(refused)?.await.map_err(refused)?;
        Ok(())
    }

    /// Takes a node out: it will not come back.
    pub(crate) async fn forget(&self, id: &str) -> Result<(), ClusterError> {
        let mut headers = HeaderMap::new();
        headers.insert(OPERATION, DELETED);
        let sent = self.context.publish_with_headers(self.subject(id), headers, "".into()).await;
        sent.map_err(refused)?.await.map_err(refused)?;
        Ok(())
    }

    /// Returns all nodes that have said something, by their ids. A record that cannot be
    /// read is of a later form, and passed over.
    pub(crate) async fn read(&self) -> Result<Vec<Seen>, ClusterError> {
        let name = stream_of(&self.bucket);
        let all = json!({ "subjects_filter": ">" });
        let about: AboutRoll = request(&self.context, &format!("STREAM.INFO.{name}"), &all).await?;
        let now = parse_rfc3339(&about.ts).map_err(refused)?;
        let stream = self.context.get_stream_no_info(&name).await.map_err(refused)?;
        let mut nodes = Vec::new();
        for subject in about.state.subjects.unwrap_or_default().into_keys() {
            let found = match stream.get_last_raw_message_by_subject(&subject).await {
                Ok(found) => found,
                Err(error) if error.kind() == RawMessageErrorKind::NoMessageFound => continue,
                Err(error) => return Err(refused(error)),
            };
            let is_there = found.headers.get(OPERATION).is_none();
            let record = serde_json::from_slice(&found.payload).ok().filter(|_| is_there);
            let Some(record) = record else { continue };
            let id = subject.rsplit('.').next().unwrap_or_default().to_owned();
            // Between two servers the time may go back a little.
            let silent_for = (now - found.time).try_into().unwrap_or_default();
            nodes.push(Seen { id, record, silent_for });
        }
        Ok(nodes)
    }

    fn subject(&self, id: &str) -> String {
        format!("$KV.{}.{id}", self.bucket)
    }
}

/// Returns the bucket's name.
fn bucket(stream: &str) -> String {
    format!("{stream}-nodes")
}

fn refused(error: impl std::fmt::Display) -> ClusterError {
    ClusterError::Refused(error.to_string())
}
