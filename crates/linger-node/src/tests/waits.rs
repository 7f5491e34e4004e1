//! Promises to held readers: news comes at once, waits end, places are freed.
//!
//! The clock is paused, so a wait that ends "at once" ends at the same instant,
//! and one that misses its wake-up is seen to last until its deadline.

use std::{sync::Arc, time::Duration};

use linger_core::{Command, RoomKind, UserId};
use tokio::time::{Instant, sleep};

use super::{
    assembled::{Assembled, Parts},
    cast::{from, looking_at, mine, of_room, rename, told},
};
use crate::{After, Limits, NotReady, RoomRef, Unavailable};

const MINUTE: u64 = 60;

/// ann and bob are in #tea, and nobody has said anything.
async fn tea(parts: &Parts) -> (Assembled, [UserId; 2], RoomRef) {
    let node = parts.start();
    let [ann, bob] = [node.guest("ann").await, node.guest("bob").await];
    let tea = node.opens(ann, "tea", RoomKind::Open).await;
    node.ask(bob, "join", Command::JoinRoom { room: tea.id }).await.unwrap();
    (node, [ann, bob], tea)
}

#[tokio::test(start_paused = true)]
async fn a_held_reader_is_told_at_once() {
    let (node, [ann, bob], tea) = tea(&Parts::new(Limits::default())).await;
    let cleo = node.guest("cleo").await;
    let garden = node.opens(ann, "garden", RoomKind::Open).await;
    let waits = [
        mine(bob, After::Latest),
        of_room(&tea, After::Latest),
        looking_at(&[&tea], Some(cleo), After::Latest),
        looking_at(&[&tea, &garden], None, After::Latest),
    ];
    for (number, wait) in waits.into_iter().enumerate() {
        let begin = Instant::now();
        let speak = async {
            sleep(Duration::from_secs(5)).await;
            node.says(ann, &tea, &format!("now {number}")).await
        };
        let (page, said) = tokio::join!(node.waits(wait, MINUTE), speak);
        assert_eq!((page.news, page.cursor), (vec![said.news.unwrap()], node.latest()));
        assert_eq!(begin.elapsed(), Duration::from_secs(5));
    }
    assert_eq!(node.held(), (0, 0));
}

#[tokio::test(start_paused = true)]
async fn what_happens_between_entering_and_looking_is_seen() {
    // Memory reaches back one event, and forgets a rename that might concern this
    // reader. So they look in the tables, which takes a second. A message that comes
    // meanwhile is not in that answer.
    let mut parts = Parts::new(Limits { recent_events_max: 1, ..Limits::default() });
    parts.table_time = Arc::new(|| Duration::from_secs(1));
    let (node, [ann, bob], tea) = tea(&parts).await;
    let cleo = node.guest("cleo").await;
    let cursor = node.latest();
    for name in ["cloe", "chloe"] {
        node.ask(cleo, name, rename(name)).await.unwrap();
    }
    let begin = Instant::now();
    let speak = async {
        sleep(Duration::from_millis(500)).await;
        node.says(ann, &tea, "meanwhile").await;
    };
    let (page, ()) = tokio::join!(node.waits(mine(bob, from(cursor)), MINUTE), speak);
    assert_eq!(told(&page.news), ["ann: meanwhile"]);
    assert_eq!(begin.elapsed(), Duration::from_secs(1));
}

#[tokio::test(start_paused = true)]
async fn a_wait_without_news_ends_at_its_deadline_with_a_cursor_that_is_newer() {
    let (node, [ann, bob], tea) = tea(&Parts::new(Limits::default())).await;
    let den = node.opens(ann, "den", RoomKind::Closed).await;
    let cursor = node.latest();
    let begin = Instant::now();
    let speak = async {
        sleep(Duration::from_secs(5)).await;
        node.says(ann, &den, "not for bob").await;
    };
    let tasks = (
        node.waits(mine(bob, from(cursor)), 30),
        node.waits(of_room(&tea, from(cursor)), 30),
        speak,
    );
    let (mine, of_tea, ()) = tokio::join!(tasks.0, tasks.1, tasks.2);
    assert_eq!(begin.elapsed(), Duration::from_secs(30));
    for page in [mine, of_tea] {
        assert_eq!((told(&page.news), page.reset), (vec![], None));
        assert_eq!(page.cursor, node.latest());
    }
}

#[tokio::test(start_paused = true)]
async fn a_wake_for_somebody_elses_news_does_not_answer_me_but_moves_my_cursor() {
    let (node, [ann, bob], _) = tea(&Parts::new(Limits::default())).await;
    let den = node.opens(ann, "den", RoomKind::Closed).await;
    let before = node.latest();
    let begin = Instant::now();
    // An older answer let bob in, and he is a member no more.
    let outside = crate::Wait { reader: Some(bob), ..of_room(&den, from(before)) };
    let change = async {
        sleep(Duration::from_secs(5)).await;
        let wakes = node.metrics.wakes.get();
        node.says(ann, &den, "not for bob").await;
        node.metrics.wakes.get() - wakes
    };
    let (page, wakes) = tokio::join!(node.waits(outside, 30), change);
    assert_eq!((page.news, wakes), (vec![], 1));
    assert_eq!(begin.elapsed(), Duration::from_secs(30));
    assert_eq!(page.cursor, node.latest());
}

#[tokio::test(start_paused = true)]
async fn a_rename_wakes_those_who_share_a_room_and_no_reader_of_the_room_alone() {
    let (node, [ann, bob], tea) = tea(&Parts::new(Limits::default())).await;
    let before = node.latest();
    let change = async {
        sleep(Duration::from_secs(5)).await;
        let wakes = node.metrics.wakes.get();
        node.ask(ann, "rename", rename("anna")).await.unwrap();
        node.metrics.wakes.get() - wakes
    };
    let readers =
        (node.waits(of_room(&tea, from(before)), 30), node.waits(mine(bob, from(before)), 30));
    let (of_tea, of_bob, wakes) = tokio::join!(readers.0, readers.1, change);
    assert_eq!((told(&of_bob.news), wakes), (vec!["user_renamed".to_owned()], 1));
    assert_eq!((of_tea.news, of_tea.cursor), (vec![], node.latest()));
}

#[tokio::test(start_paused = true)]
async fn who_joins_leaves_or_is_renamed_is_told_and_so_are_those_who_share_a_room() {
    let (node, [ann, bob], tea) = tea(&Parts::new(Limits::default())).await;
    let den = node.opens(ann, "den", RoomKind::Closed).await;
    let add = Command::AddMember { room: den.id, user: bob };
    let leave = Command::LeaveRoom { room: tea.id };
    let steps = [
        ("added", ann, add, "member_joined"),
        ("renamed", bob, rename("bobby"), "user_renamed"),
        ("leaves", bob, leave, "member_left"),
    ];
    for (id, who, command, expected) in steps {
        let begin = Instant::now();
        let act = async {
            sleep(Duration::from_secs(5)).await;
            node.ask(who, id, command).await.unwrap();
        };
        let waits =
            (node.waits(mine(ann, After::Latest), 30), node.waits(mine(bob, After::Latest), 30));
        let (for_ann, for_bob, ()) = tokio::join!(waits.0, waits.1, act);
        assert_eq!(
            (told(&for_ann.news), told(&for_bob.news)),
            (vec![expected.into()], vec![expected.into()])
        );
        assert_eq!(begin.elapsed(), Duration::from_secs(5), "{id}");
    }
}

#[tokio::test(start_paused = true)]
async fn one_reader_too_many_is_told_to_come_back() {
    let parts = Parts::new(Limits { waiters_max: 2, ..Limits::default() });
    let (node, [ann, bob], tea) = tea(&parts).await;
    let late = async {
        sleep(Duration::from_secs(1)).await;
        let refused =
            node.wait(mine(ann, After::Latest), Instant::now() + Duration::from_secs(9)).await;
        assert_eq!(refused.unwrap_err(), Unavailable::Overloaded);
        // A reader who does not want to wait takes no place, and is answered.
        assert_eq!(told(&node.reads(of_room(&tea, After::Start)).await.news).len(), 2);
        assert_eq!(node.held(), (2, 2));
    };
    let held =
        (node.waits(mine(bob, After::Latest), 30), node.waits(of_room(&tea, After::Latest), 30));
    tokio::join!(held.0, held.1, late);
    assert_eq!(node.held(), (0, 0));
}

#[tokio::test(start_paused = true)]
async fn one_onlooker_too_many_is_told_to_come_back() {
    let parts = Parts::new(Limits { looked_at_max: 3, ..Limits::default() });
    let (node, [ann, bob], tea) = tea(&parts).await;
    let garden = node.opens(ann, "garden", RoomKind::Open).await;
    let visiting = || looking_at(&[&tea, &garden], None, After::Latest);
    let late = async {
        sleep(Duration::from_secs(1)).await;
        let looking = looking_at(&[&tea, &garden], Some(bob), After::Latest);
        let refused = node.wait(looking.clone(), Instant::now() + Duration::from_secs(9)).await;
        assert_eq!(refused.unwrap_err(), Unavailable::Overloaded);
        // Short polls and readers who look at no rooms take no such place.
        node.reads(looking).await;
        node.waits(mine(bob, After::Latest), 1).await;
        node.says(ann, &garden, "hello").await;
    };
    let (first, ()) = tokio::join!(node.waits(visiting(), 30), late);
    assert_eq!(told(&first.news), ["ann: hello"]);
    // Their places are free again.
    node.waits(looking_at(&[&tea, &garden], Some(bob), After::Latest), 1).await;
}

#[tokio::test(start_paused = true)]
async fn a_client_who_goes_away_leaves_no_place_behind() {
    let (node, [_, bob], tea) = tea(&Parts::new(Limits::default())).await;
    let shared = node.node();
    let waits = [mine(bob, After::Latest), of_room(&tea, After::Latest), mine(bob, After::Latest)];
    let held = waits.map(|wait| {
        let node = shared.clone();
        tokio::spawn(async move { node.waits(wait, MINUTE).await })
    });
    sleep(Duration::from_secs(1)).await;
    assert_eq!(node.held(), (3, 3));
    for (gone, left) in held.into_iter().zip([2, 1, 0]) {
        gone.abort();
        assert!(gone.await.unwrap_err().is_cancelled());
        assert_eq!(node.held(), (left, left as i64));
    }
}

#[tokio::test(start_paused = true)]
async fn a_node_that_closes_answers_everybody_and_holds_nobody_any_more() {
    let (node, [ann, bob], tea) = tea(&Parts::new(Limits::default())).await;
    let begin = Instant::now();
    let close = async {
        sleep(Duration::from_secs(5)).await;
        node.close(Duration::from_secs(2)).await;
    };
    let held = (
        node.waits(mine(ann, After::Latest), MINUTE),
        node.waits(mine(bob, After::Latest), MINUTE),
        node.waits(of_room(&tea, After::Latest), MINUTE),
    );
    let (first, second, third, ()) = tokio::join!(held.0, held.1, held.2, close);
    for page in [first, second, third] {
        assert_eq!((page.news, page.reset, page.cursor), (vec![], None, node.latest()));
    }
    assert!(begin.elapsed() <= Duration::from_secs(8), "{:?}", begin.elapsed());
    assert_eq!(node.held(), (0, 0));

    let begin = Instant::now();
    assert_eq!(node.waits(mine(bob, After::Latest), MINUTE).await.news, vec![]);
    // Senders are still served.
    let said = node.says(ann, &tea, "the last word").await;
    assert_eq!(node.waits(mine(bob, After::Start), MINUTE).await.news.last(), said.news.as_ref());
    assert_eq!(begin.elapsed(), Duration::ZERO);
    assert!(node.is_closing());
    assert_eq!(node.readiness().await, Err(NotReady::NotOpen));
}

#[tokio::test(start_paused = true)]
async fn a_deadline_is_up_to_a_tenth_early_and_never_late() {
    let parts = Parts::new(Limits::default());
    let node = parts.start();
    let wait = Duration::from_secs(25);
    let holds: Vec<_> = (0..500).map(|_| node.deadline(wait) - Instant::now()).collect();
    assert!(holds.iter().all(|hold| (wait.mul_f64(0.899)..=wait).contains(hold)), "{holds:?}");
    let spread = *holds.iter().max().unwrap() - *holds.iter().min().unwrap();
    assert!(
        spread > Duration::from_secs(2),
        "those who came together come back together: {spread:?}"
    );
}
