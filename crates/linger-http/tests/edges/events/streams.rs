//! Streams of server-sent events: how they begin, what they carry, and how a reader
//! goes on after losing one.
//!
//! The comment every 15 s is left to a test with more patience.

use axum::http::{Method, StatusCode};
use serde_json::{Value, json};
use tokio::{sync::mpsc, task::JoinSet, time::timeout};

use super::{Guest, LOBBY, MINE, TEA};
use crate::{
    drivers::{Driver, over_both_drivers},
    stage::{PATIENCE, Stage, header_lines, patient, request},
};

over_both_drivers!(
    a_stream_says_where_it_begins_and_brings_each_event_under_the_cursor_after_it,
    a_stream_from_a_cursor_brings_what_was_missed_and_goes_on,
    the_last_event_id_comes_before_the_parameter,
    a_cursor_of_no_use_is_told_by_an_event_and_the_stream_goes_on,
    all_who_read_a_stream_get_the_same_bytes,
    a_stream_of_my_rooms_brings_what_concerns_me,
    a_stream_that_is_left_is_held_no_longer,
    a_stream_ends_with_the_server_and_goes_on_by_its_last_id,
);

/// A stream that is read all the time, as clients do, and given out frame by frame. When
/// it is dropped, it hangs up.
pub(super) struct Stream {
    pieces: mpsc::Receiver<Vec<u8>>,
    bytes: Vec<u8>,
    _reading: JoinSet<()>,
}

impl Stage {
    /// Asks for a stream, and checks the head of it.
    pub(super) async fn stream(&self, path: &str, headers: &[(&str, &str)]) -> Stream {
        let accept = ("accept", "text/event-stream");
        let asked = request(Method::GET, path, "", &[&[accept], headers].concat());
        let coming = timeout(PATIENCE, self.entrance.begin(asked));
        let mut coming = coming.await.expect("a stream begins in time");
        assert_eq!(coming.status, StatusCode::OK);
        let mut lines = header_lines(&coming.headers);
        lines.retain(|line| line != "transfer-encoding: chunked");
        let expected = [
            "cache-control: no-store",
            "content-type: text/event-stream",
            "x-accel-buffering: no",
            "x-content-type-options: nosniff",
        ];
        assert_eq!(lines, expected);
        assert!(!coming.headers.contains_key("content-length"));
        let (pass_on, pieces) = mpsc::channel(1000);
        let mut reading = JoinSet::new();
        reading.spawn(async move {
            while let Some(piece) = coming.piece().await {
                pass_on.send(piece).await.unwrap();
            }
        });
        Stream { pieces, bytes: Vec::new(), _reading: reading }
    }

    async fn stream_of(&self, guest: &Guest, path: &str) -> Stream {
        self.stream(path, &[("authorization", &guest.bearer)]).await
    }

    /// The frames of all events after a cursor, made from a poll's answer.
    pub(super) async fn frames(&self, guest: &Guest, path: &str, after: &str) -> Vec<String> {
        let page = self.events(guest, &format!("{path}?after={after}&wait=0&limit=1000")).await;
        let latest = self.latest();
        let (log, _) = latest.rsplit_once('-').unwrap();
        let frame = |event: &Value| {
            let (position, kind) = (&event["position"], event["type"].as_str().unwrap());
            format!("id: {log}-{position}\nevent: {kind}\ndata: {event}\n\n")
        };
        page.json()["events"].as_array().unwrap().iter().map(frame).collect()
    }
}

impl Stream {
    /// Waits for the next frame, with its empty line; none at the end of the
    /// stream. Comments that only keep it alive are left out.
    pub(super) async fn frame(&mut self) -> Option<String> {
        loop {
            let whole = self.bytes.windows(2).position(|two| two == b"\n\n");
            if let Some(end) = whole {
                let frame: Vec<u8> = self.bytes.drain(..end + 2).collect();
                let frame = String::from_utf8(frame).unwrap();
                if frame == ": still here\n\n" {
                    continue;
                }
                return Some(frame);
            }
            let piece = timeout(PATIENCE, self.pieces.recv()).await;
            let Some(piece) = piece.expect("the stream goes on in time") else {
                assert_eq!(self.bytes, b"", "a stream ends after a frame");
                return None;
            };
            self.bytes.extend(piece);
        }
    }

    /// Waits for exactly these frames.
    pub(super) async fn expect(&mut self, frames: &[String]) {
        for expected in frames {
            assert_eq!(self.frame().await.as_ref(), Some(expected));
        }
    }

    /// Waits for the comment of a stream that begins after a cursor.
    pub(super) async fn expect_hello(&mut self) {
        self.expect(&[": linger\n\n".to_owned()]).await;
    }
}

async fn a_stream_says_where_it_begins_and_brings_each_event_under_the_cursor_after_it(
    driver: Driver,
) {
    let stage = Stage::open(driver).await;
    let ann = stage.guest("ann").await;
    stage.open_room(&ann, "tea", "open").await;
    for (path, query) in [(TEA, ""), (MINE, "?after=latest"), (TEA, "?limit=1&wait=0")] {
        let begin = stage.latest();
        let mut stream = stage.stream_of(&ann, &format!("{path}{query}")).await;
        stream.expect(&[format!(": linger\nid: {begin}\n\n")]).await;
        stage.until_held(1).await;
        for text in ["one", "你好\n\nid: two"] {
            stage.say_in(&ann, "tea", text).await;
        }
        stage.say_in(&stage.guest("bob").await, "tea", "three").await;
        let frames = stage.frames(&ann, path, &begin).await;
        assert_eq!(frames.len(), 4, "bob came in, too: {frames:?}");
        stream.expect(&frames).await;
        // While there is no news, nothing comes, and the request is held.
        stage.until_held(1).await;
        drop(stream);
        stage.until_held(0).await;
    }
}

async fn a_stream_from_a_cursor_brings_what_was_missed_and_goes_on(driver: Driver) {
    let stage = Stage::open(driver).await;
    let ann = stage.guest("ann").await;
    stage.open_room(&ann, "tea", "open").await;
    stage.say_in(&ann, "tea", "one").await;
    let middle = stage.latest();
    stage.say_in(&ann, "tea", "two").await;
    for (after, missed) in [(Some("start"), 3), (Some(middle.as_str()), 2), (None, 0)] {
        let here = stage.latest();
        let after = after.unwrap_or(&here);
        let mut stream = stage.stream_of(&ann, &format!("{TEA}?after={after}")).await;
        stream.expect_hello().await;
        let frames = stage.frames(&ann, TEA, after).await;
        assert_eq!(frames.len(), missed, "{frames:?}");
        stream.expect(&frames).await;
        stage.until_held(1).await;
        let cursor = stage.latest();
        stage.say_in(&ann, "tea", "more").await;
        stream.expect(&stage.frames(&ann, TEA, &cursor).await).await;
        drop(stream);
        stage.until_held(0).await;
    }
}

async fn the_last_event_id_comes_before_the_parameter(driver: Driver) {
    let stage = Stage::open(driver).await;
    let ann = stage.guest("ann").await;
    stage.open_room(&ann, "tea", "open").await;
    let middle = stage.latest();
    stage.say_in(&ann, "tea", "one").await;
    let expected = stage.frames(&ann, TEA, &middle).await;
    assert_eq!(expected.len(), 1);
    for query in ["", "?after=start", "?after=latest", "?after=nonsense"] {
        let headers = [("last-event-id", middle.as_str())];
        let mut stream = stage.stream(&format!("{TEA}{query}"), &headers).await;
        stream.expect_hello().await;
        stream.expect(&expected).await;
    }
    // Polyfills send it in the address; the header comes first.
    for (query, headers) in [
        (format!("?after=start&lastEventId={middle}"), vec![]),
        ("?lastEventId=nonsense".to_owned(), vec![("last-event-id", middle.as_str())]),
    ] {
        let mut stream = stage.stream(&format!("{TEA}{query}"), &headers).await;
        stream.expect_hello().await;
        stream.expect(&expected).await;
    }
    // A browser that lost the stream before its first event misses nothing.
    let mut lost = stage.stream(TEA, &[]).await;
    let hello = lost.frame().await.unwrap();
    let here = hello.lines().find_map(|line| line.strip_prefix("id: ")).unwrap();
    drop(lost);
    stage.say_in(&ann, "tea", "into the gap").await;
    let mut again = stage.stream(TEA, &[("last-event-id", here)]).await;
    again.expect_hello().await;
    assert!(again.frame().await.unwrap().contains("into the gap"));
}

async fn a_cursor_of_no_use_is_told_by_an_event_and_the_stream_goes_on(driver: Driver) {
    let stage = Stage::open(driver).await;
    let ann = stage.guest("ann").await;
    let latest = stage.latest();
    let beyond = format!("{}-999999", latest.rsplit_once('-').unwrap().0);
    for (cursor, reason) in [("aaaaaaaaaa-1", "other_log"), (&beyond, "beyond_the_end")] {
        for path in [LOBBY, MINE] {
            let here = stage.latest();
            let headers = [("authorization", ann.bearer.as_str()), ("last-event-id", cursor)];
            let mut stream = stage.stream(path, &headers).await;
            stream.expect_hello().await;
            let reset = format!("id: {here}\nevent: reset\ndata: {{\"reason\":\"{reason}\"}}\n\n");
            stream.expect(&[reset]).await;
            stage.say_in(&ann, "lobby", "one").await;
            let frames = stage.frames(&ann, path, &here).await;
            assert!(frames.last().unwrap().contains("\"one\""), "{frames:?}");
            stream.expect(&frames).await;
        }
    }
}

async fn all_who_read_a_stream_get_the_same_bytes(driver: Driver) {
    let stage = Stage::open(driver).await;
    let ann = stage.guest("ann").await;
    stage.open_room(&ann, "tea", "open").await;
    let cursor = stage.latest();
    let path = format!("{TEA}?after={cursor}");
    let mut streams = Vec::new();
    for _ in 0..5 {
        streams.push(stage.stream(&path, &[]).await);
        streams.push(stage.stream(&path, &[("cookie", &ann.cookie)]).await);
    }
    for stream in &mut streams {
        stream.expect_hello().await;
    }
    for number in 0..20 {
        stage.say_in(&ann, "tea", &number.to_string()).await;
    }
    let expected = stage.frames(&ann, TEA, &cursor).await;
    assert_eq!(expected.len(), 20);
    for stream in &mut streams {
        stream.expect(&expected).await;
    }
}

async fn a_stream_of_my_rooms_brings_what_concerns_me(driver: Driver) {
    let stage = Stage::open(driver).await;
    let (ann, bob) = (stage.guest("ann").await, stage.guest("bob").await);
    stage.open_room(&ann, "tea", "closed").await;
    let cursor = stage.latest();
    let mut stream = stage.stream_of(&bob, &format!("{MINE}?after={cursor}")).await;
    stream.expect_hello().await;
    stage.say_in(&ann, "tea", "without bob").await;
    let path = format!("/rooms/tea/members/{}", bob.id);
    stage.change(&ann, Method::PUT, &path, &Value::Null).await;
    stage.say_in(&ann, "tea", "with bob").await;
    stage.change(&ann, Method::PATCH, "/me", &json!({ "name": "Anna" })).await;
    let mut types = Vec::new();
    for _ in 0..3 {
        let frame = stream.frame().await.unwrap();
        assert!(!frame.contains("without"), "{frame}");
        types.push(frame.lines().nth(1).unwrap().to_owned());
    }
    let expected = ["event: member_joined", "event: message_sent", "event: user_renamed"];
    assert_eq!(types, expected);
}

async fn a_stream_that_is_left_is_held_no_longer(driver: Driver) {
    let stage = Stage::open(driver).await;
    let ann = stage.guest("ann").await;
    let mut streams = [stage.stream(LOBBY, &[]).await, stage.stream_of(&ann, MINE).await];
    for stream in &mut streams {
        stream.frame().await.unwrap();
    }
    stage.until_held(2).await;
    let [first, mut second] = streams;
    drop(first);
    stage.until_held(1).await;
    stage.join(&ann, "lobby").await;
    assert!(second.frame().await.unwrap().contains("member_joined"));
    drop(second);
    stage.until_held(0).await;
}

async fn a_stream_ends_with_the_server_and_goes_on_by_its_last_id(driver: Driver) {
    let stage = Stage::open(driver).await;
    let ann = stage.guest("ann").await;
    let mut stream = stage.stream_of(&ann, LOBBY).await;
    stream.frame().await.unwrap();
    stage.join(&ann, "lobby").await;
    let joined = stream.frame().await.unwrap();
    let last_id = joined.lines().next().unwrap().strip_prefix("id: ").unwrap().to_owned();
    stage.until_held(1).await;
    let reading = tokio::spawn(async move { stream.frame().await });
    let stage = stage.restart(patient()).await;
    assert_eq!(reading.await.unwrap(), None, "the stream ends whole");
    stage.say_in(&ann, "lobby", "one").await;
    let mut again = stage.stream(LOBBY, &[("last-event-id", &last_id)]).await;
    again.expect_hello().await;
    again.expect(&stage.frames(&ann, LOBBY, &last_id).await).await;
}
