//! Any bytes, against the laws of the framing.

#![no_main]

#[path = "../../tests/framing/law.rs"]
mod law;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let step = bytes.len() / 16 + 1;
    law::check(bytes, (0..bytes.len()).step_by(step));
});
