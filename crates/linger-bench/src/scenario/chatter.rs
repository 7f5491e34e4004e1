//! Chatter: many small rooms, and publishers who say the next thing as soon as
//! the last is acknowledged.
//!
//! Each room has one publisher, so that its readers can check the order; each
//! publisher goes round its rooms. The time ends when every reader has everything.

use std::time::{Duration, Instant};

use super::{Meters, Outcome, add_acknowledgements};
use crate::{
    figures::{self, millis, percentile},
    stage::{Mode, Stage, Terms},
    target::{Cast, From, Target},
};

/// The sizes of a run.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Chatter {
    pub(crate) rooms: usize,
    /// In each room.
    pub(crate) readers: usize,
    pub(crate) publishers: usize,
    pub(crate) time: Duration,
    pub(crate) mode: Mode,
    pub(crate) terms: Terms,
}

impl Chatter {
    /// Plays.
    pub(crate) fn run(self, target: &mut dyn Target) -> anyhow::Result<Outcome> {
        let publishers = self.publishers.min(self.rooms);
        let speakers = (0..self.rooms).map(|room| (room % publishers, room)).collect();
        let cast = Cast { rooms: self.rooms, publishers, speakers };
        let mut stage = Stage::new(target, &cast, self.mode, self.terms)?;
        let readers = self.rooms * self.readers;
        stage.seat(self.rooms, self.readers, From::Now)?;
        stage.park(0..readers)?;
        for publisher in 0..publishers {
            // The first message of each opens its connection, and is not timed.
            stage.publish(publisher)?;
        }
        stage.until_delivered()?;
        stage.settle()?;
        stage.players.ledger.forget_times();

        let delivered = stage.players.ledger.deliveries;
        let acknowledged = stage.players.ledger.acknowledged;
        let meters = Meters::begin(&stage);
        let begin = Instant::now();
        stage.publish_for(self.time)?;
        stage.until_delivered()?;
        let taken = begin.elapsed().as_secs_f64();

        let ledger = &stage.players.ledger;
        let (deliveries, publishes) =
            (ledger.deliveries - delivered, ledger.acknowledged - acknowledged);
        let mut outcome = Outcome::default();
        outcome.figures.add(&figures::READERS, readers as f64);
        outcome.figures.add(&figures::DELIVERIES, deliveries as f64 / taken);
        outcome.figures.add(&figures::PUBLISHES, publishes as f64 / taken);
        outcome.figures.add_some(&figures::CPU_PER_PUBLISH, meters.server_per(publishes));
        outcome.figures.add_some(&figures::CPU_PER_DELIVERY, meters.server_per(deliveries));
        outcome.figures.add_some(&figures::OUR_CPU, meters.ours_per(deliveries));
        meters.add_syncs(&mut outcome.figures, &stage, publishes);
        outcome.latencies = ledger.latencies.clone();
        outcome.latencies.sort_unstable();
        outcome.figures.add(&figures::P50, millis(percentile(&outcome.latencies, 0.5)));
        outcome.figures.add(&figures::P99, millis(percentile(&outcome.latencies, 0.99)));
        outcome.figures.add(&figures::LAST, millis(percentile(&outcome.latencies, 1.0)));
        add_acknowledgements(&mut outcome.figures, ledger);
        Ok(outcome.close(ledger))
    }
}
