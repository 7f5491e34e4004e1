//! Tests of the node, through the three verbs that the edges use.
//!
//! `waits`, `annex`, `memory`, `follower`, `commits` and `behind` run under a paused clock on an
//! [`assembled`] node; `folder`, `growth` and `story` open a real one on a temporary folder,
//! with its threads and its files, and never wait for the clock; `filing` and `erasing` do so with
//! files that people send; `costs` counts lookups.
//! [`cast`] has the people, and short forms of their commands.

mod annex;
pub(crate) mod assembled;
mod behind;
pub(crate) mod cast;
pub(crate) mod chance;
mod commits;
mod costs;
mod erasing;
mod filing;
mod folder;
mod follower;
mod growth;
mod memory;
mod rollback;
mod story;
mod upgrades;
mod waits;
