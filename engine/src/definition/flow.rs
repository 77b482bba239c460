//! Where a state leads to: when it ends, when it fails.

use super::{ResultPlace, StateId, Template};

/// What follows a state.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Transition {
    Next(StateId),
    End,
}

/// Whether a retry's delay is drawn at random.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Jitter {
    None,
    /// Anything from zero to the whole delay.
    Full,
}

#[derive(Debug)]
pub struct Retrier {
    pub errors: Vec<String>,
    /// Seconds before the first retry, at least 1.
    pub interval_seconds: i64,
    /// 0 means never.
    pub max_attempts: u32,
    /// At least 1.0.
    pub backoff_rate: f64,
    pub max_delay_seconds: Option<i64>,
    pub jitter: Jitter,
}

impl Retrier {
    /// Milliseconds to wait before the retry that follows `attempts` earlier ones; `chance` is drawn from [0, 1).
    #[must_use]
    pub fn delay_milliseconds(&self, attempts: u32, chance: f64) -> i64 {
        /// The longest that AWS takes for MaxDelaySeconds and for any wait: about three years.
        const MOST_SECONDS: f64 = 99_999_999.0;
        let exponent = i32::try_from(attempts).unwrap_or(i32::MAX);
        #[expect(clippy::cast_precision_loss, reason = "seconds of a delay are far below 2^52")]
        let (interval, most) =
            (self.interval_seconds as f64, self.max_delay_seconds.map_or(MOST_SECONDS, |m| m as f64));
        let seconds = (interval * self.backoff_rate.powi(exponent)).min(most);
        let seconds = match self.jitter {
            Jitter::None => seconds,
            Jitter::Full => seconds * chance,
        };
        #[expect(clippy::cast_possible_truncation, reason = "at most 10^11")]
        let milliseconds = (seconds * 1000.0).round() as i64;
        milliseconds
    }
}

#[derive(Debug)]
pub struct Catcher {
    pub errors: Vec<String>,
    /// JSONPath only; the whole output otherwise.
    pub result_path: ResultPlace,
    pub assign: Option<Template>,
    /// JSONata only.
    pub output: Option<Template>,
    pub next: StateId,
}

/// The error names a lapsed heartbeat answers to: recorded as States.Timeout, but matched by its own name too.
const HEARTBEAT_TIMEOUT: &str = "States.HeartbeatTimeout";

/// Whether an `ErrorEquals` list matches an error.
///
/// States.ALL matches everything but States.Runtime; the developer guide excludes States.DataLimitExceeded too, but
/// recordings of AWS show that it is caught. States.TaskFailed matches everything that a task can fail with but
/// States.Timeout. Only these two match an error without a name. Nothing matches States.Runtime, not even its own name.
#[must_use]
pub fn matches_error(errors: &[String], error: Option<&str>, by_heartbeat: bool) -> bool {
    let name = error.unwrap_or_default();
    if name == "States.Runtime" {
        return false;
    }
    errors.iter().any(|pattern| match pattern.as_str() {
        "States.ALL" => true,
        "States.TaskFailed" => !matches!(name, "States.Timeout" | "States.DataLimitExceeded") && !by_heartbeat,
        HEARTBEAT_TIMEOUT if by_heartbeat => true,
        pattern => error == Some(pattern),
    })
}
