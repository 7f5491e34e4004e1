//! The earlier texts of messages: kept when a text is changed, blanked when the message is
//! taken back.

use rusqlite::params;

use crate::{
    MessageId, Position, RequestId,
    queries::messages::{Stored, entities_column},
    statements::Batch,
    sum,
};

/// Keeps the text that a message has until the edit at `ended`.
pub(super) fn keep(
    tx: &Batch<'_>,
    message: &Stored,
    ended: Position,
    request_id: Option<&RequestId>,
) -> rusqlite::Result<()> {
    let at = message.edited.map_or(message.at, |(_, at)| at).as_ms();
    let (id, text, entities) = (message.id, &message.text, entities_column(&message.entities));
    let sum = sum::of_values(&[&ended, &id, &at, &request_id, text, &entities])?;
    tx.prepare_cached(
        "INSERT INTO versions (ended, message, at_ms, request_id, text, entities, sum)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
    )?
    .execute(params![ended, id, at, request_id, text, entities, sum])?;
    Ok(())
}

/// Blanks the texts that a message had. Returns the edits that ended them, with the names of
/// their requests.
pub(super) fn blank(
    tx: &Batch<'_>,
    message: MessageId,
) -> rusqlite::Result<Vec<(Position, Option<RequestId>)>> {
    let mut select = tx.prepare_cached(
        "SELECT ended, message, at_ms, request_id, text, entities, sum FROM versions
         WHERE message = ?1 ORDER BY ended",
    )?;
    let rows = select.query_map([message], |row| {
        sum::check(row, "versions")?;
        Ok((row.get(0)?, row.get::<_, i64>(2)?, row.get(3)?))
    })?;
    let versions = rows.collect::<rusqlite::Result<Vec<(Position, i64, Option<RequestId>)>>>()?;
    let mut update = tx.prepare_cached(
        "UPDATE versions SET text = NULL, entities = NULL, sum = ?2 WHERE ended = ?1",
    )?;
    let none: Option<&str> = None;
    for (ended, at, request_id) in &versions {
        let sum = sum::of_values(&[ended, &message, at, request_id, &none, &none])?;
        update.execute(params![ended, sum])?;
    }
    Ok(versions.into_iter().map(|(ended, _, request_id)| (ended, request_id)).collect())
}
