//! `cargo xtask test`: runs the steps, goes on after a failure, and adds up.
//!
//! Nothing here knows what a step is about. A result that cannot be counted is
//! counted as a failure, so that no mistake of ours looks like success.

use std::{
    process::ExitCode,
    time::{Duration, Instant},
};

use crate::{
    counts::{self, Counts},
    run::{Ending, Log, Watch, run},
    screen::{Colour, Screen, duration},
    site::Site,
    steps::{self, Counting, Step, TOOLS, Task},
    tools::{Need, Tools},
};

/// How many lines of a failed step's output are shown; in CI the log itself is out of reach.
const TAIL_LINES: usize = 60;
const TAIL_LINES_CI: usize = 300;

/// The options and step names given on the command line.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Wishes {
    ci: bool,
    no_install: bool,
    /// Empty means all.
    names: Vec<String>,
}

impl Wishes {
    /// Reads the words after `test`. Errors: a sentence about the first that makes no sense.
    pub fn parse(words: &[&str]) -> Result<Self, String> {
        let steps = steps::all();
        let mut wishes = Self::default();
        for &word in words {
            match word {
                "--ci" => wishes.ci = true,
                "--no-install" => wishes.no_install = true,
                name if steps.iter().any(|step| is_called(step.name, name)) => {
                    wishes.names.push(name.to_owned());
                }
                other => return Err(format!("there is no step and no option '{other}'")),
            }
        }
        Ok(wishes)
    }

    fn include(&self, step: &Step) -> bool {
        self.names.is_empty() || self.names.iter().any(|name| is_called(step.name, name))
    }
}

/// A family is called by its first word: `page` means `page-types` and its sisters.
fn is_called(step: &str, name: &str) -> bool {
    step.strip_prefix(name).is_some_and(|rest| rest.is_empty() || rest.starts_with('-'))
}

/// Runs what is wished for, and reports; the closing line is the last one.
pub fn test(site: &Site, wishes: &Wishes) -> ExitCode {
    let screen = Screen::open(wishes.ci);
    let started = Instant::now();
    let steps: Vec<Step> = steps::all().into_iter().filter(|step| wishes.include(step)).collect();
    let mut report = Report {
        site,
        screen: &screen,
        ci: wishes.ci,
        total: Counts::default(),
        recap: Vec::new(),
    };

    let tools = report.prepare(&steps, !wishes.no_install);
    for step in steps.iter().filter(|step| step.name != TOOLS) {
        let begun = Instant::now();
        let outcome = match tools.lacking(&step.needs).as_slice() {
            [] => report.carry_out(step, &tools),
            lacking => Outcome::skipped(lacking),
        };
        report.close(step.name, begun.elapsed(), &outcome);
    }
    report.finish(started.elapsed())
}

/// The result of a step.
struct Outcome {
    counts: Counts,
    /// Why it is not all green, in sentences.
    reasons: Vec<String>,
    /// The part of its output to show, oldest first.
    output: String,
}

impl Outcome {
    fn new(counts: Counts) -> Self {
        Self { counts, reasons: Vec::new(), output: String::new() }
    }

    fn skipped(lacking: &[&str]) -> Self {
        let reasons = lacking.iter().map(|&sentence| sentence.to_owned()).collect();
        Self { counts: Counts::SKIP, reasons, output: String::new() }
    }

    fn failed(reason: String) -> Self {
        Self { counts: Counts::FAILURE, reasons: vec![reason], output: String::new() }
    }
}

/// The run so far.
struct Report<'a> {
    site: &'a Site,
    screen: &'a Screen,
    ci: bool,
    total: Counts,
    /// One line for each step that is not all green.
    recap: Vec<String>,
}

impl Report<'_> {
    /// Carries out the step `tools`; it is reported if it is one of `steps`.
    fn prepare(&mut self, steps: &[Step], install: bool) -> Tools {
        let all = steps::all();
        let is_asked_for = steps.iter().any(|step| step.name == TOOLS);
        // When only this step is asked for, it looks for all tools.
        let whose = if steps.iter().all(|step| step.name == TOOLS) { &all } else { steps };
        let mut needs: Vec<Need> = whose.iter().flat_map(|step| step.needs.clone()).collect();
        needs.sort();
        needs.dedup();

        let step = all.iter().find(|step| step.name == TOOLS).expect("it is one of the steps");
        let mut log = self.log(step);
        let watch = Watch { name: step.name, started: Instant::now(), limit: step.limit };
        if is_asked_for {
            self.screen.begin(step.name, step.purpose);
        }
        let tools = Tools::prepare(self.site, &needs, install, &mut log, &watch, self.screen);
        let lacking = tools.lacking(&needs);
        if is_asked_for {
            self.screen.say(&format!("{:<16} {}", step.name, tools.present()));
            let mut outcome = match lacking.is_empty() {
                true => Outcome::new(Counts::PASS),
                false => Outcome::skipped(&lacking),
            };
            if !lacking.is_empty() {
                outcome.output = log.text(0);
            }
            self.close(step.name, watch.started.elapsed(), &outcome);
        }
        tools
    }

    /// Runs a step's tasks up to the first that fails.
    fn carry_out(&self, step: &Step, tools: &Tools) -> Outcome {
        let tasks = match (step.work)(self.site, tools) {
            Ok(tasks) => tasks,
            Err(sentence) => return Outcome::failed(sentence),
        };
        let mut log = self.log(step);
        let watch = Watch { name: step.name, started: Instant::now(), limit: step.limit };
        let mut outcome = Outcome::new(Counts::default());
        for task in &tasks {
            self.screen.begin(step.name, &task.errand.line());
            let start = log.length();
            let ending = run(&task.errand, &mut log, &watch, self.screen);
            let (counts, reason) = judge(task, &ending, &log.text(start));
            outcome.counts += counts;
            outcome.reasons.extend(reason);
            if counts.failed > 0 {
                break;
            }
        }
        if outcome.counts.failed > 0 {
            outcome.output = log.text(0);
        }
        outcome
    }

    /// Reports how a step ended, and adds it to the total.
    fn close(&mut self, name: &str, time: Duration, outcome: &Outcome) {
        let counts = outcome.counts;
        let result = self.result(counts);
        self.screen.say(&format!("{name:<16} {result} ({})", duration(time)));
        for reason in &outcome.reasons {
            self.screen.say(&format!("    {reason}"));
        }
        if !outcome.output.is_empty() {
            let lines = tail(&outcome.output, if self.ci { TAIL_LINES_CI } else { TAIL_LINES });
            self.screen.quote(&lines);
            let log = self.site.name(&self.site.logs.join(format!("{name}.log")));
            self.screen.say(&format!("    The whole output: {log}"));
        }
        if counts.failed > 0 || counts.skipped > 0 {
            let reason = outcome.reasons.join("; ");
            self.recap.push(format!(
                "{name:<16} {result}{}{reason}",
                if reason.is_empty() { "" } else { ": " }
            ));
        }
        self.total += if self.ci { counts.strict() } else { counts };
    }

    fn result(&self, counts: Counts) -> String {
        let Counts { passed, failed, skipped } = counts;
        let mut parts = Vec::new();
        if failed > 0 {
            parts.push(self.screen.paint(Colour::Red, &format!("{failed} failed")));
        }
        if skipped > 0 {
            let by_the_rule = if self.ci { ", which --ci counts as failed" } else { "" };
            parts.push(
                self.screen.paint(Colour::Yellow, &format!("{skipped} skipped{by_the_rule}")),
            );
        }
        if passed > 0 || parts.is_empty() {
            parts.push(self.screen.paint(Colour::Green, &format!("{passed} passed")));
        }
        parts.join(", ")
    }

    fn finish(&self, time: Duration) -> ExitCode {
        self.screen.say("");
        for line in &self.recap {
            self.screen.say(line);
        }
        self.screen.say(&format!("It took {}.", duration(time)));
        self.screen.say(&self.total.to_string());
        match self.total.failed {
            0 => ExitCode::SUCCESS,
            _ => ExitCode::FAILURE,
        }
    }

    fn log(&self, step: &Step) -> Log {
        Log::create(&self.site.logs.join(format!("{}.log", step.name)))
    }
}

/// Returns the counts of a task by how it ended, and a reason if one must be given.
fn judge(task: &Task, ending: &Ending, output: &str) -> (Counts, Option<String>) {
    let counted = match &task.counting {
        Counting::Preparation => Some(Counts::default()),
        Counting::AsOne => {
            Some(if *ending == Ending::Success { Counts::PASS } else { Counts::FAILURE })
        }
        Counting::Tests | Counting::DocTests => counts::of(output),
    };
    let may_be_empty = matches!(task.counting, Counting::Preparation | Counting::DocTests);
    match (ending, counted) {
        (Ending::Success, Some(counts)) if counts.total() > 0 || may_be_empty => (counts, None),
        (Ending::Success, Some(_)) => (Counts::FAILURE, Some("it ran no test".to_owned())),
        (Ending::Success, None) => (
            Counts::FAILURE,
            Some("it ended well, but did not say how many tests it ran".to_owned()),
        ),
        (Ending::Failure(sentence), counted) => {
            let mut counts = counted.unwrap_or_default();
            // It broke off, or failed for another reason than a test.
            counts.failed = counts.failed.max(1);
            (counts, Some(sentence.clone()))
        }
    }
}

/// Returns the last lines of `output` that may say what went wrong.
fn tail(output: &str, lines_max: usize) -> Vec<&str> {
    const SAY_NOTHING: [&str; 9] = [
        "Compiling ",
        "Checking ",
        "Documenting ",
        "Downloading ",
        "Downloaded ",
        "Fresh ",
        "Running ",
        "PASS [",
        "Blocking ",
    ];
    let mut lines: Vec<&str> = output
        .lines()
        .filter(|line| !SAY_NOTHING.iter().any(|start| line.trim_start().starts_with(start)))
        .collect();
    lines.split_off(lines.len().saturating_sub(lines_max))
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::run::Errand;

    #[test]
    fn a_name_calls_a_step_or_its_family() {
        assert_eq!(
            Wishes::parse(&["page", "--ci"]),
            Ok(Wishes { ci: true, no_install: false, names: vec!["page".to_owned()] })
        );
        assert!(Wishes::parse(&["pag"]).is_err());
        assert!(Wishes::parse(&["--fast"]).is_err());
        let called = |name| steps::all().iter().filter(|step| is_called(step.name, name)).count();
        assert_eq!((called("page"), called("page-types"), called("lints")), (3, 1, 2));
    }

    #[test]
    fn what_cannot_be_counted_is_no_success() {
        let ok = "test result: ok. 2 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.00s\n";
        let empty = "test result: ok. 0 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.00s\n";
        let broke = || Ending::Failure("it broke".to_owned());
        for (name, counting, ending, output, expected) in [
            ("as it should be", Counting::Tests, Ending::Success, ok, (2, 0, 1)),
            ("no test", Counting::Tests, Ending::Success, empty, (0, 1, 0)),
            ("no doc test", Counting::DocTests, Ending::Success, empty, (0, 0, 0)),
            ("no words", Counting::Tests, Ending::Success, "", (0, 1, 0)),
            ("broken off", Counting::Tests, broke(), ok, (2, 1, 1)),
            ("not built", Counting::Tests, broke(), "error: …", (0, 1, 0)),
            ("no test runner", Counting::AsOne, Ending::Success, "", (1, 0, 0)),
            ("prepared", Counting::Preparation, Ending::Success, "", (0, 0, 0)),
            ("not prepared", Counting::Preparation, broke(), "", (0, 1, 0)),
        ] {
            let task = Task { errand: Errand::new(Path::new("."), "true"), counting };
            let (counts, _) = judge(&task, &ending, output);
            assert_eq!((counts.passed, counts.failed, counts.skipped), expected, "{name}");
        }
    }

    #[test]
    fn the_tail_leaves_out_what_only_shows_progress() {
        let output = "error: one\n   Compiling two\n  three\n        PASS [   0.1s] four\nfive\n";
        assert_eq!(tail(output, 2), ["  three", "five"]);
    }
}
