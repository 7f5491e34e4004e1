//! Crowd: everybody waits in one room, and one message after the other must
//! reach them all.
//!
//! Between two messages everybody waits again and the server rests, so that each
//! is a broadcast to the whole crowd. The CPU of a delivery is that of the whole
//! cycle: wake, answer, read the next poll, park.
//!
//! In the end everybody hangs up, and comes again on a fresh connection that first
//! serves another request: anything left of that request is memory, too.

use std::time::Instant;

use super::{Meters, Outcome, add_acknowledgements};
use crate::{
    figures::{self, Measure, median, millis, percentile},
    process::Memory,
    stage::{Mode, Stage, Terms},
    target::{Cast, From, Target},
};

/// Readers who are parked and served before memory is looked at: memory that a server
/// needs once is no cost of a reader.
const FIRST_READERS: usize = 100;

/// The sizes of a run.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Crowd {
    pub(crate) readers: usize,
    pub(crate) messages: usize,
    pub(crate) mode: Mode,
    /// Every connection has served another request before it is parked.
    pub(crate) greet_first: bool,
    pub(crate) terms: Terms,
}

impl Crowd {
    /// Plays.
    pub(crate) fn run(self, target: &mut dyn Target) -> anyhow::Result<Outcome> {
        let cast = Cast { rooms: 1, publishers: 1, speakers: vec![(0, 0)] };
        let mut stage = Stage::new(target, &cast, self.mode, self.terms)?;
        stage.players.greet_first = self.greet_first;
        let pid = stage.process();
        let first = FIRST_READERS.min(self.readers / 10);
        let mut outcome = Outcome::default();
        outcome.figures.add(&figures::READERS, self.readers as f64);

        stage.seat(1, self.readers, From::Now)?;
        stage.park(0..first)?;
        let before = Memory::now(pid);
        let begin = Instant::now();
        stage.park(first..self.readers)?;
        outcome.figures.add(&figures::PARK_MS, begin.elapsed().as_secs_f64() * 1000.0);
        let parked = Memory::now(pid);

        let meters = Meters::begin(&stage);
        let mut broadcasts = Vec::new();
        for _ in 0..self.messages {
            stage.publish(0)?;
            stage.until_delivered()?;
            if stage.players.ledger.has_faults() {
                break;
            }
            stage.until_waiting()?;
            let mut latencies = std::mem::take(&mut stage.players.ledger.latencies);
            latencies.sort_unstable();
            outcome.latencies.extend_from_slice(&latencies);
            broadcasts.push(latencies);
        }
        let deliveries = stage.players.ledger.deliveries;
        outcome.figures.add_some(&figures::CPU_PER_DELIVERY, meters.server_per(deliveries));
        outcome.figures.add_some(&figures::OUR_CPU, meters.ours_per(deliveries));
        let marks: [(&'static Measure, f64); 4] = [
            (&figures::FIRST, 0.0),
            (&figures::P50, 0.5),
            (&figures::P99, 0.99),
            (&figures::LAST, 1.0),
        ];
        for (measure, share) in marks {
            let mut values: Vec<f64> =
                broadcasts.iter().map(|all| millis(percentile(all, share))).collect();
            outcome.figures.add(measure, median(&mut values));
        }
        add_acknowledgements(&mut outcome.figures, &stage.players.ledger);
        let after = Memory::now(pid);
        let readers = self.readers - first;
        outcome.figures.add_some(&figures::USERLAND, per_reader(before, parked, readers));
        outcome.figures.add_some(&figures::USERLAND_AFTER, per_reader(before, after, readers));
        let greeted = self.second_crowd(&mut stage, &mut outcome)?;
        let greeted = greeted.and_then(|greeted| per_reader(before, greeted, readers));
        outcome.figures.add_some(&figures::USERLAND_GREETED, greeted);
        let slab = parked.slab as f64 - before.slab as f64;
        outcome.figures.add(&figures::KERNEL, slab / 1024.0 / readers.max(1) as f64);
        outcome.latencies.sort_unstable();
        Ok(outcome.close(&stage.players.ledger))
    }

    /// Has everybody hang up and come again, each with another request first;
    /// returns memory when all are parked. None: that is not possible here or in this mode,
    /// or the first crowd did the same.
    fn second_crowd(
        self,
        stage: &mut Stage<'_>,
        outcome: &mut Outcome,
    ) -> anyhow::Result<Option<Memory>> {
        // Lines begin with the newest one, so nobody comes back to where they were.
        let is_once = self.greet_first || self.mode == Mode::Follow;
        if is_once || stage.players.ledger.has_faults() {
            return Ok(None);
        }
        if !stage.players.target.notices_hang_ups() {
            let label = figures::USERLAND_GREETED.label;
            let why = "it holds requests whose readers have gone, until the hold ends";
            outcome.left_out.push(format!("no '{label}', for {why}"));
            return Ok(None);
        }
        stage.hang_up()?;
        stage.players.greet_first = true;
        stage.park(0..self.readers)?;
        Ok(Some(Memory::now(stage.process())))
    }
}

/// Returns KiB per reader.
fn per_reader(before: Memory, after: Memory, readers: usize) -> Option<f64> {
    let grown = after.userland? as f64 - before.userland? as f64;
    Some(grown / 1024.0 / readers.max(1) as f64)
}
