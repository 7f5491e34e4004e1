//! The operator's commands for a data folder besides serving it: check it, and save
//! the rest of it. Neither changes anything in it.

use std::{io::Write, path::Path, process::ExitCode};

/// Reads everything, and says what is damaged. Fails if something is.
pub(crate) fn check(data: &Path) -> anyhow::Result<ExitCode> {
    let report = linger_node::check(data)?;
    let mut out = std::io::stdout().lock();
    for line in report.facts.iter().chain(&report.findings) {
        writeln!(out, "{line}")?;
    }
    Ok(if report.findings.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Writes what the projection knows beyond the log into a new folder.
pub(crate) fn salvage(data: &Path, into: &Path) -> anyhow::Result<ExitCode> {
    let saved = linger_node::salvage(data, into)?;
    let mut out = std::io::stdout().lock();
    for line in saved {
        writeln!(out, "{line}")?;
    }
    Ok(ExitCode::SUCCESS)
}
