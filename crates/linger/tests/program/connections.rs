//! One connection, used for everything: whatever was asked before, the next
//! request on it may be held.
//!
//! The held requests and all others are served by different parts of the
//! program, and a connection goes from one to the other. A client must not
//! notice, however its heads look: their size, their number of fields, their
//! letters.

use std::{
    io::{BufReader, Write},
    net::TcpStream,
};

use serde_json::{Value, json};

use crate::{
    client::{Answer, Client, connect, read_chunk},
    process::{Folder, Program, Server},
};

const EVENTS: &str = "/api/v1/rooms/lobby/events";

/// How a client writes its heads.
struct Style {
    name: &'static str,
    /// Writes the name of a field.
    spell: fn(&str) -> String,
    /// Bytes in the header `Cookie`, beside the session.
    cookie_bytes: usize,
    /// Fields in a head, all together; none for as many as there are.
    fields: Option<usize>,
}

/// One client on one connection.
struct Caller<'a> {
    style: &'a Style,
    connection: BufReader<TcpStream>,
    token: Option<String>,
    /// The token goes along as the cookie, not as a bearer token.
    by_cookie: bool,
    /// The `Accept` header of each request, if any.
    accept: Option<&'static str>,
}

impl Caller<'_> {
    fn request(&self, method: &str, path: &str, body: &str) -> String {
        let Style { spell, cookie_bytes, fields: count, .. } = self.style;
        let mut fields = vec![("Host", "a".to_owned())];
        let mut cookies = vec![];
        match &self.token {
            Some(token) if self.by_cookie => cookies.push(format!("linger_session={token}")),
            Some(token) => fields.push(("Authorization", format!("Bearer {token}"))),
            None => {}
        }
        if *cookie_bytes > 0 {
            // In front, so that the session is at the end of a long value.
            cookies.insert(0, format!("pad={}", "y".repeat(*cookie_bytes)));
        }
        if !cookies.is_empty() {
            fields.push(("Cookie", cookies.join("; ")));
        }
        fields.extend(self.accept.map(|accept| ("Accept", accept.to_owned())));
        if method != "GET" {
            fields.push(("Content-Length", body.len().to_string()));
        }
        while fields.len() < count.unwrap_or(0) {
            // In front of the headers that matter.
            fields.insert(0, ("X-Pad", fields.len().to_string()));
        }
        let fields = fields.iter().map(|(name, value)| format!("{}: {value}\r\n", spell(name)));
        format!("{method} {path} HTTP/1.1\r\n{}\r\n{body}", fields.collect::<String>())
    }

    fn send(&mut self, bytes: &str) {
        self.connection.get_mut().write_all(bytes.as_bytes()).unwrap();
    }

    fn read(&mut self) -> Answer {
        let answer = Answer::read(&mut self.connection);
        let answer = answer.unwrap_or_else(|error| panic!("{}: {error}", self.style.name));
        assert_ne!(answer.header("connection"), Some("close"), "{}: {answer:?}", self.style.name);
        answer
    }

    /// Makes a request that is answered at once.
    fn call(&mut self, method: &str, path: &str, body: &str) -> Answer {
        let request = self.request(method, path, body);
        self.send(&request);
        self.read()
    }

    /// Makes a request that is held until ann says `text`.
    fn wait(&mut self, on: (&Server, &mut Client), request: &str, text: &str) -> Value {
        let (server, ann) = on;
        self.send(request);
        server.until_held(1);
        ann.say("lobby", text);
        self.read().expect(200)
    }

    /// Waits for the events after `cursor`, which must be what ann says; returns
    /// the cursor after it.
    fn poll(&mut self, on: (&Server, &mut Client), path: &str, cursor: &str, text: &str) -> String {
        let request = self.request("GET", &format!("{path}?after={cursor}&wait=50"), "");
        let page = self.wait(on, &request, text);
        check_page(&page, &[text], self.style)
    }
}

/// Checks which messages are on a page, and returns its cursor.
fn check_page(page: &Value, said: &[&str], style: &Style) -> String {
    let events = page["events"].as_array().unwrap();
    let texts: Vec<_> = events.iter().map(|event| &event["message"]["text"]).collect();
    assert_eq!(texts, said, "{}: {page}", style.name);
    page["cursor"].as_str().unwrap().to_owned()
}

#[test]
fn a_request_may_be_held_whatever_was_asked_on_its_connection_before() {
    let as_it_is = |name: &str| name.to_owned();
    let mixed = |name: &str| {
        let letters = name.chars().enumerate();
        let letters = letters.map(|(i, letter)| match i % 2 {
            0 => letter.to_ascii_lowercase(),
            _ => letter.to_ascii_uppercase(),
        });
        letters.collect()
    };
    let style = |name, spell, cookie_bytes, fields| Style { name, spell, cookie_bytes, fields };
    let styles = [
        style("plain", as_it_is, 0, None),
        style("lower case", str::to_ascii_lowercase, 0, None),
        style("upper case", str::to_ascii_uppercase, 0, None),
        style("mixed case", mixed, 0, None),
        style("a cookie of 6 KB", as_it_is, 6000, None),
        style("a cookie of 10 KB", as_it_is, 10_000, None),
        style("a cookie of 100 KB", as_it_is, 100_000, None),
        style("60 fields", as_it_is, 0, Some(60)),
        style("70 fields", as_it_is, 0, Some(70)),
        style("100 fields", as_it_is, 0, Some(100)),
    ];
    let folder = Folder::new();
    let server = Program::on(&folder).start();
    let mut ann = server.guest("ann");
    ann.join("lobby");
    for style in &styles {
        check_one_connection(&server, &mut ann, style);
    }
}

fn check_one_connection(server: &Server, ann: &mut Client, style: &Style) {
    let connection = connect(server.address).unwrap();
    let mut caller = Caller { style, connection, token: None, by_cookie: false, accept: None };
    assert!(caller.call("GET", "/api/v1/openapi.json", "").expect(200)["openapi"].is_string());
    let guest = caller.call("POST", "/api/v1/guests", r#"{"name":"bob"}"#).expect(201);

    // As a visitor, then as this guest, by both ways to say so.
    let here = caller.call("GET", &format!("{EVENTS}?after=latest&wait=0"), "").expect(200);
    let cursor = check_page(&here, &[], style);
    let cursor = caller.poll((server, ann), EVENTS, &cursor, "one");
    caller.token = Some(guest["token"].as_str().unwrap().to_owned());
    let cursor = caller.poll((server, ann), EVENTS, &cursor, "two");
    caller.by_cookie = true;
    let cursor = caller.poll((server, ann), EVENTS, &cursor, "three");
    caller.call("PUT", "/api/v1/rooms/lobby/members/me", "").expect(204);
    let path = "/api/v1/rooms/lobby/messages/1";
    caller.call("PUT", path, r#"{"text":"four"}"#).expect(201);
    // The news from the time between is there at once: the joining, and the message.
    let page = caller.call("GET", &format!("{EVENTS}?after={cursor}&wait=50"), "").expect(200);
    let events = page["events"].as_array().unwrap();
    let kinds: Vec<_> = events.iter().map(|event| event["type"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["member_joined", "message_sent"], "{}: {page}", style.name);
    let cursor = page["cursor"].as_str().unwrap();
    let cursor = caller.poll((server, ann), "/api/v1/events", cursor, "five");

    // The other protocols, and a request between them that is not held.
    let name = caller.call("POST", "/get_name", "").expect(200);
    let asked = json!({ "username": name }).to_string();
    let request = caller.request("POST", "/get_new_message", &asked);
    let told = caller.wait((server, ann), &request, "six");
    assert_eq!(told["message"]["message"], "six", "{}", style.name);
    assert_eq!(caller.call("GET", "/nothing", "").problem(404), "nothing_here");
    let page = caller.call("GET", &format!("{EVENTS}?after={cursor}&wait=0"), "").expect(200);
    let cursor = check_page(&page, &["six"], style);
    let request = caller.request("POST", "/update", &format!("cursor={cursor}"));
    let update = caller.wait((server, ann), &request, "seven");
    assert!(update["html"].as_str().unwrap().ends_with("</b>: seven</div>"), "{update}");
    let cursor = update["latest_cursor"].as_str().unwrap().to_owned();

    // Two at once: the second is answered after the first, whoever serves it.
    let poll = caller.request("GET", &format!("{EVENTS}?after={cursor}&wait=50"), "");
    let health = caller.request("GET", "/health", "");
    let page = caller.wait((server, ann), &(poll + &health), "eight");
    let cursor = check_page(&page, &["eight"], style);
    assert_eq!(caller.read().expect(200), json!({ "status": "ok" }), "{}", style.name);
    let cursor = caller.poll((server, ann), EVENTS, &cursor, "nine");

    // A stream comes last, because it has no end.
    caller.accept = Some("text/event-stream");
    let request = caller.request("GET", &format!("{EVENTS}?after={cursor}"), "");
    caller.send(&request);
    let head = Answer::read_head(&mut caller.connection).unwrap();
    assert_eq!(head.header("content-type"), Some("text/event-stream"), "{}", style.name);
    ann.say("lobby", "ten");
    let mut text = String::new();
    while !text.contains(r#""text":"ten""#) {
        let chunk = read_chunk(&mut caller.connection).unwrap().expect("the stream goes on");
        text += &String::from_utf8(chunk).unwrap();
    }
    drop(caller);
    server.until_held(0);
}
