//! People who write while servers die: each act is asked for until it is acknowledged, at one
//! node after another, under one request id.
//!
//! They say, change and take back messages, some with a file, and answer them by emoji. Every
//! text has a word that is nowhere else but in its file, so that it is found again, or is not.

use std::{
    sync::{
        Mutex,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use serde_json::{Value, json};

use super::Addresses;
use crate::{
    chance::Chance,
    client::{Answer, Client},
};

/// No fault takes longer.
const ACKNOWLEDGED_WITHIN: Duration = Duration::from_secs(60);
/// 👍 🎉 🍵 😀, as they are in a path.
const EMOJI: [&str; 4] = ["%F0%9F%91%8D", "%F0%9F%8E%89", "%F0%9F%8D%B5", "%F0%9F%98%80"];

/// One who writes.
pub struct Author<'a> {
    client: Client,
    addresses: &'a Addresses,
    node: usize,
    room: &'a str,
    name: String,
    chance: Chance,
    number: u32,
    /// My messages that I did not take back.
    standing: Vec<Standing>,
    written: Written,
}

/// A message of an author.
struct Standing {
    id: u64,
    words: Vec<String>,
    emoji: usize,
}

/// All that was acknowledged to an author.
#[derive(Default)]
pub struct Written {
    pub acts: Vec<Act>,
    /// The words of texts that were taken back.
    pub gone: Vec<String>,
    /// The words of the others.
    pub kept: Vec<String>,
    /// The longest time until something was acknowledged.
    pub longest: Duration,
    /// So often a node did not have a message yet that another one had acknowledged.
    pub behind: u32,
}

/// Something that was acknowledged.
#[derive(Debug)]
pub struct Act {
    pub message: u64,
    /// The type of the event that it left.
    pub kind: &'static str,
    /// Of a message that was said: the request id and the body of the request.
    pub said: Option<(String, Value)>,
}

/// The moments at which anything was acknowledged to anybody.
#[derive(Default)]
pub struct Acknowledgements(Mutex<Vec<Instant>>);

impl Acknowledgements {
    fn note(&self) {
        self.0.lock().unwrap().push(Instant::now());
    }

    /// Returns how often something was acknowledged.
    pub fn count(&self) -> usize {
        self.0.lock().unwrap().len()
    }

    /// Returns the longest time from then on in which nothing was acknowledged.
    pub fn longest_silence(&self, since: Instant) -> Duration {
        let mut times = self.0.lock().unwrap().clone();
        times.sort();
        let mut longest = Duration::ZERO;
        let mut before = since;
        for time in times.into_iter().filter(|time| *time > since).chain([Instant::now()]) {
            longest = longest.max(time - before);
            before = time;
        }
        longest
    }
}

impl<'a> Author<'a> {
    /// Somebody who writes into a room, and begins at this node.
    pub fn new(
        client: Client,
        addresses: &'a Addresses,
        node: usize,
        room: &'a str,
        seed: u64,
    ) -> Author<'a> {
        let (name, chance) = (format!("{room}-{seed}"), Chance::new(seed));
        let (standing, written) = (Vec::new(), Written::default());
        Author { client, addresses, node, room, name, chance, number: 0, standing, written }
    }

    /// Writes until it is told to stop, and returns what was acknowledged: everything.
    pub fn write(mut self, acknowledgements: &Acknowledgements, stop: &AtomicBool) -> Written {
        while !stop.load(Ordering::Relaxed) {
            let begun = Instant::now();
            self.act();
            acknowledgements.note();
            self.written.longest = self.written.longest.max(begun.elapsed());
            thread::sleep(Duration::from_millis(self.chance.pick(20..120)));
        }
        self.written.kept.extend(self.standing.into_iter().flat_map(|it| it.words));
        self.written
    }

    fn act(&mut self) {
        self.number += 1;
        let which = self.standing.len() as u64;
        match (self.chance.pick(0..20), which) {
            (0..12, _) | (_, 0) => self.say(),
            (choice, _) => {
                let which = usize::try_from(self.chance.pick(0..which)).unwrap();
                match choice {
                    12..15 => self.change(which),
                    15..18 => self.take_back(which),
                    _ => self.react(which),
                }
            }
        }
    }

    /// Says something, now and then with a file that has the same word in its name and bytes.
    fn say(&mut self) {
        let (id, word) = (self.request_id(), self.word());
        let text = format!("{word} says 你好 🍵");
        let mut body = json!({ "text": text });
        if self.chance.pick(0..8) == 0 {
            let path = format!("/api/v1/files?name={word}.txt");
            let added = self.until_acknowledged("POST", &path, &format!("{id}.file"), &text);
            body["files"] = json!([added.json()["file"]["id"]]);
        }
        let path = format!("/api/v1/rooms/{}/messages/{id}", self.room);
        let said = self.until_acknowledged("PUT", &path, &id, &body.to_string());
        let message = said.json()["message"]["id"].as_u64().unwrap();
        self.standing.push(Standing { id: message, words: vec![word], emoji: 0 });
        self.note(message, "message_sent", Some((id, body)));
    }

    fn change(&mut self, which: usize) {
        let word = self.word();
        let message = self.standing[which].id;
        let path = format!("/api/v1/messages/{message}");
        let (id, body) = (self.request_id(), json!({ "text": word }));
        self.until_acknowledged("PATCH", &path, &id, &body.to_string());
        self.standing[which].words.push(word);
        self.note(message, "message_edited", None);
    }

    fn take_back(&mut self, which: usize) {
        let Standing { id, words, .. } = self.standing.swap_remove(which);
        let path = format!("/api/v1/messages/{id}");
        self.until_acknowledged("DELETE", &path, &self.request_id(), "");
        self.written.gone.extend(words);
        self.note(id, "message_deleted", None);
    }

    fn react(&mut self, which: usize) {
        let standing = &mut self.standing[which];
        let Some(emoji) = EMOJI.get(standing.emoji) else { return self.say() };
        standing.emoji += 1;
        let message = standing.id;
        let path = format!("/api/v1/messages/{message}/reactions/{emoji}");
        self.until_acknowledged("PUT", &path, &self.request_id(), "");
        self.note(message, "reaction_added", None);
    }

    fn note(&mut self, message: u64, kind: &'static str, said: Option<(String, Value)>) {
        self.written.acts.push(Act { message, kind, said });
    }

    fn request_id(&self) -> String {
        format!("{}.{}", self.name, self.number)
    }

    fn word(&self) -> String {
        word(&self.name, self.number)
    }

    /// Asks for something until it is done, at another node after each refusal.
    fn until_acknowledged(&mut self, method: &str, path: &str, id: &str, body: &str) -> Answer {
        let begun = Instant::now();
        loop {
            let answer = self.client.try_call(method, path, &[("Idempotency-Key", id)], body);
            match &answer {
                Ok(answer) if answer.status < 300 => return answer.clone(),
                // It cannot just now, or does not have the message yet.
                Ok(answer) if answer.status == 404 => self.written.behind += 1,
                Ok(answer) => assert_eq!(answer.status, 503, "{method} {path}: {answer:?}"),
                Err(_) => {}
            }
            let time = begun.elapsed();
            assert!(time < ACKNOWLEDGED_WITHIN, "{method} {path} is not done: {answer:?}");
            self.node += 1;
            self.client = self.client.again(self.addresses.of(self.node));
            thread::sleep(Duration::from_millis(self.chance.pick(20..100)));
        }
    }
}

/// Returns the word of one act: it is nowhere else.
fn word(name: &str, number: u32) -> String {
    format!("word-{name}-{number}-end")
}
