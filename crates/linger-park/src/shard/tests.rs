//! What cannot be seen from outside: how small a record is, and that a report of
//! one who is gone does nothing to who has the slot now.

use std::{
    io::{Read, Write},
    net::TcpListener,
};

use super::*;
use crate::{Method, Parked, Parking, Request, Then, Verdict};

/// A service whose every request waits.
struct Waiting;

impl Service for Waiting {
    /// As large as a service may need: a reader, a scope, a cursor, a limit.
    type Ticket = [u64; 4];
    type Wake = ();
    /// As large as a semaphore permit.
    type Place = (Arc<()>, u32);
    type Errand = ();

    fn wants(&self, head: &Request<'_>) -> bool {
        head.method == Method::Get
    }

    fn ask(&self, _: &Request<'_>) -> Verdict<Self::Ticket, ()> {
        let deadline = Instant::now() + Duration::from_secs(60);
        Verdict::Park(Parking { ticket: [0; 4], topic: Topic(1), deadline })
    }

    fn look(&self, ticket: &Self::Ticket) -> Look<Self::Ticket> {
        Look { ticket: *ticket, answer: None }
    }

    fn expire(&self, _: &Self::Ticket) -> Answer<Self::Ticket> {
        Answer { bytes: Arc::from(*b"late"), items: 1, then: Then::NextRequest }
    }

    fn topics(&self, (): &(), _: &Parked<'_>, call: &mut Vec<Topic>) {
        call.push(Topic(1));
    }

    fn hand_over(&self, connection: Connection<Self::Place>, _: Option<()>) {
        drop(connection);
    }
}

fn pair(listener: &TcpListener) -> (std::net::TcpStream, Connection<(Arc<()>, u32)>) {
    let client = std::net::TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    let (stream, peer) = listener.accept().unwrap();
    stream.set_nonblocking(true).unwrap();
    let bytes = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n".to_vec();
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
    let (mut shard, _) = Shard::new(Arc::new(Waiting), Arc::default()).unwrap();
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
    let (mut shard, _) = Shard::new(Arc::new(Waiting), Arc::default()).unwrap();
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
