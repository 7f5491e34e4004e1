//! Whether all nodes have made the same of the log: their running hashes are compared where
//! they meet, at milestones.
//!
//! A node that has a majority on its side goes on, and names the other. One that cannot have
//! a majority any more stops: by itself against two, and each of two that disagree. While
//! some node's hash is still to be compared, and could decide it, nobody stops.

use std::collections::BTreeMap;

use linger_core::Position;

use super::Seen;

/// The other nodes' hashes, as they compared with our own. By their ids.
#[derive(Debug, Default)]
pub(crate) struct Comparison(BTreeMap<String, View>);

#[derive(Debug, Clone)]
struct View {
    name: String,
    at: Position,
    /// None: one of the two is still to come to the place where they meet.
    agrees: Option<bool>,
}

/// The conclusion of a comparison.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// Nobody disagrees.
    Same,
    /// Somebody does, and it is not known yet who has the majority.
    Undecided,
    /// A majority has made the same as this node, and these nodes have not.
    OthersDiffer(String),
    /// This node has no majority on its side: it stops, for this reason.
    Stop(String),
}

impl Comparison {
    /// Compares with the other nodes' latest words. `hash_at` is our own hash at a milestone,
    /// if we have passed it.
    pub(crate) fn judge(
        &mut self,
        others: &[Seen],
        hash_at: impl Fn(Position) -> Option<u64>,
    ) -> Verdict {
        let mut views = BTreeMap::new();
        for Seen { id, record, .. } in others.iter().filter(|other| !other.record.has_stopped) {
            // Before its first milestone a node has nothing to say.
            let milestone = record.milestone.as_ref();
            let Some(milestone) = milestone.filter(|it| it.position > Position::START) else {
                continue;
            };
            let at = milestone.position;
            let agrees = hash_at(at).map(|own| milestone.is(own));
            let view = View { name: record.name.clone(), at, agrees };
            let before = self.0.remove(id).filter(|before| before.agrees.is_some());
            // An earlier finding holds until there is something to compare again.
            let view = if agrees.is_some() { view } else { before.unwrap_or(view) };
            views.insert(id.clone(), view);
        }
        self.0 = views;
        self.verdict()
    }

    fn verdict(&self) -> Verdict {
        let count = |agrees| self.0.values().filter(|view| view.agrees == agrees).count();
        let (agreeing, differing, open) = (count(Some(true)), count(Some(false)), count(None));
        let nodes = 1 + agreeing + differing + open;
        let is_majority = |nodes_on_our_side: usize| 2 * nodes_on_our_side > nodes;
        if differing == 0 {
            return Verdict::Same;
        }
        let those = self.0.values().filter(|view| view.agrees == Some(false));
        let names: Vec<_> = those.clone().map(|view| &*view.name).collect();
        let names = names.join(", ");
        let at = those.map(|view| view.at).min().expect("there are some");
        if is_majority(1 + agreeing) {
            return Verdict::OthersDiffer(format!(
                "up to entry {at} of the log, this is not what most nodes have made of it: {names}; it stops by itself: delete projection.db there, so that it is made anew from the log, and report this"
            ));
        }
        if is_majority(1 + agreeing + open) {
            return Verdict::Undecided;
        }
        Verdict::Stop(format!(
            "up to entry {at}, this node has made something else of the log than {names}, and it has no majority of the nodes on its side; delete projection.db, so that it is made anew from the log (on those nodes, too, if they say the same), start again, and report this"
        ))
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use proptest::prelude::*;

    use super::*;
    use crate::nodes::{Milestone, Record};

    fn node(name: &str, milestone: Option<(u64, u64)>) -> Seen {
        let milestone = milestone.map(|(at, hash)| Milestone::new(Position::new(at), hash));
        let record = Record {
            name: name.to_owned(),
            start: String::new(),
            version: String::new(),
            vocabulary: 4,
            applied: Position::START,
            milestone,
            has_stopped: false,
        };
        Seen { id: format!("id-{name}"), record, silent_for: Duration::ZERO }
    }

    /// We are at 1,000, and our hash is 7 everywhere.
    fn ours(at: Position) -> Option<u64> {
        (at.get() <= 1000).then_some(7)
    }

    fn kind(verdict: &Verdict) -> &'static str {
        match verdict {
            Verdict::Same => "same",
            Verdict::Undecided => "undecided",
            Verdict::OthersDiffer(_) => "others differ",
            Verdict::Stop(_) => "stop",
        }
    }

    #[test]
    fn the_node_without_a_majority_stops_and_the_others_name_it() {
        let (right, wrong) = (Some((512, 7)), Some((768, 8)));
        let (ahead, silent) = (Some((1024, 7)), None);
        for (others, expected) in [
            (vec![], "same"),
            (vec![("b", right)], "same"),
            (vec![("b", ahead), ("c", silent)], "same"),
            (vec![("b", wrong)], "stop"),
            (vec![("b", right), ("c", wrong)], "others differ"),
            (vec![("b", wrong), ("c", Some((768, 9)))], "stop"),
            (vec![("b", wrong), ("c", wrong)], "stop"),
            (vec![("b", wrong), ("c", ahead)], "undecided"),
            (vec![("b", wrong), ("c", silent)], "stop"),
            (vec![("b", right), ("c", right), ("d", wrong), ("e", wrong)], "others differ"),
            (vec![("b", right), ("c", wrong), ("d", wrong)], "stop"),
        ] {
            let seen: Vec<_> = others.iter().map(|(name, at)| node(name, *at)).collect();
            let verdict = Comparison::default().judge(&seen, ours);
            assert_eq!(kind(&verdict), expected, "{others:?}: {verdict:?}");
            if let Verdict::OthersDiffer(words) | Verdict::Stop(words) = verdict {
                assert!(words.contains("projection.db") && words.contains("entry 768"), "{words}");
            }
        }
    }

    #[test]
    fn what_was_compared_holds_until_there_is_something_to_compare_again() {
        let mut comparison = Comparison::default();
        let wrong = node("c", Some((768, 8)));
        let verdict = comparison.judge(&[node("b", Some((512, 7))), wrong.clone()], ours);
        assert_eq!(kind(&verdict), "others differ");
        let verdict = comparison.judge(&[node("b", Some((2048, 1))), wrong.clone()], ours);
        assert_eq!(kind(&verdict), "others differ", "b is ahead, and was right");
        let mut stopped = wrong;
        stopped.record.has_stopped = true;
        assert_eq!(comparison.judge(&[node("b", Some((2048, 1))), stopped], ours), Verdict::Same);
    }

    proptest! {
        /// However far each node is: of the same log all say the same, and where a minority
        /// has another hash, no node of the majority ever stops, and each of the minority
        /// does once all can be compared.
        #[test]
        fn no_node_of_the_majority_stops_however_far_each_is(
            places in prop::collection::vec(0..8_u64, 1..8),
            wrong in prop::collection::vec(any::<bool>(), 8),
        ) {
            let is_wrong = |at: usize| wrong[at];
            let wrong_count = (0..places.len()).filter(|at| is_wrong(*at)).count();
            let minority = 2 * wrong_count < places.len();
            let hash = |at: usize| 7 + u64::from(is_wrong(at));
            let seen = |at: usize| {
                let place = places[at];
                node(&at.to_string(), (place > 0).then_some((place * 256, hash(at))))
            };
            for at in 0..places.len() {
                let others: Vec<_> = (0..places.len()).filter(|it| *it != at).map(seen).collect();
                let own = |place: Position| {
                    (place.get() <= places[at] * 256).then_some(hash(at))
                };
                let verdict = Comparison::default().judge(&others, own);
                let has_opinion = places.iter().filter(|place| **place > 0).count();
                if wrong_count == 0 {
                    prop_assert_eq!(&verdict, &Verdict::Same);
                }
                let all_speak = has_opinion == places.len();
                let is_last = places.iter().all(|place| *place <= places[at]);
                if minority && all_speak && !is_wrong(at) {
                    prop_assert_ne!(kind(&verdict), "stop", "{}", at);
                }
                if minority && all_speak && is_wrong(at) && is_last {
                    prop_assert_eq!(kind(&verdict), "stop", "{}", at);
                }
            }
        }
    }
}
