//! The page of figures: tables put between two marks of a Markdown file, and the
//! picture of the first scenario.
//!
//! The text around the marks is written by people and left alone.

use std::{fs, path::Path};

use anyhow::{Context, bail};

use crate::{
    report::Report,
    svg::{self, Series},
};

const BEGIN: &str = "<!-- figures: begin -->\n";
const END: &str = "<!-- figures: end -->\n";

/// Puts the tables into the file. Errors: the marks are not there.
pub(crate) fn write(path: &Path, report: &Report, goals: &str) -> anyhow::Result<()> {
    let text =
        fs::read_to_string(path).with_context(|| format!("{} cannot be read", path.display()))?;
    let Some((before, after)) = text
        .split_once(BEGIN)
        .and_then(|(before, rest)| rest.split_once(END).map(|(_, after)| (before, after)))
    else {
        bail!("{} has no marks: put {BEGIN}{END}where the figures go", path.display());
    };
    let text = format!("{before}{BEGIN}\n{}\n{END}{after}", figures(report, goals));
    fs::write(path, text).with_context(|| format!("{} cannot be written", path.display()))
}

fn figures(report: &Report, goals: &str) -> String {
    let mut versions: Vec<&str> = Vec::new();
    for record in &report.records {
        if !versions.contains(&record.version.as_str()) {
            versions.push(&record.version);
        }
    }
    let rounds = report.records.first().map_or(0, |record| record.rounds.len());
    let mut text = format!(
        "Measured {}\n\nVersions: {}; {}. Command: `{}`. Medians of {rounds} rounds, interleaved.\n",
        report.machine.text(),
        report.generator,
        versions.join("; "),
        report.command,
    );
    for sentence in &report.left_out {
        text.push_str(&format!("\nLeft out: {sentence}.\n"));
    }
    format!("{text}\n{goals}\n{}", report.tables())
}

/// Draws the latencies of the first scenario; None when it has none.
pub(crate) fn picture(report: &Report) -> Option<String> {
    let first = report.records.iter().find(|record| !record.latencies.is_empty())?;
    let records = report.records.iter().filter(|record| record.scenario == first.scenario);
    let series: Vec<Series<'_>> = records
        .map(|record| Series { name: record.target.name(), sorted: &record.latencies })
        .collect();
    let machine = &report.machine;
    let subtitle = format!("{} cores, {}, {}", machine.cores, machine.cpu, machine.date);
    svg::draw(&first.scenario, &subtitle, &series)
}
