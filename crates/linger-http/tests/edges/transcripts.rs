//! The transcripts in `fixtures/transcripts`, played byte for byte.
//!
//! A transcript is a conversation with a new server whose time and chance are
//! fixed, so it comes out the same every time; `fixtures/transcripts/README.md`
//! has the format. `LINGER_WRITE_FIXTURES=1 cargo test -p linger-http --test
//! edges` records the answers anew: read the diff before you commit it.

use std::{
    fmt::Write,
    fs,
    path::{Path, PathBuf},
};

use axum::{body::Body, http::Request};

use crate::{
    drivers::{Driver, over_both_drivers},
    stage::{Answer, Stage, hasty, header_lines},
};

over_both_drivers!(every_recorded_conversation_goes_as_it_went_when_it_was_recorded,);

/// One request, the words before it, and the answer as recorded.
#[derive(Default)]
struct Exchange {
    prose: Vec<String>,
    asked: Vec<String>,
    answered: Vec<String>,
}

async fn every_recorded_conversation_goes_as_it_went_when_it_was_recorded(driver: Driver) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/transcripts");
    let mut paths: Vec<PathBuf> =
        fs::read_dir(folder).unwrap().map(|file| file.unwrap().path()).collect();
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "http"));
    paths.sort();
    assert!(!paths.is_empty(), "the transcripts are gone");
    let is_recording = std::env::var_os("LINGER_WRITE_FIXTURES").is_some();
    if is_recording && driver != Driver::Router {
        // One driver records; the other compares, but not during a recording.
        return;
    }
    let mut differences = String::new();
    for path in paths {
        let stage = Stage::open_by_clockwork(driver, hasty()).await;
        let recorded = fs::read_to_string(&path).unwrap();
        let recorded = recorded.replace("-aaaaaaaa-", &format!("-{}-", stage.epoch()));
        let mut played = String::new();
        for exchange in parse(&recorded) {
            let answer = render(&stage.send(exchange.request()).await);
            if answer != exchange.answered {
                let name = path.file_name().unwrap().to_string_lossy();
                differences.push_str(&difference(&name, &exchange, &answer));
            }
            for line in exchange.prose.iter().chain(&exchange.asked).chain(&answer) {
                writeln!(played, "{line}").unwrap();
            }
        }
        if is_recording {
            fs::write(&path, played).unwrap();
        }
    }
    assert!(
        is_recording || differences.is_empty(),
        "the answers are not those that were recorded\n{differences}"
    );
}

fn parse(text: &str) -> Vec<Exchange> {
    let mut exchanges = Vec::new();
    let mut current = Exchange::default();
    for line in text.lines() {
        let line = line.to_owned();
        if line.starts_with('<') {
            current.answered.push(line);
            continue;
        }
        // An exchange ends at the first line that is no part of an answer.
        if !current.answered.is_empty() || (!line.starts_with('>') && !current.asked.is_empty()) {
            exchanges.push(std::mem::take(&mut current));
        }
        match line.starts_with('>') {
            true => current.asked.push(line),
            false => current.prose.push(line),
        }
    }
    exchanges.push(current);
    exchanges
}

impl Exchange {
    /// Makes the request: its first line, headers, and the body after an empty line.
    fn request(&self) -> Request<Body> {
        let mut lines = self.asked.iter().map(|line| line.strip_prefix("> ").unwrap_or_default());
        let first = lines.next().expect("a transcript has requests");
        let (method, target) =
            first.split_once(' ').unwrap_or_else(|| panic!("no request: {first}"));
        let mut request = Request::builder().method(method).uri(target);
        for line in lines.by_ref().take_while(|line| !line.is_empty()) {
            let (name, value) =
                line.split_once(": ").unwrap_or_else(|| panic!("no header: {line}"));
            request = request.header(name, value);
        }
        request.body(Body::from(lines.collect::<Vec<_>>().join("\n"))).unwrap()
    }
}

/// Writes an answer as transcripts have it: its status, its headers, and the body.
fn render(answer: &Answer) -> Vec<String> {
    let mut lines = vec![format!("< {}", answer.status)];
    lines.extend(header_lines(&answer.headers).iter().map(|line| format!("< {line}")));
    if !answer.body.is_empty() {
        lines.push("<".to_owned());
        let line = |line: &str| if line.is_empty() { "<".to_owned() } else { format!("< {line}") };
        lines.extend(answer.body.split('\n').map(line));
    }
    lines
}

/// Shows the difference: the request, the lines around, `-` recorded, `+` now.
fn difference(name: &str, exchange: &Exchange, answer: &[String]) -> String {
    let recorded = &exchange.answered;
    let same_begin = recorded.iter().zip(answer).take_while(|(one, other)| one == other).count();
    let rest = recorded.len().min(answer.len()) - same_begin;
    let same_end = recorded
        .iter()
        .rev()
        .zip(answer.iter().rev())
        .take(rest)
        .take_while(|(one, other)| one == other)
        .count();
    let mut told = format!("\n--- {name}\n");
    for line in exchange.asked.iter().chain(&recorded[..same_begin]) {
        writeln!(told, "  {line}").unwrap();
    }
    for line in &recorded[same_begin..recorded.len() - same_end] {
        writeln!(told, "- {line}").unwrap();
    }
    for line in &answer[same_begin..answer.len() - same_end] {
        writeln!(told, "+ {line}").unwrap();
    }
    for line in &recorded[recorded.len() - same_end..] {
        writeln!(told, "  {line}").unwrap();
    }
    told
}
