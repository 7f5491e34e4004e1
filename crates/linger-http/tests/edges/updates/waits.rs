//! Waiting in `/update`: no message is lost, whenever it is sent.
//!
//! The article's server loses a message that comes between its look and its wait, and
//! everything with a restart; both have their tests here.

use axum::http::{Method, StatusCode};
use serde_json::json;

use super::told;
use crate::{
    drivers::{Driver, over_both_drivers},
    stage::{Stage, hasty, header_lines, patient, request},
};

over_both_drivers!(
    an_empty_buffer_holds_until_somebody_speaks,
    a_hold_without_news_ends_with_an_empty_answer_that_the_client_goes_on_from,
    people_who_come_and_go_do_not_end_a_hold,
    all_who_wait_with_the_same_cursor_are_told_the_same_bytes,
    a_request_that_is_given_up_is_held_no_longer,
    a_reader_who_was_away_for_longer_than_the_buffer_misses_nothing,
    whatever_is_said_between_look_and_wait_still_arrives,
    the_first_message_of_all_reaches_who_waits_for_it_however_close_it_comes,
    many_who_speak_at_once_are_all_read_in_one_order_by_all,
    a_cursor_and_what_was_said_outlive_a_restart,
    a_server_that_closes_answers_who_waits_and_the_cursor_stays_good,
);

async fn an_empty_buffer_holds_until_somebody_speaks(driver: Driver) {
    let stage = Stage::open(driver).await;
    let held = stage.hold(stage.update("")).await;
    stage.new_message("one").await;
    assert_eq!(told(&held.await.unwrap()).0, ["one"]);
}

async fn a_hold_without_news_ends_with_an_empty_answer_that_the_client_goes_on_from(
    driver: Driver,
) {
    let stage = Stage::open_with(driver, hasty()).await;
    let (texts, cursor) = told(&stage.update("").await);
    assert!(texts.is_empty(), "an empty buffer");
    stage.new_message("one").await;
    let (texts, cursor) = told(&stage.update(&cursor).await);
    assert_eq!(texts, ["one"]);
    let (texts, same) = told(&stage.update(&cursor).await);
    assert_eq!((texts.len(), &same), (0, &cursor));
}

async fn people_who_come_and_go_do_not_end_a_hold(driver: Driver) {
    let stage = Stage::open(driver).await;
    stage.new_message("one").await;
    let (_, cursor) = told(&stage.update("").await);
    let held = stage.hold(stage.update(&cursor)).await;
    let bob = stage.json("/api/v1/guests", &json!({ "name": "bob" })).await.cookie();
    for method in [Method::PUT, Method::DELETE, Method::PUT] {
        let path = "/api/v1/rooms/lobby/members/me";
        let answer = stage.send(request(method, path, "", &[("cookie", &bob)])).await;
        assert_eq!(answer.status, StatusCode::NO_CONTENT);
    }
    stage.until_held(1).await;
    assert!(!held.is_finished());
    stage.new_message("two").await;
    assert_eq!(told(&held.await.unwrap()).0, ["two"]);
}

async fn all_who_wait_with_the_same_cursor_are_told_the_same_bytes(driver: Driver) {
    let stage = Stage::open(driver).await;
    let ann = stage.form("/new", "msg=one", &[]).await.cookie();
    let (_, cursor) = told(&stage.update("").await);
    let body = format!("cursor={cursor}");
    let mut held = Vec::new();
    for _ in 0..10 {
        held.push(stage.hold(stage.update(&cursor)).await);
        held.push(stage.hold(stage.form("/update", &body, &[("cookie", &ann)])).await);
    }
    stage.form("/new", "msg=two", &[("cookie", &ann)]).await;
    let late = stage.update(&cursor).await;
    assert_eq!(told(&late).0, ["two"]);
    let expected = [
        "cache-control: no-store",
        "content-type: text/html; charset=utf-8",
        "x-content-type-options: nosniff",
    ];
    for held in held {
        let answer = held.await.unwrap();
        assert_eq!(answer.body, late.body);
        assert_eq!(header_lines(&answer.headers), expected);
    }
}

async fn a_request_that_is_given_up_is_held_no_longer(driver: Driver) {
    let stage = Stage::open(driver).await;
    let (given_up, held) = (stage.hold(stage.update("")).await, stage.hold(stage.update("")).await);
    given_up.abort();
    stage.until_held(1).await;
    stage.new_message("one").await;
    assert_eq!(told(&held.await.unwrap()).0, ["one"]);
}

async fn a_reader_who_was_away_for_longer_than_the_buffer_misses_nothing(driver: Driver) {
    let stage = Stage::open(driver).await;
    stage.new_message("first").await;
    let (_, mut cursor) = told(&stage.update("").await);
    let ann = stage.form("/new", "msg=0", &[]).await.cookie();
    for number in 1..450 {
        stage.form("/new", &format!("msg={number}"), &[("cookie", &ann)]).await;
    }
    let mut read = Vec::new();
    while read.len() < 450 {
        let (texts, next) = told(&stage.update(&cursor).await);
        read.extend(texts);
        cursor = next;
    }
    assert_eq!(read, (0..450).map(|number| number.to_string()).collect::<Vec<_>>());
}

async fn whatever_is_said_between_look_and_wait_still_arrives(driver: Driver) {
    let stage = Stage::open(driver).await;
    let ann = stage.form("/new", "msg=first", &[]).await.cookie();
    let (_, mut cursor) = told(&stage.update("").await);
    for number in 0..200 {
        // Both at once, so that each may be the first.
        let reading = tokio::spawn(stage.update(&cursor));
        let text = number.to_string();
        let said = tokio::spawn(stage.form("/new", &format!("msg={text}"), &[("cookie", &ann)]));
        let (texts, next) = told(&reading.await.unwrap());
        assert_eq!(texts, [text]);
        assert_eq!(said.await.unwrap().status, StatusCode::OK);
        cursor = next;
    }
}

async fn the_first_message_of_all_reaches_who_waits_for_it_however_close_it_comes(driver: Driver) {
    for _ in 0..25 {
        let stage = Stage::open(driver).await;
        let reading = tokio::spawn(stage.update(""));
        stage.new_message("one").await;
        assert_eq!(told(&reading.await.unwrap()).0, ["one"]);
    }
}

async fn many_who_speak_at_once_are_all_read_in_one_order_by_all(driver: Driver) {
    const WRITERS: usize = 6;
    const EACH: usize = 25;
    let stage = Stage::open(driver).await;
    stage.new_message("begin").await;
    let (_, begin) = told(&stage.update("").await);
    let readers: Vec<_> =
        (0..4).map(|_| tokio::spawn(read_on(&stage, begin.clone(), WRITERS * EACH))).collect();
    let writers: Vec<_> = (0..WRITERS)
        .map(|writer| {
            let sends: Vec<_> =
                (0..EACH).map(|n| stage.form("/new", &format!("msg={writer}.{n}"), &[])).collect();
            tokio::spawn(async move {
                for send in sends {
                    assert_eq!(send.await.status, StatusCode::OK);
                }
            })
        })
        .collect();
    for writer in writers {
        writer.await.unwrap();
    }
    let mut stories = Vec::new();
    for reader in readers {
        stories.push(reader.await.unwrap());
    }
    assert!(stories.iter().all(|story| *story == stories[0]), "{stories:#?}");
    for writer in 0..WRITERS {
        let own: Vec<_> =
            stories[0].iter().filter(|text| text.starts_with(&format!("{writer}."))).collect();
        assert_eq!(
            own,
            (0..EACH)
                .map(|n| format!("{writer}.{n}"))
                .collect::<Vec<_>>()
                .iter()
                .collect::<Vec<_>>()
        );
    }
}

/// Reads on until so many messages have come.
fn read_on(
    stage: &Stage,
    mut cursor: String,
    number: usize,
) -> impl Future<Output = Vec<String>> + Send + use<> {
    let entrance = stage.entrance.clone();
    async move {
        let mut read = Vec::new();
        while read.len() < number {
            let asked = request(Method::POST, "/update", &format!("cursor={cursor}"), &[]);
            let (texts, next) = told(&entrance.send(asked).await);
            read.extend(texts);
            cursor = next;
        }
        read
    }
}

async fn a_cursor_and_what_was_said_outlive_a_restart(driver: Driver) {
    let stage = Stage::open(driver).await;
    let ann = stage.form("/new", "msg=one", &[]).await.cookie();
    let (_, cursor) = told(&stage.update("").await);
    let stage = stage.restart(patient()).await;
    let answer = stage.form("/new", "msg=two", &[("cookie", &ann)]).await;
    assert_eq!(answer.header("set-cookie"), "", "ann is still ann");
    assert_eq!(told(&stage.update(&cursor).await).0, ["two"]);
    assert_eq!(told(&stage.update("").await).0, ["one", "two"]);
}

async fn a_server_that_closes_answers_who_waits_and_the_cursor_stays_good(driver: Driver) {
    let stage = Stage::open(driver).await;
    stage.new_message("one").await;
    let (_, cursor) = told(&stage.update("").await);
    let held = stage.hold(stage.update(&cursor)).await;
    let stage = stage.restart(patient()).await;
    let (texts, cursor) = told(&held.await.unwrap());
    assert_eq!(texts.len(), 0);
    stage.new_message("two").await;
    assert_eq!(told(&stage.update(&cursor).await).0, ["two"]);
}
