//! What the desk says of itself.

use crate::domain::Policy;

/// Where the data lives and what the policy is.
#[derive(Debug, Clone, PartialEq)]
pub struct About {
    /// `Embedded`, or `AWS eu-west-2`.
    pub data_lives: String,
    /// How long the valuation service has, e.g. 30 seconds.
    pub valuation_timeout: std::time::Duration,
    /// How long staff have for a manual valuation, e.g. 5 days.
    pub manual_valuation_timeout: std::time::Duration,
    pub policy: Policy,
}
