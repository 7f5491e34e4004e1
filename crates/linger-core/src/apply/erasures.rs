//! Which entries of the log have a payload that is to be erased.
//!
//! Apply changes the tables only. The node rewrites the log: it reads these notes, and
//! replays what it wrote to the same tables, these notes too.

use rusqlite::params;

use super::Step;
use crate::{Position, Rejection, sum};

/// Notes that this entry asks for the erasure of another one's payload.
pub(super) fn note(step: &Step<'_, '_>, entry: Position) -> rusqlite::Result<()> {
    insert(step, entry, None)
}

/// Notes that this entry had a payload for nothing, and why, if it was rejected.
pub(super) fn note_in_vain(
    step: &Step<'_, '_>,
    rejection: Option<Rejection>,
) -> rusqlite::Result<()> {
    insert(step, step.position, rejection)
}

fn insert(
    step: &Step<'_, '_>,
    entry: Position,
    rejection: Option<Rejection>,
) -> rusqlite::Result<()> {
    let rejection = rejection.map(Rejection::code);
    let sum = sum::of_values(&[&step.position, &entry, &rejection])?;
    step.tx
        .prepare_cached(
            "INSERT INTO erasures (cause, entry, rejection, sum) VALUES (?1, ?2, ?3, ?4)",
        )?
        .execute(params![step.position, entry, rejection, sum])?;
    Ok(())
}
