//! The rate limits: generous, but a script is stopped.
//!
//! Eight clients at once, so that a slow disk cannot keep below the rates.

use std::{
    sync::atomic::{AtomicUsize, Ordering},
    thread,
};

use serde_json::json;

use crate::{
    client::{Answer, Client},
    process::{Folder, Program, Server},
};

/// New guests from one address at once.
const GUESTS_BURST: usize = 500;
/// Messages of one person at once.
const SENDS_BURST: usize = 200;

/// Asks from eight connections until one is refused, or so often. Returns how many
/// answers were 201, and a refusal.
fn ask(
    attempts: usize,
    client: &Client,
    ask: impl Fn(&mut Client) -> Answer + Sync,
) -> (usize, Option<Answer>) {
    let left = AtomicUsize::new(attempts);
    let granted = AtomicUsize::new(0);
    let take = || {
        left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1)).is_ok()
    };
    let refusals: Vec<Answer> = thread::scope(|scope| {
        let asking = || {
            let mut client = client.again(client.address);
            while take() {
                let answer = ask(&mut client);
                if answer.status != 201 {
                    left.store(0, Ordering::Relaxed);
                    return Some(answer);
                }
                granted.fetch_add(1, Ordering::Relaxed);
            }
            None
        };
        let threads: Vec<_> = (0..8).map(|_| scope.spawn(asking)).collect();
        threads.into_iter().filter_map(|thread| thread.join().unwrap()).collect()
    });
    (granted.into_inner(), refusals.into_iter().next())
}

fn check_limited(burst: usize, asked: (usize, Option<Answer>)) {
    let (granted, refusal) = asked;
    let refusal = refusal.unwrap_or_else(|| panic!("{granted} were granted without a refusal"));
    assert!(granted >= burst, "refused after {granted} already: {refusal:?}");
    assert_eq!(refusal.problem(429), "too_many_requests");
    let retry_after = refusal.header("retry-after").and_then(|seconds| seconds.parse::<u64>().ok());
    assert!(retry_after.is_some_and(|seconds| (1..10).contains(&seconds)), "{refusal:?}");
}

fn new_guest(client: &mut Client) -> Answer {
    client.post("/api/v1/guests", &json!({}))
}

fn send(client: &mut Client) -> Answer {
    client.post("/api/v1/rooms/lobby/messages", &json!({ "text": "hello" }))
}

fn limited(folder: &Folder) -> Server {
    Program::on(folder).env("LINGER_RATE_LIMITS", "on").start()
}

#[test]
fn more_than_500_guests_at_once_from_one_address_are_told_to_come_back() {
    let folder = Folder::new();
    let server = limited(&folder);
    check_limited(GUESTS_BURST, ask(GUESTS_BURST * 4, &server.visitor(), new_guest));
    // A header that anybody can write does not change the address.
    let headers = [("X-Forwarded-For", "198.51.100.7")];
    let answers = || server.visitor().call("POST", "/api/v1/guests", &headers, "").status;
    assert!((0..50).any(|_| answers() == 429));
}

#[test]
fn more_than_200_messages_at_once_of_one_person_are_told_to_come_back() {
    let folder = Folder::new();
    let server = limited(&folder);
    let ann = server.guest("ann");
    check_limited(SENDS_BURST, ask(SENDS_BURST * 10, &ann, send));
    // Everybody else goes on.
    server.guest("bob").say("lobby", "hello");
}

#[test]
fn limits_can_be_lifted() {
    let folder = Folder::new();
    let server = Program::on(&folder).start();
    let guests = ask(GUESTS_BURST + 100, &server.visitor(), new_guest);
    assert_eq!((guests.0, guests.1.is_none()), (GUESTS_BURST + 100, true));
    let sends = ask(SENDS_BURST + 400, &server.guest("ann"), send);
    assert_eq!((sends.0, sends.1.is_none()), (SENDS_BURST + 400, true));
}
