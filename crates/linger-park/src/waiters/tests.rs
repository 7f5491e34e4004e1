//! The lists against a naive second opinion: a plain list of keys and topics.

use proptest::{prelude::*, test_runner::RngSeed};

use super::*;

struct Slot(Stand);

impl AsMut<Stand> for Slot {
    fn as_mut(&mut self) -> &mut Stand {
        &mut self.0
    }
}

impl AsRef<Stand> for Slot {
    fn as_ref(&self) -> &Stand {
        &self.0
    }
}

/// An operation on the lists. Numbers are taken modulo what there is.
#[derive(Debug, Clone)]
enum Act {
    Enter(u64),
    Leave(usize),
    /// All of a topic are called: each leaves, and enters again or not.
    Call(u64, u64),
}

fn acts() -> impl Strategy<Value = Act> {
    prop_oneof![
        5 => (0..5_u64).prop_map(Act::Enter),
        3 => (0..1000_usize).prop_map(Act::Leave),
        1 => (0..5_u64, any::<u64>()).prop_map(|(topic, who)| Act::Call(topic, who)),
    ]
}

fn listed(waiters: &Waiters, slots: &Slots<Slot>, topic: Topic) -> Vec<u32> {
    std::iter::successors(waiters.first(topic), |&key| next_of(slots, key)).collect()
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 512,
        rng_seed: RngSeed::Fixed(7),
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn who_enters_leaves_and_is_called_is_as_in_a_plain_list(
        acts in prop::collection::vec(acts(), 0..200),
    ) {
        let mut slots = Slots::new();
        let mut waiters = Waiters::default();
        // Newest first.
        let mut model: Vec<(u32, Topic)> = Vec::new();
        for act in acts {
            match act {
                Act::Enter(topic) => {
                    let key = slots.insert(Slot(Stand::NOWHERE)) as u32;
                    waiters.enter(&mut slots, key, Topic(topic));
                    model.insert(0, (key, Topic(topic)));
                }
                Act::Leave(which) if !model.is_empty() => {
                    let (key, _) = model.remove(which % model.len());
                    waiters.leave(&mut slots, key);
                    slots.remove(key as usize);
                }
                Act::Leave(_) => {}
                Act::Call(topic, who) => {
                    let topic = Topic(topic);
                    let expected: Vec<u32> =
                        model.iter().filter(|(_, of)| *of == topic).map(|(key, _)| *key).collect();
                    let mut called = Vec::new();
                    let mut next = waiters.first(topic);
                    while let Some(key) = next {
                        next = next_of(&slots, key);
                        called.push(key);
                        waiters.leave(&mut slots, key);
                        model.retain(|(other, _)| *other != key);
                        if who >> (key % 64) & 1 == 1 {
                            waiters.enter(&mut slots, key, topic);
                            model.insert(0, (key, topic));
                        } else {
                            slots.remove(key as usize);
                        }
                    }
                    prop_assert_eq!(called, expected, "each once, and nobody who came meanwhile");
                }
            }
            prop_assert_eq!(waiters.len(), model.len());
            for topic in (0..5).map(Topic) {
                let expected: Vec<u32> =
                    model.iter().filter(|(_, of)| *of == topic).map(|(key, _)| *key).collect();
                prop_assert_eq!(waiters.parked().has(topic), !expected.is_empty());
                prop_assert_eq!(listed(&waiters, &slots, topic), expected);
            }
            let topics = waiters.parked().topics().count();
            prop_assert_eq!(waiters.parked().topics_len(), topics);
        }
    }
}
