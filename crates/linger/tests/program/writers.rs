//! Eight people who write while the server is killed, and the check afterwards: every
//! acknowledged message is there, once.
//!
//! Each send has a request id of its own and a text that names it, so that it can
//! be repeated and found again.

use std::{
    collections::HashMap,
    sync::atomic::{AtomicUsize, Ordering},
    thread,
};

use serde_json::{Value, json};

use crate::{
    client::Client,
    process::{Server, until},
};

/// So many write at once.
pub const WRITERS: usize = 8;

/// One send, and its result as the writer knows it.
pub struct Sent {
    pub writer: usize,
    pub request_id: String,
    pub text: String,
    /// The message, as it was acknowledged; none when no answer came.
    pub acknowledged: Option<Value>,
}

/// Eight people write until the program is killed in the middle of it.
pub fn write_until_killed(
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

/// Compares the room's history and events with the messages that were sent, and
/// returns how many there are.
pub fn check_all_there(server: &Server, said: &[Sent], unsure: &[Sent]) -> usize {
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
pub fn repeat_all(server: &Server, writers: &[Client], sent: &mut [Sent]) {
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
