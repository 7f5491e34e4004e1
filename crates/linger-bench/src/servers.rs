//! The servers that can be driven, and how each is started.
//!
//! Linger's program is found beside ours or named; peers are where they were
//! installed. If one is missing, a sentence says so, with the command that gets it;
//! nothing is installed without being asked for.

use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, anyhow, bail};

use crate::{
    disk::Place,
    process::Pid,
    target::{
        Kind, Target,
        durable_streams::{self, DurableStreams},
        linger::Linger,
        nchan::Nchan,
    },
};

/// The ways to the servers.
#[derive(Debug, Clone)]
pub(crate) struct Servers {
    /// A Linger that runs already, and its process.
    pub(crate) running: Option<(SocketAddr, Option<Pid>)>,
    pub(crate) linger: Option<PathBuf>,
    /// Where `cargo install --root` puts peers.
    pub(crate) peers: PathBuf,
    pub(crate) place: Place,
    pub(crate) open_files: u64,
}

impl Servers {
    /// Starts a server with nothing in it.
    pub(crate) fn start(&self, kind: Kind) -> anyhow::Result<Box<dyn Target>> {
        Ok(match (kind, self.running) {
            (Kind::Linger, Some((address, pid))) => Box::new(Linger::at(address, pid)),
            (_, Some(_)) => bail!("--url is for linger; peers are started by linger-bench itself"),
            (Kind::Linger, None) => Box::new(Linger::start(&self.linger_program()?, &self.place)?),
            (Kind::Nchan, None) => {
                let connections = usize::try_from(self.open_files).unwrap_or(usize::MAX) - 100;
                Box::new(Nchan::start(&self.place, connections.min(1 << 20))?)
            }
            (Kind::DurableStreams, None) => {
                Box::new(DurableStreams::start(&self.peers, &self.place)?)
            }
        })
    }

    /// Returns whether a server is there. Errors: what to do to get it.
    pub(crate) fn find(&self, kind: Kind) -> anyhow::Result<()> {
        match kind {
            Kind::Linger if self.running.is_some() => Ok(()),
            Kind::Linger => self.linger_program().map(drop),
            Kind::Nchan => Nchan::find().map(drop),
            Kind::DurableStreams => DurableStreams::find(&self.peers).map(drop),
        }
    }

    /// Installs a peer that is missing, from Debian or with cargo.
    pub(crate) fn install(&self, kind: Kind) -> anyhow::Result<()> {
        if self.find(kind).is_ok() {
            return Ok(());
        }
        match kind {
            Kind::Linger => Ok(()),
            Kind::Nchan => {
                run(Command::new("apt-get").args(["update", "-qq"]))?;
                run(Command::new("apt-get").args([
                    "install",
                    "-y",
                    "-qq",
                    "nginx",
                    "libnginx-mod-nchan",
                ]))
            }
            Kind::DurableStreams => {
                let version = durable_streams::VERSION;
                let install =
                    ["install", "durable-streams", "--version", version, "--locked", "--root"];
                run(Command::new("cargo").args(install).arg(&self.peers))
            }
        }
    }

    fn linger_program(&self) -> anyhow::Result<PathBuf> {
        if let Some(program) = &self.linger {
            return match program.is_file() {
                true => Ok(program.clone()),
                false => Err(anyhow!("there is no program {}", program.display())),
            };
        }
        let ours = std::env::current_exe().context("the system does not tell where we are")?;
        let beside = ours.with_file_name("linger");
        let built = PathBuf::from("target/release/linger");
        [beside, built].into_iter().find(|program| program.is_file()).context(
            "there is no linger beside linger-bench: build it with \
             cargo build --release -p linger --no-default-features, or name it with --linger FILE",
        )
    }
}

/// Returns the default place of the peers: `target/peers`.
pub(crate) fn default_peers() -> PathBuf {
    let ours = std::env::current_exe().unwrap_or_default();
    let target = ours.parent().and_then(Path::parent).filter(|folder| folder.ends_with("target"));
    target.map_or_else(|| PathBuf::from("target"), Path::to_owned).join("peers")
}

fn run(command: &mut Command) -> anyhow::Result<()> {
    let name = command.get_program().to_string_lossy().into_owned();
    eprintln!("linger-bench: {command:?}");
    let status = command.status().with_context(|| format!("{name} could not be started"))?;
    match status.success() {
        true => Ok(()),
        false => bail!("{name} ended with {status}"),
    }
}
