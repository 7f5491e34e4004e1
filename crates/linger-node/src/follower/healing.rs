//! Tables that heal themselves: a damaged projection is made anew from the log
//! while the node runs, and takes the old one's place when it is whole.
//!
//! Meanwhile readers who are caught up read on from memory. Nobody reads the tables,
//! because the old ones might be wrong anywhere. Entries that were announced before are
//! applied in silence, as after a rollback.

use std::{ops::ControlFlow, sync::Arc};

use linger_core::Projection;

use super::Follower;
use crate::{
    Clock,
    checkpoints::Checkpoints,
    health::Part,
    projection_files::{Old, ProjectionFiles, Replacing},
    read_pool::Connections,
    snapshots::Joining,
};

/// The place of the tables, and the new ones that are about to take it.
pub(crate) struct TableFiles {
    pub(crate) files: ProjectionFiles,
    pub(crate) connections: Arc<Connections>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) replacing: Option<Replacing>,
    /// A snapshot may come and take their place before anything is applied.
    pub(crate) joining: Option<Joining>,
}

impl Follower {
    /// Tells whether the projection that is written is the one that everybody reads.
    pub(super) fn is_readable(&self) -> bool {
        self.files.as_ref().is_none_or(|files| files.replacing.is_none())
    }

    /// Tells whether there is something for [`Follower::heal`] to do now.
    pub(super) fn needs_healing(&self) -> bool {
        self.damage.known().is_some() || self.is_whole()
    }

    /// Begins new tables when these are damaged, and puts them into their place when
    /// they are whole. Breaks off if that failed.
    pub(super) fn heal(&mut self) -> ControlFlow<()> {
        if let Some(reason) = self.damage.known() {
            return self.begin_anew(&reason);
        }
        if self.is_whole() {
            return self.take_place();
        }
        ControlFlow::Continue(())
    }

    fn is_whole(&self) -> bool {
        let replacing = self.files.as_ref().and_then(|files| files.replacing.as_ref());
        replacing.is_some_and(|replacing| self.projection.applied() >= replacing.until)
    }

    fn begin_anew(&mut self, reason: &str) -> ControlFlow<()> {
        let Some(files) = &mut self.files else {
            self.health.end(format!("the projection is damaged: {reason}"));
            return ControlFlow::Break(());
        };
        if files.replacing.is_some() {
            // It was made from the log just now, and is damaged again: another try would not help.
            self.health.end(format!(
                "the projection cannot be made from the log: {reason}; see whether the disk is sound"
            ));
            return ControlFlow::Break(());
        }
        self.health.is_ill(Part::Tables, format!("projection.db is damaged: {reason}"));
        files.connections.close();
        self.checkpoints = None;
        self.commits.withdraw();
        let (log, until, now) = (self.log.id(), *self.applied.borrow(), files.clock.now());
        match files.files.begin_anew(log, until, now, Old::Kept, reason) {
            Ok((projection, replacing)) => {
                files.replacing = Some(replacing);
                self.projection = projection;
                self.damage.next_generation();
                ControlFlow::Continue(())
            }
            Err(error) => {
                self.health.is_ill(Part::Tables, error.to_string());
                ControlFlow::Break(())
            }
        }
    }

    fn take_place(&mut self) -> ControlFlow<()> {
        if let Err(error) = self.commits.commit(&mut self.projection) {
            self.fail(&error);
            return ControlFlow::Break(());
        }
        let Some(files) = &mut self.files else { return ControlFlow::Continue(()) };
        let Some(replacing) = files.replacing.take() else { return ControlFlow::Continue(()) };
        files.connections.close();
        let log = self.projection.log();
        let taken =
            Projection::in_memory(log).map_err(|error| error.to_string()).and_then(|none| {
                // Once closed, it is one file, which can be renamed.
                drop(std::mem::replace(&mut self.projection, none));
                files.files.replace(&replacing).map_err(|error| error.to_string())?;
                Projection::open(files.files.path(), log).map_err(|error| error.to_string())
            });
        match taken {
            Ok(projection) => {
                self.checkpoints = Checkpoints::of(projection.connection());
                self.projection = projection;
            }
            Err(error) => {
                self.health.end(format!(
                    "the projection that was made anew cannot be put in its place: {error}"
                ));
                return ControlFlow::Break(());
            }
        }
        files.connections.open();
        self.commits.announce(&self.projection);
        self.health.is_well(Part::Tables);
        ControlFlow::Continue(())
    }
}
