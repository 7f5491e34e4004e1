//! Runs scenarios against servers, round by round.
//!
//! Every run has a fresh server in a fresh folder, and rounds are interleaved, so that
//! other work of the machine disturbs all servers alike.

use std::time::Instant;

use crate::{
    figures::Figures,
    limits::connections_allowed,
    report::{Record, Report},
    scenario::{Outcome, Scenario},
    servers::Servers,
    target::Kind,
};

/// A scenario, and the servers to play it with.
pub(crate) struct Act {
    pub(crate) scenario: Scenario,
    pub(crate) kinds: Vec<Kind>,
}

/// Plays every act `rounds` times with each of its servers, and enters medians
/// in the report. If a peer fails, it is left out and named; if Linger fails, so do we.
pub(crate) fn play(
    servers: &Servers,
    acts: &[Act],
    rounds: usize,
    report: &mut Report,
) -> anyhow::Result<()> {
    for act in acts {
        let mut runs: Vec<(Kind, String, Vec<Outcome>)> =
            act.kinds.iter().map(|kind| (*kind, String::new(), Vec::new())).collect();
        for round in 1..=rounds {
            let mut failed = Vec::new();
            for (kind, version, outcomes) in &mut runs {
                let begin = Instant::now();
                match once(servers, *kind, act.scenario) {
                    Ok((outcome, said)) => {
                        *version = said;
                        for what in &outcome.left_out {
                            let (name, title) = (kind.name(), act.scenario.title());
                            leave_out(report, format!("{name}, '{title}': {what}"));
                        }
                        outcomes.push(outcome);
                    }
                    Err(error) if *kind == Kind::Linger || act.kinds.len() == 1 => {
                        return Err(error);
                    }
                    Err(error) => {
                        let name = kind.name();
                        let title = act.scenario.title();
                        leave_out(report, format!("{name} is left out of '{title}': {error:#}"));
                        failed.push(*kind);
                    }
                }
                let (title, name) = (act.scenario.title(), kind.name());
                eprintln!(
                    "{title}, round {round} of {rounds}: {name} took {:.1} s",
                    begin.elapsed().as_secs_f64()
                );
            }
            runs.retain(|(kind, _, _)| !failed.contains(kind));
        }
        for (kind, version, outcomes) in runs {
            report.records.push(record(act.scenario, kind, version, outcomes));
        }
    }
    Ok(())
}

/// Prints the sentence, and enters it in the report once, in however many rounds it comes.
fn leave_out(report: &mut Report, sentence: String) {
    if !report.left_out.contains(&sentence) {
        eprintln!("linger-bench: {sentence}");
        report.left_out.push(sentence);
    }
}

fn once(
    servers: &Servers,
    kind: Kind,
    mut scenario: Scenario,
) -> anyhow::Result<(Outcome, String)> {
    let mut target = servers.start(kind)?;
    let (count, each) = scenario.connections();
    *count = connections_allowed(*count * each, target.process())? / each;
    let outcome = scenario.run(&mut *target)?;
    let version = target.version().to_owned();
    for fault in &outcome.faults {
        eprintln!("linger-bench: WRONG with {}: {fault}", kind.name());
    }
    Ok((outcome, version))
}

fn record(scenario: Scenario, target: Kind, version: String, outcomes: Vec<Outcome>) -> Record {
    let rounds: Vec<Figures> = outcomes.iter().map(|outcome| outcome.figures.clone()).collect();
    let mut latencies: Vec<u32> = Vec::new();
    let mut faults = Vec::new();
    for outcome in outcomes {
        latencies.extend(outcome.latencies);
        faults.extend(outcome.faults);
    }
    latencies.sort_unstable();
    let medians = Figures::medians(&rounds);
    Record { scenario: scenario.title(), target, version, medians, rounds, faults, latencies }
}
