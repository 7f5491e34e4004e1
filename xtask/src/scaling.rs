//! `cargo xtask scaling`: the figures of `docs/scaling.md` that can be simulated, from seeds.
//!
//! Rooms are spread over streams by rendezvous hashing, with message rates as Zipf's law has
//! them; a reader of fifty rooms meets some of the streams; a room moves from one stream to
//! another under writers and readers. It is a model of a plan: no program spreads rooms yet. A
//! test holds the document to what is printed here.

mod moving;

use std::fmt::Write;

/// Rooms of the model.
const ROOMS: u64 = 100_000;
/// The numbers of streams that are compared.
const STREAMS: [u64; 4] = [4, 16, 20, 64];
/// Rooms of one reader.
const ROOMS_OF_A_READER: usize = 50;
/// Readers of the model.
const READERS: usize = 2000;
/// The largest rooms, which an operator could place by hand.
const PLACED: usize = 100;

/// Chance that a seed decides: SplitMix64.
pub struct Chance(u64);

impl Chance {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        mixed(self.0)
    }

    /// Returns a number below `end`.
    pub fn below(&mut self, end: u64) -> u64 {
        self.next() % end
    }
}

fn mixed(bits: u64) -> u64 {
    let bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    bits ^ (bits >> 31)
}

/// Returns the stream of a room: the one whose hash with it is the largest. Everybody who
/// knows how many streams there are finds the same one, and asks nobody.
fn stream_of(room: u64, streams: u64) -> u64 {
    let weight = |stream| mixed(mixed(room) ^ mixed(stream + 1_000_003));
    (0..streams).max_by_key(|stream| weight(*stream)).expect("there is a stream")
}

/// Returns everything, as the document has it.
pub fn tables() -> String {
    let mut text = String::new();
    spread(&mut text);
    readers(&mut text);
    text += &moving::told();
    text
}

/// How unevenly streams are loaded, and how many rooms another stream takes over.
fn spread(text: &mut String) {
    let _ = writeln!(text, "{ROOMS} rooms: load of the busiest stream, as a multiple of the mean");
    let _ = writeln!(
        text,
        "{:>8} {:>11} {:>9} {:>9} {:>22} {:>20}",
        "streams",
        "equal rooms",
        "Zipf 0.8",
        "Zipf 1.0",
        "1.0, largest by hand",
        "moved by one more"
    );
    for streams in STREAMS {
        let busiest = |exponent: f64, by_hand| {
            let mut loads = vec![0.0; index(streams)];
            for room in 1..=ROOMS {
                let rate = (room as f64).powf(-exponent);
                let stream = match by_hand && room <= PLACED as u64 {
                    true => least(&loads),
                    false => index(stream_of(room, streams)),
                };
                loads[stream] += rate;
            }
            let mean = loads.iter().sum::<f64>() / loads.len() as f64;
            loads.iter().fold(0.0_f64, |most, load| most.max(*load)) / mean
        };
        let moved = (1..=ROOMS)
            .filter(|room| stream_of(*room, streams) != stream_of(*room, streams + 1))
            .count();
        let _ = writeln!(
            text,
            "{streams:>8} {:>11.2} {:>9.2} {:>9.2} {:>22.2} {:>18.1} %",
            busiest(0.0, false),
            busiest(0.8, false),
            busiest(1.0, false),
            busiest(1.0, true),
            moved as f64 / ROOMS as f64 * 100.0,
        );
    }
    let sum: f64 = (1..=ROOMS).map(|room| 1.0 / room as f64).sum();
    let _ =
        writeln!(text, "With Zipf 1.0 the largest room has {:.1} % of all messages.", 100.0 / sum);
}

/// How many streams a reader meets, and how long their cursor is.
fn readers(text: &mut String) {
    let _ = writeln!(
        text,
        "\nA reader of {ROOMS_OF_A_READER} rooms, each chosen by its share of messages"
    );
    let _ = writeln!(
        text,
        "{:>8} {:>17} {:>9} {:>21}",
        "streams", "streams they read", "at most", "characters of cursor"
    );
    let shares: Vec<f64> = (1..=ROOMS)
        .scan(0.0, |sum, room| {
            *sum += 1.0 / room as f64;
            Some(*sum)
        })
        .collect();
    let all = shares[shares.len() - 1];
    for streams in STREAMS {
        let mut chance = Chance(streams);
        let (mut sum, mut most, mut longest) = (0, 0, 0);
        for _ in 0..READERS {
            let mut rooms = Vec::new();
            while rooms.len() < ROOMS_OF_A_READER {
                let at = (chance.below(1 << 53) as f64 / (1_u64 << 53) as f64) * all;
                let room = shares.partition_point(|share| *share < at) as u64 + 1;
                if !rooms.contains(&room) {
                    rooms.push(room);
                }
            }
            let mut read: Vec<u64> =
                rooms.into_iter().map(|room| stream_of(room, streams)).collect();
            read.sort_unstable();
            read.dedup();
            sum += read.len();
            most = most.max(read.len());
            longest = longest.max(cursor(&read).len());
        }
        let _ = writeln!(
            text,
            "{streams:>8} {:>17.1} {most:>9} {longest:>21}",
            sum as f64 / READERS as f64
        );
    }
}

/// The form that such a cursor could have: the chat and its epoch as today, the home stream of
/// the person, and a position in each stream that they read, at a billion entries.
fn cursor(streams: &[u64]) -> String {
    let mut cursor = String::from("abcdefghij-abcdefgh-1000000000");
    for stream in streams {
        let _ = write!(cursor, ".{stream}-1000000000");
    }
    cursor
}

fn least(loads: &[f64]) -> usize {
    let least = (0..loads.len()).min_by(|a, b| loads[*a].total_cmp(&loads[*b]));
    least.expect("there is a stream")
}

fn index(number: u64) -> usize {
    usize::try_from(number).expect("it is small")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_document_has_what_the_simulation_prints() {
        let document = std::fs::read_to_string(crate::site::root().join("docs/scaling.md"));
        let document = document.expect("there is the document");
        let tables = tables();
        assert!(document.contains(&tables), "write it anew, by 'cargo xtask scaling':\n{tables}");
    }

    #[test]
    fn another_stream_takes_rooms_from_all_and_gives_none_back() {
        for room in 1..10_000 {
            let (before, after) = (stream_of(room, 16), stream_of(room, 17));
            assert!(before == after || after == 16, "room {room} moves from {before} to {after}");
        }
    }
}
