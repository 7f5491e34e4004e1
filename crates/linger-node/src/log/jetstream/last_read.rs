//! The last entry that was read, by which the log is known again.
//!
//! A stream that was put back from an older backup, and has grown since, has the name and the
//! length that it had, but another entry in this place. A node looks there before it goes on:
//! whenever it reads anew, and at its start.

use async_nats::jetstream::Context;
use linger_core::{About, Entry, Nonce, Position, Timestamp};

use super::{
    message,
    skeletons::{Skeletons, message_at},
};

/// A place, and what stands there. An erased entry keeps both its time and its nonce.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct LastRead {
    pub(super) position: Position,
    at: Timestamp,
    nonce: Option<Nonce>,
}

impl LastRead {
    pub(super) fn of(entry: &Entry) -> LastRead {
        let (at, nonce) = (entry.draft.at, entry.draft.nonce);
        LastRead { position: entry.position, at, nonce }
    }

    /// Tells whether the stream has another entry in this place. Errors: the cluster does not
    /// answer.
    pub(super) async fn is_replaced(self, context: &Context, stream: &str) -> Result<bool, String> {
        let entry = entry_at(context, stream, self.position).await?;
        Ok(entry.is_some_and(|entry| LastRead::of(&entry) != self))
    }
}

/// Tells whether the stream has an entry where these tables end that cannot be the one that
/// they were made of. Errors: the cluster does not answer.
pub(super) async fn is_replaced(
    context: &Context,
    stream: &str,
    tables: &About,
) -> Result<bool, String> {
    let entry = entry_at(context, stream, tables.applied).await?;
    Ok(entry.is_some_and(|entry| !tables.may_end_with(&entry)))
}

/// Returns the entry in a place. None: there is none, or it cannot be read; the reader says so
/// if it comes there.
async fn entry_at(
    context: &Context,
    stream: &str,
    position: Position,
) -> Result<Option<Entry>, String> {
    let messages = context.get_stream_no_info(stream).await.map_err(|error| error.to_string())?;
    let found = match message_at(&messages, position).await? {
        Some(payload) => message::read(position, &payload).ok(),
        None => Skeletons::new(context.clone(), stream).get(position).await?,
    };
    Ok(found.map(|(entry, _)| entry))
}
