//! The log: one line for each event, as text or JSON.

use std::{
    fmt::Display,
    io::{self, IsTerminal},
};

use serde_json::{Value, json};
use time::OffsetDateTime;
use tracing::{Level, Metadata};
use tracing_subscriber::{
    EnvFilter, Layer,
    filter::{LevelFilter, filter_fn},
    fmt,
    prelude::*,
};

use crate::{config::LogFormat, timestamp};

/// Silences the SDK's warnings about credentials and regions that are missing in one place but may be found in another.
/// The desk itself reports those that are missing everywhere.
const QUIET: &str = "aws_config=error";

/// Starts logging to standard error.
pub fn start(filter: &str, format: LogFormat) -> Result<(), String> {
    let filter = read(filter)?;
    let log = fmt::layer().with_writer(io::stderr);
    // Use colours only on a terminal.
    let log = if io::stderr().is_terminal() { log } else { log.with_ansi(false) };
    let log = match format {
        LogFormat::Text => log.with_target(false).boxed(),
        LogFormat::Json => log.json().boxed(),
    };
    tracing_subscriber::registry().with(filter).with(filter_fn(is_allowed)).with(log).init();
    Ok(())
}

/// Reports the error that ends the process. The log may not have started yet, or may filter errors out, so this writes
/// the line itself.
pub fn fatal(format: LogFormat, error: impl Display) {
    match format {
        LogFormat::Text => eprintln!("loan-desk: {error}"),
        LogFormat::Json => eprintln!("{}", fatal_line(OffsetDateTime::now_utc(), &error.to_string())),
    }
}

/// In the form of the log's other lines.
fn fatal_line(now: OffsetDateTime, error: &str) -> Value {
    json!({
        "timestamp": timestamp::write(now),
        "level": "ERROR",
        "fields": { "message": "the desk cannot run", "error": error },
        "target": "loan_desk",
    })
}

/// Parses a filter like `info,loan_desk=debug`. A single word must be a level: as the name of a target, which the
/// filter's syntax allows, it would silence all other targets.
fn read(filter: &str) -> Result<EnvFilter, String> {
    const RIGHT: &str =
        "write off, error, warn, info, debug or trace, optionally with more for one target, like info,loan_desk=debug";
    let directives: Vec<_> = filter.split(',').map(str::trim).collect();
    let is_word = |directive: &&&str| !directive.is_empty() && !directive.contains(['=', '[']);
    if let Some(word) = directives.iter().filter(is_word).find(|word| word.parse::<LevelFilter>().is_err()) {
        return Err(format!("`{word}` is not a level; {RIGHT}"));
    }
    EnvFilter::try_new(format!("{QUIET},{}", directives.join(","))).map_err(|error| format!("{error}; {RIGHT}"))
}

/// Excludes the SDK's trace events, which contain whole responses with task tokens, and the session layer's errors,
/// which the session store has already logged.
fn is_allowed(of: &Metadata<'_>) -> bool {
    let is_answer = *of.level() == Level::TRACE && of.target().starts_with("aws_");
    !is_answer && !of.target().starts_with("tower_sessions")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_filter_that_would_silence_everything_is_refused_with_a_valid_example() {
        for right in ["info", "WARN", "off", "info,loan_desk=debug", "info, tower_http=warn", "loan_desk=trace"] {
            assert!(read(right).is_ok(), "{right}");
        }
        for (wrong, word) in [("bogus", "`bogus` is not a level"), ("info,loan_desk", "`loan_desk` is not a level")] {
            let refused = read(wrong).unwrap_err();
            assert!(refused.contains(word) && refused.contains("write off, error, warn, info"), "{wrong}: {refused}");
        }
        assert!(read("loan_desk=loud").unwrap_err().contains("like info,loan_desk=debug"));
    }
}
