//! Idle: everybody waits, nothing happens, and the server should do nothing.
//!
//! Holds that end meanwhile are answered and polled again. Their number is reported,
//! because that is work.

use std::time::Duration;

use super::{Meters, Outcome};
use crate::{
    figures,
    stage::{Mode, Stage, Terms},
    target::{Cast, From, Target},
};

/// The sizes of a run.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Idle {
    pub(crate) readers: usize,
    pub(crate) time: Duration,
    pub(crate) mode: Mode,
    pub(crate) terms: Terms,
}

impl Idle {
    /// Plays.
    pub(crate) fn run(self, target: &mut dyn Target) -> anyhow::Result<Outcome> {
        let cast = Cast { rooms: 1, publishers: 1, speakers: vec![(0, 0)] };
        let mut stage = Stage::new(target, &cast, self.mode, self.terms)?;
        stage.seat(1, self.readers, From::Now)?;
        stage.park(0..self.readers)?;
        // The server's work just after a reader came does not count as idle.
        stage.play_for(Duration::from_secs(1))?;
        let empty = stage.players.ledger.empty;
        let meters = Meters::begin(&stage);
        stage.play_for(self.time)?;
        let mut outcome = Outcome::default();
        outcome.figures.add(&figures::READERS, self.readers as f64);
        let micros = meters.server_per(1);
        let seconds = self.time.as_secs_f64();
        outcome.figures.add_some(&figures::IDLE, micros.map(|micros| micros / 1000.0 / seconds));
        outcome.figures.add(&figures::EMPTY, (stage.players.ledger.empty - empty) as f64);
        Ok(outcome.close(&stage.players.ledger))
    }
}
