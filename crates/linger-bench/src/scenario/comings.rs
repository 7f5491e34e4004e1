//! Comings: everybody comes, waits, gets a message, waits again and hangs up; and
//! the server's memory must go back to its earlier size.
//!
//! That is the size after a first visit: memory that a server keeps once, however often
//! a crowd comes, is no leak. The memory before anybody came is reported beside it.

use std::time::Duration;

use anyhow::bail;

use super::Outcome;
use crate::{
    figures,
    process::Memory,
    stage::{Mode, Stage, Terms},
    target::{Cast, From, Target},
};

/// The sizes of a run.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Comings {
    pub(crate) readers: usize,
    /// The time before memory is looked at, since a server may keep it for a while.
    pub(crate) rest: Duration,
    pub(crate) terms: Terms,
}

impl Comings {
    /// Plays.
    pub(crate) fn run(self, target: &mut dyn Target) -> anyhow::Result<Outcome> {
        if !target.notices_hang_ups() {
            bail!("the server holds requests whose readers have gone, until the hold ends");
        }
        let cast = Cast { rooms: 1, publishers: 1, speakers: vec![(0, 0)] };
        let mut stage = Stage::new(target, &cast, Mode::LongPoll, self.terms)?;
        let mut outcome = Outcome::default();
        outcome.figures.add(&figures::READERS, self.readers as f64);

        stage.seat(1, self.readers, From::Now)?;
        outcome.figures.add_some(&figures::NOBODY, self.rested_mib(&mut stage)?);
        let was = self.visit(&mut stage)?;
        outcome.figures.add_some(&figures::GONE, was);
        let mut growth: Option<f64> = None;
        for measure in &figures::GONE_AGAIN {
            let is = self.visit(&mut stage)?;
            outcome.figures.add_some(measure, is);
            let grown = was.zip(is).map(|(was, is)| (is - was) / was * 100.0);
            growth = growth.into_iter().chain(grown).reduce(f64::max);
        }
        outcome.figures.add_some(&figures::GROWTH, growth);
        Ok(outcome.close(&stage.players.ledger))
    }

    /// Has everybody come and go; returns the memory that is left, in MiB.
    fn visit(self, stage: &mut Stage<'_>) -> anyhow::Result<Option<f64>> {
        stage.park(0..self.readers)?;
        stage.publish(0)?;
        stage.until_delivered()?;
        stage.until_waiting()?;
        stage.hang_up()?;
        self.rested_mib(stage)
    }

    /// Lets the server rest, and returns its memory in MiB.
    fn rested_mib(self, stage: &mut Stage<'_>) -> anyhow::Result<Option<f64>> {
        stage.play_for(self.rest)?;
        let userland = Memory::now(stage.process()).userland;
        Ok(userland.map(|bytes| bytes as f64 / f64::from(1 << 20)))
    }
}
