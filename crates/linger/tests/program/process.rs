//! The program as a process: started with flags and environment, asked to end,
//! killed, waited for.
//!
//! A [`Server`] that is dropped is killed. Its standard error is printed then, so that
//! a failing test shows it.

use std::{
    fmt,
    io::{BufRead, BufReader, Read},
    net::SocketAddr,
    path::{Path, PathBuf},
    process::{Child, ChildStdout, Command, ExitStatus, Stdio},
    sync::{Arc, Mutex, mpsc},
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

use crate::{client::Client, hosts::Host, nats};

/// For anything that must happen at all: a loaded machine is slow, a hanging one stands.
pub const PATIENCE: Duration = Duration::from_secs(60);
/// Between two looks at something that will change.
const LOOK_EVERY: Duration = Duration::from_millis(5);

/// A data folder that goes away with the test.
pub struct Folder(TempDir);

/// The program, about to be started.
#[derive(Clone)]
pub struct Program {
    arguments: Vec<String>,
    environment: Vec<(String, String)>,
    open_files_max: Option<u32>,
    executable: PathBuf,
    user: Option<u32>,
    host: Host,
}

/// The program, running.
pub struct Server {
    /// Where it listens.
    pub address: SocketAddr,
    /// The line that it printed when it was ready.
    pub greeting: String,
    /// The time from the start of the process to that line.
    pub ready_after: Duration,
    child: Child,
    stdout: Option<BufReader<ChildStdout>>,
    log: Arc<Mutex<String>>,
    stderr: Option<JoinHandle<()>>,
}

/// How a program ended that could not start.
#[derive(Debug)]
pub struct Refusal {
    pub code: Option<i32>,
    pub stdout: String,
    pub stderr: String,
}

impl Folder {
    pub fn new() -> Folder {
        Folder(tempfile::Builder::new().prefix("linger-test-").tempdir().unwrap())
    }

    /// Returns the path of something in it.
    pub fn join(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// Returns its path.
    pub fn path(&self) -> &Path {
        self.0.path()
    }
}

impl fmt::Display for Folder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.path().display().fmt(f)
    }
}

impl Program {
    /// With no flag and no environment of ours.
    pub fn bare() -> Program {
        Program {
            arguments: Vec::new(),
            environment: Vec::new(),
            open_files_max: None,
            executable: env!("CARGO_BIN_EXE_linger").into(),
            user: None,
            host: Host::here(),
        }
    }

    /// On this folder, on any free port, without rate limits, under any name.
    pub fn on(folder: &Folder) -> Program {
        Program::at(folder.path())
    }

    /// The same on the folder at this path, which need not exist.
    pub fn at(data: &Path) -> Program {
        let program = Program::bare()
            .env("LINGER_LISTEN", "127.0.0.1:0")
            .env("LINGER_DATA", data.to_str().unwrap())
            .env("LINGER_RATE_LIMITS", "off")
            .env("LINGER_HOSTS", "*");
        nats::log_of(data, program)
    }

    /// With one more argument.
    pub fn arg(mut self, argument: impl fmt::Display) -> Program {
        self.arguments.push(argument.to_string());
        self
    }

    /// With one more variable, or another value of it.
    pub fn env(mut self, name: &str, value: &str) -> Program {
        self.environment.retain(|(known, _)| known != name);
        self.environment.push((name.to_owned(), value.to_owned()));
        self
    }

    /// With so many open files at most, sockets among them: the system's limit.
    pub fn open_files_max(mut self, open_files_max: u32) -> Program {
        self.open_files_max = Some(open_files_max);
        self
    }

    /// As another user and their group, from a copy of the program that they may
    /// run. Only root can do that.
    #[cfg(target_os = "linux")]
    pub fn run_by(mut self, user: u32, executable: &Path) -> Program {
        executable.clone_into(&mut self.executable);
        self.user = Some(user);
        self
    }

    /// On this host, on any free port.
    pub fn at_host(self, host: &Host) -> Program {
        let program = self.env("LINGER_LISTEN", &format!("{}:0", host.ip));
        Program { host: host.clone(), ..program }
    }

    /// Starts the server and waits until it says that it is ready.
    pub fn start(&self) -> Server {
        self.try_start().unwrap_or_else(|refusal| panic!("it does not start: {refusal:?}"))
    }

    /// Runs a program that cannot start.
    #[track_caller]
    pub fn refused(&self, case: &str) -> Refusal {
        match self.try_start() {
            Ok(_) => panic!("{case}: it starts"),
            Err(refusal) => refusal,
        }
    }

    /// Starts the server and waits for nothing: it listens nowhere yet.
    pub fn begin(&self) -> Server {
        let mut child = self.spawn();
        let log = Arc::new(Mutex::new(String::new()));
        let stderr = Some(keep_lines(child.stderr.take().unwrap(), log.clone()));
        let stdout = Some(BufReader::new(child.stdout.take().unwrap()));
        let address = SocketAddr::from(([0, 0, 0, 0], 0));
        let ready_after = Duration::ZERO;
        let greeting = String::new();
        Server { address, greeting, ready_after, child, stdout, log, stderr }
    }

    /// Starts the server and waits until it says that it is ready, or has ended.
    pub fn try_start(&self) -> Result<Server, Refusal> {
        let started = Instant::now();
        let mut server = self.begin();
        let mut stdout = server.stdout.take().unwrap();
        let (say, said) = mpsc::channel();
        thread::spawn(move || {
            let mut line = String::new();
            let read = stdout.read_line(&mut line);
            // The receiver is gone if the test gave up before.
            let _ = say.send((read, line, started.elapsed(), stdout));
        });
        let (_, line, ready_after, stdout) =
            said.recv_timeout(PATIENCE).expect("the program says that it is ready");
        if line.is_empty() {
            let code = server.ended(PATIENCE).code();
            return Err(Refusal { code, stdout: line, stderr: server.into_log() });
        }
        server.address = address_in(&line).unwrap_or_else(|| panic!("no address in {line:?}"));
        server.greeting = line;
        server.ready_after = ready_after;
        server.stdout = Some(stdout);
        Ok(server)
    }

    /// Runs a program that ends by itself, soon.
    pub fn end(&self) -> Refusal {
        let mut child = self.spawn();
        let stdout = child.stdout.take().unwrap();
        let stderr = child.stderr.take().unwrap();
        let stdout = thread::spawn(move || read_all(stdout));
        let stderr = thread::spawn(move || read_all(stderr));
        let Some(status) = ended(&mut child, PATIENCE) else {
            let _ = child.kill();
            panic!("it goes on: {:?}, {}", self.arguments, stderr.join().unwrap());
        };
        Refusal {
            code: status.code(),
            stdout: stdout.join().unwrap(),
            stderr: stderr.join().unwrap(),
        }
    }

    fn spawn(&self) -> Child {
        let mut command = self.command();
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command.spawn().expect("the program can be started")
    }

    /// Returns it as a command, for somebody who starts and kills it themselves.
    pub fn command(&self) -> Command {
        // The test process needs a socket for each connection of a crowd, too.
        rlimit::increase_nofile_limit(u64::MAX).unwrap();
        let program = &self.executable;
        let mut command = match self.open_files_max {
            None => self.host.command(program),
            Some(open_files_max) => {
                // The program inherits the shell's limit; to set it here would need unsafe code.
                let script = format!("ulimit -n {open_files_max}; exec \"$0\" \"$@\"");
                let mut command = self.host.command("sh");
                command.args(["-c", &script]).arg(program);
                command
            }
        };
        let ours = std::env::vars_os().map(|(name, _)| name);
        for name in ours.filter(|name| name.to_string_lossy().starts_with("LINGER_")) {
            command.env_remove(name);
        }
        command.args(&self.arguments).envs(self.environment.iter().cloned());
        #[cfg(unix)]
        if let Some(user) = self.user {
            use std::os::unix::process::CommandExt;
            command.uid(user).gid(user);
        }
        command
    }
}

impl Server {
    /// Returns a client without a token.
    pub fn visitor(&self) -> Client {
        Client::new(self.address)
    }

    /// Returns a client who is a new guest of this name.
    pub fn guest(&self, name: &str) -> Client {
        Client::guest(self.address, name)
    }

    /// Asks the program to end: SIGTERM.
    pub fn terminate(&self) {
        self.signal(Signal::TERM);
    }

    /// Sends it a signal.
    pub fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).unwrap();
    }

    /// Waits for the end, and returns how it ended.
    pub fn ended(&mut self, within: Duration) -> ExitStatus {
        ended(&mut self.child, within).unwrap_or_else(|| panic!("it goes on after {within:?}"))
    }

    /// Tells whether it still runs.
    pub fn is_running(&mut self) -> bool {
        self.child.try_wait().unwrap().is_none()
    }

    /// Kills it, and returns its standard error.
    pub fn into_log(mut self) -> String {
        self.kill();
        self.stderr.take().unwrap().join().unwrap();
        // Taken, so that it is not shown as well.
        std::mem::take(&mut self.log.lock().unwrap())
    }

    /// Returns its standard error so far, in whole lines.
    #[cfg(target_os = "linux")]
    pub fn log(&self) -> String {
        self.log.lock().unwrap().clone()
    }

    /// Returns its own memory in bytes, without that of files.
    #[cfg(target_os = "linux")]
    pub fn memory(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("RssAnon:")).unwrap();
        line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() << 10
    }

    /// Returns how long processors have worked for it, in ticks of 10 ms.
    #[cfg(target_os = "linux")]
    pub fn ticks(&self) -> u64 {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.child.id())).unwrap();
        let (_, after_name) = stat.rsplit_once(')').unwrap();
        let fields = after_name.split_whitespace().skip(11).take(2);
        fields.map(|field| field.parse::<u64>().unwrap()).sum()
    }

    /// Sends SIGKILL: the program can say and write nothing more.
    pub fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Returns one figure of `/metrics`.
    pub fn figure(&self, name: &str) -> f64 {
        self.visitor().figure(name)
    }

    /// Waits until so many requests are held.
    pub fn until_held(&self, held: usize) {
        until(&format!("{held} requests are held"), || {
            self.figure("linger_requests_held") == held as f64
        });
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        let _ = self.stderr.take().map(JoinHandle::join);
        // Shown by the test harness when the test failed.
        eprint!("{}", self.log.lock().unwrap());
    }
}

/// Waits until something is true.
pub fn until(what: &str, is_true: impl Fn() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !is_true() {
        assert!(Instant::now() < deadline, "not in time: {what}");
        thread::sleep(LOOK_EVERY);
    }
}

fn ended(child: &mut Child, within: Duration) -> Option<ExitStatus> {
    let deadline = Instant::now() + within;
    loop {
        match child.try_wait().unwrap() {
            Some(status) => return Some(status),
            None if Instant::now() < deadline => thread::sleep(LOOK_EVERY),
            None => return None,
        }
    }
}

/// Reads lines to the end, and keeps them where others may look.
fn keep_lines(from: impl Read + Send + 'static, log: Arc<Mutex<String>>) -> JoinHandle<()> {
    thread::spawn(move || {
        let mut from = BufReader::new(from);
        let mut line = Vec::new();
        // A process that is killed ends its sentence early.
        while from.read_until(b'\n', &mut line).is_ok_and(|read| read > 0) {
            *log.lock().unwrap() += &String::from_utf8_lossy(&line);
            line.clear();
        }
    })
}

fn read_all(mut from: impl Read) -> String {
    let mut bytes = Vec::new();
    // A process that is killed ends its sentence early.
    let _ = from.read_to_end(&mut bytes);
    String::from_utf8_lossy(&bytes).into_owned()
}

fn address_in(line: &str) -> Option<SocketAddr> {
    let (_, rest) = line.split_once("http://")?;
    // "localhost" stands for everywhere.
    rest.split_once('/')?.0.replace("localhost", "127.0.0.1").parse().ok()
}
