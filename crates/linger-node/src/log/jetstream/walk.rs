//! Reads a stream from its beginning to its end, a page at a time: for those who copy a log
//! or compare it, and not for a node.
//!
//! Erased entries are among the others, in their places. A cluster that is silent is waited
//! for, for some time; everything else that a node would not go on with ends the walk.

use std::time::Duration;

use async_nats::jetstream::Context;
use linger_core::{Entry, Position};
use tokio::time::timeout;

use super::{AboutStream, ClusterError, reader::Reader};
use crate::log::READ_BYTES_MAX;

/// A new leader takes 4 to 9 s, and a lost server as long again.
const SILENCE_MAX: Duration = Duration::from_secs(60);
/// Entries of a page.
const PAGE_MAX: usize = 1000;

/// A walk through the entries of a stream.
pub(crate) struct Walk {
    reader: Reader,
    until: Position,
}

impl Walk {
    /// Begins after a position. `until` is where it ends, at most where the stream does.
    pub(crate) fn new(
        context: Context,
        about: &AboutStream,
        after: Position,
        until: Position,
    ) -> Walk {
        let stream = about.config["name"].as_str().unwrap_or_default();
        Walk { reader: Reader::new(context, stream, &about.created, after), until }
    }

    /// Returns the next entries; none at the end.
    ///
    /// Errors: entries are lost or damaged, or the cluster does not answer.
    pub(crate) async fn next_page(&mut self) -> Result<Vec<Entry>, ClusterError> {
        let refused = |reason: String| ClusterError::Refused(reason);
        let (mut page, mut bytes) = (Vec::new(), 0);
        while page.len() < PAGE_MAX && bytes < READ_BYTES_MAX && self.reader.after() < self.until {
            let left = self.until.get() - self.reader.after().get();
            let most = usize::try_from(left).unwrap_or(PAGE_MAX).min(PAGE_MAX - page.len());
            let next = timeout(SILENCE_MAX, self.reader.next_ones(most)).await;
            let next = next.map_err(|_| refused("it does not answer".to_owned()))?;
            for (entry, _) in next.map_err(|lost| refused(lost.to_string()))? {
                bytes += entry.draft.weight();
                page.push(entry);
            }
        }
        Ok(page)
    }
}
