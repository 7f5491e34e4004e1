//! Figures: each kind with its unit, and the medians of several runs.
//!
//! Every figure has a key for programs and a label for people. A scenario returns
//! a list of them; a comparison takes medians over rounds, key by key.

use serde::Serialize;

/// A kind of figure.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Measure {
    pub(crate) key: &'static str,
    pub(crate) label: &'static str,
    pub(crate) unit: &'static str,
    pub(crate) decimals: usize,
}

const fn measure(
    key: &'static str,
    label: &'static str,
    unit: &'static str,
    decimals: usize,
) -> Measure {
    Measure { key, label, unit, decimals }
}

pub(crate) static READERS: Measure = measure("readers", "readers", "", 0);
pub(crate) static PARK_MS: Measure = measure("park_ms", "until all are parked", "ms", 0);
pub(crate) static USERLAND: Measure =
    measure("userland_kib_per_reader", "userland memory per parked reader", "KiB", 2);
pub(crate) static USERLAND_AFTER: Measure =
    measure("userland_after_kib_per_reader", "the same after the messages", "KiB", 2);
pub(crate) static USERLAND_GREETED: Measure = measure(
    "userland_after_request_kib_per_reader",
    "the same, after an earlier request each",
    "KiB",
    2,
);
pub(crate) static KERNEL: Measure =
    measure("kernel_kib_per_reader", "kernel slab per reader, both ends (approximate)", "KiB", 1);
pub(crate) static CPU_PER_DELIVERY: Measure =
    measure("server_cpu_us_per_delivery", "server CPU per delivery", "µs", 2);
pub(crate) static CPU_PER_PUBLISH: Measure =
    measure("server_cpu_us_per_publish", "server CPU per publish with its deliveries", "µs", 1);
pub(crate) static OUR_CPU: Measure =
    measure("generator_cpu_us_per_delivery", "generator CPU per delivery", "µs", 2);
pub(crate) static FIRST: Measure = measure("first_ms", "first reader has it", "ms", 2);
pub(crate) static P50: Measure = measure("p50_ms", "half of the readers have it", "ms", 2);
pub(crate) static P99: Measure = measure("p99_ms", "99 % of the readers have it", "ms", 2);
pub(crate) static LAST: Measure = measure("last_ms", "last reader has it", "ms", 2);
pub(crate) static ACK_P50: Measure = measure("ack_p50_ms", "acknowledged, p50", "ms", 2);
pub(crate) static ACK_P99: Measure = measure("ack_p99_ms", "acknowledged, p99", "ms", 2);
pub(crate) static ACK_LAST: Measure = measure("ack_last_ms", "acknowledged, slowest", "ms", 2);
pub(crate) static SYNCS: Measure =
    measure("syncs_per_publish", "syncs of the disk per publish", "", 3);
pub(crate) static SYNC_MS: Measure = measure("sync_ms", "a sync of the disk, on average", "ms", 3);
pub(crate) static PUBLISHES: Measure =
    measure("publishes_per_second", "acknowledged publishes", "/s", 0);
pub(crate) static DELIVERIES: Measure = measure("deliveries_per_second", "deliveries", "/s", 0);
pub(crate) static CATCH_UP_MS: Measure =
    measure("catch_up_ms", "until all have caught up", "ms", 0);
pub(crate) static STOP_START_MS: Measure = measure("start_ms", "from start to ready", "ms", 0);
pub(crate) static RETURN_MS: Measure =
    measure("return_ms", "from ready until all are parked", "ms", 0);
pub(crate) static IDLE: Measure =
    measure("idle_cpu_ms_per_second", "server CPU while nothing happens", "ms/s", 3);
pub(crate) static EMPTY: Measure = measure("empty_answers", "holds that ended without news", "", 0);
pub(crate) static NOBODY: Measure =
    measure("userland_nobody_mib", "userland memory before anybody came", "MiB", 2);
pub(crate) static GONE: Measure =
    measure("userland_gone_mib", "the same when all had come and gone", "MiB", 2);
pub(crate) static GONE_AGAIN: [Measure; 3] = [
    measure("userland_gone_1_mib", "again, the first time", "MiB", 2),
    measure("userland_gone_2_mib", "again, the second time", "MiB", 2),
    measure("userland_gone_3_mib", "again, the third time", "MiB", 2),
];
pub(crate) static GROWTH: Measure =
    measure("userland_growth_percent", "largest growth of memory, coming again", "%", 1);
pub(crate) static REOPENED: Measure = measure("reopened", "connections opened again", "", 0);
pub(crate) static FAULTS: Measure = measure("errors", "errors", "", 0);

/// One figure.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Figure {
    pub(crate) measure: &'static Measure,
    pub(crate) value: f64,
}

impl Figure {
    /// Returns the value with its unit.
    pub(crate) fn text(&self) -> String {
        let Measure { unit, decimals, .. } = self.measure;
        let number = format!("{:.*}", *decimals, self.value);
        let number = if *decimals == 0 { thousands(&number) } else { number };
        if unit.is_empty() || *unit == "/s" {
            format!("{number}{unit}")
        } else {
            format!("{number} {unit}")
        }
    }
}

/// The figures of a run.
#[derive(Debug, Clone, Default)]
pub(crate) struct Figures(pub(crate) Vec<Figure>);

impl Figures {
    /// Adds a figure.
    pub(crate) fn add(&mut self, measure: &'static Measure, value: f64) {
        self.0.push(Figure { measure, value });
    }

    /// Adds a figure, if there is one.
    pub(crate) fn add_some(&mut self, measure: &'static Measure, value: Option<f64>) {
        if let Some(value) = value {
            self.add(measure, value);
        }
    }

    /// Returns a figure's value.
    pub(crate) fn get(&self, measure: &'static Measure) -> Option<f64> {
        self.0.iter().find(|figure| figure.measure == measure).map(|figure| figure.value)
    }

    /// Returns the medians of several runs, in the order of the first.
    pub(crate) fn medians(runs: &[Figures]) -> Figures {
        let mut medians = Figures::default();
        for figure in runs.first().map(|run| run.0.as_slice()).unwrap_or_default() {
            let mut values: Vec<f64> =
                runs.iter().filter_map(|run| run.get(figure.measure)).collect();
            medians.add(figure.measure, median(&mut values));
        }
        medians
    }
}

impl Serialize for Figures {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|figure| (figure.measure.key, figure.value)))
    }
}

/// Returns the middle value, the upper one of two; zero of none.
pub(crate) fn median(values: &mut [f64]) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(0.0)
}

/// Returns the value below which `share` of the sorted values are, by nearest
/// rank; zero of none.
pub(crate) fn percentile(sorted: &[u32], share: f64) -> u32 {
    let rank = (sorted.len() as f64 * share).ceil() as usize;
    sorted.get(rank.clamp(1, sorted.len().max(1)) - 1).copied().unwrap_or(0)
}

/// Turns microseconds into milliseconds.
pub(crate) fn millis(micros: u32) -> f64 {
    f64::from(micros) / 1000.0
}

fn thousands(digits: &str) -> String {
    let mut text = String::new();
    for (at, digit) in digits.char_indices() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) && !text.ends_with('-') {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_percentile_is_a_value_that_was_measured() {
        let hundred: Vec<u32> = (1..=100).collect();
        for (name, sorted, share, value) in [
            ("median", hundred.as_slice(), 0.5, 50),
            ("p99", &hundred, 0.99, 99),
            ("last", &hundred, 1.0, 100),
            ("first", &hundred, 0.0, 1),
            ("one value", &[7], 0.99, 7),
            ("two values", &[7, 9], 0.5, 7),
            ("nothing", &[], 0.5, 0),
        ] {
            assert_eq!(percentile(sorted, share), value, "{name}");
        }
    }

    #[test]
    fn medians_are_taken_key_by_key() {
        let run = |value| {
            let mut figures = Figures::default();
            figures.add(&P50, value);
            figures.add(&LAST, value * 10.0);
            figures
        };
        let medians = Figures::medians(&[run(3.0), run(1.0), run(2.0)]);
        assert_eq!((medians.get(&P50), medians.get(&LAST)), (Some(2.0), Some(20.0)));
        assert_eq!(medians.get(&P99), None);
    }

    #[test]
    fn large_numbers_are_readable() {
        for (value, text) in [(7.0, "7/s"), (1234.0, "1,234/s"), (1_234_567.4, "1,234,567/s")] {
            assert_eq!(Figure { measure: &DELIVERIES, value }.text(), text);
        }
    }
}
