//! The imports between the parts of a crate: a part is a module at its root, a file
//! or a folder. They are read from the text: the names after `crate::`, and after
//! `super::` in a file at the root.

use std::collections::{BTreeMap, BTreeSet};

use super::SourceFile;

/// The parts that each part uses.
pub(super) type Imports = BTreeMap<String, BTreeSet<String>>;

/// Returns the imports of a crate. Its `lib.rs` is no part: it lists them all.
pub(super) fn of_crate(name: &str, files: &[SourceFile]) -> Imports {
    let root = format!("crates/{name}/src/");
    let sources: Vec<(&str, &str)> = files
        .iter()
        .filter_map(|file| Some((file.path.to_str()?.strip_prefix(&root)?, file.text.as_str())))
        .collect();
    let lib = sources.iter().find(|(path, _)| *path == "lib.rs").map_or("", |(_, text)| text);
    let exported = exports(lib);
    let mut imports = Imports::new();
    for (path, text) in sources.iter().filter(|(path, _)| *path != "lib.rs") {
        let part = path.split('/').next().expect("a path has a beginning");
        let part = part.trim_end_matches(".rs").to_owned();
        let mut used: BTreeSet<String> = names_after("crate::", text).collect();
        if !path.contains('/') {
            used.extend(names_after("super::", text));
        }
        let used = used.into_iter().map(|name| exported.get(&name).cloned().unwrap_or(name));
        let used: BTreeSet<String> = used.filter(|name| *name != part).collect();
        imports.entry(part).or_default().extend(used);
    }
    imports
}

/// Returns a circle among these imports, part by part, if there is one.
pub(super) fn circle(imports: &Imports) -> Option<String> {
    let mut left = imports.clone();
    loop {
        // A part that uses no part that is left is in no circle.
        let free: Vec<String> = left
            .iter()
            .filter(|(_, used)| used.iter().all(|it| !left.contains_key(it)))
            .map(|(part, _)| part.clone())
            .collect();
        if free.is_empty() {
            break;
        }
        left.retain(|part, _| !free.contains(part));
    }
    let mut path = vec![left.keys().next()?.clone()];
    loop {
        let last = path.last().expect("it has begun");
        let next = left[last]
            .iter()
            .find(|used| left.contains_key(*used))
            .expect("all that is left uses something that is left")
            .clone();
        if let Some(begin) = path.iter().position(|part| *part == next) {
            path.push(next);
            return Some(path[begin..].join(" -> "));
        }
        path.push(next);
    }
}

/// Returns the part that each name exported by the crate's root comes from.
fn exports(lib: &str) -> BTreeMap<String, String> {
    let mut exports = BTreeMap::new();
    for line in lib.split("pub use ").skip(1) {
        let (path, _) = line.split_once(';').unwrap_or((line, ""));
        let Some((part, names)) = path.split_once("::") else { continue };
        for name in names.split(|c: char| !c.is_alphanumeric() && c != '_') {
            exports.insert(name.to_owned(), part.to_owned());
        }
    }
    exports
}

/// Returns the first names after each `prefix`; of a group in braces, of each item.
fn names_after<'t>(prefix: &'t str, text: &'t str) -> impl Iterator<Item = String> + use<'t> {
    let code: String = text
        .lines()
        .filter(|line| !line.trim_start().starts_with("//"))
        .collect::<Vec<_>>()
        .join("\n");
    let mut names = Vec::new();
    for rest in code.split(prefix).skip(1) {
        let Some(group) = rest.strip_prefix('{') else {
            names.push(first_name(rest));
            continue;
        };
        let (mut depth, mut begins) = (1, true);
        for (index, c) in group.char_indices() {
            match c {
                '{' => depth += 1,
                '}' => depth -= 1,
                ',' => begins = depth == 1,
                c if begins && c.is_alphabetic() => {
                    names.push(first_name(&group[index..]));
                    begins = false;
                }
                _ => {}
            }
            if depth == 0 {
                break;
            }
        }
    }
    names.into_iter()
}

fn first_name(text: &str) -> String {
    text.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect()
}

#[test]
fn a_circle_is_found_through_groups_and_exports() {
    let lib = "mod a; mod b; mod c;\npub use b::{Bee, Buzz};\n";
    let imports = |a: &str, c: &str| {
        let file = |path: &str, text: &str| SourceFile {
            path: format!("crates/x/src/{path}").into(),
            text: text.to_owned(),
        };
        let files = [
            file("lib.rs", lib),
            file("a.rs", a),
            file("b/inner.rs", "use crate::c;"),
            file("c.rs", c),
        ];
        circle(&of_crate("x", &files))
    };
    assert_eq!(imports("use crate::Bee;", "// crate::a\nfn f() {}"), None);
    assert_eq!(imports("", "use crate::{other::{x, y}, Buzz};"), Some("b -> c -> b".to_owned()));
    assert_eq!(imports("use super::b;", "use crate::a::A;").as_deref(), Some("a -> b -> c -> a"));
}
