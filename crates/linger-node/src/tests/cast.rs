//! The cast of the tests: ann, bob, #tea and #cellar, and their messages.
//!
//! Short forms of commands and scopes, and a clock that the tests own.

use std::sync::Mutex;

use linger_core::{
    Author, Command, Cursor, Draft, MessageText, News, Nonce, Request, RequestId, RoomId, RoomKind,
    RoomName, Salt, Slug, Timestamp, TokenHash, Topic, UserId, UserName, Vocabulary,
    visibility::Scope,
};
use tokio::time::{Duration, Instant};

use super::chance::Chance;
use crate::{After, Asker, Clock, Node, Page, Receipt, Refusal, RoomRef, Wait};

/// A clock that moves a millisecond whenever it is asked, and sometimes back.
pub(crate) struct TestClock(Mutex<(Chance, i64)>);

impl TestClock {
    /// Begins in 2026, with the chance of a seed.
    pub(crate) fn new(seed: u64) -> TestClock {
        TestClock(Mutex::new((Chance::new(seed), 1_767_225_600_000)))
    }
}

impl Clock for TestClock {
    fn now(&self) -> Timestamp {
        let (chance, ms) = &mut *self.0.lock().unwrap();
        *ms += if chance.happens(10) { -5 } else { 1 };
        Timestamp::from_ms(*ms)
    }

    fn secret(&self) -> [u8; 32] {
        let (chance, _) = &mut *self.0.lock().unwrap();
        std::array::from_fn(|_| chance.next() as u8)
    }
}

pub(crate) fn create(name: &str) -> Command {
    Command::CreateGuest {
        name: UserName::parse(name).unwrap(),
        token_hash: Some(TokenHash::of(name)),
        external_id: None,
    }
}

pub(crate) fn rename(name: &str) -> Command {
    Command::RenameUser { name: UserName::parse(name).unwrap() }
}

pub(crate) fn open(slug: &str, kind: RoomKind) -> Command {
    Command::OpenRoom {
        slug: Slug::parse(slug).unwrap(),
        name: RoomName::parse(slug).unwrap(),
        topic: Topic::parse("").unwrap(),
        kind,
    }
}

pub(crate) fn say(room: RoomId, text: &str) -> Command {
    let text = MessageText::parse(text).unwrap();
    Command::say(room, text)
}

pub(crate) fn request(id: &str) -> RequestId {
    RequestId::parse(id).unwrap()
}

/// Names the request for a command.
pub(crate) fn named(id: &str, command: &Command) -> Option<Request> {
    Some(Request::of(request(id), command))
}

/// A draft in today's vocabulary. Salt and nonce are made of the request id.
pub(crate) fn draft(at: Timestamp, author: Author, id: &str, command: Command) -> Draft {
    let chance = crc32fast::hash(id.as_bytes());
    Draft {
        vocabulary: Vocabulary::LATEST,
        at,
        author,
        request: named(id, &command),
        salt: Some(Salt([chance as u8; 16])),
        nonce: Some(Nonce::from_random(u64::from(chance) << 1)),
        command,
    }
}

/// A node, with short forms of the calls that tests make all the time.
impl Node {
    /// Submits under a request id.
    pub(crate) async fn ask(
        &self,
        user: UserId,
        request_id: &str,
        command: Command,
    ) -> Result<Receipt, Refusal> {
        let request = named(request_id, &command);
        self.submit(Author::User(user), request, command).await
    }

    /// Creates a guest.
    pub(crate) async fn guest(&self, name: &str) -> UserId {
        let receipt = self.submit(Author::Server, named(name, &create(name)), create(name)).await;
        UserId::new(receipt.unwrap().position)
    }

    /// Opens a room, with `by` in it.
    pub(crate) async fn opens(&self, by: UserId, slug: &str, kind: RoomKind) -> RoomRef {
        self.ask(by, slug, open(slug, kind)).await.unwrap();
        self.room(&Slug::parse(slug).unwrap(), Some(by)).unwrap()
    }

    /// Sends `text` under a request id made from it, and returns the receipt.
    pub(crate) async fn says(&self, user: UserId, room: &RoomRef, text: &str) -> Receipt {
        let request_id = text.replace(' ', "-");
        self.ask(user, &request_id, say(room.id, text)).await.unwrap()
    }

    /// Reads what there is, without waiting.
    pub(crate) async fn reads(&self, wait: Wait) -> Page {
        self.wait(wait, Instant::now()).await.unwrap()
    }

    /// Reads, and waits for events for so many seconds.
    pub(crate) async fn waits(&self, wait: Wait, seconds: u64) -> Page {
        self.wait(wait, Instant::now() + Duration::from_secs(seconds)).await.unwrap()
    }

    /// Returns how many wait, by the waiting room and by the figures.
    pub(crate) fn held(&self) -> (usize, i64) {
        self.refresh_metrics();
        (self.waiting(), self.metrics.requests_held.get())
    }
}

/// The wait of `user` for all their rooms.
pub(crate) fn mine(user: UserId, after: After) -> Wait {
    Wait {
        asker: Asker::Person(user),
        reader: Some(user),
        scope: Scope::Mine(user),
        after,
        limit: 1000,
    }
}

/// The wait of anybody for an open room.
pub(crate) fn of_room(room: &RoomRef, after: After) -> Wait {
    Wait { asker: Asker::Visitors, reader: None, scope: room.scope(), after, limit: 1000 }
}

/// The wait of a user or a visitor who looks at these rooms.
pub(crate) fn looking_at(rooms: &[&RoomRef], reader: Option<UserId>, after: After) -> Wait {
    let rooms = rooms.iter().map(|room| (room.id, room.kind));
    let scope = Scope::of_onlooker(reader, rooms);
    Wait { asker: Asker::of(reader), reader, scope, after, limit: 1000 }
}

pub(crate) fn from(cursor: Cursor) -> After {
    After::Cursor(cursor)
}

/// Returns the texts in these events, in order; other events by their type.
pub(crate) fn told<'n>(news: impl IntoIterator<Item = &'n std::sync::Arc<News>>) -> Vec<String> {
    let tell = |news: &std::sync::Arc<News>| match news.message() {
        Some(message) => {
            let text = message.text.as_ref().map_or("(deleted)", MessageText::as_str);
            format!("{}: {text}", message.by.name)
        }
        None => news.event.kind.name().to_owned(),
    };
    news.into_iter().map(tell).collect()
}
