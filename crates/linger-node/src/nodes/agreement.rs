//! Which vocabulary entries are written in: the highest that all nodes know.
//!
//! A newer one takes effect with the first entry that is written in it, and each entry says
//! its own. From then on it stays, whoever comes: an older node reads that entry, and stops
//! with "run the newer version". A log of one node alone is written in all that it knows.

use std::sync::atomic::{AtomicU32, Ordering};

use linger_core::Vocabulary;

use super::Seen;

/// The words that this node knows, and those that all do.
#[derive(Debug)]
pub(crate) struct Agreement {
    known: Vocabulary,
    agreed: AtomicU32,
}

impl Agreement {
    /// A node by itself, or one that has not heard of the others yet, which knows so much.
    pub(crate) fn of(known: Vocabulary) -> Agreement {
        Agreement { known, agreed: AtomicU32::new(known.get()) }
    }

    /// Returns the highest vocabulary that this node knows.
    pub(crate) fn known(&self) -> Vocabulary {
        self.known
    }

    /// Returns the vocabulary that entries are written in.
    pub(crate) fn agreed(&self) -> Vocabulary {
        let agreed = Vocabulary::known(self.agreed.load(Ordering::Acquire));
        agreed.expect("it is one of those that this node knows")
    }

    /// Takes note of the other nodes, and of the highest rules that the log has entries of.
    /// Tells whether that changed anything.
    pub(crate) fn note(&self, rules: Vocabulary, others: &[Seen]) -> bool {
        let counted = others.iter().filter(|other| other.counts());
        let least = counted.map(|other| other.record.vocabulary).min().unwrap_or(u32::MAX);
        let agreed = least.max(rules.get()).clamp(Vocabulary::FIRST.get(), self.known.get());
        self.agreed.swap(agreed, Ordering::AcqRel) != agreed
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use linger_core::Position;

    use super::*;
    use crate::nodes::{COUNTS_FOR, Record};

    fn node(vocabulary: u32, silent_for: Duration) -> Seen {
        let [name, version, start] = [(); 3].map(|()| String::new());
        let (applied, milestone) = (Position::START, None);
        let record =
            Record { name, start, version, vocabulary, applied, milestone, has_stopped: false };
        Seen { id: String::new(), record, silent_for }
    }

    #[test]
    fn entries_are_written_in_what_all_nodes_know_that_are_not_silent_for_long() {
        let (now, late) = (Duration::ZERO, COUNTS_FOR);
        let latest = Vocabulary::LATEST.get();
        let older = latest - 1;
        for (case, known, rules, others, expected) in [
            ("alone", latest, 1, vec![], latest),
            ("one of the same age", latest, 1, vec![node(latest, now)], latest),
            ("an older one", latest, 1, vec![node(latest, now), node(older, now)], older),
            ("a newer one", latest, 1, vec![node(latest + 1, now)], latest),
            ("beside a newer one", older, 1, vec![node(latest, now)], older),
            ("an older one that may come back", latest, 1, vec![node(older, late / 2)], older),
            ("an older one that was silent for long", latest, 1, vec![node(older, late)], latest),
            ("an older one that came too late", latest, latest, vec![node(older, now)], latest),
            ("one that says nonsense", latest, 1, vec![node(0, now)], 1),
        ] {
            let known = Vocabulary::known(known).unwrap();
            let agreement = Agreement::of(known);
            agreement.note(Vocabulary::known(rules).unwrap(), &others);
            assert_eq!(agreement.agreed().get(), expected, "{case}");
            assert_eq!(agreement.known(), known);
        }
    }
}
