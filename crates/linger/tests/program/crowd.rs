//! Crowds that wait in every way there is: each reads everything once, in order;
//! all are counted; all are answered when the server ends.
//!
//! `readers` and `shutdown` prove this for a few. Here hundreds of connections wait,
//! and some of them hang up at any time and come back with their cursor.

use std::{
    io::Write,
    net::SocketAddr,
    thread,
    time::{Duration, Instant},
};

use serde_json::json;

use crate::{
    chance::Chance,
    client::{Client, is_timeout},
    process::{Folder, Program, Server},
    ways::{Reader, Way, texts_of},
};

const ROOMS: [&str; 3] = ["lobby", "tea", "salt"];
const WRITERS: usize = 4;
const MESSAGES_EACH: usize = 150;
/// Every writer goes through the rooms in turn.
const MESSAGES_PER_ROOM: usize = WRITERS * MESSAGES_EACH / ROOMS.len();
/// Of each habit in each room.
const READERS_EACH: usize = 10;

/// The behaviour of a reader between two answers.
#[derive(Debug, Clone, Copy)]
enum Habit {
    /// Waits as long as it takes.
    Patient,
    /// Hangs up at times, whether the answer is on its way or not.
    Fickle,
    /// Asks now and then, and is never held.
    Short,
}

/// Readers in each room. Ways that exist in the lobby only are replaced by another
/// way in other rooms.
const HABITS: [(Way, Habit, bool); 10] = [
    (Way::RoomPoll, Habit::Patient, false),
    (Way::RoomPoll, Habit::Fickle, false),
    (Way::RoomPoll, Habit::Short, true),
    (Way::RoomStream, Habit::Patient, false),
    (Way::RoomStream, Habit::Fickle, true),
    (Way::MyPoll, Habit::Patient, true),
    (Way::MyPoll, Habit::Fickle, true),
    (Way::MyStream, Habit::Fickle, true),
    (Way::Update, Habit::Fickle, false),
    // A lost answer takes its message with it, so this reader never hangs up.
    (Way::Names, Habit::Patient, false),
];

#[test]
fn three_hundred_readers_read_everything_once_in_order_however_they_wait() {
    let folder = Folder::new();
    let server = Program::on(&folder).start();
    let address = server.address;
    let mut ann = server.guest("ann");
    ROOMS[1..].iter().for_each(|room| drop(ann.open(room, "open")));
    ann.join("lobby");
    let mut readers = Vec::new();
    for room in ROOMS {
        for (way, habit, is_member) in HABITS {
            readers.extend((0..READERS_EACH).map(|_| {
                let way = match way {
                    Way::Update | Way::Names if room != "lobby" => Way::RoomPoll,
                    way => way,
                };
                (newcomer(&server, way, room, is_member), habit)
            }));
        }
    }
    let writers: Vec<Client> = (0..WRITERS).map(|_| server.guest("writer")).collect();

    let readers: Vec<(String, Vec<String>, &str)> = thread::scope(|scope| {
        let reading = readers.into_iter().enumerate().map(|(seed, (mut reader, habit))| {
            let room = ROOMS[seed / (HABITS.len() * READERS_EACH)];
            let who = format!("{:?} {habit:?} in #{room}, seed {seed}", reader.way);
            let is_read = scope.spawn(move || {
                read_all(&mut reader, address, habit, seed as u64);
                reader.texts
            });
            (who, is_read, room)
        });
        let reading: Vec<_> = reading.collect();
        for (i, writer) in writers.iter().enumerate() {
            scope.spawn(move || write(writer.again(address), i));
        }
        let read = |(who, reader, room): (String, thread::ScopedJoinHandle<_>, _)| {
            let texts = reader.join().unwrap_or_else(|_| panic!("{who} failed, see above"));
            (who, texts, room)
        };
        reading.into_iter().map(read).collect()
    });
    let said = ROOMS.map(|room| texts_of(&ann.history(room, 200)));
    for (who, texts, room) in readers {
        let said = &said[ROOMS.iter().position(|known| *known == room).unwrap()];
        assert_eq!(said.len(), MESSAGES_PER_ROOM);
        let differs = said.iter().zip(&texts).position(|(said, read)| said != read);
        assert_eq!((differs, texts.len()), (None, said.len()), "{who} read something else");
    }
    server.until_held(0);
}

/// Returns somebody who reads a room from its start on.
fn newcomer(server: &Server, way: Way, room: &str, is_member: bool) -> Reader {
    match way {
        Way::Update => Reader::new(way, room, None, ""),
        Way::Names => {
            let name = server.visitor().post("/get_name", &json!({})).expect(200);
            Reader::new(way, room, None, name.as_str().unwrap())
        }
        _ if is_member || matches!(way, Way::MyPoll | Way::MyStream) => {
            let mut member = server.guest("member");
            member.join(room);
            Reader::new(way, room, member.token.as_deref(), "start")
        }
        _ => Reader::new(way, room, None, "start"),
    }
}

/// Reads until everything was said.
fn read_all(reader: &mut Reader, address: SocketAddr, habit: Habit, seed: u64) {
    /// Longer than the server takes to answer, so that no patient reader is cut.
    const PATIENCE: Duration = Duration::from_secs(60);
    let mut chance = Chance::new(1000 + seed);
    while reader.texts.len() < MESSAGES_PER_ROOM {
        let wait = if matches!(habit, Habit::Short) { 0 } else { 50 };
        reader.ask(address, wait).unwrap();
        let is_going = matches!(habit, Habit::Fickle) && chance.pick(0..4) == 0;
        let patience = match is_going {
            true => Duration::from_millis(chance.pick(1..60)),
            false => PATIENCE,
        };
        reader.set_patience(patience);
        match reader.take() {
            Ok(()) => {}
            Err(error) if is_going && is_timeout(&error) => reader.hang_up(),
            Err(error) => panic!("seed {seed}, {:?} {habit:?}: {error}", reader.way),
        }
        if matches!(habit, Habit::Short) {
            thread::sleep(Duration::from_millis(chance.pick(20..200)));
        }
    }
}

/// Says everything there is to say, in bursts with short rests between them.
fn write(mut writer: Client, seed: usize) {
    let mut chance = Chance::new(2000 + seed as u64);
    for n in 0..MESSAGES_EACH {
        let room = ROOMS[(seed + n) % ROOMS.len()];
        let answer = writer.try_send(room, &n.to_string(), &format!("{n} of writer {seed}"));
        answer.unwrap().expect(201);
        if chance.pick(0..10) == 0 {
            // Long enough that readers fall asleep, and must be called.
            thread::sleep(Duration::from_millis(chance.pick(1..150)));
        }
    }
}

/// Returns so many readers of the lobby for each way, all of them held.
fn held(server: &Server, each: usize) -> Vec<Reader> {
    let mut readers = Vec::new();
    for way in Way::ALL {
        readers.extend((0..each).map(|i| newcomer(server, way, "lobby", i % 2 == 1)));
    }
    // Only now, because everybody who joins is news.
    let latest = server.visitor().get("/api/v1/rooms/lobby/events?after=latest&wait=0");
    let latest = latest.expect(200)["cursor"].as_str().unwrap().to_owned();
    for reader in &mut readers {
        if !matches!(reader.way, Way::Names) {
            reader.cursor.clone_from(&latest);
        }
        reader.ask(server.address, 50).unwrap();
    }
    server.until_held(readers.len());
    readers
}

#[test]
fn the_figure_of_held_requests_counts_every_way_until_they_hang_up() {
    const EACH: usize = 8;
    let folder = Folder::new();
    let server = Program::on(&folder).start();
    let mut readers = held(&server, EACH);
    for way in Way::ALL {
        readers.retain(|reader| reader.way != way);
        server.until_held(readers.len());
    }
    assert!(readers.is_empty());

    // An answered poll is held no more; streams and polls that ask again still are.
    let mut readers = held(&server, EACH);
    server.guest("bob").say("lobby", "hello");
    let is_poll = |reader: &&mut Reader| !reader.way.is_stream();
    for reader in readers.iter_mut().filter(is_poll) {
        while reader.texts.is_empty() {
            // Bob's joining may come first, as an answer of its own.
            reader.take().unwrap();
            if reader.texts.is_empty() {
                reader.ask(server.address, 50).unwrap();
            }
        }
        assert_eq!(reader.texts, ["hello"], "{:?}", reader.way);
    }
    server.until_held(2 * EACH);
    readers.iter_mut().filter(is_poll).for_each(|reader| reader.ask(server.address, 50).unwrap());
    server.until_held(6 * EACH);
    drop(readers);
    server.until_held(0);
}

#[test]
fn who_hangs_up_is_noticed_also_behind_a_request_that_they_have_sent_already() {
    /// Far below the hold.
    const NOTICED: Duration = Duration::from_secs(10);
    let folder = Folder::new();
    let server = Program::on(&folder).start();
    let paths = ["/api/v1/rooms/lobby/events?wait=55", "/api/v1/events?wait=55"];
    let ann = server.guest("ann");
    let held: Vec<_> = (0..20)
        .map(|i| {
            let mut connection = ann.begin(paths[i % 2], &[]);
            connection.get_mut().write_all(b"GET /health HTTP/1.1\r\nHost: a\r\n\r\n").unwrap();
            connection
        })
        .collect();
    server.until_held(held.len());
    let hung_up = Instant::now();
    drop(held);
    server.until_held(0);
    assert!(hung_up.elapsed() < NOTICED, "only after {:?}", hung_up.elapsed());
}

#[test]
fn three_hundred_who_wait_are_all_answered_when_the_server_ends() {
    /// The default.
    const DRAIN: Duration = Duration::from_secs(10);
    let folder = Folder::new();
    let mut server = Program::on(&folder).start();
    let mut readers = held(&server, 50);
    let asked = Instant::now();
    server.terminate();
    for reader in &mut readers {
        if !reader.way.is_stream() {
            let cursor = reader.cursor.clone();
            reader.take().unwrap_or_else(|error| panic!("{:?}: {error}", reader.way));
            assert_eq!(reader.cursor, cursor, "{:?}: nothing happened", reader.way);
        } else {
            // Its head and its greeting; the rest is its end.
            reader.take().unwrap();
        }
        reader.read_end();
        assert!(reader.texts.is_empty(), "{:?}: {:?}", reader.way, reader.texts);
    }
    assert_eq!(server.ended(DRAIN).code(), Some(0));
    assert!(asked.elapsed() < DRAIN, "it took {:?}", asked.elapsed());
}
