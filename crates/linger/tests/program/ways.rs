//! The ways of waiting for news, and a reader who goes one of them.
//!
//! A [`Reader`] reads one room, keeps the cursor of the last answer and all texts
//! since, and compares every page with the one before it: a gap, a repeat or a reset
//! panics. It may hang up at any time and go on.

use std::{
    io::{self, BufReader, Read, Write},
    net::{SocketAddr, TcpStream},
    time::Duration,
};

use serde_json::{Value, json};

use crate::client::{Answer, connect, read_chunk};

/// How a request may be held.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// A long poll of one room.
    RoomPoll,
    /// A long poll of all rooms of a user.
    MyPoll,
    /// A stream of one room.
    RoomStream,
    /// A stream of all rooms of a user.
    MyStream,
    /// The first seed protocol, in the lobby only.
    Update,
    /// The third seed protocol, in the lobby only.
    Names,
}

/// Somebody who reads a room.
pub struct Reader {
    pub way: Way,
    /// The texts of the room, oldest first.
    pub texts: Vec<String>,
    /// Where to go on: the cursor of the last answer, or `name==uuid`.
    pub cursor: String,
    room: String,
    token: Option<String>,
    /// The number or the position of the last event.
    last: Option<u64>,
    connection: Option<BufReader<TcpStream>>,
    /// The part of an open stream that was not read yet; none before its head.
    begun: Option<Vec<u8>>,
}

impl Way {
    pub const ALL: [Way; 6] =
        [Way::RoomPoll, Way::MyPoll, Way::RoomStream, Way::MyStream, Way::Update, Way::Names];

    pub fn is_stream(self) -> bool {
        matches!(self, Way::RoomStream | Way::MyStream)
    }
}

impl Reader {
    /// Reads from `cursor` on, as the one who has this token or as a visitor.
    pub fn new(way: Way, room: &str, token: Option<&str>, cursor: &str) -> Reader {
        Reader {
            way,
            texts: Vec::new(),
            cursor: cursor.to_owned(),
            room: room.to_owned(),
            token: token.map(str::to_owned),
            last: None,
            connection: None,
            begun: None,
        }
    }

    /// Asks for the next news, on the connection there is. A stream that is open goes on
    /// by itself.
    pub fn ask(&mut self, address: SocketAddr, wait: u32) -> io::Result<()> {
        if self.way.is_stream() && self.connection.is_some() {
            return Ok(());
        }
        let request = self.request(wait);
        let connection = match &mut self.connection {
            Some(connection) => connection,
            none => none.insert(connect(address)?),
        };
        connection.get_mut().write_all(request.as_bytes())
    }

    /// Reads one answer, or the next part of a stream. An answer that breaks off changes
    /// nothing.
    pub fn take(&mut self) -> io::Result<()> {
        let connection = self.connection.as_mut().expect("it has asked");
        if self.way.is_stream() {
            if self.begun.is_none() {
                Answer::read_head(connection)?.expect(200);
                self.begun = Some(Vec::new());
            }
            let chunk = read_chunk(connection)?.ok_or(io::ErrorKind::UnexpectedEof)?;
            self.take_frames(&chunk);
            return Ok(());
        }
        let answer = Answer::read(connection)?;
        if answer.header("connection") == Some("close") {
            self.hang_up();
        }
        let page = answer.expect(200);
        match self.way {
            Way::Update => self.take_update(&page),
            Way::Names => self.take_name(&page),
            _ => self.take_page(&page),
        }
        Ok(())
    }

    /// Waits no longer than this for each piece of an answer.
    pub fn set_patience(&self, patience: Duration) {
        let connection = self.connection.as_ref().expect("it has asked");
        connection.get_ref().set_read_timeout(Some(patience)).unwrap();
    }

    /// Closes the connection at any moment of its answer.
    pub fn hang_up(&mut self) {
        self.connection = None;
        self.begun = None;
    }

    /// Reads the rest until the server closes: nothing, or the end of a stream. Panics
    /// when the last answer was not whole.
    pub fn read_end(&mut self) {
        let Some(connection) = &mut self.connection else { return };
        if self.begun.is_some() {
            while let Some(chunk) = read_chunk(connection).unwrap() {
                assert!(chunk.starts_with(b":"), "comments only: {chunk:?}");
            }
        }
        let mut rest = Vec::new();
        connection.read_to_end(&mut rest).unwrap();
        assert!(rest.is_empty(), "{:?}: {}", self.way, String::from_utf8_lossy(&rest));
    }

    fn request(&self, wait: u32) -> String {
        let Reader { way, room, cursor, .. } = self;
        let target = match way {
            Way::RoomPoll => {
                format!("GET /api/v1/rooms/{room}/events?after={cursor}&wait={wait}")
            }
            Way::MyPoll => format!("GET /api/v1/events?after={cursor}&wait={wait}"),
            Way::RoomStream => format!("GET /api/v1/rooms/{room}/events?after=start"),
            Way::MyStream => "GET /api/v1/events?after=start".to_owned(),
            Way::Update => "POST /update".to_owned(),
            Way::Names => "POST /get_new_message".to_owned(),
        };
        let body = match way {
            Way::Update => format!("cursor={cursor}"),
            Way::Names => json!({ "username": cursor }).to_string(),
            _ => String::new(),
        };
        let mut head = format!("{target} HTTP/1.1\r\nHost: a\r\n");
        if let Some(token) = &self.token {
            head += &format!("Authorization: Bearer {token}\r\n");
        }
        if way.is_stream() {
            head += "Accept: text/event-stream\r\n";
            if cursor != "start" {
                head += &format!("Last-Event-ID: {cursor}\r\n");
            }
        }
        if !body.is_empty() {
            head += &format!("Content-Length: {}\r\n", body.len());
        }
        head + "\r\n" + &body
    }

    fn take_page(&mut self, page: &Value) {
        assert_eq!(page["reset"], Value::Null, "{page}");
        page["events"].as_array().unwrap().iter().for_each(|event| self.take_event(event));
        page["cursor"].as_str().unwrap().clone_into(&mut self.cursor);
    }

    /// Takes the frames that are whole with this chunk.
    fn take_frames(&mut self, chunk: &[u8]) {
        let mut begun = self.begun.take().unwrap();
        begun.extend_from_slice(chunk);
        let whole = begun.windows(2).rposition(|two| two == b"\n\n").map_or(0, |end| end + 2);
        let text = String::from_utf8(begun.drain(..whole).collect()).unwrap();
        self.begun = Some(begun);
        for frame in text.split_terminator("\n\n") {
            let field = |name| frame.lines().find_map(|line| line.strip_prefix(name));
            assert_ne!(field("event: "), Some("reset"), "{frame}");
            if let Some(data) = field("data: ") {
                self.take_event(&serde_json::from_str(data).unwrap());
            }
            if let Some(id) = field("id: ") {
                id.clone_into(&mut self.cursor);
            }
        }
    }

    fn take_event(&mut self, event: &Value) {
        // In one room every number comes; for all rooms, positions only go up.
        let is_next = match self.way {
            Way::RoomPoll | Way::RoomStream => {
                let number = event["number"].as_u64().unwrap();
                self.last.replace(number).is_none_or(|last| number == last + 1)
            }
            _ => {
                let position = event["position"].as_u64().unwrap();
                self.last.replace(position).is_none_or(|last| position > last)
            }
        };
        assert!(is_next, "{:?}: {event} after {:?}", self.way, self.texts.last());
        if event["type"] == "message_sent" && event["room"] == *self.room {
            self.texts.push(event["message"]["text"].as_str().unwrap().to_owned());
        }
    }

    fn take_update(&mut self, page: &Value) {
        let html = page["html"].as_str().unwrap();
        for element in html.split_terminator("</div>") {
            let (_, text) = element.split_once("</b>: ").unwrap();
            self.texts.push(text.to_owned());
        }
        page["latest_cursor"].as_str().unwrap().clone_into(&mut self.cursor);
    }

    fn take_name(&mut self, page: &Value) {
        if page["status"] == 1 {
            self.texts.push(page["message"]["message"].as_str().unwrap().to_owned());
        }
    }
}

/// Returns the texts of a room, oldest first, as its history tells them.
pub fn texts_of(history: &[Value]) -> Vec<String> {
    history.iter().map(|message| message["text"].as_str().unwrap().to_owned()).collect()
}
