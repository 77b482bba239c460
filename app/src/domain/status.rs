//! Where an application stands, in business words.

use std::fmt;

use serde::{Deserialize, Serialize};

/// An application's status. Its `snake_case` name is what is stored; its `Display` is what people and machines read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ApplicationStatus {
    /// Stored; its execution has not begun yet.
    Submitted,
    /// Paused on the valuation service's callback.
    WaitingForValuation,
    /// The service did not give a value; paused on a member of staff.
    WaitingForManualValuation,
    /// Whoever it waited for has answered, or let the time pass, and its execution goes on.
    InProgress,
    /// Ended with a valuation; no loan amount was given, so there was nothing to decide.
    Valued,
    Approved,
    /// Loan-to-value is between the policy's limits: an underwriter must decide.
    Referred,
    Declined,
    /// Its execution failed: nobody gave a value in time, or something broke.
    NeedsAttention,
    /// Its execution was stopped by an operator.
    Stopped,
}

/// The four tones a status can be shown in; each has its own icon and never stands alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tone {
    Neutral,
    Waiting,
    Good,
    Bad,
}

impl ApplicationStatus {
    pub const ALL: [Self; 10] = [
        Self::Submitted,
        Self::WaitingForValuation,
        Self::WaitingForManualValuation,
        Self::InProgress,
        Self::Valued,
        Self::Approved,
        Self::Referred,
        Self::Declined,
        Self::NeedsAttention,
        Self::Stopped,
    ];

    /// The stored name, `waiting_for_valuation`; also its name in a query string.
    pub fn key(self) -> &'static str {
        match self {
            Self::Submitted => "submitted",
            Self::WaitingForValuation => "waiting_for_valuation",
            Self::WaitingForManualValuation => "waiting_for_manual_valuation",
            Self::InProgress => "in_progress",
            Self::Valued => "valued",
            Self::Approved => "approved",
            Self::Referred => "referred",
            Self::Declined => "declined",
            Self::NeedsAttention => "needs_attention",
            Self::Stopped => "stopped",
        }
    }

    pub fn from_key(key: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.key() == key)
    }

    pub fn tone(self) -> Tone {
        match self {
            Self::Submitted | Self::InProgress | Self::Valued | Self::Stopped => Tone::Neutral,
            Self::WaitingForValuation | Self::WaitingForManualValuation | Self::Referred => Tone::Waiting,
            Self::Approved => Tone::Good,
            Self::Declined | Self::NeedsAttention => Tone::Bad,
        }
    }

    /// Whether its workflow came to what it is for.
    pub fn is_decision(self) -> bool {
        matches!(self, Self::Valued | Self::Approved | Self::Referred | Self::Declined)
    }

    /// Whether its execution still runs.
    pub fn is_open(self) -> bool {
        matches!(self, Self::Submitted | Self::WaitingForValuation | Self::WaitingForManualValuation | Self::InProgress)
    }
}

impl fmt::Display for ApplicationStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Submitted => "Submitted",
            Self::WaitingForValuation => "Waiting for valuation",
            Self::WaitingForManualValuation => "Waiting for manual valuation",
            Self::InProgress => "In progress",
            Self::Valued => "Valued",
            Self::Approved => "Approved",
            Self::Referred => "Referred to an underwriter",
            Self::Declined => "Declined",
            Self::NeedsAttention => "Needs attention",
            Self::Stopped => "Stopped",
        })
    }
}
