//! One running node: it keeps the log, applies it, and holds those who wait.
//!
//! Edges use [`Node`]: `submit`, `wait`, `query`. Below it, `log` is the
//! truth, `follower` applies it to the projection, `memory` holds recent events,
//! `hub` is the waiting room and `read_pool` reads the tables. An edge
//! that holds readers in its own way does it with `glance` and an [`Annex`].
//! This crate knows order, durability and waiting; it knows no HTTP.

mod blobs;
mod call;
mod check;
mod checkpoints;
mod clock;
pub mod cluster;
mod commits;
mod data_folder;
mod epochs;
mod essential;
mod files;
mod follower;
mod health;
mod hub;
pub mod limits;
mod log;
mod memory;
mod metrics;
pub mod moves;
mod node;
mod nodes;
mod onlookers;
mod page;
mod private;
mod projection_files;
pub mod questions;
mod read_pool;
mod refusal;
mod roster;
mod salvage;
mod sessions;
#[cfg(test)]
mod simulation;
mod snapshots;
#[cfg(test)]
mod tests;
mod uploads;

pub use blobs::{BlobStore, Hold, Kept, Mark, Part};
pub use call::{Annex, Awaited, Call, WaitLists};
pub use check::{Report, check};
pub use clock::{Clock, SystemClock};
pub use data_folder::{OpenError, Rollback};
pub use limits::Limits;
pub use log::jetstream::{ClusterError, ClusterSettings};
pub use node::{FilingError, Node, NonBlocking, NotReady, Receipt, SubmitState, Submitted};
pub use nodes::Member;
pub use onlookers::Onlooking;
pub use page::{After, Glance, Page, ResetReason, Wait};
pub use private::NotOurs;
pub use read_pool::Asker;
pub use refusal::{Refusal, Unavailable};
pub use roster::RoomRef;
pub use salvage::salvage;
pub use uploads::{
    Finished, NewUpload, Outcome, Passing, Prepared, Progress, Receiver, UploadError, UploadId,
    Uploads,
};
