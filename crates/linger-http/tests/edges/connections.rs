//! Connections: they move between the park and hyper, and nobody notices.
//!
//! Each request on a connection gets its answer, in order, and no byte is taken for a
//! part of another request. A connection that may be idle for longer than a head may
//! take is in the park again: hyper would have closed it.

use std::time::{Duration, Instant};

use linger_serve::ServerSettings;
use serde_json::{Value, json};
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader},
    net::TcpStream,
    time::{sleep, timeout},
};

use crate::{
    drivers::{Listening, roomy},
    stage::{PATIENCE, Stage},
};

/// For heads, in tests that wait for its end.
const HEAD_TIMEOUT: Duration = Duration::from_millis(300);

/// A client's end of a connection.
pub(crate) struct Wire(pub(crate) BufReader<TcpStream>);

/// The parts of an answer that these tests look at.
#[derive(Debug)]
pub(crate) struct Heard {
    pub(crate) status: u16,
    /// In lower case.
    head: String,
    pub(crate) body: String,
}

impl Listening {
    pub(crate) async fn connect(&self) -> Wire {
        let stream = timeout(PATIENCE, TcpStream::connect(self.address)).await;
        let stream = stream.expect("a connection comes in time").unwrap();
        stream.set_nodelay(true).unwrap();
        Wire(BufReader::new(stream))
    }
}

impl Listening {
    /// Connects, and says this within half the time that a head may take. On a busy machine
    /// that takes some attempts: a time-out for something with which the test itself is late
    /// proves nothing.
    async fn connect_and_say(&self, text: &str) -> Wire {
        let first = Instant::now();
        while first.elapsed() < PATIENCE {
            let began = Instant::now();
            let mut wire = self.connect().await;
            wire.try_say(text).await;
            if began.elapsed() < HEAD_TIMEOUT / 2 {
                return wire;
            }
        }
        panic!("it took too long every time");
    }
}

impl Wire {
    pub(crate) async fn say(&mut self, text: &str) {
        let written = timeout(PATIENCE, self.0.write_all(text.as_bytes())).await;
        written.expect("the server reads").unwrap();
    }

    /// Sends it, whether or not the server still reads.
    pub(crate) async fn try_say(&mut self, text: &str) {
        let _ = timeout(PATIENCE, self.0.write_all(text.as_bytes())).await;
    }

    async fn line(&mut self) -> String {
        let mut line = String::new();
        let read = timeout(PATIENCE, self.0.read_line(&mut line)).await;
        read.expect("an answer comes in time").unwrap();
        line.strip_suffix("\r\n").unwrap_or_else(|| panic!("it broke off: {line:?}")).to_owned()
    }

    async fn hear_head(&mut self) -> Heard {
        let first = self.line().await;
        let status = first.split(' ').nth(1).and_then(|status| status.parse().ok());
        let status = status.unwrap_or_else(|| panic!("no status: {first:?}"));
        let mut head = String::new();
        loop {
            let line = self.line().await;
            if line.is_empty() {
                return Heard { status, head, body: String::new() };
            }
            head += &(line.to_lowercase() + "\n");
        }
    }

    pub(crate) async fn hear(&mut self) -> Heard {
        let mut heard = self.hear_head().await;
        if heard.status >= 200 {
            let length = heard.field("content-length").map_or(0, |length| length.parse().unwrap());
            let mut body = vec![0; length];
            let read = timeout(PATIENCE, self.0.read_exact(&mut body)).await;
            read.expect("an answer comes whole in time").unwrap();
            heard.body = String::from_utf8(body).unwrap();
        }
        heard
    }

    /// Sends a request, and reads the answer.
    pub(crate) async fn ask(&mut self, request: &str) -> Heard {
        self.say(request).await;
        self.hear_answer_to(request).await
    }

    /// Reads the answer to a request.
    async fn hear_answer_to(&mut self, request: &str) -> Heard {
        match request.starts_with("HEAD ") {
            true => self.hear_head().await,
            false => self.hear().await,
        }
    }

    /// Reads to the end of the connection. A reset counts as an end.
    pub(crate) async fn rest(&mut self) -> String {
        let mut rest = Vec::new();
        let read = timeout(PATIENCE, self.0.read_to_end(&mut rest)).await;
        let _ = read.expect("the connection ends");
        String::from_utf8(rest).unwrap()
    }
}

impl Heard {
    pub(crate) fn field(&self, name: &str) -> Option<&str> {
        let mut fields = self.head.lines().filter_map(|line| line.split_once(": "));
        fields.find(|(known, _)| *known == name).map(|(_, value)| value)
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    #[track_caller]
    pub(crate) fn expect_problem(&self, status: u16, code: &str) {
        assert_eq!(self.status, status, "{self:?}");
        assert_eq!(self.field("content-type"), Some("application/problem+json"), "{self:?}");
        let problem = self.json();
        assert_eq!((&problem["status"], &problem["code"]), (&json!(status), &json!(code)));
    }
}

pub(crate) fn get(path: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nHost: linger\r\n\r\n")
}

pub(crate) fn with_body(method: &str, path: &str, body: &str) -> String {
    let length = body.len();
    format!("{method} {path} HTTP/1.1\r\nHost: linger\r\nContent-Length: {length}\r\n\r\n{body}")
}

fn guest(name: &str) -> String {
    with_body("POST", "/api/v1/guests", &json!({ "name": name }).to_string())
}

fn impatient() -> ServerSettings {
    ServerSettings { head_timeout: HEAD_TIMEOUT, ..roomy() }
}

#[tokio::test(flavor = "multi_thread")]
async fn after_whatever_request_a_connection_may_be_idle_and_bring_another() {
    let stage = Stage::open_within(impatient()).await;
    let open = stage.listening.as_ref().unwrap();
    let chunks = "POST /api/v1/guests HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n7\r\n{\"name\"\r\n7\r\n: \"ann\"\r\n1\r\n}\r\n0\r\n";
    let cases = [
        ("a plain one", get("/health"), 200),
        ("a head alone", "HEAD /health HTTP/1.1\r\nHost: a\r\n\r\n".to_owned(), 200),
        ("nothing there", get("/nowhere"), 404),
        ("another method", "DELETE /health HTTP/1.1\r\nHost: a\r\n\r\n".to_owned(), 405),
        ("a body", guest("ann"), 201),
        ("an empty body", with_body("POST", "/api/v1/guests", ""), 201),
        ("chunks", format!("{chunks}\r\n"), 201),
        ("chunks with a trailer", format!("{chunks}X: y\r\n\r\n"), 201),
        ("a body that has no meaning", with_body("POST", "/api/v1/guests", "{"), 400),
        (
            "an upgrade to nothing",
            "GET /health HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n"
                .to_owned(),
            200,
        ),
        (
            "an old client that asks to stay",
            "GET /health HTTP/1.0\r\nConnection: keep-alive\r\n\r\n".to_owned(),
            200,
        ),
        ("a large head", get(&format!("/health?{}", "x".repeat(50_000))), 200),
        ("empty lines before it", format!("\r\n\r\n{}", get("/health")), 200),
    ];
    let checks = cases.map(|(case, request, status)| {
        let open = &open;
        async move {
            let mut wire = open.connect_and_say(&request).await;
            for time in 0..3 {
                let heard = wire.hear_answer_to(&request).await;
                assert_eq!(heard.status, status, "{case}, {time}: {heard:?}");
                assert_ne!(heard.field("connection"), Some("close"), "{case}, {time}: {heard:?}");
                sleep(HEAD_TIMEOUT * 2).await;
                // It is still open. A new one takes its place if this test is late.
                let began = Instant::now();
                wire.try_say(&request).await;
                if began.elapsed() >= HEAD_TIMEOUT / 2 {
                    wire = open.connect_and_say(&request).await;
                }
            }
            wire.hear_answer_to(&request).await;
            let heard = wire.ask(&get("/health")).await;
            assert_eq!(heard.json(), json!({ "status": "ok" }), "{case}");
        }
    });
    futures_util::future::join_all(checks).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_connection_that_is_idle_stays_open_on_a_server_that_has_no_time_for_it() {
    let stage = Stage::open_within(impatient()).await;
    let open = stage.listening.as_ref().unwrap();
    let mut wire = open.connect_and_say(&get("/nowhere")).await;
    for time in 0..3 {
        assert_eq!(wire.hear().await.status, 404, "{time}");
        // The only thread is away, until hyper's time for the next head is over, too.
        tokio::spawn(async { std::thread::sleep(HEAD_TIMEOUT * 2) }).await.unwrap();
        wire.say(&get("/nowhere")).await;
    }
    assert_eq!(wire.hear().await.status, 404);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_that_is_waited_for_with_a_continue_comes_after_it() {
    let stage = Stage::open_within(impatient()).await;
    let open = stage.listening.as_ref().unwrap();
    let head = "POST /api/v1/guests HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 14\r\n\r\n";
    let mut wire = open.connect_and_say(head).await;
    for time in 0..2 {
        if time > 0 {
            wire.say(head).await;
        }
        assert_eq!(wire.hear().await.status, 100);
        assert_eq!(wire.ask("{\"name\":\"ann\"}").await.status, 201);
        sleep(HEAD_TIMEOUT * 2).await;
    }
    // The body is not read: the client need not send it, so the connection cannot go on.
    wire.say(
        "POST /health HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 99\r\n\r\n",
    )
    .await;
    assert_eq!(wire.hear().await.status, 405);
    assert_eq!(wire.rest().await, "");
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_that_come_at_once_or_in_pieces_are_answered_in_order() {
    let stage = Stage::open_within(roomy()).await;
    let open = stage.listening.as_ref().unwrap();
    let all = [
        get("/health"),
        guest("ann"),
        get("/api/v1/me"),
        with_body("POST", "/api/v1/guests", &get("/inside")),
        get("/nowhere"),
        get("/health"),
    ];
    let text = all.concat();
    for size in [text.len(), text.len() - 20, 1000, 100, 7, 1] {
        let mut wire = open.connect().await;
        for piece in text.as_bytes().chunks(size) {
            wire.say(std::str::from_utf8(piece).unwrap()).await;
        }
        let mut statuses = Vec::new();
        for _ in &all {
            statuses.push(wire.hear().await.status);
        }
        assert_eq!(statuses, [200, 201, 401, 400, 404, 200], "{size} at a time");
    }

    // The beginning of the next head comes back with the connection.
    let mut wire = open.connect().await;
    let next = get("/nowhere");
    for cut in 1..next.len() {
        wire.say(&(guest("bob") + &get("/health") + &next[..cut])).await;
        assert_eq!(wire.hear().await.status, 201, "{cut}");
        assert_eq!(wire.hear().await.status, 200, "{cut}");
        assert_eq!(wire.ask(&next[cut..]).await.status, 404, "{cut}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn very_many_requests_at_once_are_all_answered() {
    const MANY: usize = 2000;
    let stage = Stage::open_within(roomy()).await;
    let open = stage.listening.as_ref().unwrap();
    let wire = open.connect().await;
    let (read, mut write) = wire.0.into_inner().into_split();
    let one = [get("/health"), get("/nowhere"), with_body("POST", "/api/v1/guests", "{")].concat();
    let saying = tokio::spawn(async move {
        write.write_all(one.repeat(MANY).as_bytes()).await.unwrap();
        write
    });
    let mut read = BufReader::new(read);
    let mut line = String::new();
    for i in 0..3 * MANY {
        // Each status line is followed by a head, a body without a line, and the next.
        let status = loop {
            line.clear();
            timeout(PATIENCE, read.read_line(&mut line)).await.expect("an answer comes").unwrap();
            if let Some((_, status)) = line.split_once("HTTP/1.1 ") {
                break status[..3].to_owned();
            }
            assert_ne!(line, "", "answer {i} is missing");
        };
        assert_eq!(status, ["200", "404", "400"][i % 3], "answer {i}");
    }
    drop(saying.await.unwrap());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_that_nobody_reads_is_not_taken_for_a_request() {
    let stage = Stage::open_within(roomy()).await;
    let open = stage.listening.as_ref().unwrap();
    let smuggled = get("/smuggled");
    let small = smuggled.repeat(3000 / smuggled.len());
    let large = smuggled.repeat(400_000 / smuggled.len());
    let chunked = |body: &str| {
        format!(
            "POST /health HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n{:x}\r\n{body}\r\n0\r\n\r\n",
            body.len()
        )
    };
    let too_large = with_body("POST", "/api/v1/guests", &large);
    let cases = [
        ("small", with_body("POST", "/health", &small), 405),
        ("large", with_body("POST", "/health", &large), 405),
        ("small, in chunks", chunked(&small), 405),
        ("large, in chunks", chunked(&large), 405),
        ("read in part", too_large, 413),
    ];
    for (case, request, status) in &cases {
        let head = request.find("\r\n\r\n").unwrap() + 4;
        // All at once; the head, and the rest after the answer; the head with some
        // of the body, cut between two of what look like requests.
        for cut in [request.len(), head, head + smuggled.len(), head + 20 * smuggled.len()] {
            if *status == 413 && cut != request.len() {
                // The answer comes once so much has arrived.
                continue;
            }
            // After another request, which came home to the park, or is still here.
            for is_home in [true, false] {
                let mut wire = open.connect().await;
                if is_home {
                    assert_eq!(wire.ask(&get("/health")).await.status, 200);
                    wire.try_say(&request[..cut]).await;
                } else {
                    wire.try_say(&(get("/health") + &request[..cut])).await;
                    assert_eq!(wire.hear().await.status, 200);
                }
                let heard = wire.hear().await;
                assert_eq!(heard.status, *status, "{case}, cut at {cut}: {heard:?}");
                wire.try_say(&request[cut..]).await;
                let closing = "GET /health HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
                wire.try_say(closing).await;
                let rest = wire.rest().await;
                assert!(!rest.contains("404"), "{case}, cut at {cut}: {rest}");
                // Either hyper drained the body, and one request follows, or this is the end.
                let answers = rest.matches("HTTP/1.1 ").count();
                assert!(answers <= 1, "{case}, cut at {cut}: {rest}");
                assert_eq!(rest.matches("HTTP/1.1 200 OK").count(), answers, "{rest}");
            }
        }
    }
    // Small bodies are drained, so that the connection goes on and returns to the park.
    let mut wire = open.connect().await;
    for _ in 0..3 {
        assert_eq!(wire.ask(&cases[0].1).await.status, 405);
        assert_eq!(wire.ask(&get("/nowhere")).await.status, 404);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn who_asks_to_close_is_answered_and_closed() {
    let stage = Stage::open_within(roomy()).await;
    let open = stage.listening.as_ref().unwrap();
    let cases = [
        ("asked for", "GET /health HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n".to_owned()),
        ("an old client", "GET /health HTTP/1.0\r\n\r\n".to_owned()),
        (
            "among other words",
            "GET /health HTTP/1.1\r\nHost: a\r\nConnection: x, Close\r\n\r\n".to_owned(),
        ),
        (
            "with a body",
            "POST /api/v1/guests HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: 2\r\n\r\n{}"
                .to_owned(),
        ),
    ];
    for (case, request) in cases {
        for before in [false, true] {
            let mut wire = open.connect().await;
            if before {
                assert_eq!(wire.ask(&get("/health")).await.status, 200, "{case}");
            }
            // Later requests are not answered any more.
            let heard = wire.ask(&(request.clone() + &get("/nowhere"))).await;
            assert!(matches!(heard.status, 200 | 201), "{case}: {heard:?}");
            assert_eq!(wire.rest().await, "", "{case}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn who_says_that_there_is_no_more_is_still_answered() {
    let stage = Stage::open_within(roomy()).await;
    let open = stage.listening.as_ref().unwrap();
    for time in 0..200 {
        let mut wire = open.connect().await;
        // The server ends while the request arrives, or is on its way to hyper.
        wire.say(&get("/health")).await;
        wire.0.get_mut().shutdown().await.unwrap();
        assert_eq!(wire.hear().await.status, 200, "{time}");
        assert_eq!(wire.rest().await, "");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_head_that_does_not_come_whole_in_time_is_refused_with_words() {
    let stage = Stage::open_within(impatient()).await;
    let open = stage.listening.as_ref().unwrap();
    let cases = [
        ("a letter", String::new(), "G".to_owned()),
        ("half a head", String::new(), "GET /health HTTP/1.1\r\nHos".to_owned()),
        ("half a large one", String::new(), get("/")[..20].to_owned() + &"x".repeat(20_000)),
        ("half another method's", String::new(), "PUT /health HTTP/1.1\r\nHost: a\r\n".to_owned()),
        ("after a request", get("/health"), "GET /hea".to_owned()),
    ];
    let checks = cases.iter().map(|(case, before, begun)| {
        let open = &open;
        async move {
            for at_once in [true, false] {
                let is_one = at_once || before.is_empty();
                let first = if is_one { before.clone() + begun } else { before.clone() };
                let began = Instant::now();
                let mut wire = open.connect_and_say(&first).await;
                if !before.is_empty() {
                    assert_eq!(wire.hear().await.status, 200, "{case}");
                }
                if !is_one {
                    wire.say(begun).await;
                }
                wire.hear().await.expect_problem(408, "head_timeout");
                assert_eq!(wire.rest().await, "", "{case}");
                let took = began.elapsed();
                assert!(took >= HEAD_TIMEOUT && took < PATIENCE / 2, "{case}: {took:?}");
            }
        }
    });
    futures_util::future::join_all(checks).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_head_with_two_lengths_is_refused_wherever_it_comes() {
    let stage = Stage::open_within(roomy()).await;
    let open = stage.listening.as_ref().unwrap();
    let two = "POST /api/v1/guests HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n";
    for before in ["", &get("/health"), &guest("ann")] {
        for size in [two.len(), 60, 1] {
            let mut wire = open.connect().await;
            if !before.is_empty() {
                assert!(wire.ask(before).await.status < 300);
            }
            for piece in two.as_bytes().chunks(size) {
                // The server may refuse it before its body has gone out.
                wire.try_say(std::str::from_utf8(piece).unwrap()).await;
            }
            wire.hear().await.expect_problem(400, "conflicting_lengths");
            assert_eq!(wire.rest().await, "");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_with_its_share_is_told_so_until_one_of_its_connections_closes() {
    const SHARE: usize = 5;
    let settings = ServerSettings { connections_per_address_max: Some(SHARE), ..roomy() };
    let stage = Stage::open_within(settings).await;
    let open = stage.listening.as_ref().unwrap();
    let mut wires = Vec::new();
    for _ in 0..SHARE {
        let mut wire = open.connect().await;
        assert_eq!(wire.ask(&get("/health")).await.status, 200);
        wires.push(wire);
    }
    let mut refused = open.connect().await;
    let heard = refused.ask(&get("/health")).await;
    heard.expect_problem(503, "too_many_connections");
    assert_eq!(heard.field("connection"), Some("close"));
    assert!(heard.field("retry-after").is_some_and(|value| value.parse::<u32>().is_ok()));
    assert_eq!(refused.rest().await, "");

    // Many more connections that send nothing: they end too, and nobody else is disturbed.
    let mut crowd = Vec::new();
    for _ in 0..300 {
        crowd.push(open.connect().await);
    }
    for wire in &mut wires {
        assert_eq!(wire.ask(&get("/health")).await.status, 200);
    }
    for mut wire in crowd {
        let rest = wire.rest().await;
        assert!(rest.is_empty() || rest.starts_with("HTTP/1.1 503 "), "{rest}");
    }

    drop(wires.pop());
    let deadline = Instant::now() + PATIENCE;
    loop {
        let mut wire = open.connect().await;
        let heard = wire.ask(&get("/health")).await;
        if heard.status == 200 {
            break;
        }
        heard.expect_problem(503, "too_many_connections");
        assert!(Instant::now() < deadline, "the place is not given back");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn who_finds_no_place_waits_for_one() {
    let stage = Stage::open_within(ServerSettings { connections_max: 2, ..roomy() }).await;
    let open = stage.listening.as_ref().unwrap();
    let mut wires = [open.connect().await, open.connect().await];
    for wire in &mut wires {
        assert_eq!(wire.ask(&get("/health")).await.status, 200);
    }
    let mut third = open.connect().await;
    third.say(&get("/nowhere")).await;
    let early = timeout(HEAD_TIMEOUT, third.0.fill_buf()).await;
    assert!(early.is_err(), "answered without a place: {early:?}");
    // The others go on meanwhile.
    for wire in &mut wires {
        assert_eq!(wire.ask(&guest("ann")).await.status, 201);
    }
    drop(wires);
    assert_eq!(third.hear().await.status, 404);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_connection_that_says_nothing_is_closed_and_one_that_asked_before_is_not() {
    let stage = Stage::open_within(impatient()).await;
    let open = stage.listening.as_ref().unwrap();
    let mut asked = open.connect_and_say(&get("/health")).await;
    assert_eq!(asked.hear().await.status, 200);
    let mut silent = open.connect().await;
    let began = Instant::now();
    assert_eq!(silent.rest().await, "");
    assert!(began.elapsed() < PATIENCE / 2, "after {:?}", began.elapsed());
    sleep(2 * HEAD_TIMEOUT).await;
    assert_eq!(asked.ask(&get("/health")).await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_leaves_while_they_speak_has_said_what_was_acknowledged_and_nothing_else() {
    const EACH: usize = 100;
    let stage = Stage::open_within(roomy()).await;
    let open = stage.listening.as_ref().unwrap();
    let mut speaker = open.connect().await;
    let token = speaker.ask(&guest("ann")).await.json()["token"].as_str().unwrap().to_owned();
    let request = |method: &str, path: &str, body: &str| {
        format!(
            "{method} /api/v1/rooms/lobby/{path} HTTP/1.1\r\nHost: a\r\n\
             Authorization: Bearer {token}\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        )
    };
    let speak = async {
        let mut acknowledged = Vec::new();
        for number in 0..EACH {
            let body = json!({ "text": number.to_string() }).to_string();
            let said = speaker.ask(&request("PUT", &format!("messages/m{number}"), &body)).await;
            match said.status {
                201 => {
                    assert_eq!(said.json()["message"]["text"], number.to_string());
                    acknowledged.push(Value::from(number.to_string()));
                }
                // Sending joins; but another request may have left the room just then.
                _ => said.expect_problem(403, "not_a_member"),
            }
        }
        acknowledged
    };
    let leave = async {
        let mut leaver = open.connect().await;
        for _ in 0..EACH {
            let left = leaver.ask(&request("DELETE", "members/me", "")).await;
            assert!(matches!(left.status, 204 | 403), "{left:?}");
        }
    };
    let (acknowledged, ()) = tokio::join!(speak, leave);
    assert!(acknowledged.len() > EACH / 2, "{acknowledged:?}");
    let all = open.connect().await.ask(&get("/api/v1/rooms/lobby/messages?limit=200")).await.json();
    let said: Vec<_> = all["messages"].as_array().unwrap().iter().map(|m| &m["text"]).collect();
    assert_eq!(said, acknowledged.iter().collect::<Vec<_>>());
}

#[tokio::test(flavor = "multi_thread")]
async fn connections_that_are_idle_do_not_delay_the_end() {
    let mut stage = Stage::open_within(roomy()).await;
    let mut open = stage.listening.take().unwrap();
    let mut wires = Vec::new();
    for i in 0..50 {
        let mut wire = open.connect().await;
        if i % 2 == 0 {
            assert_eq!(wire.ask(&get("/health")).await.status, 200);
        }
        wires.push(wire);
    }
    let mut held = open.connect().await;
    held.say(&with_body("POST", "/update", "cursor=")).await;
    stage.until_held(1).await;
    let asked = Instant::now();
    open.end().await;
    assert!(asked.elapsed() < PATIENCE / 2, "after {:?}", asked.elapsed());
    assert_eq!(held.hear().await.status, 200);
    assert_eq!(held.rest().await, "");
    for mut wire in wires {
        assert_eq!(wire.rest().await, "");
    }
    assert!(TcpStream::connect(open.address).await.is_err(), "it does not listen any more");
}

#[tokio::test(flavor = "multi_thread")]
async fn of_many_who_ask_at_once_each_gets_the_answers_to_their_own_requests() {
    const CLIENTS: usize = 200;
    const REQUESTS: usize = 200;
    let stage = Stage::open_within(roomy()).await;
    let open = stage.listening.as_ref().unwrap();
    let client = |i: usize| async move {
        let mut wire = open.connect().await;
        let name = format!("client {i}");
        let made = wire.ask(&guest(&name)).await.json();
        let token = format!("Authorization: Bearer {}\r\n", made["token"].as_str().unwrap());
        let signed = |request: String| request.replacen("\r\n", &format!("\r\n{token}"), 1);
        for n in 0..REQUESTS {
            // Another order for each client, the same in every run.
            match (i * 7 + n * 5 + n * n) % 8 {
                0 => {
                    let heard = wire.ask(&signed(get("/api/v1/me"))).await;
                    assert_eq!(heard.json()["user"]["name"], name);
                }
                1 => {
                    let path = format!("/api/v1/rooms/lobby/messages/{n}");
                    let text = format!("{n} of {i}");
                    let body = json!({ "text": text }).to_string();
                    let heard = wire.ask(&signed(with_body("PUT", &path, &body))).await;
                    assert_eq!(heard.json()["message"]["text"], text);
                }
                2 => assert_eq!(
                    wire.ask("HEAD /nowhere HTTP/1.1\r\nHost: a\r\n\r\n").await.status,
                    404
                ),
                3 => {
                    let both = get("/health") + &signed(get("/api/v1/me"));
                    assert_eq!(wire.ask(&both).await.json(), json!({ "status": "ok" }));
                    assert_eq!(wire.hear().await.json()["user"]["name"], name);
                }
                4 => {
                    let body = get("/smuggled");
                    wire.ask(&with_body("POST", "/health", &body))
                        .await
                        .expect_problem(405, "no_such_method");
                }
                5 => {
                    let body = json!({ "name": format!("{name}, {n}") }).to_string();
                    let heard = wire.ask(&with_body("POST", "/api/v1/guests", &body)).await;
                    assert_eq!(heard.json()["user"]["name"], format!("{name}, {n}"));
                }
                6 => {
                    let request = signed(get("/api/v1/me"));
                    let (begin, end) = request.split_at(n % request.len());
                    wire.say(begin).await;
                    tokio::task::yield_now().await;
                    assert_eq!(wire.ask(end).await.json()["user"]["name"], name);
                }
                _ => wire.ask(&get("/nowhere")).await.expect_problem(404, "nothing_here"),
            }
        }
    };
    futures_util::future::join_all((0..CLIENTS).map(client)).await;
}
