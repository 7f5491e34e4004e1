//! The program: parse, run, exit code. One sentence when it fails.

mod cluster;
mod config;
mod inspect;
mod moves;
mod serve;

use std::process::ExitCode;

use clap::{Parser, error::ErrorKind};

/// Gives the memory of a crowd back once it is gone, which the system's allocator
/// does not. `.cargo/config.toml` says how soon.
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

fn main() -> ExitCode {
    let arguments = match config::Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error)
            if matches!(error.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion) =>
        {
            print!("{error}");
            return ExitCode::SUCCESS;
        }
        Err(error) => {
            let message = error.to_string();
            let first = message.lines().next().unwrap_or_default();
            eprintln!("linger: {}; see linger --help", first.trim_start_matches("error: "));
            return ExitCode::from(2);
        }
    };
    match config::Settings::gather(arguments).and_then(run) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("linger: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(settings: config::Settings) -> anyhow::Result<ExitCode> {
    match settings.task {
        config::Task::Serve => serve::serve(settings).map(|()| ExitCode::SUCCESS),
        config::Task::Cluster(verb) => {
            cluster::run(&verb, settings.cluster.as_ref(), &settings.data)
        }
        config::Task::Check => inspect::check(&settings.data),
        config::Task::Salvage { into } => inspect::salvage(&settings.data, &into),
    }
}
