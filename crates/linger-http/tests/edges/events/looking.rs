//! `/api/v1/events?rooms=…`: open rooms that a reader looks at, beside their own.

use axum::http::Method;
use serde_json::Value;

use super::{Guest, MINE, check_problem, told};
use crate::{
    drivers::{Driver, over_both_drivers},
    stage::{Stage, patient},
};

over_both_drivers!(
    a_newcomer_sees_rooms_live_before_they_are_in_any,
    a_user_reads_their_own_rooms_and_those_that_they_look_at_each_event_once,
    to_join_or_leave_a_room_that_one_looks_at_misses_nothing_and_doubles_nothing,
    a_cursor_goes_on_with_other_rooms_and_without,
    all_three_ways_of_reading_tell_the_same,
    a_room_that_one_may_not_read_is_named_and_a_closed_one_tells_no_more_than_none,
    what_a_member_of_a_closed_room_sees_there_is_what_their_own_events_show,
    so_many_rooms_and_no_more,
    who_is_far_behind_gets_the_rooms_that_they_look_at_from_the_tables,
);

/// Ann has opened #tea and #garden, and the closed #den. Bob is in none of them.
async fn opened(driver: Driver) -> (Stage, Guest, Guest) {
    let stage = Stage::open(driver).await;
    let (ann, bob) = (stage.guest("ann").await, stage.guest("bob").await);
    for (slug, kind) in [("tea", "open"), ("garden", "open"), ("den", "closed")] {
        stage.open_room(&ann, slug, kind).await;
    }
    (stage, ann, bob)
}

fn looking(rooms: &str) -> String {
    format!("{MINE}?rooms={rooms}")
}

async fn a_newcomer_sees_rooms_live_before_they_are_in_any(driver: Driver) {
    let (stage, ann, bob) = opened(driver).await;
    let visitor: &[(&str, &str)] = &[];
    for headers in [visitor, &[("authorization", &bob.bearer)], &[("cookie", &bob.cookie)]] {
        for (rooms, heard) in [("tea", "one"), ("tea,garden", "one"), ("garden,tea,tea", "two")] {
            let held = stage.hold(stage.get(&looking(rooms), headers)).await;
            stage.say_in(&ann, "den", "not for them").await;
            stage.say_in(&ann, if heard == "one" { "tea" } else { "garden" }, heard).await;
            let (lines, cursor) = told(&held.await.unwrap());
            assert_eq!((lines, &cursor), (vec![heard.to_owned()], &stage.latest()), "{rooms}");
        }
    }
    // Names of rooms are read as everywhere: encoded, and in their normal form.
    stage.open_room(&ann, "茶", "open").await;
    let held = stage.hold(stage.get(&looking("%E8%8C%B6%2Ctea"), &[])).await;
    stage.say_in(&ann, "%E8%8C%B6", "三").await;
    assert_eq!(told(&held.await.unwrap()).0, ["三"]);
    // Without rooms a visitor has nothing to read, as before.
    for query in ["", "?rooms=", "?rooms=tea&rooms="] {
        check_problem(&stage.get(&format!("{MINE}{query}"), &[]).await, 401, "no_token", query);
    }
}

async fn a_user_reads_their_own_rooms_and_those_that_they_look_at_each_event_once(driver: Driver) {
    let (stage, ann, bob) = opened(driver).await;
    stage.join(&bob, "garden").await;
    let path = format!("/rooms/den/members/{}", bob.id);
    stage.change(&ann, Method::PUT, &path, &Value::Null).await;
    let mut cursor = stage.latest();
    // He looks at one that he is in, too.
    for slug in ["garden", "den", "tea"] {
        let path = format!("{}&after={cursor}", looking("tea,garden"));
        let held = stage.hold(stage.events(&bob, &path)).await;
        stage.say_in(&ann, slug, slug).await;
        let (lines, next) = told(&held.await.unwrap());
        assert_eq!(lines, [slug]);
        cursor = next;
    }
    // The rename of a stranger is no event of a room that he only looks at; his own comes.
    let cleo = stage.guest("cleo").await;
    stage.join(&cleo, "tea").await;
    let name = serde_json::json!({ "name": "chloe" });
    stage.change(&cleo, Method::PATCH, "/me", &name).await;
    let path = format!("{}&after={cursor}&wait=0", looking("tea"));
    assert_eq!(told(&stage.events(&bob, &path).await).0, ["member_joined"]);
    let name = serde_json::json!({ "name": "bobby" });
    stage.change(&bob, Method::PATCH, "/me", &name).await;
    let (lines, _) = told(&stage.events(&bob, &path).await);
    assert_eq!(lines, ["member_joined", "user_renamed"]);
}

async fn to_join_or_leave_a_room_that_one_looks_at_misses_nothing_and_doubles_nothing(
    driver: Driver,
) {
    let (stage, ann, bob) = opened(driver).await;
    let cursor = stage.latest();
    let follow = |query: &'static str| stage.follow(&bob, MINE, query, cursor.clone(), "the end");
    let long = [
        stage.hold(follow("rooms=tea&wait=55")).await,
        stage.hold(follow("rooms=tea,garden&wait=55&limit=1")).await,
    ];
    let short = ["rooms=tea&wait=0", "rooms=garden,tea&wait=0.01"];
    let short = short.map(|query| tokio::spawn(follow(query)));
    stage.say_in(&ann, "tea", "from outside").await;
    stage.join(&bob, "tea").await;
    stage.say_in(&ann, "tea", "from inside").await;
    stage.say_in(&bob, "tea", "mine").await;
    stage.change(&bob, Method::DELETE, "/rooms/tea/members/me", &Value::Null).await;
    stage.say_in(&ann, "tea", "from outside again").await;
    stage.say_in(&bob, "tea", "to speak is to join").await;
    stage.say_in(&ann, "tea", "the end").await;
    let expected = [
        "from outside",
        "member_joined",
        "from inside",
        "mine",
        "member_left",
        "from outside again",
        "member_joined",
        "to speak is to join",
        "the end",
    ];
    for reader in long.into_iter().chain(short) {
        assert_eq!(reader.await.unwrap(), expected);
    }
}

async fn a_cursor_goes_on_with_other_rooms_and_without(driver: Driver) {
    let (stage, ann, bob) = opened(driver).await;
    stage.join(&bob, "lobby").await;
    let mut cursor = stage.latest();
    let steps = [
        ("rooms=tea", vec!["in lobby", "in tea"]),
        ("rooms=garden", vec!["in lobby", "in garden"]),
        ("", vec!["in lobby"]),
        ("rooms=garden,tea", vec!["in lobby", "in tea", "in garden"]),
    ];
    for (rooms, expected) in steps {
        for slug in ["lobby", "tea", "garden"] {
            stage.say_in(&ann, slug, &format!("in {slug}")).await;
        }
        let path = format!("{MINE}?{rooms}&after={cursor}&wait=0");
        let (lines, next) = told(&stage.events(&bob, &path).await);
        // Ann joins the lobby with her first words.
        let lines: Vec<_> = lines.into_iter().filter(|line| line != "member_joined").collect();
        assert_eq!(
            (lines, &next),
            (expected.into_iter().map(str::to_owned).collect(), &stage.latest())
        );
        cursor = next;
    }
}

async fn all_three_ways_of_reading_tell_the_same(driver: Driver) {
    let (stage, ann, bob) = opened(driver).await;
    stage.join(&bob, "lobby").await;
    let cursor = stage.latest();
    let looking = looking("garden,tea");
    let headers = [("authorization", bob.bearer.as_str())];
    for headers in [&headers[..], &[]] {
        let cursor = stage.latest();
        let mut stream = stage.stream(&format!("{looking}&after={cursor}"), headers).await;
        stream.expect_hello().await;
        stage.until_held(1).await;
        let held = stage.hold(stage.get(&format!("{looking}&after={cursor}"), headers)).await;
        stage.say_in(&ann, "tea", "one").await;
        assert_eq!(told(&held.await.unwrap()).0, ["one"]);
        stage.say_in(&ann, "tea", "two").await;
        stage.say_in(&ann, "garden", "three").await;
        let path = format!("{looking}&after={cursor}&wait=0");
        let page = stage.get(&path, headers).await;
        assert_eq!(told(&page).0, ["one", "two", "three"]);
        let log = cursor.rsplit_once('-').unwrap().0;
        let frame = |event: &Value| {
            let (position, kind) = (&event["position"], event["type"].as_str().unwrap());
            format!("id: {log}-{position}\nevent: {kind}\ndata: {event}\n\n")
        };
        let frames: Vec<_> = page.json()["events"].as_array().unwrap().iter().map(frame).collect();
        stream.expect(&frames).await;
        drop(stream);
        stage.until_held(0).await;
    }
    // The same news and the same cursor are the same bytes, whoever reads them.
    let path = format!("{looking}&after={cursor}&wait=0");
    let one = stage.events(&bob, &path).await;
    assert_eq!(one.body, stage.get(&path, &[]).await.body);
}

async fn a_room_that_one_may_not_read_is_named_and_a_closed_one_tells_no_more_than_none(
    driver: Driver,
) {
    let (stage, _, bob) = opened(driver).await;
    let stream = ("accept", "text/event-stream");
    for headers in [&[][..], &[("authorization", bob.bearer.as_str())], &[stream]] {
        let mut told = Vec::new();
        for room in ["den", "none"] {
            for query in [room.to_owned(), format!("tea,{room}"), format!("{room},also-none")] {
                let answer = stage.get(&looking(&query), headers).await;
                check_problem(&answer, 404, "room_not_found", &query);
                let detail = answer.json()["detail"].as_str().unwrap().to_owned();
                assert!(detail.contains(&format!("{room:?}")), "{query}: {detail}");
                told.push(detail.replace(room, "it"));
            }
        }
        assert!(told.iter().all(|detail| *detail == told[0]), "told apart: {told:?}");
    }
    check_problem(&stage.get(&looking("no%20room"), &[]).await, 404, "room_not_found", "no slug");
    let closed = patient().with(|it| it.app.visitors_may_read = false);
    let stage = Stage::open_with(driver, closed).await;
    for rooms in ["lobby", "none"] {
        check_problem(&stage.get(&looking(rooms), &[]).await, 401, "no_token", rooms);
    }
}

async fn what_a_member_of_a_closed_room_sees_there_is_what_their_own_events_show(driver: Driver) {
    let (stage, ann, bob) = opened(driver).await;
    stage.say_in(&ann, "den", "before bob").await;
    let path = format!("/rooms/den/members/{}", bob.id);
    stage.change(&ann, Method::PUT, &path, &Value::Null).await;
    stage.say_in(&ann, "den", "with bob").await;
    stage.change(&bob, Method::DELETE, "/rooms/den/members/me", &Value::Null).await;
    stage.say_in(&ann, "den", "without bob").await;
    for rooms in ["den", "den,tea"] {
        let path = format!("{}&after=start&wait=0", looking(rooms));
        let (lines, _) = told(&stage.events(&bob, &path).await);
        let of_den: Vec<_> = lines.iter().filter(|line| *line != "room_opened").collect();
        assert_eq!(of_den, ["member_joined", "with bob", "member_left"], "{rooms}");
    }
}

async fn so_many_rooms_and_no_more(driver: Driver) {
    let (stage, ann, bob) = opened(driver).await;
    let mut slugs = Vec::new();
    for number in 0..51 {
        slugs.push(format!("room-{number}"));
        stage.open_room(&ann, &slugs[number], "open").await;
    }
    for headers in [&[][..], &[("authorization", bob.bearer.as_str())]] {
        let held = stage.hold(stage.get(&looking(&slugs[..50].join(",")), headers)).await;
        stage.say_in(&ann, "room-49", "the last one").await;
        assert_eq!(told(&held.await.unwrap()).0, ["the last one"]);
        for too_many in [slugs.join(","), vec!["tea"; 51].join(",")] {
            check_problem(&stage.get(&looking(&too_many), headers).await, 400, "malformed", "51");
        }
    }
}

async fn who_is_far_behind_gets_the_rooms_that_they_look_at_from_the_tables(driver: Driver) {
    let stage = Stage::open_forgetful(driver, 8).await;
    let (ann, bob) = (stage.guest("ann").await, stage.guest("bob").await);
    for slug in ["tea", "garden", "noise"] {
        stage.open_room(&ann, slug, "open").await;
    }
    stage.join(&bob, "garden").await;
    let cursor = stage.latest();
    let mut expected = Vec::new();
    for number in 0..30 {
        for slug in ["tea", "garden"] {
            expected.push(format!("{slug} {number}"));
            stage.say_in(&ann, slug, &format!("{slug} {number}")).await;
        }
        stage.say_in(&ann, "noise", "noise").await;
    }
    for query in ["rooms=tea&limit=1", "rooms=tea,garden&limit=7&wait=0", "rooms=garden,tea"] {
        let read = stage.follow(&bob, MINE, query, cursor.clone(), "garden 29").await;
        assert_eq!(read, expected, "{query}");
    }
    for (headers, is_bob) in [(&[("authorization", &*bob.bearer)][..], true), (&[], false)] {
        let path = format!("{}&after={cursor}&limit=1000", looking("tea"));
        let (lines, _) = told(&stage.get(&path, headers).await);
        let of_tea = |line: &&String| is_bob || line.starts_with("tea");
        assert!(lines.iter().eq(expected.iter().filter(of_tea)), "{lines:?}");
    }
}
