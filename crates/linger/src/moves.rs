//! `linger cluster import` and `linger cluster export`: a log is moved to a cluster, and back.
//! Says how far it is now and then, and at the end what was moved and what to do next.

use std::{
    io::Write,
    path::Path,
    process::ExitCode,
    sync::Arc,
    time::{Duration, Instant},
};

use linger_node::{
    Clock, SystemClock,
    moves::{self, Moved, Progress},
};

use crate::{cluster::promise, config::Cluster};

/// Between two lines about how far it is.
const TELL_EVERY: Duration = Duration::from_secs(5);

/// Moves the log of a data folder to the cluster.
pub(crate) fn import(cluster: &Cluster, data: &Path) -> anyhow::Result<ExitCode> {
    let (log, promise) = (&cluster.log, promise(cluster)?);
    let moved = moves::import(data, log, &promise, &clock(), &mut teller())?;
    let (stream, data) = (&log.stream, data.display());
    let missing = missing(&moved);
    let Moved { log, end, erased, files, .. } = moved;
    writeln!(
        std::io::stdout(),
        "The stream {stream} has the log {log} now: {end} entries, {erased} of them erased, each compared, and {files} files{missing}.\n\
         Start nodes on it with --log, each with a new folder as its --data. {data} is kept as it was; no server\n\
         starts on it, unless you remove the file 'cluster' there, and forget what is said from now on."
    )?;
    Ok(ExitCode::SUCCESS)
}

/// Copies the cluster's log into a data folder.
pub(crate) fn export(cluster: &Cluster, data: &Path) -> anyhow::Result<ExitCode> {
    let moved = moves::export(data, &cluster.log, &clock(), &mut teller())?;
    let (stream, data) = (&cluster.log.stream, data.display());
    let missing = missing(&moved);
    let Moved { log, end, erased, files, .. } = moved;
    writeln!(
        std::io::stdout(),
        "{data} has the log {log} now, as the stream {stream} had it: {end} entries, {erased} of them erased, and {files} files{missing}.\n\
         Start a server on it without --log. What nodes write from now on is not in it."
    )?;
    Ok(ExitCode::SUCCESS)
}

fn clock() -> Arc<dyn Clock> {
    Arc::new(SystemClock)
}

/// Says how many files could not be moved, if any.
fn missing(moved: &Moved) -> String {
    match moved.files_missing {
        0 => String::new(),
        count => format!(" ({count} more were not there any more, or not as they were sent)"),
    }
}

/// Tells people how far it is, not too often.
fn teller() -> impl FnMut(Progress) + Send {
    let mut told = Instant::now();
    move |Progress { step, done, end }| {
        if told.elapsed() >= TELL_EVERY {
            told = Instant::now();
            // Nobody may read it.
            let _ = writeln!(std::io::stdout(), "{done} of {end} {step}");
        }
    }
}
