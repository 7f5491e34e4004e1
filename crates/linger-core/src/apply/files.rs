//! Rules about files: people add them, send them with messages, and the server forgets those
//! that no message has.
//!
//! A file is gone with the last message that had it. If its description is erased before
//! that, in a replay, its row is there until then all the same.

use rusqlite::params;

use super::{Refused, Step, erasures, requests};
use crate::{
    File, FileHash, FileId, MessageId, News, Rejection,
    queries::files::{self, Stored},
    sum,
};

/// Makes a file known. Its id is this entry's position; it leaves no event. Without a
/// description it does the same as an entry whose description is erased.
pub(super) fn add(
    step: &Step<'_, '_>,
    description: Option<(File, FileHash)>,
) -> Result<Option<News>, Refused> {
    let request_id = step.draft.request.as_ref().map(|request| request.id.clone());
    let (id, owner) = (FileId::new(step.position), step.user()?.id);
    Stored { id, owner, at: step.at, request_id, description, messages: 0 }.write(step.tx)?;
    Ok(None)
}

/// Forgets a file, unless a message has it.
pub(super) fn forget(step: &Step<'_, '_>, id: FileId) -> Result<Option<News>, Refused> {
    step.only_for_the_server()?;
    if let Some(stored) = files::stored(step.tx, id)?.filter(|stored| stored.messages == 0) {
        remove(step, &stored)?;
    }
    Ok(None)
}

/// Returns the files that the author is about to send. Those that are erased are left out.
pub(super) fn must_be_own(step: &Step<'_, '_>, ids: &[FileId]) -> Result<Vec<File>, Refused> {
    let mut found = Vec::new();
    for (place, id) in ids.iter().enumerate() {
        let stored = files::stored(step.tx, *id)?.ok_or(Rejection::FileNotFound)?;
        if Some(stored.owner) != step.draft.author.user() || ids[..place].contains(id) {
            return Err(Rejection::FileNotFound.into());
        }
        found.extend(stored.description.map(|(file, _)| file));
    }
    Ok(found)
}

/// Notes that a message has these files.
pub(super) fn attach(
    step: &Step<'_, '_>,
    message: MessageId,
    ids: &[FileId],
) -> Result<(), Refused> {
    for id in ids {
        let mut stored = files::stored(step.tx, *id)?.expect("it was found just now");
        stored.messages += 1;
        stored.write(step.tx)?;
        let sum = sum::of_values(&[id, &message])?;
        step.tx
            .prepare_cached("INSERT INTO message_files (file, message, sum) VALUES (?1, ?2, ?3)")?
            .execute(params![id, message, sum])?;
    }
    Ok(())
}

/// Notes that a message has them no more. Those that no message has are gone.
pub(super) fn detach(
    step: &Step<'_, '_>,
    message: MessageId,
    ids: &[FileId],
) -> Result<(), Refused> {
    for id in ids {
        step.tx
            .prepare_cached("DELETE FROM message_files WHERE file = ?1 AND message = ?2")?
            .execute(params![id, message])?;
        let mut stored = files::stored(step.tx, *id)?.expect("a message had it");
        stored.messages -= 1;
        match stored.messages {
            0 => remove(step, &stored)?,
            _ => stored.write(step.tx)?,
        }
    }
    Ok(())
}

fn remove(step: &Step<'_, '_>, stored: &Stored) -> rusqlite::Result<()> {
    step.tx.prepare_cached("DELETE FROM files WHERE id = ?1")?.execute([stored.id])?;
    requests::forget_digest(step.tx, stored.owner, stored.request_id.as_ref())?;
    erasures::note(step, stored.id.position())
}
