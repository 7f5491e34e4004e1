//! Lines as plain text: `HH:MM name: text`, and further lines of a message indented, so
//! that no message can pass for several. Lines about a message, with a star, are indented
//! less: no text can pass for one.

use std::fmt::Write;

use linger_core::EntityKind;

use super::{
    blocks::{Block, Inline, blocks},
    lines::{Beside, Line, Quoted, Text, What},
    sizes::size_in_words,
    zone::Zone,
};

/// The end of a line within a message, and a space as wide as the time: `HH:MM `.
const NEXT_LINE: &str = "\n      ";
/// The end of a line, and the begin of one about the message.
const ABOUT_IT: &str = "\n    * ";

/// Writes lines down, each with its end.
pub(super) fn write<'n>(lines: impl IntoIterator<Item = Line<'n>>, zone: &Zone) -> String {
    let mut text = String::new();
    for Line { at, what } in lines {
        let time = zone.hour_and_minute(at);
        let told = match what {
            What::Said { by, text: Some(said), beside, .. } => {
                let mut told = format!("{}: {}", by.name, in_words(&said).replace('\n', NEXT_LINE));
                // With files a text may be empty.
                told.truncate(told.trim_end().len());
                for line in about_it(&beside, zone) {
                    told += ABOUT_IT;
                    told += &line;
                }
                told
            }
            What::Said { by, text: None, .. } => format!("{}: (deleted)", by.name),
            What::Edited { by, number, text: Some(said) } => {
                let said = in_words(&said).replace('\n', NEXT_LINE);
                format!("* {} changed {number}: {said}", by.name).trim_end().to_owned()
            }
            What::Edited { by, number, text: None } => format!("* {} changed {number}", by.name),
            What::Deleted { by, number } => format!("* {} deleted {number}", by.name),
            What::Reacted { by, number, emoji, is_on: true } => {
                format!("* {} answered {number} with {emoji}", by.name)
            }
            What::Reacted { by, number, emoji, is_on: false } => {
                format!("* {} took {emoji} back from {number}", by.name)
            }
            What::Pinned { by, number, is_on: true } => format!("* {} pinned {number}", by.name),
            What::Pinned { by, number, is_on: false } => format!("* {} unpinned {number}", by.name),
            What::Changed { by, name, topic } if topic.is_empty() => {
                format!("* {} set the name of the room to {name}, without a topic", by.name)
            }
            What::Changed { by, name, topic } => {
                format!(
                    "* {} set the name of the room to {name}, and its topic to {topic}",
                    by.name
                )
            }
            What::Opened { by: Some(by) } => format!("* {} opened the room", by.name),
            What::Opened { by: None } => "* the room was opened".to_owned(),
            What::Joined { who, by: Some(by) } => format!("* {} added {}", by.name, who.name),
            What::Joined { who, by: None } => format!("* {} joined", who.name),
            What::Left { who } => format!("* {} left", who.name),
        };
        writeln!(text, "{time} {told}").expect("a string takes all that is written to it");
    }
    text
}

/// Returns the lines about a message.
fn about_it(beside: &Beside<'_>, zone: &Zone) -> Vec<String> {
    let quoted = beside.quoted.iter().map(answered);
    let files = beside.files.iter().map(|(name, file)| {
        let (kind, size, id) = (&file.kind, size_in_words(file.size), file.id);
        format!("file {name}, {kind}, {size}: /api/v1/files/{id}")
    });
    let edited =
        beside.edited_at.iter().map(|at| format!("changed at {}", zone.hour_and_minute(*at)));
    let reactions = beside.reactions.iter().map(|(emoji, by)| {
        let names: Vec<_> = by.iter().map(|by| &*by.name).collect();
        format!("{emoji} {}", names.join(", "))
    });
    quoted.chain(files).chain(edited).chain(reactions).collect()
}

fn answered(quoted: &Quoted<'_>) -> String {
    match quoted {
        Quoted { number: None, .. } => "answers a message from before your time here".to_owned(),
        Quoted { number: Some(number), by, text: Some(text), .. } => {
            let name = by.as_ref().map(|by| &*by.name).unwrap_or_default();
            let text = if text.is_empty() { "a file" } else { text };
            format!("answers {number}, {name}: {text}")
        }
        Quoted { number: Some(number), text: None, .. } => {
            format!("answers {number}, which is deleted")
        }
    }
}

/// Returns a message's text as a terminal can show it.
fn in_words(said: &Text<'_>) -> String {
    let mut lines = Vec::new();
    add_lines(&blocks(&said.text, said.entities), "", &mut lines);
    lines.join("\n")
}

fn add_lines(blocks: &[Block<'_>], sign: &str, lines: &mut Vec<String>) {
    for block in blocks {
        match block {
            Block::Paragraph(line) => {
                let mut written = sign.to_owned();
                add(line, &mut written);
                lines.push(written);
            }
            Block::Quote(blocks) => add_lines(blocks, "> ", lines),
            Block::Pre { code, .. } => {
                lines.extend(code.split('\n').map(|line| format!("{sign}{line}")));
            }
        }
    }
}

fn add(line: &[Inline<'_>], written: &mut String) {
    for inline in line {
        match inline {
            Inline::Text(text) => *written += text,
            Inline::Part { kind, children, .. } => {
                let sign = if *kind == EntityKind::Spoiler { "||" } else { "" };
                *written += sign;
                add(children, written);
                *written += sign;
                if let EntityKind::Link { url } = kind {
                    *written += &format!(" ({url})");
                }
            }
        }
    }
}
