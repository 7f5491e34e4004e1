//! Random logs: a few users ask for things about a few rooms.
//!
//! Refused, repeated and meaningless asks are among them, clocks that are set
//! back, and positions that were skipped. Rooms and users are chosen by number
//! and looked up in the [`Model`], which runs along: so most asks mean something.

use proptest::prelude::*;
use rusqlite::Connection;

use super::{draft, model::Model};
use crate::{
    Author, Command, Emoji, Entities, Entity, EntityKind, Entry, Epoch, ExternalId, FileHash,
    FileId, FileName, LogId, MediaType, MessageId, MessageText, Outcome, Position, Projection,
    Request, RoomId, RoomKind, RoomName, SenderTime, Slug, Timestamp, TokenHash, Topic, UserId,
    UserName, Vocabulary, queries,
    visibility::{Scope, Stays, can_enter},
};

/// One command that somebody sends, by numbers.
#[derive(Debug, Clone)]
pub(super) struct Ask {
    who: usize,
    what: What,
    request: Name,
    skipped_positions: u64,
    ms_later: i64,
}

/// The name of an ask.
#[derive(Debug, Clone)]
enum Name {
    /// Under a new request id.
    New,
    /// Under one that may have been used before.
    Used(u8),
    /// Not at all: nobody will know a repeat.
    None,
}

#[derive(Debug, Clone)]
enum What {
    Create(u8, Option<u8>, Option<u8>),
    Rename(u8),
    Open(usize, RoomKind),
    Join(usize),
    Add(usize, usize),
    Leave(usize),
    Say(usize, u8),
    /// Answers a message, in its own room or in another.
    Answer(usize, Option<usize>, u8),
    Edit(usize, u8),
    Delete(usize),
    React(usize, usize, bool),
    Pin(usize, bool),
    Change(usize, u8),
    AddFile(u8),
    /// Sends up to two of the files.
    SendFiles(usize, usize, usize),
    DropFile(usize),
    Epoch(u64),
    /// An earlier command again: so many entries ago, by the same author or by another.
    Again(usize, bool),
}

/// Entries, and the model's opinion of them.
pub(super) struct Log {
    pub(super) entries: Vec<Entry>,
    pub(super) outcomes: Vec<Outcome>,
    pub(super) model: Model,
    vocabulary: Vocabulary,
}

/// More than any of these logs holds.
pub(super) const ALL: usize = 10_000;
const ROOMS: [&str; 4] = ["tea", "den", "attic", "書房"];
pub(super) const NAMES: [&str; 4] = ["ann", "bob", "cleo", "小明"];
/// The server, the cast, and a user who does not exist.
const AUTHORS: usize = NAMES.len() + 2;
const MISSING: u64 = 1_000_000;

pub(super) fn asks() -> impl Strategy<Value = Vec<Ask>> {
    // Mostly the two rooms that exist from the start; the last is never opened.
    let room = prop_oneof![6 => 0..2_usize, 2 => 2..ROOMS.len(), 1 => Just(ROOMS.len())];
    let what = prop_oneof![
        1 => (any::<u8>(), prop::option::of(0_u8..3), prop::option::of(0_u8..3))
            .prop_map(|(name, token, external)| What::Create(name, token, external)),
        2 => any::<u8>().prop_map(What::Rename),
        2 => (0..ROOMS.len(), prop_oneof![Just(RoomKind::Open), Just(RoomKind::Closed)])
            .prop_map(|(room, kind)| What::Open(room, kind)),
        4 => room.clone().prop_map(What::Join),
        4 => (room.clone(), 1..AUTHORS).prop_map(|(room, user)| What::Add(room, user)),
        3 => room.clone().prop_map(What::Leave),
        12 => (room, any::<u8>()).prop_map(|(room, text)| What::Say(room, text)),
        3 => (0..9_usize, prop::option::weighted(0.2, 0..2_usize), any::<u8>())
            .prop_map(|(message, room, text)| What::Answer(message, room, text)),
        5 => (0..9_usize, 0..4_u8).prop_map(|(message, text)| What::Edit(message, text)),
        2 => (0..9_usize).prop_map(What::Delete),
        5 => (0..9_usize, 0..3_usize, any::<bool>())
            .prop_map(|(message, emoji, adds)| What::React(message, emoji, adds)),
        3 => (0..9_usize, any::<bool>()).prop_map(|(message, pins)| What::Pin(message, pins)),
        1 => (0..ROOMS.len(), 0..3_u8).prop_map(|(room, name)| What::Change(room, name)),
        2 => any::<u8>().prop_map(What::AddFile),
        2 => (0..2_usize, 0..4_usize, 0..4_usize)
            .prop_map(|(room, one, two)| What::SendFiles(room, one, two)),
        1 => (0..4_usize).prop_map(What::DropFile),
        1 => any::<u64>().prop_map(What::Epoch),
        2 => (1_usize..20, any::<bool>()).prop_map(|(ago, by_same)| What::Again(ago, by_same)),
    ];
    let who = prop_oneof![1 => Just(0), 12 => 1..=NAMES.len(), 1 => Just(AUTHORS - 1)];
    let request = prop_oneof![
        6 => Just(Name::New),
        3 => (0_u8..6).prop_map(Name::Used),
        1 => Just(Name::None),
    ];
    // Mostly the clock goes on; sometimes it is far ahead for once.
    let ms_later =
        prop_oneof![20 => -2000_i64..5000, 1 => 100_000_i64..1_000_000, 1 => -1_000_000_i64..-6000];
    let ask = (who, what, request, 0_u64..3, ms_later).prop_map(
        |(who, what, request, skipped_positions, ms_later)| Ask {
            who,
            what,
            request,
            skipped_positions,
            ms_later,
        },
    );
    prop::collection::vec(ask, 0..60)
}

/// Limits of pages, or sizes of batches, to be taken in turn.
pub(super) fn limits() -> impl Strategy<Value = Vec<usize>> {
    prop::collection::vec(1_usize..8, 1..5)
}

impl Log {
    /// Makes the entries: first a cast, and an open and a closed room with two
    /// members each (cleo is in both); then the asks.
    pub(super) fn of(asks: &[Ask]) -> Log {
        let mut log = Log {
            entries: Vec::new(),
            outcomes: Vec::new(),
            model: Model::default(),
            vocabulary: Vocabulary::FIRST,
        };
        let prelude =
            |who, what| Ask { who, what, request: Name::New, skipped_positions: 0, ms_later: 0 };
        for name in 0..NAMES.len() {
            log.append(&prelude(0, What::Create(name as u8, None, None)));
        }
        log.append(&prelude(1, What::Open(0, RoomKind::Open)));
        log.append(&prelude(2, What::Open(1, RoomKind::Closed)));
        log.append(&prelude(3, What::Join(0)));
        log.append(&prelude(2, What::Add(1, 3)));
        // A quarter of the asks belongs to each older version, the rest to today's.
        let (first, rest) = asks.split_at(asks.len() / 4);
        let (second, rest) = rest.split_at(asks.len() / 4);
        let parts =
            [(Vocabulary::FIRST, first), (Vocabulary::SECOND, second), (Vocabulary::LATEST, rest)];
        for (vocabulary, asks) in parts {
            log.vocabulary = vocabulary;
            asks.iter().for_each(|ask| log.append(ask));
        }
        log
    }

    fn append(&mut self, ask: &Ask) {
        let last = self.entries.last();
        let position = last.map_or(1, |last| last.position.get() + 1 + ask.skipped_positions * 10);
        let at_ms = last.map_or(1_000_000, |last| last.draft.at.as_ms() + ask.ms_later);
        let author = match ask.who {
            0 => Author::Server,
            user => Author::User(cast(user)),
        };
        let request_id = match ask.request {
            Name::Used(reused) => format!("r{reused}"),
            Name::New | Name::None => format!("only-{position}"),
        };
        let command = self.command(&ask.what);
        let mut draft = draft(Timestamp::from_ms(at_ms), author, &request_id, command);
        if let What::Again(ago, by_same_author) = ask.what {
            let earlier = &self.entries[self.entries.len().saturating_sub(ago)].draft;
            draft.request = earlier.request.clone();
            if by_same_author {
                draft.author = earlier.author;
            }
        }
        let of = |request: Request| Request::of(request.id, &draft.command);
        draft.request = draft.request.map(of);
        if self.vocabulary == Vocabulary::FIRST {
            (draft.salt, draft.nonce) = (None, None);
        } else if matches!(ask.request, Name::None) {
            draft.request = None;
        }
        if draft.command.vocabulary() > self.vocabulary {
            // That version has no such command.
            return;
        }
        draft.vocabulary = self.vocabulary;
        let entry = Entry { position: Position::new(position), draft };
        self.outcomes.push(self.model.apply(&entry));
        self.entries.push(entry);
    }

    fn command(&self, what: &What) -> Command {
        let name = |i: u8| UserName::parse(NAMES[usize::from(i) % NAMES.len()]).unwrap();
        match *what {
            What::Create(i, token, external) => Command::CreateGuest {
                name: name(i),
                token_hash: token.map(|token| TokenHash::of(&token.to_string())),
                external_id: external.map(|id| ExternalId::parse(&id.to_string()).unwrap()),
            },
            What::Rename(i) => Command::RenameUser { name: name(i) },
            What::Open(room, kind) => Command::OpenRoom {
                slug: Slug::parse(ROOMS[room]).unwrap(),
                name: RoomName::parse(ROOMS[room]).unwrap(),
                topic: Topic::parse("no topic").unwrap(),
                kind,
            },
            What::Join(room) => Command::JoinRoom { room: self.room(room) },
            What::Add(room, user) => Command::AddMember { room: self.room(room), user: cast(user) },
            What::Leave(room) => Command::LeaveRoom { room: self.room(room) },
            What::Say(room, text) => Command::SendMessage {
                room: self.room(room),
                text: MessageText::parse(&format!("text {text}")).unwrap(),
                sender_time: (text % 4 == 0).then(|| SenderTime::parse("12:00").unwrap()),
                entities: Entities::default(),
                reply_to: None,
                files: Vec::new(),
            },
            What::Answer(message, room, text) => {
                let reply_to = self.message(message);
                let room_of = || self.model.room_of(reply_to).unwrap_or(self.room(0));
                let room = room.map_or_else(room_of, |room| self.room(room));
                let text = MessageText::parse(&format!("answer {text}")).unwrap();
                self.send(room, text, Some(reply_to), Vec::new())
            }
            What::Edit(message, text) => Command::EditMessage {
                message: self.message(message),
                text: MessageText::parse(&format!("edited {text}")).unwrap(),
                entities: Entities::default(),
            },
            What::Delete(message) => Command::DeleteMessage { message: self.message(message) },
            What::React(message, emoji, adds) => {
                let emoji = Emoji::parse(["👍", "🍵", "❤"][emoji]).unwrap();
                let message = self.message(message);
                match adds {
                    true => Command::AddReaction { message, emoji },
                    false => Command::RemoveReaction { message, emoji },
                }
            }
            What::Pin(message, true) => Command::PinMessage { message: self.message(message) },
            What::Pin(message, false) => Command::UnpinMessage { message: self.message(message) },
            What::Change(room, name) => Command::ChangeRoom {
                room: self.room(room),
                name: (name > 0).then(|| RoomName::parse(&format!("name {name}")).unwrap()),
                topic: (name == 0).then(|| Topic::parse("another topic").unwrap()),
            },
            What::AddFile(bits) => Command::AddFile {
                name: FileName::parse(&format!("text {bits}.png")).unwrap(),
                kind: MediaType::parse("image/png").unwrap(),
                size: bits.into(),
                hash: FileHash([bits; 32]),
                width: (bits % 2 == 0).then_some(3),
                height: (bits % 2 == 0).then_some(4),
                thumbnail: bits % 3 == 0,
            },
            What::SendFiles(room, one, two) => {
                let files = [one, two].map(|file| self.file(file));
                let files = files[..1 + usize::from(one != two)].to_vec();
                let text = MessageText::parse("with files").unwrap();
                self.send(self.room(room), text, None, files)
            }
            What::DropFile(file) => Command::DropFile { file: self.file(file) },
            What::Epoch(bits) => Command::BeginEpoch { epoch: Epoch::from_random(bits) },
            What::Again(ago, _) => {
                self.entries[self.entries.len().saturating_sub(ago)].draft.command.clone()
            }
        }
    }

    fn send(
        &self,
        room: RoomId,
        text: MessageText,
        reply_to: Option<MessageId>,
        files: Vec<FileId>,
    ) -> Command {
        let length = text.as_str().len() as u32;
        let bold = Entity { offset: 0, length, kind: EntityKind::Bold };
        let entities = Entities::of(text.as_str(), vec![bold]).unwrap();
        Command::SendMessage { room, text, sender_time: None, entities, reply_to, files }
    }

    /// Returns a message, by how many came after it.
    fn message(&self, ago: usize) -> MessageId {
        let mut sent = self.model.messages().rev();
        sent.nth(ago).unwrap_or(MessageId::new(Position::new(MISSING)))
    }

    fn file(&self, ago: usize) -> FileId {
        let mut added = self.model.files().rev();
        added.nth(ago).unwrap_or(FileId::new(Position::new(MISSING)))
    }

    fn room(&self, which: usize) -> RoomId {
        let slug = ROOMS.get(which);
        let room = self.model.rooms.values().find(|room| Some(&room.slug.as_str()) == slug);
        room.map_or(RoomId::new(Position::new(MISSING)), |room| room.id)
    }

    /// Every way in which every reader can read, with the reader's stays.
    pub(super) fn views(&self, db: &Connection) -> Vec<(Scope, Option<UserId>, Stays)> {
        let mut views = Vec::new();
        for reader in readers() {
            let stays = stays_of(db, reader);
            views.extend(reader.map(|user| (Scope::Mine(user), reader, stays.clone())));
            let rooms = self.model.rooms.values();
            let of_rooms = rooms.clone().map(|room| Scope::Room(room.id, room.kind));
            views.extend(of_rooms.map(|scope| (scope, reader, stays.clone())));
            let existing = rooms.filter(|room| can_enter(room.id, room.kind, &stays));
            let existing: Vec<_> = existing.map(|room| (room.id, room.kind)).collect();
            // All that exist for the reader; and all but the first, of which they may be a member.
            for looked_at in [&existing[..], existing.get(1..).unwrap_or_default()] {
                let scope = Scope::of_onlooker(reader, looked_at.iter().copied());
                views.push((scope, reader, stays.clone()));
            }
        }
        views
    }
}

/// A visitor, the cast, and a user who does not exist.
pub(super) fn readers() -> Vec<Option<UserId>> {
    (0..AUTHORS).map(|i| (i > 0).then(|| cast(i))).collect()
}

fn cast(i: usize) -> UserId {
    UserId::new(Position::new(if i == AUTHORS - 1 { MISSING } else { i as u64 }))
}

pub(super) fn stays_of(db: &Connection, reader: Option<UserId>) -> Stays {
    reader.map_or(Stays::default(), |user| queries::stays_of(db, user).unwrap())
}

pub(super) fn empty() -> Projection {
    Projection::in_memory(LogId::from_random(0)).unwrap()
}

pub(super) fn in_batches<'a>(mut entries: &'a [Entry], sizes: &[usize]) -> Vec<&'a [Entry]> {
    let mut batches = Vec::new();
    for size in sizes.iter().cycle() {
        if entries.is_empty() {
            break;
        }
        let (batch, rest) = entries.split_at(entries.len().min(*size));
        batches.push(batch);
        entries = rest;
    }
    batches
}
