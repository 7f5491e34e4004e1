//! `fixtures/entities`: what is typed, the message that it is, how that is printed, and
//! its HTML. Written here, and held to by the page's parser, printer and renderer too.

use std::{fs, path::Path};

use serde::Serialize;

use super::{super::languages::words_of, html};
use crate::{
    friendly_names::Language,
    markdown::{Written, parse, print},
};

/// One of each, and what is easily taken for one.
const TYPED: &[&str] = &[
    "just words",
    "**bold** *italic* _italic_ ~~strike~~ `code` ||hidden||",
    "***both*** **a *b*** *c **d***",
    "**a ~~b** c~~",
    "[some *words*](https://example.org/a_(b)) and https://example.org/c_d_e.",
    "**https://example.org/** ||https://example.org/||, (https://example.org/a)",
    "> quoted **words**\n> \n> more\n\nnot quoted",
    "```rust\nfn main() { println!(\"<&>\"); }\n```",
    "before\n```\n**no marks**\n\n  in here\n```\nafter",
    "> ```\n> quoted code\n> ```\n> and words",
    "[@Ann](user:17), @all: `@all` and \\@all",
    "||hidden\n\nover **lines**|| shown",
    "2 * 3 * 4, snake_case_name, a || b, C:\\Users\\ann, [1] (or not)",
    "\\*no marks\\* \\[at](all) https\\://example.org",
    "这是**重点。**还有_一点_，看https://example.org/茶。",
    "*茶* *tea 和茶* *かな* *한글* *𠮷* *Tee*",
    "**שלום** *مرحبا* 🫖**🫖**",
    "`` a`b `` ``` `` ```",
    "<b>&amp;</b> \"quotes\" 'too'",
    "[javascript](javascript:alert(1)) [x](https://a.example@b.example)",
    "line\nline *two\nand* three",
];

const PIECES: [&str; 36] = [
    "a",
    "b c",
    " ",
    "\n",
    "\n\n",
    "*",
    "**",
    "***",
    "_",
    "~~",
    "||",
    "`",
    "``",
    "```",
    "\n```\n",
    "\n```rust\n",
    "\\",
    "[",
    "]",
    "(",
    ")",
    "](https://b.example)",
    "](user:7)",
    "\n> ",
    ">",
    "@",
    "@all",
    "https://a.example/x",
    "http://",
    "mailto:a@b.c",
    "茶。",
    "🫖",
    "<",
    "&",
    ".",
    "|",
];

#[derive(Serialize)]
struct Row {
    typed: String,
    text: String,
    entities: serde_json::Value,
    printed: String,
    html: String,
}

fn row(typed: &str) -> Option<Row> {
    let Written { text, entities } = parse(typed, &mut |_| None).ok()?;
    let words = words_of(Language::English);
    Some(Row {
        typed: typed.to_owned(),
        text: text.as_str().to_owned(),
        printed: print(text.as_str(), entities.as_slice()),
        html: html(text.as_str(), entities.as_slice(), words),
        entities: serde_json::to_value(entities).expect("entities have a form in JSON"),
    })
}

/// Returns texts put together by chance, the same ones each time.
fn by_chance(count: usize) -> impl Iterator<Item = String> {
    let mut state = 10u64;
    let mut chance = move |below: usize| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (state >> 33) as usize % below
    };
    (0..count).map(move |_| {
        let length = 1 + chance(12);
        (0..length).map(|_| PIECES[chance(PIECES.len())]).collect()
    })
}

fn written(rows: impl Iterator<Item = Row>) -> String {
    let rows: Vec<_> =
        rows.map(|row| serde_json::to_string(&row).expect("a row has a form")).collect();
    format!("[\n  {}\n]\n", rows.join(",\n  "))
}

#[test]
fn the_fixtures_are_what_this_server_makes_of_them() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/entities");
    let files = [
        ("typed.json", written(TYPED.iter().filter_map(|typed| row(typed)))),
        ("by_chance.json", written(by_chance(200).filter_map(|typed| row(&typed)))),
    ];
    for (name, current) in files {
        let path = folder.join(name);
        if std::env::var_os("LINGER_WRITE_FIXTURES").is_some() {
            fs::create_dir_all(&folder).expect("the folder of fixtures can be made");
            fs::write(&path, &current).expect("fixtures can be written");
        }
        let kept = fs::read_to_string(&path).unwrap_or_default();
        assert!(kept == current, "{name} is not current; LINGER_WRITE_FIXTURES=1 writes it anew");
    }
}
