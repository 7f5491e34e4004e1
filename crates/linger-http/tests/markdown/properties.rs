//! Laws over all inputs.

use linger_core::EntityKind;
use proptest::{prelude::*, test_runner::RngSeed};

use crate::law::{check_any, check_source, kind};

/// Pieces that mean something, or could.
const PIECES: [&str; 40] = [
    "a",
    "b c",
    " ",
    "\n",
    "\n\n",
    "\t",
    "*",
    "**",
    "***",
    "****",
    "_",
    "~",
    "~~",
    "~~~",
    "|",
    "||",
    "|||",
    "`",
    "``",
    "```",
    "````",
    "\\",
    "[",
    "]",
    "(",
    ")",
    "](",
    "> ",
    ">",
    "@",
    "@all",
    "@Ann b",
    "https://a.example/x",
    "http://",
    "mailto:a@b.c",
    "](https://b.example)",
    "](user:7)",
    "```rust\n",
    "茶。",
    "🫖\u{301}",
];

/// The ends of addresses and the names of languages, fit and unfit.
const WORDS: [&str; 12] =
    ["", "rust", "c++", "a b", "(b", "b)", "](c", "(b)", "\\", "x*", "_", "https://b.example"];

/// Takes a seed and a number of cases from the environment, or its own.
fn config() -> ProptestConfig {
    let mut config = ProptestConfig { failure_persistence: None, ..ProptestConfig::default() };
    if config.rng_seed == RngSeed::Random {
        config.rng_seed = RngSeed::Fixed(10);
    }
    if config.cases == 256 {
        config.cases = 2000;
    }
    config
}

fn hostile() -> impl Strategy<Value = String> {
    let piece =
        prop_oneof![9 => (0..PIECES.len()).prop_map(|at| PIECES[at].to_owned()), 1 => "\\PC{1,3}"];
    prop::collection::vec(piece, 0..14).prop_map(|pieces| pieces.concat())
}

fn any_kind() -> impl Strategy<Value = EntityKind> {
    let words =
        prop_oneof![4 => (0..WORDS.len()).prop_map(|at| WORDS[at].to_owned()), 1 => "\\PC{1,2}"];
    (0..11u8, words).prop_map(|(number, word)| kind(number, &word))
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn a_message_that_is_printed_and_read_again_is_the_same(
        text in hostile(),
        parts in prop::collection::vec((0..60u16, 0..60u16, any_kind()), 0..7),
    ) {
        check_any(&text, &parts);
    }

    #[test]
    fn what_was_typed_is_printed_in_a_way_that_says_the_same(source in hostile()) {
        check_source(&source);
    }
}
