//! The status of an application.

use std::fmt;

use serde::{Deserialize, Serialize};

/// The status of an application. The `snake_case` name is stored; `Display` gives the text for pages and the API.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ApplicationStatus {
    /// Stored, but the execution has not started yet.
    Submitted,
    /// Paused until the valuation service calls back.
    WaitingForValuation,
    /// The valuation service gave no value, so a member of staff must answer.
    WaitingForManualValuation,
    /// The last task was answered or timed out, and the execution is running.
    InProgress,
    /// Ended with a valuation but no decision, because no loan amount was given.
    Valued,
    Approved,
    /// The loan-to-value is between the policy's limits, so an underwriter must decide.
    Referred,
    Declined,
    /// The execution failed: no valuation arrived in time, or an error occurred.
    NeedsAttention,
    /// An operator stopped the execution.
    Stopped,
}

/// The colour of a status. Each tone has its own icon and is always shown with text.
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

    /// The stored name, `waiting_for_valuation`, also used in query strings.
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

    /// Whether the loan has been decided. A referral is no decision, because an underwriter decides; nor is a valuation
    /// without a loan amount.
    pub fn is_decision(self) -> bool {
        matches!(self, Self::Approved | Self::Declined)
    }

    /// Whether the execution is still running.
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neither_a_referral_nor_a_valuation_is_a_decision() {
        let decisions: Vec<_> = ApplicationStatus::ALL.into_iter().filter(|status| status.is_decision()).collect();
        assert_eq!(decisions, [ApplicationStatus::Approved, ApplicationStatus::Declined]);
    }
}
