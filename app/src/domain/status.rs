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

    /// What the status means, in a sentence or two for staff.
    pub fn meaning(self) -> &'static str {
        match self {
            Self::Submitted => "The application is stored, and its workflow is about to start.",
            Self::WaitingForValuation => "The valuation service was asked for the value of the property.",
            Self::WaitingForManualValuation => {
                "The valuation service gave no value, so a member of staff has to value the property."
            }
            Self::InProgress => "The workflow is running and waits for nobody's answer.",
            Self::Valued => "The property was valued. Without a loan amount there is nothing to decide.",
            Self::Approved => "The loan-to-value is within the policy's limit for approval.",
            Self::Referred => "The loan-to-value is between the policy's limits, so an underwriter has to decide.",
            Self::Declined => "The loan-to-value is above the policy's limits, or the property could not be valued.",
            Self::NeedsAttention => "The workflow ended without a decision, and does not go on by itself.",
            Self::Stopped => "An operator stopped the workflow. It does not go on by itself.",
        }
    }

    /// What staff can do now, in a sentence or two.
    pub fn next_step(self) -> &'static str {
        match self {
            Self::Submitted => "There is nothing to do. If the start fails, the desk tries again every few seconds.",
            Self::WaitingForValuation => {
                "There is nothing to do. If there is no answer by the deadline, staff are asked to value the property."
            }
            Self::WaitingForManualValuation => {
                "Value the property, or say why it cannot be valued, before the deadline."
            }
            Self::InProgress => "There is nothing to do. The Workflow tab shows what it is doing.",
            Self::Valued => "For a decision, copy it as a new application and enter a loan amount.",
            Self::Approved => "There is nothing left to do here.",
            Self::Referred => {
                "Ask an underwriter. The decision cannot be recorded here yet. If the amount changes, copy it as a new \
                 application."
            }
            Self::Declined => "If the amount or the property changes, copy it as a new application.",
            Self::NeedsAttention => {
                "Read the reason. Once the cause is gone, copy it as a new application; the Workflow tab shows where it \
                 failed."
            }
            Self::Stopped => "If the loan is still wanted, copy it as a new application.",
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
    fn every_status_says_in_sentences_what_it_means_and_what_to_do() {
        for status in ApplicationStatus::ALL {
            for text in [status.meaning(), status.next_step()] {
                assert!(text.ends_with('.') && !text.contains("  "), "{status}: {text}");
            }
        }
    }

    #[test]
    fn neither_a_referral_nor_a_valuation_is_a_decision() {
        let decisions: Vec<_> = ApplicationStatus::ALL.into_iter().filter(|status| status.is_decision()).collect();
        assert_eq!(decisions, [ApplicationStatus::Approved, ApplicationStatus::Declined]);
    }
}
