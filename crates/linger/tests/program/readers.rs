//! Readers who race writers: everybody reads the same sequence, complete.
//!
//! Twelve readers with random waits and limits, a third of them on the room, a third on
//! all their rooms, and a third who look at it; and three who read a stream that is cut
//! at any byte, also in the middle of an event, and go on by `Last-Event-ID`.

use std::{collections::VecDeque, io::BufRead, thread, time::Duration};

use serde_json::Value;

use crate::{
    chance::Chance,
    client::{Answer, Client, read_chunk},
    process::{Folder, Program},
};

const WRITERS: u64 = 4;
const READERS: u64 = 12;
const MESSAGES_EACH: u64 = 120;
const ROOM: &str = "/api/v1/rooms/tea/events";
const MINE: &str = "/api/v1/events";
/// The beginning of the question of those who look at the room, in it or not.
const LOOKING: &str = "/api/v1/events?rooms=tea";

#[test]
fn readers_who_race_writers_read_the_same_sequence_complete() {
    let folder = Folder::new();
    let server = Program::on(&folder).start();
    let address = server.address;
    let mut ann = server.guest("ann");
    ann.open("tea", "open");
    let join = |name: String| {
        let mut client = server.guest(&name);
        // Some of those who look at the room stay outside.
        if !["reader 2", "reader 8", "stream 2"].contains(&&*name) {
            client.join("tea");
        }
        client
    };
    let readers: Vec<Client> = (0..READERS).map(|i| join(format!("reader {i}"))).collect();
    let streams: Vec<Client> = (0..3).map(|i| join(format!("stream {i}"))).collect();
    let writers: Vec<Client> = (0..WRITERS).map(|i| join(format!("writer {i}"))).collect();
    let path_of = |i: usize| [ROOM, MINE, LOOKING][i % 3];

    let read: Vec<(String, u64, &str, Vec<Value>)> = thread::scope(|scope| {
        let polls = readers.iter().enumerate().map(|(i, client)| {
            let path = path_of(i);
            let read = scope.spawn(move || poll(client.again(address), path, i as u64));
            (format!("reader {i}"), client.id, path, read)
        });
        let cuts = streams.iter().enumerate().map(|(i, client)| {
            let path = path_of(i);
            let read = scope.spawn(move || stream(&client.again(address), path, i as u64));
            (format!("stream {i}"), client.id, path, read)
        });
        let reading: Vec<_> = polls.chain(cuts).collect();
        for (i, client) in writers.iter().enumerate() {
            scope.spawn(move || write(client.again(address), i as u64));
        }
        let read = reading.into_iter();
        read.map(|(who, id, path, read)| (who, id, path, read.join().unwrap())).collect()
    });

    let all = ann.read_all(ROOM);
    let numbers: Vec<_> = all.iter().map(|event| event["number"].as_u64().unwrap()).collect();
    assert!(numbers.iter().copied().eq(1..=all.len() as u64), "numbers have gaps: {numbers:?}");
    for (who, id, path, read) in read {
        // For "all my rooms", the first event is the reader's own joining.
        let begin = match path {
            MINE => all.iter().position(|event| event["member"]["id"] == id).unwrap(),
            _ => 0,
        };
        let expected = &all[begin..];
        let differs = expected.iter().zip(&read).position(|(expected, read)| expected != read);
        assert_eq!(differs, None, "{who} read something else");
        assert_eq!(read.len(), expected.len(), "{who} read too little or too much");
    }
}

/// Sends all messages, in bursts with short rests between them.
fn write(mut client: Client, seed: u64) {
    let mut chance = Chance::new(100 + seed);
    for n in 0..MESSAGES_EACH {
        let answer = client.try_send("tea", &format!("{n}"), &format!("{n} of writer {seed}"));
        answer.unwrap().expect(201);
        if chance.pick(0..10) == 0 {
            // Long enough that readers fall asleep, and must be called.
            thread::sleep(Duration::from_millis(chance.pick(1..150)));
        }
    }
}

/// Returns the beginning of a question, to which parameters are added.
fn asking(path: &str) -> String {
    let joint = if path.contains('?') { '&' } else { '?' };
    format!("{path}{joint}")
}

/// Tells whether this is the last of all messages.
struct Countdown(u64);

impl Countdown {
    fn new() -> Countdown {
        Countdown(WRITERS * MESSAGES_EACH)
    }

    fn count(&mut self, event: &Value) {
        self.0 -= u64::from(event["type"] == "message_sent");
    }
}

#[test]
fn a_stream_that_is_lost_before_its_first_event_misses_nothing() {
    let folder = Folder::new();
    let server = Program::on(&folder).start();
    let mut ann = server.guest("ann");
    ann.open("tea", "open");
    let accept = ("Accept", "text/event-stream");
    let mut lost = ann.begin(ROOM, &[accept]);
    assert_eq!(Answer::read_head(&mut lost).unwrap().status, 200);
    let hello = String::from_utf8(read_chunk(&mut lost).unwrap().unwrap()).unwrap();
    let here = hello.lines().find_map(|line| line.strip_prefix("id: ")).unwrap().to_owned();
    drop(lost);
    ann.say("tea", "into the gap");

    let mut again = ann.begin(ROOM, &[accept, ("Last-Event-ID", &here)]);
    Answer::read_head(&mut again).unwrap();
    let (_, event) = frames(&mut again, usize::MAX).flatten().next().unwrap();
    assert_eq!(event["message"]["text"], "into the gap");
}

/// Reads from the start in long polls until everything was said.
fn poll(mut client: Client, path: &str, seed: u64) -> Vec<Value> {
    let mut chance = Chance::new(200 + seed);
    let mut left = Countdown::new();
    let mut cursor = "start".to_owned();
    let mut read = Vec::new();
    while left.0 > 0 {
        let wait = chance.pick(0..31) as f64 / 10.0;
        let limit = chance.pick(1..41);
        let page = client.get(&format!("{}after={cursor}&wait={wait}&limit={limit}", asking(path)));
        let page = page.expect(200);
        assert_eq!(page["reset"], Value::Null, "{page}");
        let events = page["events"].as_array().unwrap();
        assert!(events.len() <= limit as usize, "more than {limit}: {page}");
        events.iter().for_each(|event| left.count(event));
        read.extend(events.iter().cloned());
        cursor = page["cursor"].as_str().unwrap().to_owned();
    }
    read
}

/// Reads from the start as a stream that is cut after a number of bytes, again
/// and again, until everything was said.
fn stream(client: &Client, path: &str, seed: u64) -> Vec<Value> {
    let mut chance = Chance::new(300 + seed);
    let mut left = Countdown::new();
    let mut last_id: Option<String> = None;
    let mut read = Vec::new();
    while left.0 > 0 {
        let bytes = chance.pick(100..20_000) as usize;
        let mut headers = vec![("Accept", "text/event-stream")];
        headers.extend(last_id.as_deref().map(|id| ("Last-Event-ID", id)));
        let mut connection = client.begin(&format!("{}after=start", asking(path)), &headers);
        let head = Answer::read_head(&mut connection).unwrap();
        assert_eq!(head.status, 200, "{head:?}");
        assert_eq!(head.header("content-type"), Some("text/event-stream"));
        for frame in frames(&mut connection, bytes) {
            let Some((id, event)) = frame else { continue };
            left.count(&event);
            read.push(event);
            last_id = Some(id);
            if left.0 == 0 {
                break;
            }
        }
    }
    read
}

/// Returns the frames that are whole in the first so many bytes of a stream.
fn frames(from: &mut impl BufRead, bytes: usize) -> impl Iterator<Item = Option<(String, Value)>> {
    let mut text: VecDeque<u8> = VecDeque::new();
    let mut left = bytes;
    std::iter::from_fn(move || {
        loop {
            let whole = text.make_contiguous().windows(2).position(|two| two == b"\n\n");
            if let Some(end) = whole {
                let frame: Vec<u8> = text.drain(..end + 2).collect();
                return Some(parse(&String::from_utf8(frame).unwrap()));
            }
            if left == 0 {
                return None;
            }
            let mut chunk = read_chunk(from).unwrap().expect("the stream goes on");
            chunk.truncate(left);
            left -= chunk.len();
            text.extend(chunk);
        }
    })
}

/// Returns the id and the event of a frame; none for a comment.
fn parse(frame: &str) -> Option<(String, Value)> {
    if frame.starts_with(':') {
        return None;
    }
    let field = |name: &str| {
        let lines = frame.lines().filter_map(|line| line.strip_prefix(name)?.strip_prefix(": "));
        let values: Vec<_> = lines.collect();
        assert_eq!(values.len(), 1, "one {name} in {frame:?}");
        values[0]
    };
    let event: Value = serde_json::from_str(field("data")).unwrap();
    assert_eq!(event["type"], field("event"));
    let position = field("id").rsplit('-').next().map(|digits| digits.parse::<u64>().unwrap());
    assert_eq!(event["position"].as_u64(), position, "the cursor after it names its place");
    Some((field("id").to_owned(), event))
}
