//! The cost of a process by /proc: CPU of all its threads and children,
//! and its memory; and the kernel's memory of the whole machine.
//!
//! CPU is the scheduler's own count in nanoseconds (`schedstat`); `utime+stime` has
//! only hundredths of a second. Userland memory is the private memory, and that shared
//! among the server's processes, each page once, without mapped files.

use std::{collections::HashMap, fs, time::Duration};

/// A process's number.
pub(crate) type Pid = u32;

/// A tick of `utime` and `stime`: 1/100 s on every Linux that this runs on.
const TICK: Duration = Duration::from_millis(10);

/// Counts the CPU time of a process and its children from a moment on.
pub(crate) struct CpuMeter {
    pids: Vec<Pid>,
    threads: HashMap<String, u64>,
    ticks: u64,
}

impl CpuMeter {
    /// Begins to count.
    pub(crate) fn begin(root: Pid) -> CpuMeter {
        CpuMeter::of(family(root))
    }

    /// Begins to count our own, without the servers that we started.
    pub(crate) fn begin_ours() -> CpuMeter {
        CpuMeter::of(vec![std::process::id()])
    }

    fn of(pids: Vec<Pid>) -> CpuMeter {
        CpuMeter { threads: threads(&pids), ticks: ticks(&pids), pids }
    }

    /// Begins anew, with the same processes.
    pub(crate) fn reset(&mut self) {
        self.threads = threads(&self.pids);
        self.ticks = ticks(&self.pids);
    }

    /// Returns the CPU time since the beginning, user and kernel.
    pub(crate) fn spent(&self) -> Duration {
        let now = threads(&self.pids);
        let spent = now.iter().map(|(thread, nanos)| {
            nanos.saturating_sub(self.threads.get(thread).copied().unwrap_or(0))
        });
        let spent = Duration::from_nanos(spent.sum());
        // The counts of threads that ended are gone; the coarse count still has them.
        let ticks = ticks(&self.pids).saturating_sub(self.ticks).saturating_sub(2);
        spent.max(TICK * u32::try_from(ticks).unwrap_or(u32::MAX))
    }
}

/// Returns a process with all its descendants.
fn family(root: Pid) -> Vec<Pid> {
    let mut family = vec![root];
    let parents: Vec<(Pid, Pid)> = numbered("/proc")
        .into_iter()
        .filter_map(|name| {
            let stat = fs::read_to_string(format!("/proc/{name}/stat")).ok()?;
            Some((name.parse().ok()?, after_name(&stat)?.split(' ').nth(1)?.parse().ok()?))
        })
        .collect();
    let mut at = 0;
    while let Some(parent) = family.get(at).copied() {
        family.extend(parents.iter().filter(|(_, of)| *of == parent).map(|(pid, _)| pid));
        at += 1;
    }
    family
}

/// Returns the nanoseconds of each thread, by its path.
fn threads(pids: &[Pid]) -> HashMap<String, u64> {
    let folders = pids.iter().map(|pid| format!("/proc/{pid}/task"));
    let paths = folders.flat_map(|folder| {
        numbered(&folder).into_iter().map(move |thread| format!("{folder}/{thread}/schedstat"))
    });
    paths
        .filter_map(|path| {
            let text = fs::read_to_string(&path).ok()?;
            let nanos = text.split(' ').next()?.parse().ok()?;
            Some((path, nanos))
        })
        .collect()
}

/// Returns the ticks of processes, threads that ended included.
fn ticks(pids: &[Pid]) -> u64 {
    let of = |pid: &Pid| -> Option<u64> {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        let mut fields = after_name(&stat)?.split(' ').skip(11);
        let (user, system) = (fields.next()?, fields.next()?);
        Some(user.parse::<u64>().ok()? + system.parse::<u64>().ok()?)
    };
    pids.iter().filter_map(of).sum()
}

/// Returns the part after the program's name, which may contain anything.
fn after_name(stat: &str) -> Option<&str> {
    stat.rsplit_once(") ").map(|(_, rest)| rest)
}

fn numbered(folder: &str) -> Vec<String> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let names = entries.filter_map(|entry| entry.file_name().into_string().ok());
    names.filter(|name| name.bytes().all(|byte| byte.is_ascii_digit())).collect()
}

/// Memory at one moment, in bytes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Memory {
    /// Of a server's processes; None where /proc does not let us look.
    pub(crate) userland: Option<u64>,
    /// The kernel's slabs, of the whole machine.
    pub(crate) slab: u64,
}

impl Memory {
    /// Looks.
    pub(crate) fn now(root: Option<Pid>) -> Memory {
        let rollups = root.map(family).unwrap_or_default().into_iter().map(|pid| {
            let text = fs::read_to_string(format!("/proc/{pid}/smaps_rollup")).ok()?;
            Some(kibibytes(&text, "Pss_Anon:")? + kibibytes(&text, "Pss_Shmem:")?)
        });
        let sum: Option<u64> = rollups.sum();
        let meminfo = fs::read_to_string("/proc/meminfo").unwrap_or_default();
        Memory {
            userland: sum.filter(|_| root.is_some()).map(|kib| kib * 1024),
            slab: kibibytes(&meminfo, "Slab:").unwrap_or(0) * 1024,
        }
    }
}

fn kibibytes(text: &str, name: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix(name))?;
    line.trim().strip_suffix(" kB")?.trim().parse().ok()
}

/// Returns how many files a process may have open.
pub(crate) fn open_files_limit(pid: Pid) -> Option<u64> {
    let text = fs::read_to_string(format!("/proc/{pid}/limits")).ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix("Max open files"))?;
    line.split_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn work_shows_as_cpu_time_and_memory_as_bytes() {
        let me = std::process::id();
        let meter = CpuMeter::begin(me);
        let begin = std::time::Instant::now();
        while begin.elapsed() < Duration::from_millis(50) {
            std::hint::spin_loop();
        }
        // A loaded machine gives us less than all of it, never nothing.
        assert!(meter.spent() > Duration::from_millis(1), "{:?}", meter.spent());
        assert!(Memory::now(Some(me)).userland.is_some_and(|bytes| bytes > 4096));
        assert!(open_files_limit(me).is_some_and(|limit| limit > 0));
    }

    #[test]
    fn a_name_with_brackets_and_spaces_is_skipped() {
        assert_eq!(after_name("12 (a) b (c)) S 1 2"), Some("S 1 2"));
    }
}
