//! The output: a table for people, JSON for programs.
//!
//! A [`Record`] is one scenario against one server, with the medians over its
//! rounds. Nothing here measures.

use std::{fmt::Write, fs, path::Path};

use anyhow::Context;
use serde::Serialize;

use crate::{
    figures::{Figure, Figures},
    machine::Machine,
    target::Kind,
};

/// One scenario against one server.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Record {
    pub(crate) scenario: String,
    #[serde(serialize_with = "name")]
    pub(crate) target: Kind,
    pub(crate) version: String,
    pub(crate) medians: Figures,
    pub(crate) rounds: Vec<Figures>,
    pub(crate) faults: Vec<String>,
    /// For the picture, sorted.
    #[serde(skip)]
    pub(crate) latencies: Vec<u32>,
}

fn name<S: serde::Serializer>(kind: &Kind, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(kind.name())
}

/// All measurements.
#[derive(Debug, Serialize)]
pub(crate) struct Report {
    pub(crate) generator: &'static str,
    pub(crate) command: String,
    pub(crate) machine: Machine,
    pub(crate) records: Vec<Record>,
    /// Peers that could not be used, and figures that make no sense, each with the reason.
    pub(crate) left_out: Vec<String>,
}

impl Report {
    /// Begins a report of this run.
    pub(crate) fn new(machine: Machine) -> Report {
        let arguments: Vec<String> = std::env::args().skip(1).collect();
        Report {
            generator: concat!("linger-bench ", env!("CARGO_PKG_VERSION")),
            command: format!("linger-bench {}", arguments.join(" ")),
            machine,
            records: Vec::new(),
            left_out: Vec::new(),
        }
    }

    /// Whether any reader missed anything, or any answer was an error.
    pub(crate) fn has_faults(&self) -> bool {
        self.records.iter().any(|record| !record.faults.is_empty())
    }

    /// Returns the record of a scenario against a server.
    pub(crate) fn record(&self, scenario: &str, target: Kind) -> Option<&Record> {
        self.records.iter().find(|record| record.scenario == scenario && record.target == target)
    }

    /// Writes it all as JSON.
    pub(crate) fn write_json(&self, path: &Path) -> anyhow::Result<()> {
        let text = serde_json::to_string_pretty(self)?;
        fs::write(path, text + "\n")
            .with_context(|| format!("{} cannot be written", path.display()))
    }

    /// Returns a table for each scenario: figures down, servers across, with
    /// ratios to nchan's.
    pub(crate) fn tables(&self) -> String {
        let mut scenarios: Vec<&str> = Vec::new();
        for record in &self.records {
            if !scenarios.contains(&record.scenario.as_str()) {
                scenarios.push(&record.scenario);
            }
        }
        scenarios.iter().map(|scenario| self.table(scenario)).collect::<Vec<_>>().join("\n")
    }

    fn table(&self, scenario: &str) -> String {
        let records: Vec<&Record> =
            self.records.iter().filter(|record| record.scenario == scenario).collect();
        let mut measures = Vec::new();
        for Figure { measure, .. } in records.iter().flat_map(|record| &record.medians.0) {
            if !measures.contains(measure) {
                measures.push(*measure);
            }
        }
        let names = records.iter().map(|record| record.target.name().to_owned());
        let mut rows = vec![std::iter::once(scenario.to_owned()).chain(names).collect::<Vec<_>>()];
        for measure in measures {
            let of_nchan = self.record(scenario, Kind::Nchan);
            let of_nchan = of_nchan.and_then(|record| record.medians.get(measure));
            let values = records.iter().map(|record| {
                let Some(value) = record.medians.get(measure) else { return "–".to_owned() };
                let text = Figure { measure, value }.text();
                // A ratio where there is something to compare: no plain counts.
                match of_nchan.filter(|theirs| *theirs > 0.0 && !measure.unit.is_empty()) {
                    Some(theirs) if record.target != Kind::Nchan => {
                        format!("{text} (×{:.2})", value / theirs)
                    }
                    _ => text,
                }
            });
            rows.push(std::iter::once(measure.label.to_owned()).chain(values).collect());
        }
        align(&rows)
    }
}

/// Lays rows out as a Markdown table whose columns are even.
pub(crate) fn align(rows: &[Vec<String>]) -> String {
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let width = |column: usize| {
        let cells = rows.iter().filter_map(|row| row.get(column));
        cells.map(|cell| cell.chars().count()).max().unwrap_or(0).max(3)
    };
    let widths: Vec<usize> = (0..columns).map(width).collect();
    let mut text = String::new();
    for (number, row) in rows.iter().enumerate() {
        for (column, cell) in row.iter().enumerate() {
            let width = widths[column];
            // Words begin at the left, numbers end at the right.
            let _ = match column {
                0 => write!(text, "| {cell:<width$} "),
                _ => write!(text, "| {cell:>width$} "),
            };
        }
        text.push_str("|\n");
        if number == 0 {
            for (column, width) in widths.iter().enumerate() {
                let rule = "-".repeat(width + 1);
                text.push_str(&if column == 0 { format!("|{rule}-") } else { format!("|{rule}:") });
            }
            text.push_str("|\n");
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_are_even_whatever_is_in_them() {
        let rows =
            [["what", "µs"], ["per delivery", "1.5"]].map(|row| row.map(str::to_owned).to_vec());
        assert_eq!(
            align(&rows),
            "| what         |  µs |\n|--------------|----:|\n| per delivery | 1.5 |\n"
        );
    }
}
