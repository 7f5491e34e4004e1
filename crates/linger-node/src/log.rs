//! The ordered truth, behind one private trait.
//!
//! Engines differ in where they keep entries; order, durability and the meaning
//! of an acknowledgement are the same, and `conformance` proves it for each.
//! Only the engines append, and only [`crate::Node::submit`] asks them to.

#[cfg(test)]
pub(crate) mod conformance;
pub(crate) mod jetstream;
mod latest;
mod load;
#[cfg(test)]
pub(crate) mod memory;
pub(crate) mod sqlite;

use std::sync::{Arc, OnceLock};

use linger_core::{Draft, Entry, LogId, Position, StoredEntry, UserId, queries::Erasure};
use tokio::sync::{oneshot, watch};

/// One totally ordered log. Shared by submits (append) and the follower (read).
pub(crate) trait Log: Send + Sync {
    /// Returns which log this is.
    fn id(&self) -> LogId;

    /// Queues a draft. The answer is its position, once the entry is durable:
    /// from then on every read has it, in this place, for ever.
    ///
    /// A dropped or failed answer means "unknown": the entry may be in the log.
    /// Errors: [`AppendError::Full`] when the queue is at its bound,
    /// [`AppendError::NotWritten`] when the log cannot be written just now.
    fn append(&self, draft: Draft) -> Result<Appending, AppendError> {
        self.append_noting(draft, None)
    }

    /// Appends, and notes the position for somebody who does not wait for the answer:
    /// the note is there before the tail comes to it.
    fn append_noting(&self, draft: Draft, note: Option<Note>) -> Result<Appending, AppendError>;

    /// Writes something that changes nothing, so that the node's health is up to date.
    /// The answer comes, or is dropped, when that is done.
    fn probe(&self) -> oneshot::Receiver<()>;

    /// Returns the authors whose appends were refused after they were queued, or acknowledged
    /// after their entry was read, since the last call: no entry will come that calls them.
    /// The tail's watchers are woken for this.
    fn take_refused(&self) -> Vec<UserId> {
        Vec::new()
    }

    /// Returns up to `limit` durable entries after `after`, in order; fewer when they are
    /// long ([`READ_BYTES_MAX`]), and none only when there are none.
    fn read_after(&self, after: Position, limit: usize) -> Result<Vec<Entry>, ReadError>;

    /// Reads single entries, in their order. The caller need not wait for the answer, which may
    /// take as long as the log's keeper does; dropped, they cannot be read just now.
    fn read_each(
        &self,
        positions: Vec<Position>,
    ) -> oneshot::Receiver<Result<Vec<Entry>, ReadError>> {
        let (answer, entries) = oneshot::channel();
        let each = positions.iter().map(|at| self.read_after(at.before(), 1));
        // The receiver is here.
        let _ = answer.send(each.collect::<Result<Vec<_>, _>>().map(|found| found.concat()));
        entries
    }

    /// Returns the position up to which everything that entries ask to be erased is erased, in
    /// all files. An engine without files has nothing to erase.
    fn erased_upto(&self) -> Position {
        Position::MAX
    }

    /// Rewrites these entries in their erased form. The answer comes when nothing of what is
    /// erased is in the log's files any more; dropped, it was not done, or not wholly.
    fn erase(&self, _: Vec<Erasure>) -> oneshot::Receiver<()> {
        unreachable!("nothing is left to erase")
    }

    /// Notes that all that was asked for up to here is erased, in all files.
    fn note_erased(&self, _: Position) {}

    /// Tells whether other nodes write it, too: it may end further on than its tail here.
    fn is_shared(&self) -> bool {
        false
    }

    /// Asks those who decide it where the log ends. A dropped answer means that nobody can say
    /// just now.
    fn ask_end(&self) -> oneshot::Receiver<Position> {
        let (answer, end) = oneshot::channel();
        // The receiver is here.
        let _ = answer.send(*self.tail().borrow());
        end
    }

    /// Asks the same, and has those who decide it agree on something after the question: all that
    /// anybody had read or had acknowledged before lies within this end. It costs them a
    /// write, and changes nothing.
    fn prove_end(&self) -> oneshot::Receiver<Position> {
        self.ask_end()
    }

    /// Returns the position of the last durable entry, and how to hear of growth.
    fn tail(&self) -> watch::Receiver<Position>;
}

/// Bytes of entries that are read at once. The first one counts in any case.
pub(crate) const READ_BYTES_MAX: usize = 4 << 20;

/// Returns the first of these entries, up to `limit` and [`READ_BYTES_MAX`].
pub(crate) fn first_of<'e>(entries: impl Iterator<Item = &'e Entry>, limit: usize) -> Vec<Entry> {
    let mut bytes = 0;
    let within = |entry: &&Entry| {
        let is_first = bytes == 0;
        bytes += entry.draft.weight();
        is_first || bytes <= READ_BYTES_MAX
    };
    entries.take(limit).take_while(within).cloned().collect()
}

/// Returns the erased form of an entry, for what asks for its erasure. None where it has
/// nothing that could be erased.
pub(crate) fn erased_form(draft: &Draft, erasure: &Erasure) -> Option<StoredEntry> {
    match erasure.cause == erasure.entry {
        true => StoredEntry::erased_in_vain(draft, erasure.rejection),
        false => StoredEntry::erased(draft),
    }
}

/// Where the position of an append is noted.
pub(crate) type Note = Arc<OnceLock<Position>>;

/// The answer to an append, when it comes.
pub(crate) type Appending = oneshot::Receiver<Result<Position, AppendError>>;

/// Reasons why an append was not acknowledged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum AppendError {
    /// Nothing was written: too many appends are queued.
    #[error("too many appends are queued")]
    Full,
    /// Nothing was written, and that is known: the disk is full, say.
    #[error("the log cannot be written")]
    NotWritten,
    /// Nobody can say now whether it was written.
    #[error("the log did not acknowledge the append")]
    Unknown,
}

/// Reasons why the log cannot be read.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ReadError {
    /// An entry is damaged, or of a later version.
    #[error(transparent)]
    Entry(#[from] linger_core::UnreadableEntry),
    /// The database failed.
    #[error("the log's database failed: {0}")]
    Database(#[from] rusqlite::Error),
    /// The cluster does not answer, or has lost entries.
    #[error("{0}")]
    Cluster(String),
}
