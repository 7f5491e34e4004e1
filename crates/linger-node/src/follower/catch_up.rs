//! Reports how far a long catch-up is.

use linger_core::Position;
use tokio::time::{Duration, Instant};

/// Between two reports.
const EVERY: Duration = Duration::from_secs(2);

/// Reports how far the follower is, if that takes long.
pub(super) struct CatchUp {
    /// The start, the goal, and the time of the start; none once it is there.
    start: Option<(Position, Position, Instant)>,
    said: Option<Instant>,
}

impl CatchUp {
    pub(super) fn begin(applied: Position, end: Position) -> CatchUp {
        let start = (applied < end).then(|| (applied, end, Instant::now()));
        CatchUp { start, said: None }
    }

    pub(super) fn tell(&mut self, applied: Position, end: Position) {
        if let Some((begin, end, started)) = self.start.take_if(|(_, end, _)| applied >= *end) {
            let entries = end.get() - begin.get();
            tracing::info!(entries, ms = started.elapsed().as_millis(), "applied the log");
        }
        if applied >= end {
            self.said = None;
            return;
        }
        let said = self.said.get_or_insert_with(Instant::now);
        if said.elapsed() >= EVERY {
            *said = Instant::now();
            tracing::info!(%applied, tail = %end, "applying the log: {} %", applied.get() * 100 / end.get());
        }
    }
}
