//! The options for opening an engine.

use std::time::Duration;

/// The account and region of an engine, and how long it keeps closed executions.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Options {
    /// The account in every ARN: twelve digits.
    pub account_id: String,
    /// The region in every ARN.
    pub region: String,
    /// How long an execution is kept after it has ended. `None` keeps every execution forever.
    pub retention: Option<Duration>,
}

impl Options {
    /// How long AWS keeps closed executions: 90 days. See "Quotas related to state machine executions" in the
    /// developer guide.
    pub const DEFAULT_RETENTION: Duration = Duration::from_secs(90 * 24 * 60 * 60);

    /// Options with the retention of AWS.
    pub fn new(account_id: impl Into<String>, region: impl Into<String>) -> Self {
        Self { account_id: account_id.into(), region: region.into(), retention: Some(Self::DEFAULT_RETENTION) }
    }

    /// Sets how long an execution is kept after it has ended. Then the execution, its history and its map runs are
    /// deleted, and its name is free again. `None` keeps every execution forever.
    #[must_use]
    pub fn with_retention(mut self, retention: Option<Duration>) -> Self {
        self.retention = retention;
        self
    }
}
