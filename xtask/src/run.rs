//! Runs one command of another program: with a log, a time limit, and no survivors.
//!
//! Each command has a process group of its own, so that all it started can be
//! ended with it. A small shell, the guard, does the ending when its input
//! closes: when the command is over, when its time is up, and also when this
//! program is interrupted or killed and could do nothing about it any more.

use std::{
    fs::{File, OpenOptions},
    io::{Read, Seek, SeekFrom, Write},
    os::unix::process::CommandExt,
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    thread,
    time::{Duration, Instant},
};

use crate::screen::{Screen, duration};

/// How often a running command is looked at.
const GLANCE: Duration = Duration::from_millis(100);

/// Asks the group $1 to end, and ends it 15 s later: nextest and browsers have groups
/// of their own below them, which they end when asked, and nextest takes 10 s for it.
const GUARD: &str = r#"
read -r _
kill -s TERM -- "-$1" || exit 0
left=150
while [ "$left" -gt 0 ] && kill -s 0 -- "-$1"; do sleep 0.1; left=$((left - 1)); done
kill -s KILL -- "-$1"
"#;

/// A command, and where and with what it runs.
#[derive(Debug, PartialEq, Eq)]
pub struct Errand {
    pub program: String,
    pub arguments: Vec<String>,
    /// The folder in which it runs.
    pub folder: PathBuf,
    pub environment: Vec<(&'static str, String)>,
}

impl Errand {
    /// Splits `line` at its spaces; there are no quotes.
    pub fn new(folder: &Path, line: &str) -> Self {
        let mut words = line.split_whitespace().map(str::to_owned);
        let program = words.next().expect("a command has a name");
        Self {
            program,
            arguments: words.collect(),
            folder: folder.to_owned(),
            environment: Vec::new(),
        }
    }

    pub fn with(mut self, name: &'static str, value: &str) -> Self {
        self.environment.push((name, value.to_owned()));
        self
    }

    /// Adds one argument, which may have spaces in it.
    pub fn and(mut self, argument: String) -> Self {
        self.arguments.push(argument);
        self
    }

    /// Lets another program run it: these words, and then the command.
    pub fn behind(mut self, words: [PathBuf; 3]) -> Self {
        let words = words.map(|word| word.to_string_lossy().into_owned());
        let [program, arguments @ ..] = words;
        let command = std::mem::replace(&mut self.program, program);
        self.arguments.splice(0..0, arguments.into_iter().chain([command]));
        self
    }

    /// Returns the command as one would type it in its folder.
    pub fn line(&self) -> String {
        let environment = self.environment.iter().map(|(name, value)| match value.contains(' ') {
            true => format!("{name}='{value}'"),
            false => format!("{name}={value}"),
        });
        let words = environment.chain([self.program.clone()]).chain(self.arguments.iter().cloned());
        words.collect::<Vec<_>>().join(" ")
    }

    /// Returns the command without its options: enough to tell it from its neighbours.
    fn name(&self) -> String {
        let words = self.arguments.iter().take_while(|argument| !argument.starts_with('-'));
        words.fold(self.program.clone(), |name, word| name + " " + word)
    }

    /// Returns the command as cargo and npm should see it: without colours, without input, and
    /// without what `cargo run` told this program about this package.
    fn command(&self) -> Command {
        let mut command = Command::new(&self.program);
        command.args(&self.arguments).current_dir(&self.folder).stdin(Stdio::null());
        for (name, _) in std::env::vars_os() {
            let of_this_package = name.to_str().is_some_and(|name| {
                ["CARGO_PKG_", "CARGO_MANIFEST_", "CARGO_BIN_"]
                    .iter()
                    .any(|own| name.starts_with(own))
            });
            if of_this_package || name == "FORCE_COLOR" || name == "CLICOLOR_FORCE" {
                command.env_remove(name);
            }
        }
        command.env("CARGO_TERM_COLOR", "never").env("NO_COLOR", "1");
        command.envs(self.environment.iter().map(|(name, value)| (name, value)));
        command
    }
}

/// How a command came to its end.
#[derive(Debug, PartialEq, Eq)]
pub enum Ending {
    Success,
    /// It failed, was stopped, or could not be started: in words.
    Failure(String),
}

/// The log of one step: what its commands printed, in order.
pub struct Log {
    pub path: PathBuf,
    file: File,
}

impl Log {
    /// Opens an empty log.
    pub fn create(path: &Path) -> Self {
        File::create(path)
            .and_then(|_| OpenOptions::new().append(true).open(path))
            .map(|file| Self { file, path: path.to_owned() })
            .unwrap_or_else(|error| panic!("no log at {}: {error}", path.display()))
    }

    /// Returns the log from byte `start` on, as plain text: rustfmt and others have colours all the same.
    pub fn text(&self, start: u64) -> String {
        let mut bytes = Vec::new();
        let read = File::open(&self.path).and_then(|mut file| {
            file.seek(SeekFrom::Start(start))?;
            file.read_to_end(&mut bytes)
        });
        read.unwrap_or_else(|error| panic!("{} cannot be read: {error}", self.path.display()));
        without_escapes(&String::from_utf8_lossy(&bytes))
    }

    pub fn length(&self) -> u64 {
        self.file.metadata().map_or(0, |metadata| metadata.len())
    }

    fn last_line(&self) -> String {
        // Enough for the last line of any program; the rest is for the reader of the log.
        let text = self.text(self.length().saturating_sub(2048));
        text.lines().rfind(|line| !line.trim().is_empty()).unwrap_or_default().to_owned()
    }
}

/// Returns `text` without the sequences that colour a terminal and move its cursor.
fn without_escapes(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut characters = text.chars();
    while let Some(character) = characters.next() {
        if character != '\x1b' {
            plain.push(character);
            continue;
        }
        match characters.next() {
            // "\x1b[1;31m": up to its letter.
            Some('[') => {
                while characters.next().is_some_and(|part| !('@'..='~').contains(&part)) {}
            }
            // "\x1b(B": one more.
            Some('(') => drop(characters.next()),
            _ => {}
        }
    }
    plain
}

/// The time of one step.
pub struct Watch {
    pub name: &'static str,
    pub started: Instant,
    pub limit: Duration,
}

/// Runs `errand` to its end, or to the end of the step's time.
pub fn run(errand: &Errand, log: &mut Log, watch: &Watch, screen: &Screen) -> Ending {
    writeln!(log.file, "$ {}", errand.line()).expect("the log can be written");
    let streams = log.file.try_clone().and_then(|out| Ok((out, log.file.try_clone()?)));
    let (out, err) = streams.expect("the log can be shared");
    let started = errand.command().process_group(0).stdout(out).stderr(err).spawn();
    let mut child = match started {
        Ok(child) => child,
        Err(error) => return Ending::Failure(format!("{} did not start: {error}", errand.program)),
    };
    let guard = Guard::over(&child);
    let status = wait(&mut child, log, watch, screen);
    guard.end(&mut child);
    match status {
        Some(status) if status.success() => Ending::Success,
        Some(status) => Ending::Failure(format!("'{}' ended with {status}", errand.name())),
        None => Ending::Failure(format!(
            "'{}' was stopped: the step may take {}",
            errand.name(),
            duration(watch.limit)
        )),
    }
}

/// Returns how `child` ended, or `None` if it has not when the time is up.
fn wait(child: &mut Child, log: &Log, watch: &Watch, screen: &Screen) -> Option<ExitStatus> {
    loop {
        if let Some(status) = child.try_wait().expect("a child can be waited for") {
            return Some(status);
        }
        if watch.started.elapsed() >= watch.limit {
            return None;
        }
        screen.progress(watch.name, watch.started.elapsed(), &log.last_line());
        thread::sleep(GLANCE);
    }
}

/// The shell that ends a command's process group once its own input closes.
struct Guard(Child);

impl Guard {
    fn over(child: &Child) -> Self {
        let shell = Command::new("sh")
            .args(["-c", GUARD, "guard", &child.id().to_string()])
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            // Out of the terminal's reach: Ctrl-C must end us, not it.
            .process_group(0)
            .spawn();
        Self(shell.expect("every Unix has a sh"))
    }

    /// Ends whatever is left of `child`'s group, and returns when it is gone.
    fn end(mut self, child: &mut Child) {
        drop(self.0.stdin.take());
        // First the child: until it is reaped, the guard takes it for alive.
        let _ = child.wait();
        let _ = self.0.wait();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ended(name: &'static str, line: &str, limit: Duration) -> (Ending, String) {
        let path = std::env::temp_dir().join(format!("xtask-{name}-{}.log", std::process::id()));
        let mut log = Log::create(&path);
        let script = Errand::new(&std::env::temp_dir(), "sh -c").and(line.to_owned());
        let watch = Watch { name, started: Instant::now(), limit };
        let ending = run(&script, &mut log, &watch, &Screen::open(true));
        let text = log.text(0);
        std::fs::remove_file(&log.path).expect("the log is there");
        (ending, text)
    }

    #[test]
    fn a_command_ends_with_its_own_status_and_leaves_its_output() {
        let (ending, log) =
            ended("status", "echo out; echo err >&2; exit 3", Duration::from_secs(60));
        let Ending::Failure(sentence) = ending else { panic!("it did not fail") };
        assert!(sentence.ends_with("ended with exit status: 3"), "{sentence}");
        assert!(log.ends_with("out\nerr\n"), "{log}");
    }

    #[test]
    fn a_command_whose_time_is_up_is_stopped_with_all_it_started() {
        let line = "sleep 600 & echo $! ; wait";
        let (ending, log) = ended("limit", line, Duration::from_millis(300));
        assert!(matches!(&ending, Ending::Failure(sentence) if sentence.contains("was stopped")));
        assert_gone(&log);
    }

    #[test]
    fn what_a_command_leaves_behind_is_ended_with_it() {
        let (ending, log) = ended("left", "sleep 600 & echo $!", Duration::from_secs(60));
        assert_eq!(ending, Ending::Success);
        assert_gone(&log);
    }

    #[test]
    fn a_log_is_read_without_its_colours() {
        let (_, log) =
            ended("colour", r"printf 'a\033[1;31mb\033(B\033[mc\n'", Duration::from_secs(60));
        assert!(log.ends_with("\nabc\n"), "{log:?}");
    }

    #[test]
    fn a_command_that_is_not_there_is_a_failure_in_words() {
        let path = std::env::temp_dir().join(format!("xtask-gone-{}.log", std::process::id()));
        let mut log = Log::create(&path);
        let watch = Watch { name: "gone", started: Instant::now(), limit: Duration::from_secs(1) };
        let errand = Errand::new(Path::new("."), "no-such-program --version");
        let ending = run(&errand, &mut log, &watch, &Screen::open(true));
        std::fs::remove_file(&log.path).expect("the log is there");
        assert!(
            matches!(&ending, Ending::Failure(sentence) if sentence.starts_with("no-such-program did not start"))
        );
    }

    /// The log's last line is the number of a process that must be dead (or a zombie nobody reaps).
    fn assert_gone(log: &str) {
        let id = log.lines().last().expect("the number of the process");
        let state = std::fs::read_to_string(format!("/proc/{id}/stat")).unwrap_or_default();
        assert!(state.is_empty() || state.contains(") Z "), "{id} lives on: {state}");
    }
}
