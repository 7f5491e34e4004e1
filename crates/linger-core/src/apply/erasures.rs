//! Which entries of the log have a payload that is to be erased.
//!
//! Apply changes the tables only. The node rewrites the log: it reads these notes, and
//! replays what it wrote to the same tables, these notes too.

use rusqlite::params;

use super::Step;
use crate::{Position, sum};

/// Notes that this entry asks for the erasure of another one's payload, or of its own.
pub(super) fn note(step: &Step<'_>, entry: Position) -> rusqlite::Result<()> {
    let sum = sum::of_values(&[&step.position, &entry])?;
    step.tx
        .prepare_cached("INSERT INTO erasures (cause, entry, sum) VALUES (?1, ?2, ?3)")?
        .execute(params![step.position, entry, sum])?;
    Ok(())
}
