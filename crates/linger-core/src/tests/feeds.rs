//! Feeds for the page's own fold: `fixtures/feeds/messages` has the events of some talks in an
//! open room, and what is said there afterwards.
//!
//! Each has the events as they came to somebody who stayed, and as they come to somebody who
//! was away; both fold to the same messages, which is what a fresh load gives. With
//! LINGER_WRITE_FIXTURES=1 in the environment the test writes what it would compare.

use std::{fs, path::PathBuf};

use serde_json::{Value, json};

use super::{
    draft,
    logs::{ALL, Log, empty},
    most,
};
use crate::{
    Author, Command, Emoji, Entities, Entry, MessageId, MessageText, News, Outcome, Position,
    RoomId, RoomKind, RoomName, Timestamp, UserId, feed, queries,
    visibility::{NOWHERE, Scope},
};

/// So many talks, of so many steps.
const TALKS: u64 = 4;
const STEPS: u64 = 60;

#[test]
fn the_pages_fixtures_are_what_some_talks_make() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../fixtures/feeds/messages");
    let is_writing = std::env::var_os("LINGER_WRITE_FIXTURES").is_some_and(|it| it == "1");
    for number in 0..TALKS {
        let path = PathBuf::from(folder).join(format!("talk_{number}.json"));
        let made = serde_json::to_string_pretty(&talk(number)).unwrap() + "\n";
        if is_writing {
            fs::create_dir_all(folder).unwrap();
            fs::write(&path, made).unwrap();
            continue;
        }
        let kept = fs::read_to_string(&path).unwrap_or_default();
        assert!(kept == made, "{} is not what the talk makes: write it anew", path.display());
    }
}

/// Returns the feed of one talk of ann and cleo in the open room that `Log` begins with.
fn talk(seed: u64) -> Value {
    let mut entries = Log::of(&[]).entries;
    let room = RoomId::new(Position::new(5));
    let [ann, cleo] = [1, 3].map(|user| UserId::new(Position::new(user)));
    let (mut state, mut sent) = (seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1, Vec::new());
    for step in 0..STEPS {
        // Xorshift: the fixtures must not change with a library.
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        let user = if state % 2 == 0 { ann } else { cleo };
        let position = entries.last().unwrap().position.next();
        let recent = (state >> 8) as usize % 5;
        let of = |mine: Option<UserId>| {
            let mut found = sent.iter().rev().filter(|(_, by)| mine.is_none_or(|user| user == *by));
            found.nth(recent).map(|(id, _): &(MessageId, UserId)| *id)
        };
        let text = MessageText::parse(&format!("text {step} 🍵")).unwrap();
        let emoji = Emoji::parse(["👍", "🍵"][(state >> 16) as usize % 2]).unwrap();
        let command = match ((state >> 24) % 16, of(None), of(Some(user))) {
            (0..3, _, Some(message)) => {
                Command::EditMessage { message, text, entities: Entities::default() }
            }
            (3, _, Some(message)) => Command::DeleteMessage { message },
            (4..7, Some(message), _) => Command::AddReaction { message, emoji },
            (7, Some(message), _) => Command::RemoveReaction { message, emoji },
            (8, Some(message), _) => Command::PinMessage { message },
            (9, Some(message), _) => Command::UnpinMessage { message },
            (10, ..) => {
                let name = Some(RoomName::parse(&format!("tea {step}")).unwrap());
                Command::ChangeRoom { room, name, topic: None }
            }
            (11 | 12, reply_to, _) => {
                sent.push((MessageId::new(position), user));
                let (entities, files) = (Entities::default(), Vec::new());
                Command::SendMessage { room, text, sender_time: None, entities, reply_to, files }
            }
            _ => {
                sent.push((MessageId::new(position), user));
                Command::say(room, text)
            }
        };
        let at = Timestamp::from_ms(1_797_000_000_000 + step as i64 * 1000);
        let draft = draft(at, Author::User(user), &format!("s{step}"), command);
        entries.push(Entry { position, draft });
    }
    let mut projection = empty();
    let outcomes = projection.apply(&entries).unwrap();
    let tea = Scope::Room(room, RoomKind::Open);
    let came = outcomes.iter().filter_map(Outcome::news).map(|news| &**news);
    let came = came.filter(|news| news.room_id() == Some(room));
    let db = projection.connection();
    let late = feed::read(db, &tea, &NOWHERE, Position::START, most(ALL)).unwrap().news;
    let history = queries::history(db, &tea, None, None, most(ALL)).unwrap().messages;
    let json = |news: &News| serde_json::from_str::<Value>(&news.json).unwrap();
    json!({
        "about": "A talk in an open room. Both lists of events fold to the same messages, those of a fresh load.",
        "came": came.map(json).collect::<Vec<_>>(),
        "late": late.iter().map(json).collect::<Vec<_>>(),
        "messages": history.iter().map(|news| json(news)["message"].clone()).collect::<Vec<_>>(),
    })
}
