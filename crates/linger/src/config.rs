//! How the program is set up: flags, then environment, then file, then defaults.

use std::{
    fs,
    net::SocketAddr,
    num::NonZeroUsize,
    path::{Path, PathBuf},
    str::FromStr,
    time::Duration,
};

use anyhow::{Context, anyhow};
use clap::{Args, Parser, Subcommand, ValueEnum};
use linger_node::{ClusterSettings, Member, Rollback};
use linger_serve::{Hosts, Origins};
use serde::Deserialize;

/// A chat server over plain HTTP: a request lingers until there is news.
#[derive(Debug, Parser)]
#[command(version, about, max_term_width = 100)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    command: Option<Verb>,
    /// Read settings from this TOML file; its keys are the long flags, like rate-limits = "off"
    #[arg(long, env = "LINGER_CONFIG", value_name = "FILE", global = true)]
    config: Option<PathBuf>,
    /// Follow log.db although it has fewer entries than projection.db was made of: an older copy was put back on purpose
    #[arg(long)]
    accept_rollback: bool,
    #[command(flatten)]
    given: Given,
}

/// The subcommands; without one, the program serves.
#[derive(Debug, Subcommand)]
enum Verb {
    /// Serve until SIGTERM or Ctrl-C
    Serve {
        /// Follow log.db although it has fewer entries than projection.db was made of: an older copy was put back on purpose
        #[arg(long)]
        accept_rollback: bool,
    },
    /// Read everything in the data folder, say what is damaged, and change nothing; exit code 1 if something is
    Check,
    /// The NATS cluster that --log names
    Cluster {
        #[command(subcommand)]
        command: ClusterVerb,
    },
    /// Write what projection.db knows and log.db does not into a new folder, and change nothing
    Salvage {
        /// A folder that is not there yet
        #[arg(long, value_name = "FOLDER")]
        into: PathBuf,
    },
}

/// The commands for a cluster.
#[derive(Debug, Clone, PartialEq, Eq, Subcommand)]
pub(crate) enum ClusterVerb {
    /// Make the stream of a new log, so that it can lose nothing
    Init,
    /// Move the log of a stopped server there: the data folder's, into a stream that is made for it
    Import,
    /// Copy the stream into a new data folder, on which a server starts by itself
    Export,
    /// Say what of the cluster can lose an acknowledged message, and what to change; exit code 1 if something can
    Check,
    /// Show the servers and the nodes, their versions and how far each is
    Status,
    /// Forget a node that will not come back, so that no newer words wait for it
    Forget {
        /// Its name or id, as status shows them
        node: String,
    },
}

/// The task that the program is asked to do.
#[derive(Debug)]
pub(crate) enum Task {
    Serve,
    Check,
    Cluster(ClusterVerb),
    Salvage { into: PathBuf },
}

/// Settings as flags, environment and file may give them.
#[derive(Debug, Default, Args, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
struct Given {
    /// Where to listen [default: 127.0.0.1:8080]
    #[arg(long, env = "LINGER_LISTEN", value_name = "ADDRESS:PORT", global = true)]
    listen: Option<SocketAddr>,
    /// Where to serve /metrics, and then nowhere else [default: with everything else]
    #[arg(long, env = "LINGER_METRICS", value_name = "ADDRESS:PORT", global = true)]
    metrics: Option<SocketAddr>,
    /// Where to keep everything [default: the platform's folder for data, linger in it]
    #[arg(long, env = "LINGER_DATA", value_name = "FOLDER", global = true)]
    data: Option<PathBuf>,
    /// Whether those without a name may read open rooms [default: on]
    #[arg(long, env = "LINGER_VISITORS", value_name = "ON|OFF", global = true)]
    visitors: Option<Switch>,
    /// Whether to limit how often a person and an address may change something [default: on]
    #[arg(long, env = "LINGER_RATE_LIMITS", value_name = "ON|OFF", global = true)]
    rate_limits: Option<Switch>,
    /// Whether a reverse proxy in front tells the caller's address in X-Forwarded-For or Forwarded [default: off]
    #[arg(long, env = "LINGER_BEHIND_PROXY", value_name = "ON|OFF", global = true)]
    behind_proxy: Option<Switch>,
    /// Origins whose pages may call the API beside our own: a list like https://a.example,http://localhost:5173, or * [default: none]
    #[arg(long, env = "LINGER_ORIGINS", value_name = "ORIGINS", global = true)]
    origins: Option<String>,
    /// Names by which the server may be asked, beside localhost and addresses: a list, or * [default: * unless it listens for this machine only]
    #[arg(long, env = "LINGER_HOSTS", value_name = "NAMES", global = true)]
    hosts: Option<String>,
    /// Whether the seed protocols are served: /new, /update, /get_name and so on, open to pages of any origin [default: on]
    #[arg(long, env = "LINGER_SEED_PROTOCOLS", value_name = "ON|OFF", global = true)]
    seed_protocols: Option<Switch>,
    /// Connections at once, at most [default: what the open-file limit allows]
    #[arg(long, env = "LINGER_CONNECTIONS_MAX", value_name = "NUMBER", global = true)]
    connections_max: Option<NonZeroUsize>,
    /// Connections from one address at once, at most; not behind a proxy [default: three quarters of all]
    #[arg(long, env = "LINGER_CONNECTIONS_PER_ADDRESS", value_name = "NUMBER", global = true)]
    connections_per_address: Option<NonZeroUsize>,
    /// Bytes of one file that somebody sends, at most; K, M or G may follow the number [default: 100M]
    #[arg(long, env = "LINGER_UPLOAD_MAX", value_name = "BYTES", global = true)]
    upload_max: Option<Bytes>,
    /// Bytes of all files together, at most; 0 for no files at all [default: 10G]
    #[arg(long, env = "LINGER_UPLOADS_TOTAL", value_name = "BYTES", global = true)]
    uploads_total: Option<Bytes>,
    /// Bytes of files that a node of a cluster has on its own disk, at most [default: 1G]
    #[arg(long, env = "LINGER_FILE_CACHE", value_name = "BYTES", global = true)]
    file_cache: Option<Bytes>,
    /// Seconds that requests may go on after SIGTERM [default: 10]
    #[arg(long, env = "LINGER_DRAIN", value_name = "SECONDS", global = true)]
    drain: Option<u64>,
    /// Keep the log in a NATS JetStream cluster: nats://user:password@a:4222,b,c, or tls://a,b,c [default: in the data folder]
    #[arg(long, env = "LINGER_NATS", value_name = "SERVERS", global = true)]
    log: Option<String>,
    /// The stream that is the log [default: linger]
    #[arg(long, env = "LINGER_NATS_STREAM", value_name = "NAME", global = true)]
    nats_stream: Option<String>,
    /// Servers that keep each entry, at least [default: 3]
    #[arg(long, env = "LINGER_NATS_REPLICAS", value_name = "NUMBER", global = true)]
    nats_replicas: Option<NonZeroUsize>,
    /// A file with our JWT and seed (.creds)
    #[arg(long, env = "LINGER_NATS_CREDENTIALS", value_name = "FILE", global = true)]
    nats_credentials: Option<PathBuf>,
    /// A file with the certificates that sign those of the NATS servers [default: the system's]
    #[arg(long, env = "LINGER_NATS_CA", value_name = "FILE", global = true)]
    nats_ca: Option<PathBuf>,
    /// Our own certificate for the NATS servers, and --nats-key with it
    #[arg(long, env = "LINGER_NATS_CERTIFICATE", value_name = "FILE", global = true)]
    nats_certificate: Option<PathBuf>,
    /// The key of our certificate
    #[arg(long, env = "LINGER_NATS_KEY", value_name = "FILE", global = true)]
    nats_key: Option<PathBuf>,
    /// Monitoring addresses of all NATS servers, to ask how safely they write: a list like http://a:8222,http://b:8222
    #[arg(long, env = "LINGER_NATS_MONITOR", value_name = "ADDRESSES", global = true)]
    nats_monitor: Option<String>,
    /// The name of this node among the others [default: the machine's name]
    #[arg(long, env = "LINGER_NODE", value_name = "NAME", global = true)]
    node: Option<String>,
    /// For tests of upgrades: know no higher vocabulary than this, as an older version does
    #[arg(long, env = "LINGER_VOCABULARY", hide = true, global = true)]
    #[serde(skip)]
    vocabulary: Option<u32>,
    /// The NATS servers with a user of their system account, to ask the same: nats://admin:password@a,b,c
    #[arg(long, env = "LINGER_NATS_SYSTEM", value_name = "SERVERS", global = true)]
    nats_system: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Switch {
    On,
    Off,
}

/// A number of bytes, like 100M.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
struct Bytes(u64);

impl FromStr for Bytes {
    type Err = String;

    fn from_str(given: &str) -> Result<Bytes, String> {
        let units = [('K', 10), ('M', 20), ('G', 30)];
        let unit = units.into_iter().find(|(unit, _)| given.to_ascii_uppercase().ends_with(*unit));
        let (number, shift) = match unit {
            Some((_, shift)) => (&given[..given.len() - 1], shift),
            None => (given, 0),
        };
        let number = number.trim().parse::<u64>().ok();
        let bytes = number.and_then(|number| number.checked_mul(1 << shift));
        bytes
            .map(Bytes)
            .ok_or_else(|| format!("{given:?} is no number of bytes; write 500000, 200M or 10G"))
    }
}

impl TryFrom<String> for Bytes {
    type Error = String;

    fn try_from(given: String) -> Result<Bytes, String> {
        given.parse()
    }
}

/// The settings, complete.
#[derive(Debug)]
pub(crate) struct Settings {
    pub(crate) task: Task,
    pub(crate) rollback: Rollback,
    pub(crate) listen: SocketAddr,
    /// None: where everything else is.
    pub(crate) metrics: Option<SocketAddr>,
    pub(crate) data: PathBuf,
    pub(crate) visitors_may_read: bool,
    pub(crate) rate_limits: bool,
    pub(crate) behind_proxy: bool,
    pub(crate) origins: Origins,
    pub(crate) hosts: Hosts,
    /// Those of the listener for metrics.
    pub(crate) metrics_hosts: Hosts,
    pub(crate) seed_protocols: bool,
    /// None: as many as the open-file limit allows.
    pub(crate) connections_max: Option<usize>,
    /// None: three quarters of all.
    pub(crate) connections_per_address: Option<usize>,
    pub(crate) upload_bytes_max: u64,
    pub(crate) upload_bytes_total: u64,
    pub(crate) file_cache_bytes_max: u64,
    pub(crate) drain: Duration,
    /// None: the log is in the data folder.
    pub(crate) cluster: Option<Cluster>,
}

/// The cluster whose stream is the log.
#[derive(Debug)]
pub(crate) struct Cluster {
    pub(crate) log: ClusterSettings,
    pub(crate) replicas: usize,
    /// Where the servers say how they are set up.
    pub(crate) monitor: Option<String>,
    pub(crate) system: Option<ClusterSettings>,
    /// How this node shows itself to the others.
    pub(crate) member: Member,
}

impl Settings {
    /// Gathers the settings. Errors: a sentence that names the file and what is wrong in it.
    pub(crate) fn gather(arguments: Arguments) -> anyhow::Result<Settings> {
        let Arguments { command, config, mut accept_rollback, given } = arguments;
        let task = match command {
            None => Task::Serve,
            Some(Verb::Serve { accept_rollback: is_accepted }) => {
                accept_rollback |= is_accepted;
                Task::Serve
            }
            Some(Verb::Check) => Task::Check,
            Some(Verb::Cluster { command }) => Task::Cluster(command),
            Some(Verb::Salvage { into }) => Task::Salvage { into },
        };
        let mut file = config.as_deref().map(read).transpose()?.unwrap_or_default();
        let mut given = given;
        let cluster = cluster(&mut given, &mut file)?;
        let data = match given.data.or(file.data) {
            Some(data) => data,
            None => dirs::data_dir()
                .ok_or_else(|| {
                    anyhow!("there is no home folder to keep data in; name a folder with --data")
                })?
                .join("linger"),
        };
        let is_on = |given: Option<Switch>, file: Option<Switch>, default| {
            given.or(file).map_or(default, |switch| switch == Switch::On)
        };
        let listen =
            given.listen.or(file.listen).unwrap_or(SocketAddr::from(([127, 0, 0, 1], 8080)));
        let behind_proxy = is_on(given.behind_proxy, file.behind_proxy, false);
        let metrics = given.metrics.or(file.metrics);
        let names = given.hosts.or(file.hosts);
        let names: Option<Hosts> = names.map(|names| parse("hosts", &names)).transpose()?;
        let hosts = |listen: SocketAddr| match &names {
            Some(names) => names.clone(),
            // Another site can let its own name point at this machine, and read it by that.
            None if listen.ip().is_loopback() && !behind_proxy => Hosts::Local(Vec::new()),
            None => Hosts::Any,
        };
        let origins = given.origins.or(file.origins).unwrap_or_default();
        Ok(Settings {
            task,
            rollback: if accept_rollback { Rollback::Accepted } else { Rollback::Refused },
            listen,
            metrics,
            data,
            visitors_may_read: is_on(given.visitors, file.visitors, true),
            rate_limits: is_on(given.rate_limits, file.rate_limits, true),
            behind_proxy,
            origins: parse("origins", &origins)?,
            hosts: hosts(listen),
            metrics_hosts: hosts(metrics.unwrap_or(listen)),
            seed_protocols: is_on(given.seed_protocols, file.seed_protocols, true),
            connections_max: given.connections_max.or(file.connections_max).map(NonZeroUsize::get),
            connections_per_address: given
                .connections_per_address
                .or(file.connections_per_address)
                .map(NonZeroUsize::get),
            upload_bytes_max: given.upload_max.or(file.upload_max).map_or(100 << 20, |it| it.0),
            upload_bytes_total: given
                .uploads_total
                .or(file.uploads_total)
                .map_or(10 << 30, |it| it.0),
            file_cache_bytes_max: given.file_cache.or(file.file_cache).map_or(1 << 30, |it| it.0),
            drain: Duration::from_secs(given.drain.or(file.drain).unwrap_or(10)),
            cluster,
        })
    }
}

/// Gathers what there is to know of the cluster; none if the log is in the data folder.
fn cluster(given: &mut Given, file: &mut Given) -> anyhow::Result<Option<Cluster>> {
    let Some(servers) = given.log.take().or(file.log.take()) else { return Ok(None) };
    let certificate = given.nats_certificate.take().or(file.nats_certificate.take());
    let key = given.nats_key.take().or(file.nats_key.take());
    let tls_identity = match (certificate, key) {
        (Some(certificate), Some(key)) => Some((certificate, key)),
        (None, None) => None,
        _ => return Err(anyhow!("--nats-certificate and --nats-key go together; name both files")),
    };
    let stream = given.nats_stream.take().or(file.nats_stream.take());
    let stream = stream.unwrap_or_else(|| "linger".to_owned());
    let is_name = |letter: char| letter.is_ascii_alphanumeric() || letter == '-' || letter == '_';
    if stream.is_empty() || !stream.chars().all(is_name) {
        return Err(anyhow!("--nats-stream is wrong: letters, digits, - and _ make a name"));
    }
    let log = ClusterSettings {
        servers,
        stream,
        credentials: given.nats_credentials.take().or(file.nats_credentials.take()),
        tls_ca: given.nats_ca.take().or(file.nats_ca.take()),
        tls_identity,
    };
    let system = given.nats_system.take().or(file.nats_system.take());
    let mut member = Member::default();
    if let Some(name) = given.node.take().or(file.node.take()) {
        member.name = name;
    }
    if let Some(vocabulary) = given.vocabulary {
        member = member.knowing(vocabulary).context("there is no such vocabulary")?;
    }
    Ok(Some(Cluster {
        member,
        replicas: given.nats_replicas.or(file.nats_replicas).map_or(3, NonZeroUsize::get),
        monitor: given.nats_monitor.take().or(file.nats_monitor.take()),
        // The same servers by other credentials.
        system: system.map(|servers| ClusterSettings { servers, credentials: None, ..log.clone() }),
        log,
    }))
}

fn parse<T: FromStr<Err = String>>(flag: &str, given: &str) -> anyhow::Result<T> {
    given.parse().map_err(|reason| anyhow!("--{flag} is wrong: {reason}"))
}

fn read(path: &Path) -> anyhow::Result<Given> {
    let text = fs::read_to_string(path)
        .with_context(|| format!("the settings file {} cannot be read", path.display()))?;
    toml::from_str(&text).map_err(|error| {
        let line = error.span().map_or(1, |span| text[..span.start].matches('\n').count() + 1);
        anyhow!("the settings file {} is wrong in line {line}: {}", path.display(), error.message())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_of_bytes_may_have_a_unit() {
        let rows = [
            ("0", Some(0)),
            ("500000", Some(500_000)),
            ("64k", Some(65_536)),
            ("100M", Some(104_857_600)),
            ("10G", Some(10_737_418_240)),
            ("1.5G", None),
            ("M", None),
            ("", None),
            ("-1", None),
            ("99999999999G", None),
        ];
        for (given, expected) in rows {
            assert_eq!(given.parse::<Bytes>().ok().map(|bytes| bytes.0), expected, "{given}");
        }
    }
}
