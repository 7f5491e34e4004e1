//! What cannot be seen from outside: how small a record is, and that a report of
//! one who is gone does nothing to who has the slot now.

use std::{
    io::{Read, Write},
    net::TcpListener,
    sync::atomic::{AtomicBool, Ordering::Relaxed},
};

use super::*;
use crate::{Method, Parked, Parking, Request, Then, Verdict};

/// A service whose every request waits, under the topic that its path names, until
/// there is news.
#[derive(Default)]
struct Waiting {
    has_news: AtomicBool,
}

impl Service for Waiting {
    /// As large as a service may need: a reader, a scope, a cursor, a limit.
    type Ticket = [u64; 4];
    type Wake = Vec<Topic>;
    /// As large as a semaphore permit.
    type Place = (Arc<()>, u32);
    type Errand = ();

    fn wants(&self, head: &Request<'_>) -> bool {
        head.method == Method::Get
    }

    fn ask(&self, request: &Request<'_>) -> Verdict<Self::Ticket, ()> {
        let deadline = Instant::now() + Duration::from_secs(60);
        let topic = Topic(request.path[1..].parse().unwrap());
        Verdict::Park(Parking { ticket: [topic.0; 4], topic, deadline })
    }

    fn look(&self, ticket: &Self::Ticket) -> Look<Self::Ticket> {
        let bytes = Arc::from(*b"news");
        let answer = Answer { bytes, items: 1, then: Then::NextRequest };
        Look { ticket: *ticket, answer: self.has_news.load(Relaxed).then_some(answer) }
    }

    fn expire(&self, _: &Self::Ticket) -> Answer<Self::Ticket> {
        Answer { bytes: Arc::from(*b"late"), items: 1, then: Then::NextRequest }
    }

    fn topics(&self, wake: &Vec<Topic>, _: &Parked<'_>, call: &mut Vec<Topic>) {
        call.extend(wake);
    }

    fn hand_over(&self, connection: Connection<Self::Place>, _: Option<()>) {
        drop(connection);
    }
}

fn pair(listener: &TcpListener) -> (std::net::TcpStream, Connection<(Arc<()>, u32)>) {
    pair_under(listener, Topic(1))
}

fn pair_under(
    listener: &TcpListener,
    Topic(topic): Topic,
) -> (std::net::TcpStream, Connection<(Arc<()>, u32)>) {
    let client = std::net::TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    let (stream, peer) = listener.accept().unwrap();
    stream.set_nonblocking(true).unwrap();
    let bytes = format!("GET /{topic} HTTP/1.1\r\nHost: a\r\n\r\n").into_bytes();
    (client, Connection { stream, peer, bytes, due: None, place: (Arc::new(()), 0) })
}

#[test]
fn a_record_is_at_most_256_bytes() {
    let bytes = size_of::<Record<Waiting>>();
    println!("a record is {bytes} bytes");
    assert!(bytes <= 256, "{bytes}");
}

#[test]
fn a_report_of_one_who_is_gone_does_nothing_to_who_has_the_slot_now() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let (mut shard, _) = Shard::new(Arc::new(Waiting::default()), Arc::default()).unwrap();
    let (_ann, connection) = pair(&listener);
    shard.admit(connection);
    assert_eq!(shard.waiters.len(), 1);
    let old = token(0, shard.connections[0].generation);
    shard.drop_connection(0);
    assert_eq!(shard.waiters.len(), 0);

    let (mut bob, connection) = pair(&listener);
    shard.admit(connection);
    assert_eq!(shard.connections.iter().map(|(key, _)| key).collect::<Vec<_>>(), [0]);
    shard.notice_of(old, true, true, true);
    assert_eq!(shard.waiters.len(), 1);
    let record = &shard.connections[0];
    assert!(record.is_parked() && !record.may_read && !record.has_ended);

    // The same report of bob is another matter.
    let new = token(0, record.generation);
    shard.notice_of(new, true, true, true);
    assert_eq!((shard.waiters.len(), shard.connections.len()), (0, 0));
    assert_eq!(bob.read(&mut [0; 9]).unwrap(), 0);
}

#[test]
fn an_end_that_is_spread_does_not_touch_who_came_into_the_slot_of_another() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let (mut shard, _) = Shard::new(Arc::new(Waiting::default()), Arc::default()).unwrap();
    let (_ann, connection) = pair(&listener);
    shard.admit(connection);
    shard.begin_closing(Duration::from_secs(1));
    shard.drop_connection(0);
    let (mut bob, connection) = pair(&listener);
    shard.admit(connection);
    bob.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
    let mut answer = [0; 4];
    // Nobody parks any more.
    bob.read_exact(&mut answer).unwrap();
    assert_eq!(&answer, b"late");
    shard.now += Duration::from_secs(2);
    shard.close_some();
    bob.set_nonblocking(true).unwrap();
    assert_eq!(bob.read(&mut answer).unwrap_err().kind(), io::ErrorKind::WouldBlock);
    bob.write_all(b"x").unwrap();
}

#[test]
fn a_sender_is_answered_before_many_readers_and_others_are_served_between_them() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let (mut shard, _) = Shard::new(Arc::new(Waiting::default()), Arc::default()).unwrap();
    let room = |number: u64| Topic(Topic::PATIENT.0 + number);
    // Ten readers in each of ten rooms, and a hundred senders.
    let readers = (0..100).map(|reader| room(reader / 10));
    let senders = (0..100).map(Topic);
    let mut clients = Vec::new();
    for topic in readers.chain(senders.clone()) {
        let (client, connection) = pair_under(&listener, topic);
        shard.admit(connection);
        clients.push(client);
    }
    assert_eq!(shard.waiters.len(), 200);
    shard.service.has_news.store(true, Relaxed);
    let wake = |topics: Vec<Topic>| Message::Wake(Arc::new(topics));
    // Repeats do no harm, and do not pile up.
    let mut wakes = vec![wake((0..10).map(room).chain(senders).collect()), wake(vec![room(0)])];
    assert!(shard.hear(&mut wakes));
    let mut waiting = vec![shard.waiters.len()];
    for _ in 0..3 {
        assert_eq!(shard.sleep(), Some(Duration::ZERO), "there is more to do");
        shard.call_some();
        waiting.push(shard.waiters.len());
        assert!(shard.hear(&mut vec![wake(vec![room(0)])]));
    }
    assert_eq!(waiting, [100, 60, 20, 0]);
    shard.call_some();
    assert_eq!(shard.later.len(), 0);
}
