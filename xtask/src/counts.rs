//! How many tests passed, failed or were skipped, read from the output of each runner.
//!
//! Only the runner's own closing words count; the same words in a failing
//! test's output must not. A reading that finds no such words is `None`, and
//! the caller makes a failure of it: a run that cannot be counted is no success.

use std::{
    fmt,
    ops::{Add, AddAssign},
};

use serde_json::Value;

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

/// Reads cargo-nextest's `Summary` line.
///
/// It follows a ruled line, which the output of tests, being indented, cannot
/// imitate. Tests that were to run and did not (a cancelled run) count as failed.
pub fn nextest(output: &str) -> Option<Counts> {
    let lines: Vec<&str> = output.lines().collect();
    let summary = lines.windows(2).find_map(|pair| {
        let follows_rule = pair[0].starts_with("────");
        pair[1].trim_start().strip_prefix("Summary [").filter(|_| follows_rule)
    })?;
    // "   0.086s] 3 tests run: 2 passed (1 slow), 1 failed, 1 skipped"
    let (_, rest) = summary.split_once("] ")?;
    let (run, parts) = rest.split_once(':')?;
    let run = run.split_whitespace().next()?;
    let (run, planned) = run.split_once('/').unwrap_or((run, run));
    let (run, planned): (usize, usize) = (run.parse().ok()?, planned.parse().ok()?);

    let mut counts = Counts::default();
    for part in without_parentheses(parts).split(',') {
        let (number, kind) = part.trim().split_once(' ')?;
        let number: usize = number.parse().ok()?;
        match kind.trim() {
            "passed" => counts.passed += number,
            "skipped" => counts.skipped += number,
            // "failed", "exec failed", "timed out"; an unknown word is no success either.
            _ => counts.failed += number,
        }
    }
    counts.failed += planned.saturating_sub(run);
    Some(counts)
}

/// Adds up the `test result:` lines of `cargo test`, one for each program that it ran.
pub fn cargo_test(output: &str) -> Option<Counts> {
    let mut results =
        output.lines().filter_map(|line| line.strip_prefix("test result: ")).peekable();
    results.peek()?;
    let mut counts = Counts::default();
    for result in results {
        // "FAILED. 2 passed; 1 failed; 1 ignored; 0 measured; 0 filtered out; …"
        let (_, parts) = result.split_once(". ")?;
        for part in parts.split(';') {
            let Some((number, kind)) = part.trim().split_once(' ') else { continue };
            let Ok(number) = number.parse::<usize>() else { continue };
            match kind {
                "passed" => counts.passed += number,
                "failed" => counts.failed += number,
                "ignored" => counts.skipped += number,
                _ => {}
            }
        }
    }
    Some(counts)
}

/// Reads the report of Vitest's reporter `json`.
///
/// A test file that failed without a failing test (it could not be loaded, or
/// a hook threw) counts as one failure.
pub fn vitest(report: &str) -> Option<Counts> {
    let report: Value = serde_json::from_str(report).ok()?;
    let mut counts = Counts::default();
    for file in report["testResults"].as_array()? {
        let mut of_file = Counts::default();
        for test in file["assertionResults"].as_array()? {
            of_file += match test["status"].as_str()? {
                "passed" => Counts::PASS,
                "skipped" | "todo" | "disabled" => Counts::SKIP,
                // "failed", and "pending" of a run that broke off.
                _ => Counts::FAILURE,
            };
        }
        if file["status"] == "failed" && of_file.failed == 0 {
            of_file += Counts::FAILURE;
        }
        counts += of_file;
    }
    Some(counts)
}

fn without_parentheses(text: &str) -> String {
    let mut depth = 0;
    text.chars()
        .filter(|character| {
            match character {
                '(' => depth += 1,
                ')' => depth -= 1,
                _ => return depth == 0,
            }
            false
        })
        .collect()
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
    fn a_run_of_nextest_is_counted_by_its_own_summary_only() {
        for (name, output, expected) in [
            ("all kinds", recorded!("nextest.txt"), counts(2, 2, 1)),
            ("nothing to run", recorded!("nextest_empty.txt"), counts(0, 0, 4)),
            ("does not build", recorded!("nextest_broken.txt"), None),
        ] {
            assert_eq!(nextest(output), expected, "{name}");
        }
    }

    #[test]
    fn every_form_of_nextests_summary_is_understood() {
        for (summary, expected) in [
            ("1 test run: 1 passed, 0 skipped", counts(1, 0, 0)),
            ("9 tests run: 9 passed (1 slow, 2 flaky, 1 leaky), 3 skipped", counts(9, 0, 3)),
            ("9 tests run: 6 passed, 1 failed, 1 exec failed, 1 timed out", counts(6, 3, 0)),
            ("3/10 tests run: 2 passed, 1 failed, 4 skipped", counts(2, 8, 4)),
            ("8 tests run: 8 passed (2 leaky), 1 failed (1 due to being leaky)", counts(8, 1, 0)),
            ("some tests run: all passed", None),
        ] {
            let output = format!("────────────\n     Summary [   0.086s] {summary}\n");
            assert_eq!(nextest(&output), expected, "{summary}");
        }
    }

    #[test]
    fn a_run_of_cargo_test_is_the_sum_of_its_programs() {
        for (name, output, expected) in [
            ("tests and doc tests", recorded!("cargo_test.txt"), counts(3, 1, 2)),
            ("a program that died", recorded!("cargo_test_abort.txt"), None),
            (
                "two programs",
                "test result: ok. 5 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.01s\n\
                test result: ok. 2 passed; 0 failed; 1 ignored; 0 measured; 7 filtered out; finished in 0.01s\n",
                counts(7, 0, 1),
            ),
        ] {
            assert_eq!(cargo_test(output), expected, "{name}");
        }
    }

    #[test]
    fn a_run_of_vitest_counts_files_that_could_not_be_loaded() {
        assert_eq!(vitest(recorded!("vitest.json")), counts(1, 2, 2));
        assert_eq!(vitest("{}"), None);
        assert_eq!(vitest(""), None);
    }

    #[test]
    fn the_closing_line_is_word_for_word_what_ci_reads() {
        let counts = Counts { passed: 212, failed: 0, skipped: 3 };
        assert_eq!(counts.to_string(), "212 passed, 0 failed, 3 skipped");
        assert_eq!(counts.strict().to_string(), "212 passed, 3 failed, 0 skipped");
    }
}
