//! What happened to an application, in sentences.

use time::OffsetDateTime;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoryEntry {
    pub at: OffsetDateTime,
    pub kind: StoryKind,
    /// A sentence: "Valuation requested, reference CNMg…, answer due by"
    pub text: String,
    /// The time that the sentence ends with, shown in the viewer's zone.
    pub due: Option<OffsetDateTime>,
}

/// What an entry of the story is about; decides its icon.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StoryKind {
    Submitted,
    Requested,
    Answered,
    /// A callback that was kept but not used: late, duplicate.
    Kept,
    Lapsed,
    Failed,
    Decided,
    Stopped,
}
