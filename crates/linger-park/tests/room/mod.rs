//! A counter room to park in, and a client to do it with.
//!
//! `GET /wait?after=N` waits until the counter is above N and answers with every
//! number since; `GET /stream?after=N` goes on doing so; `POST /add` adds one;
//! `GET /big` answers with many bytes, and `GET /copy` with as many of its own;
//! `GET /bye` closes; `GET /soon` is answered after `ms`, and cannot be cut short;
//! `GET /who?name=N` is answered once the name was found out. Everything else goes to
//! a thread that stands in for hyper: it answers one request with its own bytes and
//! brings the connection back. The same thread finds out names.

#![allow(dead_code, reason = "each test program uses its part")]

use std::{
    fmt::Write as _,
    io::{BufRead, BufReader, Read, Write},
    net::{TcpListener, TcpStream},
    sync::{
        Arc, Mutex, OnceLock, Weak,
        atomic::{AtomicU64, AtomicUsize, Ordering},
        mpsc,
    },
    thread,
    time::{Duration, Instant},
};

use linger_park::{
    Answer, Connection, Look, Method, Park, ParkSettings, Parked, Parking, Request, Service, Then,
    Topic, Verdict,
};

/// Bytes in the answer to `GET /big`: more than any socket buffers.
pub const BIG: usize = 48 << 20;
const PATIENCE: Duration = Duration::from_secs(20);

pub struct Room {
    pub count: AtomicU64,
    pub looks: AtomicUsize,
    /// The connections that were called, and the answers that were sent.
    pub called: AtomicU64,
    pub answers: AtomicU64,
    /// Places taken now.
    pub places: Arc<AtomicUsize>,
    park: OnceLock<Weak<Park<Room>>>,
    /// The last name that was found out.
    name: Arc<AtomicU64>,
    handed: Mutex<mpsc::Sender<(Connection<Place>, Option<u64>)>>,
    big: Arc<[u8]>,
}

/// A place at the server: it counts itself.
pub struct Place(Arc<AtomicUsize>);

#[derive(Debug, Clone, PartialEq)]
pub struct Ticket {
    after: u64,
    is_stream: bool,
    is_brief: bool,
}

/// The room, served.
pub struct Town {
    pub room: Arc<Room>,
    pub park: Arc<Park<Room>>,
    listener: TcpListener,
    /// The bytes that each connection brought to the stand-in for hyper.
    pub handed: mpsc::Receiver<Vec<u8>>,
}

impl Place {
    fn take(places: &Arc<AtomicUsize>) -> Place {
        places.fetch_add(1, Ordering::SeqCst);
        Place(places.clone())
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

fn answer(body: &str) -> Arc<[u8]> {
    let length = body.len();
    format!("HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\n{body}").into_bytes().into()
}

fn param(request: &Request<'_>, name: &str) -> Option<u64> {
    let mut pairs = request.query?.split('&').filter_map(|pair| pair.split_once('='));
    pairs.find(|(key, _)| *key == name)?.1.parse().ok()
}

impl Room {
    fn topic() -> Topic {
        Topic(1)
    }
}

impl Service for Room {
    type Ticket = Ticket;
    type Wake = ();
    type Place = Place;
    /// The name to find out.
    type Errand = u64;

    fn wants(&self, head: &Request<'_>) -> bool {
        matches!(
            head.path,
            "/wait" | "/stream" | "/add" | "/big" | "/copy" | "/bye" | "/soon" | "/who" | "/maybe"
        )
    }

    fn ask(&self, request: &Request<'_>) -> Verdict<Ticket, u64> {
        let after = param(request, "after").unwrap_or(0);
        let ms = param(request, "ms").unwrap_or(60_000);
        let deadline = Instant::now() + Duration::from_millis(ms);
        let parking = |is_stream| Parking {
            ticket: Ticket { after, is_stream, is_brief: false },
            topic: Room::topic(),
            deadline,
        };
        let bytes = match (request.method, request.path) {
            (Method::Get, "/wait") => return Verdict::Park(parking(false)),
            (Method::Get, "/stream") => {
                let bytes =
                    Arc::from(*b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n");
                return Verdict::Answer(Answer {
                    bytes,
                    items: 1,
                    then: Then::Park(parking(true)),
                });
            }
            (Method::Get, "/soon") => {
                let ticket = Ticket { after: u64::MAX, is_stream: false, is_brief: true };
                return Verdict::Park(Parking { ticket, ..parking(false) });
            }
            (Method::Post, "/add") => {
                let count = self.count.fetch_add(1, Ordering::SeqCst) + 1;
                if let Some(park) = self.park.get().and_then(Weak::upgrade) {
                    park.wake(&Arc::new(()));
                }
                answer(&format!("{count}:{}", String::from_utf8_lossy(request.body)))
            }
            (Method::Get, "/big") => self.big.clone(),
            (Method::Get, "/copy") => Arc::from(&*self.big),
            (Method::Get, "/bye") => {
                return Verdict::Answer(Answer {
                    bytes: answer("bye"),
                    items: 1,
                    then: Then::Close,
                });
            }
            (Method::Get, "/who") => {
                let name = param(request, "name").unwrap_or(0);
                if self.name.load(Ordering::SeqCst) != name {
                    return Verdict::NotYet(name);
                }
                answer(&format!("found {name}"))
            }
            _ => return Verdict::NotMine,
        };
        Verdict::Answer(Answer { bytes, items: 1, then: Then::NextRequest })
    }

    fn look(&self, ticket: &Ticket) -> Look<Ticket> {
        self.looks.fetch_add(1, Ordering::SeqCst);
        let count = self.count.load(Ordering::SeqCst);
        if count <= ticket.after {
            return Look { ticket: ticket.clone(), answer: None, lookups: 1 };
        }
        let mut numbers = String::new();
        for number in ticket.after + 1..=count {
            writeln!(numbers, "{number}").unwrap();
        }
        let moved = Ticket { after: count, ..ticket.clone() };
        let answer = if ticket.is_stream {
            let parking = Parking {
                ticket: moved.clone(),
                topic: Room::topic(),
                deadline: Instant::now() + Duration::from_secs(60),
            };
            Answer { bytes: numbers.into_bytes().into(), items: 1, then: Then::Park(parking) }
        } else {
            Answer { bytes: answer(&numbers), items: 1, then: Then::NextRequest }
        };
        Look { ticket: moved, answer: Some(answer), lookups: 1 }
    }

    fn is_brief(&self, ticket: &Ticket) -> bool {
        ticket.is_brief
    }

    fn expire(&self, ticket: &Ticket) -> (Answer<Ticket>, usize) {
        if !ticket.is_stream {
            return (Answer { bytes: answer("nothing"), items: 1, then: Then::NextRequest }, 1);
        }
        // A heartbeat.
        let parking = Parking {
            ticket: ticket.clone(),
            topic: Room::topic(),
            deadline: Instant::now() + Duration::from_millis(100),
        };
        (Answer { bytes: Arc::from(*b"beat\n"), items: 1, then: Then::Park(parking) }, 1)
    }

    fn topics(&self, (): &(), parked: &Parked<'_>, call: &mut Vec<Topic>) -> usize {
        if parked.has(Room::topic()) {
            call.push(Room::topic());
        }
        1
    }

    fn count(&self, called: u64, items: u64) {
        self.called.fetch_add(called, Ordering::SeqCst);
        self.answers.fetch_add(items, Ordering::SeqCst);
    }

    fn hand_over(&self, connection: Connection<Place>, errand: Option<u64>) {
        // At the end of the test nobody receives any more.
        let _ = self.handed.lock().unwrap().send((connection, errand));
    }
}

/// Answers one request with its own bytes, and gives the connection back.
fn stand_in(
    mut connection: Connection<Place>,
    park: &Weak<Park<Room>>,
    seen: &mpsc::Sender<Vec<u8>>,
) {
    let _ = seen.send(connection.bytes.clone());
    connection.stream.set_nonblocking(false).unwrap();
    let end = loop {
        let bytes = &connection.bytes;
        if let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") {
            break end + 4;
        }
        let mut more = [0; 1000];
        match connection.stream.read(&mut more) {
            Ok(0) | Err(_) => return,
            Ok(count) => connection.bytes.extend(&more[..count]),
        }
    };
    let head = String::from_utf8_lossy(&connection.bytes[..end]).into_owned();
    connection.bytes.drain(..end);
    let first_line = head.lines().next().unwrap_or_default();
    let bytes = answer(&format!("elsewhere: {first_line}"));
    if connection.stream.write_all(&bytes).is_err() {
        return;
    }
    if let Some(park) = park.upgrade() {
        let _ = park.take(connection);
    }
}

impl Town {
    pub fn new(settings: ParkSettings) -> Town {
        let (sender, receiver) = mpsc::channel();
        let room = Arc::new(Room {
            count: AtomicU64::new(0),
            looks: AtomicUsize::new(0),
            called: AtomicU64::new(0),
            answers: AtomicU64::new(0),
            places: Arc::default(),
            park: OnceLock::new(),
            name: Arc::default(),
            handed: Mutex::new(sender),
            big: answer(&"x".repeat(BIG)),
        });
        let park = Arc::new(Park::start(&room, settings).unwrap());
        room.park.set(Arc::downgrade(&park)).unwrap();
        let (seen, handed) = mpsc::channel();
        let weak = Arc::downgrade(&park);
        let name_found = room.name.clone();
        // It ends with the room.
        thread::spawn(move || {
            for (connection, errand) in receiver {
                match errand {
                    None => stand_in(connection, &weak, &seen),
                    Some(name) => {
                        name_found.store(name, Ordering::SeqCst);
                        let Some(park) = weak.upgrade() else { return };
                        let _ = park.take(connection);
                    }
                }
            }
        });
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        Town { room, park, listener, handed }
    }

    /// A socket whose other end is in the park.
    pub fn socket(&self) -> TcpStream {
        let socket = TcpStream::connect(self.listener.local_addr().unwrap()).unwrap();
        let (stream, peer) = self.listener.accept().unwrap();
        assert_eq!(peer, socket.local_addr().unwrap());
        let place = Place::take(&self.room.places);
        self.park.take(Connection { stream, peer, bytes: Vec::new(), due: None, place }).unwrap();
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        socket.set_nodelay(true).unwrap();
        socket
    }

    pub fn client(&self) -> Client {
        Client { reader: BufReader::new(self.socket()) }
    }

    /// Adds `count` numbers and calls once.
    pub fn add(&self, count: u64) {
        self.room.count.fetch_add(count, Ordering::SeqCst);
        self.park.wake(&Arc::new(()));
    }

    pub fn places(&self) -> usize {
        self.room.places.load(Ordering::SeqCst)
    }

    pub fn until_parked(&self, count: usize) {
        until("so many are parked", || self.park.parked() == count);
    }
}

/// Waits until it is so.
pub fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let start = Instant::now();
    while !is_so() {
        assert!(start.elapsed() < PATIENCE, "waiting in vain until {what}");
        thread::sleep(Duration::from_millis(1));
    }
}

pub fn get(target: &str) -> String {
    format!("GET {target} HTTP/1.1\r\nHost: a\r\n\r\n")
}

pub fn post(target: &str, body: &str) -> String {
    let length = body.len();
    format!("POST {target} HTTP/1.1\r\nHost: a\r\nContent-Length: {length}\r\n\r\n{body}")
}

pub struct Client {
    pub reader: BufReader<TcpStream>,
}

impl Client {
    pub fn send(&mut self, bytes: &str) {
        self.reader.get_mut().write_all(bytes.as_bytes()).unwrap();
    }

    /// Reads one answer: its body.
    pub fn answer(&mut self) -> String {
        let (status, body) = self.status_and_answer();
        assert_eq!(status, 200, "{body}");
        body
    }

    pub fn status_and_answer(&mut self) -> (u16, String) {
        let status_line = self.line();
        let status = status_line.split(' ').nth(1).unwrap_or_default().parse();
        let mut length = 0;
        loop {
            let line = self.line();
            if line.is_empty() {
                break;
            }
            if let Some(value) = line.strip_prefix("Content-Length: ") {
                length = value.parse().unwrap();
            }
        }
        let mut body = vec![0; length];
        self.reader.read_exact(&mut body).unwrap();
        (status.unwrap_or_else(|_| panic!("{status_line:?}")), String::from_utf8(body).unwrap())
    }

    pub fn line(&mut self) -> String {
        let mut line = String::new();
        self.reader.read_line(&mut line).unwrap();
        line.trim_end().to_owned()
    }

    pub fn ask(&mut self, bytes: &str) -> String {
        self.send(bytes);
        self.answer()
    }

    /// Panics unless the server closes and says nothing before.
    pub fn expect_end(&mut self) {
        let mut rest = Vec::new();
        let result = self.reader.read_to_end(&mut rest);
        assert!(rest.is_empty(), "{}", rest.escape_ascii());
        let is_end = match &result {
            Ok(_) => true,
            Err(error) => error.kind() == std::io::ErrorKind::ConnectionReset,
        };
        assert!(is_end, "{result:?}");
    }
}

/// Returns the numbers in a body.
pub fn numbers(body: &str) -> Vec<u64> {
    body.lines().map(|line| line.parse().unwrap()).collect()
}
