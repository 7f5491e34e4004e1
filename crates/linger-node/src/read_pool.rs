//! The door from async code into SQLite, for reading.
//!
//! A few threads answer questions from one bounded queue, in which askers take turns,
//! with read-only connections to the projection. A question that takes too long is
//! broken off. (The other door is the follower, for writing.) The connections can be
//! closed, so that another projection can take the place of this one.

mod queue;
#[cfg(test)]
mod tests;

use std::{
    path::{Path, PathBuf},
    sync::{Arc, Condvar, Mutex, MutexGuard},
    thread::JoinHandle,
    time::{Duration, Instant},
};

use linger_core::{Projection, is_damage};
pub use queue::Asker;
use queue::Queue;
use rusqlite::{Connection, ErrorCode};
use tokio::{sync::oneshot, time::timeout};

use crate::{Limits, Unavailable, commits::Damage, essential};

pub(crate) type Question = Box<dyn FnOnce(&Connection) + Send>;

#[cfg(test)]
pub(crate) type TableTime = Arc<dyn Fn() -> std::time::Duration + Send + Sync>;

/// Threads that read the projection.
pub(crate) enum ReadPool {
    /// Threads, behind a queue.
    Threads(Arc<Queue>, Vec<JoinHandle<()>>),
    /// The asking thread itself, because under a paused clock nothing else may run. The
    /// answer comes when the time that the function returns has passed.
    #[cfg(test)]
    Inline(Mutex<Connection>, TableTime),
}

/// Reasons why a question has no answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unanswered {
    /// The queue is at its bound, or there is no answer in time.
    Overloaded,
    /// The tables are damaged, and are about to be made anew.
    Damaged,
    /// The database fails, or is closed just now.
    Failed,
}

impl From<Unanswered> for Unavailable {
    fn from(unanswered: Unanswered) -> Unavailable {
        match unanswered {
            Unanswered::Overloaded => Unavailable::Overloaded,
            Unanswered::Damaged | Unanswered::Failed => Unavailable::Storage,
        }
    }
}

/// The connections of the threads, or why there are none.
pub(crate) struct Connections {
    path: PathBuf,
    /// How long an answer may take.
    time_max: Duration,
    state: Mutex<State>,
    is_returned: Condvar,
}

#[derive(Default)]
struct State {
    /// Open, and not in use now.
    idle: Vec<Connection>,
    in_use: usize,
    /// While this is set, no connection is opened.
    is_closed: bool,
}

impl Connections {
    /// Makes connections to the projection at `path`, which need not exist before the
    /// first question.
    pub(crate) fn to(path: &Path, limits: &Limits) -> Arc<Connections> {
        let (state, is_returned) = (Mutex::default(), Condvar::new());
        let (path, time_max) = (path.to_owned(), limits.read_timeout);
        Arc::new(Connections { path, time_max, state, is_returned })
    }

    /// Closes all of them, and waits for those that are in use: the files may be
    /// renamed then.
    pub(crate) fn close(&self) {
        let mut state = self.lock();
        state.is_closed = true;
        state.idle.clear();
        let in_use = |state: &mut State| state.in_use > 0;
        let state = self.is_returned.wait_while(state, in_use);
        drop(state.expect("no holder of this lock panics"));
    }

    /// Lets them be opened again.
    pub(crate) fn open(&self) {
        self.lock().is_closed = false;
    }

    /// Answers a question with one of them. There is no answer while they are closed, or
    /// if none can be opened.
    fn answer(&self, question: Question) {
        let mut state = self.lock();
        if state.is_closed {
            return;
        }
        state.in_use += 1;
        let connection = state.idle.pop();
        drop(state);
        let mut opened = connection.map_or_else(|| Projection::open_reader(&self.path), Ok);
        match &mut opened {
            Ok(connection) => {
                break_off(connection, Instant::now() + self.time_max);
                question(connection);
            }
            Err(error) => tracing::error!(%error, "the projection could not be opened for reading"),
        }
        let mut state = self.lock();
        state.in_use -= 1;
        if !state.is_closed {
            state.idle.extend(opened.ok());
        }
        drop(state);
        self.is_returned.notify_all();
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("no holder of this lock panics")
    }
}

impl ReadPool {
    /// Starts the threads. [`ReadPool::close`] ends them.
    pub(crate) fn start(connections: &Arc<Connections>, limits: &Limits) -> ReadPool {
        let queue = Arc::new(Queue::new(limits.read_queue_max));
        let mut threads = Vec::with_capacity(limits.read_threads);
        for number in 0..limits.read_threads {
            let (connections, queue) = (connections.clone(), queue.clone());
            threads.push(essential::spawn(&format!("read-{number}"), move || {
                while let Some((asker, question)) = queue.next() {
                    connections.answer(question);
                    queue.done(asker);
                }
                // The projection's writer must be the last to close, or the
                // projection stays in two files.
                connections.close();
            }));
        }
        ReadPool::Threads(queue, threads)
    }

    /// Answers nothing: its queue is full.
    #[cfg(test)]
    pub(crate) fn nobody() -> ReadPool {
        ReadPool::Threads(Arc::new(Queue::new(0)), Vec::new())
    }

    /// Lets the threads finish and close their connections.
    pub(crate) fn close(self) {
        match self {
            ReadPool::Threads(queue, threads) => {
                queue.close();
                for thread in threads {
                    thread.join().expect("its panic would have ended the process");
                }
            }
            #[cfg(test)]
            ReadPool::Inline(..) => {}
        }
    }

    /// Asks in the turn of `asker`, and waits for the answer until `time_max` is over.
    ///
    /// Errors: [`Unanswered`].
    pub(crate) async fn ask<T: Send + 'static>(
        &self,
        asker: Asker,
        time_max: Duration,
        damage: &Damage,
        question: impl FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, Unanswered> {
        let (question, answered) = envelope(damage.clone(), question);
        match self {
            ReadPool::Threads(queue, _) => {
                if !queue.push(asker, question) {
                    return Err(Unanswered::Overloaded);
                }
            }
            #[cfg(test)]
            ReadPool::Inline(connection, table_time) => {
                question(&connection.lock().unwrap());
                let time = table_time();
                if !time.is_zero() {
                    tokio::time::sleep(time).await;
                }
            }
        }
        let answer = timeout(time_max, answered).await.map_err(|_| Unanswered::Overloaded)?;
        answer.unwrap_or(Err(Unanswered::Failed))
    }
}

/// Breaks off all work of the connection after `deadline`.
fn break_off(connection: &mut Connection, deadline: Instant) {
    /// Between two looks at the clock: some tens of microseconds.
    const STEPS: i32 = 1000;
    let is_over = move || Instant::now() >= deadline;
    connection.progress_handler(STEPS, Some(is_over)).expect("a connection of our own is open");
}

/// Makes a question that can be sent to the owner of a connection, and the receiver of
/// its answer. If it is dropped without being asked, the receiver gets an error.
///
/// Damage that it finds is reported, so that the follower makes the tables anew.
pub(crate) fn envelope<T: Send + 'static>(
    damage: Damage,
    question: impl FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
) -> (Question, oneshot::Receiver<Result<T, Unanswered>>) {
    let (answer, answered) = oneshot::channel();
    let generation = damage.generation();
    let question: Question = Box::new(move |connection: &Connection| {
        // Nobody waits for the answer any more, so the question takes no time.
        if answer.is_closed() {
            return;
        }
        let told = question(connection).map_err(|error| {
            if is_damage(&error) {
                damage.report(generation, &error);
                return Unanswered::Damaged;
            }
            if error.sqlite_error_code() == Some(ErrorCode::OperationInterrupted) {
                tracing::warn!("a question took too long and was broken off");
                return Unanswered::Overloaded;
            }
            tracing::error!(%error, "the projection could not be read");
            Unanswered::Failed
        });
        // Nobody waits for it any more: not an error.
        let _ = answer.send(told);
    });
    (question, answered)
}
