//! Waiting in `/get_new_message`: one message a call, none lost, none twice.
//!
//! The article's faults have their tests here: the queue that is dropped after
//! two quick messages, and the server that forgets everything with a restart.

use std::time::Duration;

use axum::http::{Method, StatusCode};
use linger_http::DialectSettings;
use serde_json::json;

use super::{numbered, told};
use crate::{
    drivers::{Driver, over_both_drivers},
    stage::{PATIENCE, Stage, hasty, header_lines, patient, request},
};

over_both_drivers!(
    a_visitor_is_told_one_message_a_call_their_own_too_from_their_coming_on,
    a_message_ends_the_wait_and_says_who_spoke_and_when,
    people_who_come_and_go_do_not_end_a_hold,
    a_hold_in_which_people_only_come_and_go_ends_in_time_and_misses_nothing,
    one_message_answers_all_visitors_who_wait,
    many_quick_messages_all_arrive_in_order,
    whatever_is_said_between_look_and_wait_still_arrives,
    of_several_requests_of_one_visitor_each_message_answers_exactly_one,
    a_request_that_is_given_up_while_held_takes_no_message_with_it,
    a_restart_keeps_names_and_messages_and_nothing_said_since_is_missed,
    by_default_a_wait_lasts_up_to_30_seconds_and_a_little_less,
);

async fn a_visitor_is_told_one_message_a_call_their_own_too_from_their_coming_on(driver: Driver) {
    let stage = Stage::open_with(driver, hasty()).await;
    let ann = stage.get_name().await;
    stage.send_message(&ann, "before bob").await;
    let bob = stage.get_name().await;
    stage.send_message(&bob, "one").await;
    stage.send_message(&ann, "two").await;
    assert_eq!(stage.read_all(&bob).await, ["one", "two"]);
    assert_eq!(stage.read_all(&ann).await, ["before bob", "one", "two"]);
    assert_eq!(stage.read_all(&ann).await, [""; 0]);
}

async fn a_message_ends_the_wait_and_says_who_spoke_and_when(driver: Driver) {
    let stage = Stage::open(driver).await;
    let (ann, bob) = (stage.get_name().await, stage.get_name().await);
    let held = stage.hold(stage.get_new_message(&bob)).await;
    stage.send_message(&ann, "hello").await;
    let (name, _) = ann.rsplit_once("==").unwrap();
    let expected = format!(
        r#"{{"status":1,"error":"","message":{{"username":"{name}","message":"hello","time":"2026-11-21 18:00:00"}}}}"#
    );
    assert_eq!(held.await.unwrap().body, expected);
}

async fn people_who_come_and_go_do_not_end_a_hold(driver: Driver) {
    let stage = Stage::open(driver).await;
    let (ann, bob) = (stage.get_name().await, stage.get_name().await);
    let held = stage.hold(stage.get_new_message(&bob)).await;
    let cleo = stage.json("/api/v1/guests", &json!({ "name": "cleo" })).await.cookie();
    for method in [Method::PUT, Method::DELETE, Method::PUT] {
        let path = "/api/v1/rooms/lobby/members/me";
        let answer = stage.send(request(method, path, "", &[("cookie", &cleo)])).await;
        assert_eq!(answer.status, StatusCode::NO_CONTENT);
    }
    stage.until_held(1).await;
    assert!(!held.is_finished());
    stage.send_message(&ann, "one").await;
    assert_eq!(told(&held.await.unwrap()).as_deref(), Some("one"));
}

async fn a_hold_in_which_people_only_come_and_go_ends_in_time_and_misses_nothing(driver: Driver) {
    let names_hold = Duration::from_millis(500);
    let stage =
        Stage::open_with(driver, patient().with(|it| it.dialects.names_hold = names_hold)).await;
    let (ann, bob) = (stage.get_name().await, stage.get_name().await);
    let held = stage.hold(stage.get_new_message(&bob)).await;
    let cleo = stage.json("/api/v1/guests", &json!({ "name": "cleo" })).await.cookie();
    let path = "/api/v1/rooms/lobby/members/me";
    let answer = stage.send(request(Method::PUT, path, "", &[("cookie", &cleo)])).await;
    assert_eq!(answer.status, StatusCode::NO_CONTENT);
    assert_eq!(told(&held.await.unwrap()), None);
    stage.send_message(&ann, "one").await;
    assert_eq!(told(&stage.get_new_message(&bob).await).as_deref(), Some("one"));
}

async fn one_message_answers_all_visitors_who_wait(driver: Driver) {
    let stage = Stage::open(driver).await;
    let ann = stage.get_name().await;
    let mut held = Vec::new();
    for _ in 0..20 {
        let visitor = stage.get_name().await;
        held.push(stage.hold(stage.get_new_message(&visitor)).await);
    }
    stage.send_message(&ann, "one").await;
    let first = held.remove(0).await.unwrap();
    assert_eq!(told(&first).as_deref(), Some("one"));
    assert_eq!(first.header("content-type"), "application/json");
    assert_eq!(first.header("cache-control"), "no-store");
    assert_eq!(first.header("access-control-allow-origin"), "*");
    for held in held {
        let answer = held.await.unwrap();
        assert_eq!(answer.body, first.body);
        assert_eq!(header_lines(&answer.headers), header_lines(&first.headers));
    }
}

async fn many_quick_messages_all_arrive_in_order(driver: Driver) {
    let stage = Stage::open_with(driver, hasty()).await;
    let (ann, bob) = (stage.get_name().await, stage.get_name().await);
    for number in 0..150 {
        stage.send_message(&ann, &number.to_string()).await;
    }
    assert_eq!(stage.read_all(&bob).await, numbered(0..150));
}

async fn whatever_is_said_between_look_and_wait_still_arrives(driver: Driver) {
    let stage = Stage::open(driver).await;
    let (ann, bob) = (stage.get_name().await, stage.get_name().await);
    for number in 0..200 {
        let text = number.to_string();
        // Both at once, so that each may be the first.
        let reading = tokio::spawn(stage.get_new_message(&bob));
        let said = tokio::spawn(stage.send_message(&ann, &text));
        assert_eq!(told(&reading.await.unwrap()), Some(text));
        said.await.unwrap();
    }
}

async fn of_several_requests_of_one_visitor_each_message_answers_exactly_one(driver: Driver) {
    let stage = Stage::open(driver).await;
    let (ann, bob) = (stage.get_name().await, stage.get_name().await);
    for round in 0..20 {
        let readers: Vec<_> = (0..5).map(|_| tokio::spawn(stage.get_new_message(&bob))).collect();
        let texts: Vec<_> = (0..5).map(|number| format!("{round}.{number}")).collect();
        for text in &texts {
            stage.send_message(&ann, text).await;
        }
        let mut read = Vec::new();
        for reader in readers {
            read.push(told(&reader.await.unwrap()).expect("a message for each"));
        }
        read.sort();
        assert_eq!(read, texts);
    }
}

async fn a_request_that_is_given_up_while_held_takes_no_message_with_it(driver: Driver) {
    let stage = Stage::open(driver).await;
    let (ann, bob) = (stage.get_name().await, stage.get_name().await);
    let held = stage.hold(stage.get_new_message(&bob)).await;
    held.abort();
    stage.until_held(0).await;
    stage.send_message(&ann, "one").await;
    assert_eq!(told(&stage.get_new_message(&bob).await).as_deref(), Some("one"));
}

async fn a_restart_keeps_names_and_messages_and_nothing_said_since_is_missed(driver: Driver) {
    let stage = Stage::open(driver).await;
    let (ann, bob) = (stage.get_name().await, stage.get_name().await);
    stage.send_message(&ann, "before").await;
    let listed = stage.get_all_message().await;
    let held = stage.hold({
        stage.get_new_message(&bob).await;
        stage.get_new_message(&bob)
    });
    let held = held.await;
    let stage = stage.restart(hasty()).await;
    assert_eq!(told(&held.await.unwrap()), None, "who waits is answered when the server closes");
    assert_eq!(stage.get_all_message().await, listed);
    stage.send_message(&ann, "after").await;
    assert_eq!(stage.read_all(&bob).await, ["after"]);
    assert_eq!(stage.read_all(&ann).await, ["after"]);
    let tags: Vec<_> =
        stage.get_all_message().await.iter().map(|message| message["tag"].clone()).collect();
    assert_eq!(tags[0], tags[1], "ann is still ann");
}

async fn by_default_a_wait_lasts_up_to_30_seconds_and_a_little_less(driver: Driver) {
    let settings = DialectSettings::default();
    assert_eq!((settings.names_hold.as_secs(), settings.update_hold.as_secs()), (30, 300));
    // A wait that ends in time shows that it is held at all.
    let stage = Stage::open_with(driver, hasty()).await;
    let started = tokio::time::Instant::now();
    assert_eq!(told(&stage.get_new_message("ann==u-1").await), None);
    let held = started.elapsed();
    assert!(held >= hasty().dialects.names_hold * 9 / 10 && held < PATIENCE, "{held:?}");
}
