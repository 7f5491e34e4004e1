//! Things that cannot be seen from outside: how small a record is, that a late report
//! about a closed connection does nothing to the one that has its slot now, and how
//! much waits in an inbox.

use std::{
    io::{Read, Write},
    net::TcpListener,
    sync::{
        Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
};

use super::{calls::LOOKUPS_MAX, inbox::WAKES_MAX, *};
use crate::{Method, Parked, Parking, Request, Then, Topic, Verdict};

/// A service whose every request waits under the topic that its path names, until there
/// is news. A wake concerns the topics in it, and everybody if there are none. A look
/// costs so much, and so much the finding out who is concerned.
#[derive(Default)]
struct Waiting {
    has_news: AtomicBool,
    cost: AtomicUsize,
    spread: AtomicUsize,
    /// If not 0, each request is a stream that is far behind, with pieces of so many bytes.
    piece_bytes: AtomicUsize,
    /// Bytes of pieces that were made.
    made_bytes: AtomicUsize,
    looks: AtomicUsize,
    /// Whether a first look finds that a request is not ours.
    is_foreign: AtomicBool,
    /// The bytes of the requests that were handed over.
    handed_over: Mutex<Vec<Vec<u8>>>,
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
        match request.path {
            "/now" => {
                let then = Then::NextRequest;
                Verdict::Answer(Answer { bytes: Arc::from(*b"here"), items: 0, then })
            }
            path => Verdict::Park(parking(Topic(path[1..].parse().unwrap()))),
        }
    }

    fn look(&self, ticket: &Self::Ticket) -> Look<Self::Ticket> {
        self.looks.fetch_add(1, Ordering::Relaxed);
        let piece_bytes = self.piece_bytes.load(Ordering::Relaxed);
        if piece_bytes > 0 {
            self.made_bytes.fetch_add(piece_bytes, Ordering::Relaxed);
            let then = Then::Park(parking(Topic(ticket[0])));
            let answer = Answer { bytes: vec![b'.'; piece_bytes].into(), items: 1, then };
            return Look { ticket: *ticket, answer: Some(answer), lookups: 1 };
        }
        let bytes = Arc::from(*b"news");
        let answer = Answer { bytes, items: 1, then: Then::NextRequest };
        let answer = self.has_news.load(Ordering::Relaxed).then_some(answer);
        Look { ticket: *ticket, answer, lookups: self.cost.load(Ordering::Relaxed) }
    }

    fn first_look(&self, ticket: &Self::Ticket) -> Option<Look<Self::Ticket>> {
        let look = self.look(ticket);
        (!self.is_foreign.load(Ordering::Relaxed)).then_some(look)
    }

    fn expire(&self, _: &Self::Ticket) -> (Answer<Self::Ticket>, usize) {
        (Answer { bytes: Arc::from(*b"late"), items: 1, then: Then::NextRequest }, 1)
    }

    fn topics(&self, wake: &Vec<Topic>, parked: &Parked<'_>, call: &mut Vec<Topic>) -> usize {
        match wake[..] {
            [] => call.extend(parked.topics()),
            _ => call.extend(wake),
        }
        self.spread.load(Ordering::Relaxed)
    }

    fn hand_over(&self, connection: Connection<Self::Place>, _: Option<()>) {
        self.handed_over.lock().unwrap().push(connection.bytes);
    }
}

fn parking(topic: Topic) -> Parking<[u64; 4]> {
    let deadline = Instant::now() + Duration::from_secs(60);
    Parking { ticket: [topic.0; 4], topic, deadline }
}

fn pair(listener: &TcpListener) -> (std::net::TcpStream, Connection<(Arc<()>, u32)>) {
    pair_under(listener, Topic(1))
}

fn pair_under(
    listener: &TcpListener,
    Topic(topic): Topic,
) -> (std::net::TcpStream, Connection<(Arc<()>, u32)>) {
    pair_asking(listener, &format!("/{topic}"))
}

fn pair_asking(
    listener: &TcpListener,
    path: &str,
) -> (std::net::TcpStream, Connection<(Arc<()>, u32)>) {
    let client = std::net::TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    let (stream, peer) = listener.accept().unwrap();
    stream.set_nonblocking(true).unwrap();
    let bytes = format!("GET {path} HTTP/1.1\r\nHost: a\r\n\r\n").into_bytes();
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

    // The same report about bob has an effect.
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
    // Once the park closes, a new request is answered at once.
    bob.read_exact(&mut answer).unwrap();
    assert_eq!(&answer, b"late");
    shard.now += Duration::from_secs(2);
    shard.close_some();
    bob.set_nonblocking(true).unwrap();
    assert_eq!(bob.read(&mut answer).unwrap_err().kind(), io::ErrorKind::WouldBlock);
    bob.write_all(b"x").unwrap();
}

#[test]
fn a_turn_that_has_cost_enough_leaves_the_rest_to_the_next_one_and_nobody_is_passed_over() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    for first in [Topic(0), Topic::PATIENT] {
        let service = Arc::new(Waiting::default());
        let (mut shard, _) = Shard::new(service.clone(), Arc::default()).unwrap();
        let mut peers = Vec::new();
        for number in 0..10 {
            let (peer, connection) = pair_under(&listener, Topic(first.0 + number));
            shard.admit(connection);
            peers.push(peer);
        }
        assert_eq!((shard.waiters.len(), shard.lookups), (10, 0));
        service.cost.store(LOOKUPS_MAX / 4, Ordering::Relaxed);
        let mut turn = |wakes: usize| {
            shard.lookups = 0;
            shard.count_called = 0;
            let wake = || Message::Wake(Arc::new(Vec::new()));
            shard.hear(&mut std::iter::repeat_with(wake).take(wakes).collect());
            shard.call_some();
            assert!(shard.sleep().is_none_or(|time| time.is_zero() != shard.calls.is_empty()));
            (shard.count_called, shard.calls.len())
        };
        assert_eq!(turn(1), (4, 6));
        // Those who are called again meanwhile have their turn after the six.
        assert_eq!(turn(2), (4, 12));
        assert_eq!([turn(0), turn(0), turn(0)], [(4, 8), (4, 4), (4, 0)]);
        assert_eq!(turn(0), (0, 0));
        // However often they are called, the line is not longer than twice the readers.
        assert!((0..20).all(|_| turn(1).1 <= 20));
    }
}

#[test]
fn a_request_that_comes_when_a_turn_has_cost_enough_is_served_in_the_next_one() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let (mut shard, _) = Shard::new(Arc::new(Waiting::default()), Arc::default()).unwrap();
    let (_ann, connection) = pair(&listener);
    shard.lookups = LOOKUPS_MAX;
    shard.admit(connection);
    assert_eq!((shard.waiters.len(), shard.sleep()), (0, Some(Duration::ZERO)));
    shard.go_on();
    assert_eq!((shard.waiters.len(), shard.sleep()), (0, Some(Duration::ZERO)));
    shard.lookups = 0;
    shard.go_on();
    assert_eq!((shard.waiters.len(), shard.put_off.len()), (1, 0));
}

#[test]
fn equal_requests_of_a_turn_are_looked_for_once_and_go_elsewhere_whole() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let (mut shard, _) = Shard::new(Arc::new(Waiting::default()), Arc::default()).unwrap();
    let service = shard.service.clone();
    for (case, is_foreign, parked) in [("ours", false, 10), ("not ours", true, 0)] {
        service.is_foreign.store(is_foreign, Ordering::Relaxed);
        service.looks.store(0, Ordering::Relaxed);
        let topics: Vec<_> = (0..10).map(|number| number / 5).collect();
        let clients = topics.iter().map(|&topic| {
            let (client, connection) = pair_under(&listener, Topic(topic));
            shard.admit(connection);
            client
        });
        let clients: Vec<_> = clients.collect();
        assert_eq!(service.looks.load(Ordering::Relaxed), 2, "{case}");
        assert_eq!((shard.waiters.len(), clients.len()), (parked, 10), "{case}");
        let expected =
            topics.iter().map(|topic| format!("GET /{topic} HTTP/1.1\r\nHost: a\r\n\r\n"));
        let expected: Vec<_> = expected.map(String::into_bytes).skip(parked).collect();
        assert_eq!(*service.handed_over.lock().unwrap(), expected, "{case}");
        (0..10).filter(|_| parked > 0).for_each(|key| shard.drop_connection(key));
        // The next turn.
        shard.hear(&mut Vec::new());
    }
}

#[test]
fn wakes_that_a_shard_does_not_hear_in_time_become_one_for_everybody() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let (mut shard, inbox) = Shard::new(Arc::new(Waiting::default()), Arc::default()).unwrap();
    let (_ann, connection) = pair(&listener);
    shard.admit(connection);
    let mut messages = Vec::new();
    for _ in 0..2 {
        for _ in 0..10 * WAKES_MAX {
            inbox.post_wake(&Arc::new(Vec::new()));
        }
        assert_eq!(inbox.len(), WAKES_MAX + 1);
        inbox.take(&mut messages);
        // The one wake for everybody is enough: it calls all who wait.
        messages.retain(|message| matches!(message, Message::WakeAll));
        assert_eq!(messages.len(), 1);
        shard.count_called = 0;
        assert!(shard.hear(&mut messages));
        assert_eq!(shard.count_called, 1);
    }
    inbox.post_wake(&Arc::new(Vec::new()));
    inbox.take(&mut messages);
    assert!(matches!(messages[..], [Message::Wake(_)]), "they are kept apart again");
}

#[test]
fn connections_that_a_shard_does_not_take_in_time_are_weighed_and_then_refused() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let settings = ParkSettings { inbox_bytes_max: 10 << 10, ..ParkSettings::default() };
    let (_shard, inbox) = Shard::new(Arc::new(Waiting::default()), Arc::new(settings)).unwrap();
    let mut messages = Vec::new();
    for (begun, expected) in [(0, 50..200), (1000, 8..10), (20_000, 0..1)] {
        let (mut posted, mut clients, mut new_ones) = (0, Vec::new(), 0);
        let refused = loop {
            let (client, connection) = pair(&listener);
            clients.push(client);
            new_ones += usize::from(inbox.has_room());
            let bytes = vec![b'x'; begun];
            match inbox.post_connection(Connection { bytes, ..connection }) {
                Ok(()) => posted += 1,
                Err(connection) => break connection,
            }
        };
        assert_eq!(refused.bytes.len(), begun, "it comes back whole");
        assert!(expected.contains(&posted), "{posted} of {begun} bytes");
        assert_eq!(inbox.len(), posted);
        assert!(new_ones <= posted / 2 + 1, "{new_ones} of {posted}: a half is for others");
        inbox.take(&mut messages);
        messages.clear();
        assert!(inbox.has_room());
    }
}

#[test]
fn wakes_that_cost_a_whole_turn_become_one_for_everybody() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let service = Arc::new(Waiting::default());
    let (mut shard, _) = Shard::new(service.clone(), Arc::default()).unwrap();
    let (_ann, connection) = pair_under(&listener, Topic(0));
    shard.admit(connection);
    let (_bob, connection) = pair_under(&listener, Topic(1));
    shard.admit(connection);
    service.spread.store(LOOKUPS_MAX / 2, Ordering::Relaxed);
    let wake = || Message::Wake(Arc::new(vec![Topic(0)]));
    shard.hear(&mut std::iter::repeat_with(wake).take(100).collect());
    // One of them is called all the same, or a busy shard might never call anybody.
    assert_eq!((shard.lookups, shard.count_called, shard.calls.len()), (LOOKUPS_MAX, 1, 1));
    shard.lookups = 0;
    shard.hear(&mut Vec::new());
    assert_eq!((shard.count_called, shard.calls.len()), (2, 0));
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
    shard.service.has_news.store(true, Ordering::Relaxed);
    let wake = |topics: Vec<Topic>| Message::Wake(Arc::new(topics));
    // Repeats do no harm.
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
    assert_eq!(shard.calls.len(), 0);
}

#[test]
fn streams_that_are_far_behind_share_turns_that_are_bounded_in_bytes() {
    const PIECE: usize = 16 << 10;
    const STREAMS: usize = 300;
    /// Half of it for the looks of the streams, the rest for what is finished all the same.
    const TURN_BYTES_MAX: usize = 4 << 20;
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let (mut shard, _) = Shard::new(Arc::new(Waiting::default()), Arc::default()).unwrap();
    let service = shard.service.clone();
    service.piece_bytes.store(PIECE, Ordering::Relaxed);
    let mut readers = Vec::new();
    // All of them come in one turn: after a restart, say.
    for number in 0..STREAMS {
        let (reader, connection) = pair_under(&listener, Topic(number as u64));
        reader.set_nonblocking(true).unwrap();
        shard.admit(connection);
        readers.push((reader, 0));
    }
    let mut got = vec![0; PIECE];
    for turn in 0..40 {
        let made = service.made_bytes.swap(0, Ordering::Relaxed);
        assert!(made <= TURN_BYTES_MAX, "turn {turn}: {made} bytes");
        for (reader, read) in &mut readers {
            while let Ok(count) = reader.read(&mut got) {
                assert!(count > 0, "it goes on without end");
                *read += count;
            }
        }
        assert_eq!(shard.sleep(), Some(Duration::ZERO), "there is more to do");
        shard.lookups = 0;
        shard.go_on();
        // Somebody asks for a little. The streams do not keep them waiting for a single turn.
        let (mut asker, connection) = pair_asking(&listener, "/now");
        shard.admit(connection);
        if turn > 3 {
            asker.set_nonblocking(true).unwrap();
            asker.read_exact(&mut got[..4]).unwrap();
            assert_eq!(&got[..4], b"here", "turn {turn}");
        }
        shard.call_some();
        shard.stream_some();
    }
    // Each has had its part.
    let read: Vec<_> = readers.iter().map(|(_, read)| read / PIECE).collect();
    let (least, most) = (read.iter().min().unwrap(), read.iter().max().unwrap());
    assert!(*least >= 10 && most - least <= 1, "{read:?}");
}
