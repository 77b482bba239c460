//! Manual valuations.

use time::OffsetDateTime;

use super::{Actor, DeskError, Person, StoryEntry, TaskState, WaitingItem};
use crate::domain::{
    ApplicationReference, KnownSource, KnownValue, LoanApplication, ManualValuationAnswer, Money, Policy, Valuation,
};

#[async_trait::async_trait]
pub trait ManualValuationOperations {
    async fn manual_valuation(&self, by: &Actor, id: &str) -> Result<Option<ManualValuationView>, DeskError>;

    /// Answers a manual valuation, which resumes its execution, and returns the reference of its application.
    ///
    /// Fails with [`DeskError::AlreadyAnswered`] for a second answer and with [`DeskError::TooLate`] after the
    /// deadline. Repeating the same answer as the same person, for example by pressing the button twice, is not an
    /// error.
    ///
    /// Fails with [`DeskError::Unconfirmed`] for a value that is unusual by [`About::value_alert`], unless `confirmed` is
    /// exactly this value.
    ///
    /// [`About::value_alert`]: super::About::value_alert
    async fn answer_manual_valuation(
        &self,
        by: &Person,
        id: &str,
        answer: ManualValuationAnswer,
        confirmed: Option<Money>,
    ) -> Result<ApplicationReference, DeskError>;

    /// Corrects the recorded answer to a manual valuation, which the workflow has not taken yet
    /// ([`TaskState::Sending`]), and returns the reference of its application.
    ///
    /// Fails with [`DeskError::CannotBeCorrected`] once the workflow has taken the answer. A value is confirmed as in
    /// [`Self::answer_manual_valuation`].
    async fn correct_manual_valuation(
        &self,
        by: &Person,
        id: &str,
        answer: ManualValuationAnswer,
        reason: String,
        confirmed: Option<Money>,
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
    /// Different values that the valuation service gave too late, oldest first.
    pub late_answers: Vec<LateAnswer>,
    /// The limits by which the workflow will decide.
    pub policy: Policy,
    pub state: ManualValuationState,
}

impl ManualValuationView {
    /// The values that a manual valuation is compared with.
    pub fn known_values(&self) -> Vec<KnownValue> {
        known_values(&self.application, &self.late_answers, &self.previous)
    }
}

/// The values that a manual valuation is compared with: the estimate, late answers and earlier valuations.
pub fn known_values(
    application: &LoanApplication,
    late_answers: &[LateAnswer],
    previous: &[PreviousValuation],
) -> Vec<KnownValue> {
    let known = |source| move |value| KnownValue { value, source };
    let estimate = application.estimated_value.map(known(KnownSource::Estimate));
    let late = late_answers.iter().map(|answer| answer.value).map(known(KnownSource::LateAnswer));
    let earlier = previous.iter().map(|one| one.valuation.value).map(known(KnownSource::EarlierValuation));
    estimate.into_iter().chain(late).chain(earlier).collect()
}

/// A value that the valuation service gave too late. It was not used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LateAnswer {
    pub value: Money,
    pub at: OffsetDateTime,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PreviousValuation {
    pub application_reference: ApplicationReference,
    pub valuation: Valuation,
}

pub type ManualValuationState = TaskState<ManualValuationAnswer>;
