//! The connection to NATS: which servers, as whom, and whether it stands.
//!
//! Addresses are written as NATS users write them: `nats://user:password@a:4222,b,c`, or
//! `tls://`. The client reconnects by itself, to any server of the cluster, also to those
//! that it was not told of; [`Link`] says how it is with that.

use std::{
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use async_nats::{Client, ConnectOptions, Event, ReconnectToServer, Server, ServerAddr};
use percent_encoding::percent_decode_str;
use tokio::sync::watch;

/// A server that does not answer so often in a row is taken for gone: in some 4 s.
const PING_EVERY: Duration = Duration::from_secs(2);
/// For one try at one server.
const CONNECT_MAX: Duration = Duration::from_secs(3);
/// Between two tries, at most: whoever waits for a send waits for this.
const RETRY_AFTER_MAX: Duration = Duration::from_millis(500);
/// For an answer of JetStream's own interface.
const REQUEST_MAX: Duration = Duration::from_secs(3);

/// How to reach a cluster, and which stream of it is the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClusterSettings {
    /// The servers: a list with commas, whose first address has the scheme, and the user
    /// and password, if there are any.
    pub servers: String,
    /// The stream that is the log.
    pub stream: String,
    /// A file with a user's JWT and seed.
    pub credentials: Option<PathBuf>,
    /// The certificates that sign the servers' own, where the system does not have them.
    pub tls_ca: Option<PathBuf>,
    /// Our own certificate and its key, where the servers ask for one.
    pub tls_identity: Option<(PathBuf, PathBuf)>,
}

/// Reasons why a cluster cannot be used, each with what to do.
#[derive(Debug, thiserror::Error)]
pub enum ClusterError {
    /// The addresses make no sense.
    #[error("the addresses of the NATS servers are wrong: {0}; write nats://a,b,c or tls://a,b,c")]
    Addresses(String),
    /// A file cannot be read.
    #[error("{file} cannot be read: {error}")]
    File {
        /// The file.
        file: PathBuf,
        /// The operating system's reason.
        error: std::io::Error,
    },
    /// No server takes the connection.
    #[error("no NATS server at {servers} takes the connection: {error}")]
    Unreachable {
        /// The addresses, without a password.
        servers: String,
        /// The client's reason.
        error: String,
    },
    /// JetStream does not answer, or says no.
    #[error("the NATS cluster does not do what is asked: {0}")]
    Refused(String),
    /// There is no such stream.
    #[error("the NATS cluster has no stream {0}; make it with 'linger cluster init'")]
    NoStream(String),
    /// The stream is not as `linger cluster init` makes it, or a server is not.
    #[error("the NATS cluster cannot keep what is acknowledged: {0}")]
    Unsafe(String),
    /// This node's tables are not what the others have made of the log.
    #[error("{0}")]
    Disagrees(String),
    /// The entries of a log are still being put there.
    #[error(
        "the stream {0} has only a part of the log that is moved there; go on with 'linger cluster import'"
    )]
    Unfinished(String),
    /// The stream's name is that of the log of this folder, and its log is another one.
    #[error(
        "the stream {0} is another log than the one that this data folder was made of: it was made anew, or is another cluster's; name another folder with --data, or start with --accept-rollback to follow it"
    )]
    Another(String),
    /// The stream has other entries than those that this node has read.
    #[error(
        "the stream {stream} has another entry {position} than this node had read: an older backup was put back, and has grown since; find out what happened to the cluster, and start with --accept-rollback to go on without what only this node knows"
    )]
    Replaced {
        /// The stream.
        stream: String,
        /// The last entry that this node had read.
        position: u64,
    },
    /// The stream has fewer entries than this node has applied.
    #[error(
        "the stream {stream} ends at entry {entries}, but projection.db was made of {known}: part of the log is missing; find out what happened to the cluster, and start with --accept-rollback to go on without that"
    )]
    Shorter {
        /// The stream.
        stream: String,
        /// How many entries it has.
        entries: u64,
        /// How many the projection has seen.
        known: u64,
    },
}

/// How it is with the connection.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Link {
    pub(super) is_up: bool,
    /// How often it was made anew: what was sent before may not have arrived.
    pub(super) generation: u64,
}

/// A connection, and how it is with it.
pub(super) struct Connection {
    pub(super) client: Client,
    pub(super) link: watch::Receiver<Link>,
}

impl ClusterSettings {
    /// Returns the servers without user and password, for sentences.
    pub fn servers_told(&self) -> String {
        let hosts = self.servers.split(',').map(|address| {
            let address = address.split_once("://").map_or(address, |(_, rest)| rest);
            address.rsplit_once('@').map_or(address, |(_, host)| host)
        });
        hosts.collect::<Vec<_>>().join(",")
    }

    /// Connects. Errors: no server can be reached, or none takes us.
    pub(super) async fn connect(&self) -> Result<Connection, ClusterError> {
        let Addresses { servers, user, needs_tls } = Addresses::parse(&self.servers)?;
        let (announce, link) = watch::channel(Link { is_up: true, generation: 0 });
        let announce = Arc::new(announce);
        let turn = Turn::at_random();
        let mut options = ConnectOptions::new()
            .name("linger")
            .ping_interval(PING_EVERY)
            .connection_timeout(CONNECT_MAX)
            .request_timeout(Some(REQUEST_MAX))
            .reconnect_delay_callback(|tries| {
                RETRY_AFTER_MAX.min(Duration::from_millis(10 << tries.min(10)))
            })
            .reconnect_to_server_callback(move |servers, last| {
                // The first time the client tries them all, and not one.
                let next = (!last.server_id.is_empty()).then(|| turn.next(&servers));
                std::future::ready(next.flatten())
            })
            .event_callback(move |event| {
                note(&announce, &event);
                std::future::ready(())
            });
        if let Some((user, password)) = user {
            options = options.user_and_password(user, password);
        }
        if let Some(file) = &self.credentials {
            let failed = |error| ClusterError::File { file: file.clone(), error };
            options = options.credentials_file(file).await.map_err(failed)?;
        }
        if let Some(file) = &self.tls_ca {
            options = options.add_root_certificates(file.clone());
        }
        if let Some((certificate, key)) = &self.tls_identity {
            options = options.add_client_certificate(certificate.clone(), key.clone());
        }
        options = options.require_tls(needs_tls);
        let client = options.connect(servers).await.map_err(|error| ClusterError::Unreachable {
            servers: self.servers_told(),
            error: error.to_string(),
        })?;
        Ok(Connection { client, link })
    }
}

fn note(announce: &watch::Sender<Link>, event: &Event) {
    match event {
        Event::Connected => announce.send_modify(|link| {
            link.is_up = true;
            link.generation += 1;
        }),
        Event::Disconnected | Event::Closed => announce.send_modify(|link| link.is_up = false),
        event => tracing::debug!(%event, "the connection to NATS"),
    }
}

/// The servers take turns at being connected to, so that nobody comes back to
/// the one that they leave.
struct Turn(AtomicUsize);

impl Turn {
    /// Begins anywhere, so that the connections of all nodes are spread over the servers.
    fn at_random() -> Turn {
        let first = getrandom::u32().expect("the operating system has randomness");
        Turn(AtomicUsize::new(first as usize))
    }

    fn next(&self, servers: &[Server]) -> Option<ReconnectToServer> {
        let turn = self.0.fetch_add(1, Ordering::Relaxed);
        let server = servers.get(turn.checked_rem(servers.len())?)?;
        Some(ReconnectToServer { addr: server.addr.clone(), delay: None })
    }
}

/// A list of servers, read.
#[derive(Debug)]
struct Addresses {
    servers: Vec<ServerAddr>,
    user: Option<(String, String)>,
    needs_tls: bool,
}

impl Addresses {
    fn parse(list: &str) -> Result<Addresses, ClusterError> {
        let wrong = |reason: String| ClusterError::Addresses(reason);
        let mut addresses = Addresses { servers: Vec::new(), user: None, needs_tls: false };
        for address in list.split(',').map(str::trim) {
            let (scheme, rest) = address.split_once("://").unwrap_or(("nats", address));
            match scheme {
                "nats" => {}
                "tls" => addresses.needs_tls = true,
                other => return Err(wrong(format!("{other}:// is not NATS"))),
            }
            let (user, host) = match rest.rsplit_once('@') {
                Some((user, host)) => (Some(user), host),
                None => (None, rest),
            };
            if let Some(user) = user {
                let Some((user, password)) = user.split_once(':') else {
                    return Err(wrong("there is a user without a password".to_owned()));
                };
                let decode = |text| percent_decode_str(text).decode_utf8_lossy().into_owned();
                addresses.user = Some((decode(user), decode(password)));
            }
            if host.is_empty() {
                return Err(wrong("there is an empty one".to_owned()));
            }
            let server = format!("nats://{host}").parse::<ServerAddr>();
            addresses.servers.push(server.map_err(|error| wrong(format!("{host:?}: {error}")))?);
        }
        Ok(addresses)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn servers_are_listed_as_nats_users_list_them() {
        let of = |list: &str| {
            let Addresses { servers, user, needs_tls } = Addresses::parse(list).unwrap();
            let servers: Vec<_> =
                servers.iter().map(|it| format!("{}:{}", it.host(), it.port())).collect();
            (servers.join(" "), user, needs_tls)
        };
        let ann = Some(("ann".to_owned(), "a:b@c".to_owned()));
        for (list, servers, user, needs_tls) in [
            ("nats://a,b,c", "a:4222 b:4222 c:4222", None, false),
            ("a", "a:4222", None, false),
            ("tls://a:1,b:2", "a:1 b:2", None, true),
            ("nats://ann:a%3Ab%40c@a,b", "a:4222 b:4222", ann, false),
            ("nats://[::1]:5,127.0.0.1:6", "::1:5 127.0.0.1:6", None, false),
        ] {
            assert_eq!(of(list), (servers.to_owned(), user, needs_tls), "{list}");
        }
        for list in ["", "http://a", "nats://ann@a", "nats://a,,b"] {
            assert!(Addresses::parse(list).is_err(), "{list:?}");
        }
    }

    #[test]
    fn a_password_is_in_no_sentence() {
        let settings = ClusterSettings {
            servers: "nats://ann:secret@a:1,b".to_owned(),
            stream: "linger".to_owned(),
            credentials: None,
            tls_ca: None,
            tls_identity: None,
        };
        assert_eq!(settings.servers_told(), "a:1,b");
    }
}
