//! Any bytes, against the law of pictures.

#![no_main]

#[path = "../../tests/redrawn/law.rs"]
mod law;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    law::check(bytes).expect("the law holds");
});
