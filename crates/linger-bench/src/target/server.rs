//! A server's process: started in a folder of its own, ended with its owner.
//!
//! It inherits the limit on open files, and it is asked to end before it is
//! killed: a killed nginx would leave its workers behind.

use std::{
    fs::{self, File},
    io::Read,
    net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::{Context, anyhow, bail};
use rustix::process::{Signal, kill_process};
use tempfile::TempDir;

use super::START_TIMEOUT;
use crate::{
    disk::{Place, SlowDisk, Syncs},
    process::Pid,
};

/// Linger drains for up to ten seconds.
const STOP_TIMEOUT: Duration = Duration::from_secs(15);

/// A process and its folder; both end with this.
pub(crate) struct Server {
    child: Option<Child>,
    folder: TempDir,
    disk: Option<Arc<SlowDisk>>,
    address: SocketAddr,
    last_signal: Signal,
}

impl Server {
    /// Makes a folder in `place` and finds a free port; nothing runs yet.
    pub(crate) fn new(place: &Place) -> anyhow::Result<Server> {
        let Place { folder: place, disk } = place;
        fs::create_dir_all(place)
            .and_then(|()| tempfile::Builder::new().prefix("linger-bench-").tempdir_in(place))
            .with_context(|| format!("no folder could be made in {}", place.display()))
            .and_then(|folder| {
                let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0));
                let address = listener.and_then(|listener| listener.local_addr());
                let address = address.context("no port is free")?;
                let (disk, last_signal) = (disk.clone(), Signal::TERM);
                Ok(Server { child: None, folder, disk, address, last_signal })
            })
    }

    /// Ends it with this signal instead of the one that asks.
    pub(crate) fn end_with(&mut self, last_signal: Signal) {
        self.last_signal = last_signal;
    }

    /// Where it listens.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Where its files are.
    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// The process, while it runs.
    pub(crate) fn process(&self) -> Option<Pid> {
        self.child.as_ref().map(Child::id)
    }

    /// The syncs so far, of all its processes, if they are counted.
    pub(crate) fn syncs(&self) -> Option<Syncs> {
        self.disk.as_ref().and_then(|_| Syncs::read(&self.counts()))
    }

    /// Starts the process and waits until its port takes connections.
    pub(crate) fn start(&mut self, command: &mut Command) -> anyhow::Result<()> {
        let said = self.said();
        let log = File::options().create(true).append(true).open(&said);
        let log = log.with_context(|| format!("{} cannot be written", said.display()))?;
        command.stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log);
        if let Some(disk) = &self.disk {
            disk.mount(command, &self.counts())?;
        }
        let program = command.get_program().to_owned();
        let mut child = command
            .spawn()
            .with_context(|| format!("{} could not be started", program.display()))?;
        let begin = Instant::now();
        let reached = loop {
            if TcpStream::connect_timeout(&self.address, START_TIMEOUT).is_ok() {
                break Ok(());
            }
            if let Some(status) = child.try_wait()? {
                break Err(anyhow!("{} ended with {status}: {}", program.display(), tail(&said)));
            }
            if begin.elapsed() > START_TIMEOUT {
                break Err(anyhow!(
                    "{} took too long to start: {}",
                    program.display(),
                    tail(&said)
                ));
            }
            std::thread::sleep(Duration::from_millis(1));
        };
        self.child = Some(child);
        reached
    }

    /// Asks the process to end, and waits until it has.
    pub(crate) fn stop(&mut self) -> anyhow::Result<()> {
        let Some(mut child) = self.child.take() else { return Ok(()) };
        kill_process(rustix::process::Pid::from_child(&child), self.last_signal)?;
        let begin = Instant::now();
        while child.try_wait()?.is_none() {
            if begin.elapsed() > STOP_TIMEOUT {
                child.kill()?;
                child.wait()?;
                bail!("the server did not end within {STOP_TIMEOUT:?} and was killed");
            }
            std::thread::sleep(Duration::from_millis(2));
        }
        Ok(())
    }

    fn counts(&self) -> PathBuf {
        self.folder.path().join("syncs")
    }

    fn said(&self) -> PathBuf {
        self.folder.path().join("said.log")
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Err(error) = self.stop() {
            eprintln!("linger-bench: {error}");
        }
    }
}

/// Returns the end of a process's output.
fn tail(path: &Path) -> String {
    let mut text = String::new();
    // It is only part of a sentence about another failure, which is reported anyway.
    let _ = File::open(path).and_then(|mut file| file.read_to_string(&mut text));
    let lines: Vec<&str> = text.lines().rev().take(3).collect();
    lines.into_iter().rev().collect::<Vec<_>>().join(" / ")
}
