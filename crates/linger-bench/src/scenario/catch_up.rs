//! Catch-up: readers whose cursors are far behind, all at once.
//!
//! The messages are in the log before anybody reads. Then everybody comes from the
//! beginning and reads page after page until there are no more.

use std::time::Instant;

use super::{Meters, Outcome};
use crate::{
    figures::{self, millis, percentile},
    stage::{Mode, Stage, Terms},
    target::{Cast, From, Target},
};

/// The sizes of a run.
#[derive(Debug, Clone, Copy)]
pub(crate) struct CatchUp {
    pub(crate) readers: usize,
    /// How far behind they are.
    pub(crate) messages: usize,
    pub(crate) terms: Terms,
}

impl CatchUp {
    /// Plays.
    pub(crate) fn run(self, target: &mut dyn Target) -> anyhow::Result<Outcome> {
        let cast = Cast { rooms: 1, publishers: 1, speakers: vec![(0, 0)] };
        let mut stage = Stage::new(target, &cast, Mode::LongPoll, self.terms)?;
        for _ in 0..self.messages {
            stage.publish(0)?;
        }
        stage.seat(1, self.readers, From::Start)?;
        let meters = Meters::begin(&stage);
        let begin = Instant::now();
        stage.open_all()?;
        stage.until_delivered()?;
        let taken = begin.elapsed();

        let ledger = &stage.players.ledger;
        let mut outcome = Outcome::default();
        outcome.figures.add(&figures::READERS, self.readers as f64);
        outcome.figures.add(&figures::CATCH_UP_MS, taken.as_secs_f64() * 1000.0);
        let rate = ledger.deliveries as f64 / taken.as_secs_f64();
        outcome.figures.add(&figures::DELIVERIES, rate);
        let deliveries = ledger.deliveries;
        outcome.figures.add_some(&figures::CPU_PER_DELIVERY, meters.server_per(deliveries));
        outcome.figures.add_some(&figures::OUR_CPU, meters.ours_per(deliveries));
        let mut sorted = ledger.acknowledgements.clone();
        sorted.sort_unstable();
        outcome.figures.add(&figures::ACK_P50, millis(percentile(&sorted, 0.5)));
        Ok(outcome.close(ledger))
    }
}
