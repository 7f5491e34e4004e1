//! Rules about requests: the same request of an author again is a repeat, for ever.
//!
//! A digest of the request's content is kept, salted with the entry's own salt. The
//! first vocabulary had no salt, and digested the command.

use rusqlite::{Connection, params};

use super::Outcome;
use crate::{Author, Draft, Entry, Rejection, RequestDigest, RequestId, Salt, queries, sum};

/// Returns the outcome of a request whose author used its id before.
pub(super) fn outcome_of_repeat(
    tx: &Connection,
    draft: &Draft,
) -> rusqlite::Result<Option<Outcome>> {
    let Some(request) = &draft.request else { return Ok(None) };
    let Some(known) = queries::request(tx, draft.author, &request.id)? else { return Ok(None) };
    let is_the_same = match (known.digest, known.salt, request.asked) {
        // One of them is erased, so nobody can tell any more whether they differ.
        (None, ..) | (_, _, None) => true,
        (Some(digest), None, Some(_)) => *digest == RequestDigest::of(&draft.command).0,
        (Some(digest), Some(salt), Some(asked)) => *digest == asked.salted(salt),
    };
    Ok(Some(match is_the_same {
        true => Outcome::Repeated { first: known.position },
        false => Outcome::Rejected(Rejection::RequestIdReused),
    }))
}

/// Remembers an accepted request, if its author named it.
pub(super) fn remember(tx: &Connection, entry: &Entry) -> rusqlite::Result<()> {
    let Entry { position, draft } = entry;
    let Some(request) = &draft.request else { return Ok(()) };
    let digest = request.asked.map(|asked| match draft.salt {
        None => asked.0.to_vec(),
        Some(salt) => asked.salted(salt).to_vec(),
    });
    insert(tx, draft.author, &request.id, *position, draft.salt, digest.as_deref())
}

fn insert(
    tx: &Connection,
    author: Author,
    id: &RequestId,
    position: crate::Position,
    salt: Option<Salt>,
    digest: Option<&[u8]>,
) -> rusqlite::Result<()> {
    let (author, salt) = (author.to_number().cast_signed(), salt.map(|salt| salt.0));
    let sum = sum::of_values(&[&author, id, &position, &salt, &digest])?;
    tx.prepare_cached(
        "INSERT INTO requests (author, request_id, position, salt, digest, sum)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
    )?
    .execute(params![author, id, position, salt, digest, sum])?;
    Ok(())
}
