//! A small server with as much of Linger's API as the generator uses: rooms,
//! guests, sends, held requests and streams. A thread for each connection; it
//! ends with the test. Its habits are the faults that the generator must find.

use std::{
    collections::{HashMap, HashSet},
    io::{BufRead, BufReader, ErrorKind, Read, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    sync::{Arc, Condvar, Mutex},
    time::{Duration, Instant},
};

/// The habits of the server, good and bad.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Habit {
    Right,
    /// Answers in chunks of seven bytes.
    Chunked,
    /// Answers byte by byte.
    Dribbling,
    /// Closes after each answer to a poll.
    Closing,
    /// Acknowledges the third message of a room and loses it.
    Forgetting,
    /// Tells the third message of a room twice.
    Repeating,
    /// Answers polls with 503.
    Refusing,
    /// Answers the request before a poll with 503.
    Unwelcoming,
    /// Closes after the answer to the request before a poll.
    Curt,
    /// Takes no message that is sent by `PUT`.
    Posting,
    /// Holds polls only for tokens that it gave, one at a time for each.
    Private,
}

/// An open server.
pub(crate) struct Fake {
    pub(crate) address: SocketAddr,
}

#[derive(Default)]
struct State {
    /// The texts of each room.
    rooms: HashMap<String, Vec<String>>,
    held: usize,
    /// How many tokens were given, and those with a poll that is held now.
    given: usize,
    holding: HashSet<String>,
}

struct House {
    habit: Habit,
    state: Mutex<State>,
    news: Condvar,
}

impl Fake {
    pub(crate) fn open(habit: Habit) -> Fake {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("an address");
        let house = Arc::new(House { habit, state: Mutex::default(), news: Condvar::new() });
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let house = house.clone();
                // A connection that breaks ends its thread; the test sees that in the results.
                std::thread::spawn(move || house.serve(stream).unwrap_or_default());
            }
        });
        Fake { address }
    }
}

impl House {
    fn serve(&self, stream: TcpStream) -> std::io::Result<()> {
        stream.set_nodelay(true)?;
        let mut writer = stream.try_clone()?;
        let mut reader = BufReader::new(stream);
        loop {
            let (mut head, mut length) = (Vec::new(), 0);
            loop {
                let mut line = String::new();
                if reader.read_line(&mut line)? == 0 {
                    return Ok(());
                }
                let line = line.trim_end().to_ascii_lowercase();
                if line.is_empty() {
                    break;
                }
                if let Some(value) = line.strip_prefix("content-length: ") {
                    length = value.parse().expect("a length");
                }
                head.push(line);
            }
            let mut body = vec![0; length];
            reader.read_exact(&mut body)?;
            let body = String::from_utf8(body).expect("text");
            let is_stream = head.iter().any(|line| line.contains("text/event-stream"));
            let words: Vec<&str> = head[0].split(' ').collect();
            let token = head.iter().find_map(|line| line.strip_prefix("authorization: bearer "));
            let segments: Vec<&str> = words[1].split(['/', '?']).collect();
            match (words[0], &segments[1..]) {
                ("post", ["api", "v1", "guests"]) => {
                    let body = format!(r#"{{"token":"{}","user":{{}}}}"#, self.give_token());
                    answer(&mut writer, 201, &body)?;
                }
                ("post", ["api", "v1", "rooms"]) => answer(&mut writer, 201, "{}")?,
                ("put", ["api", "v1", "rooms", _, "messages", _])
                    if self.habit == Habit::Posting =>
                {
                    answer(&mut writer, 405, "{}")?;
                }
                ("put", ["api", "v1", "rooms", room, "messages", _])
                | ("post", ["api", "v1", "rooms", room, "messages"]) => {
                    let has_key = head.iter().any(|line| line.starts_with("idempotency-key: "));
                    assert!(has_key || words[0] == "put", "{head:?}");
                    self.say(room, &body);
                    answer(&mut writer, 201, "{}")?;
                }
                ("get", ["metrics"]) => {
                    let held = self.state.lock().expect("state").held;
                    answer(&mut writer, 200, &format!("linger_requests_held {held}\n"))?;
                }
                ("get", ["api", "v1", "rooms", _, "events", query])
                    if !query.contains("wait=0") && !self.may_hold(token) =>
                {
                    answer(&mut writer, 401, r#"{"code":"who_are_you"}"#)?;
                }
                ("get", ["api", "v1", "rooms", room, "events", query]) if is_stream => {
                    let frame = |number, text: &str| {
                        format!("id: {number}\ndata: {{\"text\":\"{text}\"}}\n\n")
                    };
                    return self.stream(&mut writer, room, after(query), token, frame);
                }
                ("get", ["r", room, "follow&limit=1"]) => {
                    let line = |_, text: &str| format!("10:00 ann: {text}\n");
                    return self.stream(&mut writer, room, 0, token, line);
                }
                ("get", ["api", "v1", "rooms", room, "events", query]) => {
                    if self.poll(&mut writer, room, query, token)? {
                        return Ok(());
                    }
                }
                _ if self.habit == Habit::Unwelcoming => {
                    answer(&mut writer, 503, r#"{"code":"overloaded"}"#)?;
                }
                _ if self.habit == Habit::Curt => {
                    return writer.write_all(whole(200, "{}", "Connection: close\r\n").as_bytes());
                }
                _ => answer(&mut writer, 200, "{}")?,
            }
        }
    }

    fn give_token(&self) -> String {
        let mut state = self.state.lock().expect("state");
        state.given += 1;
        format!("t{}", state.given)
    }

    /// Whether a poll with this token may be held.
    fn may_hold(&self, token: Option<&str>) -> bool {
        let state = self.state.lock().expect("state");
        let number = token.and_then(|token| token.strip_prefix('t')?.parse().ok());
        let is_known = number.is_some_and(|number: usize| (1..=state.given).contains(&number));
        let is_held = token.is_some_and(|token| state.holding.contains(token));
        self.habit != Habit::Private || is_known && !is_held
    }

    fn say(&self, room: &str, body: &str) {
        let text = body.strip_prefix(r#"{"text":""#).and_then(|rest| rest.strip_suffix(r#""}"#));
        let text = text.expect("a text").to_owned();
        let mut state = self.state.lock().expect("state");
        let texts = state.rooms.entry(room.to_owned()).or_default();
        let is_third = text.contains(":0000000003:");
        match self.habit {
            Habit::Forgetting if is_third => {}
            Habit::Repeating if is_third => texts.extend([text.clone(), text]),
            _ => texts.push(text),
        }
        self.news.notify_all();
    }

    /// Answers a poll; returns whether the connection is closed then.
    fn poll(
        &self,
        writer: &mut TcpStream,
        room: &str,
        query: &str,
        token: Option<&str>,
    ) -> std::io::Result<bool> {
        let is_short = query.contains("wait=0");
        if self.habit == Habit::Refusing && !is_short {
            answer(writer, 503, r#"{"code":"overloaded"}"#)?;
            return Ok(false);
        }
        let texts =
            if is_short { self.texts(room) } else { self.wait(writer, room, after(query), token)? };
        let begin = if is_short { texts.len() } else { after(query).min(texts.len()) };
        let events: Vec<String> =
            texts[begin..].iter().map(|text| format!(r#"{{"text":"{text}"}}"#)).collect();
        let body = format!(r#"{{"events":[{}],"cursor":"{}"}}"#, events.join(","), texts.len());
        match self.habit {
            Habit::Chunked => {
                let mut bytes = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n".to_vec();
                for part in body.as_bytes().chunks(7) {
                    bytes.extend_from_slice(format!("{:x}\r\n", part.len()).as_bytes());
                    bytes.extend_from_slice(part);
                    bytes.extend_from_slice(b"\r\n");
                }
                writer.write_all(&[bytes, b"0\r\n\r\n".to_vec()].concat())?;
            }
            Habit::Dribbling => {
                for byte in whole(200, &body, "").bytes() {
                    writer.write_all(&[byte])?;
                }
            }
            Habit::Closing => {
                writer.write_all(whole(200, &body, "Connection: close\r\n").as_bytes())?;
            }
            _ => answer(writer, 200, &body)?,
        }
        Ok(self.habit == Habit::Closing)
    }

    fn stream(
        &self,
        writer: &mut TcpStream,
        room: &str,
        mut after: usize,
        token: Option<&str>,
        written: impl Fn(usize, &str) -> String,
    ) -> std::io::Result<()> {
        writer.write_all(
            b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n",
        )?;
        loop {
            let texts = self.wait(writer, room, after, token)?;
            for (at, text) in texts.iter().enumerate().skip(after) {
                let frame = written(at + 1, text);
                // Cut in the middle of a frame, as a network may.
                let (one, two) = frame.split_at(frame.len() / 2);
                for part in [one, two] {
                    write!(writer, "{:x}\r\n{part}\r\n", part.len())?;
                }
            }
            after = texts.len();
        }
    }

    fn texts(&self, room: &str) -> Vec<String> {
        self.state.lock().expect("state").rooms.get(room).cloned().unwrap_or_default()
    }

    /// Waits until there is something after `after`. Errors: the reader hung up.
    fn wait(
        &self,
        stream: &TcpStream,
        room: &str,
        after: usize,
        token: Option<&str>,
    ) -> std::io::Result<Vec<String>> {
        let mut state = self.state.lock().expect("state");
        state.held += 1;
        state.holding.extend(token.map(str::to_owned));
        let has_none =
            |state: &mut State| state.rooms.get(room).is_none_or(|all| all.len() <= after);
        let until = Instant::now() + Duration::from_secs(20);
        let mut result = Ok(());
        while result.is_ok() && has_none(&mut state) && Instant::now() < until {
            let look = Duration::from_millis(50);
            state = self.news.wait_timeout_while(state, look, has_none).expect("state").0;
            result = is_there(stream);
        }
        state.held -= 1;
        state.holding.remove(token.unwrap_or_default());
        result.map(|()| state.rooms.get(room).cloned().unwrap_or_default())
    }
}

/// Looks whether the other side is still there. Errors: it hung up.
fn is_there(stream: &TcpStream) -> std::io::Result<()> {
    stream.set_nonblocking(true)?;
    let peeked = stream.peek(&mut [0]);
    stream.set_nonblocking(false)?;
    match peeked {
        Ok(0) => Err(ErrorKind::ConnectionReset.into()),
        Err(error) if error.kind() != ErrorKind::WouldBlock => Err(error),
        _ => Ok(()),
    }
}

fn after(query: &str) -> usize {
    let value = query.split('&').find_map(|field| field.strip_prefix("after="));
    value.and_then(|value| value.parse().ok()).unwrap_or(0)
}

fn answer(writer: &mut TcpStream, status: u16, body: &str) -> std::io::Result<()> {
    writer.write_all(whole(status, body, "").as_bytes())
}

fn whole(status: u16, body: &str, fields: &str) -> String {
    format!("HTTP/1.1 {status} Fine\r\n{fields}Content-Length: {}\r\n\r\n{body}", body.len())
}
