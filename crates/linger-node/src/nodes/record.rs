//! The words of a node about itself, as JSON under its id. Later versions may say more: what is
//! unknown is passed over.

use std::time::Duration;

use linger_core::Position;
use serde::{Deserialize, Serialize};

use super::{COUNTS_FOR, MISSING_AFTER};

/// A node's own words.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Record {
    pub(crate) name: String,
    /// Another one at each start, to notice two nodes with one id.
    #[serde(default)]
    pub(crate) start: String,
    pub(crate) version: String,
    /// The number of the highest vocabulary that it knows.
    pub(crate) vocabulary: u32,
    pub(crate) applied: Position,
    /// The latest one that it has passed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) milestone: Option<Milestone>,
    /// It has stopped, because it has made something else of the log than the others.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(crate) has_stopped: bool,
}

/// The running hash at a milestone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Milestone {
    pub(crate) position: Position,
    /// 16 hex digits: not every reader of JSON keeps so large a number.
    hash: String,
}

/// A node as the others see it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Seen {
    pub(crate) id: String,
    pub(crate) record: Record,
    /// By the clock of the NATS servers.
    pub(crate) silent_for: Duration,
}

impl Milestone {
    pub(crate) fn new(position: Position, hash: u64) -> Milestone {
        Milestone { position, hash: format!("{hash:016x}") }
    }

    /// Tells whether it is this hash.
    pub(crate) fn is(&self, hash: u64) -> bool {
        *self == Milestone::new(self.position, hash)
    }
}

impl Seen {
    /// Tells whether it was not heard of when it should have been.
    pub(crate) fn is_missing(&self) -> bool {
        self.silent_for >= MISSING_AFTER
    }

    /// Tells whether it counts where all nodes must know something.
    pub(crate) fn counts(&self) -> bool {
        self.silent_for < COUNTS_FOR
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_is_read_as_it_was_written_and_by_an_older_version_too() {
        let record = Record {
            name: "a".to_owned(),
            start: "77".to_owned(),
            version: "0.1.0".to_owned(),
            vocabulary: 4,
            applied: Position::new(700),
            milestone: Some(Milestone::new(Position::new(512), 0xabc)),
            has_stopped: false,
        };
        let json = r#"{"name":"a","start":"77","version":"0.1.0","vocabulary":4,"applied":700,"milestone":{"position":512,"hash":"0000000000000abc"}}"#;
        assert_eq!(serde_json::to_string(&record).unwrap(), json);
        let later = json.replace("{\"name\"", "{\"more\":[1],\"name\"");
        assert_eq!(serde_json::from_str::<Record>(&later).unwrap(), record);
        assert!(record.milestone.unwrap().is(0xabc));
    }
}
