//! How many bytes a file has, in words: "218 kB".

/// Units, by thousands.
const UNITS: [&str; 3] = ["kB", "MB", "GB"];

/// Returns a size in English.
pub(super) fn size_in_words(bytes: u64) -> String {
    match bytes {
        1 => "1 byte".to_owned(),
        0..1000 => format!("{bytes} bytes"),
        _ => in_units(bytes),
    }
}

/// Returns a size of a thousand bytes or more: with one digit behind the point where there
/// is one before it, rounded, as `formatSize` in `web/src/i18n/times.ts` does.
pub(super) fn in_units(bytes: u64) -> String {
    let (mut unit, mut place) = (1000, 0);
    while bytes / unit >= 1000 && place + 1 < UNITS.len() {
        unit *= 1000;
        place += 1;
    }
    let tenths = (u128::from(bytes) * 10 + u128::from(unit) / 2) / u128::from(unit);
    let amount = match bytes / unit < 10 && !tenths.is_multiple_of(10) {
        true => format!("{}.{}", tenths / 10, tenths % 10),
        false => grouped((u128::from(bytes) + u128::from(unit) / 2) / u128::from(unit)),
    };
    format!("{amount} {}", UNITS[place])
}

/// Writes a number with a comma before each three digits, as both languages do.
pub(super) fn grouped(number: u128) -> String {
    match number {
        0..1000 => number.to_string(),
        _ => format!("{},{:03}", grouped(number / 1000), number % 1000),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_size_is_told_as_the_page_tells_it() {
        // `Intl.NumberFormat` makes the same of these in both languages.
        let rows = [
            (1000, "1 kB"),
            (1049, "1 kB"),
            (1050, "1.1 kB"),
            (9949, "9.9 kB"),
            (9950, "10 kB"),
            (9999, "10 kB"),
            (10_499, "10 kB"),
            (218_000, "218 kB"),
            (999_999, "1,000 kB"),
            (1_000_000, "1 MB"),
            (2_300_000_000, "2.3 GB"),
            (1_234_000_000_000, "1,234 GB"),
        ];
        for (bytes, expected) in rows {
            assert_eq!((in_units(bytes), size_in_words(bytes)), (expected.into(), expected.into()));
        }
        assert_eq!([0, 1, 312].map(size_in_words), ["0 bytes", "1 byte", "312 bytes"]);
    }
}
