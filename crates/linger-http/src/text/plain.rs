//! Lines as plain text: `HH:MM name: text`, and further lines of a message indented, so
//! that no message can pass for several.

use std::fmt::Write;

use super::{
    lines::{Line, What},
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
                format!("{}: {}", by.name, said.replace('\n', NEXT_LINE))
            }
            What::Said { by, text: None, .. } => format!("{}: (deleted)", by.name),
            What::Edited { by, number, text: Some(said) } => {
                format!("* {} changed {number}: {}", by.name, said.replace('\n', NEXT_LINE))
            }
            What::Edited { by, number, text: None } => format!("* {} changed {number}", by.name),
            What::Deleted { by, number } => format!("* {} deleted {number}", by.name),
            What::Opened { by: Some(by) } => format!("* {} opened the room", by.name),
            What::Opened { by: None } => "* the room was opened".to_owned(),
            What::Joined { who, by: Some(by) } => format!("* {} added {}", by.name, who.name),
            What::Joined { who, by: None } => format!("* {} joined", who.name),
            What::Left { who } => format!("* {} left", who.name),
            What::Renamed { old, new } => format!("* {old} is now {}", new.name),
        };
        writeln!(text, "{time} {told}").expect("a string takes all that is written to it");
    }
    text
}
