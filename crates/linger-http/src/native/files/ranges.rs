//! Ranges of bytes, and whether the reader has them already.
//!
//! One range at a time: several in one answer are allowed to be answered whole, and nobody asks
//! for them. Source: RFC 9110, sections 13.1 and 14.

use linger_serve::Fields;

/// The part of a file that is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Asked {
    /// The reader has it.
    Unchanged,
    /// All of it.
    Whole,
    /// From the first byte up to the second, which is not in it.
    Range(u64, u64),
    /// A range that is not there.
    Beyond,
}

/// Reads the part that is asked for, of so many bytes under this tag.
pub(super) fn asked(fields: &impl Fields, tag: &str, length: u64) -> Asked {
    let is_ours = |given: &str| given.trim().trim_start_matches("W/") == tag;
    let has_it = fields
        .texts("if-none-match")
        .any(|given| given.split(',').any(|given| is_ours(given) || given.trim() == "*"));
    if has_it {
        return Asked::Unchanged;
    }
    // A date, or a weak tag, proves nothing.
    if fields.has("if-range") && fields.text("if-range").map(str::trim) != Some(tag) {
        return Asked::Whole;
    }
    fields.text("range").map_or(Asked::Whole, |range| parsed(range, length))
}

/// Reads a range. One that has no meaning is passed over, as the RFC says.
fn parsed(range: &str, length: u64) -> Asked {
    let Some((unit, range)) = range.split_once('=') else { return Asked::Whole };
    let Some((first, last)) = range.trim().split_once('-') else { return Asked::Whole };
    if !unit.trim().eq_ignore_ascii_case("bytes") || range.contains(',') {
        return Asked::Whole;
    }
    let number = |text: &str| -> Option<u64> {
        let is_number = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        // A number that is too large for us is beyond every end.
        is_number.then(|| text.parse().unwrap_or(u64::MAX))
    };
    let (begin, end) = match (first.trim(), last.trim()) {
        ("", last) => match number(last) {
            Some(count) => (length - count.min(length), length),
            None => return Asked::Whole,
        },
        (first, "") => match number(first) {
            Some(first) => (first, length),
            None => return Asked::Whole,
        },
        (first, last) => match (number(first), number(last)) {
            (Some(first), Some(last)) if first <= last => {
                (first, last.saturating_add(1).min(length))
            }
            _ => return Asked::Whole,
        },
    };
    if begin < end { Asked::Range(begin, end) } else { Asked::Beyond }
}

#[cfg(test)]
mod tests {
    use axum::http::{HeaderMap, HeaderName};

    use super::*;

    #[test]
    fn a_range_is_what_the_rfc_says() {
        use Asked::{Beyond, Range, Whole};
        let rows = [
            ("bytes=0-", Range(0, 100)),
            ("bytes=0-0", Range(0, 1)),
            ("bytes=10-19", Range(10, 20)),
            ("Bytes = 10-19", Range(10, 20)),
            ("bytes=90-200", Range(90, 100)),
            ("bytes=-10", Range(90, 100)),
            ("bytes=-200", Range(0, 100)),
            ("bytes=99-", Range(99, 100)),
            ("bytes=100-", Beyond),
            ("bytes=-0", Beyond),
            ("bytes=99999999999999999999-", Beyond),
            ("bytes=0-99999999999999999999", Range(0, 100)),
            ("bytes=20-10", Whole),
            ("bytes=-", Whole),
            ("bytes=a-b", Whole),
            ("bytes=+1-2", Whole),
            ("bytes=0-1,5-6", Whole),
            ("lines=0-1", Whole),
            ("bytes", Whole),
        ];
        for (range, expected) in rows {
            assert_eq!(parsed(range, 100), expected, "{range}");
        }
        assert_eq!(parsed("bytes=0-", 0), Beyond);
        assert_eq!(parsed("bytes=-5", 0), Beyond);
    }

    #[test]
    fn conditions_come_before_ranges() {
        type Row<'r> = (&'r str, &'r [(&'r str, &'r str)], Asked);
        let tag = "\"abc\"";
        let range = ("range", "bytes=0-1");
        let rows: [Row<'_>; 9] = [
            ("nothing", &[], Asked::Whole),
            ("a range", &[range], Asked::Range(0, 2)),
            ("has it", &[("if-none-match", tag), range], Asked::Unchanged),
            ("has it, in a list", &[("if-none-match", "\"x\", W/\"abc\"")], Asked::Unchanged),
            ("has any", &[("if-none-match", "*")], Asked::Unchanged),
            ("has another", &[("if-none-match", "\"x\""), range], Asked::Range(0, 2)),
            ("the same still", &[("if-range", tag), range], Asked::Range(0, 2)),
            ("another now", &[("if-range", "\"x\""), range], Asked::Whole),
            ("a weak tag", &[("if-range", "W/\"abc\""), range], Asked::Whole),
        ];
        for (case, fields, expected) in rows {
            let mut headers = HeaderMap::new();
            for (name, value) in fields {
                let name = HeaderName::from_bytes(name.as_bytes()).unwrap();
                headers.append(name, value.parse().unwrap());
            }
            assert_eq!(asked(&headers, tag, 100), expected, "{case}");
        }
    }
}
