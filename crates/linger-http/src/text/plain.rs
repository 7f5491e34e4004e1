//! Lines as plain text: `HH:MM name: text`, and further lines of a message indented, so
//! that no message can pass for several.
//!
//! They go to terminals. A terminal obeys control characters, so none but the end of a
//! line and the tab goes out, whatever an old log holds.

use std::fmt::Write;

use linger_core::MessageText;

use super::{
    lines::{Line, What},
    zone::Zone,
};

/// As wide as the time before a line: `HH:MM `.
const INDENT: &str = "      ";

/// Writes lines down, each with its end.
pub(super) fn write<'n>(lines: impl IntoIterator<Item = Line<'n>>, zone: &Zone) -> String {
    let mut text = String::new();
    for line in lines {
        write_line(&mut text, line, zone);
    }
    text
}

fn write_line(text: &mut String, line: Line<'_>, zone: &Zone) {
    let told = match line.what {
        What::Said { by, text: None } => format!("{}: (deleted)", name(by.name.as_str())),
        What::Said { by, text: Some(said) } => {
            format!("{}: {}", name(by.name.as_str()), several_lines(said))
        }
        What::Opened { by: None } => "* the room was opened".to_owned(),
        What::Opened { by: Some(by) } => format!("* {} opened the room", name(by.name.as_str())),
        What::Joined { who, by: None } => format!("* {} joined", name(who.name.as_str())),
        What::Joined { who, by: Some(by) } => {
            format!("* {} brought {}", name(by.name.as_str()), name(who.name.as_str()))
        }
        What::Left { who } => format!("* {} left", name(who.name.as_str())),
        What::Renamed { old, new } => {
            format!("* {} is now {}", name(old.as_str()), name(new.name.as_str()))
        }
    };
    let time = zone.hour_and_minute(line.at);
    writeln!(text, "{time} {told}").expect("a string takes all that is written to it");
}

fn name(name: &str) -> String {
    name.chars().map(harmless).collect()
}

fn several_lines(said: &MessageText) -> String {
    let mut told = String::with_capacity(said.as_str().len());
    for c in said.as_str().chars() {
        match c {
            '\n' => told.extend(['\n'].into_iter().chain(INDENT.chars())),
            '\t' => told.push('\t'),
            c => told.push(harmless(c)),
        }
    }
    told
}

/// Returns a character that a terminal only shows: the sign for a broken one in the
/// place of one that it would obey, or that begins another line.
fn harmless(c: char) -> char {
    match c.is_control() || matches!(c, '\u{2028}' | '\u{2029}') {
        true => char::REPLACEMENT_CHARACTER,
        false => c,
    }
}
