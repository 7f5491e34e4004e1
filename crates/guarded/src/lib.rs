//! Servers beside Linger that tests start: NATS, nginx, Caddy.
//!
//! A shell stands guard over each. It ends the server when its own input ends, so with the
//! test's process, however that ends. For tests alone: what cannot be done panics.

use std::{
    fs,
    io::{self, BufRead, BufReader},
    net::TcpListener,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::atomic::{AtomicU16, Ordering},
    thread,
    time::{Duration, Instant},
};

use rustix::process::{Pid, Signal, kill_process};

/// Its place in `target/`, as in `xtask/nats-server.txt`.
pub const NATS_SERVER: &str = "nats-server-2.15.1/bin/nats-server";

/// Says the server's number, and ends the server when its own input does. Then the folder goes, if
/// there is one.
const GUARD: &str = r#"
log="$1" folder="$2"
shift 2
"$@" >> "$log" 2>&1 &
echo $!
read -r _
kill -s KILL $!
wait $!
[ -z "$folder" ] || rm -rf "$folder"
"#;
/// A server that is asked to end, or is stopped, has so long.
const SIGNAL_MAX: Duration = Duration::from_secs(60);
/// Between two looks at a process.
const LOOK_EVERY: Duration = Duration::from_millis(1);

/// A server that runs. Dropped, it is killed.
#[derive(Debug)]
pub struct Guarded {
    guard: Child,
    server: Pid,
}

impl Guarded {
    /// Starts a program with its arguments. It appends what it says to the file `log`.
    pub fn start(log: &Path, program: &Path, arguments: &[&str]) -> Guarded {
        Guarded::start_by(Command::new("sh"), log, None, program, arguments)
    }

    /// Starts a program by this shell, which may run elsewhere. A folder is removed after its end.
    pub fn start_by(
        mut shell: Command,
        log: &Path,
        folder: Option<&Path>,
        program: &Path,
        arguments: &[&str],
    ) -> Guarded {
        let guard = shell
            .args(["-c", GUARD, "guard"])
            .arg(log)
            .arg(folder.unwrap_or(Path::new("")))
            .arg(program)
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn();
        let mut guard = guard.expect("there is a shell");
        let mut number = String::new();
        let said = guard.stdout.as_mut().expect("it is piped");
        let read = BufReader::new(said).read_line(&mut number);
        read.expect("the guard says the server's number");
        let server = number.trim().parse().ok().and_then(Pid::from_raw);
        Guarded { guard, server: server.expect("it is a number") }
    }

    /// Sends it a signal. One that is stopped stands still when this returns.
    pub fn signal(&self, signal: Signal) {
        kill_process(self.server, signal).expect("it runs");
        if signal == Signal::STOP {
            // Its threads stop one by one, on a busy machine some milliseconds later.
            until("it stands still", || self.stands_still());
        }
    }

    /// Returns the number of its process.
    pub fn id(&self) -> i32 {
        self.server.as_raw_nonzero().get()
    }

    /// Ends it in order, as an operator does, and waits until its process has ended.
    pub fn end(self) {
        self.signal(Signal::TERM);
        // The guard waits for it only at the end; until then a process that ended has no words.
        let words = format!("/proc/{}/cmdline", self.id());
        until("it has ended", || fs::read(&words).is_ok_and(|words| words.is_empty()));
    }

    fn stands_still(&self) -> bool {
        let threads = format!("/proc/{}/task", self.id());
        let stat =
            |thread: io::Result<fs::DirEntry>| fs::read_to_string(thread?.path().join("stat"));
        let is_stopped = |stat: io::Result<String>| {
            // One that has gone since stands still, too.
            stat.map_or(true, |stat| stat.rsplit(") ").next().is_some_and(|it| it.starts_with('T')))
        };
        fs::read_dir(threads).expect("it runs").map(stat).all(is_stopped)
    }
}

impl Drop for Guarded {
    fn drop(&mut self) {
        drop(self.guard.stdin.take());
        // Then it is gone.
        let _ = self.guard.wait();
    }
}

fn until(what: &str, is_true: impl Fn() -> bool) {
    let deadline = Instant::now() + SIGNAL_MAX;
    while !is_true() {
        assert!(Instant::now() < deadline, "not in {SIGNAL_MAX:?}: {what}");
        thread::sleep(LOOK_EVERY);
    }
}

/// Returns a port that nobody listens at. It stays so while its server is down: the system
/// gives clients only ports from 32768 on.
pub fn free_port() -> u16 {
    static TAKEN: AtomicU16 = AtomicU16::new(0);
    // Another test's process begins elsewhere.
    let begin = u16::try_from(std::process::id() * 53 % 20_000).expect("it is small");
    loop {
        let port = 11_000 + (begin + TAKEN.fetch_add(1, Ordering::Relaxed)) % 20_000;
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
}

/// Returns the path of a program that `cargo xtask test` installs into `target/`.
pub fn installed(program: &str) -> PathBuf {
    let target = match std::env::var_os("CARGO_TARGET_DIR") {
        Some(target) => PathBuf::from(target),
        None => Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target"),
    };
    let program = target.join(program);
    assert!(
        program.is_file(),
        "there is no {}; 'cargo xtask test tools' installs it",
        program.display()
    );
    program
}
