//! The `loan-desk` binary: reads its configuration, starts the log and the runtime, and serves.

use std::process::ExitCode;

use loan_desk::{
    config::{Cli, Command, Config},
    logging, server,
};

/// Threads for blocking work. Few are enough, because all of it waits for one of two databases.
const BLOCKING_THREADS: usize = 8;

fn main() -> ExitCode {
    let Command::Serve(config) = Cli::read().command;
    // Make the desk's files private to its user.
    #[cfg(unix)]
    rustix::process::umask(rustix::fs::Mode::RWXG | rustix::fs::Mode::RWXO);
    match run(*config) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("loan-desk: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(config: Config) -> Result<(), Box<dyn std::error::Error>> {
    config.validate()?;
    logging::start(&config.log, config.log_format).map_err(|reason| format!("--log {}: {reason}", config.log))?;
    let runtime =
        tokio::runtime::Builder::new_multi_thread().enable_all().max_blocking_threads(BLOCKING_THREADS).build()?;
    runtime.block_on(server::serve(config))?;
    Ok(())
}
