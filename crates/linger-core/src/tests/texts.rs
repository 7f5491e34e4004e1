//! Texts from people and programs are parsed once: a text that passes is in its
//! bounds and passes again unchanged; a text that does not pass never panics.
//!
//! Bounds count characters, not bytes: the tables have characters of one byte
//! and of four. Cursors, log ids and token hashes have one written form only.

use proptest::prelude::*;

use super::properties::laws;
use crate::{
    Cursor, Epoch, ExternalId, LogId, Malformed, MessageText, Position, RequestId, RoomName,
    SenderTime, Slug, Timestamp, TokenHash, Topic, UserName,
};

/// A parser: its name, its bounds, its function, and whether it trims.
struct Parser {
    name: &'static str,
    min: usize,
    max: usize,
    parse: fn(&str) -> Result<String, Malformed>,
    trims: bool,
}

macro_rules! parser {
    ($type:ident, $min:literal to $max:literal, trims: $trims:literal) => {
        Parser {
            name: stringify!($type),
            min: $min,
            max: $max,
            parse: |given| $type::parse(given).map(|text| text.as_str().to_owned()),
            trims: $trims,
        }
    };
}

const PARSERS: [Parser; 8] = [
    parser!(UserName, 1 to 40, trims: true),
    parser!(RoomName, 1 to 80, trims: true),
    parser!(Topic, 0 to 250, trims: true),
    parser!(MessageText, 1 to 4000, trims: true),
    parser!(SenderTime, 0 to 64, trims: true),
    parser!(Slug, 1 to 64, trims: false),
    parser!(RequestId, 1 to 64, trims: false),
    parser!(ExternalId, 1 to 64, trims: false),
];

#[test]
fn lengths_are_counted_in_characters_after_trimming() {
    for Parser { name, min, max, parse, trims } in PARSERS {
        // U+20BB7 is a letter of four bytes; ids are ASCII and have none.
        let letters =
            if matches!(name, "RequestId" | "ExternalId") { ["a", "0"] } else { ["a", "𠮷"] };
        for letter in letters {
            let rows = [
                ("too short", min.wrapping_sub(1), false),
                ("shortest", min, true),
                ("longest", max, true),
                ("too long", max + 1, false),
                ("far too long", max * 5, false),
            ];
            for (row, length, passes) in rows {
                if length == usize::MAX {
                    continue;
                }
                let text = letter.repeat(length);
                let expected = passes.then(|| text.clone());
                assert_eq!(parse(&text).ok(), expected, "{name}: {row}");
                let padded = format!(" \u{3000}{text}\t ");
                let expected = expected.filter(|_| trims);
                assert_eq!(parse(&padded).ok(), expected, "{name}: {row}, padded");
            }
        }
    }
}

#[test]
fn each_text_takes_what_it_should_and_nothing_else() {
    type Row = (&'static str, &'static str, &'static [&'static str]);
    let passes: [Row; 8] = [
        (
            "UserName",
            "names of people",
            &["ann", "小明", "Ann B.", "👩‍👩‍👧", "مر\u{200c}حبا", "हिन्दी", "\u{600}"],
        ),
        ("RoomName", "names of rooms", &["Tea & cake", "茶室"]),
        ("Topic", "topics", &["", "what we drink"]),
        ("MessageText", "texts", &["one\ntwo\r\n\tthree", "你好", "🍵", "a\u{2028}b", "."]),
        ("SenderTime", "times", &["", "12:00", "2026-01-01T00:00:00Z"]),
        (
            "Slug",
            "slugs",
            &[
                "tea",
                "tea-2",
                "茶室",
                "straße",
                "-",
                "кухня",
                "غرفة",
                "हिन्दी",
                "தமிழ்",
                "ไทย",
                "방",
                "ខ្មែរ",
                "עִברִית",
            ],
        ),
        ("RequestId", "request ids", &["r1", "A.b_c-9", "..."]),
        ("ExternalId", "external ids", &["@ann:example.org", "{}", "~"]),
    ];
    let fails: [Row; 8] = [
        (
            "UserName",
            "two lines, control characters, and nothing to see",
            &[
                "a\nb",
                "a\rb",
                "a\0b",
                "a\u{85}b",
                "\n",
                "a\u{2028}b",
                "a\u{202e}b",
                "\u{200b}\u{feff}",
                "\u{2800}",
                "\u{fe0f}",
                "\u{3164}",
                "\u{115f}\u{1160}",
                "\u{ffa0}",
                "\u{ad}",
                "\u{34f}",
                "\u{2800} \u{3000}\u{2800}",
                "\u{e0041}",
                "\u{301}",
                "\u{20dd}",
                "\u{1d173}",
            ],
        ),
        (
            "RoomName",
            "two lines, and nothing to see",
            &["a\nb", "\u{2800}", "\u{fe0f}", "\u{200d}"],
        ),
        ("Topic", "two lines", &["a\nb"]),
        (
            "MessageText",
            "nothing to see",
            &[
                " \n ",
                "\0",
                "\u{b}\u{c}",
                "\u{200b}",
                "\u{2800}",
                "\u{fe0f}",
                "\u{3164}\n\u{115f}",
                "\u{feff}",
                "\u{2060}",
                "\u{301}",
                "\u{202e}",
                "\u{e0020}",
            ],
        ),
        ("SenderTime", "two lines", &["12:00\n13:00"]),
        (
            "Slug",
            "capitals, spaces, signs",
            &[
                "Tea",
                "ǅ",
                "Ⅷ",
                "Кухня",
                "a b",
                "a/b",
                "a.b",
                "a_b",
                "#tea",
                " tea",
                "\u{301}",
                "a-\u{301}",
                "a\u{20dd}",
                "\u{200b}",
                "\u{2800}",
                "🍵",
            ],
        ),
        ("RequestId", "other signs", &["a b", "a/b", "é", "r1\n"]),
        ("ExternalId", "spaces and other scripts", &["a b", "é", "a\n"]),
    ];
    for (rows, expected) in [(passes, true), (fails, false)] {
        for (name, row, texts) in rows {
            let parser = PARSERS.iter().find(|parser| parser.name == name).unwrap();
            for text in texts {
                assert_eq!((parser.parse)(text).is_ok(), expected, "{name}: {row}: {text:?}");
            }
        }
    }
}

#[test]
fn what_looks_the_same_is_the_same_room_and_the_same_name() {
    let cafe = "cafe\u{301}";
    let rows: [(&str, &str, &str); 22] = [
        ("Slug", "방", "방"),
        ("Slug", "\u{1107}\u{1161}\u{11bc}", "방"),
        ("Slug", cafe, "café"),
        ("Slug", "te\u{200b}a", "tea"),
        ("Slug", "tea\u{fe0f}", "tea"),
        ("Slug", "می\u{200c}خواهم", "میخواهم"),
        ("UserName", cafe, "café"),
        ("UserName", "a\u{200d}nn", "ann"),
        ("UserName", "an\u{200b}n\u{feff}", "ann"),
        ("UserName", "\u{200e}ann\u{ad}\u{2060}", "ann"),
        ("UserName", "ann\u{fe0f}", "ann"),
        ("UserName", "a\u{34f}\u{3164}nn", "ann"),
        ("UserName", "\u{200b} ann", "ann"),
        ("UserName", "a\u{200b}\u{301}nn", "ánn"),
        ("UserName", "小明\u{e0100}", "小明"),
        // A joiner stays where it changes the letters; a second one does not.
        ("UserName", "क्\u{200d}\u{200d}ष", "क्\u{200d}ष"),
        ("UserName", "ර\u{200d}්ය", "ර\u{200d}්ය"),
        ("UserName", "مر\u{200c}حبا", "مر\u{200c}حبا"),
        ("UserName", "❤\u{fe0f}\u{200d}🔥", "❤\u{fe0f}\u{200d}🔥"),
        ("UserName", "1\u{fe0f}\u{20e3}", "1\u{fe0f}\u{20e3}"),
        ("UserName", "🏴\u{e0067}\u{e0062}\u{e007f}", "🏴\u{e0067}\u{e0062}\u{e007f}"),
        ("RoomName", "T\u{200b}ea", "Tea"),
    ];
    for (name, given, expected) in rows {
        let parser = PARSERS.iter().find(|parser| parser.name == name).unwrap();
        assert_eq!((parser.parse)(given).as_deref(), Ok(expected), "{name}: {given:?}");
    }
}

#[test]
fn line_breaks_of_all_kinds_become_line_breaks_and_other_controls_go() {
    let rows = [
        ("a\rb", "a\nb"),
        ("a\r\nb", "a\nb"),
        ("a\r\rb", "a\n\nb"),
        ("a\n\rb", "a\n\nb"),
        ("a\u{b}b", "a\nb"),
        ("a\u{c}b", "a\nb"),
        ("a\u{85}b", "a\nb"),
        ("a\u{2028}b\u{2029}c", "a\nb\nc"),
        ("a\tb", "a\tb"),
        ("a\0b", "ab"),
        ("a\u{1b}[31mb", "a[31mb"),
        ("a\u{7f}b\u{9b}", "ab"),
        ("\u{7} hello \u{b}", "hello"),
        // Messages stay as people wrote them.
        ("cafe\u{301} 👩\u{200d}👧 a\u{200b}b", "cafe\u{301} 👩\u{200d}👧 a\u{200b}b"),
    ];
    for (given, expected) in rows {
        assert_eq!(MessageText::parse(given).unwrap().as_str(), expected, "{given:?}");
    }
}

#[test]
fn a_malformed_text_is_told_what_to_do() {
    let told = |parse: Result<String, Malformed>| parse.unwrap_err().to_string();
    let [name, .., slug, _, _] = PARSERS;
    assert_eq!(told((name.parse)("")), "a name has 1 to 40 characters; this has 0");
    assert_eq!(told((name.parse)(&"a".repeat(41))), "a name has 1 to 40 characters; this has 41");
    assert_eq!(
        told((name.parse)(&"a".repeat(999))),
        "a name has 1 to 40 characters; this has more than 40"
    );
    assert_eq!(told((name.parse)("a\0b")), "a name is one line of plain characters; remove U+0000");
    assert_eq!(
        told((slug.parse)("Tea")),
        "a room's slug has lower-case letters, digits and '-' only; replace 'T'"
    );
}

#[test]
fn every_clock_has_a_time_that_is_printed() {
    let rows = [
        (0, "1970-01-01T00:00:00.000Z"),
        (-315_619_200_000, "1960-01-01T00:00:00.000Z"),
        (316_516_000_000_000, "9999-12-30T22:00:00.000Z"),
        (i64::MAX, "9999-12-30T22:00:00.000Z"),
        (i64::MIN, "0000-01-01T00:00:00.000Z"),
    ];
    for (ms, printed) in rows {
        assert_eq!(Timestamp::from_ms(ms).to_string(), printed);
    }
}

#[test]
fn a_cursor_has_one_written_form() {
    let (log, epoch) = ("abcdefg234".parse().unwrap(), "hijklmn5".parse().unwrap());
    let cursor = Cursor { log, epoch: Some(epoch), position: Position::new(7) };
    assert_eq!(cursor.to_string(), "abcdefg234-hijklmn5-7");
    assert_eq!("abcdefg234-hijklmn5-7".parse(), Ok(cursor));
    // The form from before there were epochs.
    let cursor = Cursor { epoch: None, ..cursor };
    assert_eq!("abcdefg234-7".parse(), Ok(cursor));
    let largest = format!("abcdefg234-{}", Position::MAX);
    assert_eq!(largest.parse::<Cursor>().unwrap().position, Position::MAX);
    let rows = [
        ("nothing", ""),
        ("a word of the API", "latest"),
        ("no position", "abcdefg234"),
        ("an empty position", "abcdefg234-"),
        ("a leading zero", "abcdefg234-07"),
        ("a plus", "abcdefg234-+7"),
        ("a minus", "abcdefg234--7"),
        ("a space", "abcdefg234-7 "),
        ("another script's digit", "abcdefg234-٧"),
        ("a log id that is too short", "abcdefg23-7"),
        ("a log id that is too long", "abcdefg2345-7"),
        ("a capital", "Abcdefg234-7"),
        ("a digit outside of the alphabet", "abcdefg231-7"),
        ("beyond 2^53", "abcdefg234-9007199254740992"),
        ("beyond 2^64", "abcdefg234-18446744073709551616"),
    ];
    for (row, text) in rows {
        assert!(text.parse::<Cursor>().is_err(), "{row}: {text:?}");
    }
}

#[test]
fn a_token_hash_is_64_hex_digits() {
    let hash = TokenHash::of("secret");
    let hex = "2bb80d537b1da3e38bd30361aa855686bde0eacd7162fef6a25fe97bf527a25b";
    assert_eq!(serde_json::to_string(&hash).unwrap(), format!("\"{hex}\""));
    let read = |hex: &str| serde_json::from_str::<TokenHash>(&format!("\"{hex}\"")).ok();
    assert_eq!(read(hex), Some(hash));
    let rows = [
        ("too short", hex[1..].to_owned()),
        ("too long", format!("{hex}00")),
        ("a sign", format!("+{}", &hex[1..])),
        ("no digit", format!("g{}", &hex[1..])),
        ("characters of two bytes", "é".repeat(32)),
    ];
    for (row, text) in rows {
        assert_eq!(read(&text), None, "{row}");
    }
}

#[test]
fn a_time_is_printed_with_milliseconds() {
    let rows = [
        ("1970", 0, "1970-01-01T00:00:00.000Z"),
        ("whole seconds", 1_767_225_600_000, "2026-01-01T00:00:00.000Z"),
        ("milliseconds", 1_767_225_600_007, "2026-01-01T00:00:00.007Z"),
        ("before 1970", -1, "1969-12-31T23:59:59.999Z"),
    ];
    for (row, ms, text) in rows {
        assert_eq!(Timestamp::from_ms(ms).to_string(), text, "{row}");
        let read: Timestamp = serde_json::from_str(&format!("\"{text}\"")).unwrap();
        assert_eq!(read, Timestamp::from_ms(ms), "{row}");
    }
}

proptest! {
    #![proptest_config(laws(2000))]

    #[test]
    fn what_passes_is_in_bounds_and_passes_again_unchanged(given in odd_text()) {
        for Parser { name, min, max, parse, trims } in PARSERS {
            let Ok(text) = parse(&given) else { continue };
            // Characters with one written form are kept as they are.
            if given.chars().all(|c| c == ' ' || c.is_ascii_graphic() || "Aaǅ茶𠮷".contains(c)) {
                let expected = if trims { given.trim() } else { given.as_str() };
                prop_assert_eq!(&text, expected, "{}", name);
            }
            prop_assert!((min..=max).contains(&text.chars().count()), "{}", name);
            prop_assert_eq!(parse(&text), Ok(text), "{}", name);
        }
    }

    #[test]
    fn two_slugs_never_differ_in_case_only(given in "[-\\p{L}\\p{N}]{1,3}") {
        if let Ok(slug) = Slug::parse(&given) {
            prop_assert_eq!(slug.as_str(), slug.as_str().to_lowercase());
        }
    }

    #[test]
    fn what_reads_as_a_cursor_prints_as_it_was(text in "[a-z2-7]{10}-[0-9+ ]{1,17}|\\PC{0,30}") {
        if let Ok(cursor) = text.parse::<Cursor>() {
            prop_assert_eq!(cursor.to_string(), text);
        }
    }

    #[test]
    fn a_printed_cursor_reads_as_it_was(bits: u64, position in 0..=Position::MAX.get()) {
        let epoch = bits.is_multiple_of(2).then(|| Epoch::from_random(bits));
        let cursor = Cursor { log: LogId::from_random(bits), epoch, position: Position::new(position) };
        prop_assert_eq!(cursor.to_string().parse(), Ok(cursor));
    }

    #[test]
    fn log_ids_keep_fifty_random_bits(bits: u64, flipped in 0..u64::BITS) {
        let (one, other) = (LogId::from_random(bits), LogId::from_random(bits ^ (1 << flipped)));
        prop_assert_eq!(one != other, flipped < 50);
        prop_assert_eq!(one.as_str().parse(), Ok(one));
    }
}

/// Texts of any characters, with those that make trouble among them.
fn odd_text() -> impl Strategy<Value = String> {
    let odd = " \t\n\r\0\u{7f}\u{85}\u{a0}\u{200b}\u{2028}\u{3000}\u{feff}-._~/#Aaǅ茶𠮷👩🍵\
        \u{301}\u{327}\u{1107}\u{1161}\u{11bc}क\u{94d}\u{93c}م\u{653}ا\u{200c}\u{200d}\u{fe0f}❤🏴\u{e0067}\
        \u{180b}\u{1820}1\u{20e3}\u{2800}\u{3164}";
    let odd: Vec<char> = odd.chars().collect();
    let character = prop_oneof![
        4 => prop::char::range('a', 'z'),
        2 => prop::sample::select(odd),
        1 => any::<char>(),
    ];
    let lengths = prop_oneof![8 => 0_usize..12, 2 => 35_usize..90, 1 => 245_usize..260];
    lengths
        .prop_flat_map(move |length| prop::collection::vec(character.clone(), length))
        .prop_map(|characters| characters.into_iter().collect())
}
