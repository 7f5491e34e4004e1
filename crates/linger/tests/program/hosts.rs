//! Hosts: network namespaces on one bridge, each with an address of its own, between which the
//! way can be cut.
//!
//! A test that needs them runs itself again in a namespace of its own ([`is_inside`]): the
//! machine's own network is not touched, and all is gone when the test's process ends. Root is
//! needed, or user namespaces; otherwise only `ip`, and the `unshare` and `nsenter` of util-linux.

use std::{
    ffi::OsStr,
    io::{BufRead, BufReader},
    net::Ipv4Addr,
    path::Path,
    process::{Command, Stdio},
};

use guarded::Guarded;

/// It is set in the process that runs in a namespace of its own.
const INSIDE: &str = "LINGER_TEST_INSIDE";
/// The test's own address. These networks are kept for tests between hosts (RFC 2544).
const TEST: Ipv4Addr = Ipv4Addr::new(198, 18, 0, 254);
/// Lets a host begin: its number on the bridge, its process, its address.
const BEGIN: &str = r#"
ip link add "host-$1" type veth peer name eth0 netns "$2"
ip link set "host-$1" master bridge up
nsenter --net="/proc/$2/ns/net" sh -ec "
    ip link set lo up; ip address add $3/24 dev eth0; ip link set eth0 up"
"#;
/// No host has it. The bridge carries what is sent there, and nobody takes it.
const NOBODY: &str = "02:00:00:00:00:00";

/// A place where programs run.
#[derive(Debug, Clone)]
pub struct Host {
    /// Where programs listen.
    pub ip: Ipv4Addr,
    /// The process that keeps the namespace; none where that is the test's own.
    kept_by: Option<i32>,
}

/// Hosts that know each other.
pub struct Network {
    hosts: Vec<Host>,
    _keepers: Vec<Guarded>,
}

impl Host {
    /// The test's own host. Programs listen on its loopback.
    pub fn here() -> Host {
        Host { ip: Ipv4Addr::LOCALHOST, kept_by: None }
    }

    /// Returns a program that will run there.
    pub fn command(&self, program: impl AsRef<OsStr>) -> Command {
        let Some(process) = self.kept_by else { return Command::new(program) };
        let mut command = Command::new("nsenter");
        command.arg(format!("--net=/proc/{process}/ns/net")).arg("--").arg(program);
        command
    }
}

/// Runs the test of this name again, in a namespace of its own. Tells whether this is
/// that run: the other one has nothing more to do.
pub fn is_inside(test: &str) -> bool {
    if std::env::var_os(INSIDE).is_some() {
        return true;
    }
    let mut again = Command::new("unshare");
    if !rustix::process::geteuid().is_root() {
        again.arg("--map-root-user");
    }
    let mut again = again
        .args(["--net", "--"])
        .arg(std::env::current_exe().unwrap())
        .args([test, "--exact", "--nocapture"])
        .env(INSIDE, "yes")
        .stdout(Stdio::piped())
        .spawn()
        .expect("unshare can be started; it comes with util-linux");
    let mut has_passed = false;
    for line in BufReader::new(again.stdout.take().unwrap()).lines() {
        let line = line.unwrap();
        has_passed |= line.starts_with("test result: ok. 1 passed");
        println!("{line}");
    }
    assert!(again.wait().unwrap().success() && has_passed, "{test} failed in its own network");
    false
}

impl Network {
    /// Makes so many hosts, in the test's own namespace.
    pub fn of(hosts: u8) -> Network {
        ip("link set lo up");
        ip("link add bridge type bridge");
        ip("link set bridge up");
        ip(&format!("address add {TEST}/24 dev bridge"));
        let (keepers, hosts) = (1..=hosts).map(begin).unzip();
        Network { hosts, _keepers: keepers }
    }

    /// Returns a host by its number.
    pub fn host(&self, number: usize) -> &Host {
        &self.hosts[number]
    }

    /// Lets nothing arrive from one host at another: packets are lost.
    pub fn cut(&self, from: usize, to: usize) {
        let to = self.hosts[to].ip;
        run(self.hosts[from].command("ip").args(words(&format!(
            "neighbour replace {to} lladdr {NOBODY} dev eth0 nud permanent"
        ))));
    }

    /// Lets all arrive again.
    pub fn mend(&self) {
        for host in &self.hosts {
            run(host.command("ip").args(words("neighbour flush dev eth0 nud permanent")));
        }
    }
}

fn begin(number: u8) -> (Guarded, Host) {
    let mut shell = Command::new("unshare");
    shell.args(["--net", "--", "sh"]);
    // It keeps the namespace, and does nothing else.
    let (log, program) = (Path::new("/dev/null"), Path::new("sleep"));
    let keeper = Guarded::start_by(shell, log, None, program, &["infinity"]);
    let [network @ .., _] = TEST.octets();
    let [a, b, c] = network;
    let address = Ipv4Addr::new(a, b, c, number);
    let process = keeper.id();
    let words = [number.to_string(), process.to_string(), address.to_string()];
    run(Command::new("sh").args(["-ec", BEGIN, "begin"]).args(words));
    (keeper, Host { ip: address, kept_by: Some(process) })
}

fn ip(line: &str) {
    run(Command::new("ip").args(words(line)));
}

fn words(line: &str) -> impl Iterator<Item = &str> {
    line.split(' ')
}

fn run(command: &mut Command) {
    let end = command.output().expect("it can be started; iproute2 and util-linux have it");
    assert!(end.status.success(), "{command:?}: {}", String::from_utf8_lossy(&end.stderr));
}
