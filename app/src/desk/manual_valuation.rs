//! Manual valuations.

use super::{Actor, DeskError, Person, StoryEntry, TaskState, WaitingItem};
use crate::domain::{ApplicationReference, LoanApplication, ManualValuationAnswer, Valuation};

#[async_trait::async_trait]
pub trait ManualValuationOperations {
    async fn manual_valuation(&self, by: &Actor, id: &str) -> Result<Option<ManualValuationView>, DeskError>;

    /// Answers a manual valuation, which resumes its execution, and returns the reference of its application.
    ///
    /// Fails with [`DeskError::AlreadyAnswered`] for a second answer and with [`DeskError::TooLate`] after the
    /// deadline. Repeating the same answer as the same person, for example by pressing the button twice, is not an
    /// error.
    async fn answer_manual_valuation(
        &self,
        by: &Person,
        id: &str,
        answer: ManualValuationAnswer,
    ) -> Result<ApplicationReference, DeskError>;
}

/// What the manual valuation page shows.
#[derive(Debug, Clone)]
pub struct ManualValuationView {
    pub item: WaitingItem,
    pub application: LoanApplication,
    /// Why a person must value the property: "The valuation service did not answer within 30 seconds."
    pub reason: String,
    /// What happened to the application so far, oldest first.
    pub story: Vec<StoryEntry>,
    /// Valuations of the same property for other applications, newest first.
    pub previous: Vec<PreviousValuation>,
    pub state: ManualValuationState,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PreviousValuation {
    pub application_reference: ApplicationReference,
    pub valuation: Valuation,
}

pub type ManualValuationState = TaskState<ManualValuationAnswer>;
