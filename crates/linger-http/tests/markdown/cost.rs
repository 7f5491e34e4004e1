//! The cost of parsing: counted looks at characters, which grow with the text and no
//! faster.

use linger_http::markdown::steps;

/// Pieces that make other parsers look again and again, repeated.
const PIECES: [&str; 24] = [
    "*_~|[",
    "*",
    "**",
    "***",
    "_",
    "*_",
    "**_",
    "~~",
    "||",
    "`",
    "`` ` ",
    "[",
    "[](",
    "[a](",
    "](",
    "[a](b](",
    "[a](mailto:",
    "http://@",
    "https://a.example/)",
    "*a_",
    "> ",
    "```\n",
    "\\",
    "@a ",
];

#[test]
fn no_text_takes_more_than_a_few_looks_at_each_character() {
    for piece in PIECES {
        let per_byte = [500, 4_000, 32_000].map(|bytes| {
            let source = piece.repeat(bytes / piece.len());
            steps(&source) as f64 / source.len() as f64
        });
        assert!(per_byte.iter().all(|&steps| steps <= 6.0), "{piece}: {per_byte:?}");
        assert!(per_byte[2] <= per_byte[0] * 1.1 + 0.1, "{piece} grows: {per_byte:?}");
    }
}

#[test]
fn backticks_in_rows_of_every_length_take_no_more() {
    let rows = |count: usize| (1..count).rev().map(|n| "`".repeat(n) + "\n").collect::<String>();
    for count in [30, 90, 250] {
        let source = rows(count);
        assert!(steps(&source) <= 6 * source.len(), "{count}");
    }
}
