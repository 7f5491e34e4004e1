//! Tests of the crate, as a reader of its feed would put them.
//!
//! `story` tells short scenes, played on the `stage`, and what a reader sees of
//! them; `properties` holds the laws that all `logs` obey, against the second
//! opinion of the `model`; `replay` proves that old logs stay readable; `files`
//! opens projections on disk; `texts` tries the parsers.

mod files;
mod logs;
mod model;
mod properties;
mod replay;
mod stage;
mod story;
mod texts;
