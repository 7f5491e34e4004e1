//! How many tests passed, failed or were skipped, read from the output of each runner.
//!
//! Only the runner's own closing words count; the same words in a failing
//! test's output must not. A reading that finds no such words is `None`, and
//! the caller makes a failure of it: a run that cannot be counted is no success.

use std::{
    fmt,
    ops::{Add, AddAssign},
};

/// The results of some tests, or of steps that count as one test each.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    pub passed: usize,
    pub failed: usize,
    pub skipped: usize,
}

impl Counts {
    pub const PASS: Self = Self { passed: 1, failed: 0, skipped: 0 };
    pub const FAILURE: Self = Self { passed: 0, failed: 1, skipped: 0 };
    pub const SKIP: Self = Self { passed: 0, failed: 0, skipped: 1 };

    pub fn total(self) -> usize {
        self.passed + self.failed + self.skipped
    }

    /// Returns the same with every skip turned into a failure: the rule of `--ci`.
    pub fn strict(self) -> Self {
        Self { passed: self.passed, failed: self.failed + self.skipped, skipped: 0 }
    }
}

impl Add for Counts {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self {
            passed: self.passed + other.passed,
            failed: self.failed + other.failed,
            skipped: self.skipped + other.skipped,
        }
    }
}

impl AddAssign for Counts {
    fn add_assign(&mut self, other: Self) {
        *self = *self + other;
    }
}

/// The closing line, word for word: CI reads it.
impl fmt::Display for Counts {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { passed, failed, skipped } = self;
        write!(formatter, "{passed} passed, {failed} failed, {skipped} skipped")
    }
}

/// Reads how many tests a runner says that it ran: in its own closing words, which no
/// test that prints the same can imitate.
///
/// A run that was broken off says fewer than were planned: its caller knows that it
/// failed.
pub fn of(output: &str) -> Option<Counts> {
    let lines: Vec<&str> = output.lines().collect();
    // cargo test, for each program that it ran; the other two indent what tests print:
    // "test result: FAILED. 2 passed; 1 failed; 1 ignored; 0 measured; 0 filtered out; …"
    let results = lines.iter().filter(|line| line.starts_with("test result: "));
    let results = results.map(|line| of_line(line)).reduce(|one, other| one + other);
    // cargo-nextest, below a ruled line:
    // "     Summary [   0.086s] 3 tests run: 2 passed (1 slow), 1 failed, 1 skipped"
    let is_ruled = |pair: &&[&str]| pair[0].starts_with("────") && pair[1].contains("Summary [");
    let summary = lines.windows(2).find(is_ruled).map(|pair| of_line(pair[1]));
    // Vitest, at the end: "      Tests  1 failed | 70 passed (71)"
    let is_last = |line: &&&str| line.trim_start().starts_with("Tests  ");
    results.or(summary).or_else(|| lines.iter().rfind(is_last).map(|line| of_line(line)))
}

/// Adds up the pairs of a number and a result, like `2 passed`, in a line.
fn of_line(line: &str) -> Counts {
    let words: Vec<&str> =
        line.split([' ', ',', ';', '|']).filter(|word| !word.is_empty()).collect();
    let mut counts = Counts::default();
    for pair in words.windows(2) {
        let Ok(number) = pair[0].parse::<usize>() else { continue };
        match pair[1] {
            "passed" => counts.passed += number,
            "skipped" | "ignored" | "todo" => counts.skipped += number,
            // "exec failed", "timed out".
            "failed" | "exec" | "timed" => counts.failed += number,
            _ => {}
        }
    }
    counts
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn counts(passed: usize, failed: usize, skipped: usize) -> Option<Counts> {
        Some(Counts { passed, failed, skipped })
    }

    /// Returns a recording; how each was made is in its folder's README.
    macro_rules! recorded {
        ($name:literal) => {
            include_str!(concat!("../recordings/", $name))
        };
    }

    #[test]
    fn a_run_is_counted_by_what_its_runner_says_last() {
        let two = "test result: ok. 5 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out\n\
                   test result: ok. 2 passed; 0 failed; 1 ignored; 0 measured; 7 filtered out\n";
        for (name, output, expected) in [
            ("nextest, all kinds", recorded!("nextest.txt"), counts(2, 2, 1)),
            ("nextest, nothing to run", recorded!("nextest_empty.txt"), counts(0, 0, 4)),
            ("nextest, does not build", recorded!("nextest_broken.txt"), None),
            ("cargo test, with doc tests", recorded!("cargo_test.txt"), counts(3, 1, 2)),
            ("cargo test, a program that died", recorded!("cargo_test_abort.txt"), None),
            ("cargo test, two programs", two, counts(7, 0, 1)),
            ("Vitest, all kinds", recorded!("vitest.txt"), counts(1, 1, 2)),
            ("nothing", "", None),
        ] {
            assert_eq!(of(output), expected, "{name}");
        }
    }

    #[test]
    fn every_form_of_nextests_summary_is_understood() {
        for (summary, expected) in [
            ("1 test run: 1 passed, 0 skipped", counts(1, 0, 0)),
            ("9 tests run: 9 passed (1 slow, 2 flaky, 1 leaky), 3 skipped", counts(9, 0, 3)),
            ("9 tests run: 6 passed, 1 failed, 1 exec failed, 1 timed out", counts(6, 3, 0)),
            ("3/10 tests run: 2 passed, 1 failed, 4 skipped", counts(2, 1, 4)),
            ("8 tests run: 8 passed (2 leaky), 1 failed (1 due to being leaky)", counts(8, 1, 0)),
        ] {
            let output = format!("────────────\n     Summary [   0.086s] {summary}\n");
            assert_eq!(of(&output), expected, "{summary}");
        }
    }

    #[test]
    fn the_closing_line_is_word_for_word_what_ci_reads() {
        let counts = Counts { passed: 212, failed: 0, skipped: 3 };
        assert_eq!(counts.to_string(), "212 passed, 0 failed, 3 skipped");
        assert_eq!(counts.strict().to_string(), "212 passed, 3 failed, 0 skipped");
    }
}
