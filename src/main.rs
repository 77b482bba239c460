//! The loan desk's server. Everything it keeps it keeps in AWS; on a laptop, AWS is inside it (see [`aws`]).

mod api;
mod applications;
mod aws;
mod callbacks;
mod clock;
mod config;
mod definitions;
mod deploy;
mod desk;
mod export;
mod figures;
mod functions;
mod health;
mod integrations;
mod item;
mod live;
mod logging;
mod mock_valuer;
mod paused;
mod problem;
mod random;
mod reconcile;
mod security;
mod server;
mod sessions;
mod settings;
mod signing;
mod story;
mod supervision;
mod tables;
mod timestamp;
mod unanswered;
mod valuation_request;
mod web;
mod work_items;
mod workflow;

use std::process::ExitCode;

/// Threads for what blocks: all of it waits for one of two databases, which do one thing at a time.
const BLOCKING_THREADS: usize = 8;

fn main() -> ExitCode {
    let config::Command::Serve(config) = config::Cli::read().command;
    match run(*config) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("loan-desk: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(config: config::Config) -> Result<(), Box<dyn std::error::Error>> {
    config.validate()?;
    logging::start(&config.log, config.log_format).map_err(|reason| format!("--log {}: {reason}", config.log))?;
    let runtime =
        tokio::runtime::Builder::new_multi_thread().enable_all().max_blocking_threads(BLOCKING_THREADS).build()?;
    runtime.block_on(server::serve(config))?;
    Ok(())
}
