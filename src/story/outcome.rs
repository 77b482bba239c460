//! The end of an application, as the last entry of its story.

use app::{
    desk::{StoryEntry, StoryKind},
    domain::{ApplicationStatus, percent_in_words},
};

use crate::{applications::Record, workflow::Timeline};

/// `None` while the application is open.
pub fn tell(record: &Record, timeline: &Timeline) -> Option<StoryEntry> {
    let decided_at = record.decided_at?;
    let to_value = record
        .loan_to_value
        .map(|percent| format!(": loan-to-value {}", percent_in_words(percent)))
        .unwrap_or_default();
    let remark = |otherwise: &str| record.remark.clone().unwrap_or_else(|| otherwise.to_owned());
    let (kind, text) = match record.status {
        ApplicationStatus::Approved => (StoryKind::Decided, format!("Approved{to_value}")),
        ApplicationStatus::Referred => (StoryKind::Referred, format!("Referred to an underwriter{to_value}")),
        ApplicationStatus::Declined => match &record.remark {
            Some(remark) => (StoryKind::Decided, format!("Declined. {remark}")),
            None => (StoryKind::Decided, format!("Declined{to_value}")),
        },
        ApplicationStatus::Valued => {
            (StoryKind::Decided, "Valued; no loan amount was given, so there is nothing to decide".to_owned())
        }
        ApplicationStatus::NeedsAttention => (StoryKind::Failed, remark("The workflow failed")),
        ApplicationStatus::Stopped => (StoryKind::Stopped, remark("Its workflow was stopped by an operator")),
        ApplicationStatus::Submitted
        | ApplicationStatus::WaitingForValuation
        | ApplicationStatus::InProgress
        | ApplicationStatus::WaitingForManualValuation => return None,
    };
    let failure = timeline.failure.as_ref().filter(|_| matches!(kind, StoryKind::Failed | StoryKind::Stopped));
    let at = failure.map_or(decided_at, |failure| failure.at);
    let details = failure.and_then(|failure| failure.error.clone());
    Some(StoryEntry { details, ..StoryEntry::new(at, kind, text) })
}
