//! Somebody is away while a lot happens, and another one stays: afterwards both have the same.
//! Nothing that was deleted meanwhile comes to the one who was away.
//!
//! Cleo is away, ann stays. Ann and bob talk, and dan comes and goes.

use std::collections::BTreeMap;

use super::{
    draft,
    logs::{Log, empty},
    most,
    properties::Held,
};
use crate::{
    Author, Command, Emoji, Entities, Entry, MessageId, MessageText, Outcome, Position, Projection,
    RoomId, RoomName, Slug, Timestamp, UserId, UserName, feed, queries, visibility::Scope,
};

/// So much happens meanwhile.
const EVENTS: usize = 500;

/// A message, and all the words that it ever had.
struct Said {
    id: MessageId,
    by: UserId,
    words: Vec<String>,
}

/// Everything that happens while cleo is away.
struct Talk {
    last: Position,
    said: Vec<Said>,
    deleted: Vec<String>,
    given: Vec<(UserId, MessageId, Emoji)>,
    chance: u64,
}

impl Talk {
    /// Returns a number below this one. Xorshift: the same with every library.
    fn below(&mut self, end: u64) -> u64 {
        self.chance ^= self.chance << 13;
        self.chance ^= self.chance >> 7;
        self.chance ^= self.chance << 17;
        (self.chance >> 11) % end
    }

    /// Returns the place of one of the last ten messages, of this person's, or of anybody's.
    fn recent(&mut self, by: Option<UserId>) -> Option<usize> {
        let ago = self.below(10) as usize;
        let places = (0..self.said.len()).rev();
        let of = places.filter(|place| by.is_none_or(|user| self.said[*place].by == user));
        of.take(10).nth(ago)
    }

    /// Does something, and returns its entry.
    fn step(&mut self) -> Entry {
        let (room, position) = (tea(), self.last.next());
        let user = if self.below(2) == 0 { ann() } else { bob() };
        let word = format!("word-{position}-end");
        let text = MessageText::parse(&word).unwrap();
        let emoji = Emoji::parse(["\u{1f44d}", "\u{1f375}"][self.below(2) as usize]).unwrap();
        let (kind, any, mine) = (self.below(20), self.recent(None), self.recent(Some(user)));
        let id = |place: usize| self.said[place].id;
        let command = match (kind, any, mine) {
            (0..4, _, Some(place)) => {
                self.said[place].words.push(word);
                let (message, entities) = (self.said[place].id, Entities::default());
                Command::EditMessage { message, text, entities }
            }
            (4 | 5, _, Some(place)) => {
                let Said { id: message, words, .. } = self.said.remove(place);
                self.deleted.extend(words);
                Command::DeleteMessage { message }
            }
            (6..9, Some(place), _) => {
                let message = id(place);
                self.given.push((user, message, emoji.clone()));
                Command::AddReaction { message, emoji }
            }
            (9, ..) if !self.given.is_empty() => {
                let (user, message, emoji) = self.given.pop().unwrap();
                return self.append(user, Command::RemoveReaction { message, emoji });
            }
            (10, Some(place), _) => Command::PinMessage { message: id(place) },
            (11, Some(place), _) => Command::UnpinMessage { message: id(place) },
            (12, ..) => Command::RenameUser { name: UserName::parse(&word).unwrap() },
            (13, ..) => {
                let name = Some(RoomName::parse(&word).unwrap());
                Command::ChangeRoom { room, name, topic: None }
            }
            (14, ..) => return self.append(dan(), Command::JoinRoom { room }),
            (15, ..) => return self.append(dan(), Command::LeaveRoom { room }),
            (_, place, _) => {
                let reply_to = place.filter(|_| kind % 2 == 0).map(id);
                self.said.push(Said { id: MessageId::new(position), by: user, words: vec![word] });
                let (entities, files) = (Entities::default(), Vec::new());
                Command::SendMessage { room, text, sender_time: None, entities, reply_to, files }
            }
        };
        self.append(user, command)
    }

    fn append(&mut self, user: UserId, command: Command) -> Entry {
        let position = self.last.next();
        let at = Timestamp::from_ms(1_797_000_000_000 + position.get() as i64);
        self.last = position;
        let draft = draft(at, Author::User(user), &format!("s{position}"), command);
        Entry { position, draft }
    }
}

/// The open room that `Log` begins with. Ann and cleo are in it.
fn tea() -> RoomId {
    RoomId::new(Position::new(5))
}

fn user(number: u64) -> UserId {
    UserId::new(Position::new(number))
}

fn ann() -> UserId {
    user(1)
}

fn bob() -> UserId {
    user(2)
}

fn cleo() -> UserId {
    user(3)
}

fn dan() -> UserId {
    user(4)
}

/// Reads what is new for somebody, a page at a time, and folds it. Returns the JSON.
fn read(projection: &Projection, held: &mut Held, after: &mut Position) -> String {
    let (db, mut all) = (projection.connection(), String::new());
    let stays = queries::stays_of(db, held.me).unwrap();
    while *after < projection.applied() {
        let page = feed::read(db, &Scope::Mine(held.me), &stays, *after, most(50)).unwrap();
        page.news.iter().for_each(|news| held.fold(news));
        all.extend(page.news.iter().map(|news| &*news.json));
        *after = page.upto;
    }
    all
}

#[test]
fn somebody_who_was_away_has_the_same_as_one_who_stayed_and_nothing_that_was_deleted() {
    for seed in 1..=3 {
        let mut projection = empty();
        projection.apply(&Log::of(&[]).entries).unwrap();
        let last = projection.applied();
        let (said, deleted, given) = (Vec::new(), Vec::new(), Vec::new());
        let mut talk = Talk { last, said, deleted, given, chance: seed };
        projection.apply(&[talk.append(bob(), Command::JoinRoom { room: tea() })]).unwrap();
        let held = |user| Held::fresh(projection.connection(), user);
        let (mut stayed, mut away) = (held(ann()), held(cleo()));
        let (mut of_ann, mut of_cleo) = (projection.applied(), projection.applied());
        let (mut events, mut kinds) = (0, BTreeMap::new());
        while events < EVENTS {
            let outcomes = projection.apply(&[talk.step()]).unwrap();
            for news in outcomes.iter().filter_map(Outcome::news) {
                events += 1;
                *kinds.entry(news.event.kind.name()).or_insert(0) += 1;
            }
            read(&projection, &mut stayed, &mut of_ann);
        }
        assert_eq!(kinds.len(), 11, "all that can happen in a room: {kinds:?}");
        let came = read(&projection, &mut away, &mut of_cleo);
        assert_eq!(away, Held::fresh(projection.connection(), cleo()));
        let tea = Slug::parse("tea").unwrap();
        assert_eq!(away.messages[&tea], stayed.messages[&tea]);
        assert_eq!(away.rooms[&tea], stayed.rooms[&tea]);
        let told = talk.deleted.iter().filter(|word| came.contains(*word));
        assert_eq!(told.collect::<Vec<_>>(), Vec::<&String>::new(), "seed {seed}");
        assert!(talk.deleted.len() > 30, "{} words were deleted", talk.deleted.len());
    }
}
