//! The cost to read one message and what belongs to it, in steps of SQLite: the same,
//! however much was said, edited, answered and pinned around it.

use rusqlite::StatementStatus;

use super::costs::{House, is_flat};
use crate::{
    Command, Emoji, Entities, FileHash, FileId, FileName, LogId, MediaType, MessageId, MessageText,
    Position, Projection, RoomId, RoomKind, UserId, queries,
};

/// A house with one message that is edited, answered by emoji, pinned, and has a file; and with
/// another one that quotes it.
pub(super) struct Talk {
    pub(super) house: House,
    pub(super) tea: RoomId,
    pub(super) said: Said,
}

pub(super) struct Said {
    pub(super) message: MessageId,
    file: FileId,
    answer: MessageId,
}

impl Talk {
    /// Around it, so many other messages have all of that too, and were pinned for a while.
    pub(super) fn with(noise: usize) -> Talk {
        let mut house = House::empty();
        let bob = house.bob;
        let tea = house.opens(house.ann, "tea", RoomKind::Open);
        let far = house.opens(bob, "far", RoomKind::Open);
        house.does(bob, Command::JoinRoom { room: tea });
        for number in 0..noise {
            let other = say(&mut house, if number % 2 == 0 { tea } else { far });
            house.does(bob, Command::UnpinMessage { message: other.message });
        }
        let said = say(&mut house, tea);
        Talk { house: house.built(), tea, said }
    }
}

fn say(house: &mut House, room: RoomId) -> Said {
    let bob = house.bob;
    let text = |text: &str| MessageText::parse(text).unwrap();
    let send = |text, reply_to, files| {
        let (entities, sender_time) = (Entities::default(), None);
        Command::SendMessage { room, text, sender_time, entities, reply_to, files }
    };
    let name = FileName::parse("cat.png").unwrap();
    let (kind, hash) = (MediaType::parse("image/png").unwrap(), FileHash([7; 32]));
    let (size, width, height, thumbnail) = (1, None, None, false);
    house.does(bob, Command::AddFile { name, kind, size, hash, width, height, thumbnail });
    let file = FileId::new(house.position());
    house.does(bob, send(text("one"), None, vec![file]));
    let message = MessageId::new(house.position());
    for new in ["uno", "eins"] {
        house.does(
            bob,
            Command::EditMessage { message, text: text(new), entities: Entities::default() },
        );
    }
    house.does(bob, Command::AddReaction { message, emoji: Emoji::parse("👍").unwrap() });
    house.does(bob, Command::PinMessage { message });
    house.does(bob, send(text("two"), Some(message), Vec::new()));
    Said { message, file, answer: MessageId::new(house.position()) }
}

/// A question: the steps that it takes, and how much the answer has.
type Read = fn(&Talk) -> (u64, usize);

#[test]
fn a_message_and_what_belongs_to_it_cost_the_same_whatever_was_said_around() {
    let reads: [(&str, Read, usize); 5] = [
        (
            "a message",
            |Talk { house, said, .. }| {
                let (steps, found) = house.count(|db| queries::message(db, None, said.message));
                let (_, message) = found.unwrap();
                (steps, message.files.len() + message.reactions.len())
            },
            2,
        ),
        (
            "an answer",
            |Talk { house, said, .. }| {
                let (steps, found) = house.count(|db| queries::message(db, None, said.answer));
                (steps, usize::from(found.unwrap().1.reply_to.is_some()))
            },
            1,
        ),
        (
            "versions",
            |Talk { house, said, .. }| {
                let (steps, found) = house.count(|db| queries::versions(db, None, said.message));
                (steps, found.unwrap().len())
            },
            3,
        ),
        (
            "pins",
            |Talk { house, tea, .. }| {
                let (steps, found) = house.count(|db| queries::pins(db, *tea, None));
                (steps, found.len())
            },
            1,
        ),
        (
            "a file",
            |Talk { house, said, .. }| {
                let (steps, found) = house.count(|db| queries::file_for(db, None, said.file));
                (steps, usize::from(found.is_some()))
            },
            1,
        ),
    ];
    let talks = [1, 100, 10_000].map(Talk::with);
    for (name, read, expected) in reads {
        // Statements are prepared before: what is counted is the read itself.
        talks.iter().for_each(|talk| assert_eq!(read(talk).1, expected, "{name}"));
        is_flat(name, talks.each_ref().map(|talk| read(talk).0));
    }
}

#[test]
fn the_question_who_speaks_where_is_prepared_once_however_often_it_is_asked() {
    let projection = Projection::in_memory(LogId::from_random(0)).unwrap();
    let db = projection.connection();
    for number in 1..10 {
        let number = Position::new(number);
        queries::speaker(db, UserId::new(number), RoomId::new(number)).unwrap();
    }
    let question = db.prepare_cached(queries::SPEAKER).unwrap();
    assert_eq!(question.get_status(StatementStatus::RePrepare), 0);
}
