//! The steps of the test: one row for each, in the order they run.
//!
//! A step says what it needs, how long it may take, and which commands it
//! runs. How they are run and counted is in `suite.rs` and `counts.rs`.
//! Quick steps come first, and those that reuse what an earlier one built follow it.

use std::{env, time::Duration};

use crate::{
    run::Errand,
    site::Site,
    tools::{self, Need, Tools},
};

/// Runs a command with a NATS server for the logs of its tests.
const WITH_NATS: &str = "xtask/with-nats.sh";
/// Tests and modules, each with the reason why it needs a log of its own.
const EMBEDDED_ONLY: &str = include_str!("../embedded-only.txt");

/// The step that looks for tools; the suite carries it out itself.
pub const TOOLS: &str = "tools";

/// One thing that can pass, fail or be skipped.
pub struct Step {
    pub name: &'static str,
    pub purpose: &'static str,
    pub needs: Vec<Need>,
    /// After this it is stopped; some three times what it takes on two busy cores.
    pub limit: Duration,
    pub work: Work,
}

/// Returns a step's tasks, or what is wrong with the checkout.
type Work = fn(&Site, &Tools) -> Result<Vec<Task>, String>;

/// One command of a step, and what its end is worth.
pub struct Task {
    pub errand: Errand,
    pub counting: Counting,
}

/// How a task is counted.
pub enum Counting {
    /// Not at all, unless it fails.
    Preparation,
    /// As one test.
    AsOne,
    /// By the runner's own words.
    Tests,
    /// As `Tests`, but there may be none.
    DocTests,
}

/// Returns all steps in the order in which they run.
pub fn all() -> Vec<Step> {
    // The build script of linger-web builds the page, unless it is given one.
    let page: &[Need] = match env::var_os("LINGER_WEB_DIST") {
        Some(_) => &[Need::Make],
        None => &[Need::Make, Need::Page],
    };
    let with_page = |more: &[Need]| [more, page].concat();
    vec![
        step(TOOLS, "the tools that the steps need; installs what it can", &[], 15, |_, _| {
            Ok(vec![])
        }),
        step("format", "cargo fmt", &[Need::Rustfmt], 2, format),
        step(
            "lints",
            "clippy on everything, with the page",
            &with_page(&[Need::Clippy]),
            15,
            lints,
        ),
        step(
            "lints-no-page",
            "clippy on the program without the page",
            &[Need::Make, Need::Clippy],
            10,
            lints_no_page,
        ),
        step("docs", "the documentation builds, and its links hold", &with_page(&[]), 10, docs),
        step(
            "tests",
            "all Rust tests: units, properties, simulation, transcripts, house rules",
            &with_page(&[Need::TextReaders, Need::NatsServer, Need::Ip, Need::Caddy, Need::Nginx]),
            30,
            tests,
        ),
        step(
            "nats",
            "the program, the transcripts and a talk in Chromium, with their logs on NATS",
            &[
                &[Need::Make, Need::Page, Need::Chromium, Need::Fonts],
                &[Need::TextReaders, Need::NatsServer][..],
            ]
            .concat(),
            20,
            nats,
        ),
        step("doctests", "the examples in the documentation", &with_page(&[]), 10, doctests),
        step(
            "manifests",
            "the manifests in deploy/ against the schemas of Kubernetes and of Compose",
            &[Need::Schemas],
            3,
            manifests,
        ),
        step("page-types", "the page's types", &[Need::Page], 4, page_types),
        step("page-lints", "the page's lints", &[Need::Page], 3, page_lints),
        step("page-tests", "the page's tests, without a browser", &[Need::Page], 5, page_tests),
        step(
            "browser",
            "the page in Chromium, with the built server",
            &[Need::Make, Need::Page, Need::Chromium, Need::Fonts, Need::Nginx],
            40,
            browser,
        ),
    ]
}

fn step(
    name: &'static str,
    purpose: &'static str,
    needs: &[Need],
    limit_min: u64,
    work: Work,
) -> Step {
    Step { name, purpose, needs: needs.to_vec(), limit: Duration::from_mins(limit_min), work }
}

fn format(site: &Site, _: &Tools) -> Result<Vec<Task>, String> {
    Ok(vec![as_one(cargo(site, "fmt --all --check"))])
}

fn lints(site: &Site, _: &Tools) -> Result<Vec<Task>, String> {
    Ok(vec![as_one(cargo(site, "clippy --workspace --all-targets --locked -- -D warnings"))])
}

fn lints_no_page(site: &Site, _: &Tools) -> Result<Vec<Task>, String> {
    Ok(vec![as_one(cargo(site, "clippy -p linger --no-default-features --locked -- -D warnings"))])
}

fn docs(site: &Site, _: &Tools) -> Result<Vec<Task>, String> {
    // Private items too: most of what is written is for those who work here, and
    // a link to a private item is then as good as any.
    // `--examples` (there are none) is for cargo: without it, it would leave out the features that
    // only tests need, and check a sixth of the dependencies anew, and build the page again.
    let line =
        "doc --no-deps --workspace --lib --bins --examples --document-private-items --locked";
    let errand = cargo(site, line);
    Ok(vec![as_one(errand.with("RUSTDOCFLAGS", "-D warnings -A rustdoc::private-intra-doc-links"))])
}

fn tests(site: &Site, tools: &Tools) -> Result<Vec<Task>, String> {
    let line = match tools.nextest {
        // Failures at the end: there the tail of the log is shown.
        true => "nextest run --workspace --locked --no-fail-fast --failure-output final",
        false => "test --workspace --tests --locked --no-fail-fast",
    };
    Ok(vec![Task { errand: cargo(site, line), counting: Counting::Tests }])
}

/// The tests that are not about a server with a log of its own.
fn nats(site: &Site, tools: &Tools) -> Result<Vec<Task>, String> {
    let folder = site.logs.join("nats");
    let on_nats = |errand: Errand| {
        errand.behind([site.root.join(WITH_NATS), tools::nats_server_in(site), folder.clone()])
    };
    // Not nextest: it would count each test that is left out.
    let line = "test --workspace --test program --test edges --locked --no-fail-fast --";
    let rust = EMBEDDED_ONLY
        .lines()
        .filter_map(embedded_only)
        .fold(cargo(site, line), |rust, name| rust.and("--skip".to_owned()).and(name.to_owned()));
    let talk =
        in_browser(site, tools, "npm run test:browser --silent -- tests/browser/chat.spec.ts")?;
    Ok(vec![
        Task { errand: on_nats(rust), counting: Counting::Tests },
        program(site),
        Task { errand: on_nats(talk), counting: Counting::Tests },
    ])
}

/// Returns the test or module that a line of the list names.
fn embedded_only(line: &str) -> Option<&str> {
    line.split_whitespace().next().filter(|name| !name.starts_with('#'))
}

fn doctests(site: &Site, _: &Tools) -> Result<Vec<Task>, String> {
    let errand = cargo(site, "test --doc --workspace --locked --no-fail-fast");
    Ok(vec![Task { errand, counting: Counting::DocTests }])
}

fn manifests(site: &Site, _: &Tools) -> Result<Vec<Task>, String> {
    let packages = site.target.join("schemas-1.37.0");
    let errand = Errand::new(&site.root, "python3 xtask/manifests.py")
        .with("PYTHONPATH", &packages.to_string_lossy());
    Ok(vec![Task { errand, counting: Counting::Tests }])
}

fn page_types(site: &Site, _: &Tools) -> Result<Vec<Task>, String> {
    Ok(vec![as_one(Errand::new(&site.web, "npm run typecheck --silent"))])
}

fn page_lints(site: &Site, _: &Tools) -> Result<Vec<Task>, String> {
    Ok(vec![as_one(Errand::new(&site.web, "npm run lint --silent"))])
}

fn page_tests(site: &Site, _: &Tools) -> Result<Vec<Task>, String> {
    let errand = Errand::new(&site.web, "npm test --silent");
    Ok(vec![Task { errand, counting: Counting::Tests }])
}

fn browser(site: &Site, tools: &Tools) -> Result<Vec<Task>, String> {
    const CONFIG: &str = "vitest.browser.config.ts";
    if !site.web.join(CONFIG).is_file() {
        return Err(format!("web/{CONFIG} is missing: there are no browser tests to run"));
    }
    let tests = in_browser(site, tools, "npm run test:browser --silent")?;
    Ok(vec![program(site), Task { errand: tests, counting: Counting::Tests }])
}

/// Builds the program as people get it: without the features that tests turn on in its
/// dependencies.
fn program(site: &Site) -> Task {
    Task { errand: cargo(site, "build -p linger --locked"), counting: Counting::Preparation }
}

fn in_browser(site: &Site, tools: &Tools, line: &str) -> Result<Errand, String> {
    let chromium = tools.chromium.as_ref().ok_or("there is no browser")?;
    let program = site.target.join("debug/linger");
    Ok(Errand::new(&site.web, line)
        .with("LINGER_BIN", &program.to_string_lossy())
        .with("CHROMIUM", &chromium.to_string_lossy()))
}

fn cargo(site: &Site, line: &str) -> Errand {
    Errand::new(&site.root, &format!("cargo {line}"))
}

fn as_one(errand: Errand) -> Task {
    Task { errand, counting: Counting::AsOne }
}

#[cfg(test)]
mod tests {
    use std::{fs, path::Path};

    use super::*;

    #[test]
    fn each_test_that_is_left_out_over_nats_is_there_and_has_a_reason() {
        let tests = crate::site::root().join("crates/linger/tests/program");
        for line in EMBEDDED_ONLY.lines() {
            let Some(name) = embedded_only(line) else { continue };
            assert!(line.split_whitespace().count() > 2, "{name} has no reason");
            let (modules, function) = name.rsplit_once("::").expect("it is in a module");
            let file = tests.join(modules.replace("::", "/"));
            let is_there = |file: &Path| {
                let text = fs::read_to_string(file).unwrap_or_default();
                !text.is_empty()
                    && (function.is_empty() || text.contains(&format!("fn {function}(")))
            };
            let files = [file.with_extension("rs"), file.join("mod.rs")];
            assert!(files.iter().any(|file| is_there(file)), "there is no {name}");
        }
    }
}
