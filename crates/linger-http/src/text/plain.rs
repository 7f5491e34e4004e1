//! Lines as plain text: `HH:MM name: text`, and further lines of a message indented, so
//! that no message can pass for several.

use std::fmt::Write;

use linger_core::EntityKind;

use super::{
    blocks::{Block, Inline, blocks},
    lines::{Line, Text, What},
    zone::Zone,
};

/// The end of a line within a message, and a space as wide as the time: `HH:MM `.
const NEXT_LINE: &str = "\n      ";

/// Writes lines down, each with its end.
pub(super) fn write<'n>(lines: impl IntoIterator<Item = Line<'n>>, zone: &Zone) -> String {
    let mut text = String::new();
    for Line { at, what } in lines {
        let time = zone.hour_and_minute(at);
        let told = match what {
            What::Said { by, text: Some(said), .. } => {
                format!("{}: {}", by.name, in_words(&said).replace('\n', NEXT_LINE))
            }
            What::Said { by, text: None, .. } => format!("{}: (deleted)", by.name),
            What::Edited { by, number, text: Some(said) } => {
                let said = in_words(&said).replace('\n', NEXT_LINE);
                format!("* {} changed {number}: {said}", by.name)
            }
            What::Edited { by, number, text: None } => format!("* {} changed {number}", by.name),
            What::Deleted { by, number } => format!("* {} deleted {number}", by.name),
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
