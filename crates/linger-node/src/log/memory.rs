//! The log in memory, for tests: an append is durable at once.

use std::sync::Mutex;

use linger_core::{Draft, Entry, LogId, Position};
use tokio::sync::{oneshot, watch};

use super::{AppendError, Appending, Log, Note, ReadError};

/// The log in a vector.
pub(crate) struct MemoryLog {
    id: LogId,
    entries: Mutex<Vec<Entry>>,
    tail: watch::Sender<Position>,
}

impl MemoryLog {
    /// Begins an empty log.
    pub(crate) fn new(id: LogId) -> MemoryLog {
        MemoryLog { id, entries: Mutex::default(), tail: watch::Sender::new(Position::START) }
    }
}

impl Log for MemoryLog {
    fn id(&self) -> LogId {
        self.id
    }

    fn append_noting(&self, draft: Draft, note: Option<Note>) -> Result<Appending, AppendError> {
        let mut entries = self.entries.lock().unwrap();
        let position = entries.last().map_or(Position::START, |entry| entry.position).next();
        entries.push(Entry { position, draft });
        if let Some(note) = note {
            note.set(position).expect("an append has one position");
        }
        // Under the lock: two appends at once must not make the tail go back.
        self.tail.send_replace(position);
        drop(entries);
        let (answer, appending) = oneshot::channel();
        answer.send(Ok(position)).unwrap();
        Ok(appending)
    }

    fn probe(&self) -> oneshot::Receiver<()> {
        oneshot::channel().1
    }

    fn read_after(&self, after: Position, limit: usize) -> Result<Vec<Entry>, ReadError> {
        let entries = self.entries.lock().unwrap();
        let begin = entries.partition_point(|entry| entry.position <= after);
        Ok(entries[begin..].iter().take(limit).cloned().collect())
    }

    fn tail(&self) -> watch::Receiver<Position> {
        self.tail.subscribe()
    }
}
