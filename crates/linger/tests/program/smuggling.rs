//! Requests that two readers may cut in different places, sent to the routes that
//! hold requests: the server reads them one way, and a proxy before it might read them
//! another way.
//!
//! Each case carries an inner request in what is, or may be, its body. Another request
//! follows it in the same write. The inner one must never be answered; the one behind
//! only when there was no doubt where it begins. `bad_input` has the cases for all
//! other routes.

use std::{
    io::{BufRead, BufReader, Write},
    net::TcpStream,
    time::Duration,
};

use crate::{
    client::{Answer, connect},
    process::{Folder, Program, Server},
};

/// A whole request. Its answer cannot be taken for any other.
const INNER: &str = "GET /metrics HTTP/1.1\r\nHost: a\r\n\r\n";
const BEHIND: &str = "GET /health HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
/// A request for a route that holds. Without a wait, it has an answer of its own.
const BEFORE: &str = "GET /api/v1/rooms/lobby/events?wait=0 HTTP/1.1\r\nHost: a\r\n\r\n";

/// The answers that a case may get.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Outcome {
    /// A 4xx or nothing, and the end.
    Refused,
    /// As `Refused`, or its own answer, and the end.
    Last,
    /// As `Last`, or its own answer and the one behind it.
    Any,
    /// Its own answer, and the one behind it.
    Served,
}
use Outcome::{Any, Last, Refused, Served};

/// Cases that stand for a whole request. `{target}` is a method and a target,
/// `{host}` the fields it needs, `{n}` the length of the inner request in
/// decimals and `{x}` in hexadecimals.
const CASES: [(&str, &str, Outcome); 37] = [
    ("as it should be", "{target} HTTP/1.1\r\n{host}\r\n", Served),
    ("with a length", "{target} HTTP/1.1\r\n{host}Content-Length: {n}\r\n\r\n{inner}", Served),
    (
        "the same length twice",
        "{target} HTTP/1.1\r\n{host}Content-Length: {n}\r\nContent-Length: {n}\r\n\r\n{inner}",
        Any,
    ),
    (
        "two lengths, the shorter first",
        "{target} HTTP/1.1\r\n{host}Content-Length: 0\r\nContent-Length: {n}\r\n\r\n{inner}",
        Refused,
    ),
    (
        "two lengths, the longer first",
        "{target} HTTP/1.1\r\n{host}Content-Length: {n}\r\nContent-Length: 0\r\n\r\n{inner}",
        Refused,
    ),
    (
        "a list of lengths",
        "{target} HTTP/1.1\r\n{host}Content-Length: {n}, {n}\r\n\r\n{inner}",
        Any,
    ),
    (
        "a length and an encoding",
        "{target} HTTP/1.1\r\n{host}Content-Length: {n}\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n{inner}",
        Last,
    ),
    (
        "an encoding and a length",
        "{target} HTTP/1.1\r\n{host}Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n{inner}",
        Last,
    ),
    (
        "a length in front of chunks",
        "{target} HTTP/1.1\r\n{host}Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n{x}\r\n{inner}\r\n0\r\n\r\n",
        Last,
    ),
    (
        "a length below zero",
        "{target} HTTP/1.1\r\n{host}Content-Length: -{n}\r\n\r\n{inner}",
        Refused,
    ),
    (
        "a length with a plus",
        "{target} HTTP/1.1\r\n{host}Content-Length: +{n}\r\n\r\n{inner}",
        Refused,
    ),
    ("a length in hex", "{target} HTTP/1.1\r\n{host}Content-Length: 0x{x}\r\n\r\n{inner}", Refused),
    (
        "a length with a point",
        "{target} HTTP/1.1\r\n{host}Content-Length: {n}.0\r\n\r\n{inner}",
        Refused,
    ),
    (
        "two lengths in one",
        "{target} HTTP/1.1\r\n{host}Content-Length: 0 {n}\r\n\r\n{inner}",
        Refused,
    ),
    ("an empty length", "{target} HTTP/1.1\r\n{host}Content-Length: \r\n\r\n", Any),
    (
        "zeros before a length",
        "{target} HTTP/1.1\r\n{host}Content-Length: 000{n}\r\n\r\n{inner}",
        Any,
    ),
    (
        "a length beyond all",
        "{target} HTTP/1.1\r\n{host}Content-Length: 18446744073709551616\r\n\r\n{inner}",
        Refused,
    ),
    (
        "a space before the colon of a length",
        "{target} HTTP/1.1\r\n{host}Content-Length : {n}\r\n\r\n{inner}",
        Refused,
    ),
    (
        "a space before a length",
        "{target} HTTP/1.1\r\n{host} Content-Length: {n}\r\n\r\n{inner}",
        Refused,
    ),
    (
        "a folded length",
        "{target} HTTP/1.1\r\n{host}Content-Length:\r\n {n}\r\n\r\n{inner}",
        Refused,
    ),
    ("a folded field", "{target} HTTP/1.1\r\n{host}X: a\r\n b: c\r\n\r\n", Refused),
    (
        "a bare CR in a field",
        "{target} HTTP/1.1\r\n{host}X: a\rContent-Length: {n}\r\n\r\n{inner}",
        Refused,
    ),
    ("a NUL in a field", "{target} HTTP/1.1\r\n{host}X: a\0b\r\n\r\n", Refused),
    ("bare line feeds", "{target} HTTP/1.1\n{host}\n", Any),
    (
        "a bare line feed before a length",
        "{target} HTTP/1.1\r\n{host}X: a\nContent-Length: {n}\r\n\r\n{inner}",
        Any,
    ),
    ("empty lines first", "\r\n\r\n{target} HTTP/1.1\r\n{host}\r\n", Any),
    (
        "chunks",
        "{target} HTTP/1.1\r\n{host}Transfer-Encoding: chunked\r\n\r\n{x}\r\n{inner}\r\n0\r\n\r\n",
        Served,
    ),
    (
        "chunks with a trailer",
        "{target} HTTP/1.1\r\n{host}Transfer-Encoding: chunked\r\n\r\n0\r\nContent-Length: 9\r\n\r\n",
        Any,
    ),
    (
        "chunks and then as it is",
        "{target} HTTP/1.1\r\n{host}Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n{inner}",
        Refused,
    ),
    (
        "chunks of chunks",
        "{target} HTTP/1.1\r\n{host}Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n0\r\n\r\n{inner}",
        Refused,
    ),
    (
        "an encoding with a tab",
        "{target} HTTP/1.1\r\n{host}Transfer-Encoding:\tchunked\r\n\r\n{x}\r\n{inner}\r\n0\r\n\r\n",
        Any,
    ),
    ("an absolute target", "{absolute} HTTP/1.1\r\n{host}\r\n", Any),
    ("no host", "{target} HTTP/1.1\r\n{nobody}\r\n", Any),
    ("two hosts", "{target} HTTP/1.1\r\n{host}Host: b\r\n\r\n", Any),
    ("HTTP/1.0", "{target} HTTP/1.0\r\n{host}\r\n", Last),
    ("a tab in the first line", "{target}\tHTTP/1.1\r\n{host}\r\n", Refused),
    ("half of HTTP/1.1", "{target} HTTP/1.\r\n{host}\r\n", Refused),
];

/// Cases that stand for a connection without any request.
const NO_REQUEST: [(&str, &[u8]); 2] = [
    ("HTTP/2", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0"),
    ("TLS", b"\x16\x03\x01\x00\x2f\x01\x00\x00\x2b\x03\x03\r\n\r\n"),
];

/// The routes that hold requests: method, target, and whether they need a name.
const ROUTES: [(&str, &str, bool); 4] = [
    ("GET", "/api/v1/rooms/lobby/events?after=start&wait=50", false),
    ("GET", "/api/v1/events?after=start&wait=50", true),
    ("POST", "/update", false),
    ("POST", "/get_new_message", false),
];

#[test]
fn a_request_in_a_body_is_never_answered_and_what_is_in_doubt_ends_the_connection() {
    let folder = Folder::new();
    let server = Program::on(&folder).start();
    let mut ann = server.guest("ann");
    ann.say("lobby", "hello");
    let bearer = format!("Authorization: Bearer {}\r\n", ann.token.as_deref().unwrap());
    for (case, template, outcome) in CASES {
        for (method, path, needs_name) in ROUTES {
            let nobody = if needs_name { &bearer } else { "" };
            let request = template
                .replace("{target}", &format!("{method} {path}"))
                .replace("{absolute}", &format!("{method} http://a{path}"))
                .replace("{host}", &format!("Host: a\r\n{nobody}"))
                .replace("{nobody}", nobody)
                .replace("{inner}", INNER)
                .replace("{n}", &INNER.len().to_string())
                .replace("{x}", &format!("{:x}", INNER.len()));
            let request = match case {
                "bare line feeds" => request.replace("\r\n", "\n"),
                _ => request,
            };
            let case = format!("{case}, {method} {path}");
            check_both(&server, &case, request.as_bytes(), outcome);
        }
        assert_eq!(server.visitor().get("/health").status, 200, "after {case}");
    }
    for (case, bytes) in NO_REQUEST {
        check_both(&server, case, bytes, Refused);
    }
    for (method, path, _) in ROUTES {
        let case = format!("a head of 200 KB, {method} {path}");
        let long = "y".repeat(200_000);
        let request = format!("{method} {path} HTTP/1.1\r\nHost: a\r\nX: {long}\r\n\r\n");
        check_both(&server, &case, request.as_bytes(), Refused);
    }
    server.until_held(0);
}

/// Checks a case as the first request of a connection, and behind another one
/// in the same write.
fn check_both(server: &Server, case: &str, request: &[u8], outcome: Outcome) {
    let mut first = send(server, &[request, BEHIND.as_bytes()]);
    check(&mut first, case, outcome);
    let case = format!("{case}, behind another");
    let mut second = send(server, &[BEFORE.as_bytes(), request, BEHIND.as_bytes()]);
    match Answer::read(&mut second) {
        Ok(page) => assert!(page.expect(200)["cursor"].is_string(), "{case}"),
        // Later bytes may have cut the connection before the answer was read.
        Err(error) => assert!(!is_timeout(&error) && outcome != Served, "{case}: {error}"),
    }
    check(&mut second, &case, outcome);
}

fn send(server: &Server, parts: &[&[u8]]) -> BufReader<TcpStream> {
    let mut connection = connect(server.address).unwrap();
    connection.get_ref().set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    // The server may refuse before all is sent; only its answer counts.
    let _ = connection.get_mut().write_all(&parts.concat());
    connection
}

/// Reads all answers until the server closes, and checks that they are allowed.
fn check(connection: &mut BufReader<TcpStream>, case: &str, outcome: Outcome) {
    let answers = answers(connection, case);
    let health = r#"{"status":"ok"}"#;
    for answer in &answers {
        assert!(!answer.text().contains("linger_"), "{case}: the inner request was answered");
    }
    let is_refusal = |answer: &Answer| (400..500).contains(&answer.status);
    // Some bodies are refused for what they say, which counts as an answer, too.
    let is_own =
        |answer: &Answer| is_refusal(answer) || (answer.status == 200 && answer.text() != health);
    let is_allowed = match (outcome, answers.as_slice()) {
        (Served, [own, behind]) => is_own(own) && behind.text() == health,
        (Served, _) => false,
        (_, []) => true,
        (Refused, [only]) => is_refusal(only),
        (Last | Any, [only]) => is_own(only),
        (Any, [own, behind]) => is_own(own) && (behind.text() == health || is_refusal(behind)),
        _ => false,
    };
    assert!(is_allowed, "{case}: {outcome:?}, not {answers:#?}");
}

fn answers(connection: &mut BufReader<TcpStream>, case: &str) -> Vec<Answer> {
    let mut answers = Vec::new();
    loop {
        let next = match connection.fill_buf() {
            Ok([]) => return answers,
            Ok(_) => Answer::read(connection),
            Err(error) => Err(error),
        };
        match next {
            Ok(answer) => answers.push(answer),
            Err(error) => {
                assert!(!is_timeout(&error), "{case}: no end after {answers:#?}");
                return answers;
            }
        }
    }
}

fn is_timeout(error: &std::io::Error) -> bool {
    matches!(error.kind(), std::io::ErrorKind::WouldBlock | std::io::ErrorKind::TimedOut)
}
