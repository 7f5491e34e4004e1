//! The time zone of a reader: UTC, or the one that `?tz=` names.
//!
//! The zones come with the program, so they are the same on every machine, and to
//! look one up reads no file: a handler may do it.

use std::{
    hash::{Hash, Hasher},
    sync::LazyLock,
};

use jiff::{
    civil::DateTime,
    tz::{TimeZone, TimeZoneDatabase},
};
use linger_core::Timestamp;
use linger_serve::Failure;

static ZONES: LazyLock<TimeZoneDatabase> = LazyLock::new(TimeZoneDatabase::bundled);

/// A time zone.
#[derive(Debug, Clone)]
pub(super) struct Zone(TimeZone);

impl Zone {
    /// The zone of those who name none.
    pub(super) const UTC: Zone = Zone(TimeZone::UTC);

    /// Returns the zone of this name. Errors: 400 if there is none.
    pub(super) fn named(name: &str) -> Result<Zone, Failure> {
        if name.eq_ignore_ascii_case("utc") {
            return Ok(Zone::UTC);
        }
        ZONES.get(name).map(Zone).map_err(|_| {
            Failure::malformed(format!(
                "'tz' is a time zone like Europe/Vienna or Asia/Shanghai, not {name:?}"
            ))
        })
    }

    /// Returns its name; none for UTC.
    pub(super) fn name(&self) -> Option<&str> {
        self.0.iana_name().filter(|name| *name != "UTC")
    }

    /// Returns the time of a day, as `HH:MM`.
    pub(super) fn hour_and_minute(&self, at: Timestamp) -> String {
        let time = self.local(at).time();
        format!("{:02}:{:02}", time.hour(), time.minute())
    }

    /// Returns the day: its year, month and day, and its weekday from Monday, 0, on.
    pub(super) fn day(&self, at: Timestamp) -> ((i16, i8, i8), usize) {
        let date = self.local(at).date();
        let weekday = date.weekday().to_monday_zero_offset();
        let weekday = usize::try_from(weekday).expect("it is 0 to 6");
        ((date.year(), date.month(), date.day()), weekday)
    }

    fn local(&self, at: Timestamp) -> DateTime {
        let at = jiff::Timestamp::from_millisecond(at.as_ms()).expect("checked when it was made");
        self.0.to_datetime(at)
    }
}

impl PartialEq for Zone {
    fn eq(&self, other: &Zone) -> bool {
        self.name() == other.name()
    }
}

impl Eq for Zone {}

impl Hash for Zone {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.name().hash(state);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_told_in_the_zone_that_the_reader_names() {
        // 2026-07-21T10:00:00Z
        let at = Timestamp::from_ms(1_784_628_000_000);
        for (zone, expected) in [
            ("UTC", "10:00"),
            ("utc", "10:00"),
            ("Europe/Vienna", "12:00"),
            ("europe/vienna", "12:00"),
            ("Asia/Kolkata", "15:30"),
            ("America/New_York", "06:00"),
        ] {
            assert_eq!(Zone::named(zone).unwrap().hour_and_minute(at), expected, "{zone}");
        }
    }

    #[test]
    fn a_zone_that_there_is_not_is_malformed() {
        for name in ["", "Vienna", "Europe/../Vienna", "+02:00", "Europe/Vienna\u{1b}[2J"] {
            let failure = Zone::named(name).unwrap_err();
            assert_eq!(failure.status, 400, "{name:?}");
            assert!(!failure.detail.contains('\u{1b}'), "{}", failure.detail);
        }
    }

    #[test]
    fn the_first_and_the_last_time_have_an_hour_in_every_zone() {
        for zone in ["Etc/GMT+12", "Pacific/Kiritimati", "UTC"] {
            for at in [Timestamp::MIN, Timestamp::MAX] {
                assert_eq!(Zone::named(zone).unwrap().hour_and_minute(at).len(), 5);
            }
        }
    }
}
