//! The steps of the test: one row for each, in the order they run.
//!
//! A step says what it needs, how long it may take, and which commands it
//! runs. How they are run and counted is in `suite.rs` and `counts.rs`.
//! Quick steps come first, and those that reuse what an earlier one built follow it.

use std::{env, time::Duration};

use crate::{
    run::Errand,
    site::Site,
    tools::{Need, Tools},
};

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
            &with_page(&[Need::TextReaders, Need::NatsServer, Need::Caddy, Need::Nginx]),
            20,
            tests,
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
    let chromium = tools.chromium.as_ref().ok_or("there is no browser")?;
    let program = site.target.join("debug/linger");
    let tests = Errand::new(&site.web, "npm run test:browser --silent")
        .with("LINGER_BIN", &program.to_string_lossy())
        .with("CHROMIUM", &chromium.to_string_lossy());
    Ok(vec![
        // The program as people get it: without the features that tests turn on in its dependencies.
        Task { errand: cargo(site, "build -p linger --locked"), counting: Counting::Preparation },
        Task { errand: tests, counting: Counting::Tests },
    ])
}

fn cargo(site: &Site, line: &str) -> Errand {
    Errand::new(&site.root, &format!("cargo {line}"))
}

fn as_one(errand: Errand) -> Task {
    Task { errand, counting: Counting::AsOne }
}
