//! What people type, and what it means: tables with a name for each row.

use linger_core::{Entity, EntityKind, Malformed, Position, UserId};
use linger_http::markdown::{Written, names_in, parse, plain, print, settled};
use serde_json::{Value, json};

use crate::law::nobody;

/// Returns a message as its text and its entities: type, text, and what else it has.
fn shown(written: &Written) -> Value {
    let text: Vec<u16> = written.text.as_str().encode_utf16().collect();
    let entities = written.entities.as_slice().iter().map(|entity| {
        let mut row = serde_json::to_value(entity).unwrap();
        let part = entity.offset as usize..(entity.offset + entity.length) as usize;
        let row = row.as_object_mut().unwrap();
        row.remove("offset");
        row.remove("length");
        let kind = row.remove("type").unwrap();
        let rest = row.iter().map(|(_, value)| value.clone());
        [kind, String::from_utf16(&text[part]).unwrap().into()].into_iter().chain(rest).collect()
    });
    let entities: Vec<Value> = entities.collect();
    json!([written.text.as_str(), entities])
}

fn user(number: u64) -> UserId {
    UserId::new(Position::new(number))
}

/// In this room are ann, Quiet Heron and 海豹.
fn room(name: &str) -> Option<UserId> {
    match name {
        "ann" => Some(user(3)),
        "Quiet Heron" => Some(user(4)),
        "海豹" => Some(user(5)),
        _ => None,
    }
}

#[test]
fn marks_mean_what_the_manual_says() {
    let rows = [
        ("plain", "just words", json!(["just words", []])),
        ("bold", "a **b** c", json!(["a b c", [["bold", "b"]]])),
        ("italic", "*a* _b_", json!(["a b", [["italic", "a"], ["italic", "b"]]])),
        ("strike", "~~a b~~", json!(["a b", [["strike", "a b"]]])),
        ("code", "`a *b*`", json!(["a *b*", [["code", "a *b*"]]])),
        ("code with a backtick", "`` a`b ``", json!(["a`b", [["code", "a`b"]]])),
        ("spoiler", "||a\n\nb||", json!(["a\n\nb", [["spoiler", "a\n\nb"]]])),
        (
            "link",
            "[a b](https://a.example)",
            json!(["a b", [["link", "a b", "https://a.example"]]]),
        ),
        (
            "link with brackets",
            "[a](https://a.example/(b))",
            json!(["a", [["link", "a", "https://a.example/(b)"]]]),
        ),
        ("quote", "> a\n> b\nc", json!(["a\nb\nc", [["quote", "a\nb"]]])),
        (
            "a bare sign goes on with a quote",
            "> a\n>\n> b",
            json!(["a\n\nb", [["quote", "a\n\nb"]]]),
        ),
        (
            "fence",
            "```rust\nlet a;\n\nb();\n```",
            json!(["let a;\n\nb();", [["pre", "let a;\n\nb();", "rust"]]]),
        ),
        ("fence without a language", "a\n```\n*b*\n```\nc", json!(["a\n*b*\nc", [["pre", "*b*"]]])),
        ("fence as people type it", "```so: a\nb```", json!(["so: a\nb", [["pre", "so: a\nb"]]])),
        ("fence in a quote", "> ```\n> a\n> ```", json!(["a", [["quote", "a"], ["pre", "a"]]])),
        ("a longer fence holds a shorter", "````\n```\n````", json!(["```", [["pre", "```"]]])),
        ("nested", "**a *b* c**", json!(["a b c", [["bold", "a b c"], ["italic", "b"]]])),
        ("all at once", "***a***", json!(["a", [["bold", "a"], ["italic", "a"]]])),
        (
            "italic within bold's end",
            "**a *b***",
            json!(["a b", [["bold", "a b"], ["italic", "b"]]]),
        ),
        (
            "crossing is cut",
            "**a ~~b** c~~",
            json!(["a b c", [["bold", "a b"], ["strike", "b"], ["strike", " c"]]]),
        ),
        (
            "bold with a link",
            "**see [this](https://a.example)**",
            json!(["see this", [["bold", "see this"], ["link", "this", "https://a.example"]]]),
        ),
        (
            "an address",
            "see https://a.example/b_c_d.",
            json!(["see https://a.example/b_c_d.", [["url", "https://a.example/b_c_d"]]]),
        ),
        (
            "a bold address",
            "**https://a.example**",
            json!([
                "https://a.example",
                [["url", "https://a.example"], ["bold", "https://a.example"]]
            ]),
        ),
        (
            "a hidden address",
            "||see https://a.example||",
            json!([
                "see https://a.example",
                [["spoiler", "see https://a.example"], ["url", "https://a.example"]]
            ]),
        ),
        (
            "Chinese needs no spaces",
            "这是**重点。**还有_一点_。",
            json!(["这是重点。还有一点。", [["bold", "重点。"], ["italic", "一点"]]]),
        ),
        (
            "from the right",
            "**שלום** *مرحبا*",
            json!(["שלום مرحبا", [["bold", "שלום"], ["italic", "مرحبا"]]]),
        ),
        ("offsets count UTF-16 units", "🫖**🫖**", json!(["🫖🫖", [["bold", "🫖"]]])),
        ("escapes", "\\*a\\* \\[b](c) \\\\ \\a", json!(["*a* [b](c) \\ \\a", []])),
        ("a mention by id", "[@Ann](user:17) hi", json!(["@Ann hi", [["mention", "@Ann", 17]]])),
        ("all", "@all: tea", json!(["@all: tea", [["mention_all", "@all"]]])),
        (
            "mentions by name",
            "@ann and @Quiet Heron, @海豹你好",
            json!([
                "@ann and @Quiet Heron, @海豹你好",
                [["mention", "@ann", 3], ["mention", "@Quiet Heron", 4], ["mention", "@海豹", 5]]
            ]),
        ),
    ];
    for (name, source, expected) in rows {
        let written = parse(source, &mut room).unwrap();
        assert_eq!(shown(&written), expected, "{name}: {source}");
    }
}

#[test]
fn everything_else_is_plain() {
    let rows = [
        "2 * 3 * 4",
        "snake_case_name",
        "__init__",
        "a ~ b ~ c",
        "~approx~",
        "a || b || c",
        "|x|",
        "**",
        "****",
        "** a **",
        "**a",
        "a**",
        "`a",
        "``a`",
        "[a]",
        "[a]()",
        "[](b)",
        "[a](javascript:alert(1))",
        "[a](b.example)",
        "[a](b \"title\")",
        "[@Ann](user:0)",
        "[@Ann](user:x)",
        ">",
        ">:(",
        ">a",
        "a > b",
        "# a",
        "- a\n- b",
        "1. a",
        "<b>a</b>",
        "&amp;",
        "```",
        "```\n```",
        "```\na",
        "ann@example.org",
        "@nobody",
        "@allen",
        "\\",
        "C:\\Users\\ann",
        "| a | b |\n|---|---|",
    ];
    for source in rows {
        let written = parse(source, &mut room).unwrap();
        assert_eq!(shown(&written), json!([source, []]), "{source}");
    }
}

#[test]
fn a_text_without_marks_stays_as_it_is() {
    let written = plain(" **a** https://a.example @ann @all `@ann`\r\n> b ", &mut room).unwrap();
    let text = "**a** https://a.example @ann @all `@ann`\n> b";
    let entities = json!([
        ["url", "https://a.example"],
        ["mention", "@ann", 3],
        ["mention_all", "@all"],
        ["mention", "@ann", 3]
    ]);
    assert_eq!(shown(&written), json!([text, entities]));
}

#[test]
fn plain_words_are_printed_as_they_are() {
    let rows = [
        "just words, 2 * 3, snake_case, a | b, it's [1] (or not)",
        "see https://a.example/b_c. And (https://b.example)!",
        "https://例子.中国/茶，很好",
        "C:\\Users\\ann > b",
    ];
    for source in rows {
        let Written { text, entities } = parse(source, &mut nobody).unwrap();
        assert_eq!(print(text.as_str(), entities.as_slice()), source);
    }
}

#[test]
fn what_is_typed_in_one_way_is_printed_in_that_way() {
    let rows = [
        "**a *b* c** ~~d~~ ||e||",
        "> a\n> \n> b\n\nc",
        "```rust\nlet a = b * c;\n```",
        "[a *b*](https://a.example/(b)) `c` [@Ann](user:17) @all",
        "\\*a\\* \\@ann \\`b\\` https\\://a.example",
    ];
    for source in rows {
        let Written { text, entities } = parse(source, &mut nobody).unwrap();
        assert_eq!(print(text.as_str(), entities.as_slice()), source);
    }
}

#[test]
fn the_names_that_may_be_meant_are_known_before() {
    assert_eq!(names_in("@a b.c"), ["a", "a b", "a b.", "a b.c"]);
    assert_eq!(names_in("`@a` x@b \\@c @all [@d](user:1)"), [""; 0]);
}

#[test]
fn four_thousand_characters_count_after_parsing() {
    let letters = "a".repeat(4000);
    assert!(parse(&format!("**{letters}**"), &mut nobody).is_ok());
    let refused = parse(&format!("{letters}a"), &mut nobody);
    assert!(matches!(refused, Err(Malformed(_))), "{refused:?}");
    assert!(parse("** **\n", &mut nobody).is_ok());
}

#[test]
fn what_markdown_cannot_say_becomes_what_it_can() {
    let entity = |offset, length, kind| Entity { offset, length, kind };
    let pre = || EntityKind::Pre { language: None };
    let link = |url: &str| EntityKind::Link { url: url.to_owned() };
    let rows = [
        (
            "bold with space around it",
            "a b c",
            vec![entity(1, 3, EntityKind::Bold)],
            vec![entity(2, 1, EntityKind::Bold)],
        ),
        (
            "bold in two pieces",
            "ab",
            vec![entity(0, 1, EntityKind::Bold), entity(1, 1, EntityKind::Bold)],
            vec![entity(0, 2, EntityKind::Bold)],
        ),
        (
            "a fence within a line",
            "a b",
            vec![entity(2, 1, pre())],
            vec![entity(2, 1, EntityKind::Code)],
        ),
        (
            "half a line of a quote",
            "a b\nc",
            vec![entity(2, 1, EntityKind::Quote)],
            vec![entity(0, 3, EntityKind::Quote)],
        ),
        ("a link to a script", "a", vec![entity(0, 1, link("javascript:alert(1)"))], vec![]),
        ("an address that is none", "a", vec![entity(0, 1, EntityKind::Url)], vec![]),
        (
            "bold in code",
            "abc",
            vec![entity(0, 3, EntityKind::Code), entity(1, 1, EntityKind::Bold)],
            vec![entity(0, 3, EntityKind::Code)],
        ),
    ];
    for (name, text, given, expected) in rows {
        assert_eq!(settled(text, &given), expected, "{name}");
    }
}
