//! The house rules that a test can keep, as tests of this package.
//!
//! They read the checkout as text, with the standard library alone. Each names
//! all its offenders at once. Rules about code that clippy knows are clippy's.

mod imports;
mod sentences;

use std::{
    fs,
    path::{Path, PathBuf},
};

use crate::site::root;

/// A file that takes longer to read than this has more than one subject.
const SOURCE_LINES_MAX: usize = 450;

/// Names under which anything could be put.
const NAMES_FOR_NOTHING: [&str; 8] =
    ["util", "utils", "common", "helper", "helpers", "manager", "managers", "misc"];

/// Dependencies that a crate must not have (design: "dependencies point down only").
const ABSENT: [(&str, &[&str]); 7] = [
    ("linger-core", &["tokio", "hyper", "axum", "getrandom", "rand", "tracing"]),
    ("linger-node", &["hyper", "axum", "linger-serve", "linger-http", "linger-web"]),
    ("linger-http", &["rusqlite", "hyper", "hyper-util", "linger-park"]),
    ("linger-serve", &["rusqlite", "linger-http", "linger-web"]),
    (
        "linger-park",
        &["tokio", "hyper", "linger-core", "linger-node", "linger-serve", "linger-http"],
    ),
    (
        "linger-media",
        &["tokio", "hyper", "linger-core", "linger-node", "linger-serve", "linger-http"],
    ),
    ("linger-web", &["linger-core", "linger-node", "linger-serve", "linger-http"]),
];

/// Crates whose files and folders must not depend on each other in a circle.
const WITHOUT_CIRCLES: [&str; 2] = ["linger-serve", "linger-http"];

#[test]
fn every_rust_file_opens_by_saying_what_it_holds() {
    let offends = |file: &&SourceFile| !file.text.starts_with("//!");
    assert_none(
        "open these with //! lines",
        rust_files().iter().filter(offends).map(SourceFile::name),
    );
}

#[test]
fn no_file_or_folder_has_a_name_for_anything() {
    let files = files();
    let offends = |file: &&SourceFile| {
        let is_code = ["rs", "ts", "vue"].iter().any(|&kind| file.is_a(kind));
        let mut words = file.path.iter().filter_map(|part| Path::new(part).file_stem()?.to_str());
        is_code && words.any(|word| NAMES_FOR_NOTHING.contains(&word.to_lowercase().as_str()))
    };
    assert_none(
        "name these after what they hold",
        files.iter().filter(offends).map(SourceFile::name),
    );
}

#[test]
fn no_source_file_is_too_long_to_read_in_one_sitting() {
    let long = rust_files().into_iter().filter_map(|file| {
        let lines = lines_without_tests(&file.text);
        let is_test = file.path.iter().any(|part| part == "tests" || part == "tests.rs");
        (!is_test && lines > SOURCE_LINES_MAX).then(|| format!("{}: {lines} lines", file.name()))
    });
    assert_none(&format!("split these: {SOURCE_LINES_MAX} lines are the most"), long);
}

#[test]
fn nothing_is_left_for_later_in_silence() {
    // Each in two pieces, so that this file does not break its own rule.
    let marks = [
        concat!("to", "do!("),
        concat!("unimple", "mented!("),
        concat!("db", "g!("),
        concat!("#[ig", "nore"),
    ];
    assert_none("finish these, or take them out", mentions(&rust_files(), &marks));
}

#[test]
fn nothing_names_a_folder_of_one_machine() {
    let marks = [concat!("/wo", "rk/"), concat!("/ro", "ot/")];
    let offenders = files().into_iter().flat_map(|file| {
        let lines = file.text.lines().enumerate().filter(|(_, line)| names_folder(line, &marks));
        lines.map(|(index, _)| format!("{}:{}", file.name(), index + 1)).collect::<Vec<_>>()
    });
    assert_none("these work on one machine only", offenders);
}

#[test]
fn dependencies_come_from_wherever_the_reader_gets_theirs() {
    let lock = read("Cargo.lock");
    let usual = r#"source = "registry+https://github.com/rust-lang/crates.io-index""#;
    let cargo = lock.lines().filter(|line| line.starts_with("source = ") && *line != usual);
    let lock = read("web/package-lock.json");
    let npm = lock.lines().map(str::trim).filter(|line| line.starts_with(r#""resolved": "#));
    let settings = read("web/.npmrc") + &read(".cargo/config.toml");
    let chosen =
        settings.lines().filter(|line| line.contains("registry=") || line.starts_with("[source"));
    assert_none("leave these to the reader", cargo.chain(npm).chain(chosen).map(str::to_owned));
}

#[test]
fn every_sentence_of_a_comment_names_its_subject() {
    assert_none(
        "name the subject first, as CONTRIBUTING.md says: somebody, the reader, the answer",
        files().iter().flat_map(sentences::without_subject),
    );
}

#[test]
fn each_crate_knows_only_what_is_below_it() {
    let mut offenders = Vec::new();
    for (name, absent) in ABSENT {
        let manifest = read(&format!("crates/{name}/Cargo.toml"));
        for dependency in dependencies(&manifest).filter(|dependency| absent.contains(dependency)) {
            offenders.push(format!("{name} depends on {dependency}"));
        }
    }
    assert_none("dependencies point down only", offenders);
}

#[test]
fn no_parts_of_a_crate_depend_on_each_other_in_a_circle() {
    for name in WITHOUT_CIRCLES {
        let circle = imports::circle(&imports::of_crate(name, &rust_files()));
        assert_none(&format!("{name}: break this circle"), circle);
    }
}

#[test]
fn every_decision_is_in_the_index() {
    let index = read("docs/decisions/README.md");
    let folder = root().join("docs/decisions");
    let records =
        fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let names =
        records.map(|record| record.expect("a file").file_name().to_string_lossy().into_owned());
    let missing = names.filter(|name| is_decision(name) && !index.contains(name.as_str()));
    assert_none("name these in docs/decisions/README.md", missing);
}

#[test]
fn cargo_run_starts_the_program_as_the_readme_says() {
    let manifest = read("Cargo.toml");
    let says = |line: &str| read("README.md").lines().any(|known| known.trim() == line);
    assert!(
        says("cargo run --release") && says("cargo xtask test"),
        "README.md names both commands"
    );
    // With several programs and no default, cargo asks which one to run.
    let is_default = manifest.lines().any(|line| line == r#"default-members = ["crates/linger"]"#);
    assert!(is_default, "Cargo.toml needs default-members, so that `cargo run` finds linger");
}

#[test]
fn every_link_in_a_document_leads_somewhere() {
    let mut offenders = Vec::new();
    for document in files().iter().filter(|file| file.is_a("md")) {
        let folder = root().join(document.path.parent().expect("a file is in a folder"));
        for target in links(&document.text) {
            if !target.contains("://") && !target.starts_with('#') && !folder.join(target).exists()
            {
                offenders.push(format!("{}: {target}", document.name()));
            }
        }
    }
    assert_none("these links lead nowhere", offenders);
}

#[test]
fn the_changelog_has_a_place_for_what_is_to_come() {
    let log = read("CHANGELOG.md");
    let is_open =
        log.lines().any(|line| ["## Unreleased", "## [Unreleased]"].contains(&line.trim_end()));
    assert!(is_open, "CHANGELOG.md has no part '## Unreleased'");
}

#[test]
fn the_rules_know_an_offence_when_they_see_one() {
    let folder = [concat!("/ro", "ot/")];
    for (line, offends) in [
        (concat!("see /ro", "ot/notes"), true),
        (concat!("\"/ro", "ot/notes\""), true),
        (concat!("https://example.org/ro", "ot/"), false),
        (concat!("a/ro", "ot/b"), false),
    ] {
        assert_eq!(names_folder(line, &folder), offends, "{line}");
    }
    assert_eq!(
        lines_without_tests("one\n#[cfg(test)]\nmod story;\ntwo\n#[cfg(test)]\nmod tests {\n}\n"),
        4
    );
    assert_eq!(
        dependencies("[package]\nname = \"a\"\n[dependencies]\n# b\nc = { x }\nd.workspace = true\n[dev-dependencies]\ne = 1\n").collect::<Vec<_>>(),
        ["c", "d"],
    );
    assert!(is_decision("0001-one-log.md") && !is_decision("README.md") && !is_decision("01-x.md"));
}

/// A file of the checkout that is text.
struct SourceFile {
    /// From the root.
    path: PathBuf,
    text: String,
}

impl SourceFile {
    fn name(&self) -> String {
        self.path.display().to_string()
    }

    fn is_a(&self, kind: &str) -> bool {
        self.path.extension().is_some_and(|extension| extension == kind)
    }
}

fn rust_files() -> Vec<SourceFile> {
    files().into_iter().filter(|file| file.is_a("rs")).collect()
}

/// Returns all text files that are the project's own, by name.
fn files() -> Vec<SourceFile> {
    let root = root();
    let mut folders = vec![root.clone()];
    let mut files = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in
            fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()))
        {
            let entry = entry.expect("a file or folder");
            let (path, kind) = (entry.path(), entry.file_type().expect("the kind of a file"));
            if kind.is_dir() && is_ours(&path) {
                folders.push(path);
            } else if kind.is_file() {
                // A file that is not text, or is gone again, has no rules to keep.
                let Ok(text) = fs::read_to_string(&path) else { continue };
                let path = path.strip_prefix(&root).expect("it is below the root").to_owned();
                files.push(SourceFile { path, text });
            }
        }
    }
    files.sort_by(|a, b| a.path.cmp(&b.path));
    assert!(files.len() > 50, "only {} files under {}", files.len(), root.display());
    files
}

/// Tells whether people wrote what is in `folder`; cargo marks its own with a tag.
fn is_ours(folder: &Path) -> bool {
    let name = folder.file_name().unwrap_or_default();
    ![".git", "node_modules", "dist", "target"].iter().any(|&made| name == made)
        && !folder.join("CACHEDIR.TAG").exists()
}

fn read(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// Counts the lines before the tests that a file has at its end.
fn lines_without_tests(text: &str) -> usize {
    let lines: Vec<&str> = text.lines().collect();
    let tests =
        lines.windows(2).position(|pair| pair[0] == "#[cfg(test)]" && pair[1].ends_with('{'));
    tests.unwrap_or(lines.len())
}

fn mentions(files: &[SourceFile], marks: &[&str]) -> Vec<String> {
    let mut mentions = Vec::new();
    for file in files {
        for (index, line) in file.text.lines().enumerate() {
            if marks.iter().any(|mark| line.contains(mark)) {
                mentions.push(format!("{}:{}: {}", file.name(), index + 1, line.trim()));
            }
        }
    }
    mentions
}

/// Tells whether a path in `line` begins with one of `folders`; within a longer path they are harmless.
fn names_folder(line: &str, folders: &[&str]) -> bool {
    folders.iter().any(|folder| {
        line.match_indices(folder).any(|(index, _)| {
            let before = line[..index].chars().next_back();
            !before.is_some_and(|before| before.is_alphanumeric() || "._-~$}*".contains(before))
        })
    })
}

/// Returns the names in the table `[dependencies]` of a manifest.
fn dependencies(manifest: &str) -> impl Iterator<Item = &str> {
    let lines = manifest.lines().skip_while(|line| *line != "[dependencies]").skip(1);
    let table =
        lines.take_while(|line| !line.starts_with('[')).filter(|line| !line.starts_with('#'));
    table
        .filter_map(|line| line.split(['=', '.']).next().map(str::trim))
        .filter(|name| !name.is_empty())
}

/// Returns where the links of a Markdown text lead.
fn links(text: &str) -> impl Iterator<Item = &str> {
    text.split("](").skip(1).filter_map(|rest| rest.split([')', '#']).next())
}

/// Tells whether a file is called like `0001-one-log.md`.
fn is_decision(name: &str) -> bool {
    let (digits, rest) = name.split_at_checked(4).unwrap_or_default();
    digits.bytes().all(|byte| byte.is_ascii_digit())
        && rest.starts_with('-')
        && rest.ends_with(".md")
}

#[track_caller]
fn assert_none(what_to_do: &str, offenders: impl IntoIterator<Item = String>) {
    let offenders: Vec<String> = offenders.into_iter().collect();
    assert!(offenders.is_empty(), "{what_to_do}:\n{}", offenders.join("\n"));
}
