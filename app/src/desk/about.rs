//! Information about the desk itself.

use crate::domain::{Policy, ValueAlert};

/// The desk's backend, policy and time limits.
#[derive(Debug, Clone, PartialEq)]
pub struct About {
    /// Where the data is kept: `Embedded`, or `AWS eu-west-2`.
    pub data_location: String,
    /// How long the valuation service has to answer, for example 30 seconds.
    pub valuation_timeout: std::time::Duration,
    /// How long staff have to answer a manual valuation, for example 5 days.
    pub manual_valuation_timeout: std::time::Duration,
    pub policy: Policy,
    /// Which manual valuations are recorded only when they are confirmed.
    pub value_alert: ValueAlert,
    /// How long a manual valuation can be corrected before its workflow continues; `None` if it continues at once.
    pub correction_time: Option<std::time::Duration>,
}
