//! SIGTERM: waiting readers are answered, slow senders are cut, nobody loses
//! anything.
//!
//! Restarted servers get another port here; the clients look their address up
//! anew, as they would behind a proxy that was told.

use std::{
    io::{BufRead, BufReader, Write},
    net::{SocketAddr, TcpStream},
    sync::{
        Mutex,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use serde_json::{Value, json};

use crate::{
    client::{Answer, Client, connect, read_chunk},
    process::{Folder, PATIENCE, Program, until},
};

#[test]
fn held_requests_are_answered_with_an_empty_page_and_the_connection_closes() {
    let folder = Folder::new();
    let mut server = Program::on(&folder).start();
    let mut ann = server.guest("ann");
    ann.open("tea", "open");
    let cursor = ann.get("/api/v1/events?after=latest&wait=0").expect(200)["cursor"].clone();
    let paths = ["/api/v1/events?wait=50", "/api/v1/rooms/tea/events?wait=50"];
    let held: Vec<_> = (0..20).map(|i| ann.begin(paths[i % 2], &[])).collect();
    let mut stream = ann.begin("/api/v1/events", &[("Accept", "text/event-stream")]);
    server.until_held(21);

    server.terminate();
    for mut connection in held {
        let answer = Answer::read(&mut connection).unwrap();
        assert_eq!(answer.expect(200), json!({ "events": [], "cursor": cursor }));
        assert_ends(&mut connection);
    }
    assert_eq!(Answer::read_head(&mut stream).unwrap().status, 200);
    while let Some(chunk) = read_chunk(&mut stream).unwrap() {
        assert!(chunk.starts_with(b":"), "comments only: {chunk:?}");
    }
    assert_ends(&mut stream);
    assert_eq!(server.ended(PATIENCE).code(), Some(0));
}

#[test]
fn clients_that_never_finish_do_not_hold_the_end_up_beyond_the_drain() {
    let folder = Folder::new();
    let mut server = Program::on(&folder).env("LINGER_DRAIN", "1").start();
    let ann = server.guest("ann");
    let token = ann.token.as_deref().unwrap();
    let beginnings = [
        "GET /api/v1/events?wait=50 HTTP/1.1\r\nHost: a\r\nX-Not-".to_owned(),
        "PUT /api/v1/rooms/lobby/messages/1 HTTP/1.1\r\n".to_owned()
            + &format!(
                "Host: a\r\nAuthorization: Bearer {token}\r\nContent-Length: 100\r\n\r\n{{\"t"
            ),
    ];
    let dawdlers: Vec<_> =
        beginnings.iter().map(|bytes| begin_raw(server.address, bytes)).collect();
    // The server accepts in order, so it serves all earlier connections by now.
    ann.again(server.address).get("/api/v1/me").expect(200);

    let asked = Instant::now();
    server.terminate();
    // The drain, and time for a busy machine to notice; much less than the 10 s that
    // heads and bodies have.
    let status = server.ended(Duration::from_secs(6));
    assert_eq!(status.code(), Some(0), "after {:?}", asked.elapsed());
    drop(dawdlers);
}

#[test]
fn who_comes_back_to_the_new_process_with_their_cursor_misses_nothing() {
    const RESTARTS: usize = 3;
    let folder = Folder::new();
    let program = Program::on(&folder).env("LINGER_DRAIN", "3");
    let mut server = program.start();
    let mut ann = server.guest("ann");
    ann.open("tea", "open");
    let writers: Vec<Client> = ["bob", "cleo"].map(|name| server.guest(name)).into();
    for writer in &writers {
        writer.again(server.address).join("tea");
    }
    let address = &Mutex::new(server.address);
    let is_over = &AtomicBool::new(false);
    let last = |read: &Mutex<Vec<Value>>| read.lock().unwrap().len();

    let reads: Vec<Mutex<Vec<Value>>> = (0..6).map(|_| Mutex::default()).collect();
    let sent = thread::scope(|scope| {
        let writing: Vec<_> = writers
            .iter()
            .map(|writer| scope.spawn(move || write(writer, address, is_over)))
            .collect();
        for (i, read) in reads.iter().enumerate() {
            let paths = ["/api/v1/rooms/tea/events", "/api/v1/events"];
            let client = ann.again(server.address);
            scope.spawn(move || follow(&client, paths[i % 2], address, is_over, read));
        }
        for _ in 0..RESTARTS {
            let before: Vec<_> = reads.iter().map(last).collect();
            until("every reader reads", || {
                reads.iter().zip(&before).all(|(read, before)| last(read) >= before + 10)
            });
            server.terminate();
            assert_eq!(server.ended(PATIENCE).code(), Some(0));
            server = program.start();
            *address.lock().unwrap() = server.address;
        }
        let before = reads.iter().map(last).max().unwrap();
        until("every reader reads again", || reads.iter().all(|read| last(read) > before + 10));
        is_over.store(true, Ordering::Release);
        writing.into_iter().map(|writer| writer.join().unwrap()).sum::<u64>()
    });

    let all = ann.again(server.address).read_all("/api/v1/rooms/tea/events");
    let messages = all.iter().filter(|event| event["type"] == "message_sent").count();
    assert_eq!(messages as u64, sent, "what was retried was said once");
    for (i, read) in reads.into_iter().enumerate() {
        let read = read.into_inner().unwrap();
        assert!(all.starts_with(&read), "reader {i} missed something, or read it twice");
    }
}

/// Sends until it is over, each message as often as it takes.
fn write(writer: &Client, address: &Mutex<SocketAddr>, is_over: &AtomicBool) -> u64 {
    let mut client = writer.again(*address.lock().unwrap());
    let mut sent = 0;
    while !is_over.load(Ordering::Acquire) {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let answer = client.try_send("tea", &sent.to_string(), &format!("message {sent}"));
            match answer {
                Ok(answer) if answer.status == 200 || answer.status == 201 => break,
                // A client may get this while one server replaces the other.
                Ok(answer) => drop(answer.problem(503)),
                Err(_) => {}
            }
            assert!(Instant::now() < deadline, "message {sent} cannot be sent");
            thread::sleep(Duration::from_millis(5));
            client = writer.again(*address.lock().unwrap());
        }
        sent += 1;
        // The other readers are held; this one only needs its answers.
        thread::sleep(Duration::from_millis(5));
    }
    sent
}

/// Reads until the test is over, with one cursor through all processes.
fn follow(
    client: &Client,
    path: &str,
    address: &Mutex<SocketAddr>,
    is_over: &AtomicBool,
    read: &Mutex<Vec<Value>>,
) {
    let mut cursor = "start".to_owned();
    let mut reader = client.again(*address.lock().unwrap());
    while !is_over.load(Ordering::Acquire) {
        let answer = reader.try_call("GET", &format!("{path}?after={cursor}&wait=2"), &[], "");
        let Some(answer) = answer.ok().filter(|answer| answer.status != 503) else {
            thread::sleep(Duration::from_millis(5));
            reader = client.again(*address.lock().unwrap());
            continue;
        };
        let mut page = answer.expect(200);
        assert_eq!(page["reset"], Value::Null, "{page}");
        cursor = page["cursor"].as_str().unwrap().to_owned();
        let Value::Array(events) = page["events"].take() else { panic!("no events: {page}") };
        read.lock().unwrap().extend(events);
    }
}

fn begin_raw(address: SocketAddr, bytes: &str) -> BufReader<TcpStream> {
    let mut connection = connect(address).unwrap();
    connection.get_mut().write_all(bytes.as_bytes()).unwrap();
    connection
}

fn assert_ends(connection: &mut impl BufRead) {
    let mut rest = Vec::new();
    connection.read_to_end(&mut rest).unwrap();
    assert!(rest.is_empty(), "{}", String::from_utf8_lossy(&rest));
}
