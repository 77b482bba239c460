//! Valuing a property by hand.

use time::OffsetDateTime;

use super::{Actor, DeskError, Person, StoryEntry, WaitingItem};
use crate::domain::{ApplicationReference, LoanApplication, ManualValuationAnswer, Valuation};

#[async_trait::async_trait]
pub trait ManualValuationOperations {
    async fn manual_valuation(&self, by: &Actor, id: &str) -> Result<Option<ManualValuationView>, DeskError>;

    /// Answers a manual valuation, which resumes its execution, and returns the application it was for.
    ///
    /// An item is answered once: a second answer is [`DeskError::AlreadyAnswered`], one after the deadline
    /// [`DeskError::TooLate`]. When the same person gives the same answer again, for example by pressing the button
    /// twice, that is not an error.
    async fn answer_manual_valuation(
        &self,
        by: &Person,
        id: &str,
        answer: ManualValuationAnswer,
    ) -> Result<ApplicationReference, DeskError>;
}

/// What a person needs to see to give a value by hand.
#[derive(Debug, Clone)]
pub struct ManualValuationView {
    pub item: WaitingItem,
    pub application: LoanApplication,
    /// Why it came to the desk: "The valuation service did not answer within 30 seconds."
    pub reason: String,
    /// What happened to the application so far, oldest first.
    pub story: Vec<StoryEntry>,
    /// What the same property was valued at for other applications, newest first.
    pub previous: Vec<PreviousValuation>,
    pub state: ManualValuationState,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PreviousValuation {
    pub application_reference: ApplicationReference,
    pub valuation: Valuation,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ManualValuationState {
    Open,
    Answered {
        by: String,
        at: OffsetDateTime,
        answer: ManualValuationAnswer,
    },
    /// The deadline passed.
    Lapsed,
    /// The deadline passed, and then this was answered: it is kept, and not used.
    TooLate {
        by: String,
        at: OffsetDateTime,
        answer: ManualValuationAnswer,
    },
    /// This was answered in time, when the workflow did not wait for it any more: it is kept, and not used.
    NotUsed {
        by: String,
        at: OffsetDateTime,
        answer: ManualValuationAnswer,
    },
    /// The workflow was stopped, or went on by an answer that did not come through the desk.
    Abandoned,
}
