//! Rooms as text, from a terminal: a loop of `curl` that misses nothing, text browsers
//! that read and speak, and a crowd that follows.

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::TcpStream,
    process::{Child, Command, Stdio},
    sync::{Arc, Mutex},
    thread,
    time::Duration,
};

use crate::{
    chance::Chance,
    client::{Answer, Client, read_chunk},
    process::{Folder, Program, Server, until},
};

const WRITERS: usize = 4;
const MESSAGES_EACH: usize = 100;

/// The loop of docs/protocols/text.md.
const LOOP: &str = r#"
while [ "$next" ]; do
    next=$(curl -s -D - -o "$lines" "$server$next" | sed -n 's/^link: <\(.*\)>; rel="next".*/\1/p')
    [ "$next" ] && cat "$lines"
done
"#;

/// A process that is ended with the test.
struct Running(Child);

impl Running {
    fn start(command: &mut Command) -> Running {
        let named = command.get_program().to_owned();
        let started = command.stdout(Stdio::piped()).spawn();
        Running(started.unwrap_or_else(|error| panic!("{named:?} does not start: {error}")))
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Says a text as somebody with a session, as `curl -d` would.
fn say(client: &mut Client, path: &str, text: &str) -> Answer {
    client.call("POST", path, &[("Content-Type", "text/plain")], text)
}

/// Returns the lines of an answer without their times.
fn without_times(text: &str) -> Vec<String> {
    text.lines().map(|line| line[6..].to_owned()).collect()
}

#[test]
fn the_documented_loop_is_the_one_that_is_tested() {
    let page = include_str!("../../../../docs/protocols/text.md");
    for line in LOOP.trim().lines() {
        assert!(page.contains(line.trim()), "docs/protocols/text.md does not have {line:?}");
    }
}

#[test]
fn a_loop_of_curl_misses_nothing_while_others_race_to_speak() {
    let folder = Folder::new();
    let server = Program::on(&folder).start();
    let address = server.address;
    server.guest("ann").say("lobby", "the first word");
    let mut script = Running::start(
        Command::new("sh")
            .args(["-c", LOOP])
            .env("server", format!("http://{address}"))
            .env("lines", folder.join("lines"))
            .env("next", "/r/lobby"),
    );
    let mut read = BufReader::new(script.0.stdout.take().unwrap()).lines().map(Result::unwrap);
    assert_eq!(&read.next().unwrap()[6..], "ann: the first word");
    let writers: Vec<_> = (0..WRITERS).map(|n| server.guest(&format!("writer-{n}"))).collect();
    let said = WRITERS * MESSAGES_EACH;
    let texts: Vec<String> = thread::scope(|scope| {
        for (seed, mut writer) in writers.into_iter().enumerate() {
            scope.spawn(move || {
                let mut chance = Chance::new(3000 + seed as u64);
                for n in 0..MESSAGES_EACH {
                    assert_eq!(say(&mut writer, "/r/lobby", &n.to_string()).status, 201);
                    if chance.pick(0..8) == 0 {
                        // Long enough that the loop waits, and must be called.
                        thread::sleep(Duration::from_millis(chance.pick(1..100)));
                    }
                }
            });
        }
        let lines = read.by_ref().map(|line| line[6..].to_owned());
        lines.filter(|line| !line.starts_with('*')).take(said).collect()
    });
    let history = server.visitor().history("lobby", 200);
    let expected = history.iter().skip(1).map(|message| {
        let name = message["by"]["name"].as_str().unwrap();
        format!("{name}: {}", message["text"].as_str().unwrap())
    });
    assert_eq!(texts, expected.collect::<Vec<_>>());
}

/// A program on a terminal of its own, made by `script`.
struct Terminal {
    program: Running,
    shown: Arc<Mutex<String>>,
}

impl Terminal {
    fn start(command: &str, folder: &Folder) -> Terminal {
        // The editor that w3m opens for the text.
        let editor = folder.join("editor");
        std::fs::write(&editor, "#!/bin/sh\necho 'The kettle is on.' >\"$1\"\n").unwrap();
        let executable = std::os::unix::fs::PermissionsExt::from_mode(0o755);
        std::fs::set_permissions(&editor, executable).unwrap();
        let mut script = Command::new("script");
        script.args(["--quiet", "--command", command, "/dev/null"]).stdin(Stdio::piped());
        script.envs([("TERM", "vt100"), ("LC_ALL", "C.UTF-8")]).env("EDITOR", editor);
        // Neither reads settings or writes a history of somebody's own.
        let mut program = Running::start(script.env("HOME", folder.path()));
        let shown = Arc::new(Mutex::new(String::new()));
        let (mut output, into) = (program.0.stdout.take().unwrap(), shown.clone());
        thread::spawn(move || {
            let mut bytes = [0; 4096];
            while let Ok(count @ 1..) = output.read(&mut bytes) {
                into.lock().unwrap().push_str(&String::from_utf8_lossy(&bytes[..count]));
            }
        });
        Terminal { program, shown }
    }

    /// Types these keys as soon as a word is on the screen.
    fn type_at(&mut self, word: &str, keys: &str) {
        until(&format!("{word} is on the screen"), || self.shown.lock().unwrap().contains(word));
        let mut keyboard = self.program.0.stdin.as_ref().unwrap();
        keyboard.write_all(keys.as_bytes()).unwrap();
    }
}

#[test]
fn text_browsers_read_a_room_and_speak_in_it() {
    let folder = Folder::new();
    let server = Program::on(&folder).start();
    server.guest("ann").say("lobby", "Who has the cups?");
    let room = format!("http://{}/r/lobby", server.address);
    for dump in [&["w3m", "-dump"][..], &["lynx", "-dump"]] {
        let output = Command::new(dump[0]).args(&dump[1..]).arg(&room).output();
        let output = output.unwrap_or_else(|error| {
            panic!("{} does not start: {error}; apt-get install w3m lynx", dump[0])
        });
        let text = String::from_utf8_lossy(&output.stdout);
        for part in ["ann", "Who has the cups?", "wait for news", "Send message"] {
            assert!(text.contains(part), "{dump:?} does not show {part}: {text}");
        }
    }
    // From the last element, the button, back to the text and to the name; then each in turn.
    let w3m = ("w3m", "Viewing", "]\x1b\t\x1b\t\rWalt\r\t\r\t\r");
    // Over six links to the name, the text and the button.
    let lynx = ("lynx -accept_all_cookies", "H)elp", "\t\t\t\t\t\tLynda\tHere, the blue ones.\t\r");
    for ((command, word, keys), expected) in
        [(w3m, "Walt: The kettle is on."), (lynx, "Lynda: Here, the blue ones.")]
    {
        let mut terminal = Terminal::start(&format!("{command} {room}"), &folder);
        terminal.type_at(word, keys);
        until(&format!("{command} has spoken"), || {
            let said = server.visitor().get("/r/lobby").text();
            without_times(&said).last().is_some_and(|line| line == expected)
        });
        drop(terminal);
    }
}

const CROWD: usize = 1000;

/// Opens a crowd of readers, all of whom are held.
fn crowd(server: &Server, path: &str, accept: &str) -> Vec<BufReader<TcpStream>> {
    let visitor = server.visitor();
    let crowd = (0..CROWD).map(|_| visitor.begin(path, &[("Accept", accept)])).collect();
    server.until_held(CROWD);
    crowd
}

/// Returns the bytes that each reader of such a crowd takes, and the ticks of the
/// processor that a message for all of them takes.
#[cfg(target_os = "linux")]
fn cost(path: &str, accept: &str) -> (u64, f64) {
    const MESSAGES: usize = 100;
    let folder = Folder::new();
    let server = Program::on(&folder).start();
    let mut ann = server.guest("ann");
    ann.say("lobby", "hello");
    // Everything that is made once is there after the first of them.
    drop(crowd(&server, path, accept));
    server.until_held(0);
    let before = server.memory();
    let mut readers = crowd(&server, path, accept);
    let bytes = server.memory().saturating_sub(before) / CROWD as u64;
    let begin = server.ticks();
    for number in 0..MESSAGES {
        ann.say("lobby", &format!("message {number}"));
    }
    let last = format!("message {}", MESSAGES - 1);
    let ticks = server.ticks() - begin;
    for reader in &mut readers {
        assert_eq!(Answer::read_head(reader).unwrap().status, 200);
        let mut read = String::new();
        while !read.contains(&last) {
            read += &String::from_utf8(read_chunk(reader).unwrap().unwrap()).unwrap();
        }
        assert_eq!(read.matches("message 5").count(), 11, "5, and 50 to 59: {read}");
    }
    (bytes, ticks as f64 / MESSAGES as f64)
}

#[test]
#[cfg(target_os = "linux")]
fn a_thousand_followers_cost_what_a_thousand_readers_of_a_stream_cost() {
    let (stream_bytes, stream_ticks) =
        cost("/api/v1/rooms/lobby/events?after=latest", "text/event-stream");
    let (bytes, ticks) = cost("/r/lobby?follow", "*/*");
    println!("bytes each: {bytes} and {stream_bytes}; ticks: {ticks} and {stream_ticks}");
    assert!(bytes <= stream_bytes + 256, "{bytes} bytes each, and {stream_bytes} for a stream");
    assert!(ticks <= stream_ticks * 1.25, "{ticks} ticks a message, and {stream_ticks}");
}
