//! Reads from memory and reads from the tables: readers cannot tell them apart.
//!
//! Also the cursors that are of no use: a reset says so, in the answer itself.

use linger_core::{Cursor, LogId, Position, RoomKind};

use super::{
    assembled::Parts,
    cast::{create, from, mine, named, of_room, rename, told},
};
use crate::{After, Asker, Limits, ResetReason, Unavailable, questions::Rooms};

#[tokio::test(start_paused = true)]
async fn a_reader_further_back_than_memory_reaches_gets_the_same_events_from_the_tables() {
    let all = Limits::default();
    let few = Limits { recent_events_max: 3, ..all.clone() };
    let small = Limits { recent_bytes_max: 1000, ..all.clone() };
    let none = Limits { recent_events_max: 0, ..all.clone() };
    let mut told_by = Vec::new();
    let mut glanced = Vec::new();
    for limits in [all, few, small, none] {
        let parts = Parts::new(limits);
        let node = parts.start();
        let [ann, bob] = [node.guest("ann").await, node.guest("bob").await];
        let tea = node.opens(ann, "tea", RoomKind::Open).await;
        let den = node.opens(bob, "den", RoomKind::Closed).await;
        for number in 0..10 {
            node.says(ann, &tea, &format!("tea {number}")).await;
            node.says(bob, &den, &format!("den {number}")).await;
            if number == 5 {
                node.ask(bob, "join", linger_core::Command::JoinRoom { room: tea.id })
                    .await
                    .unwrap();
                node.ask(ann, "name", rename("anna")).await.unwrap();
            }
        }
        let mut pages = Vec::new();
        for wait in [mine(ann, After::Start), mine(bob, After::Start), of_room(&tea, After::Start)]
        {
            for limit in [1, 4, 1000] {
                let mut after = After::Start;
                loop {
                    let page = node.reads(crate::Wait { after, limit, ..wait.clone() }).await;
                    let json: Vec<_> = page.news.iter().map(|news| news.json.clone()).collect();
                    pages.push((limit, json, page.cursor));
                    after = from(page.cursor);
                    if page.news.len() < limit {
                        break;
                    }
                }
            }
        }
        told_by.push(pages);
        let scopes =
            [mine(ann, After::Start), mine(bob, After::Start), of_room(&tea, After::Start)];
        let log = node.log_id();
        let positions = (0..=node.latest().position.get()).map(Position::new);
        let waits = positions.flat_map(|position| {
            let after = from(Cursor { log, epoch: None, position });
            scopes.each_ref().map(|wait| crate::Wait { after, ..wait.clone() })
        });
        let seen = |glance: crate::Glance| (told(&glance.page.news), glance.page.cursor);
        glanced.push(
            waits.map(|wait| node.non_blocking().glance(&wait).map(seen)).collect::<Vec<_>>(),
        );
    }
    let [all, fewer @ ..] = glanced.as_slice() else { panic!("nobody glanced") };
    assert!(all.iter().all(Option::is_some));
    for glanced in fewer {
        assert!(glanced.iter().any(Option::is_none), "memory reaches too far for this test");
        for (fewer, all) in glanced.iter().zip(all) {
            assert!(fewer.is_none() || fewer == all, "{fewer:?}, {all:?}");
        }
    }
    assert!(told_by.iter().all(|pages| pages == &told_by[0]));
    assert_eq!(told_by[0].iter().filter(|(limit, ..)| *limit == 1000).count(), 3);
}

#[tokio::test(start_paused = true)]
async fn a_caught_up_reader_never_asks_the_tables() {
    let parts = Parts::new(Limits { recent_events_max: 4, ..Limits::default() });
    let node = parts.start();
    let ann = node.guest("ann").await;
    let tea = node.opens(ann, "tea", RoomKind::Open).await;
    node.stop().await;

    let node = parts.start_without_tables();
    let rooms = Rooms { reader: None, after: None, limit: 100 };
    assert_eq!(node.query(Asker::House, rooms).await.unwrap_err(), Unavailable::Overloaded);
    let mut cursors = [node.latest(); 2];
    for number in 0..20 {
        let text = format!("tea {number}");
        node.says(ann, &tea, &text).await;
        let readers = [mine(ann, from(cursors[0])), of_room(&tea, from(cursors[1]))];
        for (wait, cursor) in readers.into_iter().zip(&mut cursors) {
            let page = node.reads(wait).await;
            assert_eq!(told(&page.news), [format!("ann: {text}")]);
            *cursor = page.cursor;
        }
    }
    let left_behind = node.wait(mine(ann, After::Start), tokio::time::Instant::now()).await;
    assert_eq!(left_behind.unwrap_err(), Unavailable::Overloaded);
}

#[tokio::test(start_paused = true)]
async fn a_reader_of_a_quiet_room_never_asks_the_tables_however_busy_the_others_are() {
    let parts = Parts::new(Limits { recent_events_max: 4, ..Limits::default() });
    let node = parts.start();
    let [ann, bob] = [node.guest("ann").await, node.guest("bob").await];
    let tea = node.opens(ann, "tea", RoomKind::Open).await;
    let den = node.opens(bob, "den", RoomKind::Closed).await;
    let quiet = node.latest();
    for number in 0..20 {
        node.says(bob, &den, &format!("den {number}")).await;
    }
    node.stop().await;

    let node = parts.start_without_tables();
    for wait in [mine(ann, from(quiet)), of_room(&tea, from(quiet))] {
        let page = node.reads(wait).await;
        assert_eq!((page.news, page.cursor), (vec![], node.latest()));
    }
    node.says(ann, &tea, "at last").await;
    for wait in [mine(ann, from(quiet)), of_room(&tea, from(quiet))] {
        assert_eq!(told(&node.reads(wait).await.news), ["ann: at last"]);
    }
    assert_eq!(
        node.non_blocking().glance(&mine(bob, from(quiet))),
        None,
        "bob's room is not quiet"
    );
}

#[tokio::test(start_paused = true)]
async fn a_cursor_of_another_log_or_from_beyond_the_end_is_answered_with_a_reset() {
    let parts = Parts::new(Limits::default());
    let node = parts.start();
    let ann = node.guest("ann").await;
    let tea = node.opens(ann, "tea", RoomKind::Open).await;
    let latest = node.latest();
    let beyond = Cursor { position: latest.position.next(), ..latest };
    let other = Cursor { log: LogId::from_random(8), ..latest };
    for (cursor, reason, code) in [
        (beyond, ResetReason::BeyondTheEnd, "beyond_the_end"),
        (other, ResetReason::OtherLog, "other_log"),
    ] {
        for wait in [mine(ann, from(cursor)), of_room(&tea, from(cursor))] {
            let begin = tokio::time::Instant::now();
            let page = node.waits(wait, 30).await;
            assert_eq!((page.reset, page.news, page.cursor), (Some(reason), vec![], latest));
            assert_eq!((reason.code(), begin.elapsed().as_millis()), (code, 0));
        }
    }
    let page = node.reads(mine(ann, from(latest))).await;
    assert_eq!((page.reset, page.news, page.cursor), (None, vec![], latest));
}

#[tokio::test(start_paused = true)]
async fn a_send_whose_event_memory_has_no_room_for_is_answered_from_the_tables() {
    let parts = Parts::new(Limits { recent_bytes_max: 0, ..Limits::default() });
    let node = parts.start();
    let ann = node.guest("ann").await;
    let tea = node.opens(ann, "tea", RoomKind::Open).await;
    for _ in 0..2 {
        let first = node.says(ann, &tea, "too much").await;
        assert_eq!(told(&first.news), ["ann: too much"]);
    }
    assert!(node.says(ann, &tea, "too much").await.is_repeat);
    assert!(!node.says(ann, &tea, "more").await.is_repeat);
}

#[tokio::test(start_paused = true)]
async fn an_outcome_that_memory_has_forgotten_is_unknown_and_the_repeat_knows_it() {
    let parts = Parts::new(Limits { outcomes_max: 0, ..Limits::default() });
    let node = parts.start();
    let ask =
        || node.submit(linger_core::Author::Server, named("ann", &create("ann")), create("ann"));
    assert_eq!(ask().await.unwrap_err(), Unavailable::Unknown.into());
    assert_eq!(node.latest().position.get(), 1);
}
