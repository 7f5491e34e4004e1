//! Checkpoints of a write-ahead log, on a thread of its own.
//!
//! SQLite makes them in the commit that finds the WAL long, and everybody who waits for
//! that commit waits for a thousand pages and two syncs as well. Here a commit only asks
//! for a look, and the thread moves the pages while commits go on. It never fails: pages
//! that cannot be moved stay in the WAL, and are moved later.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
        mpsc::{SyncSender, sync_channel},
    },
    thread::JoinHandle,
};

use rusqlite::{Connection, OpenFlags};

use crate::essential;

/// Pages in the WAL that are worth a checkpoint: SQLite's own number.
const PAGES_MIN: i64 = 1000;
/// From then on a commit makes the checkpoint itself, as without this thread: the
/// WAL must end somewhere.
const PAGES_MAX: i64 = 16 * PAGES_MIN;

/// The thread. When it is dropped, it closes the file first.
pub(crate) struct Checkpoints {
    /// None while it closes.
    look: Option<SyncSender<()>>,
    thread: Option<JoinHandle<()>>,
    /// Set after each checkpoint, until it is taken.
    has_moved: Arc<AtomicBool>,
}

impl Checkpoints {
    /// Makes the checkpoints of the file behind `connection` from now on. None: the file
    /// cannot be opened once more, so commits make them.
    pub(crate) fn of(connection: &Connection) -> Option<Checkpoints> {
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let path = connection.path().filter(|path| !path.is_empty())?;
        let own = Connection::open_with_flags(path, flags).ok()?;
        connection.pragma_update(None, "wal_autocheckpoint", PAGES_MAX).ok()?;
        // One more look is as good as many.
        let (look, looks) = sync_channel(1);
        let has_moved = Arc::new(AtomicBool::new(false));
        let done = has_moved.clone();
        let work = move || {
            while looks.recv().is_ok() {
                if waiting(&own) >= PAGES_MIN && checkpoint(&own) {
                    done.store(true, Ordering::Release);
                }
            }
        };
        let thread = Some(essential::spawn("checkpoints", work));
        Some(Checkpoints { look: Some(look), thread, has_moved })
    }

    /// Asks for a look, after a commit. Does not wait.
    pub(crate) fn look(&self) {
        let look = self.look.as_ref().expect("it closes only when it is dropped");
        // If the queue is full, a look will come anyway.
        let _ = look.try_send(());
    }

    /// Tells whether there was a checkpoint since the last call: the WAL is short then,
    /// and holds only what came after it.
    pub(crate) fn has_moved(&self) -> bool {
        // Nearly always false, and then nothing shared is written.
        self.has_moved.load(Ordering::Relaxed) && self.has_moved.swap(false, Ordering::Acquire)
    }
}

impl Drop for Checkpoints {
    fn drop(&mut self) {
        drop(self.look.take());
        if let Some(thread) = self.thread.take() {
            thread.join().expect("its panic would have ended the process");
        }
    }
}

/// Moves pages that nobody reads any more from the WAL into the file, without waiting for
/// a lock. Tells whether that went well.
pub(crate) fn checkpoint(connection: &Connection) -> bool {
    let moved = connection.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |row| row.get(0));
    moved.is_ok_and(|is_busy: i64| is_busy == 0)
}

/// Returns how many pages of the WAL are not in the file yet; 0 where nobody knows.
fn waiting(connection: &Connection) -> i64 {
    let pages = connection.query_row("PRAGMA wal_checkpoint(NOOP)", [], |row| {
        Ok(row.get::<_, i64>(1)? - row.get::<_, i64>(2)?)
    });
    pages.unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::*;

    /// Writes so many pages in a commit of its own.
    fn write(connection: &Connection, pages: i64) {
        let rows = "
            WITH RECURSIVE n (i) AS (VALUES (1) UNION ALL SELECT i + 1 FROM n WHERE i < ?1)
            INSERT INTO pages SELECT zeroblob(3000) FROM n";
        connection.execute(rows, [pages]).unwrap();
    }

    fn in_wal(connection: &Connection) -> (i64, i64) {
        let row = |row: &rusqlite::Row<'_>| Ok((row.get(1)?, row.get(2)?));
        connection.query_row("PRAGMA wal_checkpoint(NOOP)", [], row).unwrap()
    }

    fn file() -> (tempfile::TempDir, Connection) {
        let folder = tempfile::tempdir().unwrap();
        let connection = Connection::open(folder.path().join("some.db")).unwrap();
        connection.pragma_update(None, "journal_mode", "wal").unwrap();
        connection.execute_batch("CREATE TABLE pages (bytes BLOB)").unwrap();
        (folder, connection)
    }

    #[test]
    fn no_commit_waits_for_a_checkpoint_before_the_wal_is_far_too_long() {
        let (_folder, connection) = file();
        let _checkpoints = Checkpoints::of(&connection).unwrap();
        write(&connection, PAGES_MIN * 2);
        let (pages, moved) = in_wal(&connection);
        assert!(pages > PAGES_MIN * 2, "{pages}");
        assert_eq!(moved, 0);
        write(&connection, PAGES_MAX - pages);
        let (pages, moved) = in_wal(&connection);
        assert_eq!((pages >= PAGES_MAX, moved), (true, pages));
    }

    #[test]
    fn the_wal_begins_anew_after_a_checkpoint_while_commits_go_on() {
        let (_folder, connection) = file();
        let checkpoints = Checkpoints::of(&connection).unwrap();
        write(&connection, PAGES_MIN);
        checkpoints.look();
        let deadline = Instant::now() + Duration::from_secs(30);
        while !checkpoints.has_moved() {
            assert!(Instant::now() < deadline, "nobody looks");
            std::thread::yield_now();
        }
        assert!(!checkpoints.has_moved(), "it is told once");
        // So many pages came while the thread worked.
        write(&connection, 3);
        assert!(checkpoint(&connection));
        write(&connection, 1);
        let (pages, moved) = in_wal(&connection);
        assert!((1..10).contains(&pages) && moved == 0, "{pages} pages, {moved} moved");
    }

    #[test]
    fn a_short_wal_is_left_alone() {
        let (_folder, connection) = file();
        let checkpoints = Checkpoints::of(&connection).unwrap();
        write(&connection, 10);
        checkpoints.look();
        // Before it ended, it looked.
        drop(checkpoints);
        assert_eq!(in_wal(&connection).1, 0);
    }

    #[test]
    fn a_database_without_a_file_has_none() {
        assert!(Checkpoints::of(&Connection::open_in_memory().unwrap()).is_none());
    }
}
