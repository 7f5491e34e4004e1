//! nchan, the C module of nginx: the fastest long polling there was.
//!
//! Debian's packages, two workers, a message buffer in shared memory, nothing
//! durable. The cursor is the pair Last-Modified and Etag, kept here as one value
//! with a line end between the two.

use std::{
    fs,
    io::Write,
    net::SocketAddr,
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use anyhow::{Context, anyhow, bail};

use super::{
    Cast, From, Polled, PublishId, Session, Target, cursor::Cursor, end_head, last_id,
    server::Server,
};
use crate::{
    client::{calls::Caller, framing::Answer},
    disk::{Place, Syncs},
    process::Pid,
};

/// Where Debian keeps the module.
const MODULE: &str = "/usr/lib/nginx/modules/ngx_nchan_module.so";
/// Stands for "from the oldest message that you have".
const OLDEST: &[u8] = b"oldest";

/// nginx with nchan.
pub(crate) struct Nchan {
    server: Server,
    version: String,
    caller: Caller,
}

impl Nchan {
    /// Returns nginx's program. Errors: what to do to get it.
    pub(crate) fn find() -> anyhow::Result<PathBuf> {
        let programs = ["/usr/sbin/nginx", "/usr/bin/nginx", "/usr/local/sbin/nginx"];
        let program = programs.iter().map(Path::new).find(|path| path.exists());
        match program {
            Some(program) if Path::new(MODULE).exists() => Ok(program.to_owned()),
            _ => Err(anyhow!(
                "nchan is not installed: apt-get install -y nginx libnginx-mod-nchan, or --install-peers"
            )),
        }
    }

    /// Starts it in a new folder in `place`.
    pub(crate) fn start(place: &Place, connections_max: usize) -> anyhow::Result<Nchan> {
        let program = Nchan::find()?;
        let mut server = Server::new(place)?;
        let file = server.folder().join("nginx.conf");
        let text = configuration(server.folder(), server.address(), connections_max);
        fs::write(&file, text).with_context(|| format!("{} cannot be written", file.display()))?;
        let folder = server.folder().to_owned();
        server.start(Command::new(program).arg("-p").arg(folder).arg("-c").arg(file))?;
        let caller = Caller::new(server.address());
        Ok(Nchan { server, version: version(), caller })
    }
}

fn configuration(folder: &Path, address: SocketAddr, connections_max: usize) -> String {
    let folder = folder.display();
    // As root, nginx would hand its workers to nobody, whose memory only root
    // may look at; as anybody else the line would be an error.
    let user = if rustix::process::geteuid().is_root() { "user root;" } else { "" };
    // keepalive_requests is 1000 by default: reconnecting is not measured here.
    format!(
        "load_module {MODULE};\n\
         daemon off; {user} worker_processes 2; pid {folder}/pid; error_log {folder}/error.log;\n\
         events {{ worker_connections {connections_max}; }}\n\
         http {{\n\
           access_log off; keepalive_requests 1000000000; keepalive_timeout 600s;\n\
           client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy;\n\
           fastcgi_temp_path {folder}/fastcgi; uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi;\n\
           nchan_shared_memory_size 256M;\n\
           server {{\n\
             listen {address} reuseport backlog=4096;\n\
             location = /pub {{ nchan_publisher; nchan_channel_id $arg_id;\n\
               nchan_message_buffer_length 10000; nchan_message_timeout 1h; }}\n\
             location = /sub {{ nchan_subscriber longpoll eventsource; nchan_channel_id $arg_id;\n\
               nchan_subscriber_first_message newest; }}\n\
             location = /all {{ nchan_subscriber longpoll eventsource; nchan_channel_id $arg_id;\n\
               nchan_subscriber_first_message oldest; }}\n\
             location = /status {{ nchan_stub_status; }}\n\
             location = /hello {{ return 200 hello; }}\n\
           }}\n\
         }}\n"
    )
}

/// Returns the packages' versions, as Debian knows them.
fn version() -> String {
    let query = ["-W", "-f", "${Package} ${Version} ", "nginx", "libnginx-mod-nchan"];
    let said = Command::new("dpkg-query").args(query).output();
    let said = said.map(|said| String::from_utf8_lossy(&said.stdout).trim().to_owned());
    said.ok().filter(|text| !text.is_empty()).unwrap_or_else(|| "unknown version".to_owned())
}

impl Target for Nchan {
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

    fn prepare(&mut self, _: &Cast) -> anyhow::Result<()> {
        // A channel is there with its first subscriber or message.
        Ok(())
    }

    fn cursor(&mut self, _: usize, from: From) -> anyhow::Result<Cursor> {
        let bytes = if from == From::Start { OLDEST } else { b"" };
        Cursor::new(bytes).context("it is short")
    }

    fn held(&mut self) -> anyhow::Result<Option<usize>> {
        let answer = self.caller.expect("GET", "/status", "", "")?;
        let text = String::from_utf8_lossy(answer.body);
        let line = text.lines().find_map(|line| line.strip_prefix("subscribers:"));
        Ok(line.and_then(|number| number.trim().parse().ok()))
    }

    fn restart(&mut self) -> anyhow::Result<Duration> {
        bail!("nchan keeps its messages in memory: nothing would be there after a restart")
    }

    fn publish(&self, out: &mut Vec<u8>, _: usize, room: usize, _: PublishId, text: &[u8]) {
        let length = text.len();
        write!(
            out,
            "POST /pub?id={room} HTTP/1.1\r\nHost: bench\r\nContent-Type: text/plain\r\n\
             Content-Length: {length}\r\n\r\n"
        )
        .expect("memory takes all bytes");
        out.extend_from_slice(text);
    }

    fn poll(&self, out: &mut Vec<u8>, room: usize, cursor: &Cursor, session: Session<'_>) {
        let cursor = cursor.as_bytes();
        let location = if cursor == OLDEST { "all" } else { "sub" };
        write!(out, "GET /{location}?id={room} HTTP/1.1\r\nHost: bench\r\n")
            .expect("memory takes all bytes");
        if let Some(middle) = memchr::memchr(b'\n', cursor) {
            out.extend_from_slice(b"If-Modified-Since: ");
            out.extend_from_slice(&cursor[..middle]);
            out.extend_from_slice(b"\r\nIf-None-Match: ");
            out.extend_from_slice(&cursor[middle + 1..]);
            out.extend_from_slice(b"\r\n");
        }
        end_head(out, session);
    }

    fn polled(&self, answer: &Answer<'_>, cursor: &mut Cursor) -> Polled {
        match answer.status {
            200 => {}
            // "Request Timeout" is its answer when nothing happened.
            304 | 408 => return Polled::Nothing,
            _ => return Polled::Refused,
        }
        let (Some(modified), Some(tag)) = (answer.field("last-modified"), answer.field("etag"))
        else {
            return Polled::Refused;
        };
        let mut pair = [0; 64];
        let length = modified.len() + 1 + tag.len();
        let Some(pair) = pair.get_mut(..length) else { return Polled::Refused };
        pair[..modified.len()].copy_from_slice(modified);
        pair[modified.len()] = b'\n';
        pair[modified.len() + 1..].copy_from_slice(tag);
        if cursor.follow(Some(pair)) { Polled::News } else { Polled::Refused }
    }

    fn stream(&self, out: &mut Vec<u8>, room: usize, cursor: &Cursor, session: Session<'_>) {
        let cursor = cursor.as_bytes();
        let location = if cursor == OLDEST { "all" } else { "sub" };
        write!(
            out,
            "GET /{location}?id={room} HTTP/1.1\r\nHost: bench\r\nAccept: text/event-stream\r\n"
        )
        .expect("memory takes all bytes");
        if !cursor.is_empty() && cursor != OLDEST {
            out.extend_from_slice(b"Last-Event-ID: ");
            out.extend_from_slice(cursor);
            out.extend_from_slice(b"\r\n");
        }
        end_head(out, session);
    }

    fn streamed(&self, frames: &[u8], cursor: &mut Cursor) {
        cursor.follow(last_id(frames));
    }

    fn greet(&self, out: &mut Vec<u8>, session: Session<'_>) {
        out.extend_from_slice(b"GET /hello HTTP/1.1\r\nHost: bench\r\n");
        end_head(out, session);
    }
}
