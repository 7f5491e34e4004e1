//! How long a node takes to join a long log. A million entries take minutes to prepare, so
//! that many are there only when they are asked for (docs/testing.md).

use async_nats::jetstream;
use futures_util::{StreamExt, stream};
use linger_core::{Command, Draft, RoomId, Timestamp};

use super::*;
use crate::{
    log::jetstream::{context, encoded, subject},
    tests::{
        cast::{create, draft, open, say},
        chance::Chance,
    },
};

const ENTRIES: u64 = 4000;
const PEOPLE: u64 = 50;
const ROOMS: u64 = 10;
/// Messages that are on their way at once.
const SENT_AT_ONCE: usize = 2000;
/// Of a million entries, on a release build.
const JOIN_MAX: Duration = Duration::from_secs(10);

fn entries() -> u64 {
    let asked = std::env::var("LINGER_ENTRIES").ok();
    asked.map_or(ENTRIES, |number| number.parse().expect("LINGER_ENTRIES is a number"))
}

/// People, rooms, and everybody in every room.
const PREPARED: u64 = PEOPLE + ROOMS + PEOPLE * ROOMS;

/// Returns the entry at a position: people come first, then rooms, and then all talk.
fn entry(position: u64, chance: &mut Chance) -> Draft {
    const WORDS: [&str; 12] = [
        "tea", "is", "ready", "who", "comes", "to", "the", "garden", "tomorrow", "at", "five",
        "maybe",
    ];
    let at = Timestamp::from_ms(1_767_225_600_000 + position.cast_signed() * 40);
    let user = |number: u64| Author::User(UserId::new(Position::new(number % PEOPLE + 1)));
    let (author, command): (Author, Command) = if position <= PEOPLE {
        (Author::Server, create(&format!("guest-{position}")))
    } else if position <= PEOPLE + ROOMS {
        (user(position), open(&format!("room-{position}"), RoomKind::Open))
    } else if position <= PREPARED {
        let room = Position::new(PEOPLE + 1 + position % ROOMS);
        (user(position / ROOMS), Command::JoinRoom { room: RoomId::new(room) })
    } else {
        let count = 4 + chance.next() % 24;
        let words = (0..count).map(|_| WORDS[(chance.next() % 12) as usize]);
        let text = format!("{position} {}", words.collect::<Vec<_>>().join(" "));
        let room = Position::new(PEOPLE + 1 + chance.next() % ROOMS);
        (user(chance.next()), say(RoomId::new(room), &text))
    };
    let id = format!("{:016x}", chance.next());
    draft(at, author, &id, command)
}

async fn fill(settings: &ClusterSettings, entries: u64) {
    let context: &jetstream::Context = &context(settings).await.unwrap();
    let subject = subject(&settings.stream);
    let mut chance = Chance::new(1);
    let mut send = |position| {
        let payload = encoded(&entry(position, &mut chance));
        let sent = context.publish(subject.clone(), payload);
        async move { sent.await.unwrap().await.unwrap().sequence }
    };
    for position in 1..=PREPARED {
        assert_eq!(send(position).await, position);
    }
    // Talk may come in any order.
    let talk = stream::iter(PREPARED + 1..=entries).map(send);
    let last = talk.buffered(SENT_AT_ONCE).fold(0, async |last: u64, it| last.max(it)).await;
    assert_eq!(last, entries);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_joins_a_long_log_in_seconds_and_is_equal() {
    let folder = tempfile::tempdir().unwrap();
    // No power is cut here, and one server has no group commit.
    let mut server = NatsServer::new(folder.path().join("n"), "", "");
    server.start();
    let settings = server.new_log();
    let begun = Instant::now();
    fill(&settings, entries()).await;
    println!("the log is filled in {:.1?}", begun.elapsed());
    let looks = Limits {
        snapshot_every: Limits::default().snapshot_every.min(entries() / 2),
        snapshot_look_every: Duration::from_millis(100),
        ..Limits::default()
    };
    let begun = Instant::now();
    let one = Place::open(&settings, looks.clone());
    one.node().ready().await.unwrap();
    println!("a node replays it in {:.1?}", begun.elapsed());
    let begun = Instant::now();
    let bucket = bucket_of(&settings).await;
    let snapshot = loop {
        if let Some(snapshot) = bucket.read().await.unwrap().document.snapshots.first() {
            break snapshot.clone();
        }
        sleep(Duration::from_millis(100)).await;
    };
    println!("a snapshot is made in {:.1?}: {snapshot:?}", begun.elapsed());
    let begun = Instant::now();
    let two = Place::open(&settings, looks);
    two.node().ready().await.unwrap();
    let joined = begun.elapsed();
    println!("a node joins in {joined:.1?}");
    let position = two.node().latest().position;
    assert_eq!(two.fingerprint_at(position).await, one.fingerprint_at(position).await);
    assert!(cfg!(debug_assertions) || joined < JOIN_MAX, "{joined:?}");
}
