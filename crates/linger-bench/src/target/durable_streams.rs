//! The crate `durable-streams`, Electric's server: a room is a stream, `POST`
//! appends to it, `GET ?offset=…&live=long-poll` waits, and the header
//! `Stream-Next-Offset` is the cursor.
//!
//! Started as it comes: appends are fsynced in groups (`--durability wal`).

use std::{
    io::Write,
    net::SocketAddr,
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use anyhow::{Context, anyhow, bail};
use memchr::memmem;
use rustix::process::Signal;

use super::{
    Cast, From, HOLD_SECONDS, Polled, PublishId, Session, Target, cursor::Cursor, end_head,
    server::Server,
};
use crate::{
    client::{calls::Caller, framing::Answer},
    disk::{Place, Syncs},
    process::Pid,
};

/// The version that is installed and measured.
pub(crate) const VERSION: &str = "0.1.5";

/// Electric's server.
pub(crate) struct DurableStreams {
    server: Server,
    version: String,
    caller: Caller,
}

impl DurableStreams {
    /// Returns where `cargo install --root peers` puts the program. Errors: what
    /// to do to get it.
    pub(crate) fn find(peers: &Path) -> anyhow::Result<PathBuf> {
        let program = peers.join("bin/durable-streams-server");
        match program.exists() {
            true => Ok(program),
            false => Err(anyhow!(
                "durable-streams is not installed: cargo install durable-streams --version {VERSION} \
                 --locked --root {}, or --install-peers",
                peers.display()
            )),
        }
    }

    /// Starts it with its data in a new folder in `place`.
    pub(crate) fn start(peers: &Path, place: &Place) -> anyhow::Result<DurableStreams> {
        let program = DurableStreams::find(peers)?;
        let mut server = Server::new(place)?;
        // When it is asked to end, it waits for held polls for 25 s, even for readers who left.
        server.end_with(Signal::KILL);
        let address = server.address();
        let mut command = Command::new(program);
        command.args(["--host", "127.0.0.1", "--port", &address.port().to_string(), "--data-dir"]);
        command.arg(server.folder().join("data"));
        command.args(["--long-poll-timeout-ms", &(HOLD_SECONDS * 1000).to_string()]);
        server.start(&mut command)?;
        // It does not report its version; cargo wrote down which one it installed.
        let installed = std::fs::read_to_string(peers.join(".crates.toml")).unwrap_or_default();
        let version = installed.split("durable-streams ").nth(1);
        let version = version.and_then(|rest| rest.split(' ').next()).unwrap_or("unknown version");
        let version = format!("durable-streams {version}");
        Ok(DurableStreams { server, version, caller: Caller::new(address) })
    }
}

impl Target for DurableStreams {
    fn version(&self) -> &str {
        &self.version
    }

    fn address(&self) -> SocketAddr {
        self.server.address()
    }

    fn process(&self) -> Option<Pid> {
        self.server.process()
    }

    fn syncs(&self) -> Option<Syncs> {
        self.server.syncs()
    }

    fn prepare(&mut self, cast: &Cast) -> anyhow::Result<()> {
        for room in 0..cast.rooms {
            let path = format!("/room-{room}");
            self.caller.expect("PUT", &path, "Content-Type: text/plain\r\n", "")?;
        }
        Ok(())
    }

    fn cursor(&mut self, room: usize, from: From) -> anyhow::Result<Cursor> {
        if from == From::Start {
            return Ok(Cursor::new(b"-1").expect("it is short"));
        }
        let answer = self.caller.expect("GET", &format!("/room-{room}?offset=now"), "", "")?;
        let offset = answer.field("stream-next-offset").and_then(Cursor::new);
        offset.context("an answer without Stream-Next-Offset")
    }

    fn held(&mut self) -> anyhow::Result<Option<usize>> {
        Ok(None)
    }

    fn notices_hang_ups(&self) -> bool {
        // 0.1.5 keeps a held poll, its socket and its memory until the hold ends.
        false
    }

    fn restart(&mut self) -> anyhow::Result<Duration> {
        bail!("durable-streams is not restarted here")
    }

    fn publish(&self, out: &mut Vec<u8>, _: usize, room: usize, _: PublishId, text: &[u8]) {
        let length = text.len();
        write!(
            out,
            "POST /room-{room} HTTP/1.1\r\nHost: bench\r\nContent-Type: text/plain\r\n\
             Content-Length: {length}\r\n\r\n"
        )
        .expect("memory takes all bytes");
        out.extend_from_slice(text);
    }

    fn poll(&self, out: &mut Vec<u8>, room: usize, cursor: &Cursor, session: Session<'_>) {
        get(out, room, cursor, "long-poll", session);
    }

    fn polled(&self, answer: &Answer<'_>, cursor: &mut Cursor) -> Polled {
        let has_moved = cursor.follow(answer.field("stream-next-offset"));
        match answer.status {
            200 if has_moved => Polled::News,
            204 => Polled::Nothing,
            _ => Polled::Refused,
        }
    }

    fn stream(&self, out: &mut Vec<u8>, room: usize, cursor: &Cursor, session: Session<'_>) {
        get(out, room, cursor, "sse", session);
    }

    fn streamed(&self, frames: &[u8], cursor: &mut Cursor) {
        const NAME: &[u8] = b"\"streamNextOffset\":\"";
        let Some(at) = memmem::rfind(frames, NAME) else { return };
        let rest = &frames[at + NAME.len()..];
        cursor.follow(memchr::memchr(b'"', rest).map(|end| &rest[..end]));
    }

    fn greet(&self, out: &mut Vec<u8>, session: Session<'_>) {
        out.extend_from_slice(b"GET /room-0?offset=now HTTP/1.1\r\nHost: bench\r\n");
        end_head(out, session);
    }
}

fn get(out: &mut Vec<u8>, room: usize, cursor: &Cursor, live: &str, session: Session<'_>) {
    write!(out, "GET /room-{room}?live={live}&offset=").expect("memory takes all bytes");
    out.extend_from_slice(cursor.as_bytes());
    out.extend_from_slice(b" HTTP/1.1\r\nHost: bench\r\n");
    end_head(out, session);
}
