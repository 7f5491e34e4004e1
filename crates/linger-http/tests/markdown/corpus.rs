//! The kept corpus of the fuzzer, as it is and mutated.

use std::{fs, path::Path};

use crate::law::check_source;

/// Pieces that are put into the corpus at every place.
const PIECES: [&str; 14] =
    ["*", "**", "_", "~~", "||", "`", "```\n", "[", "](https://a.b)", "\\", "\n", "> ", "@", " "];

#[test]
fn the_laws_hold_for_the_kept_corpus_and_near_it() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus/markdown");
    let files = fs::read_dir(&folder).unwrap_or_else(|error| panic!("{folder:?}: {error}"));
    let mut tried = 0;
    for file in files {
        let bytes = fs::read(file.unwrap().path()).unwrap();
        let typed = bytes.split(|&byte| byte == 0).next().unwrap_or_default();
        let typed = String::from_utf8_lossy(typed);
        check_source(&typed);
        for (at, _) in typed.char_indices() {
            for piece in PIECES {
                check_source(&format!("{}{piece}{}", &typed[..at], &typed[at..]));
                tried += 1;
            }
            // And without what stands from here on.
            check_source(&typed[..at]);
        }
    }
    assert!(tried > 1000, "the corpus is in {folder:?}");
}
