//! `cargo xtask faults`: the rounds of faults on three NATS servers and three nodes, of which the
//! test suite runs two; and what takes minutes of partitions, and of what is deleted.
//!
//! They are the same tests (`crates/linger/tests/program/three_servers`), told by two variables
//! how often, and from which seed on. A round that fails prints the line that runs it
//! again.

use std::{
    process::{Command, ExitCode},
    time::{SystemTime, UNIX_EPOCH},
};

use crate::site::Site;

/// So many times random moments have hit most of what there is to hit.
const ROUNDS: u64 = 20;

/// The options given on the command line.
#[derive(Debug, PartialEq, Eq)]
pub struct Rounds {
    rounds: u64,
    /// None: another one each time.
    seed: Option<u64>,
}

impl Rounds {
    /// Reads the words after `faults`. Errors: a sentence about the first that makes no sense.
    pub fn parse(words: &[&str]) -> Result<Rounds, String> {
        let mut parsed = Rounds { rounds: ROUNDS, seed: None };
        for option in words.chunks(2) {
            let number = |value: &str| {
                value.parse().map_err(|_| format!("'{value}' is no number for {}", option[0]))
            };
            match option {
                ["--rounds", value] => parsed.rounds = number(value)?,
                ["--seed", value] => parsed.seed = Some(number(value)?),
                [other, ..] => return Err(format!("there is no option '{other}', or no number")),
                [] => unreachable!("a chunk has something in it"),
            }
        }
        Ok(parsed)
    }
}

/// Runs the rounds, and shows what they tell.
pub fn run(site: &Site, Rounds { rounds, seed }: &Rounds) -> ExitCode {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(1, |time| time.as_secs());
    let seed = seed.unwrap_or(now);
    println!("{rounds} rounds, from seed {seed} on");
    let status = Command::new("cargo")
        // Without the page, which would need Node.js.
        .args(["test", "--locked", "-p", "linger", "--no-default-features", "--test", "program"])
        .args(["--", "--nocapture", "--test-threads=1"])
        .args(["three_servers::rounds", "three_servers::partitions", "three_servers::snapshots"])
        .env("LINGER_FAULT_ROUNDS", rounds.to_string())
        .env("LINGER_FAULT_SEED", seed.to_string())
        .current_dir(&site.root)
        .status();
    match status {
        Ok(status) if status.success() => ExitCode::SUCCESS,
        Ok(_) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("cargo did not start: {error}");
            ExitCode::FAILURE
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rounds_and_seed_are_read_from_the_command_line() {
        for (words, rounds, seed) in [
            (vec![], 20, None),
            (vec!["--rounds", "3"], 3, None),
            (vec!["--seed", "7", "--rounds", "1"], 1, Some(7)),
        ] {
            assert_eq!(Rounds::parse(&words), Ok(Rounds { rounds, seed }), "{words:?}");
        }
        for words in [["--rounds", "x"].as_slice(), &["--rounds"], &["--fast", "1"]] {
            assert!(Rounds::parse(words).is_err(), "{words:?}");
        }
    }
}
