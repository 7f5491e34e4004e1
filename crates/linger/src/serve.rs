//! Puts the node, the edges and the accept loop together, and takes them apart
//! in order.

use std::{io::Write, sync::Arc, time::Duration};

use anyhow::{Context, anyhow};
use linger_http::{App, Server, ServerSettings, router};
use linger_node::{Limits, Node, SystemClock};
use tokio::{
    net::TcpListener,
    signal::unix::{Signal, SignalKind, signal},
};

use crate::config::Settings;

/// How long a head may take to come whole, and a connection be idle.
const HEAD_TIMEOUT: Duration = Duration::from_secs(10);
/// So many held requests are answered in a second when the server ends: those
/// who waited come back over some time, not all at once.
const ANSWERED_PER_SECOND: u64 = 10_000;

/// Serves until SIGTERM or Ctrl-C.
pub(crate) fn serve(settings: Settings) -> anyhow::Result<()> {
    let filter = tracing_subscriber::EnvFilter::try_from_env("LINGER_LOG");
    let filter = filter.unwrap_or_else(|_| "info,memory_serve=warn".into());
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).init();
    let runtime = tokio::runtime::Runtime::new().context("the system has no threads to give")?;
    runtime.block_on(run(settings))
}

async fn run(settings: Settings) -> anyhow::Result<()> {
    let node = Node::open(&settings.data, Limits::default(), Arc::new(SystemClock))?;
    let node = Arc::new(node);
    let listener = TcpListener::bind(settings.listen).await;
    let listener = listener.map_err(|error| {
        anyhow!("cannot listen on {}: {error}; choose another with --listen ADDRESS:PORT", settings.listen)
    })?;
    let address = listener.local_addr()?;
    let edges = linger_http::Settings {
        visitors_may_read: settings.visitors_may_read,
        rate_limits: settings.rate_limits,
        behind_proxy: settings.behind_proxy,
    };
    let app = Arc::new(App::new(node.clone(), edges));
    let server = Server::new(listener, router(app), ServerSettings {
        connections_max: settings.connections_max,
        head_timeout: HEAD_TIMEOUT,
        drain: settings.drain,
    });
    // Listening already: who comes now is told that the server is starting.
    let mut signals = Signals::new()?;
    let (end, ended) = tokio::sync::oneshot::channel::<()>();
    let server = tokio::spawn(server.run(async { drop(ended.await) }));
    let opened = tokio::select! {
        biased;
        () = signals.wait() => None,
        opened = node.ready() => Some(opened),
    };
    if let Some(opened) = opened {
        opened.context("the lobby could not be opened")?;
        // A program that started us may read this line; nobody else need.
        let _ = writeln!(std::io::stdout(), "Linger is open at http://{address}/  (data in {})", settings.data.display());
        signals.wait().await;
    }
    tracing::info!(held = node.waiting(), "closing: held requests are answered, others may finish");
    drop(end);
    let spread = Duration::from_millis(node.waiting() as u64 * 1000 / ANSWERED_PER_SECOND);
    node.close(spread.min(settings.drain / 2)).await;
    server.await.context("the accept loop failed")?;
    // The last owner: its files are closed here, in order.
    drop(node);
    Ok(())
}

/// What asks the program to end.
struct Signals {
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    fn new() -> anyhow::Result<Signals> {
        let on = |kind| signal(kind).context("the system has no signals to give");
        Ok(Signals { terminate: on(SignalKind::terminate())?, interrupt: on(SignalKind::interrupt())? })
    }

    async fn wait(&mut self) {
        tokio::select! {
            biased;
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}
