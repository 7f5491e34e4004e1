//! `cargo xtask faults`: the rounds of faults on three NATS servers and three nodes, of which the
//! test suite runs two; and what takes minutes of partitions, and of what is deleted.
//!
//! They are the same tests (`crates/linger/tests/program/three_servers`), told by two variables
//! how often, and from which seed on. A round that fails prints the line that runs it
//! again. Each part runs, whatever became of the one before, and at the end stands what each
//! told of itself. A part that ran no test has failed.

use std::{
    io::{self, BufRead, BufReader},
    process::{Command, ExitCode, Stdio},
    time::{Instant, SystemTime, UNIX_EPOCH},
};

use crate::site::Site;

/// The parts: modules of tests.
const PARTS: [&str; 3] = ["rounds", "partitions", "snapshots"];
/// The tests begin with it what is to stand at the end.
const IN_ALL: &str = "In all: ";
const ROUNDS_VARIABLE: &str = "LINGER_FAULT_ROUNDS";
const SEED_VARIABLE: &str = "LINGER_FAULT_SEED";
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

/// A part that ran.
#[derive(Debug, Default, PartialEq, Eq)]
struct Report {
    passed: usize,
    in_all: Vec<String>,
}

impl Report {
    /// Takes a line of its output.
    fn take(&mut self, line: &str) {
        if let Some(told) = line.strip_prefix(IN_ALL) {
            self.in_all.push(told.to_owned());
        }
        let passed = line.strip_prefix("test result: ok. ");
        let passed = passed.and_then(|rest| rest.split(' ').next()?.parse::<usize>().ok());
        self.passed += passed.unwrap_or_default();
    }
}

/// Runs the parts, and shows what they tell.
pub fn run(site: &Site, Rounds { rounds, seed }: &Rounds) -> ExitCode {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(1, |time| time.as_secs());
    let seed = seed.unwrap_or(now);
    println!("{rounds} rounds, from seed {seed} on");
    let mut told = Vec::new();
    let mut have_all_passed = true;
    for part in PARTS {
        let begun = Instant::now();
        let (report, is_well) = run_part(site, part, *rounds, seed).unwrap_or_else(|error| {
            eprintln!("cargo did not start: {error}");
            (Report::default(), false)
        });
        let has_passed = is_well && report.passed > 0;
        have_all_passed &= has_passed;
        let verdict = if has_passed { "passed" } else { "FAILED" };
        told.push(format!("{part}: {verdict} after {} s", begun.elapsed().as_secs()));
        told.extend(report.in_all.into_iter().map(|line| format!("  {line}")));
    }
    println!("\n{}", told.join("\n"));
    if have_all_passed { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Runs a part and shows its output. Tells whether cargo was content.
fn run_part(site: &Site, part: &str, rounds: u64, seed: u64) -> io::Result<(Report, bool)> {
    let mut running = Command::new("cargo")
        // Without the page, which would need Node.js.
        .args(["test", "--locked", "-p", "linger", "--no-default-features", "--test", "program"])
        .args(["--", "--nocapture", "--test-threads=1", &format!("three_servers::{part}::")])
        .env(ROUNDS_VARIABLE, rounds.to_string())
        .env(SEED_VARIABLE, seed.to_string())
        .current_dir(&site.root)
        .stdout(Stdio::piped())
        .spawn()?;
    let mut report = Report::default();
    for line in BufReader::new(running.stdout.take().expect("it is piped")).lines() {
        let line = line?;
        println!("{line}");
        report.take(&line);
    }
    Ok((report, running.wait()?.success()))
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
    #[test]
    fn a_part_says_in_its_output_what_is_to_stand_at_the_end() {
        let mut report = Report::default();
        let lines =
            ["running 1 test", "In all: 2 rounds", "all well", "test result: ok. 1 passed; 0"];
        lines.iter().for_each(|line| report.take(line));
        assert_eq!(report, Report { passed: 1, in_all: vec!["2 rounds".to_owned()] });
        let mut nothing = Report::default();
        nothing.take("test result: ok. 0 passed; 0 failed; 0 ignored; 0 measured; 90 filtered out");
        assert_eq!(nothing, Report::default());
    }

    #[test]
    fn the_parts_are_there_and_hear_what_they_are_told() {
        let tests = crate::site::root().join("crates/linger/tests/program/three_servers");
        let read = |name: &str| std::fs::read_to_string(tests.join(name)).expect("it is there");
        for part in PARTS {
            assert!(read(&format!("{part}.rs")).contains("#[test]"), "{part}");
        }
        let sources = ["mod.rs", "rounds.rs", "strikes.rs"].map(read).concat();
        for word in [ROUNDS_VARIABLE, SEED_VARIABLE, IN_ALL] {
            assert!(sources.contains(word), "{word}");
        }
    }
}
