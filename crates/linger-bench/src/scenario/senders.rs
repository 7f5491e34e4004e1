//! Senders: durable sends, each sender one at a time.
//!
//! Afterwards the room is read from its beginning, and every acknowledged message
//! must be there once and in its sender's order: a send that is fast and lost
//! does not count.

use std::time::Duration;

use anyhow::bail;

use super::{Meters, Outcome, add_acknowledgements};
use crate::{
    client::{calls::Caller, framing::Answer},
    figures,
    stage::{Mode, Stage, Terms, message::Messages},
    target::{Cast, From, Polled, Target, cursor::Cursor},
};

/// The sizes of a run.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Senders {
    /// Sends under way at any time.
    pub(crate) senders: usize,
    pub(crate) time: Duration,
    pub(crate) terms: Terms,
}

impl Senders {
    /// Plays.
    pub(crate) fn run(self, target: &mut dyn Target) -> anyhow::Result<Outcome> {
        let speakers = (0..self.senders).map(|sender| (sender, 0)).collect();
        let cast = Cast { rooms: 1, publishers: self.senders, speakers };
        let mut stage = Stage::new(target, &cast, Mode::LongPoll, self.terms)?;
        stage.players.lanes_by_publisher = true;
        // The first message of each opens its connection, and is not timed.
        for sender in 0..self.senders {
            stage.publish(sender)?;
        }
        stage.settle()?;
        stage.players.ledger.forget_times();

        let acknowledged = stage.players.ledger.acknowledged;
        let meters = Meters::begin(&stage);
        let taken = stage.publish_for(self.time)?.as_secs_f64();
        let mut outcome = Outcome::default();
        let publishes = stage.players.ledger.acknowledged - acknowledged;
        outcome.figures.add(&figures::PUBLISHES, publishes as f64 / taken);
        outcome.figures.add_some(&figures::CPU_PER_PUBLISH, meters.server_per(publishes));
        meters.add_syncs(&mut outcome.figures, &stage, publishes);
        if publishes > 0 && meters.syncs(&stage).is_some_and(|syncs| syncs.count == 0) {
            bail!("{publishes} sends were acknowledged without a sync that the slow disk has seen");
        }
        add_acknowledgements(&mut outcome.figures, &stage.players.ledger);
        outcome.latencies = stage.players.ledger.acknowledgements.clone();
        outcome.latencies.sort_unstable();
        verify(&mut stage)?;
        Ok(outcome.close(&stage.players.ledger))
    }
}

/// Reads the room from its beginning and enters faults.
fn verify(stage: &mut Stage<'_>) -> anyhow::Result<()> {
    let players = &mut stage.players;
    let lanes = players.lanes().to_vec();
    let mut next = vec![1; lanes.len()];
    let mut missing: u64 = lanes.iter().sum();
    let mut cursor = players.target.cursor(0, From::Start)?;
    let mut caller = Caller::new(players.target.address());
    let messages = Messages::new();
    // An answer has one message at least, so this ends.
    while missing > 0 && !players.ledger.has_faults() {
        let mut poll = Vec::new();
        players.target.poll(&mut poll, 0, &cursor, None);
        let answer = caller.send(&poll)?;
        let found = follow(&*players.target, &answer, &mut cursor)?;
        if found == Polled::Nothing {
            break;
        }
        for message in messages.within(answer.body) {
            let lane = message.lane as usize;
            let Some(expected) = next.get_mut(lane) else {
                players.ledger.fault(|| format!("a message of a sender {lane} that there is not"));
                continue;
            };
            *expected = players.ledger.delivered(0, message.lane, *expected, message, 0);
            missing = missing.saturating_sub(1);
        }
    }
    for (lane, (next, last)) in next.into_iter().zip(lanes).enumerate() {
        if next != last + 1 {
            players.ledger.fault(|| {
                format!(
                    "sender {lane} was acknowledged up to {last}; the log has it up to {}",
                    next - 1
                )
            });
        }
    }
    Ok(())
}

fn follow(target: &dyn Target, answer: &Answer<'_>, cursor: &mut Cursor) -> anyhow::Result<Polled> {
    match target.polled(answer, cursor) {
        Polled::Refused => {
            bail!("reading back was answered {}: {}", answer.status, answer.excerpt())
        }
        polled => Ok(polled),
    }
}
