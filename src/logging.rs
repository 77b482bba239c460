//! The log: what happened, one line an event, as text for people or JSON for machines.

use std::io::{self, IsTerminal};

use tracing::{Level, Metadata};
use tracing_subscriber::{EnvFilter, Layer, filter::filter_fn, fmt, prelude::*};

use crate::config::LogFormat;

/// Opens the log on standard error.
pub fn start(filter: &str, format: LogFormat) -> Result<(), String> {
    let filter = EnvFilter::try_new(filter).map_err(|error| error.to_string())?;
    let log = fmt::layer().with_writer(io::stderr);
    // Colours are for a person who watches; in a file they are noise.
    let log = if io::stderr().is_terminal() { log } else { log.with_ansi(false) };
    let log = match format {
        LogFormat::Text => log.with_target(false).boxed(),
        LogFormat::Json => log.json().boxed(),
    };
    tracing_subscriber::registry().with(filter).with(filter_fn(may_be_told)).with(log).init();
    Ok(())
}

/// Not what the SDK says at its most talkative: whole answers of AWS, with the task tokens in them. And not what the
/// session layer says, twice, of a failure that the store of sessions has told.
fn may_be_told(of: &Metadata<'_>) -> bool {
    let is_answer = *of.level() == Level::TRACE && of.target().starts_with("aws_");
    !is_answer && !of.target().starts_with("tower_sessions")
}
