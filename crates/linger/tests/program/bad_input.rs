//! Bad input: each gets a clear 4xx, and the server goes on.
//!
//! Tables of requests, from well-formed ones that ask for nonsense down to bytes
//! that are no request at all. After each, a new connection gets a normal answer.
//! Heads and bodies that never come whole end by the server's clock; those tests
//! wait for it side by side.

use std::{
    io::{Read, Write},
    thread,
    time::{Duration, Instant},
};

use serde_json::json;

use crate::{
    client::{Answer, Client, connect, say_raw, send_raw},
    process::{Folder, Program, Server},
};

/// The longest body that is taken.
const BODY_MAX: usize = 64 << 10;
/// The time that the server gives a body to arrive.
const SERVER_PATIENCE: Duration = Duration::from_secs(10);
/// The time that the server gives a head at least. `limits` tests the longest time.
const HEAD_PATIENCE: Duration = Duration::from_secs(5);

const MESSAGES: &str = "/api/v1/rooms/lobby/messages";

fn start() -> (Folder, Server) {
    let folder = Folder::new();
    let server = Program::on(&folder).start();
    (folder, server)
}

fn check_goes_on(server: &Server, case: &str) {
    let rooms = server.visitor().get("/api/v1/rooms");
    assert_eq!(rooms.status, 200, "after {case}: {rooms:?}");
}

#[test]
fn a_body_that_is_not_what_belongs_there_is_refused() {
    let (_folder, server) = start();
    let mut ann = server.guest("ann");
    let long = |text: &str, count: usize| json!({ "text": text.repeat(count) }).to_string();
    let cases: [(&str, &[u8], u16, &str); 27] = [
        ("nothing", b"", 400, "malformed_json"),
        ("truncated", b"{\"text\":\"hel", 400, "malformed_json"),
        ("truncated in an escape", b"{\"text\":\"\\u00", 400, "malformed_json"),
        ("two values", b"{\"text\":\"a\"}{}", 400, "malformed_json"),
        ("no JSON", b"text=hello", 400, "malformed_json"),
        ("NaN", b"{\"text\":NaN}", 400, "malformed_json"),
        ("a list", b"[]", 400, "malformed_json"),
        ("a string", b"\"hello\"", 400, "malformed_json"),
        ("null", b"null", 400, "malformed_json"),
        ("without text", b"{}", 400, "malformed_json"),
        ("text twice", b"{\"text\":\"a\",\"text\":\"b\"}", 400, "malformed_json"),
        ("a number as text", b"{\"text\":1}", 400, "malformed_json"),
        ("null as text", b"{\"text\":null}", 400, "malformed_json"),
        ("a list as text", b"{\"text\":[\"a\"]}", 400, "malformed_json"),
        ("invalid UTF-8", b"{\"text\":\"\xff\xfe\"}", 400, "malformed_json"),
        ("half a pair of surrogates", b"{\"text\":\"\\ud83c\"}", 400, "malformed_json"),
        ("half a pair in UTF-8", b"{\"text\":\"\xed\xa0\xbc\"}", 400, "malformed_json"),
        ("a list of the values", b" [\"a\"]", 400, "malformed_json"),
        ("a list behind a byte order mark", b"\xef\xbb\xbf[\"a\"]", 400, "malformed_json"),
        ("a NUL byte", b"{\"text\":\"a\0\"}", 400, "malformed_json"),
        ("NUL characters", b"{\"text\":\"\\u0000\\u0000\"}", 400, "malformed"),
        ("an escape character", b"{\"text\":\"\\u001b\"}", 400, "malformed"),
        ("an empty text", b"{\"text\":\"\"}", 400, "malformed"),
        ("nothing but space", "{\"text\":\" \u{2003}\\n\\t\"}".as_bytes(), 400, "malformed"),
        ("one character too many", long("a", 4001).leak().as_bytes(), 400, "malformed"),
        ("one of four bytes too many", long("🍵", 4001).leak().as_bytes(), 400, "malformed"),
        ("nested without end", "[".repeat(60_000).leak().as_bytes(), 400, "malformed_json"),
    ];
    for (case, body, status, code) in cases {
        let answer = post_bytes(&ann, MESSAGES, body);
        assert_eq!(answer.problem(status), code, "{case}: {answer:?}");
        check_goes_on(&server, case);
    }
    // A byte order mark does no harm, so it is allowed (F20).
    let marked = post_bytes(&ann, MESSAGES, b"\xef\xbb\xbf{\"text\":\"marked\"}").expect(201);
    assert_eq!(marked["message"]["text"], "marked");
    for (case, character) in [("of one byte", "a"), ("of three", "茶"), ("of four", "🍵")] {
        let text = character.repeat(4000);
        let answer = ann.post(MESSAGES, &json!({ "text": format!("  {text}\n") }));
        assert_eq!(answer.expect(201)["message"]["text"], text, "4000 characters {case}");
    }
    let unknown = ann.post(MESSAGES, &json!({ "text": "with more", "colour": "red" }));
    assert_eq!(unknown.status, 201, "unknown fields are for later versions");
}

fn post_bytes(client: &Client, path: &str, body: &[u8]) -> Answer {
    let token = client.token.as_deref().unwrap();
    let head = format!(
        "POST {path} HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {token}\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    say_raw(client.address, &[head.as_bytes(), body].concat()).unwrap()
}

#[test]
fn a_field_of_the_wrong_kind_is_refused() {
    let (_folder, server) = start();
    let mut ann = server.guest("ann");
    let long_name = "a".repeat(41);
    let long_slug = "a".repeat(65);
    let cases = [
        ("POST", "/api/v1/guests", json!({ "name": 1 })),
        ("POST", "/api/v1/guests", json!({ "name": "" })),
        ("POST", "/api/v1/guests", json!({ "name": long_name })),
        ("POST", "/api/v1/guests", json!({ "name": "a\nb" })),
        ("POST", "/api/v1/guests", json!({ "name": "a\u{0}b" })),
        ("POST", "/api/v1/guests", json!({ "locale": ["zh"] })),
        ("POST", "/api/v1/guests", json!("ann")),
        ("PATCH", "/api/v1/me", json!({})),
        ("PATCH", "/api/v1/me", json!({ "name": null })),
        ("PATCH", "/api/v1/me", json!({ "name": " " })),
        ("POST", "/api/v1/rooms", json!({})),
        ("POST", "/api/v1/rooms", json!({ "slug": 7 })),
        ("POST", "/api/v1/rooms", json!({ "slug": "" })),
        ("POST", "/api/v1/rooms", json!({ "slug": "Tea" })),
        ("POST", "/api/v1/rooms", json!({ "slug": "a b" })),
        ("POST", "/api/v1/rooms", json!({ "slug": "a/b" })),
        ("POST", "/api/v1/rooms", json!({ "slug": long_slug })),
        ("POST", "/api/v1/rooms", json!({ "slug": "tea", "kind": "secret" })),
        ("POST", "/api/v1/rooms", json!({ "slug": "tea", "kind": true })),
        ("POST", "/api/v1/rooms", json!({ "slug": "tea", "name": "" })),
        ("POST", "/api/v1/rooms", json!({ "slug": "tea", "topic": "a\nb" })),
        ("POST", "/api/v1/rooms", json!({ "slug": "tea", "topic": "a".repeat(251) })),
    ];
    for (method, path, body) in cases {
        let answer = ann.call(method, path, &[], body.to_string());
        let code = answer.problem(400);
        assert!(code == "malformed" || code == "malformed_json", "{path} {body}: {answer:?}");
    }
    assert_eq!(ann.get("/api/v1/rooms").expect(200)["rooms"].as_array().unwrap().len(), 1);
}

#[test]
fn an_address_that_makes_no_sense_is_refused() {
    let (_folder, server) = start();
    let mut ann = server.guest("ann");
    ann.join("lobby");
    let long_slug = format!("/api/v1/rooms/{}", "a".repeat(65));
    let long_id = format!("{MESSAGES}/{}", "a".repeat(65));
    let events = "/api/v1/rooms/lobby/events";
    let cases: [(&str, String, u16, &str); 50] = [
        ("GET", "/api/v1/rooms/Lobby".into(), 404, "room_not_found"),
        ("GET", "/api/v1/rooms/a%20b".into(), 404, "room_not_found"),
        ("GET", "/api/v1/rooms/a%2Fb".into(), 404, "room_not_found"),
        ("GET", "/api/v1/rooms/%00".into(), 404, "room_not_found"),
        ("GET", "/api/v1/rooms/%FF%FE".into(), 400, "malformed"),
        ("GET", "/api/v1/rooms/%C0%AFlobby".into(), 400, "malformed"),
        ("GET", "/api/v1/rooms/%".into(), 404, "room_not_found"),
        ("GET", "/api/v1/rooms/%zz".into(), 404, "room_not_found"),
        ("GET", "/api/v1/rooms/..%2F..%2Fetc".into(), 404, "room_not_found"),
        ("GET", "/api/v1/rooms/lobby%E8%8C".into(), 400, "malformed"),
        ("GET", long_slug, 404, "room_not_found"),
        ("GET", "/api/v1/rooms/none".into(), 404, "room_not_found"),
        ("PUT", format!("{MESSAGES}/a%20b"), 400, "malformed"),
        ("PUT", format!("{MESSAGES}/%FF"), 400, "malformed"),
        ("PUT", format!("{MESSAGES}/a%2Fb"), 400, "malformed"),
        ("PUT", format!("{MESSAGES}/%E8%8C%B6"), 400, "malformed"),
        ("PUT", long_id, 400, "malformed"),
        ("PUT", "/api/v1/rooms/lobby/members/bob".into(), 400, "malformed"),
        ("PUT", "/api/v1/rooms/lobby/members/-1".into(), 400, "malformed"),
        ("PUT", "/api/v1/rooms/lobby/members/9007199254740992".into(), 400, "malformed"),
        ("PUT", "/api/v1/rooms/lobby/members/999".into(), 404, "user_not_found"),
        ("GET", format!("{events}?wait=-1"), 400, "malformed"),
        ("GET", format!("{events}?wait=soon"), 400, "malformed"),
        ("GET", format!("{events}?wait=NaN"), 400, "malformed"),
        ("GET", format!("{events}?wait=inf"), 400, "malformed"),
        ("GET", format!("{events}?wait=1e300"), 400, "malformed"),
        ("GET", format!("{events}?wait="), 400, "malformed"),
        ("GET", format!("{events}?wait=0&limit=0"), 400, "malformed"),
        ("GET", format!("{events}?wait=0&limit=1001"), 400, "malformed"),
        ("GET", format!("{events}?wait=0&limit=-1"), 400, "malformed"),
        ("GET", format!("{events}?wait=0&limit=1.5"), 400, "malformed"),
        ("GET", format!("{events}?wait=0&limit=99999999999999999999"), 400, "malformed"),
        ("GET", format!("{events}?wait=0&after="), 400, "malformed_cursor"),
        ("GET", format!("{events}?wait=0&after=yesterday"), 400, "malformed_cursor"),
        ("GET", format!("{events}?wait=0&after=0"), 400, "malformed_cursor"),
        ("GET", format!("{events}?wait=0&after=-1"), 400, "malformed_cursor"),
        ("GET", format!("{events}?wait=0&after=abcdefghij-"), 400, "malformed_cursor"),
        ("GET", format!("{events}?wait=0&after=abcdefghij-+1"), 400, "malformed_cursor"),
        ("GET", format!("{events}?wait=0&after=abcdefghij-01"), 400, "malformed_cursor"),
        (
            "GET",
            format!("{events}?wait=0&after=abcdefghij-9007199254740992"),
            400,
            "malformed_cursor",
        ),
        ("GET", format!("{events}?wait=0&after=ABCDEFGHIJ-1"), 400, "malformed_cursor"),
        ("GET", format!("{events}?wait=0&after=%00%FF"), 400, "malformed_cursor"),
        ("GET", format!("{MESSAGES}?limit=201"), 400, "malformed"),
        ("GET", format!("{MESSAGES}?limit=0"), 400, "malformed"),
        ("GET", format!("{MESSAGES}?before=x"), 400, "malformed"),
        ("GET", format!("{MESSAGES}?before=-1"), 400, "malformed"),
        ("GET", format!("{MESSAGES}?before=9007199254740992"), 400, "malformed"),
        ("GET", "/api/v1/nothing".into(), 404, "no_such_call"),
        ("GET", "/api/v2/me".into(), 404, "nothing_here"),
        ("GET", "/%FF".into(), 404, "nothing_here"),
    ];
    for (method, path, status, code) in cases {
        let answer = ann.call(method, &path, &[], r#"{"text":"hello"}"#);
        assert_eq!(answer.problem(status), code, "{method} {path}: {answer:?}");
        check_goes_on(&server, &path);
    }
    let headers: [(&str, (&str, &str), &str); 6] = [
        (MESSAGES, ("Idempotency-Key", "a b"), "malformed"),
        (MESSAGES, ("Idempotency-Key", ""), "malformed"),
        (MESSAGES, ("Idempotency-Key", "茶"), "malformed"),
        ("/api/v1/rooms", ("Idempotency-Key", "a/b"), "malformed"),
        (events, ("Prefer", "wait=soon"), "malformed"),
        (events, ("Last-Event-ID", "garbage"), "malformed_cursor"),
    ];
    for (path, header, code) in headers {
        let method = if path == events { "GET" } else { "POST" };
        let all = [
            header,
            ("Accept", if header.0 == "Last-Event-ID" { "text/event-stream" } else { "*/*" }),
        ];
        let answer = ann.call(method, path, &all, r#"{"text":"hello","slug":"tea"}"#);
        assert_eq!(answer.problem(400), code, "{header:?}: {answer:?}");
    }
}

#[test]
fn a_method_that_is_not_for_an_address_is_refused() {
    let (_folder, server) = start();
    let mut ann = server.guest("ann");
    let cases = [
        ("DELETE", "/api/v1/me"),
        ("PUT", "/api/v1/guests"),
        ("PATCH", MESSAGES),
        ("BREW", "/api/v1/rooms"),
        ("get", "/api/v1/rooms"),
        ("OPTIONS", "/api/v1/rooms"),
        ("POST", "/api/v1/openapi.json"),
        ("POST", "/health"),
        ("BREW", "/ready"),
        ("DELETE", "/metrics"),
    ];
    for (method, path) in cases {
        let answer = ann.call(method, path, &[], "");
        assert_eq!(answer.problem(405), "no_such_method", "{method} {path}");
        assert!(answer.header("allow").is_some_and(|allow| !allow.is_empty()), "{answer:?}");
    }
}

#[test]
fn a_token_that_nobody_holds_is_refused() {
    let (_folder, server) = start();
    let unknown = "0".repeat(64);
    let long = "a".repeat(5000);
    let cases = [
        ("Authorization", format!("Bearer {unknown}")),
        ("Authorization", format!("Bearer {long}")),
        ("Authorization", "Bearer ".to_owned()),
        ("Authorization", "Bearer".to_owned()),
        ("Authorization", "Bearer é".to_owned()),
        ("Cookie", format!("linger_session={unknown}")),
        ("Cookie", "linger_session=".to_owned()),
    ];
    for (name, value) in &cases {
        // Visitors would be welcome here, but a token that fails is refused.
        for path in ["/api/v1/me", "/api/v1/rooms", "/api/v1/events?wait=0"] {
            let answer = server.visitor().call("GET", path, &[(name, value)], "");
            assert_eq!(answer.problem(401), "unknown_token", "{name}: {value} at {path}");
        }
        let body = r#"{"text":"hello"}"#;
        let answer = server.visitor().call("POST", MESSAGES, &[(name, value)], body);
        assert_eq!(answer.problem(401), "unknown_token", "{name}: {value}");
    }
    check_goes_on(&server, "tokens");
}

#[test]
fn a_body_over_64_kib_is_refused_however_it_comes() {
    let (_folder, server) = start();
    let ann = server.guest("ann");
    let body = |length: usize| {
        let text = json!({ "text": "hello" }).to_string();
        text.clone() + &" ".repeat(length - text.len())
    };
    let chunked = |body: &str, size: usize| {
        let mut bytes = format!(
            "POST {MESSAGES} HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {}\r\nTransfer-Encoding: chunked\r\n\r\n",
            ann.token.as_deref().unwrap()
        );
        for chunk in body.as_bytes().chunks(size) {
            let chunk = std::str::from_utf8(chunk).unwrap();
            bytes += &format!("{:x}\r\n{chunk}\r\n", chunk.len());
        }
        say_raw(server.address, (bytes + "0\r\n\r\n").as_bytes()).unwrap()
    };
    for length in [BODY_MAX, BODY_MAX + 1, 10 * BODY_MAX, 100 * BODY_MAX] {
        let body = body(length);
        let answers = [
            ("with its length", post_bytes(&ann, MESSAGES, body.as_bytes())),
            ("in chunks", chunked(&body, 5000)),
            ("in one chunk", chunked(&body, body.len())),
        ];
        for (case, answer) in answers {
            match length {
                BODY_MAX => assert_eq!(answer.status, 201, "{length} bytes {case}: {answer:?}"),
                _ => assert_eq!(answer.problem(413), "too_large", "{length} bytes {case}"),
            }
        }
        check_goes_on(&server, "a large body");
    }
}

/// Sends bytes that are no request, and checks that the answer says so.
fn check_refused(
    server: &Server,
    case: &str,
    bytes: &[u8],
    half_close: bool,
    status: u16,
    code: &str,
) {
    let mut connection = send_raw(server.address, bytes, half_close).unwrap();
    let answer = Answer::read(&mut connection);
    let answer = answer.unwrap_or_else(|error| panic!("{case}: no answer, {error}"));
    assert_eq!(answer.problem(status), code, "{case}: {answer:?}");
    // The bytes that follow on this connection cannot be understood either.
    let mut rest = Vec::new();
    connection.read_to_end(&mut rest).unwrap_or_else(|error| panic!("{case}: no end, {error}"));
    assert!(rest.is_empty(), "{case}: {}", String::from_utf8_lossy(&rest));
    check_goes_on(server, case);
}

#[test]
fn bytes_that_are_no_request_are_refused() {
    let (_folder, server) = start();
    let long_uri = format!("GET /{} HTTP/1.1\r\nHost: a\r\n\r\n", "a".repeat(70_000));
    let long_head = format!("GET / HTTP/1.1\r\nHost: a\r\nX: {}\r\n\r\n", "a".repeat(140_000));
    let endless_head = format!("GET / HTTP/1.1\r\nHost: a\r\nX: {}", "a".repeat(2_000_000));
    let many_fields = format!("GET / HTTP/1.1\r\nHost: a\r\n{}\r\n", "X: y\r\n".repeat(200));
    let get = |rest: &str| format!("GET /health HTTP/1.1\r\nHost: a\r\n{rest}\r\n");
    let cases: [(&str, &[u8], u16, &str); 30] = [
        (
            "garbage",
            b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03 is TLS\r\n\r\n",
            400,
            "malformed_head",
        ),
        ("noise", b"\x80\xff\xfe\x01\x02\r\n\r\n", 400, "malformed_head"),
        ("a NUL", b"\0", 400, "malformed_head"),
        ("only NULs", &[0; 100], 400, "malformed_head"),
        ("a NUL in the address", b"GET /\0 HTTP/1.1\r\nHost: a\r\n\r\n", 400, "malformed_head"),
        ("a NUL in a field", b"GET / HTTP/1.1\r\nHost: a\0b\r\n\r\n", 400, "malformed_head"),
        ("a NUL in a name", b"GET / HTTP/1.1\r\nHo\0st: a\r\n\r\n", 400, "malformed_head"),
        ("words", b"hello server\r\n\r\n", 400, "malformed_head"),
        ("no version", b"GET /\r\n\r\n", 400, "malformed_head"),
        ("another version", b"GET / HTTP/9.9\r\nHost: a\r\n\r\n", 400, "malformed_head"),
        ("HTTP/2 right away", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 400, "malformed_head"),
        ("a field without a colon", get("nonsense\r\n").leak().as_bytes(), 400, "malformed_head"),
        ("a name with a space", get("X Y: z\r\n").leak().as_bytes(), 400, "malformed_head"),
        (
            "a space before the colon",
            get("Content-Length : 3\r\n").leak().as_bytes(),
            400,
            "malformed_head",
        ),
        ("a folded field", get("X: y\r\n z: w\r\n").leak().as_bytes(), 400, "malformed_head"),
        (
            "two lengths",
            get("Content-Length: 1\r\nContent-Length: 2\r\n").leak().as_bytes(),
            400,
            "malformed_head",
        ),
        (
            "a list of lengths",
            get("Content-Length: 1, 2\r\n").leak().as_bytes(),
            400,
            "malformed_head",
        ),
        (
            "a length below nothing",
            get("Content-Length: -1\r\n").leak().as_bytes(),
            400,
            "malformed_head",
        ),
        (
            "a length with a sign",
            get("Content-Length: +1\r\n").leak().as_bytes(),
            400,
            "malformed_head",
        ),
        (
            "a length beyond all",
            get("Content-Length: 99999999999999999999\r\n").leak().as_bytes(),
            400,
            "malformed_head",
        ),
        (
            "an unknown encoding",
            get("Transfer-Encoding: gzip\r\n").leak().as_bytes(),
            501,
            "unknown_coding",
        ),
        (
            "an unknown encoding in chunks",
            get("Transfer-Encoding: gzip, chunked\r\n").leak().as_bytes(),
            501,
            "unknown_coding",
        ),
        ("no host", b"GET /health HTTP/1.1\r\n\r\n", 400, "malformed_host"),
        ("two hosts", get("Host: a\r\n").leak().as_bytes(), 400, "malformed_host"),
        ("a host that is none", b"GET / HTTP/1.1\r\nHost: a/b\r\n\r\n", 400, "malformed_host"),
        (
            "chunks first",
            get("Transfer-Encoding: chunked, gzip\r\n").leak().as_bytes(),
            400,
            "malformed_head",
        ),
        ("a long address", long_uri.as_bytes(), 414, "uri_too_long"),
        ("a long head", long_head.as_bytes(), 431, "head_too_large"),
        ("an endless head", endless_head.as_bytes(), 431, "head_too_large"),
        ("many fields", many_fields.as_bytes(), 431, "head_too_large"),
    ];
    for (case, bytes, status, code) in cases {
        check_refused(&server, case, bytes, false, status, code);
    }
    // After a request that is well-formed, and is answered first.
    let mut connection = send_raw(server.address, (get("") + "\0").as_bytes(), false).unwrap();
    Answer::read(&mut connection).unwrap().expect(200);
    assert_eq!(Answer::read(&mut connection).unwrap().problem(400), "malformed_head");
}

#[test]
fn a_head_with_a_length_and_an_encoding_is_refused_in_whatever_pieces_it_comes() {
    let (_folder, server) = start();
    let heads = [
        ("length first", "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n"),
        ("encoding first", "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n"),
        ("in other letters", "TRANSFER-ENCODING: Chunked\r\nX: y\r\ncontent-length: 5\r\n"),
    ];
    let routes = [
        "POST /api/v1/guests",
        "GET /api/v1/rooms/lobby/events",
        "GET /api/v1/events",
        "POST /update",
        "POST /get_new_message",
    ];
    let cases = heads.iter().flat_map(|head| routes.map(|route| (route, head)));
    for (route, (case, fields)) in cases {
        let case = &format!("{route}, {case}");
        let request = format!("{route} HTTP/1.1\r\nHost: a\r\n{fields}\r\n0\r\n\r\n");
        check_refused(&server, case, request.as_bytes(), false, 400, "conflicting_lengths");
        // After a normal request on the same connection, and byte by byte.
        let mut connection = connect(server.address).unwrap();
        connection
            .get_mut()
            .write_all(b"POST /api/v1/guests HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\n{}")
            .unwrap();
        Answer::read(&mut connection).unwrap().expect(201);
        for byte in request.bytes() {
            // The server may refuse it before its body has gone out.
            let _ = connection.get_mut().write_all(&[byte]);
        }
        let answer = Answer::read(&mut connection).unwrap();
        assert_eq!(answer.problem(400), "conflicting_lengths", "{case}, byte by byte");
        check_goes_on(&server, case);
    }
}

#[test]
fn a_request_that_breaks_off_is_refused() {
    let (_folder, server) = start();
    let ann = server.guest("ann");
    let post = format!(
        "POST {MESSAGES} HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {}\r\n",
        ann.token.as_deref().unwrap()
    );
    let chunked = format!("{post}Transfer-Encoding: chunked\r\n\r\n");
    let cases: [(&str, String, bool, &str); 11] = [
        ("in the method", "GE".into(), true, "incomplete_head"),
        ("in the address", "GET /api".into(), true, "incomplete_head"),
        ("in a field", "GET /health HTTP/1.1\r\nHo".into(), true, "incomplete_head"),
        (
            "before the last line",
            "GET /health HTTP/1.1\r\nHost: a\r\n".into(),
            true,
            "incomplete_head",
        ),
        ("before the body", format!("{post}Content-Length: 10\r\n\r\n"), true, "malformed"),
        ("in the body", format!("{post}Content-Length: 100\r\n\r\n{{\"te"), true, "malformed"),
        ("before the chunks", chunked.clone(), true, "malformed"),
        ("in a chunk", format!("{chunked}20\r\n{{\"te"), true, "malformed"),
        (
            "before the last chunk",
            format!("{chunked}10\r\n{{\"text\": \"hello\"\r\n"),
            true,
            "malformed",
        ),
        (
            "no number as the size of a chunk",
            format!("{chunked}zz\r\n{{}}\r\n0\r\n\r\n"),
            false,
            "malformed",
        ),
        (
            "a huge size of a chunk",
            format!("{chunked}fffffffffffffffff\r\n{{}}"),
            false,
            "malformed",
        ),
    ];
    for (case, bytes, half_close, code) in cases {
        check_refused(&server, case, bytes.as_bytes(), half_close, 400, code);
    }
}

#[test]
fn a_request_that_does_not_come_whole_in_time_is_refused() {
    let (_folder, server) = start();
    let ann = server.guest("ann");
    let post = format!(
        "POST {MESSAGES} HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {}\r\n",
        ann.token.as_deref().unwrap()
    );
    let guest = "POST /api/v1/guests HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\n{\"n";
    let cases: [(&str, String, &str); 7] = [
        ("a letter", "G".into(), "head_timeout"),
        ("half a head", "GET /health HTTP/1.1\r\nHost: a\r\nX-Half".into(), "head_timeout"),
        ("all but the last line", "GET /health HTTP/1.1\r\nHost: a\r\n".into(), "head_timeout"),
        ("no body", format!("{post}Content-Length: 100\r\n\r\n"), "body_timeout"),
        (
            "three bytes of a body",
            format!("{post}Content-Length: 100\r\n\r\n{{\"t"),
            "body_timeout",
        ),
        (
            "half a chunk",
            format!("{post}Transfer-Encoding: chunked\r\n\r\n64\r\n{{\"t"),
            "body_timeout",
        ),
        ("three bytes of a guest", guest.into(), "body_timeout"),
    ];
    let at_least = |code: &str| {
        let patience = if code == "head_timeout" { HEAD_PATIENCE } else { SERVER_PATIENCE };
        patience - Duration::from_millis(100)
    };
    thread::scope(|scope| {
        for (case, bytes, code) in &cases {
            let server = &server;
            scope.spawn(move || {
                let began = Instant::now();
                check_refused(server, case, bytes.as_bytes(), false, 408, code);
                assert!(began.elapsed() >= at_least(code), "{case}: after {:?}", began.elapsed());
            });
        }
        // A head that trickles in byte by byte has no more time.
        scope.spawn(|| {
            let began = Instant::now();
            let mut connection = connect(server.address).unwrap();
            connection.get_mut().write_all(b"GET /health HTTP/1.1\r\nX: ").unwrap();
            while connection.get_mut().write_all(b"y").is_ok() {
                thread::sleep(Duration::from_millis(200));
                assert!(began.elapsed() < SERVER_PATIENCE * 3, "it may trickle for ever");
            }
        });
        // A connection that sends nothing has made no request, and gets no answer. It may be
        // idle for longer than this.
        scope.spawn(|| {
            let mut connection = connect(server.address).unwrap();
            connection.get_mut().set_read_timeout(Some(SERVER_PATIENCE)).unwrap();
            let mut said = Vec::new();
            let _ = connection.read_to_end(&mut said);
            assert!(said.is_empty(), "{}", String::from_utf8_lossy(&said));
        });
    });
    check_goes_on(&server, "all of them");
}
