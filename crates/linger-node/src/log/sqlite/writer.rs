//! The thread that writes the log: group commits, and what to do when one fails.
//!
//! It acknowledges what is durable and nothing else. Appends that are known not to
//! be written are refused at once; while the log cannot be written it refuses at the
//! door, and tries again each second. Before each commit it makes sure that its
//! files are still those in the folder: what is written to a deleted file is lost.

use std::{
    sync::{Arc, Mutex},
    thread,
    time::{Duration, Instant},
};

use linger_core::{Draft, Entry, Position, StoredEntry, queries::Erasure};
use rusqlite::{Connection, ErrorCode, ffi};
use tokio::sync::{mpsc, oneshot, watch};

use super::{Refused, erase, file};
use crate::{
    checkpoints::{Checkpoints, checkpoint},
    files::Files,
    health::{Health, Part},
    log::{AppendError, Note, latest::Latest, load::Load},
    metrics::Metrics,
};

/// Between two tries to write a log that cannot be written.
const TRY_AGAIN_AFTER: Duration = Duration::from_secs(1);

/// The last page of the entries, a new one, and the first of the file.
const PAGES_PER_COMMIT: usize = 3;
/// Of short messages.
const ENTRIES_PER_PAGE: usize = 8;
/// A quarter of what is worth a checkpoint.
const LOOK_EVERY_PAGES: usize = 250;

/// One task of the writer.
#[expect(clippy::large_enum_variant, reason = "nearly all are appends: no allocation for each")]
pub(super) enum Queued {
    Append(Append),
    /// Write something that changes nothing, to see whether that goes.
    Probe(oneshot::Sender<()>),
    /// Erase the payloads of entries.
    Erase(Vec<Erasure>, oneshot::Sender<()>),
    /// Note how far all is erased.
    NoteErased(Position),
}

pub(super) struct Append {
    pub(super) draft: Draft,
    pub(super) note: Option<Note>,
    pub(super) since: Instant,
    pub(super) answer: oneshot::Sender<Result<Position, AppendError>>,
    #[expect(dead_code, reason = "it is dropped with the append")]
    pub(super) load: Load,
}

/// The one writer. Owns the only connection that changes the file.
pub(super) struct Writer {
    pub(super) connection: Connection,
    /// None where its commits make the checkpoints.
    pub(super) checkpoints: Option<Checkpoints>,
    /// About as many pages were written since the last look at the WAL.
    pub(super) pages_since_look: usize,
    pub(super) files: Arc<Files>,
    pub(super) last: Position,
    pub(super) batch_max: usize,
    pub(super) latest: Arc<Mutex<Latest>>,
    pub(super) announce: watch::Sender<Position>,
    pub(super) refused: Refused,
    pub(super) metrics: Arc<Metrics>,
    pub(super) health: Arc<Health>,
}

/// A commit that failed.
struct Failed {
    error: rusqlite::Error,
    /// Whether something of it may be on the disk all the same.
    may_be_written: bool,
}

impl Writer {
    pub(super) fn run(mut self, mut queued: mpsc::Receiver<Queued>) {
        let mut taken = Vec::with_capacity(self.batch_max);
        let mut batch = Vec::with_capacity(self.batch_max);
        while queued.blocking_recv_many(&mut taken, self.batch_max) > 0 {
            let (mut probes, mut erasures) = (Vec::new(), Vec::new());
            for queued in taken.drain(..) {
                match queued {
                    Queued::Append(append) => batch.push(append),
                    Queued::Probe(answer) => probes.push(answer),
                    queued @ (Queued::Erase(..) | Queued::NoteErased(_)) => erasures.push(queued),
                }
            }
            // Before it writes, so that nothing goes to a file that is not there any more.
            if self.is_cut_off() {
                return;
            }
            let begin = Instant::now();
            let has_work = !(batch.is_empty() && probes.is_empty());
            match if has_work { self.commit(&batch) } else { Ok(()) } {
                Ok(()) => {
                    self.pages_since_look += PAGES_PER_COMMIT + batch.len() / ENTRIES_PER_PAGE;
                    self.acknowledge(begin, &mut batch);
                    self.keep_the_wal_short();
                }
                Err(failed) => {
                    self.refuse(failed, &mut batch);
                    if self.wait_until_it_goes(&mut queued).is_break() {
                        return;
                    }
                }
            }
            // After the appends, whose authors wait.
            erasures.into_iter().for_each(|queued| self.erase(queued));
            // Those who asked look at the health; an answer is enough.
            probes.into_iter().for_each(|answer| _ = answer.send(()));
        }
    }

    fn commit(&mut self, batch: &[Append]) -> Result<(), Failed> {
        let not_written = |error| Failed { error, may_be_written: false };
        let tx = self.connection.transaction().map_err(not_written)?;
        let mut position = self.last;
        for append in batch {
            position = position.next();
            let stored = StoredEntry::encode(&append.draft);
            file::insert(&tx, position, &stored).map_err(not_written)?;
        }
        if batch.is_empty() {
            write_nothing_new(&tx).map_err(not_written)?;
        }
        tx.commit().map_err(|error| {
            let may_be_written = may_be_on_disk(&error);
            Failed { error, may_be_written }
        })
    }

    /// Does what is asked about erasures. An erasure that fails is asked for again.
    fn erase(&mut self, queued: Queued) {
        match queued {
            Queued::Erase(erasures, answer) => {
                match erase::erase(&mut self.connection, &erasures) {
                    Ok(true) => _ = answer.send(()),
                    Ok(false) => {}
                    Err(error) => tracing::warn!(%error, "deleted texts cannot be erased just now"),
                }
            }
            Queued::NoteErased(upto) => {
                if let Err(error) = erase::note_erased(&self.connection, upto) {
                    tracing::warn!(%error, "it cannot be noted how far texts are erased");
                }
            }
            Queued::Append(_) | Queued::Probe(_) => unreachable!("done above"),
        }
    }

    /// Has the WAL emptied, by another thread as far as that goes: new commits come
    /// while it works, and the WAL begins anew only when nothing of it is left.
    fn keep_the_wal_short(&mut self) {
        let Some(checkpoints) = &mut self.checkpoints else { return };
        if checkpoints.has_moved() {
            // A few pages only, and nobody commits meanwhile.
            checkpoint(&self.connection);
        } else if self.pages_since_look >= LOOK_EVERY_PAGES {
            self.pages_since_look = 0;
            checkpoints.look(&self.connection);
        }
    }

    /// Tells whether the files were taken away. Then nothing that was written since
    /// is acknowledged, and the node ends.
    fn is_cut_off(&self) -> bool {
        let Some(gone) = self.files.gone() else { return false };
        self.health.end_without(gone);
        true
    }

    fn acknowledge(&mut self, begin: Instant, batch: &mut Vec<Append>) {
        self.health.is_well(Part::Log);
        if batch.is_empty() {
            return;
        }
        self.metrics.fsync_seconds.observe(begin.elapsed().as_secs_f64());
        let mut answers = Vec::with_capacity(batch.len());
        {
            let mut latest = self.latest.lock().expect("no holder of this lock panics");
            for append in batch.drain(..) {
                self.last = self.last.next();
                if let Some(note) = &append.note {
                    note.set(self.last).expect("an append has one position");
                }
                latest.push(Entry { position: self.last, draft: append.draft });
                answers.push((append.answer, append.since, self.last));
            }
        }
        // The follower first: it has work to do before the submits can go on.
        self.announce.send_replace(self.last);
        for (answer, since, position) in answers {
            self.metrics.append_seconds.observe(since.elapsed().as_secs_f64());
            // The caller may have given up; they will ask again under the same request id.
            let _ = answer.send(Ok(position));
        }
    }

    /// Tells those who wait what is known of a commit that failed.
    fn refuse(&mut self, failed: Failed, batch: &mut Vec<Append>) {
        let Failed { error, may_be_written } = failed;
        match error.sqlite_error_code() {
            Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => self
                .health
                .end(format!("log.db is damaged: {error}; stop, and restore it from a backup")),
            _ => {
                // SQLite calls nearly every such fault "disk I/O error".
                let why =
                    self.files.why_not_written().map_or(String::new(), |it| format!(" ({it})"));
                self.health.is_ill(Part::Log, format!("the log cannot be written: {error}{why}"));
            }
        }
        let was_written = self.find_last();
        let answer = match may_be_written || was_written {
            true => AppendError::Unknown,
            false => AppendError::NotWritten,
        };
        self.refuse_all(batch.drain(..), answer);
    }

    /// Refuses, and lets those be called who wait in a room of an edge's own.
    fn refuse_all(&self, appends: impl Iterator<Item = Append>, error: AppendError) {
        let mut users = Vec::new();
        for append in appends {
            users.extend(append.draft.author.user());
            // The caller may have given up.
            let _ = append.answer.send(Err(error));
        }
        if !users.is_empty() {
            self.refused.lock().expect("no holder of this lock panics").extend(users);
            // As it was: only to be heard.
            self.announce.send_modify(|_| {});
        }
    }

    /// Refuses all appends until the log can be written again. Breaks off when
    /// nobody appends any more, or when that will not come.
    fn wait_until_it_goes(
        &mut self,
        queued: &mut mpsc::Receiver<Queued>,
    ) -> std::ops::ControlFlow<()> {
        loop {
            let mut appends = Vec::new();
            while let Ok(queued) = queued.try_recv() {
                match queued {
                    Queued::Append(append) => appends.push(append),
                    Queued::Probe(answer) => _ = answer.send(()),
                    // Not now; it is asked for again.
                    Queued::Erase(..) | Queued::NoteErased(_) => {}
                }
            }
            self.refuse_all(appends.into_iter(), AppendError::NotWritten);
            if queued.is_closed() || self.health.has_ended() {
                return std::ops::ControlFlow::Break(());
            }
            // Dropped, the log unparks it.
            thread::park_timeout(TRY_AGAIN_AFTER);
            if self.is_cut_off() {
                return std::ops::ControlFlow::Break(());
            }
            match self.commit(&[]) {
                Ok(()) => {
                    self.find_last();
                    self.health.is_well(Part::Log);
                    return std::ops::ControlFlow::Continue(());
                }
                Err(failed) => self.refuse(failed, &mut Vec::new()),
            }
        }
    }

    /// After a failed commit: looks what the file really holds, so that no
    /// position is given twice. Tells whether more is there than was acknowledged.
    fn find_last(&mut self) -> bool {
        let Ok(found) = file::tail(&self.connection) else { return true };
        if found <= self.last {
            return false;
        }
        // The commit did take place. The entries are read from the file.
        let mut latest = self.latest.lock().expect("no holder of this lock panics");
        *latest = Latest::after(found);
        self.last = found;
        drop(latest);
        self.announce.send_replace(found);
        true
    }
}

/// Writes what nobody reads: it costs what a commit costs. A row that stays as it is
/// would not be written at all.
fn write_nothing_new(connection: &Connection) -> rusqlite::Result<()> {
    connection.execute(
        "INSERT INTO meta VALUES ('probe', '0') ON CONFLICT DO UPDATE
         SET value = CASE value WHEN '0' THEN '1' ELSE '0' END",
        [],
    )?;
    Ok(())
}

/// Tells whether a commit that failed so may have left a whole transaction in the
/// file: it does when all was written and only the fsync failed.
fn may_be_on_disk(error: &rusqlite::Error) -> bool {
    let rusqlite::Error::SqliteFailure(failure, _) = error else { return true };
    match failure.code {
        ErrorCode::DiskFull | ErrorCode::ReadOnly | ErrorCode::DatabaseBusy => false,
        ErrorCode::SystemIoFailure => failure.extended_code != ffi::SQLITE_IOERR_WRITE,
        _ => true,
    }
}
