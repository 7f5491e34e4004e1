//! Durable sends through HTTP: the program as it ships, and N senders who each
//! wait for their acknowledgement before they say the next thing.
//!
//! `cargo bench -p linger --bench senders -- [SENDERS] [SECONDS]` prints the
//! acknowledged messages a second and how long an acknowledgement took. The
//! figures are of this machine with both sides on it; say which when you quote
//! them. Everything ends by itself.

use std::{
    io::{BufRead, BufReader},
    net::SocketAddr,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

fn main() {
    let numbers: Vec<u64> = std::env::args().skip(1).filter_map(|word| word.parse().ok()).collect();
    let senders = numbers.first().copied().unwrap_or(64);
    let time = Duration::from_secs(numbers.get(1).copied().unwrap_or(5));
    let folder = tempfile::tempdir().expect("a temporary folder");
    let server = Server::start(folder.path());
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let mut waits = runtime.block_on(async {
        let mut tasks = tokio::task::JoinSet::new();
        for sender in 0..senders {
            tasks.spawn(send_for(server.address, sender, time));
        }
        tasks.join_all().await.concat()
    });
    waits.sort_unstable();
    let at = |part: f64| waits[((waits.len() - 1) as f64 * part) as usize].as_secs_f64() * 1000.0;
    println!(
        "{senders} senders: {:.0} acknowledged a second; p50 {:.2} ms, p99 {:.2} ms, last {:.2} ms",
        waits.len() as f64 / time.as_secs_f64(),
        at(0.5),
        at(0.99),
        at(1.0)
    );
}

/// The program, on a port of its own; killed when dropped.
struct Server {
    process: Child,
    address: SocketAddr,
}

impl Server {
    fn start(folder: &std::path::Path) -> Server {
        let mut process = Command::new(env!("CARGO_BIN_EXE_linger"))
            .args(["--listen", "127.0.0.1:0", "--data"])
            .arg(folder)
            .env("LINGER_RATE_LIMITS", "off")
            .stdout(Stdio::piped())
            .spawn()
            .expect("the program starts");
        let mut line = String::new();
        let output = process.stdout.take().expect("its output is piped");
        BufReader::new(output).read_line(&mut line).expect("it says where it is open");
        let address = line.split("http://").nth(1).and_then(|rest| rest.split('/').next());
        let address = address.and_then(|address| address.parse().ok()).expect("an address");
        Server { process, address }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It ends with us; its data was a temporary folder.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Sends one message after the other for `time`; returns how long each took.
async fn send_for(address: SocketAddr, sender: u64, time: Duration) -> Vec<Duration> {
    let mut connection = Connection::open(address).await;
    let guest = connection.call("POST", "/api/v1/guests", "", "{}").await;
    let token = guest
        .split("\"token\":\"")
        .nth(1)
        .and_then(|rest| rest.split('"').next())
        .expect("a token");
    let bearer = format!("Authorization: Bearer {token}\r\n");
    let mut waits = Vec::new();
    let begin = Instant::now();
    while begin.elapsed() < time {
        let asked = Instant::now();
        let path = format!("/api/v1/rooms/lobby/messages/{}", waits.len());
        let body = format!(
            r#"{{"text":"Sender {sender} says the {}th thing in about fifty characters."}}"#,
            waits.len()
        );
        let answer = connection.call("PUT", &path, &bearer, &body).await;
        assert!(answer.starts_with("HTTP/1.1 201"), "{answer}");
        waits.push(asked.elapsed());
    }
    waits
}

/// One connection that is kept.
struct Connection {
    stream: TcpStream,
    buffer: Vec<u8>,
}

impl Connection {
    async fn open(address: SocketAddr) -> Connection {
        let stream = TcpStream::connect(address).await.expect("a connection");
        stream.set_nodelay(true).expect("no delay");
        Connection { stream, buffer: Vec::with_capacity(4096) }
    }

    /// Sends a request and reads the whole answer.
    async fn call(&mut self, method: &str, path: &str, headers: &str, body: &str) -> String {
        let length = body.len();
        let request = format!(
            "{method} {path} HTTP/1.1\r\nHost: linger\r\n{headers}Content-Length: {length}\r\n\r\n{body}"
        );
        self.stream.write_all(request.as_bytes()).await.expect("the request goes out");
        self.buffer.clear();
        loop {
            let count = self.stream.read_buf(&mut self.buffer).await.expect("an answer comes");
            assert!(count > 0, "the server closed the connection");
            let text = std::str::from_utf8(&self.buffer).unwrap_or_default();
            let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
            let length =
                head.split("content-length: ").nth(1).and_then(|rest| rest.split("\r\n").next());
            let length: usize = length.and_then(|digits| digits.parse().ok()).expect("a length");
            if body.len() >= length {
                return text.to_owned();
            }
        }
    }
}
