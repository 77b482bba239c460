//! Where a state leads: when it ends, and when it fails.

use super::{ResultPlace, StateId, Template};

/// What follows when a state ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Transition {
    Next(StateId),
    End,
}

/// Whether the delay of a retry is random.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Jitter {
    None,
    /// A random delay between zero and the computed one.
    Full,
}

#[derive(Debug)]
pub struct Retrier {
    pub errors: Vec<String>,
    /// The seconds before the first retry, at least 1.
    pub interval_seconds: i64,
    /// 0 disables retries.
    pub max_attempts: u32,
    /// At least 1.0.
    pub backoff_rate: f64,
    pub max_delay_seconds: Option<i64>,
    pub jitter: Jitter,
}

impl Retrier {
    /// The delay in milliseconds before the retry that follows `attempts` earlier ones. `chance` is a random number in
    /// [0, 1).
    #[must_use]
    pub fn delay_milliseconds(&self, attempts: u32, chance: f64) -> i64 {
        /// AWS's maximum for MaxDelaySeconds and for any wait: about three years.
        const MAX_SECONDS: f64 = 99_999_999.0;
        let exponent = i32::try_from(attempts).unwrap_or(i32::MAX);
        #[expect(clippy::cast_precision_loss, reason = "seconds of a delay are far below 2^52")]
        let (interval, most) = (self.interval_seconds as f64, self.max_delay_seconds.map_or(MAX_SECONDS, |m| m as f64));
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
    /// Only in JSONPath. The whole output by default.
    pub result_path: ResultPlace,
    pub assign: Option<Template>,
    /// Only in JSONata.
    pub output: Option<Template>,
    pub next: StateId,
}

/// The error name of a heartbeat timeout in ErrorEquals. The history reports States.Timeout.
const HEARTBEAT_TIMEOUT: &str = "States.HeartbeatTimeout";

/// Whether an `ErrorEquals` list matches an error.
///
/// States.ALL matches everything except States.Runtime. According to the developer guide it does not match
/// States.DataLimitExceeded either, but recordings of AWS show that it does. States.TaskFailed matches every error of a
/// task except States.Timeout. Only these two match an error without a name. Nothing matches States.Runtime, not even
/// its own name.
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
