//! Dates as HTTP writes them, in the place of the crate `httpdate` (docs/decisions/0018).
//!
//! hyper makes a date for each second in which it serves, and cannot be told not to;
//! the crate that it uses panics when the machine's clock is before 1970 or after
//! 9999. Here such a clock is taken for the nearest end of these years. Only what
//! hyper and linger-serve call is here.

use std::{
    fmt,
    time::{SystemTime, UNIX_EPOCH},
};

use jiff::fmt::rfc2822;

/// Since 1970, the last second that is in the year 9999 in every time zone.
const LAST_S: i64 = 253_402_207_200;

/// A time, printed as RFC 9110, section 5.6.7: `Sun, 06 Nov 1994 08:49:37 GMT`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HttpDate(i64);

impl From<SystemTime> for HttpDate {
    fn from(time: SystemTime) -> HttpDate {
        let since = time.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
        HttpDate(i64::try_from(since).map_or(LAST_S, |since| since.min(LAST_S)))
    }
}

impl fmt::Display for HttpDate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let time = jiff::Timestamp::from_second(self.0).map_err(|_| fmt::Error)?;
        let printed = rfc2822::DateTimePrinter::new().timestamp_to_rfc9110_string(&time);
        f.write_str(&printed.map_err(|_| fmt::Error)?)
    }
}

/// Returns a time as HTTP writes it.
pub fn fmt_http_date(time: SystemTime) -> String {
    HttpDate::from(time).to_string()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_time_is_printed_as_http_writes_it_whatever_the_clock_says() {
        let after = |seconds: u64| UNIX_EPOCH + Duration::from_secs(seconds);
        let rows = [
            ("the example of the standard", after(784_111_777), "Sun, 06 Nov 1994 08:49:37 GMT"),
            ("1970", UNIX_EPOCH, "Thu, 01 Jan 1970 00:00:00 GMT"),
            (
                "1960",
                UNIX_EPOCH - Duration::from_secs(315_619_200),
                "Thu, 01 Jan 1970 00:00:00 GMT",
            ),
            ("9999", after(253_402_207_200), "Thu, 30 Dec 9999 22:00:00 GMT"),
            ("12000", after(316_516_000_000), "Thu, 30 Dec 9999 22:00:00 GMT"),
        ];
        for (row, time, expected) in rows {
            assert_eq!(fmt_http_date(time), expected, "{row}");
        }
    }
}
