//! Any text as Markdown, against its laws. What stands before the first NUL is read as
//! somebody typed it; three bytes each behind it are entities of that text.

#![no_main]

#[path = "../../tests/markdown/law.rs"]
mod law;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let mut parts = bytes.splitn(2, |&byte| byte == 0);
    let typed = String::from_utf8_lossy(parts.next().unwrap_or_default()).into_owned();
    let entities: Vec<_> = parts
        .next()
        .unwrap_or_default()
        .chunks_exact(3)
        .map(|part| (u16::from(part[0]), u16::from(part[1]), law::kind(part[2], "x")))
        .collect();
    law::check_source(&typed);
    law::check_any(&typed, &entities);
});
