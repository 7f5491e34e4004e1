//! The scenarios: each plays something, and returns figures of it.
//!
//! Each takes a server that is ready, plays, and returns figures and times. Their
//! common parts are here: figures of times, of CPU, and the verdict of the ledger.

pub(crate) mod catch_up;
pub(crate) mod chatter;
pub(crate) mod comings;
pub(crate) mod crowd;
pub(crate) mod idle;
pub(crate) mod returning;
pub(crate) mod senders;

use std::time::Duration;

use catch_up::CatchUp;
use chatter::Chatter;
use comings::Comings;
use crowd::Crowd;
use idle::Idle;
use returning::Returning;
use senders::Senders;

use crate::{
    disk::Syncs,
    figures::{self, Figures, millis, percentile},
    process::CpuMeter,
    stage::{Mode, Stage, Terms, ledger::Ledger},
    target::{Sends, Target},
};

/// One of the scenarios, with its sizes.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Scenario {
    Crowd(Crowd),
    Chatter(Chatter),
    Returning(Returning),
    CatchUp(CatchUp),
    Senders(Senders),
    Idle(Idle),
    Comings(Comings),
}

impl Scenario {
    /// Plays it against a server that is ready.
    pub(crate) fn run(self, target: &mut dyn Target) -> anyhow::Result<Outcome> {
        match self {
            Scenario::Crowd(crowd) => crowd.run(target),
            Scenario::Chatter(chatter) => chatter.run(target),
            Scenario::Returning(returning) => returning.run(target),
            Scenario::CatchUp(catch_up) => catch_up.run(target),
            Scenario::Senders(senders) => senders.run(target),
            Scenario::Idle(idle) => idle.run(target),
            Scenario::Comings(comings) => comings.run(target),
        }
    }

    /// Returns the connections that it takes on each side.
    pub(crate) fn connections(&mut self) -> (&mut usize, usize) {
        match self {
            Scenario::Crowd(crowd) => (&mut crowd.readers, 1),
            Scenario::Chatter(chatter) => (&mut chatter.rooms, chatter.readers),
            Scenario::Returning(returning) => (&mut returning.readers, 1),
            Scenario::CatchUp(catch_up) => (&mut catch_up.readers, 1),
            Scenario::Senders(senders) => (&mut senders.senders, 1),
            Scenario::Idle(idle) => (&mut idle.readers, 1),
            Scenario::Comings(comings) => (&mut comings.readers, 1),
        }
    }

    /// Returns one line about what is played, and how, if that is unusual.
    pub(crate) fn title(self) -> String {
        let mut title = self.story();
        let Terms { sends, has_sessions, .. } = self.terms();
        if has_sessions {
            title += ", each reader with a session";
        }
        title += match sends {
            Sends::Put => "",
            Sends::Post => ", sent by POST",
            Sends::Both => ", sent by PUT and POST in turns",
        };
        title
    }

    fn terms(self) -> Terms {
        match self {
            Scenario::Crowd(crowd) => crowd.terms,
            Scenario::Chatter(chatter) => chatter.terms,
            Scenario::Returning(returning) => returning.terms,
            Scenario::CatchUp(catch_up) => catch_up.terms,
            Scenario::Senders(senders) => senders.terms,
            Scenario::Idle(idle) => idle.terms,
            Scenario::Comings(comings) => comings.terms,
        }
    }

    fn story(self) -> String {
        let way = |mode| match mode {
            Mode::LongPoll => "long polls",
            Mode::Sse => "server-sent events",
            Mode::Follow => "lines without end",
        };
        match self {
            Scenario::Crowd(Crowd { readers, messages, mode, greet_first, .. }) => {
                let kind =
                    if greet_first { ", after another request on the connection" } else { "" };
                format!(
                    "crowd: {readers} readers in one room, {}{kind}, {messages} messages",
                    way(mode)
                )
            }
            Scenario::Chatter(Chatter { rooms, readers, publishers, time, mode, .. }) => format!(
                "chatter: {rooms} rooms of {readers} readers, {}, {publishers} publishers, {time:?}",
                way(mode)
            ),
            Scenario::Returning(Returning { readers, .. }) => {
                format!("returning: {readers} readers come back at once after a restart")
            }
            Scenario::CatchUp(CatchUp { readers, messages, .. }) => {
                format!("catch-up: {readers} readers, {messages} messages behind")
            }
            Scenario::Senders(Senders { senders, time, .. }) => {
                format!("senders: {senders} durable sends in flight, {time:?}")
            }
            Scenario::Idle(Idle { readers, time, mode, .. }) => {
                format!("idle: {readers} readers, {}, {time:?} of silence", way(mode))
            }
            Scenario::Comings(Comings { readers, .. }) => {
                format!("comings: {readers} readers come, wait, get one message and hang up")
            }
        }
    }
}

/// The result of a run.
#[derive(Default)]
pub(crate) struct Outcome {
    pub(crate) figures: Figures,
    /// From the publish to each reader (for senders: to the acknowledgement), in
    /// microseconds, sorted: for the picture.
    pub(crate) latencies: Vec<u32>,
    /// The faults, in words; their count is a figure.
    pub(crate) faults: Vec<String>,
    /// Figures that make no sense with this server, and why.
    pub(crate) left_out: Vec<String>,
}

impl Outcome {
    /// Takes the ledger's verdict.
    fn close(mut self, ledger: &Ledger) -> Outcome {
        let (count, told) = ledger.faults();
        self.figures.add(&figures::REOPENED, ledger.reopened as f64);
        self.figures.add(&figures::FAULTS, count as f64);
        self.faults = told.to_vec();
        self
    }
}

/// CPU of the server and of ourselves from a moment on.
struct Meters {
    server: Option<CpuMeter>,
    syncs: Option<Syncs>,
    ours: CpuMeter,
}

impl Meters {
    fn begin(stage: &Stage<'_>) -> Meters {
        let server = stage.process().map(CpuMeter::begin);
        Meters { server, syncs: stage.syncs(), ours: CpuMeter::begin_ours() }
    }

    /// Returns microseconds of the server's CPU per one of `count`.
    fn server_per(&self, count: u64) -> Option<f64> {
        self.server.as_ref().and_then(|meter| per(meter.spent(), count))
    }

    /// Returns the server's syncs, if they are counted.
    fn syncs(&self, stage: &Stage<'_>) -> Option<Syncs> {
        Some(stage.syncs()?.since(self.syncs?))
    }

    /// Adds the syncs for each of `publishes`, and how long one took.
    fn add_syncs(&self, figures: &mut Figures, stage: &Stage<'_>, publishes: u64) {
        let Some(Syncs { count, time }) = self.syncs(stage).filter(|_| publishes > 0) else {
            return;
        };
        figures.add(&figures::SYNCS, count as f64 / publishes as f64);
        let each = (count > 0).then(|| time.as_secs_f64() * 1000.0 / count as f64);
        figures.add_some(&figures::SYNC_MS, each);
    }

    /// Returns microseconds of our own CPU per one of `count`.
    fn ours_per(&self, count: u64) -> Option<f64> {
        per(self.ours.spent(), count)
    }
}

fn per(spent: Duration, count: u64) -> Option<f64> {
    (count > 0).then(|| spent.as_secs_f64() * 1e6 / count as f64)
}

/// Adds the figures of the acknowledgements.
fn add_acknowledgements(figures: &mut Figures, ledger: &Ledger) {
    let mut sorted = ledger.acknowledgements.clone();
    sorted.sort_unstable();
    figures.add(&figures::ACK_P50, millis(percentile(&sorted, 0.5)));
    figures.add(&figures::ACK_P99, millis(percentile(&sorted, 0.99)));
    figures.add(&figures::ACK_LAST, millis(percentile(&sorted, 1.0)));
}
