//! Polls, short and long: where they begin, how long they are held, and which events
//! end them.

use serde_json::json;
use tokio::time::Instant;

use super::{LOBBY, MINE, TEA, check_page, told};
use crate::{
    drivers::{Driver, over_both_drivers},
    stage::{PATIENCE, Stage, patient},
};

over_both_drivers!(
    news_end_the_hold_of_all_who_wait_for_them,
    all_who_wait_with_the_same_cursor_get_the_same_bytes,
    a_wait_of_zero_is_a_short_poll,
    a_wait_is_a_parameter_or_a_preference_that_is_confirmed,
    a_hold_without_news_ends_in_time_and_says_so_if_it_was_preferred,
    a_hold_without_news_ends_with_a_cursor_that_has_passed_the_other_rooms,
    a_reader_begins_at_the_start_or_at_the_end_or_after_a_cursor,
    a_cursor_of_no_use_is_answered_at_once_with_a_reset_to_go_on_from,
    a_page_has_as_many_events_as_were_asked_for,
    whatever_is_said_between_look_and_wait_still_arrives,
    a_request_that_is_given_up_is_held_no_longer,
    a_server_that_closes_answers_who_waits_and_the_cursor_stays_good,
);

async fn news_end_the_hold_of_all_who_wait_for_them(driver: Driver) {
    let stage = Stage::open(driver).await;
    let (ann, bob, cleo) =
        (stage.guest("ann").await, stage.guest("bob").await, stage.guest("cleo").await);
    stage.open_room(&ann, "tea", "open").await;
    stage.join(&bob, "tea").await;
    let cursor = stage.latest();
    let held = [
        stage.hold(stage.get(TEA, &[])).await,
        stage.hold(stage.get(&format!("{TEA}?after={cursor}"), &[])).await,
        stage.hold(stage.events(&cleo, &format!("{TEA}?after=latest&wait=55"))).await,
        stage.hold(stage.events(&bob, MINE)).await,
        stage.hold(stage.events(&ann, &format!("{MINE}?after={cursor}&limit=1"))).await,
    ];
    // This is news for none of them.
    stage.say_in(&cleo, "lobby", "elsewhere").await;
    let elsewhere =
        [stage.hold(stage.get(LOBBY, &[])).await, stage.hold(stage.events(&cleo, MINE)).await];
    stage.say_in(&ann, "tea", "one").await;
    for held in held {
        let (lines, cursor) = told(&held.await.unwrap());
        assert_eq!(lines, ["one"]);
        assert_eq!(cursor, stage.latest());
    }
    stage.until_held(2).await;
    assert!(elsewhere.iter().all(|held| !held.is_finished()));
}

async fn all_who_wait_with_the_same_cursor_get_the_same_bytes(driver: Driver) {
    let stage = Stage::open(driver).await;
    let ann = stage.guest("ann").await;
    stage.open_room(&ann, "tea", "open").await;
    let path = format!("{TEA}?after={}", stage.latest());
    let mut held = Vec::new();
    for _ in 0..10 {
        held.push(stage.hold(stage.get(&path, &[])).await);
        held.push(stage.hold(stage.events(&ann, &path)).await);
        held.push(stage.hold(stage.get(&path, &[("cookie", &ann.cookie)])).await);
    }
    stage.say_in(&ann, "tea", "你好 <b> \u{a0} \"").await;
    let late = stage.get(&format!("{path}&wait=0"), &[]).await;
    assert_eq!(told(&late).0, ["你好 <b> \u{a0} \""]);
    for held in held {
        let answer = held.await.unwrap();
        check_page(&answer, &[]);
        assert_eq!(answer.body, late.body);
    }
}

async fn a_wait_of_zero_is_a_short_poll(driver: Driver) {
    let stage = Stage::open(driver).await;
    let ann = stage.guest("ann").await;
    let cursor = stage.latest();
    for path in [LOBBY, MINE] {
        for query in ["?wait=0".to_owned(), format!("?after={cursor}&wait=0.0")] {
            let (lines, next) = told(&stage.events(&ann, &format!("{path}{query}")).await);
            assert_eq!((lines.len(), &next), (0, &cursor), "{path}{query}");
        }
        let path = format!("{path}?after={cursor}");
        let answer =
            stage.get(&path, &[("authorization", ann.bearer.as_str()), ("prefer", "wait=0")]).await;
        check_page(&answer, &["preference-applied: wait=0"]);
        assert_eq!(answer.json(), json!({ "events": [], "cursor": cursor }));
    }
    stage.until_held(0).await;
}

async fn a_wait_is_a_parameter_or_a_preference_that_is_confirmed(driver: Driver) {
    let stage = Stage::open(driver).await;
    // There is news, so nobody waits.
    let cases: [(&str, &str, &[&str], Option<&str>); 8] = [
        ("neither", "", &[], None),
        ("the parameter", "&wait=55", &[], None),
        ("a long one", "&wait=1000000", &[], None),
        ("the preference", "", &["wait=20"], Some("wait=20")),
        ("among others", "", &["respond-async, wait=20", "wait=30"], Some("wait=20")),
        ("a long preference", "", &["wait=900"], Some("wait=55")),
        ("the parameter wins", "&wait=1", &["wait=30"], None),
        ("another preference", "", &["return=minimal"], None),
    ];
    for (case, query, preferences, applied) in cases {
        let headers: Vec<_> = preferences.iter().map(|value| ("prefer", *value)).collect();
        let answer = stage.get(&format!("{LOBBY}?after=start{query}"), &headers).await;
        let applied = applied.map(|applied| format!("preference-applied: {applied}"));
        check_page(&answer, &applied.iter().map(String::as_str).collect::<Vec<_>>());
        assert_eq!(super::lines(&answer.json()), ["room_opened"], "{case}");
    }
}

async fn a_hold_without_news_ends_in_time_and_says_so_if_it_was_preferred(driver: Driver) {
    let stage = Stage::open(driver).await;
    let (ann, cursor) = (stage.guest("ann").await, stage.latest());
    let preferred = [("authorization", ann.bearer.as_str()), ("prefer", "wait=1")];
    let started = Instant::now();
    let held = [
        tokio::spawn(stage.get(&format!("{LOBBY}?after={cursor}&wait=0.95"), &[])),
        tokio::spawn(stage.get(&format!("{MINE}?after={cursor}"), &preferred)),
    ];
    for (held, more) in held.into_iter().zip([&[][..], &["preference-applied: wait=1"]]) {
        let answer = held.await.unwrap();
        // Shortened by up to a tenth, at random.
        let elapsed = started.elapsed();
        assert!(elapsed.as_millis() >= 850 && elapsed < PATIENCE, "{elapsed:?}");
        check_page(&answer, more);
        assert_eq!(answer.json(), json!({ "events": [], "cursor": cursor }));
    }
}

async fn a_hold_without_news_ends_with_a_cursor_that_has_passed_the_other_rooms(driver: Driver) {
    let stage = Stage::open(driver).await;
    let (ann, bob) = (stage.guest("ann").await, stage.guest("bob").await);
    stage.open_room(&ann, "tea", "open").await;
    stage.open_room(&ann, "coffee", "open").await;
    let before = stage.latest();
    let paths = [format!("{TEA}?after={before}&wait=2"), format!("{MINE}?after={before}&wait=2")];
    let held =
        [tokio::spawn(stage.get(&paths[0], &[])), tokio::spawn(stage.events(&bob, &paths[1]))];
    stage.until_held(2).await;
    stage.say_in(&ann, "coffee", "one").await;
    let latest = stage.latest();
    for held in held {
        let (lines, cursor) = told(&held.await.unwrap());
        assert_eq!((lines.len(), &cursor), (0, &latest), "{before}");
    }
    stage.say_in(&ann, "tea", "two").await;
    assert_eq!(told(&stage.get(&format!("{TEA}?after={latest}"), &[]).await).0, ["two"]);
}

async fn a_reader_begins_at_the_start_or_at_the_end_or_after_a_cursor(driver: Driver) {
    let stage = Stage::open(driver).await;
    let ann = stage.guest("ann").await;
    stage.open_room(&ann, "tea", "open").await;
    stage.say_in(&ann, "tea", "one").await;
    let middle = stage.latest();
    stage.say_in(&ann, "tea", "two").await;
    let latest = stage.latest();
    let cases: [(&str, &str, &[&str]); 7] = [
        ("the start", "?after=start", &["room_opened", "one", "two"]),
        ("a cursor", &format!("?after={middle}"), &["two"]),
        ("the last cursor counts", &format!("?after=start&after={middle}"), &["two"]),
        ("the last cursor", &format!("?after={latest}&wait=0"), &[]),
        ("the end", "?after=latest&wait=0", &[]),
        ("the end, not named", "?wait=0", &[]),
        ("encoded", &format!("?after={}", middle.replace('-', "%2D")), &["two"]),
    ];
    for (case, query, expected) in cases {
        for path in [TEA, MINE] {
            // This header is for streams only: a poll gives its cursor in the address.
            let headers = [("authorization", ann.bearer.as_str()), ("last-event-id", "nonsense")];
            let (lines, cursor) = told(&stage.get(&format!("{path}{query}"), &headers).await);
            assert_eq!(lines, expected, "{case}");
            assert_eq!(cursor, latest, "{case}");
        }
    }
}

async fn a_cursor_of_no_use_is_answered_at_once_with_a_reset_to_go_on_from(driver: Driver) {
    let stage = Stage::open(driver).await;
    let ann = stage.guest("ann").await;
    let latest = stage.latest();
    let (log, position) = latest.rsplit_once('-').unwrap();
    let beyond = format!("{log}-{}", position.parse::<u64>().unwrap() + 1);
    let (id, _) = log.split_once('-').unwrap();
    let other_past = format!("{id}-aaaaaaaa-1");
    let cases = [
        ("aaaaaaaaaa-1", "other_log"),
        ("aaaaaaaaaa-999999", "other_log"),
        (beyond.as_str(), "beyond_the_end"),
        // An epoch that this log never had: from before a copy was put back.
        (other_past.as_str(), "other_past"),
    ];
    for (cursor, reason) in cases {
        for path in [LOBBY, MINE] {
            // Also with a wait: a reset is answered at once.
            let answer = stage.events(&ann, &format!("{path}?after={cursor}&wait=55")).await;
            check_page(&answer, &[]);
            let expected = json!({ "reset": { "reason": reason }, "events": [], "cursor": latest });
            assert_eq!(answer.json(), expected);
            assert!(answer.body.starts_with(r#"{"reset":"#), "{}", answer.body);
        }
    }
    let held = stage.hold(stage.get(&format!("{LOBBY}?after={latest}"), &[])).await;
    stage.join(&ann, "lobby").await;
    assert_eq!(told(&held.await.unwrap()).0, ["member_joined"]);
}

async fn a_page_has_as_many_events_as_were_asked_for(driver: Driver) {
    let stage = Stage::open(driver).await;
    let ann = stage.guest("ann").await;
    stage.open_room(&ann, "tea", "open").await;
    for text in ["one", "two", "three", "four"] {
        stage.say_in(&ann, "tea", text).await;
    }
    let all = ["room_opened", "one", "two", "three", "four"];
    for (path, limit) in [(TEA, 1), (MINE, 1), (TEA, 2), (TEA, 5), (MINE, 1000)] {
        let mut cursor = "start".to_owned();
        for expected in all.chunks(limit) {
            let query = format!("?after={cursor}&limit={limit}");
            let (lines, next) = told(&stage.events(&ann, &format!("{path}{query}")).await);
            assert_eq!(lines, expected, "{path}, {limit} at once");
            cursor = next;
        }
        assert_eq!(cursor, stage.latest(), "{path}, {limit} at once");
    }
}

async fn whatever_is_said_between_look_and_wait_still_arrives(driver: Driver) {
    let stage = Stage::open(driver).await;
    let (ann, bob) = (stage.guest("ann").await, stage.guest("bob").await);
    stage.open_room(&ann, "tea", "open").await;
    stage.join(&bob, "tea").await;
    let mut cursor = stage.latest();
    for number in 0..100 {
        // All at once, so that each may be the first.
        let path = |path: &str| format!("{path}?after={cursor}&wait=55");
        let of_room = tokio::spawn(stage.get(&path(TEA), &[]));
        let of_mine = tokio::spawn(stage.events(&bob, &path(MINE)));
        let text = number.to_string();
        stage.say_in(&ann, "tea", &text).await;
        let (of_room, of_mine) = (of_room.await.unwrap(), of_mine.await.unwrap());
        assert_eq!(told(&of_room).0, [text]);
        assert_eq!(of_room.body, of_mine.body);
        cursor = told(&of_mine).1;
    }
}

async fn a_request_that_is_given_up_is_held_no_longer(driver: Driver) {
    let stage = Stage::open(driver).await;
    let ann = stage.guest("ann").await;
    let held = [
        stage.hold(stage.get(LOBBY, &[])).await,
        stage.hold(stage.events(&ann, MINE)).await,
        stage.hold(stage.get(LOBBY, &[])).await,
    ];
    for given_up in &held[..2] {
        given_up.abort();
    }
    stage.until_held(1).await;
    stage.join(&ann, "lobby").await;
    let [.., held] = held;
    assert_eq!(told(&held.await.unwrap()).0, ["member_joined"]);
}

async fn a_server_that_closes_answers_who_waits_and_the_cursor_stays_good(driver: Driver) {
    let stage = Stage::open(driver).await;
    let (ann, cursor) = (stage.guest("ann").await, stage.latest());
    let held = [
        stage.hold(stage.get(&format!("{LOBBY}?after={cursor}"), &[])).await,
        stage.hold(stage.events(&ann, &format!("{MINE}?after={cursor}&wait=55"))).await,
    ];
    let stage = stage.restart(patient()).await;
    stage.join(&ann, "lobby").await;
    for (held, path) in held.into_iter().zip([LOBBY, MINE]) {
        let (lines, same) = told(&held.await.unwrap());
        assert_eq!((lines.len(), &same), (0, &cursor));
        let next = stage.events(&ann, &format!("{path}?after={cursor}")).await;
        assert_eq!(told(&next).0, ["member_joined"]);
    }
}
