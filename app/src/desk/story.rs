//! The story of an application, in sentences.

use time::OffsetDateTime;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoryEntry {
    pub at: OffsetDateTime,
    pub kind: StoryKind,
    /// A sentence: "Valuation requested, reference CNMg…, answer due by"
    pub text: String,
    /// The time at the end of the sentence, shown in the viewer's zone.
    pub due: Option<OffsetDateTime>,
    /// The error and cause as Step Functions reports them, for those who want to look closer.
    pub details: Option<String>,
}

impl StoryEntry {
    pub fn new(at: OffsetDateTime, kind: StoryKind, text: impl Into<String>) -> Self {
        Self { at, kind, text: text.into(), due: None, details: None }
    }
}

/// The kind of a story entry, which determines its icon.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StoryKind {
    Submitted,
    Requested,
    Answered,
    /// A callback that was kept but not used, because it was late or a duplicate.
    Kept,
    Lapsed,
    Failed,
    /// The workflow left the decision to a person.
    Referred,
    Decided,
    Stopped,
}
