//! A shard that is busy: connections wait for it up to a bound, and more are told so.

#![allow(clippy::unwrap_used, reason = "in tests a panic is the report")]

use std::{
    io::{Read, Write},
    net::{TcpListener, TcpStream},
    sync::{Arc, Mutex, mpsc},
    thread,
    time::Duration,
};

use linger_park::{
    Answer, Connection, Look, Park, ParkSettings, Parked, Request, Service, Then, Topic, Verdict,
};

const PATIENCE: Duration = Duration::from_secs(20);
const STALL: &[u8] = b"GET /stall HTTP/1.1\r\nHost: a\r\n\r\n";
const HELLO: &[u8] = b"GET /hello HTTP/1.1\r\nHost: a\r\n\r\n";

/// A service that answers at once; but its shard stands still for a request to stall.
struct Stalling {
    stalled: mpsc::Sender<()>,
    go_on: Mutex<mpsc::Receiver<()>>,
}

impl Service for Stalling {
    type Ticket = ();
    type Wake = ();
    type Place = ();
    type Errand = ();

    fn wants(&self, _: &Request<'_>) -> bool {
        true
    }

    fn ask(&self, request: &Request<'_>) -> Verdict<(), ()> {
        if request.path == "/stall" {
            self.stalled.send(()).unwrap();
            self.go_on.lock().unwrap().recv_timeout(PATIENCE).unwrap();
        }
        let bytes = Arc::from(*b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
        Verdict::Answer(Answer { bytes, items: 0, then: Then::NextRequest })
    }

    fn look(&self, (): &()) -> Look<()> {
        unreachable!("nobody parks")
    }

    fn expire(&self, (): &()) -> (Answer<()>, usize) {
        unreachable!("nobody parks")
    }

    fn topics(&self, (): &(), _: &Parked<'_>, _: &mut Vec<Topic>) -> usize {
        0
    }

    fn hand_over(&self, _: Connection<()>, _: Option<()>) {
        unreachable!("all is answered here")
    }
}

/// Gives a new connection to the park, which has read `bytes` of it. Tells whether it
/// is taken.
fn connect(listener: &TcpListener, park: &Park<Stalling>, bytes: &[u8]) -> (TcpStream, bool) {
    let client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    client.set_read_timeout(Some(PATIENCE)).unwrap();
    let (stream, peer) = listener.accept().unwrap();
    let connection = Connection { stream, peer, bytes: bytes.to_vec(), due: None, place: () };
    let is_taken = park.take(connection).is_ok();
    (client, is_taken)
}

fn first_line(client: &mut TcpStream) -> String {
    let mut bytes = [0; 200];
    let count = client.read(&mut bytes).unwrap();
    let text = String::from_utf8_lossy(&bytes[..count]);
    text.lines().next().unwrap_or_default().to_owned()
}

#[test]
fn a_busy_shard_keeps_so_many_waiting_and_the_others_are_told_to_come_back() {
    let (stalled, has_stalled) = mpsc::channel();
    let (go_on, may_go_on) = mpsc::channel();
    let service = Arc::new(Stalling { stalled, go_on: Mutex::new(may_go_on) });
    let settings = ParkSettings { shards: 1, inbox_bytes_max: 10 << 10, ..ParkSettings::default() };
    let park = Park::start(&service, settings).unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    assert!(park.has_room());
    let (mut ann, _) = connect(&listener, &park, STALL);
    has_stalled.recv_timeout(PATIENCE).unwrap();

    let (mut taken, mut refused) = (Vec::new(), Vec::new());
    for _ in 0..200 {
        let (client, is_taken) = connect(&listener, &park, HELLO);
        if is_taken { &mut taken } else { &mut refused }.push(client);
    }
    assert!((20..100).contains(&taken.len()), "{}", taken.len());
    assert!(!park.has_room(), "new ones wait where they are");
    for client in &mut refused {
        assert_eq!(first_line(client), "HTTP/1.1 503 Service Unavailable");
    }
    // One that asks for nothing is closed without a word.
    let (mut idle, is_taken) = connect(&listener, &park, b"");
    assert_eq!((is_taken, first_line(&mut idle).as_str()), (false, ""));

    go_on.send(()).unwrap();
    for client in taken.iter_mut().chain([&mut ann]) {
        assert_eq!(first_line(client), "HTTP/1.1 200 OK");
    }
    while !park.has_room() {
        thread::yield_now();
    }
    let (mut bob, is_taken) = connect(&listener, &park, b"");
    assert!(is_taken);
    bob.write_all(HELLO).unwrap();
    assert_eq!(first_line(&mut bob), "HTTP/1.1 200 OK");
}
