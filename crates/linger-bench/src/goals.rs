//! Linger's goals, beside nchan's figures of the same run.
//!
//! The goals are those of the project's plan for the waiting room. A ratio is of
//! medians in one run on one machine; a figure of another machine is no goal.

use crate::{
    figures::{self, Figure, Measure},
    report::{Report, align},
    scenario::Scenario,
    target::Kind,
};

/// A bound on one figure.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Bound {
    Most(f64),
    Least(f64),
    /// Of nchan's figure.
    MostOfPeer(f64),
    LeastOfPeer(f64),
}

/// A figure that must be within a bound.
pub(crate) struct Goal {
    pub(crate) scenario: String,
    pub(crate) what: String,
    pub(crate) measure: &'static Measure,
    pub(crate) bound: Bound,
}

/// Returns the goals for a scenario, if it has any.
pub(crate) fn goals(scenario: Scenario) -> Vec<Goal> {
    use Bound::{Least, LeastOfPeer, Most, MostOfPeer};
    let bounds: Vec<(&str, &'static Measure, Bound)> = match scenario {
        Scenario::Crowd(crowd) if crowd.greet_first => {
            vec![("after another request", &figures::USERLAND, Most(0.5))]
        }
        Scenario::Crowd(_) => vec![
            ("plain", &figures::USERLAND, Most(0.5)),
            ("second crowd", &figures::USERLAND_GREETED, Most(0.5)),
            ("crowd", &figures::CPU_PER_DELIVERY, MostOfPeer(0.65)),
            ("crowd", &figures::LAST, MostOfPeer(1.1)),
        ],
        Scenario::Chatter(_) => vec![
            ("chatter", &figures::DELIVERIES, LeastOfPeer(1.0)),
            ("chatter", &figures::CPU_PER_PUBLISH, MostOfPeer(1.0)),
            ("chatter", &figures::ACK_P99, MostOfPeer(1.0)),
        ],
        Scenario::Senders(senders) => match senders.senders {
            64 => vec![("64 senders", &figures::PUBLISHES, Least(20_000.0))],
            512 => vec![("512 senders", &figures::PUBLISHES, Least(25_000.0))],
            _ => Vec::new(),
        },
        Scenario::Idle(_) => vec![("idle", &figures::IDLE, Most(1.0))],
        Scenario::Returning(_) => vec![("returning", &figures::RETURN_MS, Most(2000.0))],
        Scenario::Comings(_) => vec![("comings", &figures::GROWTH, Most(10.0))],
        Scenario::CatchUp(_) => Vec::new(),
    };
    let goals = bounds.into_iter().map(|(name, measure, bound)| {
        let what = format!("{name}: {}", measure.label);
        Goal { scenario: scenario.title(), what, measure, bound }
    });
    goals.collect()
}

/// Returns the table of goals: both figures, their ratio, the bound, the verdict.
pub(crate) fn table(report: &Report, goals: &[Goal]) -> String {
    let heads = ["what Linger must show", "nchan", "linger", "ratio", "goal", "met"];
    let mut rows = vec![heads.map(str::to_owned).to_vec()];
    for Goal { scenario, what, measure, bound } in goals {
        let of =
            |kind| report.record(scenario, kind).and_then(|record| record.medians.get(measure));
        let (Some(ours), theirs) = (of(Kind::Linger), of(Kind::Nchan)) else { continue };
        let text = |value| Figure { measure, value }.text();
        let ratio = theirs.filter(|theirs| *theirs > 0.0).map(|theirs| ours / theirs);
        let (goal, is_met) = match *bound {
            Bound::Most(most) => (format!("≤ {}", text(most)), Some(ours <= most)),
            Bound::Least(least) => (format!("≥ {}", text(least)), Some(ours >= least)),
            Bound::MostOfPeer(most) => {
                (format!("≤ {most} × nchan"), ratio.map(|ratio| ratio <= most))
            }
            Bound::LeastOfPeer(least) => {
                (format!("≥ {least} × nchan"), ratio.map(|ratio| ratio >= least))
            }
        };
        rows.push(vec![
            what.clone(),
            theirs.map_or("–".to_owned(), text),
            text(ours),
            ratio.map_or("–".to_owned(), |ratio| format!("{ratio:.2}")),
            goal,
            is_met.map_or("–", |is_met| if is_met { "yes" } else { "no" }).to_owned(),
        ]);
    }
    align(&rows)
}
