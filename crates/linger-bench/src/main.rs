//! `linger-bench`: the load generator of Linger.
//!
//! It speaks HTTP and nothing else, to servers on this machine and to no others:
//! Linger, nchan, durable-streams, each through the same connections and with the
//! same checks. `scenario` has the plays, `stage` plays them, `reactor` moves
//! the bytes, `target` knows the servers, `report` shows the results.

mod cli;
mod client;
mod disk;
mod figures;
mod goals;
mod limits;
mod machine;
mod page;
mod play;
mod process;
mod reactor;
mod report;
mod scenario;
mod servers;
mod stage;
mod svg;
mod target;

use std::{fs, process::ExitCode, sync::Arc};

use anyhow::{Context, bail};
use clap::Parser;
use cli::{Arguments, Verb};
use disk::{Place, SlowDisk};
use report::Report;
use servers::Servers;
use target::Kind;

fn main() -> ExitCode {
    match run(&Arguments::parse()) {
        Ok(report) if report.has_faults() => {
            eprintln!(
                "linger-bench: FAILED: not every reader got everything once and in order; see above"
            );
            ExitCode::FAILURE
        }
        Ok(_) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("linger-bench: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &Arguments) -> anyhow::Result<Report> {
    let common = &arguments.common;
    let is_comparison = matches!(arguments.verb, Verb::Compare { .. });
    if is_comparison && common.url.is_some() {
        bail!(
            "compare starts every server itself, fresh for each round; --url is for the scenarios"
        );
    }
    let running = match &common.url {
        Some(url) => Some((limits::loopback(url)?, common.pid)),
        None => None,
    };
    let disk = common.fsync_ms.map(SlowDisk::new).transpose()?.map(Arc::new);
    let servers = Servers {
        running,
        linger: common.linger.clone(),
        peers: common.peers.clone(),
        place: Place { folder: common.folder.clone(), disk },
        open_files: limits::raise_open_files()?,
    };
    let machine = machine::Machine::look(&servers.place, servers.open_files);
    let mut report = Report::new(machine);
    let mut acts = arguments.acts();
    if let Verb::Compare { install_peers, .. } = arguments.verb {
        for kind in Kind::ALL {
            if install_peers && let Err(error) = servers.install(kind) {
                eprintln!("linger-bench: {}: {error:#}", kind.name());
            }
            if kind == Kind::Linger {
                servers.find(kind)?;
            } else if let Err(error) = servers.find(kind) {
                eprintln!("linger-bench: {} is left out: {error}", kind.name());
                report.left_out.push(format!("{}: {error}", kind.name()));
                acts.iter_mut().for_each(|act| act.kinds.retain(|other| *other != kind));
            }
        }
    }
    let rounds = common.rounds.unwrap_or(if is_comparison { 5 } else { 1 });
    play::play(&servers, &acts, usize::try_from(rounds)?, &mut report)?;

    let tables = report.tables();
    let goals: Vec<_> = acts.iter().flat_map(|act| goals::goals(act.scenario)).collect();
    let goals = is_comparison.then(|| goals::table(&report, &goals));
    println!(
        "{tables}\n{}{}",
        goals.as_deref().map(|goals| format!("{goals}\n")).unwrap_or_default(),
        report.machine.text()
    );
    if let Some(path) = &common.json {
        report.write_json(path)?;
    }
    if let Some(path) = &common.svg {
        let picture = page::picture(&report).context("there are no latencies to draw")?;
        fs::write(path, picture)
            .with_context(|| format!("{} cannot be written", path.display()))?;
    }
    if let Verb::Compare { page: Some(path), .. } = &arguments.verb {
        page::write(path, &report, goals.as_deref().unwrap_or_default())?;
    }
    Ok(report)
}
