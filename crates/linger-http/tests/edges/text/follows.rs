//! Waiting and following in plain text: every line once, whenever it is said.

use axum::http::{Method, StatusCode};
use serde_json::json;
use tokio::{sync::mpsc, task::JoinSet, time::timeout};

use crate::{
    drivers::{Driver, over_both_drivers},
    stage::{Answer, PATIENCE, Stage, hasty, request},
};

over_both_drivers!(
    a_follower_gets_the_newest_lines_and_then_each_line_as_it_comes,
    a_follower_of_a_room_in_which_nothing_was_said_hears_the_first_word,
    a_follower_of_a_closed_room_hears_what_members_hear,
    a_follower_gets_as_many_lines_as_they_ask_for,
    a_loop_that_follows_the_link_reads_every_line_once,
    all_who_wait_alike_get_the_same_bytes,
    a_wait_tells_who_comes_and_goes,
    a_follower_is_told_what_becomes_of_messages_and_of_the_room,
    a_wait_without_news_ends_with_nothing_and_a_place_to_go_on,
    a_wait_at_a_place_that_the_log_does_not_have_shows_the_room_afresh,
    a_stream_ends_with_the_server,
);

/// Returns the address to read on at.
fn next(answer: &Answer) -> String {
    let mut links = answer.headers.get_all("link").iter().map(|link| link.to_str().unwrap());
    let next = links.rfind(|link| link.ends_with("; rel=\"next\"")).unwrap();
    next.trim_start_matches('<').split('>').next().unwrap().to_owned()
}

/// Returns lines without their times.
fn without_times(text: &str) -> Vec<&str> {
    text.lines().map(|line| &line[6..]).collect()
}

impl Stage {
    async fn says(&self, token: &str, path: &str, text: &str) {
        let bearer = format!("Bearer {token}");
        let answer = self.form(path, text, &[("authorization", &bearer)]).await;
        assert_eq!(answer.status, StatusCode::CREATED, "{}", answer.body);
    }

    async fn opens(&self, slug: &str, headers: &[(&str, &str)]) {
        let body = json!({ "slug": slug }).to_string();
        let answer = self.send(request(Method::POST, "/api/v1/rooms", &body, headers)).await;
        assert_eq!(answer.status, StatusCode::CREATED, "{}", answer.body);
    }

    async fn follows(&self, path: &str, headers: &[(&str, &str)]) -> Following {
        let asked = request(Method::GET, path, "", headers);
        let mut coming = timeout(PATIENCE, self.entrance.begin(asked)).await.unwrap();
        assert_eq!(coming.status, StatusCode::OK);
        assert_eq!(coming.headers["content-type"], "text/plain; charset=utf-8");
        assert_eq!(coming.headers["x-accel-buffering"], "no");
        let (pass_on, pieces) = mpsc::channel(1000);
        let mut reading = JoinSet::new();
        reading.spawn(async move {
            while let Some(piece) = coming.piece().await {
                pass_on.send(String::from_utf8(piece).unwrap()).await.unwrap();
            }
        });
        Following { pieces, _reading: reading }
    }
}

/// A follower who reads all the time, as curl does. Dropped, they hang up.
struct Following {
    pieces: mpsc::Receiver<String>,
    _reading: JoinSet<()>,
}

impl Following {
    /// Waits for the next piece; none at the end.
    async fn piece(&mut self) -> Option<String> {
        timeout(PATIENCE, self.pieces.recv()).await.expect("the stream goes on in time")
    }
}

/// Reads pieces until there are so many lines.
async fn lines(following: &mut Following, count: usize) -> String {
    let mut text = String::new();
    while text.matches('\n').count() < count {
        text += &following.piece().await.expect("the stream goes on");
    }
    text.trim_start_matches('\r').to_owned()
}

async fn a_follower_gets_the_newest_lines_and_then_each_line_as_it_comes(driver: Driver) {
    let stage = Stage::open(driver).await;
    let ann = stage.newcomer_says("ann", "one").await;
    stage.says(&ann, "/r/lobby", "two\nlines").await;
    // A browser that follows gets plain text, too.
    for headers in [&[][..], &[super::BROWSER]] {
        let mut coming = stage.follows("/r/lobby?follow", headers).await;
        assert_eq!(without_times(&lines(&mut coming, 3).await), ["ann: one", "ann: two", "lines"]);
        stage.until_held(1).await;
        drop(coming);
        stage.until_held(0).await;
    }
    let mut coming = stage.follows("/r/lobby?follow&tz=Asia/Tokyo", &[]).await;
    lines(&mut coming, 3).await;
    stage.newcomer_says("bob", "three").await;
    stage.says(&ann, "/r/lobby", "four").await;
    let told = lines(&mut coming, 3).await;
    assert_eq!(without_times(&told), ["* bob joined", "bob: three", "ann: four"]);
}

async fn a_follower_of_a_room_in_which_nothing_was_said_hears_the_first_word(driver: Driver) {
    let stage = Stage::open(driver).await;
    let mut coming = stage.follows("/r/lobby?follow", &[]).await;
    let first = coming.piece().await.unwrap();
    assert_eq!(first, "\r", "a proxy passes the head on, and a terminal shows nothing");
    stage.newcomer_says("ann", "one").await;
    assert_eq!(without_times(&lines(&mut coming, 2).await), ["* ann joined", "ann: one"]);
}

async fn a_follower_of_a_closed_room_hears_what_members_hear(driver: Driver) {
    let stage = Stage::open(driver).await;
    let ann = stage.newcomer_says("ann", "hello").await;
    let bearer = format!("Bearer {ann}");
    let headers = [("authorization", bearer.as_str())];
    let den = json!({ "slug": "den", "kind": "closed" }).to_string();
    let opened = stage.send(request(Method::POST, "/api/v1/rooms", &den, &headers)).await;
    assert_eq!(opened.status, StatusCode::CREATED);
    stage.says(&ann, "/r/den", "one").await;
    for path in ["/r/den", "/r/den?follow", "/r/den?wait"] {
        assert_eq!(stage.get(path, &[]).await.status, StatusCode::NOT_FOUND, "{path}");
    }
    let mut coming = stage.follows("/r/den?follow", &headers).await;
    assert_eq!(without_times(&lines(&mut coming, 1).await), ["ann: one"]);
    stage.says(&ann, "/r/den", "two").await;
    assert_eq!(without_times(&lines(&mut coming, 1).await), ["ann: two"]);
    // Somebody who comes in now hears what is said from now on.
    let bob = stage.json("/api/v1/guests", &json!({ "name": "bob" })).await.json();
    let path = format!("/api/v1/rooms/den/members/{}", bob["user"]["id"]);
    let added = stage.send(request(Method::PUT, &path, "", &headers)).await;
    assert_eq!(added.status, StatusCode::NO_CONTENT);
    let bearer = format!("Bearer {}", bob["token"].as_str().unwrap());
    let headers = [("authorization", bearer.as_str())];
    let mut bobs = stage.follows("/r/den?follow", &headers).await;
    stage.says(&ann, "/r/den", "three").await;
    assert_eq!(without_times(&lines(&mut bobs, 1).await), ["ann: three"]);
    assert_eq!(without_times(&lines(&mut coming, 2).await), ["* ann added bob", "ann: three"]);
    let page = stage.get("/r/den", &[super::BROWSER, headers[0]]).await;
    assert!(page.body.contains("three") && !page.body.contains("two"), "{}", page.body);
}

async fn a_follower_gets_as_many_lines_as_they_ask_for(driver: Driver) {
    let stage = Stage::open(driver).await;
    let ann = stage.newcomer_says("ann", "0").await;
    for number in 1..70 {
        stage.says(&ann, "/r/lobby", &number.to_string()).await;
    }
    for (query, expected) in [("", 20..70), ("&limit=3", 67..70), ("&limit=200", 0..70)] {
        let mut coming = stage.follows(&format!("/r/lobby?follow{query}"), &[]).await;
        let expected: Vec<_> = expected.map(|number| format!("ann: {number}")).collect();
        let text = lines(&mut coming, expected.len()).await;
        assert_eq!(without_times(&text), expected, "{query}");
    }
}

async fn a_loop_that_follows_the_link_reads_every_line_once(driver: Driver) {
    let stage = Stage::open(driver).await;
    let ann = stage.newcomer_says("ann", "0").await;
    let mut path = "/r/lobby".to_owned();
    let mut read = Vec::new();
    for number in 1..30 {
        let answer = match number % 3 {
            // Said before the reader asks, while they wait, and between two questions.
            0 => {
                let held = stage.hold(stage.get(&path, &[])).await;
                stage.says(&ann, "/r/lobby", &number.to_string()).await;
                held.await.unwrap()
            }
            _ => {
                stage.says(&ann, "/r/lobby", &number.to_string()).await;
                stage.get(&path, &[]).await
            }
        };
        assert_eq!(answer.status, StatusCode::OK);
        read.extend(without_times(&answer.body).into_iter().map(str::to_owned));
        path = next(&answer);
    }
    let expected: Vec<_> = (0..30).map(|number| format!("ann: {number}")).collect();
    assert_eq!(read, expected);
}

async fn all_who_wait_alike_get_the_same_bytes(driver: Driver) {
    let stage = Stage::open(driver).await;
    let ann = stage.newcomer_says("ann", "one").await;
    // Newcomers' pages differ in the id of the form, and in nothing else (`pages`).
    let cookie = format!("linger_session={ann}");
    for headers in [&[][..], &[super::BROWSER, ("cookie", cookie.as_str())]] {
        let path = next(&stage.get("/r/lobby", headers).await);
        let mut waiting = Vec::new();
        for _ in 0..10 {
            waiting.push(stage.hold(stage.get(&path, headers)).await);
        }
        stage.says(&ann, "/r/lobby", "two").await;
        let mut answers = Vec::new();
        for held in waiting {
            answers.push(held.await.unwrap());
        }
        assert!(answers[0].body.contains("two"), "{}", answers[0].body);
        for answer in &answers {
            assert_eq!((&answer.body, next(answer)), (&answers[0].body, next(&answers[0])));
        }
    }
}

async fn a_wait_tells_who_comes_and_goes(driver: Driver) {
    let stage = Stage::open(driver).await;
    let mut path = next(&stage.get("/r/lobby", &[]).await);
    let bob = stage.json("/api/v1/guests", &json!({ "name": "bob" })).await.json();
    let bearer = format!("Bearer {}", bob["token"].as_str().unwrap());
    for (method, expected) in [(Method::PUT, "* bob joined"), (Method::DELETE, "* bob left")] {
        let held = stage.hold(stage.get(&path, &[])).await;
        let call = "/api/v1/rooms/lobby/members/me";
        let done = stage.send(request(method, call, "", &[("authorization", &bearer)])).await;
        assert_eq!(done.status, StatusCode::NO_CONTENT);
        let answer = held.await.unwrap();
        assert_eq!(without_times(&answer.body), [expected]);
        path = next(&answer);
    }
}

async fn a_follower_is_told_what_becomes_of_messages_and_of_the_room(driver: Driver) {
    let stage = Stage::open(driver).await;
    let ann = stage.newcomer_says("ann", "one").await;
    let bearer = format!("Bearer {ann}");
    let headers = [("authorization", bearer.as_str())];
    let page = stage.get("/api/v1/rooms/lobby/messages", &[]).await.json();
    let id = page["messages"][0]["id"].as_u64().unwrap();
    let number = page["messages"][0]["number"].as_u64().unwrap();
    let mut coming = stage.follows("/r/lobby?follow", &[]).await;
    lines(&mut coming, 1).await;
    let waiting = next(&stage.get("/r/lobby", &[]).await);
    let held = stage.hold(stage.get(&waiting, &[])).await;
    let one = format!("/api/v1/messages/{id}");
    let uno = json!({ "text": "uno\ndos" }).to_string();
    let topic = json!({ "topic": "Tea" }).to_string();
    let (thumb, pin) = (format!("{one}/reactions/%F0%9F%91%8D"), format!("{one}/pin"));
    stage.opens("tea", &headers).await;
    let mut tea = stage.follows("/r/tea?follow", &[]).await;
    for (method, path, body) in [
        (Method::PUT, &thumb, ""),
        (Method::DELETE, &thumb, ""),
        (Method::PUT, &pin, ""),
        (Method::DELETE, &pin, ""),
        (Method::PATCH, &one, &*uno),
        (Method::DELETE, &one, ""),
        (Method::PATCH, &"/api/v1/rooms/tea".to_owned(), &*topic),
        (Method::PATCH, &"/api/v1/rooms/tea".to_owned(), r#"{"name": "The pot", "topic": ""}"#),
    ] {
        let done = stage.send(request(method, path, body, &headers)).await;
        assert!(done.status.is_success(), "{}", done.body);
    }
    let told = lines(&mut coming, 7).await;
    let reacted = format!("* ann answered {number} with 👍");
    let expected = [
        &*reacted,
        &format!("* ann took 👍 back from {number}"),
        &format!("* ann pinned {number}"),
        &format!("* ann unpinned {number}"),
        &format!("* ann changed {number}: uno"),
        "dos",
        &format!("* ann deleted {number}"),
    ];
    assert_eq!(without_times(&told), expected);
    let answer = held.await.unwrap();
    assert!(answer.body.contains(&reacted), "{}", answer.body);
    let told = lines(&mut tea, 2).await;
    let expected = [
        "* ann set the name of the room to tea, and its topic to Tea",
        "* ann set the name of the room to The pot, without a topic",
    ];
    assert_eq!(without_times(&told), expected);
}

async fn a_wait_without_news_ends_with_nothing_and_a_place_to_go_on(driver: Driver) {
    let stage = Stage::open_with(driver, hasty()).await;
    stage.newcomer_says("ann", "one").await;
    let path = next(&stage.get("/r/lobby", &[]).await);
    let answer = stage.get(&path.replace("wait", "wait=0"), &[]).await;
    assert_eq!((answer.status, &*answer.body, next(&answer)), (StatusCode::OK, "", path.clone()));
    let page = stage.get(&path.replace("wait", "wait=0"), &[super::BROWSER]).await;
    assert!(page.body.contains("Nothing new yet.") && page.body.contains("one"), "{}", page.body);
}

async fn a_wait_at_a_place_that_the_log_does_not_have_shows_the_room_afresh(driver: Driver) {
    let stage = Stage::open(driver).await;
    stage.newcomer_says("ann", "one").await;
    let here = next(&stage.get("/r/lobby", &[]).await);
    // On a cluster another node may have read further: it takes a moment to find out.
    let beyond = format!("{here}99");
    for path in ["/r/lobby?wait&after=aaaaaaaaaa-1", &beyond] {
        let answer = stage.get(path, &[]).await;
        assert_eq!(without_times(&answer.body), ["ann: one"], "{path}");
        assert_eq!(next(&answer), here);
        let page = stage.get(path, &[super::BROWSER]).await;
        assert!(page.body.contains("<p dir=\"auto\">one"), "{}", page.body);
        assert!(!page.body.contains("Nothing new yet."), "{}", page.body);
    }
}

async fn a_stream_ends_with_the_server(driver: Driver) {
    let stage = Stage::open(driver).await;
    stage.newcomer_says("ann", "one").await;
    let mut coming = stage.follows("/r/lobby?follow", &[]).await;
    lines(&mut coming, 1).await;
    stage.until_held(1).await;
    stage.node.close(std::time::Duration::ZERO).await;
    // It ends with its last piece, and in time.
    while coming.piece().await.is_some() {}
}
