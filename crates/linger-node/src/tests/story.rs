//! A real node, with all its threads and files, and many who use it at once.

use std::{collections::BTreeMap, sync::Arc};

use linger_core::{Command, Position, RoomKind};
use tokio::{
    task::JoinSet,
    time::{Duration, Instant},
};

use super::{
    cast::{TestClock, from, mine, of_room},
    chance::Chance,
};
use crate::{After, Limits, Node, Wait};

const READERS: u64 = 12;
const WRITERS: u64 = 4;
const MESSAGES: u64 = 60;
/// Much longer than the writers take: a reader who waits that long misses some.
const HOLD_MS_MAX: u64 = 20_000;

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn twelve_readers_who_race_four_writers_read_the_same_complete_sequence() {
    let folder = tempfile::tempdir().unwrap();
    // Memory reaches back so little that slow readers read the tables.
    let limits = Limits { recent_events_max: 16, ..Limits::default() };
    let node = Arc::new(
        Node::open(folder.path(), crate::Rollback::Refused, limits, Arc::new(TestClock::new(1)))
            .unwrap(),
    );
    node.ready().await.unwrap();
    let ann = node.guest("ann").await;
    let tea = node.opens(ann, "tea", RoomKind::Open).await;
    let mut writers = Vec::new();
    for number in 0..WRITERS {
        let writer = node.guest(&format!("writer {number}").replace(' ', "-")).await;
        node.ask(writer, "join", Command::JoinRoom { room: tea.id }).await.unwrap();
        writers.push(writer);
    }

    let mut readers = JoinSet::new();
    for number in 0..READERS {
        let wait = match number % 3 {
            0 => mine(ann, After::Start),
            _ => of_room(&tea, After::Start),
        };
        readers.spawn(read(node.clone(), wait, Chance::new(7).part(number)));
    }
    let mut said = JoinSet::new();
    for writer in writers {
        let (node, tea) = (node.clone(), tea.clone());
        said.spawn(async move {
            let mut receipts = Vec::new();
            for number in 0..MESSAGES {
                let text = format!("{writer} says {number}");
                receipts.push((node.says(writer, &tea, &text).await.position, text));
            }
            receipts
        });
    }

    let acknowledged: BTreeMap<Position, String> =
        said.join_all().await.into_iter().flatten().collect();
    assert_eq!(acknowledged.len() as u64, WRITERS * MESSAGES);
    for (numbers, messages) in readers.join_all().await {
        assert_eq!(numbers, (1..=1 + WRITERS + WRITERS * MESSAGES).collect::<Vec<_>>());
        assert_eq!(messages, acknowledged);
    }
    assert_eq!(node.held(), (0, 0));
}

/// Reads until everything was read, a few events at a time, with short waits and
/// long ones. Returns the events' numbers in the room, and the texts.
async fn read(
    node: Arc<Node>,
    wait: Wait,
    mut chance: Chance,
) -> (Vec<u64>, BTreeMap<Position, String>) {
    let (mut numbers, mut messages) = (Vec::new(), BTreeMap::new());
    let mut after = wait.after;
    while (messages.len() as u64) < WRITERS * MESSAGES {
        let limit = chance.pick(&[1, 3, 10, 1000]);
        let hold = Duration::from_millis(chance.pick(&[0, 5, HOLD_MS_MAX]));
        let page =
            node.wait(Wait { after, limit, ..wait.clone() }, Instant::now() + hold).await.unwrap();
        let is_missing = page.news.is_empty() && hold == Duration::from_millis(HOLD_MS_MAX);
        assert!(!is_missing, "nothing came, and {} were read", messages.len());
        assert!(page.reset.is_none() && page.news.len() <= limit);
        for news in &page.news {
            numbers.extend(news.event.number);
            messages.extend(
                news.message()
                    .map(|said| (news.position(), said.text.as_ref().unwrap().to_string())),
            );
        }
        after = from(page.cursor);
        tokio::task::yield_now().await;
    }
    (numbers, messages)
}
