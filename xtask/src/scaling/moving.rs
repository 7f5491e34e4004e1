//! A room moves from one stream to another while people write and read in it: the model.
//!
//! The old stream takes an entry *leaves*, with the room's last number; whoever moves it reads
//! that, and appends *arrives* to the new one. A stream accepts messages while it has the room,
//! and a writer who is refused tries the other one. A reader who meets *arrives* waits with what
//! follows until they have read the old stream up to that number. Then all read 1, 2, 3 ….

use std::fmt::Write;

use super::Chance;

const SEEDS: u64 = 1000;
const MESSAGES: u64 = 200;
const READERS: usize = 8;

#[derive(Clone, Copy, PartialEq, Eq)]
enum Entry {
    Said(u64),
    Leaves(u64),
    Arrives(u64),
}

/// One reader: how far they are in each stream, and what they have been shown.
#[derive(Clone, Default)]
struct Reader {
    read: [usize; 2],
    shown: Vec<u64>,
}

impl Reader {
    /// Reads the next entry of a stream, if they may.
    fn read(&mut self, streams: &[Vec<Entry>; 2], which: usize, waits: bool) {
        let Some(entry) = streams[which].get(self.read[which]) else { return };
        match entry {
            Entry::Arrives(after) if waits && (self.shown.len() as u64) < *after => return,
            Entry::Said(number) => self.shown.push(*number),
            Entry::Arrives(_) | Entry::Leaves(_) => {}
        }
        self.read[which] += 1;
    }

    fn has_order(&self) -> bool {
        self.shown.iter().zip(1..).all(|(number, expected)| *number == expected)
    }
}

/// Lets it happen once, and returns the readers.
fn play(seed: u64, waits: bool) -> Vec<Reader> {
    let mut chance = Chance(seed);
    let mut streams: [Vec<Entry>; 2] = Default::default();
    let mut readers = vec![Reader::default(); READERS];
    let mut said = 0;
    let mut leaves_at = Some(chance.below(MESSAGES));
    while said < MESSAGES || readers.iter().any(|it| it.shown.len() as u64 != MESSAGES) {
        let has_left = streams[0].iter().any(|entry| matches!(entry, Entry::Leaves(_)));
        let has_arrived = !streams[1].is_empty();
        match chance.below(4) {
            0 if leaves_at.is_some_and(|at| said >= at) => {
                leaves_at = None;
                streams[0].push(Entry::Leaves(said));
            }
            1 if has_left && !has_arrived => streams[1].push(Entry::Arrives(said)),
            2 if said < MESSAGES => {
                // Where the writer believes the room to be.
                let which = chance.below(2) as usize;
                let has_room = if which == 0 { !has_left } else { has_arrived };
                // Refused, they try again.
                if has_room {
                    said += 1;
                    streams[which].push(Entry::Said(said));
                }
            }
            _ => {
                let reader = chance.below(READERS as u64) as usize;
                readers[reader].read(&streams, chance.below(2) as usize, waits);
            }
        }
    }
    readers
}

/// Tells what was seen, over all seeds.
pub fn told() -> String {
    let mut text = String::new();
    let readers = SEEDS * READERS as u64;
    let without_order = |waits: bool| -> usize {
        let plays = (0..SEEDS).map(|seed| play(seed, waits));
        plays.flatten().filter(|reader| !reader.has_order()).count()
    };
    let _ =
        writeln!(text, "\nA room moves amid {MESSAGES} messages: {SEEDS} seeds, {readers} readers");
    let _ = writeln!(
        text,
        "readers out of order, who wait for the old stream: {}",
        without_order(true)
    );
    let _ = writeln!(text, "readers out of order, who do not wait: {}", without_order(false));
    text
}
