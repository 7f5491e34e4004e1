//! The machine under the figures, which mean nothing without it.
//!
//! Durable sends wait for the disk, so the disk's own speed is measured: a write
//! of 4 KiB and fdatasync, where the servers keep their data.

use std::{
    fs::{self, File},
    io::Write,
    path::Path,
    time::Instant,
};

use serde::Serialize;

use crate::disk::Place;

/// Enough for a median.
const SYNCS: usize = 101;

/// A machine, and its state at the time.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Machine {
    pub(crate) cores: usize,
    pub(crate) cpu: String,
    pub(crate) kernel: String,
    pub(crate) memory_gib: u64,
    /// Where the servers keep their data.
    pub(crate) file_system: String,
    pub(crate) fdatasync_ms: Option<f64>,
    /// The least time of the servers' syncs, if it was set.
    pub(crate) slow_fsync_ms: Option<f64>,
    /// Others who computed in the minute before the run began.
    pub(crate) load_before: String,
    pub(crate) open_files: u64,
    /// It costs both ends of every connection, the more on loopback.
    pub(crate) congestion_control: String,
    pub(crate) date: String,
}

impl Machine {
    /// Looks at this machine, and at the disk under `place`.
    pub(crate) fn look(place: &Place, open_files: u64) -> Machine {
        let Place { folder, disk } = place;
        let first = |path: &str| fs::read_to_string(path).unwrap_or_default();
        let field = |text: &str, name: &str| {
            let line = text.lines().find(|line| line.starts_with(name));
            let value = line.and_then(|line| line.split_once(':')).map(|(_, value)| value.trim());
            value.unwrap_or("unknown").to_owned()
        };
        let memory = field(&first("/proc/meminfo"), "MemTotal");
        let kib: u64 = memory.trim_end_matches(" kB").parse().unwrap_or(0);
        Machine {
            cores: std::thread::available_parallelism().map_or(1, usize::from),
            cpu: field(&first("/proc/cpuinfo"), "model name"),
            kernel: format!("Linux {}", first("/proc/sys/kernel/osrelease").trim()),
            memory_gib: kib.div_ceil(1 << 20),
            file_system: file_system(folder),
            fdatasync_ms: fdatasync_ms(folder).ok(),
            slow_fsync_ms: disk.as_ref().map(|disk| disk.sync().as_secs_f64() * 1000.0),
            load_before: first("/proc/loadavg").split(' ').next().unwrap_or_default().to_owned(),
            open_files,
            congestion_control: first("/proc/sys/net/ipv4/tcp_congestion_control")
                .trim()
                .to_owned(),
            date: jiff::Timestamp::now().strftime("%Y-%m-%d %H:%M UTC").to_string(),
        }
    }

    /// Returns one paragraph about it.
    pub(crate) fn text(&self) -> String {
        let Machine {
            cores,
            cpu,
            kernel,
            memory_gib,
            file_system,
            load_before,
            open_files,
            date,
            ..
        } = self;
        let sync = self.fdatasync_ms.map_or("not measured".to_owned(), |ms| format!("{ms:.3} ms"));
        let slow = self.slow_fsync_ms.map_or(String::new(), |ms| {
            format!(", made to take {ms:.3} ms at least in all servers")
        });
        format!(
            "{date}. {cores} cores ({cpu}), {memory_gib} GiB, {kernel}; data on {file_system}, \
             4 KiB write and fdatasync: {sync}{slow}; TCP {}; {open_files} open files a process; load of others before the \
             run: {load_before}.",
            self.congestion_control
        )
    }
}

/// Returns the type of the file system that has `place`.
fn file_system(place: &Path) -> String {
    let place = place.canonicalize().unwrap_or_else(|_| place.to_owned());
    let mounts = fs::read_to_string("/proc/self/mounts").unwrap_or_default();
    let mounts = mounts.lines().filter_map(|line| {
        let mut fields = line.split(' ').skip(1);
        Some((fields.next()?, fields.next()?))
    });
    let under = mounts.filter(|(point, _)| place.starts_with(point));
    // The last of equals: a mount hides the one below it.
    under.max_by_key(|(point, _)| point.len()).map_or("unknown", |(_, kind)| kind).to_owned()
}

fn fdatasync_ms(place: &Path) -> std::io::Result<f64> {
    fs::create_dir_all(place)?;
    let mut file: File = tempfile::tempfile_in(place)?;
    let mut times = Vec::with_capacity(SYNCS);
    for _ in 0..SYNCS {
        let begin = Instant::now();
        file.write_all(&[0; 4096])?;
        file.sync_data()?;
        times.push(begin.elapsed().as_secs_f64() * 1000.0);
    }
    Ok(crate::figures::median(&mut times))
}
