//! Every bound, in one place: how many, how long, and against whom.
//!
//! The generator loads servers on this machine only. If a bound forces it to do less
//! than asked, it says so: the number of open files is the first such bound.

use std::net::{IpAddr, SocketAddr};

use anyhow::{Context, bail};

use crate::process::{self, Pid};

/// More connections than two hundred source addresses have ports is no scenario.
pub(crate) const READERS_MAX: u64 = 200_000;
/// Messages in one run, and bytes in one message (Linger's own limit is 4000).
pub(crate) const MESSAGES_MAX: u64 = 100_000;
pub(crate) const TEXT_BYTES_MAX: u64 = 4000;
/// Lanes have six digits.
pub(crate) const ROOMS_MAX: u64 = 100_000;
/// Each is a guest and a connection.
pub(crate) const PUBLISHERS_MAX: u64 = 4096;
/// No disk that still works takes longer for a sync.
pub(crate) const FSYNC_MS_MAX: f64 = 1000.0;
/// A measured phase, in seconds.
pub(crate) const SECONDS_MAX: u64 = 600;
/// Rounds of a comparison.
pub(crate) const ROUNDS_MAX: u64 = 50;
/// For the log, the temporary files, and what a server opens besides connections.
const FILES_KEPT: u64 = 200;

/// Raises the limit on open files as far as it goes, for us and the servers that
/// we start, and returns it.
pub(crate) fn raise_open_files() -> anyhow::Result<u64> {
    rlimit::increase_nofile_limit(u64::MAX)
        .context("the system does not tell its limit on open files")
}

/// Returns how many of `asked` connections both sides may have, and says so on
/// standard error when it is fewer.
pub(crate) fn connections_allowed(asked: usize, server: Option<Pid>) -> anyhow::Result<usize> {
    let ours = raise_open_files()?;
    let limit = server.and_then(process::open_files_limit).map_or(ours, |theirs| theirs.min(ours));
    let allowed = usize::try_from(limit.saturating_sub(FILES_KEPT)).unwrap_or(usize::MAX);
    if asked > allowed {
        eprintln!(
            "linger-bench: {asked} connections are more than the limit of {limit} open files allows; \
             going on with {allowed} (raise it with ulimit -n)"
        );
    }
    Ok(asked.min(allowed))
}

/// Reads `http://ADDRESS:PORT`. Errors: not on this machine.
pub(crate) fn loopback(url: &str) -> anyhow::Result<SocketAddr> {
    let rest = url.strip_prefix("http://").with_context(|| {
        format!("{url} is no http:// address; linger-bench speaks plain HTTP, like http://127.0.0.1:8080")
    })?;
    let authority = rest.split('/').next().unwrap_or_default();
    let named = authority.replace("localhost", "127.0.0.1");
    let with_port = if named.parse::<IpAddr>().is_ok() { format!("{named}:80") } else { named };
    let address: SocketAddr = with_port
        .parse()
        .with_context(|| format!("{authority} is no address and port, like 127.0.0.1:8080"))?;
    if !address.ip().is_loopback() {
        bail!(
            "linger-bench loads servers on this machine only, and {} is not: use 127.0.0.1, \
             localhost or [::1]",
            address.ip()
        );
    }
    Ok(address)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_this_machine_is_loaded() {
        for (url, is_allowed) in [
            ("http://127.0.0.1:8080/", true),
            ("http://localhost:8080", true),
            ("http://127.0.0.9:1", true),
            ("http://[::1]:8080", true),
            ("http://127.0.0.1", true),
            ("http://10.0.0.1:8080", false),
            ("http://192.168.1.1", false),
            ("http://[2001:db8::1]:80", false),
            ("http://example.com:80", false),
            ("https://127.0.0.1:443", false),
            ("127.0.0.1:8080", false),
        ] {
            assert_eq!(loopback(url).is_ok(), is_allowed, "{url}");
        }
    }
}
