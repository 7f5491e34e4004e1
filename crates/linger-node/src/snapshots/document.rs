//! The document in the bucket: which snapshots there are, and who is at work.
//!
//! One JSON object, replaced as a whole and only by somebody who knows the last one, so that
//! of two nodes with the same idea one goes to work. It has no text of any message.

use linger_core::{About, LogId, Position};
use serde::{Deserialize, Serialize};

/// So many are kept: one that is new, and one that somebody may be fetching.
const KEPT: usize = 2;

/// All that there is.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Document {
    /// The newest first.
    pub(super) snapshots: Vec<Snapshot>,
    /// One that is being made.
    pub(super) making: Option<Making>,
    /// Somebody is erasing the chunks of those that are not here any more.
    pub(super) is_erasing: bool,
    /// A node is far behind, and waits for one.
    pub(super) is_wanted: bool,
    /// When the last one was begun.
    pub(super) begun_ms: i64,
}

/// A snapshot that is whole.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Snapshot {
    /// Its name, which no other one has.
    pub(super) id: String,
    /// The log that it is of.
    pub(super) log: String,
    /// How far it is.
    pub(super) position: u64,
    /// A sign of the entry there, which no other past of the log has.
    pub(super) sign: String,
    /// The form of its tables.
    pub(super) form: u32,
    /// The version of the program that made it.
    pub(super) program: String,
    /// Bytes of the file, and of a chunk of it before it is packed.
    pub(super) bytes: u64,
    pub(super) chunk_bytes: u64,
    /// Bytes of all chunks, packed.
    pub(super) packed_bytes: u64,
    /// The file's SHA-256, in hex.
    pub(super) sha256: String,
    /// All that entries up to here ask for is erased from the log.
    pub(super) erased_upto: u64,
    pub(super) made_ms: i64,
}

/// A snapshot that is being made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Making {
    pub(super) id: String,
    /// Written anew every few seconds: a maker that is alive changes it.
    pub(super) chunks: u64,
}

impl Snapshot {
    /// Returns how many chunks it has.
    pub(super) fn chunks(&self) -> u64 {
        self.bytes.div_ceil(self.chunk_bytes.max(1))
    }

    /// Tells whether a node of this log can take it: it has tables of the form that the node
    /// knows, and ends no later than the log.
    pub(super) fn is_usable(&self, log: LogId, tail: Position) -> bool {
        let about = self.about();
        about.log == log.as_str() && about.is_current() && about.applied <= tail
    }

    /// Returns what the file has to say about itself, beside the time.
    pub(super) fn about(&self) -> About {
        let applied = Position::new(self.position.min(Position::MAX.get()));
        About { log: self.log.clone(), applied, at: None, form: self.form }
    }
}

impl Document {
    /// Adds one that was made, and drops those that are too many.
    pub(super) fn add(&mut self, snapshot: Snapshot) {
        (self.making, self.is_wanted) = (None, false);
        self.snapshots.insert(0, snapshot);
        if self.snapshots.len() > KEPT {
            self.snapshots.truncate(KEPT);
            self.is_erasing = true;
        }
    }

    /// Returns the newest that a node of this log can take.
    pub(super) fn newest(&self, log: LogId, tail: Position) -> Option<&Snapshot> {
        let usable = self.snapshots.iter().filter(|it| it.is_usable(log, tail));
        usable.max_by_key(|it| it.position)
    }

    /// Tells whether the chunks of a snapshot of this name are to stay.
    pub(super) fn names(&self, id: &str) -> bool {
        let making = self.making.as_ref().map(|it| &*it.id);
        self.snapshots.iter().map(|it| &*it.id).chain(making).any(|it| it == id)
    }
}
