//! `kill -9` while eight people write: what was acknowledged stays, once.
//!
//! Each round starts the program on the same folder, lets eight writers send as
//! fast as they can under request ids of their own, and kills it after so many
//! acknowledgements. Then a new process must have it all. (A killed process does
//! not lose what the kernel has; the fsync itself is the log engine's test.)

use std::{
    collections::HashMap,
    sync::atomic::{AtomicUsize, Ordering},
    thread,
};

use serde_json::{Value, json};

use crate::{
    client::Client,
    process::{Folder, Program, Server, until},
};

const WRITERS: usize = 8;
/// Acknowledgements after which the program is killed, in each round: at once,
/// in the first batches, in full flow.
const KILLED_AFTER: [usize; 5] = [1, 9, 60, 250, 700];

/// One send, and what the writer knows of it.
struct Sent {
    writer: usize,
    request_id: String,
    text: String,
    /// The message, as it was acknowledged; none when no answer came.
    acknowledged: Option<Value>,
}

#[test]
fn what_was_acknowledged_before_a_kill_is_there_once_afterwards() {
    let folder = Folder::new();
    let program = Program::on(&folder);
    let writers: Vec<Client> = {
        let server = program.start();
        server.guest("ann").open("tea", "open");
        (0..WRITERS).map(|i| server.guest(&format!("writer {i}"))).collect()
    };
    let mut said = Vec::new();
    for (round, killed_after) in KILLED_AFTER.into_iter().enumerate() {
        let mut server = program.start();
        let mut sent = write_until_killed(&mut server, &writers, round, killed_after);
        assert!(sent.iter().any(|sent| sent.acknowledged.is_some()), "round {round} said nothing");
        drop(server);

        let server = program.start();
        check_all_there(&server, &said, &sent);
        repeat_all(&server, &writers, &mut sent);
        said.extend(sent);
        // Whatever was unknown is acknowledged now: all there, nothing else.
        let messages = check_all_there(&server, &said, &[]);
        assert_eq!(messages, said.len(), "every request had its effect once, round {round}");
    }
}

/// Eight people write until the program is killed in the middle of it.
fn write_until_killed(
    server: &mut Server,
    writers: &[Client],
    round: usize,
    killed_after: usize,
) -> Vec<Sent> {
    let acknowledged = AtomicUsize::new(0);
    let address = server.address;
    thread::scope(|scope| {
        let writing: Vec<_> = writers
            .iter()
            .enumerate()
            .map(|(writer, client)| {
                let acknowledged = &acknowledged;
                scope.spawn(move || {
                    let mut client = client.again(address);
                    let mut sent = Vec::new();
                    for n in 0.. {
                        let request_id = format!("round-{round}.writer-{writer}.{n}");
                        let text = format!("{request_id} says 你好 🍵");
                        let answer = client.try_send("tea", &request_id, &text);
                        let is_dead = answer.is_err();
                        let message =
                            answer.ok().map(|answer| answer.expect(201)["message"].take());
                        sent.push(Sent { writer, request_id, text, acknowledged: message });
                        if is_dead {
                            break;
                        }
                        acknowledged.fetch_add(1, Ordering::Relaxed);
                    }
                    sent
                })
            })
            .collect();
        until("enough was acknowledged", || acknowledged.load(Ordering::Relaxed) >= killed_after);
        server.kill();
        writing.into_iter().flat_map(|writer| writer.join().unwrap()).collect()
    })
}

/// Holds the room's history and events against what was sent, and returns how
/// many messages there are.
fn check_all_there(server: &Server, said: &[Sent], unsure: &[Sent]) -> usize {
    let mut bob = server.guest("bob");
    let events = bob.read_all("/api/v1/rooms/tea/events");
    let numbers: Vec<_> = events.iter().map(|event| event["number"].as_u64().unwrap()).collect();
    assert!(numbers.iter().copied().eq(1..=events.len() as u64), "numbers have gaps: {numbers:?}");
    let history = bob.history("tea", 200);
    let told: Vec<_> = events.iter().filter(|event| event["type"] == "message_sent").collect();
    assert!(told.iter().map(|event| &event["message"]).eq(&history), "events and history differ");

    let mut by_text: HashMap<&str, Vec<&Value>> = HashMap::new();
    for message in &history {
        by_text.entry(message["text"].as_str().unwrap()).or_default().push(message);
    }
    for sent in said.iter().chain(unsure) {
        let found = by_text.remove(sent.text.as_str()).unwrap_or_default();
        match &sent.acknowledged {
            Some(message) => assert_eq!(found, [message], "{} was acknowledged", sent.request_id),
            None => assert!(found.len() <= 1, "{} is there twice: {found:?}", sent.request_id),
        }
    }
    assert!(by_text.is_empty(), "nobody sent these: {by_text:?}");
    history.len()
}

/// Everybody repeats every request, with the token that they had before.
fn repeat_all(server: &Server, writers: &[Client], sent: &mut [Sent]) {
    thread::scope(|scope| {
        for part in sent.chunk_by_mut(|a, b| a.writer == b.writer) {
            let client = &writers[part[0].writer];
            scope.spawn(move || {
                let mut client = client.again(server.address);
                assert_eq!(client.get("/api/v1/me").expect(200)["user"]["id"], client.id);
                for sent in part {
                    let path = format!("/api/v1/rooms/tea/messages/{}", sent.request_id);
                    let answer = client.put(&path, &json!({ "text": sent.text }));
                    match &sent.acknowledged {
                        Some(message) => assert_eq!(&answer.expect(200)["message"], message),
                        None => {
                            assert!([200, 201].contains(&answer.status), "{answer:?}");
                            sent.acknowledged = Some(answer.json()["message"].take());
                        }
                    }
                }
            });
        }
    });
}
