//! Feeds for the page's own fold: `fixtures/feeds/messages` has events of random logs, and
//! what is said in the room afterwards.
//!
//! Each has the events of an open room as they came to somebody who stayed, and as they
//! come to somebody who was away; both fold to the same messages, which is what a fresh load
//! gives. With LINGER_WRITE_FIXTURES=1 in the environment the test writes what it would
//! compare.

use std::{fs, path::PathBuf};

use proptest::{
    strategy::{Strategy, ValueTree},
    test_runner::TestRunner,
};
use serde_json::{Value, json};

use super::{
    logs::{ALL, Log, asks, empty},
    most,
};
use crate::{
    News, Outcome, Position, RoomId, RoomKind, feed, queries,
    visibility::{NOWHERE, Scope},
};

/// So many feeds, each with messages that were edited, deleted, quoted, answered and pinned.
const FEEDS: usize = 6;

#[test]
fn the_pages_fixtures_are_what_random_logs_make() {
    let folder =
        PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../fixtures/feeds/messages"));
    let is_writing = std::env::var_os("LINGER_WRITE_FIXTURES").is_some_and(|it| it == "1");
    let mut runner = TestRunner::deterministic();
    for (number, feed) in
        std::iter::repeat_with(|| a_feed(&mut runner)).flatten().take(FEEDS).enumerate()
    {
        let path = folder.join(format!("random_{number}.json"));
        let made = serde_json::to_string_pretty(&feed).unwrap() + "\n";
        if is_writing {
            fs::create_dir_all(&folder).unwrap();
            fs::write(&path, made).unwrap();
            continue;
        }
        let kept = fs::read_to_string(&path).unwrap_or_default();
        assert!(kept == made, "{} is not what the log makes: write it anew", path.display());
    }
}

/// Returns a feed of the first room of a random log; none if too little happened there.
fn a_feed(runner: &mut TestRunner) -> Option<Value> {
    let log = Log::of(&asks().new_tree(runner).unwrap().current());
    let tea = Scope::Room(RoomId::new(Position::new(5)), RoomKind::Open);
    let mut projection = empty();
    let outcomes = projection.apply(&log.entries).unwrap();
    let came = outcomes.iter().filter_map(Outcome::news).map(|news| &**news);
    let came: Vec<&News> = came.filter(|news| news.room_id() == Some(room_of(&tea))).collect();
    let db = projection.connection();
    let late = feed::read(db, &tea, &NOWHERE, Position::START, most(ALL)).unwrap().news;
    let history = queries::history(db, &tea, None, None, most(ALL)).unwrap().messages;
    let happened = |kind: &str| came.iter().any(|news| news.event.kind.name() == kind);
    let kinds = [
        "message_edited",
        "message_deleted",
        "reaction_added",
        "reaction_removed",
        "message_pinned",
    ];
    if !kinds.into_iter().all(happened) {
        return None;
    }
    let json = |news: &News| serde_json::from_str::<Value>(&news.json).unwrap();
    Some(json!({
        "about": "A room of a random log. Both lists of events fold to the same messages, those of a fresh load.",
        "came": came.into_iter().map(json).collect::<Vec<_>>(),
        "late": late.iter().map(json).collect::<Vec<_>>(),
        "messages": history.iter().map(|news| json(news)["message"].clone()).collect::<Vec<_>>(),
    }))
}

fn room_of(scope: &Scope) -> RoomId {
    scope.open_rooms()[0]
}
