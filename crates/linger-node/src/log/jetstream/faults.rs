//! Whether a stream, or a bucket beside it, can lose what was acknowledged, by its settings
//! alone. The servers' own are judged in `cluster.rs`.

use serde_json::{Value, json};

use super::{
    skeletons,
    stream::{AboutStream, DUPLICATE_WINDOW_NS, files_bucket, subject},
};

impl AboutStream {
    /// Returns what in its settings can lose entries, a sentence each with what to change.
    pub(crate) fn faults(&self, replicas_min: usize) -> Vec<String> {
        let config = &self.config;
        let stream = config["name"].as_str().unwrap_or_default();
        let is = |key: &str, wanted: Value| config[key] == wanted;
        let is_unset = |key: &str| config[key].as_i64().is_none_or(|number| number <= 0);
        let replicas = config["num_replicas"].as_u64().unwrap_or(1);
        let edit = format!("nats stream edit {stream}");
        let anew = "that cannot be changed: make another stream with 'linger cluster init'";
        let mut faults = Vec::new();
        let mut check = |is_right: bool, fault: String| {
            if !is_right {
                faults.push(fault);
            }
        };
        check(
            replicas >= replicas_min as u64,
            format!(
                "the stream {stream} has {replicas} of {replicas_min} replicas; raise that: {edit} --replicas {replicas_min}"
            ),
        );
        check(
            is("storage", "file".into()),
            format!("the stream {stream} is kept in memory; {anew}"),
        );
        check(
            config["persist_mode"].as_str().is_none_or(|mode| mode == "default"),
            format!(
                "the stream {stream} has persist_mode async, which acknowledges before the disk has it; {anew}"
            ),
        );
        check(
            is("retention", "limits".into()),
            format!("the stream {stream} drops entries that were read (retention); {anew}"),
        );
        for (key, flag) in [
            ("max_age", "--max-age=-1"),
            ("max_msgs", "--max-msgs=-1"),
            ("max_bytes", "--max-bytes=-1"),
            ("max_msgs_per_subject", "--max-msgs-per-subject=-1"),
        ] {
            let fault = format!(
                "the stream {stream} drops its oldest entries ({key}); lift that: {edit} {flag}"
            );
            check(is_unset(key), fault);
        }
        check(
            is("deny_purge", true.into()),
            format!("the stream {stream} can be purged; forbid it: {edit} --deny-purge"),
        );
        check(
            !is("deny_delete", true.into()),
            format!(
                "the stream {stream} forbids deleting messages, so that nothing can be erased; {anew}"
            ),
        );
        check(
            !is("allow_rollup_hdrs", true.into()),
            format!(
                "a message can replace all others in the stream {stream}; forbid it: {edit} --no-allow-rollup"
            ),
        );
        check(
            !is("no_ack", true.into()),
            format!("the stream {stream} acknowledges nothing; change it: {edit} --ack"),
        );
        check(
            config["duplicate_window"].as_u64().unwrap_or(0) >= DUPLICATE_WINDOW_NS,
            format!(
                "the stream {stream} forgets too early what was sent twice; change it: {edit} --dupe-window=10m"
            ),
        );
        check(
            config["subjects"] == json!([subject(stream)]),
            format!(
                "the stream {stream} takes other subjects than {}; change it: {edit} --subjects {}",
                subject(stream),
                subject(stream)
            ),
        );
        faults
    }
}

/// Returns what in the settings of the bucket of skeletons can lose one, a sentence each.
/// `bucket` is the stream in which NATS keeps it, if it is there.
pub(crate) fn bucket_faults(
    stream: &str,
    bucket: Option<&AboutStream>,
    replicas_min: usize,
) -> Vec<String> {
    let name = skeletons::bucket(stream);
    let Some(AboutStream { config, .. }) = bucket else {
        return vec![format!(
            "there is no bucket {name}, by which erased entries are told from lost ones; put it back from a backup, or make it, if nothing was ever deleted: nats kv add {name} --storage=file --replicas={replicas_min}"
        )];
    };
    let mut faults = Vec::new();
    let replicas = config["num_replicas"].as_u64().unwrap_or(1);
    if replicas < replicas_min as u64 {
        faults.push(format!(
            "the bucket {name} has {replicas} of {replicas_min} replicas; raise that: nats kv edit {name} --replicas={replicas_min}"
        ));
    }
    if config["storage"] != "file" {
        faults
            .push(format!("the bucket {name} is kept in memory; make it anew with --storage=file"));
    }
    let is_unset = |key: &str| config[key].as_i64().is_none_or(|number| number <= 0);
    if !["max_age", "max_msgs", "max_bytes"].into_iter().all(is_unset) {
        faults.push(format!(
            "the bucket {name} drops its oldest values; lift that: nats kv edit {name} --ttl=0 --max-bucket-size=-1"
        ));
    }
    faults
}

/// Returns what in the settings of the bucket of files can lose one, or keep it from being
/// erased, a sentence each. `bucket` is the stream in which NATS keeps it, if it is there.
pub(crate) fn files_faults(
    stream: &str,
    bucket: Option<&AboutStream>,
    replicas_min: usize,
) -> Vec<String> {
    let name = files_bucket(stream);
    let Some(AboutStream { config, .. }) = bucket else {
        return vec![format!(
            "there is no bucket {name}, in which files are kept; put it back from a backup, or make it, if there were none: nats object add {name} --storage=file --replicas={replicas_min}"
        )];
    };
    let mut faults = Vec::new();
    let replicas = config["num_replicas"].as_u64().unwrap_or(1);
    if replicas < replicas_min as u64 {
        faults.push(format!(
            "the bucket {name} has {replicas} of {replicas_min} replicas; raise that: nats stream edit OBJ_{name} --replicas={replicas_min}"
        ));
    }
    if config["storage"] != "file" {
        faults
            .push(format!("the bucket {name} is kept in memory; make it anew with --storage=file"));
    }
    if config["max_age"].as_i64().is_some_and(|age| age > 0) {
        faults.push(format!(
            "the bucket {name} drops its oldest files; lift that: nats stream edit OBJ_{name} --max-age=-1"
        ));
    }
    if config["deny_delete"] == true || config["sealed"] == true {
        faults.push(format!(
            "the bucket {name} forbids deleting messages, so that no file can be erased; make it anew"
        ));
    }
    faults
}
