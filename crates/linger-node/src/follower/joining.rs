//! Tables that come from a snapshot: before anything is applied, they take the place of those
//! that are far behind.
//!
//! Nobody reads the tables yet, and nothing was announced, so the node's memory is made of the
//! snapshot as it is of its own tables at any other start.

use linger_core::{Position, Projection, queries};
use tokio::sync::watch;

use super::Follower;
use crate::{
    Limits, checkpoints::Checkpoints, health::Part, memory::Memory, roster::Roster,
    snapshots::Joined,
};

impl Follower {
    /// Waits for a snapshot, if one may come, and takes it.
    pub(super) async fn join(&mut self, stop: &mut watch::Receiver<()>) {
        let Some(joining) = self.files.as_mut().and_then(|files| files.joining.take()) else {
            return;
        };
        let joined = tokio::select! {
            biased;
            _ = stop.changed() => return,
            joined = joining.answer => joined.ok().flatten(),
        };
        if let Some(joined) = joined
            && let Err(reason) = self.take_snapshot(&joined, &joining.limits)
        {
            tracing::warn!(reason, "the snapshot cannot be taken; the log is replayed");
            if let Err(reason) = self.begin_empty(&joining.limits) {
                self.health.end(format!("projection.db cannot be made anew: {reason}"));
            }
        }
        let Some(files) = &self.files else { return };
        if files.replacing.is_none() {
            files.connections.open();
            self.commits.announce(&self.projection);
        }
    }

    /// Puts a snapshot in the place of the tables.
    fn take_snapshot(&mut self, joined: &Joined, limits: &Limits) -> Result<(), String> {
        self.close_tables()?;
        let Some(files) = &mut self.files else { return Ok(()) };
        files.files.take(&joined.path, files.replacing.take().as_ref()).map_err(told)?;
        // A node that has erased anything goes on by itself: its own files have it, too.
        if self.log.erased_upto() == Position::START {
            self.erasing.begin_after(joined.erased_upto);
            self.log.note_erased(joined.erased_upto);
        }
        // From here on the node may be ready.
        self.open_tables(limits)?;
        let applied = self.projection.applied();
        if applied != joined.position {
            return Err(format!("it is at entry {applied}, and not at {}", joined.position));
        }
        Ok(())
    }

    /// Begins with empty tables.
    fn begin_empty(&mut self, limits: &Limits) -> Result<(), String> {
        self.close_tables()?;
        let Some(files) = &mut self.files else { return Ok(()) };
        files.replacing = None;
        files.files.remove().map_err(told)?;
        crate::private::open(files.files.path()).map_err(told)?;
        self.open_tables(limits)
    }

    fn close_tables(&mut self) -> Result<(), String> {
        self.checkpoints = None;
        let none = Projection::in_memory(self.log.id()).map_err(told)?;
        // Once closed, it is one file, which can be renamed.
        drop(std::mem::replace(&mut self.projection, none));
        Ok(())
    }

    /// Opens the tables that are in their place, and makes the node's memory of them.
    fn open_tables(&mut self, limits: &Limits) -> Result<(), String> {
        let Some(files) = &self.files else { return Ok(()) };
        let projection = Projection::open(files.files.path(), self.log.id()).map_err(told)?;
        let roster = Roster::load(projection.connection()).map_err(told)?;
        let epochs = queries::epochs(projection.connection()).map_err(told)?;
        let applied = projection.applied();
        self.checkpoints = Checkpoints::of(projection.connection());
        self.projection = projection;
        let memory = Memory::new(roster, epochs, applied, limits);
        *self.memory.write().expect("no holder of this lock panics") = memory;
        self.metrics.projection_position.set(applied.get().cast_signed());
        self.applied.send_replace(applied);
        self.health.is_well(Part::Tables);
        Ok(())
    }
}

fn told(error: impl std::fmt::Display) -> String {
    error.to_string()
}
