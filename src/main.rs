//! The `loan-desk` binary: reads its configuration, starts the log and the runtime, and serves.

use std::process::ExitCode;

use loan_desk::{
    config::{self, Cli, Command, Config, LogFormat},
    logging, server,
};

/// Threads for blocking work. Few are enough, because all of it waits for one of two databases.
const BLOCKING_THREADS: usize = 8;

/// The exit code for an invalid command line, as clap uses it.
const INVALID: u8 = 2;

fn main() -> ExitCode {
    let config = match Cli::read() {
        Ok(Cli { command: Command::Serve(config) }) => config,
        Err(error) if error.use_stderr() && config::asks_for_json() => {
            logging::fatal(LogFormat::Json, error.render().to_string().trim());
            return ExitCode::from(INVALID);
        }
        Err(error) => error.exit(),
    };
    let log_format = config.log_format;
    // Make the desk's files private to its user.
    #[cfg(unix)]
    rustix::process::umask(rustix::fs::Mode::RWXG | rustix::fs::Mode::RWXO);
    match run(*config) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            logging::fatal(log_format, error);
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
