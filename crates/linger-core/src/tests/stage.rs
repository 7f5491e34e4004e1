//! The stage on which scripts are played, and the language of the scripts.
//!
//! The script is a line of steps: `ann opens #tea`, `ann opens closed #den`,
//! `bob joins #tea`, `bob leaves #tea`, `ann adds bob to #den`, `ann says one`
//! (in the room named last) or `ann says one to #den`, `ann renames to anna`,
//! `ann names #tea Green tea`. A message is known by the text that it had first: `ann edits one
//! to two`, `ann deletes one`, `bob answers one with two`, `bob gives 👍 to one`, `bob takes 👍
//! from one`, `bob pins one`, `bob unpins one`.
//! ` as r1` behind a step gives its request id; `@12 ` before it sets the clock
//! to second 12. After `=>` comes the outcome, if it is no event: `nothing`,
//! `repeats 2` (the number of the first one's event), or a rejection's code.
//! The cast is ann, bob and cleo, who are always called by these names here; rooms
//! are #tea and #den. `#nowhere` is never opened.

use std::collections::BTreeMap;

use super::{draft, most};
use crate::{
    Author, Command, Emoji, Entities, Entry, EventKind, LogId, Message, MessageId, MessageText,
    News, Outcome, Position, Projection, Quote, Reaction, RoomId, RoomKind, RoomName, Slug,
    Timestamp, Topic, UserId, UserName, feed, queries,
    visibility::{Scope, Stays, can_enter},
};

/// Plays a script and compares what a reader sees of it.
pub(super) fn check(script: &str, reader: Reads, expected: &str) {
    let mut stage = Stage::with_the_cast();
    for step in script.split(';') {
        stage.play(step.trim());
    }
    let seen = stage.show(&reader);
    let expected = expected.lines().map(str::trim).filter(|line| !line.is_empty());
    let expected: Vec<&str> = expected.collect();
    assert!(seen == expected, "\n{script}\n\n{reader:?} saw {seen:#?}\ninstead of {expected:#?}");
}

/// The reader, and the place that they read.
#[derive(Debug, Clone, Copy)]
pub(super) struct Reads {
    who: &'static str,
    what: What,
    with_times: bool,
}

#[derive(Debug, Clone, Copy)]
enum What {
    Mine,
    Room(&'static str),
    History(&'static str),
    Rooms,
}

/// Returns the feed of everything that concerns somebody.
pub(super) fn reads(who: &'static str) -> Reads {
    Reads { who, what: What::Mine, with_times: false }
}

/// Returns the rooms that exist for somebody.
pub(super) fn lists(who: &'static str) -> Reads {
    Reads { who, what: What::Rooms, with_times: false }
}

impl Reads {
    pub(super) fn of(self, room: &'static str) -> Reads {
        Reads { what: What::Room(room), ..self }
    }

    pub(super) fn history_of(self, room: &'static str) -> Reads {
        Reads { what: What::History(room), ..self }
    }

    pub(super) fn with_times(self) -> Reads {
        Reads { with_times: true, ..self }
    }
}

/// The projection that a script plays on, and the meanings of its words.
struct Stage {
    projection: Projection,
    rooms: BTreeMap<String, RoomId>,
    /// By their first texts, with their rooms.
    messages: BTreeMap<String, (MessageId, RoomId)>,
    room_named_last: String,
    seconds: i64,
}

const CAST: [&str; 3] = ["ann", "bob", "cleo"];
const VISITOR: &str = "a visitor";
const MISSING: u64 = 1_000_000;

impl Stage {
    fn with_the_cast() -> Stage {
        let projection = Projection::in_memory(LogId::from_random(0)).unwrap();
        let mut stage = Stage {
            projection,
            rooms: BTreeMap::new(),
            messages: BTreeMap::new(),
            room_named_last: String::new(),
            seconds: 0,
        };
        for name in CAST {
            let name = UserName::parse(name).unwrap();
            let command = Command::CreateGuest { name, token_hash: None, external_id: None };
            let outcome = stage.apply(Author::Server, None, command);
            assert_eq!(outcome, Outcome::Accepted(None));
        }
        stage
    }

    fn play(&mut self, step: &str) {
        let (asked, expected) = step.split_once(" => ").unwrap_or((step, "an event"));
        let (asked, request_id) =
            asked.rsplit_once(" as ").map_or((asked, None), |(asked, id)| (asked, Some(id)));
        let asked = match asked.strip_prefix('@') {
            Some(timed) => {
                let (seconds, asked) = timed.split_once(' ').expect("a step follows the time");
                self.seconds = seconds.parse().expect("seconds");
                asked
            }
            None => asked,
        };
        let (who, asked) = asked.split_once(' ').expect("a step says who does what");
        let command = self.command(asked);
        let outcome = self.apply(author(who), request_id, command.clone());
        if let (Command::OpenRoom { slug, .. }, Outcome::Accepted(Some(news))) =
            (&command, &outcome)
        {
            let room = news.room_id().expect("a room opens in itself");
            self.rooms.insert(format!("#{slug}"), room);
        }
        if let Some(message) = outcome.news().and_then(|news| news.message()) {
            let room = outcome.news().and_then(|news| news.room_id()).expect("it is in a room");
            let text = message.text.as_ref().map(MessageText::to_string).unwrap_or_default();
            self.messages.insert(text, (message.id, room));
        }
        assert_eq!(self.in_words(&outcome), expected, "the outcome of '{step}'");
    }

    /// Returns the message that had this text first.
    fn message(&self, text: &str) -> MessageId {
        self.messages.get(text).map_or(MessageId::new(Position::new(MISSING)), |(id, _)| *id)
    }

    fn command(&mut self, asked: &str) -> Command {
        let (verb, rest) = asked.split_once(' ').expect("a verb and its object");
        match verb {
            "opens" => {
                let (room, kind) = match rest.strip_prefix("closed ") {
                    Some(room) => (room, RoomKind::Closed),
                    None => (rest, RoomKind::Open),
                };
                self.room(room);
                let name = room.strip_prefix('#').expect("a room is written #room");
                Command::OpenRoom {
                    slug: Slug::parse(name).unwrap(),
                    name: RoomName::parse(name).unwrap(),
                    topic: Topic::parse("").unwrap(),
                    kind,
                }
            }
            "joins" => Command::JoinRoom { room: self.room(rest) },
            "leaves" => Command::LeaveRoom { room: self.room(rest) },
            "adds" => {
                let (whom, room) = rest.split_once(" to ").expect("adds WHO to #ROOM");
                Command::AddMember { room: self.room(room), user: user(whom) }
            }
            "says" => {
                let named_last = self.room_named_last.clone();
                let (text, room) = rest.rsplit_once(" to ").unwrap_or((rest, &named_last));
                let text = MessageText::parse(text).unwrap();
                Command::say(self.room(room), text)
            }
            "answers" => {
                let (quoted, text) = rest.split_once(" with ").expect("answers TEXT with TEXT");
                let (quoted, room) = self.messages[quoted];
                Command::SendMessage {
                    room,
                    text: MessageText::parse(text).unwrap(),
                    sender_time: None,
                    entities: Entities::default(),
                    reply_to: Some(quoted),
                    files: Vec::new(),
                }
            }
            "edits" => {
                let (which, text) = rest.split_once(" to ").expect("edits TEXT to TEXT");
                let text = MessageText::parse(text).unwrap();
                let (message, entities) = (self.message(which), Entities::default());
                Command::EditMessage { message, text, entities }
            }
            "deletes" => Command::DeleteMessage { message: self.message(rest) },
            "pins" => Command::PinMessage { message: self.message(rest) },
            "unpins" => Command::UnpinMessage { message: self.message(rest) },
            "gives" => {
                let (emoji, which) = rest.split_once(" to ").expect("gives EMOJI to TEXT");
                let (message, emoji) = (self.message(which), Emoji::parse(emoji).unwrap());
                Command::AddReaction { message, emoji }
            }
            "takes" => {
                let (emoji, which) = rest.split_once(" from ").expect("takes EMOJI from TEXT");
                let (message, emoji) = (self.message(which), Emoji::parse(emoji).unwrap());
                Command::RemoveReaction { message, emoji }
            }
            "names" => {
                let (room, name) = rest.split_once(' ').expect("names #ROOM NAME");
                let (name, topic) = (Some(RoomName::parse(name).unwrap()), None);
                Command::ChangeRoom { room: self.room(room), name, topic }
            }
            "renames" => {
                let name = rest.strip_prefix("to ").expect("renames to NAME");
                Command::RenameUser { name: UserName::parse(name).unwrap() }
            }
            _ => panic!("nobody knows how one {verb}"),
        }
    }

    fn apply(&mut self, author: Author, request_id: Option<&str>, command: Command) -> Outcome {
        let position = self.projection.applied().next();
        let request_id = request_id.map_or(format!("only-{position}"), str::to_owned);
        let draft = draft(Timestamp::from_ms(self.seconds * 1000), author, &request_id, command);
        self.projection.apply(&[Entry { position, draft }]).unwrap().remove(0)
    }

    fn in_words(&self, outcome: &Outcome) -> String {
        match outcome {
            Outcome::Accepted(Some(_)) => "an event".to_owned(),
            Outcome::Accepted(None) => "nothing".to_owned(),
            Outcome::Rejected(rejection) => rejection.code().to_owned(),
            Outcome::Repeated { first } => {
                let first = queries::news_at(self.projection.connection(), *first).unwrap();
                let number = first.and_then(|news| news.event.number);
                number.map_or("repeats".to_owned(), |number| format!("repeats {number}"))
            }
        }
    }

    fn show(&self, reader: &Reads) -> Vec<String> {
        let connection = self.projection.connection();
        let stays = match reader.who {
            VISITOR => Stays::default(),
            who => queries::stays_of(connection, user(who)).unwrap(),
        };
        let news = match reader.what {
            What::Mine => self.feed(&Scope::Mine(user(reader.who)), &stays),
            What::Room(room) => self.feed(&self.scope(room), &stays),
            What::History(room) => {
                let reader = (reader.who != VISITOR).then(|| user(reader.who));
                let scope = self.scope(room);
                queries::history(connection, &scope, reader, None, most(100)).unwrap().messages
            }
            What::Rooms => return self.rooms_for(&stays),
        };
        news.iter().map(|news| line(news, reader.with_times)).collect()
    }

    fn feed(&self, scope: &Scope, stays: &Stays) -> Vec<News> {
        let connection = self.projection.connection();
        feed::read(connection, scope, stays, Position::START, most(100)).unwrap().news
    }

    fn rooms_for(&self, stays: &Stays) -> Vec<String> {
        let mut rooms = queries::rooms(self.projection.connection()).unwrap();
        rooms.retain(|room| can_enter(room.id, room.kind, stays));
        let line = |room: &queries::Room| {
            let (slug, kind) = (&room.slug, room.kind.as_str());
            format!("#{slug} {kind}, members {}, events {}", room.members, room.last_number)
        };
        rooms.iter().map(line).collect()
    }

    fn room(&mut self, name: &str) -> RoomId {
        self.room_named_last = name.to_owned();
        self.rooms.get(name).copied().unwrap_or(RoomId::new(Position::new(MISSING)))
    }

    fn scope(&self, name: &str) -> Scope {
        let id = self.rooms[name];
        let room = queries::room(self.projection.connection(), id).unwrap().expect("it was opened");
        Scope::Room(id, room.kind)
    }
}

fn author(who: &str) -> Author {
    match who {
        "server" => Author::Server,
        who => Author::User(user(who)),
    }
}

fn user(who: &str) -> UserId {
    let place = CAST.iter().position(|name| *name == who);
    assert!(place.is_some() || who == "nobody", "{who} is not in the cast");
    UserId::new(Position::new(place.map_or(MISSING, |place| place as u64 + 1)))
}

fn line(news: &News, with_times: bool) -> String {
    let event = &news.event;
    let by = event.by.as_ref().map_or("the server", |by| by.name.as_str());
    let room = event.room.as_ref().map(Slug::as_str).unwrap_or_default();
    let what = match &event.kind {
        EventKind::RoomOpened { .. } => format!("{by} opened #{room}"),
        EventKind::MemberJoined { member, .. } if event.by.as_ref() == Some(member) => {
            format!("{by} joined #{room}")
        }
        EventKind::MemberJoined { member, .. } => format!("{by} added {} to #{room}", member.name),
        EventKind::MemberLeft { member } => format!("{} left #{room}", member.name),
        EventKind::MessageSent { message } => {
            let place = if room == "tea" { String::new() } else { format!(" in #{room}") };
            format!("{by}{place}: {}", said(message))
        }
        EventKind::MessageEdited { message } => {
            format!("{by} edited {}: {}", message.number, said(message))
        }
        EventKind::MessageDeleted { message } => format!("{by} deleted {}", message.number),
        EventKind::ReactionAdded { message_id, emoji } => {
            format!("{by} gave {emoji} to {message_id}")
        }
        EventKind::ReactionRemoved { message_id, emoji } => {
            format!("{by} took {emoji} from {message_id}")
        }
        EventKind::MessagePinned { message_id } => format!("{by} pinned {message_id}"),
        EventKind::MessageUnpinned { message_id } => format!("{by} unpinned {message_id}"),
        EventKind::RoomChanged { changed } => format!("{by} named #{room} {}", changed.name),
        EventKind::UserRenamed { old_name } => format!("{old_name} is called {by}"),
    };
    let number = event.number.map_or(String::new(), |number| format!("{number} "));
    let time = if with_times { format!("@{} ", event.at.as_ms() / 1000) } else { String::new() };
    format!("{time}{number}{what}")
}

/// The text of a message, and all that is about it.
fn said(message: &Message) -> String {
    let mut said = message.text.as_ref().map_or("(deleted)", MessageText::as_str).to_owned();
    if !message.deleted && message.text.is_none() {
        said = "(not to be seen)".to_owned();
    }
    if message.edited_at.is_some() {
        said += " (edited)";
    }
    if let Some(Quote { number, by, text, deleted, .. }) = &message.reply_to {
        said += &match (number, by, text, deleted) {
            (Some(number), Some(by), Some(text), false) => {
                format!(" (to {number} {}: {text})", by.name)
            }
            (Some(number), Some(by), None, true) => format!(" (to {number} {}, deleted)", by.name),
            (None, None, None, false) => " (to one not to be seen)".to_owned(),
            odd => panic!("an odd quote: {odd:?}"),
        };
    }
    for Reaction { emoji, by } in &message.reactions {
        let names: Vec<&str> = by.iter().map(|by| by.name.as_str()).collect();
        said += &format!(" {emoji} {}", names.join("+"));
    }
    if message.pinned {
        said += " (pinned)";
    }
    said
}
