//! Builds the page and hands it to memory-serve.
//!
//! The page is built by npm and Vite from `web/` into `OUT_DIR`; nothing is
//! written beside the sources but `web/node_modules`. Two ways round it: a page
//! that is built already (`LINGER_WEB_DIST=FOLDER`), or none at all
//! (`--no-default-features`). It never embeds an empty page in silence.

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::{Command, ExitCode},
};

const INPUTS: [&str; 7] = [
    "src",
    "public",
    "index.html",
    "package.json",
    "package-lock.json",
    "tsconfig.json",
    "vite.config.ts",
];

fn main() -> ExitCode {
    println!("cargo::rerun-if-env-changed=LINGER_WEB_DIST");
    if env::var_os("CARGO_FEATURE_PAGE").is_none() {
        return ExitCode::SUCCESS;
    }
    match built_page() {
        Ok(dist) => {
            memory_serve::load_directory(&dist);
            write_head(&dist)
        }
        Err(sentence) => {
            println!("cargo::error={sentence}");
            ExitCode::FAILURE
        }
    }
}

/// Writes down what the built page has in its head, but for its title, description and comments:
/// the names of its script and style among it, which have hashes.
fn write_head(dist: &str) -> ExitCode {
    let page = fs::read_to_string(Path::new(dist).join("index.html")).unwrap_or_default();
    let Some(head) = between(&page, "<head>", "</head>") else {
        println!("cargo::error=the built index.html has no <head>; see web/index.html");
        return ExitCode::FAILURE;
    };
    let head = without(head, "<title>", "</title>");
    let mut head = without(&head, "<meta name=\"description\"", ">");
    while head.contains("<!--") {
        head = without(&head, "<!--", "-->");
    }
    let lines: Vec<_> = head.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    write_out("head.html", &lines.join("\n"));
    write_out("early.txt", &early(&lines));
    ExitCode::SUCCESS
}

/// Returns the value of the header `Link` by which a browser begins to load the style and the
/// scripts of the page before it has read the page: the style first, since nothing is
/// shown without it.
fn early(head: &[&str]) -> String {
    let address_in = |line: &&str, mark, name| {
        line.contains(mark).then(|| between(line, name, "\"")).flatten().map(str::to_owned)
    };
    let styles = head.iter().filter_map(|line| address_in(line, "rel=\"stylesheet\"", "href=\""));
    let modules = head.iter().filter_map(|line| {
        address_in(line, "type=\"module\"", "src=\"")
            .or_else(|| address_in(line, "rel=\"modulepreload\"", "href=\""))
    });
    let links: Vec<_> = styles
        .map(|style| format!("<{style}>; rel=preload; as=style; crossorigin"))
        .chain(modules.map(|module| format!("<{module}>; rel=modulepreload")))
        .collect();
    links.join(", ")
}

fn write_out(name: &str, text: &str) {
    let out = PathBuf::from(env::var_os("OUT_DIR").expect("cargo sets it")).join(name);
    fs::write(out, text).expect("cargo gives us a folder to write in");
}

fn between<'t>(text: &'t str, begin: &str, end: &str) -> Option<&'t str> {
    let (_, rest) = text.split_once(begin)?;
    Some(rest.split_once(end)?.0)
}

/// Returns a text without its first part from `begin` to `end`, both included.
fn without(text: &str, begin: &str, end: &str) -> String {
    let Some((before, rest)) = text.split_once(begin) else { return text.to_owned() };
    let after = rest.split_once(end).map_or("", |(_, after)| after);
    format!("{before}{after}")
}

/// Returns the folder with the built page. Errors: a sentence that says what to do.
fn built_page() -> Result<String, String> {
    if let Some(dist) = env::var_os("LINGER_WEB_DIST").map(PathBuf::from) {
        println!("cargo::rerun-if-changed={}", dist.display());
        return match dist.join("index.html").is_file() {
            true => text(&dist),
            false => Err(format!(
                "LINGER_WEB_DIST={} has no index.html; name the folder that Vite wrote",
                dist.display()
            )),
        };
    }
    let web = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../web");
    for input in INPUTS {
        println!("cargo::rerun-if-changed={}", web.join(input).display());
    }
    let dist = PathBuf::from(env::var_os("OUT_DIR").expect("cargo sets it")).join("dist");
    if is_older(&web.join("node_modules/.package-lock.json"), &web.join("package-lock.json")) {
        run(&web, "npm", &["ci", "--no-audit", "--no-fund", "--loglevel=error"])?;
    }
    run(
        &web,
        "npm",
        &["run", "--silent", "build", "--", "--outDir", &text(&dist)?, "--emptyOutDir"],
    )?;
    match dist.join("index.html").is_file() {
        true => text(&dist),
        false => Err("Vite built no index.html; see what 'npm run build' says in web/".to_owned()),
    }
}

fn run(web: &Path, program: &str, arguments: &[&str]) -> Result<(), String> {
    const WAYS_ROUND: &str = "or name a built page in LINGER_WEB_DIST, or build without the page: \
        cargo run --release --no-default-features";
    let output = Command::new(program).args(arguments).current_dir(web).output().map_err(|error| {
        format!("Linger's page needs Node.js 20.19 or later and npm ({program}: {error}); install them, {WAYS_ROUND}")
    })?;
    if output.status.success() {
        return Ok(());
    }
    for line in [&output.stdout, &output.stderr]
        .into_iter()
        .flat_map(|text| text.split(|&byte| byte == b'\n'))
    {
        println!("cargo::warning={}", String::from_utf8_lossy(line));
    }
    let command = arguments
        .iter()
        .take(2)
        .fold(program.to_owned(), |command, argument| command + " " + argument);
    Err(format!("'{command}' failed in web/ (what it said is above); mend that, {WAYS_ROUND}"))
}

/// Tells whether `made` is missing, or older than what it was made of.
fn is_older(made: &Path, source: &Path) -> bool {
    let modified = |path: &Path| fs::metadata(path).and_then(|metadata| metadata.modified()).ok();
    modified(made) < modified(source)
}

fn text(path: &Path) -> Result<String, String> {
    path.to_str()
        .map(str::to_owned)
        .ok_or_else(|| format!("{} is not UTF-8; use another folder", path.display()))
}
