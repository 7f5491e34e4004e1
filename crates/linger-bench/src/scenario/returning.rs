//! Returning: the server ends and comes back, and everybody who waited comes back
//! at once, each with the cursor that it had.
//!
//! One message is sent before anybody is back, so that everybody has something to
//! fetch, and one when all are parked, to prove that they are parked. Only a
//! server that keeps its log can do this.

use std::time::{Duration, Instant};

use super::{Outcome, add_acknowledgements};
use crate::{
    figures::{self, millis, percentile},
    stage::{Mode, Stage, Terms},
    target::{Cast, From, Target},
};

/// The sizes of a run.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Returning {
    pub(crate) readers: usize,
    pub(crate) terms: Terms,
}

impl Returning {
    /// Plays.
    pub(crate) fn run(self, target: &mut dyn Target) -> anyhow::Result<Outcome> {
        let cast = Cast { rooms: 1, publishers: 1, speakers: vec![(0, 0)] };
        let mut stage = Stage::new(target, &cast, Mode::LongPoll, self.terms)?;
        stage.seat(1, self.readers, From::Now)?;
        stage.park(0..self.readers)?;
        stage.publish(0)?;
        stage.until_delivered()?;
        stage.until_waiting()?;

        stage.players.stay_away = true;
        let started = stage.restart()?;
        let readers = self.readers;
        stage.wait(Duration::ZERO, "all readers lost their connection", |players| {
            players.away() == readers
        })?;
        stage.players.stay_away = false;
        stage.publish(0)?;
        stage.players.ledger.forget_times();

        let begin = Instant::now();
        stage.open_all()?;
        stage.until_delivered()?;
        stage.until_held(readers)?;
        let returned = begin.elapsed();
        let mut outcome = Outcome::default();
        let mut latencies = std::mem::take(&mut stage.players.ledger.latencies);
        latencies.sort_unstable();
        stage.publish(0)?;
        stage.until_delivered()?;

        outcome.figures.add(&figures::READERS, readers as f64);
        outcome.figures.add(&figures::STOP_START_MS, started.as_secs_f64() * 1000.0);
        outcome.figures.add(&figures::RETURN_MS, returned.as_secs_f64() * 1000.0);
        outcome.figures.add(&figures::P50, millis(percentile(&latencies, 0.5)));
        outcome.figures.add(&figures::P99, millis(percentile(&latencies, 0.99)));
        outcome.figures.add(&figures::LAST, millis(percentile(&latencies, 1.0)));
        add_acknowledgements(&mut outcome.figures, &stage.players.ledger);
        outcome.latencies = latencies;
        Ok(outcome.close(&stage.players.ledger))
    }
}
