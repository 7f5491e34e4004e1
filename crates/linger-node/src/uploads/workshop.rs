//! The one thread that prepares files: hashes them, and draws pictures anew.
//!
//! One file at a time, on a thread that gives way to all others: a picture takes seconds of
//! a processor and a good part of the memory, and chat must not wait for it.

use std::{
    sync::{
        Mutex,
        mpsc::{SyncSender, sync_channel},
    },
    thread::JoinHandle,
};

use tokio::sync::oneshot;

use super::UploadError;
use crate::essential;

/// How much the thread gives way, as `nice` counts.
#[cfg(target_os = "linux")]
const NICENESS: i32 = 10;

type Job = Box<dyn FnOnce() + Send>;

/// The thread and its queue. It starts with the first job: most servers have none for long.
pub(super) struct Workshop {
    jobs_max: usize,
    running: Mutex<Option<Running>>,
}

struct Running {
    jobs: SyncSender<Job>,
    thread: JoinHandle<()>,
}

impl Workshop {
    /// Makes one for which so many jobs may wait.
    pub(super) fn new(jobs_max: usize) -> Workshop {
        Workshop { jobs_max, running: Mutex::new(None) }
    }

    fn jobs(&self) -> SyncSender<Job> {
        let mut running = self.running.lock().expect("no holder of this lock panics");
        running.get_or_insert_with(|| Running::start(self.jobs_max)).jobs.clone()
    }

    /// Does a job when those before it are done. Errors: too many wait, or the job's own.
    pub(super) async fn run<T: Send + 'static>(
        &self,
        job: impl FnOnce() -> Result<T, UploadError> + Send + 'static,
    ) -> Result<T, UploadError> {
        let (done, result) = oneshot::channel();
        let job: Job = Box::new(move || {
            // If nobody waits any more, nobody needs the result.
            let _ = done.send(job());
        });
        // It may be full, or at its end.
        self.jobs().try_send(job).map_err(|_| UploadError::Overloaded)?;
        result.await.map_err(|_| UploadError::Overloaded)?
    }
}

impl Running {
    fn start(jobs_max: usize) -> Running {
        let (jobs, queue) = sync_channel::<Job>(jobs_max);
        let thread = essential::spawn("files", move || {
            // On Linux this is the thread's own; elsewhere it would be the whole program's.
            #[cfg(target_os = "linux")]
            if let Err(error) = rustix::process::setpriority_process(None, NICENESS) {
                tracing::debug!(%error, "the thread for files could not give way to others");
            }
            while let Ok(job) = queue.recv() {
                job();
            }
        });
        Running { jobs, thread }
    }
}

impl Drop for Workshop {
    fn drop(&mut self) {
        let running = self.running.lock().expect("no holder of this lock panics").take();
        if let Some(Running { jobs, thread }) = running {
            drop(jobs);
            // The job that it has is done first: some seconds at the longest.
            thread.join().expect("its panic would have ended the process");
        }
    }
}
