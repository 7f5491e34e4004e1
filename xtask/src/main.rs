//! `cargo xtask`: the project's own commands, for people and for CI.
//!
//! This file reads the command line and hands over. `test` is in [`suite`]
//! (the loop) and [`steps`] (what there is to run), `faults` in [`faults`], `dev` in [`dev`].
//! The house rules that a test can keep are tests of this package: `tidy.rs`.

mod counts;
mod dev;
mod faults;
mod run;
mod scaling;
mod screen;
mod site;
mod steps;
mod suite;
#[cfg(test)]
mod tidy;
mod tools;

use std::process::ExitCode;

use faults::Rounds;
use site::Site;
use suite::Wishes;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match words.as_slice() {
        [] | ["help" | "--help" | "-h"] | ["test", "help" | "--help" | "-h"] => {
            print!("{}", help());
            ExitCode::SUCCESS
        }
        ["test", wishes @ ..] => match Wishes::parse(wishes) {
            Ok(wishes) => suite::test(&Site::find(), &wishes),
            Err(sentence) => refuse(&sentence),
        },
        ["faults", options @ ..] => match Rounds::parse(options) {
            Ok(rounds) => faults::run(&Site::find(), &rounds),
            Err(sentence) => refuse(&sentence),
        },
        ["scaling"] => {
            print!("{}", scaling::tables());
            ExitCode::SUCCESS
        }
        ["dev"] => dev::serve(&Site::find()),
        [other, ..] => refuse(&format!("there is no 'cargo xtask {other}'")),
    }
}

fn refuse(sentence: &str) -> ExitCode {
    eprintln!("{sentence}; see: cargo xtask help");
    ExitCode::from(2)
}

fn help() -> String {
    let mut text = String::from(
        "\
The project's own commands.

  cargo xtask test             run everything, and install what it lacks
  cargo xtask test NAME...     run only these steps; 'page' means all of page-*
  cargo xtask test --ci        as CI does: a skip is a failure, no colours
  cargo xtask test --no-install
                               change nothing on this machine: what is lacking is skipped
  cargo xtask faults [--rounds N] [--seed S]
                               end and stop NATS servers and nodes under writers and readers, 20 times
  cargo xtask scaling          simulate rooms that are spread over streams, for docs/scaling.md
  cargo xtask dev              serve the page as it is written, with a server behind it

Steps of the test, in order:

",
    );
    for step in steps::all() {
        text += &format!("  {:<16} {}\n", step.name, step.purpose);
    }
    text += "
Each step's output is kept in target/xtask/NAME.log. CHROMIUM=/path/to/browser names
another browser than the one that is found; LINGER_WEB_DIST=FOLDER a page that is built already.
";
    text
}
