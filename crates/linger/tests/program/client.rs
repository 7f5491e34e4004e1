//! A minimal HTTP/1.1 client over a `TcpStream`: one connection kept alive,
//! answers with a Content-Length, and streams in chunks.
//!
//! [`Client`] makes well-formed requests as one person or none; [`send_raw`] sends
//! any bytes at all. Every read has a deadline, so that a server which never
//! answers fails the test instead of holding it.

use std::{
    fmt,
    io::{self, BufRead, BufReader, Write},
    net::{Shutdown, SocketAddr, TcpStream},
    time::Duration,
};

use serde_json::{Value, json};

/// Above the longest hold that a server grants.
const READ_TIMEOUT: Duration = Duration::from_secs(60);

/// Header fields: names and values.
pub type Fields<'a> = &'a [(&'a str, &'a str)];

/// One person's connection to a server, or a visitor's.
pub struct Client {
    pub address: SocketAddr,
    /// Sent as a bearer token with each request.
    pub token: Option<String>,
    /// The id of the person whose token this is.
    pub id: u64,
    /// For each piece of an answer.
    pub patience: Duration,
    connection: Option<BufReader<TcpStream>>,
}

/// An answer.
#[derive(Clone)]
pub struct Answer {
    pub status: u16,
    /// Names in lower case.
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

impl Client {
    /// A visitor.
    pub fn new(address: SocketAddr) -> Client {
        Client { address, token: None, id: 0, patience: READ_TIMEOUT, connection: None }
    }

    /// A new guest.
    pub fn guest(address: SocketAddr, name: &str) -> Client {
        let mut client = Client::new(address);
        let guest = client.post("/api/v1/guests", &json!({ "name": name })).expect(201);
        client.token = Some(guest["token"].as_str().unwrap().to_owned());
        client.id = guest["user"]["id"].as_u64().unwrap();
        client
    }

    /// Waits no longer than this for each piece of an answer.
    pub fn with_patience(self, patience: Duration) -> Client {
        Client { patience, ..self }
    }

    /// The same person, on a connection of their own, to this address.
    pub fn again(&self, address: SocketAddr) -> Client {
        Client {
            address,
            token: self.token.clone(),
            id: self.id,
            patience: self.patience,
            connection: None,
        }
    }

    pub fn get(&mut self, path: &str) -> Answer {
        self.call("GET", path, &[], "")
    }

    pub fn put(&mut self, path: &str, body: &Value) -> Answer {
        self.call("PUT", path, &[], body.to_string())
    }

    pub fn post(&mut self, path: &str, body: &Value) -> Answer {
        self.call("POST", path, &[], body.to_string())
    }

    pub fn patch(&mut self, path: &str, body: &Value) -> Answer {
        self.call("PATCH", path, &[], body.to_string())
    }

    pub fn delete(&mut self, path: &str) -> Answer {
        self.call("DELETE", path, &[], "")
    }

    /// Returns one figure of `/metrics`.
    pub fn figure(&mut self, name: &str) -> f64 {
        let text = self.get("/metrics").text();
        let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        line.and_then(|value| value.parse().ok()).unwrap_or_else(|| panic!("no {name} in {text}"))
    }

    /// Opens a room of this kind.
    pub fn open(&mut self, slug: &str, kind: &str) -> Value {
        self.post("/api/v1/rooms", &json!({ "slug": slug, "kind": kind })).expect(201)
    }

    /// Joins an open room.
    pub fn join(&mut self, slug: &str) {
        self.put(&format!("/api/v1/rooms/{slug}/members/me"), &json!({})).expect(204);
    }

    /// Says something, and returns the message.
    pub fn say(&mut self, slug: &str, text: &str) -> Value {
        let path = format!("/api/v1/rooms/{slug}/messages");
        self.post(&path, &json!({ "text": text })).expect(201)["message"].take()
    }

    /// Sends under a request id. Errors: those of the socket.
    pub fn try_send(&mut self, slug: &str, request_id: &str, text: &str) -> io::Result<Answer> {
        let path = format!("/api/v1/rooms/{slug}/messages/{request_id}");
        self.try_call("PUT", &path, &[], json!({ "text": text }).to_string())
    }

    /// Returns everything at this events path from `start` on, as short polls read it.
    pub fn read_all(&mut self, path: &str) -> Vec<Value> {
        let mut cursor = "start".to_owned();
        let mut all = Vec::new();
        loop {
            let mut page =
                self.get(&format!("{path}?after={cursor}&wait=0&limit=1000")).expect(200);
            let Value::Array(events) = page["events"].take() else { panic!("no events: {page}") };
            if events.is_empty() {
                return all;
            }
            all.extend(events);
            cursor = page["cursor"].as_str().unwrap().to_owned();
        }
    }

    /// Returns a room's whole history, oldest first, in pages of `limit`.
    pub fn history(&mut self, slug: &str, limit: usize) -> Vec<Value> {
        let mut pages = Vec::new();
        let mut before = String::new();
        loop {
            let path = format!("/api/v1/rooms/{slug}/messages?limit={limit}{before}");
            let mut page = self.get(&path).expect(200);
            let Value::Array(messages) = page["messages"].take() else { panic!("none: {page}") };
            let oldest = messages.first().map(|message| message["id"].clone());
            pages.push(messages);
            match (page["more"].as_bool().unwrap(), oldest) {
                (true, Some(oldest)) => before = format!("&before={oldest}"),
                (true, None) => panic!("an empty page with more before it"),
                (false, _) => break,
            }
        }
        pages.into_iter().rev().flatten().collect()
    }

    /// Makes one request. Panics when there is no answer.
    pub fn call(
        &mut self,
        method: &str,
        path: &str,
        headers: Fields,
        body: impl AsRef<[u8]>,
    ) -> Answer {
        let answer = self.try_call(method, path, headers, body);
        answer.unwrap_or_else(|error| panic!("{method} {path}: {error}"))
    }

    /// Makes one request. A connection that was closed while it was idle is
    /// opened anew, once.
    pub fn try_call(
        &mut self,
        method: &str,
        path: &str,
        headers: Fields,
        body: impl AsRef<[u8]>,
    ) -> io::Result<Answer> {
        let body = body.as_ref();
        let head = self.head(method, path, headers, body.len());
        let request = [head.as_bytes(), body].concat();
        let anew = || {
            let connection = connect(self.address)?;
            connection.get_ref().set_read_timeout(Some(self.patience))?;
            exchange(connection, &request)
        };
        let answer = match self.connection.take() {
            Some(connection) => match exchange(connection, &request) {
                Ok(answer) => answer,
                // It was not closed: the server does not answer.
                Err(error) if is_timeout(&error) => return Err(error),
                Err(_) => anew()?,
            },
            None => anew()?,
        };
        let (answer, connection) = answer;
        if answer.header("connection") != Some("close") {
            self.connection = Some(connection);
        }
        Ok(answer)
    }

    /// Sends a request and returns the connection without reading the answer.
    pub fn begin(&self, path: &str, headers: Fields) -> BufReader<TcpStream> {
        self.try_begin(path, headers).unwrap()
    }

    /// Sends a request and returns the connection. Errors: those of the socket.
    pub fn try_begin(&self, path: &str, headers: Fields) -> io::Result<BufReader<TcpStream>> {
        let mut connection = connect(self.address)?;
        connection.get_mut().write_all(self.head("GET", path, headers, 0).as_bytes())?;
        Ok(connection)
    }

    fn head(&self, method: &str, path: &str, headers: Fields, length: usize) -> String {
        let mut head = format!("{method} {path} HTTP/1.1\r\nHost: {}\r\n", self.address);
        if let Some(token) = &self.token {
            head += &format!("Authorization: Bearer {token}\r\n");
        }
        for (name, value) in headers {
            head += &format!("{name}: {value}\r\n");
        }
        if length > 0 || method != "GET" {
            head += &format!("Content-Length: {length}\r\n");
        }
        head + "\r\n"
    }
}

impl Answer {
    /// Reads one answer with a Content-Length. Errors: none came, or not all of it.
    pub fn read(from: &mut impl BufRead) -> io::Result<Answer> {
        let mut answer = Answer::read_head(from)?;
        let length = answer.header("content-length").map_or(0, |length| length.parse().unwrap());
        answer.body.resize(length, 0);
        from.read_exact(&mut answer.body)?;
        Ok(answer)
    }

    /// Reads a head and leaves the body unread. (To an old client the server speaks
    /// HTTP/1.0 as well.)
    pub fn read_head(from: &mut impl BufRead) -> io::Result<Answer> {
        let status_line = line(from)?;
        let versions = ["HTTP/1.1 ", "HTTP/1.0 "];
        let status =
            versions.iter().find_map(|version| status_line.strip_prefix(version)?.get(..3));
        let status = status.and_then(|status| status.parse().ok());
        let status = status.unwrap_or_else(|| panic!("no status line: {status_line:?}"));
        let mut headers = Vec::new();
        loop {
            let line = line(from)?;
            if line.is_empty() {
                return Ok(Answer { status, headers, body: Vec::new() });
            }
            let (name, value) =
                line.split_once(':').unwrap_or_else(|| panic!("no field: {line:?}"));
            headers.push((name.to_lowercase(), value.trim().to_owned()));
        }
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// Returns the body as JSON; null when there is none.
    pub fn json(&self) -> Value {
        match self.body.is_empty() {
            true => Value::Null,
            false => serde_json::from_slice(&self.body)
                .unwrap_or_else(|error| panic!("{error}: {self:?}")),
        }
    }

    /// Returns the body of an answer with this status.
    #[track_caller]
    pub fn expect(&self, status: u16) -> Value {
        assert_eq!(self.status, status, "{self:?}");
        self.json()
    }

    /// Returns the code of a problem with this status, which is whole: RFC 9457.
    #[track_caller]
    pub fn problem(&self, status: u16) -> String {
        assert_eq!(self.status, status, "{self:?}");
        assert_eq!(self.header("content-type"), Some("application/problem+json"), "{self:?}");
        let problem = self.json();
        assert_eq!(problem["status"], status, "{problem}");
        for field in ["type", "title", "code", "detail"] {
            assert!(
                problem[field].as_str().is_some_and(|text| !text.is_empty()),
                "{field} in {problem}"
            );
        }
        problem["code"].as_str().unwrap().to_owned()
    }
}

impl fmt::Debug for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {:?} {}", self.status, self.headers, self.text())
    }
}

/// Opens a connection whose reads and writes end.
pub fn connect(address: SocketAddr) -> io::Result<BufReader<TcpStream>> {
    let stream = TcpStream::connect(address)?;
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(READ_TIMEOUT))?;
    stream.set_write_timeout(Some(READ_TIMEOUT))?;
    Ok(BufReader::new(stream))
}

/// Sends these bytes, and closes the sending side if asked to.
pub fn send_raw(
    address: SocketAddr,
    bytes: &[u8],
    half_close: bool,
) -> io::Result<BufReader<TcpStream>> {
    let mut connection = connect(address)?;
    // The server may refuse before all is sent; only its answer counts.
    let _ = connection.get_mut().write_all(bytes);
    if half_close {
        let _ = connection.get_mut().shutdown(Shutdown::Write);
    }
    Ok(connection)
}

/// Sends these bytes and returns the answer. Errors: there was none.
pub fn say_raw(address: SocketAddr, bytes: &[u8]) -> io::Result<Answer> {
    Answer::read(&mut send_raw(address, bytes, false)?)
}

/// Reads the next piece of a body in chunks; none at its end.
pub fn read_chunk(from: &mut impl BufRead) -> io::Result<Option<Vec<u8>>> {
    let size = line(from)?;
    let size = usize::from_str_radix(&size, 16).unwrap_or_else(|_| panic!("no size: {size:?}"));
    let mut chunk = vec![0; size];
    from.read_exact(&mut chunk)?;
    assert_eq!(line(from)?, "", "a chunk ends with its line");
    Ok((size > 0).then_some(chunk))
}

/// Tells whether nothing came in time.
pub fn is_timeout(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut)
}

fn exchange(
    mut connection: BufReader<TcpStream>,
    request: &[u8],
) -> io::Result<(Answer, BufReader<TcpStream>)> {
    connection.get_mut().write_all(request)?;
    let answer = Answer::read(&mut connection)?;
    Ok((answer, connection))
}

fn line(from: &mut impl BufRead) -> io::Result<String> {
    let mut line = Vec::new();
    from.read_until(b'\n', &mut line)?;
    let Some(line) = line.strip_suffix(b"\r\n") else {
        return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "the answer broke off"));
    };
    Ok(String::from_utf8_lossy(line).into_owned())
}
