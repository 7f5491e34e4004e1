//! Everything that people do with messages, as commands for both benchmarks: each with what must be there
//! before, and what cleans up after it.

use linger_core::{
    Author, Command, Emoji, Entities, FileHash, FileId, FileName, MediaType, MessageId,
    MessageText, Position, RoomId, Topic,
};

/// Deeds that are done at once: fewer than pins that a room may have.
pub const AT_ONCE: usize = 64;

/// The things that a command is made for.
#[derive(Clone, Copy)]
pub struct Subject {
    /// The room.
    pub room: RoomId,
    /// The entry of the first command that came before, if any did.
    pub first: Position,
    /// A number of its own.
    pub number: u64,
}

/// Makes a command.
pub type Make = fn(Subject) -> Command;

/// Something that is done, and the commands around it.
pub struct Deed {
    pub name: &'static str,
    pub before: &'static [Make],
    pub deed: Make,
    pub after: &'static [Make],
}

/// Everything that is done with messages.
pub const DEEDS: [Deed; 9] = [
    Deed { name: "edit", before: &[say], deed: edit, after: &[] },
    Deed { name: "delete", before: &[say], deed: delete, after: &[] },
    Deed { name: "react", before: &[say], deed: react, after: &[] },
    Deed { name: "unreact", before: &[say, react], deed: unreact, after: &[] },
    Deed { name: "pin", before: &[say], deed: pin, after: &[unpin] },
    Deed { name: "unpin", before: &[say, pin], deed: unpin, after: &[] },
    Deed { name: "change room", before: &[], deed: change_room, after: &[] },
    Deed { name: "add file", before: &[], deed: add_file, after: &[] },
    Deed { name: "drop file", before: &[add_file], deed: drop_file, after: &[] },
];

/// Returns who does this: files are forgotten by the server, all else is ann's.
pub fn author_of(command: &Command, ann: Author) -> Author {
    match command {
        Command::DropFile { .. } => Author::Server,
        _ => ann,
    }
}

/// Says something of about fifty characters.
pub fn say(subject: Subject) -> Command {
    Command::say(subject.room, text("A thing that somebody says, in about fifty characters"))
}

fn edit(subject: Subject) -> Command {
    let text = text("A thing that somebody said, and then put in other words");
    Command::EditMessage { message: message(subject), text, entities: Entities::default() }
}

fn delete(subject: Subject) -> Command {
    Command::DeleteMessage { message: message(subject) }
}

fn react(subject: Subject) -> Command {
    Command::AddReaction { message: message(subject), emoji: thumb() }
}

fn unreact(subject: Subject) -> Command {
    Command::RemoveReaction { message: message(subject), emoji: thumb() }
}

fn pin(subject: Subject) -> Command {
    Command::PinMessage { message: message(subject) }
}

fn unpin(subject: Subject) -> Command {
    Command::UnpinMessage { message: message(subject) }
}

fn change_room(Subject { room, number, .. }: Subject) -> Command {
    let topic = Topic::parse(&format!("topic {number}")).expect("a topic");
    Command::ChangeRoom { room, name: None, topic: Some(topic) }
}

fn add_file(Subject { number, .. }: Subject) -> Command {
    let mut hash = [0; 32];
    hash[..8].copy_from_slice(&number.wrapping_mul(0x9e37_79b9_7f4a_7c15).to_le_bytes());
    Command::AddFile {
        name: FileName::parse("picture.jpg").expect("a name"),
        kind: MediaType::parse("image/jpeg").expect("a type"),
        size: 100_000,
        hash: FileHash(hash),
        width: Some(800),
        height: Some(600),
        thumbnail: true,
    }
}

fn drop_file(subject: Subject) -> Command {
    Command::DropFile { file: FileId::new(subject.first) }
}

fn message(subject: Subject) -> MessageId {
    MessageId::new(subject.first)
}

fn thumb() -> Emoji {
    Emoji::parse("\u{1f44d}").expect("an emoji")
}

fn text(text: &str) -> MessageText {
    MessageText::parse(text).expect("a text")
}
