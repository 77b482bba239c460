//! The log: what happened, one line an event, as text for people or JSON for machines.

use std::io::{self, IsTerminal};

use tracing::{Level, Metadata};
use tracing_subscriber::{
    EnvFilter, Layer,
    filter::{LevelFilter, filter_fn},
    fmt,
    prelude::*,
};

use crate::config::LogFormat;

/// What the SDK says of credentials and regions it does not find where it looks first, in Rust's words. Where they are
/// needed and nowhere, the desk says so itself.
const QUIET: &str = "aws_config=error";

/// Opens the log on standard error.
pub fn start(filter: &str, format: LogFormat) -> Result<(), String> {
    let filter = read(filter)?;
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

/// A filter like `info,loan_desk=debug`. A single word is a level: taken for the name of a part, as the filter's own
/// language has it, it would silence all others.
fn read(filter: &str) -> Result<EnvFilter, String> {
    const RIGHT: &str = "write off, error, warn, info, debug or trace, and more of one part like info,loan_desk=debug";
    let directives: Vec<_> = filter.split(',').map(str::trim).collect();
    let is_word = |directive: &&&str| !directive.is_empty() && !directive.contains(['=', '[']);
    if let Some(word) = directives.iter().filter(is_word).find(|word| word.parse::<LevelFilter>().is_err()) {
        return Err(format!("`{word}` is no level; {RIGHT}"));
    }
    EnvFilter::try_new(format!("{QUIET},{}", directives.join(","))).map_err(|error| format!("{error}; {RIGHT}"))
}

/// Not what the SDK says at its most talkative: whole answers of AWS, with the task tokens in them. And not what the
/// session layer says, twice, of a failure that the store of sessions has told.
fn may_be_told(of: &Metadata<'_>) -> bool {
    let is_answer = *of.level() == Level::TRACE && of.target().starts_with("aws_");
    !is_answer && !of.target().starts_with("tower_sessions")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_filter_that_would_silence_everything_is_refused_with_what_would_be_right() {
        for right in ["info", "WARN", "off", "info,loan_desk=debug", "info, tower_http=warn", "loan_desk=trace"] {
            assert!(read(right).is_ok(), "{right}");
        }
        for (wrong, word) in [("bogus", "`bogus` is no level"), ("info,loan_desk", "`loan_desk` is no level")] {
            let refused = read(wrong).unwrap_err();
            assert!(refused.contains(word) && refused.contains("write off, error, warn, info"), "{wrong}: {refused}");
        }
        assert!(read("loan_desk=loud").unwrap_err().contains("like info,loan_desk=debug"));
    }
}
