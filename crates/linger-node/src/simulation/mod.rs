//! A small town on a clock of its own, where everything goes wrong by seed.
//!
//! Writers and readers use a node over a log that loses replies, refuses, and is
//! slow; the node crashes between append and apply and starts again. Or they use three
//! nodes over a cluster, where they go from one to another. A seed
//! decides all of it, so a failure can be replayed: the test prints the line.
//!
//! [`seeds`] draws the faults, [`faults`] is the log of one node and
//! `log/jetstream/simulated.rs` that of a cluster, [`world`] the town and
//! its weather, [`people`] its readers and writers, and [`checkers`] the laws.

mod checkers;
mod faults;
mod people;
mod seeds;
mod world;

use seeds::Plan;

#[test]
fn nothing_is_lost_doubled_reordered_or_late_whatever_goes_wrong() {
    check_each(Plan::of);
}

#[test]
fn nothing_is_lost_doubled_reordered_or_late_on_a_cluster_of_three_nodes() {
    check_each(Plan::of_cluster);
}

#[test]
fn stories_of_a_cluster_have_erased_entries_in_them() {
    let erased = (0..20).map(|seed| world::play(&Plan::of_cluster(seed)).erased);
    assert!(erased.sum::<usize>() > 20);
}

#[test]
fn stories_of_a_cluster_have_readers_who_come_to_a_node_that_is_behind_them() {
    let ahead = (0..20).map(|seed| checkers::ahead(&world::play(&Plan::of_cluster(seed))));
    let (went_on, caught_up) = ahead.fold((0, 0), |all, it| (all.0 + it.0, all.1 + it.1));
    assert!(went_on > 20 && caught_up > 20, "{went_on} as they came, {caught_up} with news");
}

fn check_each(plan_of: fn(u64) -> Plan) {
    let run = |seed| {
        let story = world::play(&plan_of(seed));
        if seeds::only_one().is_some() {
            story.lines().for_each(|line| println!("{line}"));
        }
        checkers::check(&story);
    };
    match seeds::only_one() {
        Some(seed) => run(seed),
        None => seeds::try_each(0..seeds::how_many(), run),
    }
}

#[test]
fn a_seed_tells_the_same_story_every_time() {
    let run = |seed| {
        for plan in [Plan::of(seed), Plan::of_cluster(seed)] {
            let stories = [(); 2].map(|()| world::play(&plan));
            let [once, again] = stories.each_ref().map(|story| story.lines().collect::<Vec<_>>());
            assert!(once.len() > 50, "{once:?}");
            for (once, again) in once.iter().zip(&again) {
                assert_eq!(once, again);
            }
            assert_eq!(once.len(), again.len());
        }
    };
    seeds::try_each(0..seeds::how_many() / 10, run);
}
