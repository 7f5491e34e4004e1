//! A small HTTP/1.1 client for the tests: keep-alive connections, each used again
//! and again, so that one connection serves held and other requests in turn.
//!
//! It reads strictly: an answer gives its length, and nothing comes after it.
//! Used by [`crate::drivers`]; it knows nothing of the server but its address.

use std::{
    collections::VecDeque,
    net::SocketAddr,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
};

use axum::{
    body::Body,
    http::{HeaderMap, HeaderName, HeaderValue, Method, Request, StatusCode, header},
};
use http_body_util::BodyExt;
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader},
    net::TcpStream,
    sync::{OwnedSemaphorePermit, Semaphore},
};

/// Connections at once: more than any test holds, and fewer than a process may open.
pub(crate) const CONNECTIONS_MAX: usize = 100;

/// The connections to one server.
pub(crate) struct Client {
    address: SocketAddr,
    /// Longest idle first, so that each connection gets all kinds of requests.
    idle: Mutex<VecDeque<BufReader<TcpStream>>>,
    places: Arc<Semaphore>,
    opened: AtomicUsize,
}

/// An answer whose body is still coming. Dropped before its end, it hangs up.
pub(crate) struct Coming {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    client: Arc<Client>,
    /// None once it was given back.
    stream: Option<BufReader<TcpStream>>,
    rest: Rest,
    _place: OwnedSemaphorePermit,
}

/// The rest of a body.
enum Rest {
    Nothing,
    Bytes(usize),
    Chunks,
}

impl Client {
    /// Makes a client of the server at `address`, without a connection yet.
    pub(crate) fn new(address: SocketAddr) -> Client {
        Client {
            address,
            idle: Mutex::default(),
            places: Arc::new(Semaphore::new(CONNECTIONS_MAX)),
            opened: AtomicUsize::new(0),
        }
    }

    /// Returns how many connections were opened so far.
    pub(crate) fn opened(&self) -> usize {
        self.opened.load(Ordering::Relaxed)
    }

    /// Sends a request, and reads the head of the answer.
    pub(crate) async fn begin(self: Arc<Client>, request: Request<Body>) -> Coming {
        let place = self.places.clone().acquire_owned().await.unwrap();
        let mut stream = match self.idle_stream() {
            Some(stream) => stream,
            None => self.open().await,
        };
        let is_head = request.method() == Method::HEAD;
        stream.write_all(&encode(request).await).await.unwrap();
        let (status, headers) = read_head(&mut stream).await;
        assert!(headers.contains_key(header::DATE), "a server has a clock: {headers:?}");
        let has_none = is_head
            || matches!(status, StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED)
            || status.is_informational();
        let rest = if has_none { Rest::Nothing } else { Rest::of(&headers) };
        Coming { status, headers, client: self, stream: Some(stream), rest, _place: place }
    }

    async fn open(&self) -> BufReader<TcpStream> {
        self.opened.fetch_add(1, Ordering::Relaxed);
        let stream = TcpStream::connect(self.address).await.unwrap();
        stream.set_nodelay(true).unwrap();
        BufReader::new(stream)
    }

    fn idle_stream(&self) -> Option<BufReader<TcpStream>> {
        let mut idle = self.idle.lock().unwrap();
        loop {
            let stream = idle.pop_front()?;
            match stream.get_ref().try_read(&mut [0; 64]) {
                Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {
                    return Some(stream);
                }
                Ok(number @ 1..) => panic!("{number} bytes came that nobody asked for"),
                // The server closed it.
                Ok(0) | Err(_) => {}
            }
        }
    }

    fn give_back(&self, stream: BufReader<TcpStream>) {
        let more = String::from_utf8_lossy(stream.buffer());
        assert_eq!(more, "", "bytes came after the end of an answer");
        self.idle.lock().unwrap().push_back(stream);
    }
}

impl Coming {
    /// Reads the next piece of the body; none when it is whole, and then the
    /// connection is free for others.
    pub(crate) async fn piece(&mut self) -> Option<Vec<u8>> {
        if let Some(stream) = &mut self.stream {
            if let Some(piece) = self.rest.read(stream).await {
                return Some(piece);
            }
            self.end();
        }
        None
    }

    fn end(&mut self) {
        let stream = self.stream.take().expect("a body ends once");
        let is_closing = self.headers.get(header::CONNECTION).is_some_and(|value| value == "close");
        // A server that refuses to read a whole body must close the connection.
        if !is_closing && self.status != StatusCode::PAYLOAD_TOO_LARGE {
            self.client.give_back(stream);
        }
    }
}

impl Rest {
    fn of(headers: &HeaderMap) -> Rest {
        let length = headers.get(header::CONTENT_LENGTH);
        let encoding = headers.get(header::TRANSFER_ENCODING);
        match (length, encoding) {
            (Some(length), None) => Rest::Bytes(length.to_str().unwrap().parse().unwrap()),
            (None, Some(encoding)) if encoding == "chunked" => Rest::Chunks,
            _ => panic!("an answer says how long it is, once: {headers:?}"),
        }
    }

    async fn read(&mut self, stream: &mut BufReader<TcpStream>) -> Option<Vec<u8>> {
        let length = match self {
            Rest::Nothing => return None,
            Rest::Bytes(length) => std::mem::take(length),
            Rest::Chunks => usize::from_str_radix(&read_line(stream).await, 16).unwrap(),
        };
        let mut piece = vec![0; length];
        stream.read_exact(&mut piece).await.unwrap();
        if matches!(self, Rest::Chunks) {
            assert_eq!(read_line(stream).await, "", "after a chunk");
        }
        if length == 0 {
            *self = Rest::Nothing;
            return None;
        }
        Some(piece)
    }
}

async fn encode(request: Request<Body>) -> Vec<u8> {
    let (head, body) = request.into_parts();
    let body = body.collect().await.unwrap().to_bytes();
    let target = head.uri.path_and_query().unwrap();
    let mut bytes = format!("{} {target} HTTP/1.1\r\n", head.method).into_bytes();
    if !head.headers.contains_key(header::HOST) {
        bytes.extend(b"host: linger\r\n");
    }
    for (name, value) in &head.headers {
        bytes.extend([name.as_str().as_bytes(), b": ", value.as_bytes(), b"\r\n"].concat());
    }
    if !matches!(head.method, Method::GET | Method::HEAD) || !body.is_empty() {
        bytes.extend(format!("content-length: {}\r\n", body.len()).as_bytes());
    }
    bytes.extend(b"\r\n");
    bytes.extend(body);
    bytes
}

async fn read_head(stream: &mut BufReader<TcpStream>) -> (StatusCode, HeaderMap) {
    let first = read_line(stream).await;
    let status = first.strip_prefix("HTTP/1.1 ").and_then(|status| status.get(..3));
    let status = status.unwrap_or_else(|| panic!("no answer: {first:?}")).parse().unwrap();
    let mut headers = HeaderMap::new();
    loop {
        let line = read_line(stream).await;
        let Some((name, value)) = line.split_once(':') else {
            assert_eq!(line, "", "a field of the head");
            return (status, headers);
        };
        let name: HeaderName = name.parse().unwrap();
        headers.append(name, HeaderValue::from_str(value.trim()).unwrap());
    }
}

async fn read_line(stream: &mut BufReader<TcpStream>) -> String {
    let mut line = String::new();
    stream.read_line(&mut line).await.unwrap();
    let whole = line.strip_suffix("\r\n");
    whole.unwrap_or_else(|| panic!("the connection broke off after {line:?}")).to_owned()
}
