//! Formatting and emoji, as edges parse them.

use crate::{Emoji, Entities, Entity, EntityKind};

fn bold(offset: u32, length: u32) -> Entity {
    Entity { offset, length, kind: EntityKind::Bold }
}

#[test]
fn entities_are_in_order_nested_or_apart_and_made_of_whole_characters() {
    // The emoji is two units: 0 a, 1-2 the tea, 3 b, 4 c.
    let text = "a🍵bc";
    let rows: [(&str, Vec<Entity>, bool); 14] = [
        ("none", vec![], true),
        ("one", vec![bold(0, 1)], true),
        ("all", vec![bold(0, 5)], true),
        ("apart", vec![bold(0, 1), bold(1, 2)], true),
        ("nested", vec![bold(0, 5), bold(1, 2), bold(3, 1)], true),
        ("the same place twice", vec![bold(1, 2), bold(1, 2)], true),
        ("crossing", vec![bold(0, 3), bold(1, 3)], false),
        ("out of order", vec![bold(3, 1), bold(0, 1)], false),
        ("the shorter one first", vec![bold(0, 1), bold(0, 3)], false),
        ("empty", vec![bold(0, 0)], false),
        ("beyond the end", vec![bold(3, 3)], false),
        ("far beyond the end", vec![bold(u32::MAX, 2)], false),
        ("half of a character, at its end", vec![bold(0, 2)], false),
        ("half of a character, at its beginning", vec![bold(2, 2)], false),
    ];
    for (case, entities, is_right) in rows {
        assert_eq!(Entities::of(text, entities).is_ok(), is_right, "{case}");
    }
    let many = |count: usize| (0..count).map(|_| bold(0, 1)).collect::<Vec<_>>();
    assert!(Entities::of(text, many(Entities::MAX)).is_ok());
    assert!(Entities::of(text, many(Entities::MAX + 1)).is_err());
}

#[test]
fn an_entity_has_the_fields_of_its_type_and_no_others() {
    let rows = [
        (r#"{"type":"bold","offset":0,"length":1}"#, true),
        (r#"{"type":"pre","offset":0,"length":1}"#, true),
        (r#"{"type":"pre","offset":0,"length":1,"language":"rust"}"#, true),
        (r#"{"type":"link","offset":0,"length":1,"url":"https://a.example"}"#, true),
        (r#"{"type":"mention","offset":0,"length":1,"user":7}"#, true),
        (r#"{"type":"mention_all","offset":0,"length":1}"#, true),
        (r#"{"type":"link","offset":0,"length":1}"#, false),
        (r#"{"type":"bold","offset":0,"length":1,"url":"https://a.example"}"#, false),
        (r#"{"type":"bold","offset":0,"length":1,"colour":"red"}"#, false),
        (r#"{"type":"blink","offset":0,"length":1}"#, false),
        (r#"{"type":"bold","offset":-1,"length":1}"#, false),
    ];
    for (json, is_right) in rows {
        let read = serde_json::from_str::<Entity>(json);
        assert_eq!(read.is_ok(), is_right, "{json}: {read:?}");
        if let Ok(entity) = read {
            assert_eq!(serde_json::to_string(&entity).unwrap(), json);
        }
    }
}

#[test]
fn an_emoji_is_one_and_has_one_written_form() {
    let rows = [
        ("👍", Some("👍")),
        ("👍\u{fe0f}", Some("👍")),
        ("❤", Some("❤\u{fe0f}")),
        ("❤\u{fe0f}", Some("❤\u{fe0f}")),
        ("👍🏽", Some("👍🏽")),
        ("👩\u{200d}👩\u{200d}👧", Some("👩\u{200d}👩\u{200d}👧")),
        ("🇦🇹", Some("🇦🇹")),
        ("1\u{fe0f}\u{20e3}", Some("1\u{fe0f}\u{20e3}")),
        ("1\u{20e3}", Some("1\u{fe0f}\u{20e3}")),
        (
            "🏴\u{e0067}\u{e0062}\u{e0073}\u{e0063}\u{e0074}\u{e007f}",
            Some("🏴\u{e0067}\u{e0062}\u{e0073}\u{e0063}\u{e0074}\u{e007f}"),
        ),
        ("", None),
        ("1", None),
        ("a", None),
        ("茶", None),
        ("👍👍", None),
        ("👍 ", None),
        ("🇦", None),
        ("👍\u{200d}", None),
        ("\u{200d}👍", None),
        ("\u{fe0f}", None),
        ("🏴\u{e0067}", None),
    ];
    for (given, written) in rows {
        let parsed = Emoji::parse(given).ok();
        assert_eq!(parsed.as_ref().map(Emoji::as_str), written, "{given:?}");
        if let Some(emoji) = parsed {
            assert_eq!(Emoji::parse(emoji.as_str()).as_ref(), Ok(&emoji), "{given:?}");
        }
    }
    assert!(Emoji::parse(&"👩\u{200d}".repeat(4000)).is_err());
}
