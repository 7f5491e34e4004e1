//! Bounds of the server: answers that nobody reads, turns, and the rules for heads.
//!
//! A peer that does not go on keeps nobody else waiting. Its own next request is
//! answered, or its connection is closed in order.

use std::time::{Duration, Instant};

use linger_serve::ServerSettings;
use serde_json::json;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpSocket,
    time::{sleep, timeout},
};

use crate::{
    connections::{Wire, get, with_body},
    drivers::{Listening, roomy},
    stage::{PATIENCE, Stage},
};

/// For answers, in tests that wait for its end.
const WRITE_TIMEOUT: Duration = Duration::from_secs(1);
/// The largest answer that needs no messages before.
const LARGE: &str = "/api/v1/openapi.json";
/// So many of these answers are more than any system buffers.
const MANY: usize = 1000;

/// Asks for more large answers than the systems at both ends buffer, and reads none.
async fn ask_much(open: &Listening) -> Wire {
    let mut wire = open.connect().await;
    wire.try_say(&get(LARGE).repeat(MANY)).await;
    wire
}

#[tokio::test(flavor = "multi_thread")]
async fn who_does_not_read_an_answer_is_cut_and_who_reads_slowly_is_not() {
    /// The bytes that the server's system may still send when the server has closed.
    const AFTERWARDS: usize = 8 << 20;
    let stage =
        Stage::open_within(ServerSettings { write_timeout: WRITE_TIMEOUT, ..roomy() }).await;
    let open = stage.listening.as_ref().unwrap();
    let mut unread = ask_much(open).await;
    // A system with a large buffer tells the sender only now and then that it was read.
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(256 << 10).unwrap();
    let mut slow = socket.connect(open.address).await.unwrap();
    slow.write_all(get(LARGE).repeat(MANY).as_bytes()).await.unwrap();
    let began = Instant::now();
    let mut piece = vec![0; 64 << 10];
    while began.elapsed() < 4 * WRITE_TIMEOUT {
        let read = timeout(PATIENCE, slow.read_exact(&mut piece)).await;
        read.expect("it goes on").unwrap();
        sleep(WRITE_TIMEOUT / 16).await;
    }
    for _ in 0..AFTERWARDS / piece.len() {
        let read = timeout(PATIENCE, slow.read_exact(&mut piece)).await;
        read.expect("it goes on").unwrap();
    }
    let bytes = unread.rest().await.len();
    let answers = stage.get(LARGE, &[]).await.body.len() * MANY;
    assert!(bytes < answers / 2, "{bytes} bytes of {answers} came");
}

#[tokio::test(flavor = "multi_thread")]
async fn answers_that_go_out_have_a_bound_together_and_small_ones_a_part_of_it() {
    let stage = Stage::open(crate::drivers::Driver::Sockets).await;
    let bytes = stage.get(LARGE, &[]).await.body.len();
    drop(stage);
    // Room for one of them, and not for two.
    let bounds = ServerSettings { outgoing_bytes_max: bytes * 3 / 2, ..roomy() };
    let stage = Stage::open_within(bounds).await;
    let open = stage.listening.as_ref().unwrap();
    let unread = ask_much(open).await;
    let mut other = open.connect().await;
    let deadline = Instant::now() + PATIENCE;
    // The systems at both ends cannot buffer more by then.
    let mut refused = 0;
    while refused < 20 {
        let heard = other.ask(&get(LARGE)).await;
        if heard.status == 200 {
            assert!(Instant::now() < deadline, "it is never refused");
            refused = 0;
            continue;
        }
        heard.expect_problem(503, "overloaded");
        assert_eq!(heard.field("retry-after"), Some("2"));
        refused += 1;
    }
    // The connection goes on, and small answers go out.
    assert_eq!(other.ask(&get("/health")).await.status, 200);
    other.ask(&get(LARGE)).await.expect_problem(503, "overloaded");
    drop(unread);
    while other.ask(&get(LARGE)).await.status != 200 {
        assert!(Instant::now() < deadline, "what was cut keeps its room");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_that_is_unfinished_or_finished_keeps_a_request_waiting() {
    const CONNECTIONS: usize = 700;
    /// The first case and the last but one once took 22 s here: a second for 32 connections.
    const SOON: Duration = Duration::from_secs(8);
    let stage = Stage::open_within(roomy()).await;
    let open = stage.listening.as_ref().unwrap();
    let cases = [
        ("garbage", "\0".to_owned()),
        ("an empty line", "\r\n".to_owned()),
        ("half a head that the park does not take", "DELETE / HTTP/1.1\r\nHost: a\r\n".to_owned()),
        (
            "a body that does not come",
            "PATCH /api/v1/me HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\n".to_owned(),
        ),
        (
            "a body that is needed and does not come",
            "POST /api/v1/guests HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\n".to_owned(),
        ),
        (
            "an answer after which the server closes",
            "GET /health HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n".to_owned(),
        ),
        ("a wait in a task", "GET /api/v1/rooms/lobby/events?wait=50 HTTP/1.0\r\n\r\n".to_owned()),
    ];
    for (case, begun) in &cases {
        let mut all = Vec::new();
        for _ in 0..CONNECTIONS {
            all.push(open.connect().await);
        }
        let mut other = open.connect().await;
        for wire in &mut all {
            wire.try_say(begun).await;
        }
        let began = Instant::now();
        assert_eq!(other.ask(&get("/health")).await.status, 200, "{case}");
        let took = began.elapsed();
        assert!(took < SOON, "{case}: {took:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn after_an_answer_without_its_body_the_next_request_is_answered_or_told_to_go_elsewhere() {
    let stage = Stage::open_within(roomy()).await;
    let open = stage.listening.as_ref().unwrap();
    let body = json!({ "name": "ann" }).to_string();
    let chunks = format!("{:x}\r\n{body}\r\n0\r\n\r\n", body.len());
    let fields = format!("Content-Length: {}\r\n", body.len());
    let cases = [
        ("401", "PATCH /api/v1/me", &fields, &body, 401),
        ("404", "POST /nowhere", &fields, &body, 404),
        ("405", "POST /health", &fields, &body, 405),
        (
            "in chunks",
            "PATCH /api/v1/me",
            &"Transfer-Encoding: chunked\r\n".to_owned(),
            &chunks,
            401,
        ),
    ];
    for (case, target, fields, body, status) in cases {
        let head =
            format!("{target} HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer nobody\r\n{fields}\r\n");
        for late in [Duration::ZERO, Duration::from_millis(2), Duration::from_millis(50)] {
            let mut wire = open.connect().await;
            for time in 0..8 {
                wire.say(&head).await;
                sleep(late).await;
                wire.say(body).await;
                let heard = wire.hear().await;
                assert_eq!(heard.status, status, "{case}, {late:?}, {time}: {heard:?}");
                assert_eq!(heard.field("connection"), None, "{case}, {late:?}, {time}");
                let next = wire.ask(&get("/health")).await;
                assert_eq!(next.status, 200, "{case}, {late:?}, {time}: {next:?}");
            }
        }
        // The body comes only after the answer.
        let mut wire = open.connect().await;
        let heard = wire.ask(&head).await;
        assert_eq!((heard.status, heard.field("connection")), (status, Some("close")), "{case}");
        wire.try_say(&(body.clone() + &get("/health"))).await;
        assert_eq!(wire.rest().await, "", "{case}");
    }
    // A body that is too long to be read and thrown away.
    let mut wire = open.connect().await;
    wire.try_say(&with_body("PATCH", "/nowhere", &"x".repeat(200_000))).await;
    let heard = wire.hear().await;
    assert_eq!((heard.status, heard.field("connection")), (404, Some("close")));
    assert_eq!(wire.rest().await, "");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_host_that_is_missing_twice_there_or_none_is_refused_by_whoever_reads_it() {
    let stage = Stage::open_within(roomy()).await;
    let open = stage.listening.as_ref().unwrap();
    let held = "GET /api/v1/rooms/lobby/events?wait=0";
    let cases = [
        ("none", "", false),
        ("two", "Host: a\r\nHost: a\r\n", false),
        ("none in it", "Host: \r\n", false),
        ("an address of a page", "Host: http://a/\r\n", false),
        ("two in one", "Host: a, b\r\n", false),
        ("a port that is none", "Host: a:http\r\n", false),
        ("bytes beyond ASCII", "Host: bücher.example\r\n", false),
        ("a name", "Host: Chat.Example:80\r\n", true),
        ("an address", "Host: [::1]:8080\r\n", true),
    ];
    for target in [held, "GET /health", "POST /api/v1/guests", "DELETE /nowhere"] {
        for (case, fields, is_good) in cases {
            for before in ["", &get("/health")] {
                let mut wire = open.connect().await;
                wire.say(&format!("{before}{target} HTTP/1.1\r\n{fields}\r\n")).await;
                if !before.is_empty() {
                    assert_eq!(wire.hear().await.status, 200);
                }
                let heard = wire.hear().await;
                if is_good {
                    assert!(matches!(heard.status, 200 | 201 | 404), "{case}, {target}: {heard:?}");
                    continue;
                }
                heard.expect_problem(400, "malformed_host");
                assert_eq!(wire.rest().await, "", "{case}, {target}");
            }
        }
        // An old client may leave it out, but may not send it twice.
        let mut wire = open.connect().await;
        let heard = wire.ask(&format!("{target} HTTP/1.0\r\n\r\n")).await;
        assert!(matches!(heard.status, 200 | 201 | 404), "{target}: {heard:?}");
        let mut wire = open.connect().await;
        let heard = wire.ask(&format!("{target} HTTP/1.0\r\nHost: a\r\nHost: a\r\n\r\n")).await;
        heard.expect_problem(400, "malformed_host");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_in_a_coding_that_is_not_understood_is_not_implemented() {
    let stage = Stage::open_within(roomy()).await;
    let open = stage.listening.as_ref().unwrap();
    let chunks = "2\r\n{}\r\n0\r\n\r\n";
    let cases = [
        ("gzip", 501, "unknown_coding"),
        ("gzip, chunked", 501, "unknown_coding"),
        ("deflate\r\nTransfer-Encoding: chunked", 501, "unknown_coding"),
        ("identity", 501, "unknown_coding"),
        ("chunked, gzip", 400, "malformed_head"),
    ];
    let held = "POST /api/v1/rooms/lobby/messages";
    for target in [held, "POST /api/v1/guests", "POST /update", "POST /nowhere"] {
        for (coding, status, code) in cases {
            let head =
                format!("{target} HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: {coding}\r\n\r\n");
            let mut wire = open.connect().await;
            wire.try_say(&(head.clone() + chunks)).await;
            wire.hear().await.expect_problem(status, code);
            assert_eq!(wire.rest().await, "", "{coding}, {target}");
            // Byte by byte, and after another request.
            let mut wire = open.connect().await;
            assert_eq!(wire.ask(&get("/health")).await.status, 200);
            for piece in head.as_bytes().chunks(7) {
                let _ = wire.0.write_all(piece).await;
            }
            wire.hear().await.expect_problem(status, code);
            assert_eq!(wire.rest().await, "", "{coding}, {target}");
        }
        // Behind another one in the same packet: hyper knows that these are chunks.
        let mut wire = open.connect().await;
        let head =
            format!("{target} HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked\r\n\r\n");
        wire.try_say(&(get("/health") + &head + chunks)).await;
        assert_eq!(wire.hear().await.status, 200);
        wire.hear().await.expect_problem(501, "unknown_coding");
        assert_eq!(wire.rest().await, "", "{target}");
    }
}
