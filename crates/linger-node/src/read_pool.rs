//! The door from async code into SQLite, for reading.
//!
//! A few threads, each with a read-only connection of its own, answer questions
//! from one bounded queue. (The other door is the follower, for writing.)

use std::{
    path::Path,
    sync::{Arc, Mutex},
    thread::JoinHandle,
};

use linger_core::Projection;
use rusqlite::Connection;
use tokio::sync::{mpsc, oneshot};

use crate::{Limits, Unavailable, essential};

pub(crate) type Question = Box<dyn FnOnce(&Connection) + Send>;

#[cfg(test)]
pub(crate) type TableTime = Arc<dyn Fn() -> std::time::Duration + Send + Sync>;

/// Threads that read the projection.
pub(crate) enum ReadPool {
    /// Threads, behind a bounded queue.
    Threads(mpsc::Sender<Question>, Vec<JoinHandle<()>>),
    /// The asking thread itself: under a paused clock nothing else may run. The
    /// answer is given when the time that the function names has passed.
    #[cfg(test)]
    Inline(Mutex<Connection>, TableTime),
}

impl ReadPool {
    /// Starts the threads. [`ReadPool::close`] ends them.
    pub(crate) fn start(projection: &Path, limits: &Limits) -> rusqlite::Result<ReadPool> {
        let (queue, questions) = mpsc::channel::<Question>(limits.read_queue_max);
        let questions = Arc::new(Mutex::new(questions));
        let mut threads = Vec::with_capacity(limits.read_threads);
        for number in 0..limits.read_threads {
            let connection = Projection::open_reader(projection)?;
            let questions = questions.clone();
            threads.push(essential::spawn(&format!("read-{number}"), move || {
                // The lock is held while waiting for the next question only.
                let next = || questions.lock().ok()?.blocking_recv();
                while let Some(question) = next() {
                    question(&connection);
                }
            }));
        }
        Ok(ReadPool::Threads(queue, threads))
    }

    /// Lets the threads finish and close their connections: who writes must be
    /// the last to close, or the projection stays in two files.
    pub(crate) fn close(self) {
        match self {
            ReadPool::Threads(queue, threads) => {
                drop(queue);
                for thread in threads {
                    thread.join().expect("its panic would have ended the process");
                }
            }
            #[cfg(test)]
            ReadPool::Inline(..) => {}
        }
    }

    /// Asks, and waits for the answer.
    ///
    /// Errors: [`Unavailable::Overloaded`] when the queue is at its bound,
    /// [`Unavailable::Storage`] when the database fails.
    pub(crate) async fn ask<T: Send + 'static>(
        &self,
        question: impl FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, Unavailable> {
        let (answer, answered) = oneshot::channel();
        let question: Question = Box::new(move |connection: &Connection| {
            // Nobody waits for it any more: not an error.
            let _ = answer.send(question(connection));
        });
        match self {
            ReadPool::Threads(queue, _) => {
                queue.try_send(question).map_err(|_| Unavailable::Overloaded)?;
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
        match answered.await {
            Ok(Ok(answer)) => Ok(answer),
            Ok(Err(error)) => {
                tracing::error!(%error, "the projection could not be read");
                Err(Unavailable::Storage)
            }
            Err(_) => Err(Unavailable::Storage),
        }
    }
}
