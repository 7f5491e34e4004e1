//! Rules about requests: the same request of an author again is a repeat, for ever.
//!
//! A digest of the request's content is kept, salted with the entry's own salt. The
//! first vocabulary had no salt, and digested the command.

use rusqlite::params;

use super::Outcome;
use crate::{
    Author, Draft, Entry, Rejection, RequestDigest, RequestId, Salt, UserId, queries,
    statements::Batch, sum,
};

/// Returns the outcome of a request whose author used its id before.
pub(super) fn outcome_of_repeat(
    tx: &Batch<'_>,
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

/// Remembers an accepted request, if its author named it. `is_erasable`: its payload will be
/// erased, and nothing that could confirm a guess of it is kept.
pub(super) fn remember(tx: &Batch<'_>, entry: &Entry, is_erasable: bool) -> rusqlite::Result<()> {
    let Entry { position, draft } = entry;
    let Some(request) = &draft.request else { return Ok(()) };
    let asked = request.asked.filter(|_| !is_erasable);
    let salt = draft.salt.filter(|_| !is_erasable);
    let digest = asked.map(|asked| match salt {
        None => asked.0.to_vec(),
        Some(salt) => asked.salted(salt).to_vec(),
    });
    insert(tx, draft.author, &request.id, *position, salt, digest.as_deref())
}

/// Forgets what could confirm a guess of the payload of a user's request, whose payload is
/// erased.
pub(super) fn forget_digest(
    tx: &Batch<'_>,
    user: UserId,
    request_id: Option<&RequestId>,
) -> rusqlite::Result<()> {
    let Some(id) = request_id else { return Ok(()) };
    let author = Author::User(user);
    let Some(known) = queries::request(tx, author, id)? else { return Ok(()) };
    tx.prepare_cached("DELETE FROM requests WHERE author = ?1 AND request_id = ?2")?
        .execute(params![author.to_number().cast_signed(), id])?;
    insert(tx, author, id, known.position, None, None)
}

fn insert(
    tx: &Batch<'_>,
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
