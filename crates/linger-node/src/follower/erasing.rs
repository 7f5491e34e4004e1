//! Erases deleted texts from the files, a little after they are deleted.
//!
//! Apply has blanked the tables by then, and noted which entries of the log have a payload to
//! erase. The log's writer rewrites those; then the follower empties the WAL of the tables, and
//! clears their file of copies; and only then it is noted how far that came. Whatever is cut off before that is done again,
//! after the next start too.

use linger_core::{Entry, Outcome, Position, queries};
use tokio::{
    sync::oneshot,
    time::{Duration, Instant},
};

use super::{Follower, clearing::clear_from};
use crate::log::Log;

/// Others who delete in these seconds share the work.
const ERASE_AFTER: Duration = Duration::from_secs(2);
/// Between two tries, while somebody reads or the disk fails.
const TRY_AGAIN_AFTER: Duration = Duration::from_secs(1);
/// Between two parts of the file of the tables: sends have their turn.
const PAUSE: Duration = Duration::from_millis(50);
/// Entries in one go: the log's writer has other work.
const AT_ONCE: usize = 500;

/// What is known of erasures.
pub(crate) struct Erasing {
    /// Everything up to here is erased.
    done: Position,
    /// When to look for more.
    due: Option<Instant>,
    /// The log is at it: the answer, and how far it is then.
    running: Option<(Position, oneshot::Receiver<()>)>,
    /// The log is done up to there, and the file of the tables is clear up to this byte.
    clearing: Option<(Position, u64)>,
}

impl Erasing {
    /// Begins with a look at what was left before.
    pub(crate) fn of(log: &dyn Log) -> Erasing {
        let done = log.erased_upto();
        let due = (done < Position::MAX).then(Instant::now);
        Erasing { done, due, running: None, clearing: None }
    }

    /// Takes note of what a batch asks for.
    pub(super) fn note(&mut self, entries: &[Entry], outcomes: &[Outcome]) {
        let mut batch = entries.iter().zip(outcomes);
        let is_asked = batch.any(|(entry, outcome)| outcome.asks_for_erasure(&entry.draft.command));
        if is_asked && self.done < Position::MAX {
            self.due.get_or_insert_with(|| Instant::now() + ERASE_AFTER);
        }
    }

    /// Returns when to look for more; none while the log is at it.
    pub(super) fn due(&self) -> Option<Instant> {
        self.due.filter(|_| self.running.is_none())
    }

    /// Waits for the log's answer. Tells whether it has erased what it was asked to.
    pub(super) async fn answered(&mut self) -> bool {
        match &mut self.running {
            Some((_, answer)) => answer.await.is_ok(),
            None => std::future::pending().await,
        }
    }
}

impl Follower {
    /// Goes on: asks the log to erase what is to be erased, if anything is; or clears the file
    /// of the tables when the log has done so.
    pub(super) fn go_on_erasing(&mut self) {
        self.erasing.due = None;
        if let Some((upto, begin)) = self.erasing.clearing.take() {
            self.clear_tables(upto, begin);
            return;
        }
        let found =
            queries::erasures_after(self.projection.connection(), self.erasing.done, AT_ONCE);
        match found {
            Ok(erasures) => {
                let Some(last) = erasures.last() else { return };
                self.erasing.running = Some((last.cause, self.log.erase(erasures)));
            }
            Err(error) => {
                self.erasing.due = Some(Instant::now() + TRY_AGAIN_AFTER);
                self.fail(&error);
            }
        }
    }

    /// Takes the log's answer.
    pub(super) fn note_erased(&mut self, is_erased: bool) {
        let Some((upto, _)) = self.erasing.running.take() else { return };
        let pause = if is_erased { Duration::ZERO } else { TRY_AGAIN_AFTER };
        self.erasing.clearing = is_erased.then_some((upto, 0));
        self.erasing.due = Some(Instant::now() + pause);
    }

    /// Empties the WAL of the tables, and clears a part of their file. Nobody else writes it,
    /// and with an empty WAL no checkpoint does.
    fn clear_tables(&mut self, upto: Position, begin: u64) {
        self.commit();
        let is_committed = self.projection.committed() >= upto && self.is_readable();
        let is_empty = is_committed && self.projection.empty_wal().unwrap_or(false);
        let path = self.files.as_ref().map(|files| files.files.path().to_owned());
        let cleared = match path.filter(|_| is_empty) {
            Some(path) => clear_from(&path, begin),
            None => Err(std::io::Error::other("somebody reads the tables, or writes them")),
        };
        // Pages in memory are those from before.
        let _ = self.projection.connection().execute_batch("PRAGMA shrink_memory");
        let now = Instant::now();
        match cleared {
            Ok(None) => {
                (self.erasing.done, self.erasing.due) = (upto, Some(now));
                self.log.note_erased(upto);
            }
            Ok(Some(next)) => {
                self.erasing.clearing = Some((upto, next));
                self.erasing.due = Some(now + PAUSE);
            }
            Err(_) => {
                self.erasing.clearing = Some((upto, begin));
                self.erasing.due = Some(now + TRY_AGAIN_AFTER);
            }
        }
    }
}
