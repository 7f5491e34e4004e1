//! Linger, through its native API: rooms, guests, `PUT` and `POST` with a request
//! id, and `GET …/events` with one cursor.
//!
//! Readers are visitors unless each has a session; every publisher is a guest. Rate limits are off in a
//! server that is started here, and have to be off in one given by `--url`.

use std::{
    io::Write,
    net::SocketAddr,
    path::{Path, PathBuf},
    process::Command,
    time::{Duration, Instant},
};

use anyhow::{Context, bail};
use serde_json::Value;

use super::{
    Cast, From, HOLD_SECONDS, Polled, PublishId, START_TIMEOUT, Session, Target, cursor::Cursor,
    end_head, last_id, server::Server,
};
use crate::{
    client::{calls::Caller, framing::Answer},
    disk::{Place, Syncs},
    process::Pid,
};

/// Connections that make the readers' sessions.
const CALLERS: usize = 16;

/// A Linger server.
pub(crate) struct Linger {
    program: Option<(PathBuf, Server)>,
    pid: Option<Pid>,
    version: String,
    address: SocketAddr,
    caller: Caller,
    /// Part of the names of rooms, because a server that is kept has those of earlier runs.
    run: u64,
    tokens: Vec<String>,
}

impl Linger {
    /// Starts `program` with its data in a new folder in `place`.
    pub(crate) fn start(program: &Path, place: &Place) -> anyhow::Result<Linger> {
        let said = Command::new(program).arg("--version").output();
        let said = said.with_context(|| format!("{} cannot be started", program.display()))?;
        let version = String::from_utf8_lossy(&said.stdout).trim().to_owned();
        let server = Server::new(place)?;
        let address = server.address();
        let mut linger = Linger {
            version,
            program: Some((program.to_owned(), server)),
            ..Linger::at(address, None)
        };
        linger.launch()?;
        Ok(linger)
    }

    /// Drives a server that runs already; `pid` is for its CPU and memory.
    pub(crate) fn at(address: SocketAddr, pid: Option<Pid>) -> Linger {
        let run = jiff::Timestamp::now().as_millisecond().unsigned_abs();
        Linger {
            program: None,
            pid,
            version: "running server".to_owned(),
            address,
            caller: Caller::new(address),
            run,
            tokens: Vec::new(),
        }
    }

    fn launch(&mut self) -> anyhow::Result<()> {
        let Some((program, server)) = &mut self.program else {
            bail!("a server given by --url is not started or restarted");
        };
        let mut command = Command::new(program);
        command
            .args(["--listen", &self.address.to_string(), "--data"])
            .arg(server.folder().join("data"))
            .env("LINGER_RATE_LIMITS", "off");
        server.start(&mut command)?;
        self.pid = server.process();
        let begin = Instant::now();
        while self.caller.call("GET", "/ready", "", "")?.status != 200 {
            if begin.elapsed() > START_TIMEOUT {
                bail!("linger was not ready after {START_TIMEOUT:?}");
            }
            std::thread::sleep(Duration::from_millis(1));
        }
        Ok(())
    }

    fn slug(&self, room: usize) -> String {
        format!("bench-{}-{room}", self.run)
    }
}

impl Target for Linger {
    fn version(&self) -> &str {
        &self.version
    }

    fn address(&self) -> SocketAddr {
        self.address
    }

    fn process(&self) -> Option<Pid> {
        self.pid
    }

    fn syncs(&self) -> Option<Syncs> {
        self.program.as_ref().and_then(|(_, server)| server.syncs())
    }

    fn prepare(&mut self, cast: &Cast) -> anyhow::Result<()> {
        for publisher in 0..cast.publishers {
            let token = guest(&mut self.caller, &format!("bench {publisher}"))?;
            self.tokens.push(token);
        }
        let mut is_open = vec![false; cast.rooms];
        for (publisher, room) in &cast.speakers {
            let bearer = format!("Authorization: Bearer {}\r\n", self.tokens[*publisher]);
            let slug = self.slug(*room);
            if is_open[*room] {
                let path = format!("/api/v1/rooms/{slug}/members/me");
                self.caller.expect("PUT", &path, &bearer, "")?;
            } else {
                let body = format!(r#"{{"slug":"{slug}"}}"#);
                self.caller.expect("POST", "/api/v1/rooms", &bearer, &body)?;
                is_open[*room] = true;
            }
        }
        Ok(())
    }

    fn cursor(&mut self, room: usize, from: From) -> anyhow::Result<Cursor> {
        if from == From::Start {
            return Ok(Cursor::new(b"start").expect("it is short"));
        }
        let path = format!("/api/v1/rooms/{}/events?after=latest&wait=0", self.slug(room));
        let answer = self.caller.expect("GET", &path, "", "")?;
        let cursor = last_field(answer.body).and_then(Cursor::new);
        cursor.context("an answer without a cursor")
    }

    fn open_sessions(&mut self, count: usize) -> anyhow::Result<Vec<String>> {
        // Each is a durable entry: together they share the syncs.
        let each = count.div_ceil(CALLERS).max(1);
        let address = self.address;
        let open = move |first: usize, end: usize| -> anyhow::Result<Vec<String>> {
            let mut caller = Caller::new(address);
            (first..end).map(|reader| guest(&mut caller, &format!("reader {reader}"))).collect()
        };
        std::thread::scope(|scope| {
            let callers: Vec<_> = (0..count)
                .step_by(each)
                .map(|first| scope.spawn(move || open(first, count.min(first + each))))
                .collect();
            let mut tokens = Vec::with_capacity(count);
            for caller in callers {
                tokens.extend(caller.join().expect("a caller returns its errors")?);
            }
            Ok(tokens)
        })
    }

    fn held(&mut self) -> anyhow::Result<Option<usize>> {
        let answer = self.caller.expect("GET", "/metrics", "", "")?;
        let text = String::from_utf8_lossy(answer.body);
        let line = text.lines().find_map(|line| line.strip_prefix("linger_requests_held "));
        Ok(line.and_then(|number| number.trim().parse().ok()))
    }

    fn restart(&mut self) -> anyhow::Result<Duration> {
        match &mut self.program {
            Some((_, server)) => server.stop()?,
            None => bail!("a server given by --url is not restarted"),
        }
        self.caller = Caller::new(self.address);
        let begin = Instant::now();
        self.launch()?;
        Ok(begin.elapsed())
    }

    fn publish(
        &self,
        out: &mut Vec<u8>,
        publisher: usize,
        room: usize,
        id: PublishId,
        text: &[u8],
    ) {
        let PublishId { lane, sequence, is_post } = id;
        let (run, token) = (self.run, &self.tokens[publisher]);
        let length = text.len() + r#"{"text":""}"#.len();
        let path = format_args!("/api/v1/rooms/bench-{run}-{room}/messages");
        match is_post {
            false => write!(out, "PUT {path}/{lane}-{sequence} HTTP/1.1\r\nHost: localhost\r\n"),
            true => write!(
                out,
                "POST {path} HTTP/1.1\r\nHost: localhost\r\nIdempotency-Key: {lane}-{sequence}\r\n"
            ),
        }
        .and_then(|()| {
            write!(
                out,
                "Authorization: Bearer {token}\r\nContent-Type: application/json\r\n\
                 Content-Length: {length}\r\n\r\n{{\"text\":\"",
            )
        })
        .expect("memory takes all bytes");
        out.extend_from_slice(text);
        out.extend_from_slice(b"\"}");
    }

    fn poll(&self, out: &mut Vec<u8>, room: usize, cursor: &Cursor, session: Session<'_>) {
        write!(
            out,
            "GET /api/v1/rooms/bench-{}-{room}/events?wait={HOLD_SECONDS}&after=",
            self.run
        )
        .expect("memory takes all bytes");
        out.extend_from_slice(cursor.as_bytes());
        out.extend_from_slice(b" HTTP/1.1\r\nHost: localhost\r\n");
        end_head(out, session);
    }

    fn polled(&self, answer: &Answer<'_>, cursor: &mut Cursor) -> Polled {
        let is_reset = answer.body.starts_with(br#"{"reset""#);
        if answer.status != 200 || is_reset || !cursor.follow(last_field(answer.body)) {
            return Polled::Refused;
        }
        match answer.body.starts_with(br#"{"events":[]"#) {
            true => Polled::Nothing,
            false => Polled::News,
        }
    }

    fn stream(&self, out: &mut Vec<u8>, room: usize, cursor: &Cursor, session: Session<'_>) {
        write!(out, "GET /api/v1/rooms/bench-{}-{room}/events?after=", self.run)
            .expect("memory takes all bytes");
        out.extend_from_slice(cursor.as_bytes());
        out.extend_from_slice(b" HTTP/1.1\r\nHost: localhost\r\nAccept: text/event-stream\r\n");
        end_head(out, session);
    }

    fn streamed(&self, frames: &[u8], cursor: &mut Cursor) {
        cursor.follow(last_id(frames));
    }

    fn has_lines(&self) -> bool {
        true
    }

    fn follow(&self, out: &mut Vec<u8>, room: usize, session: Session<'_>) {
        // The newest line comes with it: the readers are there before the first message.
        write!(
            out,
            "GET /r/bench-{}-{room}?follow&limit=1 HTTP/1.1\r\nHost: localhost\r\n",
            self.run
        )
        .expect("memory takes all bytes");
        end_head(out, session);
    }

    fn greet(&self, out: &mut Vec<u8>, session: Session<'_>) {
        out.extend_from_slice(b"GET /api/v1/rooms HTTP/1.1\r\nHost: localhost\r\n");
        end_head(out, session);
    }
}

/// Makes a guest; returns its token.
fn guest(caller: &mut Caller, name: &str) -> anyhow::Result<String> {
    let body = format!(r#"{{"name":"{name}","locale":"en"}}"#);
    let answer = caller.expect("POST", "/api/v1/guests", "", &body)?;
    let guest: Value = serde_json::from_slice(answer.body)?;
    Ok(guest["token"].as_str().context("a guest without a token")?.to_owned())
}

/// Returns the cursor, which is the last field: `…,"cursor":"CURSOR"}`.
fn last_field(body: &[u8]) -> Option<&[u8]> {
    let body = body.trim_ascii_end().strip_suffix(b"\"}")?;
    let quote = memchr::memrchr(b'"', body)?;
    body[..quote].ends_with(br#""cursor":"#).then(|| &body[quote + 1..])
}
