//! Checkpoints of a write-ahead log, on a thread of its own.
//!
//! SQLite makes them in the commit that finds the WAL long, and everybody who waits for
//! that commit waits for a thousand pages and two syncs as well. Here a commit only asks
//! for a look, and the thread moves the pages while commits go on. It never fails: pages
//! that cannot be moved stay in the WAL, and are moved later. A WAL that was never long
//! has no thread, and no second connection, which takes some 400 KiB.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
        mpsc::{SyncSender, sync_channel},
    },
    thread::JoinHandle,
};

use rusqlite::{Connection, OpenFlags};

use crate::{essential, files::Identity};

/// Pages in the WAL that are worth a checkpoint: SQLite's own number.
const PAGES_MIN: i64 = 1000;
/// From then on a commit makes the checkpoint itself, as without this thread: the
/// WAL must end somewhere.
const PAGES_MAX: i64 = 16 * PAGES_MIN;
/// SQLite's own size of a page.
const PAGE_BYTES: u64 = 4096;

/// The checkpoints of one file.
pub(crate) struct Checkpoints {
    file: PathBuf,
    /// Of the file that the committing connection has.
    identity: Identity,
    wal: PathBuf,
    by: By,
}

/// Those who make the checkpoints.
enum By {
    /// Nobody yet: the WAL was never long.
    Nobody,
    Thread(Thread),
    /// The commits, as without a thread: the file could not be opened once more.
    Commits,
}

/// The thread. When it is dropped, it closes the file first.
struct Thread {
    /// None while it closes.
    look: Option<SyncSender<()>>,
    thread: Option<JoinHandle<()>>,
    /// Set after each checkpoint, until it is taken.
    has_moved: Arc<AtomicBool>,
}

impl Checkpoints {
    /// Makes the checkpoints of the file behind `connection` from now on. None: it has no
    /// file.
    pub(crate) fn of(connection: &Connection) -> Option<Checkpoints> {
        let file = PathBuf::from(connection.path().filter(|path| !path.is_empty())?);
        let identity = Identity::at(&file).ok()?;
        let mut wal = file.clone().into_os_string();
        wal.push("-wal");
        connection.pragma_update(None, "wal_autocheckpoint", PAGES_MAX).ok()?;
        Some(Checkpoints { file, identity, wal: wal.into(), by: By::Nobody })
    }

    /// Asks for a look, after a commit of this connection. Does not wait.
    pub(crate) fn look(&mut self, connection: &Connection) {
        match &self.by {
            By::Thread(thread) => thread.look(),
            By::Nobody if self.is_wal_long() => self.begin(connection),
            By::Nobody | By::Commits => {}
        }
    }

    /// Tells whether there was a checkpoint since the last call: the WAL is short then,
    /// and holds only what came after it.
    pub(crate) fn has_moved(&self) -> bool {
        matches!(&self.by, By::Thread(thread) if thread.has_moved())
    }

    /// A WAL file never becomes shorter, so this is true for good once it is.
    fn is_wal_long(&self) -> bool {
        let bytes = fs::metadata(&self.wal).map_or(0, |metadata| metadata.len());
        bytes >= PAGES_MIN.unsigned_abs() * PAGE_BYTES
    }

    fn begin(&mut self, connection: &Connection) {
        self.by = match open(&self.file, self.identity) {
            Some(own) => {
                let thread = Thread::start(own);
                thread.look();
                By::Thread(thread)
            }
            None => {
                // If even that fails, the WAL ends at PAGES_MAX.
                let _ = connection.pragma_update(None, "wal_autocheckpoint", PAGES_MIN);
                By::Commits
            }
        };
    }
}

/// Opens a file once more. None: that failed, or another file is in its place now.
fn open(file: &Path, identity: Identity) -> Option<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let own = Connection::open_with_flags(file, flags).ok()?;
    // After it was opened: the file that is there now is the one that was opened.
    (Identity::at(file).ok()? == identity).then_some(own)
}

impl Thread {
    fn start(own: Connection) -> Thread {
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
        Thread { look: Some(look), thread, has_moved }
    }

    fn look(&self) {
        let look = self.look.as_ref().expect("it closes only when it is dropped");
        // If the queue is full, a look will come anyway.
        let _ = look.try_send(());
    }

    fn has_moved(&self) -> bool {
        // Nearly always false, and then nothing shared is written.
        self.has_moved.load(Ordering::Relaxed) && self.has_moved.swap(false, Ordering::Acquire)
    }
}

impl Drop for Thread {
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

    /// Waits for the thread's next checkpoint.
    fn until_moved(checkpoints: &Checkpoints) {
        let deadline = Instant::now() + Duration::from_secs(30);
        while !checkpoints.has_moved() {
            assert!(Instant::now() < deadline, "nobody looks");
            std::thread::yield_now();
        }
    }

    #[test]
    fn the_wal_begins_anew_after_a_checkpoint_while_commits_go_on() {
        let (_folder, connection) = file();
        let mut checkpoints = Checkpoints::of(&connection).unwrap();
        for _ in 0..2 {
            write(&connection, PAGES_MIN);
            checkpoints.look(&connection);
            until_moved(&checkpoints);
            assert!(!checkpoints.has_moved(), "it is told once");
            // So many pages came while the thread worked.
            write(&connection, 3);
            assert!(checkpoint(&connection));
            write(&connection, 1);
            let (pages, moved) = in_wal(&connection);
            assert!((1..10).contains(&pages) && moved == 0, "{pages} pages, {moved} moved");
        }
    }

    #[test]
    fn a_wal_that_was_never_long_has_no_thread() {
        let (_folder, connection) = file();
        let mut checkpoints = Checkpoints::of(&connection).unwrap();
        write(&connection, 10);
        checkpoints.look(&connection);
        assert!(matches!(checkpoints.by, By::Nobody));
        assert_eq!(in_wal(&connection).1, 0);
        write(&connection, PAGES_MIN);
        checkpoints.look(&connection);
        assert!(matches!(checkpoints.by, By::Thread(_)));
    }

    #[test]
    fn a_file_that_took_the_place_of_ours_is_left_alone() {
        for is_gone in [false, true] {
            let (folder, connection) = file();
            let (_other_folder, other) = file();
            write(&other, 5);
            let mut checkpoints = Checkpoints::of(&connection).unwrap();
            write(&connection, PAGES_MIN);
            let path = folder.path().join("some.db");
            std::fs::rename(&path, folder.path().join("moved.db")).unwrap();
            if !is_gone {
                std::fs::copy(other.path().unwrap(), &path).unwrap();
            }
            checkpoints.look(&connection);
            assert!(matches!(checkpoints.by, By::Commits));
            let pragma = "PRAGMA wal_autocheckpoint";
            let pages: i64 = connection.query_row(pragma, [], |row| row.get(0)).unwrap();
            assert_eq!(pages, PAGES_MIN, "commits make the checkpoints");
        }
    }

    #[test]
    fn a_database_without_a_file_has_none() {
        assert!(Checkpoints::of(&Connection::open_in_memory().unwrap()).is_none());
    }
}
