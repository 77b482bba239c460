//! Manual valuations.

use app::{
    desk::{
        Actor, DeskError, LateAnswer, ManualValuationOperations, ManualValuationView, Person, PreviousValuation,
        known_values,
    },
    domain::{ApplicationReference, ManualValuationAnswer, Money},
};
use async_trait::async_trait;

use super::{LoanDesk, unavailable};
use crate::{
    applications::Record,
    callbacks::{Outcome, Summary},
    tasks::{self, PausedTask, State},
};

/// The number of earlier valuations of a property that are shown.
const PREVIOUS: usize = 5;

#[async_trait]
impl ManualValuationOperations for LoanDesk {
    async fn manual_valuation(&self, _by: &Actor, id: &str) -> Result<Option<ManualValuationView>, DeskError> {
        let Some(task) = self.staff.get::<ManualValuationAnswer>(id).await.map_err(unavailable)? else {
            return Ok(None);
        };
        let reference = &task.application_reference;
        let (told, previous) = tokio::try_join!(self.told(reference), self.previous_valuations(&task))?;
        let (story, callbacks) = told.map(|told| (told.story, told.callbacks)).unwrap_or_default();
        Ok(Some(ManualValuationView {
            item: task.waiting_item(),
            application: task.application.clone(),
            reason: tasks::manual_valuation_reason(task.failure.as_ref()),
            story,
            previous,
            late_answers: late_answers(&callbacks),
            policy: task.policy.unwrap_or(self.about.policy),
            state: tasks::state(&task),
        }))
    }

    async fn answer_manual_valuation(
        &self,
        by: &Person,
        id: &str,
        answer: ManualValuationAnswer,
        confirmed: Option<Money>,
    ) -> Result<ApplicationReference, DeskError> {
        self.question(id, &answer, confirmed).await?;
        self.answer(by, id, &answer).await
    }

    async fn correct_manual_valuation(
        &self,
        by: &Person,
        id: &str,
        answer: ManualValuationAnswer,
        reason: String,
        confirmed: Option<Money>,
    ) -> Result<ApplicationReference, DeskError> {
        self.question(id, &answer, confirmed).await?;
        self.correct(by, id, &answer, reason).await
    }
}

/// The different values that came too late or contradicted the answer that was used.
fn late_answers(callbacks: &[Summary]) -> Vec<LateAnswer> {
    let mut answers: Vec<LateAnswer> = Vec::new();
    for callback in callbacks.iter().filter(|callback| matches!(callback.outcome, Outcome::Late | Outcome::Conflicting))
    {
        if let Some(value) = callback.value.filter(|value| answers.iter().all(|answer| answer.value != *value)) {
            answers.push(LateAnswer { value, at: callback.received_at });
        }
    }
    answers
}

impl LoanDesk {
    /// Fails if the value is unusual and has not been confirmed. A task that is over is not asked about.
    async fn question(
        &self,
        id: &str,
        answer: &ManualValuationAnswer,
        confirmed: Option<Money>,
    ) -> Result<(), DeskError> {
        let ManualValuationAnswer::Value { value, .. } = *answer else { return Ok(()) };
        if confirmed == Some(value) {
            return Ok(());
        }
        let task = self.staff.get::<ManualValuationAnswer>(id).await.map_err(unavailable)?;
        let Some(task) = task.filter(|task| matches!(task.state, State::Open | State::Answering(_))) else {
            return Ok(());
        };
        let callbacks =
            async { self.callbacks.of_application(task.application_reference.as_str()).await.map_err(unavailable) };
        let (callbacks, previous) = tokio::try_join!(callbacks, self.previous_valuations(&task))?;
        let known = known_values(&task.application, &late_answers(&callbacks), &previous);
        match self.about.value_alert.question(value, known) {
            Some(unusual) => Err(DeskError::Unconfirmed(unusual.sentence())),
            None => Ok(()),
        }
    }

    /// What the property of a task was valued at for other applications, newest first.
    async fn previous_valuations(&self, task: &PausedTask) -> Result<Vec<PreviousValuation>, DeskError> {
        let valued = self.read_model.valued(&task.application.property).await.map_err(unavailable)?;
        let rows = valued.iter().map(Record::row);
        let others = rows.filter(|row| row.application.application_reference != task.application_reference);
        let previous = others.filter_map(|row| {
            let application_reference = row.application.application_reference;
            Some(PreviousValuation { application_reference, valuation: row.valuation? })
        });
        Ok(previous.take(PREVIOUS).collect())
    }
}
