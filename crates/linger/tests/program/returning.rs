//! Five hundred readers whose server is killed, and who all come back at once.
//!
//! The second process listens at the address of the first one. Everybody brings the
//! cursor that they had. The messages from just before the kill and those from just
//! after the start are all read, once.

use std::thread;

use crate::{
    process::{Folder, Program},
    ways::{Reader, Way, texts_of},
};

const READERS: usize = 500;
/// The names protocol has no cursor, and so it promises nothing here.
const WAYS: [Way; 5] = [Way::RoomPoll, Way::MyPoll, Way::RoomStream, Way::MyStream, Way::Update];
const SAID_EARLY: usize = 3;
const SAID_LAST: usize = 5;
const SAID_AFTER: usize = 5;

#[test]
fn five_hundred_readers_of_a_killed_server_come_back_at_once_and_miss_nothing() {
    let folder = Folder::new();
    let mut server = Program::on(&folder).start();
    let address = server.address;
    let mut ann = server.guest("ann");
    ann.join("lobby");
    let readers: Vec<Reader> = (0..READERS)
        .map(|i| {
            let way = WAYS[i % WAYS.len()];
            let mut member = server.guest("member");
            if matches!(way, Way::MyPoll | Way::MyStream) {
                member.join("lobby");
            }
            let cursor = if way == Way::Update { "" } else { "start" };
            Reader::new(way, "lobby", member.token.as_deref(), cursor)
        })
        .collect();
    (0..SAID_EARLY).for_each(|n| drop(ann.say("lobby", &format!("early {n}"))));

    let reading: Vec<_> = readers
        .into_iter()
        .map(|mut reader| {
            thread::spawn(move || {
                // Until the connection breaks, or cannot be made.
                while reader.ask(address, 50).and_then(|()| reader.take()).is_ok() {}
                reader.hang_up();
                reader
            })
        })
        .collect();
    server.until_held(READERS);
    (0..SAID_LAST).for_each(|n| drop(ann.say("lobby", &format!("last {n}"))));
    server.kill();
    let readers: Vec<Reader> = reading.into_iter().map(|reader| reader.join().unwrap()).collect();

    let server = Program::on(&folder).env("LINGER_LISTEN", &address.to_string()).start();
    let reading: Vec<_> = readers
        .into_iter()
        .map(|mut reader| {
            thread::spawn(move || {
                while reader.texts.len() < SAID_EARLY + SAID_LAST + SAID_AFTER {
                    let came = reader.ask(address, 50).and_then(|()| reader.take());
                    came.unwrap_or_else(|error| panic!("{:?} came back: {error}", reader.way));
                }
                reader
            })
        })
        .collect();
    let mut ann = ann.again(address);
    (0..SAID_AFTER).for_each(|n| drop(ann.say("lobby", &format!("after {n}"))));
    let mut readers: Vec<Reader> =
        reading.into_iter().map(|reader| reader.join().unwrap()).collect();
    let said = texts_of(&ann.history("lobby", 200));
    assert_eq!(said.len(), SAID_EARLY + SAID_LAST + SAID_AFTER);
    for (i, reader) in readers.iter().enumerate() {
        assert_eq!(reader.texts, said, "reader {i}, {:?}", reader.way);
    }
    readers.iter_mut().for_each(|reader| reader.ask(address, 50).unwrap());
    server.until_held(READERS);
}
