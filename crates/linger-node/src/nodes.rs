//! The nodes of a cluster: each says every few seconds what it is, what it knows and how far
//! it has read, in a key-value bucket beside the stream (docs/decisions/0063, 0064).
//!
//! From that each finds out which words all of them know ([`agreement`]), and whether all
//! have made the same of the log ([`comparison`]). `Node::attend` does it while a node runs;
//! the operator's commands read the same bucket. Nothing in it is truth: a record that is
//! lost is written again.

mod agreement;
mod comparison;
mod record;

use std::time::Duration;

use linger_core::{Position, Vocabulary};

pub(crate) use agreement::Agreement;
pub(crate) use comparison::{Comparison, Verdict};
pub(crate) use record::{Milestone, Record, Seen};

use crate::log::jetstream::ClusterSettings;

/// Between two words of a node.
pub(crate) const BEAT: Duration = Duration::from_secs(5);
/// A node that missed three of them is missing.
pub(crate) const MISSING_AFTER: Duration = Duration::from_secs(16);
/// So long a node that is silent still counts where all must know something: it may be about
/// to come back as it was. Longer than a machine takes to start anew.
pub(crate) const COUNTS_FOR: Duration = Duration::from_secs(600);

/// How a node shows itself to the others.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    /// The name that people give it.
    pub name: String,
    /// The highest vocabulary that it reads and writes.
    pub vocabulary: Vocabulary,
}

impl Member {
    /// A node that knows all that this version knows.
    pub fn named(name: impl Into<String>) -> Member {
        Member { name: name.into(), vocabulary: Vocabulary::LATEST }
    }

    /// Returns it as a node of an earlier version, which knows no higher vocabulary than
    /// this number; none if there is no such one. For tests of upgrades.
    pub fn knowing(self, vocabulary: u32) -> Option<Member> {
        Some(Member { vocabulary: Vocabulary::known(vocabulary)?, ..self })
    }
}

impl Default for Member {
    /// Has the name of the machine.
    fn default() -> Member {
        let system = rustix::system::uname();
        Member::named(system.nodename().to_string_lossy())
    }
}

/// The seat of a running node among the others.
pub(crate) struct Seat {
    /// Made once for each data folder.
    pub(crate) id: String,
    /// Random at each start.
    pub(crate) start: String,
    pub(crate) member: Member,
    pub(crate) cluster: ClusterSettings,
    /// Servers that keep what the nodes say.
    pub(crate) replicas: usize,
}

impl Seat {
    /// Tells whether this node wrote a record since it was started.
    pub(crate) fn wrote(&self, record: &Record) -> bool {
        record.start == self.start
    }

    /// Returns what the node says of itself when it has applied so much.
    pub(crate) fn record(&self, applied: Position, milestone: Option<Milestone>) -> Record {
        Record {
            name: self.member.name.clone(),
            start: self.start.clone(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            vocabulary: self.member.vocabulary.get(),
            applied,
            milestone,
            has_stopped: false,
        }
    }
}
