//! The output of `cargo xtask test`: for a person at a terminal, and for CI.
//!
//! On a terminal one line at the bottom moves; elsewhere a line now and then
//! says that work goes on. Output of other programs is always shown behind a
//! bar, so that none of its lines can pass for a closing line of ours.

use std::{
    cell::Cell,
    io::{IsTerminal, Write},
    time::{Duration, Instant},
};

/// Below the minutes after which people and CI take silence for a hang.
const STILL_HERE: Duration = Duration::from_secs(30);

/// Fits the narrowest usual terminal: a line that wraps could not be taken back.
const LIVE_COLUMNS: usize = 78;

/// Standard output, with or without colours and a moving line.
pub struct Screen {
    terminal: bool,
    colours: bool,
    /// When something was last said about a step that runs on.
    spoke: Cell<Instant>,
}

/// How a word is shown where there are colours.
#[derive(Clone, Copy)]
pub enum Colour {
    Green = 32,
    Yellow = 33,
    Red = 31,
}

impl Screen {
    /// Opens the screen; `plain` means as for a file, whatever it really is.
    pub fn open(plain: bool) -> Self {
        let terminal = !plain && std::io::stdout().is_terminal();
        let colours = terminal && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
        Self { terminal, colours, spoke: Cell::new(Instant::now()) }
    }

    /// Prints a line that stays.
    pub fn say(&self, line: &str) {
        let wipe = if self.terminal { "\r\x1b[2K" } else { "" };
        self.write(&format!("{wipe}{line}\n"));
    }

    /// Prints lines of another program's output, marked as such.
    pub fn quote(&self, lines: &[&str]) {
        for line in lines {
            self.say(&format!("    | {line}"));
        }
    }

    /// Shows that the step `name`, begun `since` ago, is now at `doing`.
    pub fn progress(&self, name: &str, since: Duration, doing: &str) {
        let line = format!("{name:<16} {}  {}", duration(since), doing.trim());
        if self.terminal {
            self.write(&format!("\r\x1b[2K{}", cut(&line, LIVE_COLUMNS)));
        } else if self.spoke.get().elapsed() >= STILL_HERE {
            self.say(&format!("    … {}", cut(&line, LIVE_COLUMNS)));
        }
    }

    /// Says that a step begins; on a terminal the moving line does.
    pub fn begin(&self, name: &str, what: &str) {
        match self.terminal {
            true => self.progress(name, Duration::ZERO, what),
            false => self.say(&format!("{name:<16} {what}")),
        }
    }

    pub fn paint(&self, colour: Colour, text: &str) -> String {
        match self.colours {
            true => format!("\x1b[{}m{text}\x1b[0m", colour as u8),
            false => text.to_owned(),
        }
    }

    fn write(&self, text: &str) {
        self.spoke.set(Instant::now());
        let mut out = std::io::stdout().lock();
        // A reader that went away (`| head`) is no reason to stop half way.
        let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
    }
}

/// Returns `5 s` or `2 min 5 s`.
pub fn duration(time: Duration) -> String {
    match time.as_secs() {
        seconds @ ..60 => format!("{seconds} s"),
        seconds => format!("{} min {} s", seconds / 60, seconds % 60),
    }
}

/// Returns the beginning of `line` that fits into `columns`; wide characters take two.
fn cut(line: &str, columns: usize) -> String {
    let mut used = 0;
    line.chars()
        .filter(|character| !character.is_control())
        .take_while(|character| {
            used += if character.is_ascii() { 1 } else { 2 };
            used <= columns
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_live_line_never_wraps() {
        assert_eq!(cut("abcdef", 4), "abcd");
        assert_eq!(cut("a\x1b[2K房间里", 8), "a[2K房间");
    }

    #[test]
    fn times_are_given_as_people_say_them() {
        assert_eq!(duration(Duration::from_millis(59_900)), "59 s");
        assert_eq!(duration(Duration::from_secs(125)), "2 min 5 s");
    }
}
