//! Readers who are so far behind that memory does not have their events.
//!
//! The node of these tests remembers eight events; older ones come from the
//! tables, and readers must not notice.

use super::{Guest, MINE, TEA};
use crate::{
    drivers::{Driver, over_both_drivers},
    stage::Stage,
};

/// Events that the node has in memory.
const REMEMBERED: usize = 8;

over_both_drivers!(
    a_reader_who_is_far_behind_gets_everything_in_order,
    a_quiet_room_is_heard_while_a_busy_one_turns_memory_over,
);

async fn opened(driver: Driver) -> (Stage, Guest, Guest) {
    let stage = Stage::open_forgetful(driver, REMEMBERED).await;
    let (ann, bob) = (stage.guest("ann").await, stage.guest("bob").await);
    stage.open_room(&ann, "tea", "open").await;
    stage.open_room(&ann, "noise", "open").await;
    stage.join(&bob, "tea").await;
    (stage, ann, bob)
}

async fn a_reader_who_is_far_behind_gets_everything_in_order(driver: Driver) {
    let (stage, ann, bob) = opened(driver).await;
    let cursor = stage.latest();
    let mut expected = Vec::new();
    for number in 0..60 {
        expected.push(format!("tea {number}"));
        stage.say_in(&ann, "tea", &expected[number]).await;
        stage.say_in(&ann, "noise", "noise").await;
    }
    for (path, query) in [(TEA, "limit=1"), (TEA, "limit=7"), (TEA, ""), (MINE, "limit=13&wait=0")]
    {
        let read = stage.follow(&bob, path, query, cursor.clone(), "tea 59").await;
        assert_eq!(read, expected, "{path} {query}");
    }
    for path in [TEA, MINE] {
        let headers = [("authorization", bob.bearer.as_str())];
        let mut stream = stage.stream(&format!("{path}?after={cursor}&limit=7"), &headers).await;
        stream.expect_hello().await;
        let frames = stage.frames(&bob, path, &cursor).await;
        assert_eq!(frames.len(), expected.len());
        stream.expect(&frames).await;
    }
}

async fn a_quiet_room_is_heard_while_a_busy_one_turns_memory_over(driver: Driver) {
    let (stage, ann, bob) = opened(driver).await;
    let cursor = stage.latest();
    let mut stream = stage.stream(&format!("{TEA}?after={cursor}"), &[]).await;
    stream.expect_hello().await;
    stage.until_held(1).await;
    let follow = |path, query| stage.follow(&bob, path, query, cursor.clone(), "tea 2");
    let long = [
        stage.hold(follow(TEA, "wait=55")).await,
        stage.hold(follow(MINE, "wait=55")).await,
        stage.hold(follow(TEA, "wait=55&limit=1")).await,
    ];
    // Their holds end again and again while nothing but other rooms' events happens.
    let short = [(TEA, "wait=0.02"), (MINE, "wait=0.01"), (TEA, "wait=0")];
    let short = short.map(|(path, query)| tokio::spawn(follow(path, query)));
    let mut expected = Vec::new();
    for round in 0..3 {
        for _ in 0..4 * REMEMBERED {
            stage.say_in(&ann, "noise", "noise").await;
        }
        expected.push(format!("tea {round}"));
        stage.say_in(&ann, "tea", &expected[round]).await;
    }
    for reader in long.into_iter().chain(short) {
        assert_eq!(reader.await.unwrap(), expected);
    }
    let frames = stage.frames(&bob, TEA, &cursor).await;
    assert_eq!(frames.len(), expected.len());
    stream.expect(&frames).await;
}
