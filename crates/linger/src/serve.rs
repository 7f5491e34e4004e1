//! Puts the node, the edges and the accept loop together, and takes them apart
//! in order.

use std::{
    io::{IsTerminal, Write},
    net::SocketAddr,
    sync::Arc,
    time::Duration,
};

use anyhow::{Context, anyhow, bail};
use linger_http::DialectSettings;
use linger_node::{Limits, Node, NotReady, Refusal, SystemClock};
use linger_serve::{App, AppSettings, Server, ServerSettings};
use tokio::{
    net::{TcpListener, TcpSocket},
    signal::unix::{Signal, SignalKind, signal},
    sync::Semaphore,
    task::JoinSet,
};

use crate::{cluster, config::Settings};

/// How long a head may take to arrive: it is a packet or two.
const HEAD_TIMEOUT: Duration = Duration::from_secs(5);
/// In this time a peer must take 16 KiB of its answer: the slowest line takes more.
const WRITE_TIMEOUT: Duration = Duration::from_secs(10);
/// Answers that peers have not read yet, all together: a third of the memory that the
/// server may take.
const OUTGOING_BYTES_MAX: usize = 64 << 20;
/// Held requests that are answered in a second when the server ends, so that their
/// clients come back over some time and not all at once.
const ANSWERED_PER_SECOND: u64 = 10_000;

/// Between two looks for files that nobody needs any more.
const SWEEP_EVERY: Duration = Duration::from_secs(600);

/// Serves until SIGTERM or Ctrl-C.
pub(crate) fn serve(settings: Settings) -> anyhow::Result<()> {
    let filter = tracing_subscriber::EnvFilter::try_from_env("LINGER_LOG");
    // The node says in its own words how it is with NATS.
    let filter = filter.unwrap_or_else(|_| "info,memory_serve=warn,async_nats=off".into());
    let is_seen = std::io::stderr().is_terminal();
    let logs = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    logs.with_ansi(is_seen).init();
    let runtime = tokio::runtime::Runtime::new().context("the system has no threads to give")?;
    runtime.block_on(run(settings))
}

async fn run(settings: Settings) -> anyhow::Result<()> {
    let node = Arc::new(open_node(&settings)?);
    let listener = listen("listen", settings.listen)?;
    let address = listener.local_addr()?;
    let figures = settings.metrics.map(|address| listen("metrics", address)).transpose()?;
    let figures = figures.map(|listener| Figures::new(listener, &node, &settings)).transpose()?;
    let access = AppSettings {
        visitors_may_read: settings.visitors_may_read,
        rate_limits: settings.rate_limits,
        behind_proxy: settings.behind_proxy,
        origins: settings.origins.clone(),
        hosts: settings.hosts.clone(),
    };
    let dialects = DialectSettings {
        metrics: figures.is_none(),
        seed_protocols: settings.seed_protocols,
        ..DialectSettings::default()
    };
    let app = Arc::new(App::new(node.clone(), access));
    let routes = linger_http::routes(&app, &dialects);
    let connections_max = connections_max(settings.connections_max)?;
    let connections_per_address_max = connections_per_address_max(&settings, connections_max);
    let server = Server::new(
        listener,
        &app,
        routes,
        ServerSettings {
            shards: None,
            connections_max,
            connections_per_address_max,
            head_timeout: HEAD_TIMEOUT,
            write_timeout: WRITE_TIMEOUT,
            outgoing_bytes_max: OUTGOING_BYTES_MAX,
            drain: settings.drain,
        },
    );
    let server = server.context("the system has no threads or event queues to give")?;
    // The server listens already; new callers are told that it is starting.
    let mut signals = Signals::new()?;
    let (end, ended) = tokio::sync::oneshot::channel::<()>();
    let server = tokio::spawn(server.run(async { drop(ended.await) }));
    let figures_url = figures.as_ref().map(|figures| url(figures.address));
    // Cut at the end: nobody needs the figures of a server that ends, and what was not swept
    // is after the next start.
    let mut others = JoinSet::new();
    if let Some(figures) = figures {
        others.spawn(figures.server.run(std::future::pending()));
    }
    let attending = node.clone();
    others.spawn(async move { attending.attend().await });
    let opened = tokio::select! {
        biased;
        () = signals.wait() => None,
        reason = node.failed() => bail!(reason),
        opened = node.ready() => Some(opened),
    };
    if let Some(opened) = opened {
        if let Err(refusal) = opened {
            bail!("the server cannot start: {}", reason_of(&node, refusal).await);
        }
        // This line is for a program that started us, if any.
        let (url, data) = (url(address), settings.data.display());
        let figures = figures_url.map(|url| format!(", figures at {url}metrics"));
        let figures = figures.unwrap_or_default();
        others.spawn(sweep(node.clone()));
        let _ = writeln!(std::io::stdout(), "Linger is open at {url}  (data in {data}{figures})");
        tokio::select! {
            biased;
            () = signals.wait() => {}
            reason = node.failed() => bail!(reason),
        }
    }
    tracing::info!(held = node.waiting(), "closing: held requests are answered, others may finish");
    drop(end);
    let spread = Duration::from_millis(node.waiting() as u64 * 1000 / ANSWERED_PER_SECOND);
    node.close(spread.min(settings.drain / 2)).await;
    server.await.context("the accept loop failed")?;
    others.shutdown().await;
    // The last owner: its files are closed here, in order.
    drop(node);
    Ok(())
}

/// Opens the node on its own log, or on the cluster's.
fn open_node(settings: &Settings) -> anyhow::Result<Node> {
    let limits = Limits {
        upload_bytes_max: settings.upload_bytes_max,
        upload_bytes_total: settings.upload_bytes_total,
        file_cache_bytes_max: settings.file_cache_bytes_max,
        ..Limits::default()
    };
    let (data, rollback) = (&settings.data, settings.rollback);
    let clock = Arc::new(SystemClock);
    let Some(cluster) = &settings.cluster else {
        return Ok(Node::open(data, rollback, limits, clock)?);
    };
    let promise = cluster::promise(cluster)?;
    let log = cluster.log.clone();
    let member = cluster.member.clone();
    let node = Node::open_on_cluster(data, log, &promise, rollback, limits, clock, member)?;
    if promise.servers.is_none() {
        tracing::warn!(
            "how safely the NATS servers write is not known: name their addresses with --nats-monitor, or a user of their system account with --nats-system"
        );
    }
    Ok(node)
}

/// Forgets files that nobody needs any more, for ever.
async fn sweep(node: Arc<Node>) {
    loop {
        tokio::time::sleep(SWEEP_EVERY).await;
        if let Err(error) = node.sweep_files().await {
            tracing::warn!(?error, "files that nobody needs stay for now");
        }
    }
}

/// Returns the reason why the node does not open: its own words, if it has any.
async fn reason_of(node: &Node, refusal: Refusal) -> String {
    match node.readiness().await {
        Err(NotReady::Ill(reason)) => reason,
        _ => refusal.to_string(),
    }
}

/// A server of figures alone.
struct Figures {
    server: Server,
    address: SocketAddr,
}

impl Figures {
    fn new(
        listener: TcpListener,
        node: &Arc<Node>,
        settings: &Settings,
    ) -> anyhow::Result<Figures> {
        /// A collector of figures has a connection or two.
        const CONNECTIONS_MAX: usize = 64;
        let address = listener.local_addr()?;
        // The names are those of this listener; nothing else matters here.
        let access = AppSettings {
            hosts: settings.metrics_hosts.clone(),
            behind_proxy: settings.behind_proxy,
            ..AppSettings::default()
        };
        let app = Arc::new(App::new(node.clone(), access));
        let bounds = ServerSettings {
            shards: Some(1),
            connections_max: CONNECTIONS_MAX,
            connections_per_address_max: None,
            head_timeout: HEAD_TIMEOUT,
            write_timeout: WRITE_TIMEOUT,
            outgoing_bytes_max: 1 << 20,
            drain: Duration::ZERO,
        };
        let server = Server::new(listener, &app, linger_http::only_figures(&app), bounds)
            .context("the system has no threads or event queues to give")?;
        Ok(Figures { server, address })
    }
}

/// Listens on the flag's address. Errors: a sentence that says why that cannot be.
fn listen(flag: &str, address: SocketAddr) -> anyhow::Result<TcpListener> {
    open(address).map_err(|error| {
        anyhow!("cannot listen on {address}: {error}; choose another with --{flag} ADDRESS:PORT")
    })
}

/// Opens a listener with room for everybody who comes back at once after a restart.
fn open(address: SocketAddr) -> std::io::Result<TcpListener> {
    /// The system takes fewer if its own limit is lower (4096 on Linux). A connection
    /// that finds no room waits for seconds until it tries again.
    const BACKLOG: u32 = 4096;
    let socket = match address {
        SocketAddr::V4(_) => TcpSocket::new_v4()?,
        SocketAddr::V6(_) => TcpSocket::new_v6()?,
    };
    // A restart need not wait until the old connections are forgotten.
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}

/// Returns the address to open in a browser on this machine.
fn url(address: SocketAddr) -> String {
    match address.ip().is_unspecified() {
        // A browser cannot open the address that stands for all addresses.
        true => format!("http://localhost:{}/", address.port()),
        false => format!("http://{address}/"),
    }
}

/// Returns how many connections to take: the number that was asked for, if the
/// system's limit on open files allows it.
fn connections_max(asked: Option<usize>) -> anyhow::Result<usize> {
    /// Open files for the data, the listener, and the runtime itself.
    const KEPT: u64 = 64;
    let open_files = rlimit::increase_nofile_limit(u64::MAX)
        .context("the system does not tell its limit on open files")?;
    let allowed = usize::try_from(open_files.saturating_sub(KEPT)).unwrap_or(usize::MAX);
    match asked {
        Some(asked) if asked > allowed => {
            tracing::warn!(
                asked,
                allowed,
                "the limit on open files allows fewer connections; raise it with ulimit -n"
            );
            Ok(allowed)
        }
        asked => Ok(asked.unwrap_or(allowed).min(Semaphore::MAX_PERMITS)),
    }
}

/// Returns how many connections to take from one address.
///
/// By default three quarters of all: a school or an event behind one address may
/// come all at once, and a greedy address leaves a quarter for the others. Behind a
/// proxy there is no bound: all connections are the proxy's.
fn connections_per_address_max(settings: &Settings, connections_max: usize) -> Option<usize> {
    let asked = settings.connections_per_address;
    let max = asked.unwrap_or_else(|| (connections_max - connections_max / 4).max(1));
    (!settings.behind_proxy).then_some(max)
}

/// The signals that ask the program to end.
struct Signals {
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    fn new() -> anyhow::Result<Signals> {
        let on = |kind| signal(kind).context("the system has no signals to give");
        Ok(Signals {
            terminate: on(SignalKind::terminate())?,
            interrupt: on(SignalKind::interrupt())?,
        })
    }

    async fn wait(&mut self) {
        tokio::select! {
            biased;
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}
