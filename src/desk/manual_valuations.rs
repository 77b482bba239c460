//! Manual valuations.

use app::{
    desk::{
        Actor, ApplicationOperations, DeskError, ManualValuationOperations, ManualValuationView, Person,
        PreviousValuation,
    },
    domain::{ApplicationReference, ManualValuationAnswer},
};
use async_trait::async_trait;

use super::{LoanDesk, unavailable};
use crate::{
    applications::Record,
    tasks::{Answer, Answered, ManualValuations, PausedTask, State, read_manual_valuation},
};

/// The number of earlier valuations of a property that are shown.
const PREVIOUS: usize = 5;

#[async_trait]
impl ManualValuationOperations for LoanDesk {
    async fn manual_valuation(&self, by: &Actor, id: &str) -> Result<Option<ManualValuationView>, DeskError> {
        let Some(task) = self.manual_valuations.get(id).await.map_err(unavailable)? else { return Ok(None) };
        let (application, previous) = tokio::try_join!(
            self.application_with_story(by, &task.application_reference),
            self.previous_valuations(&task)
        )?;
        let story = application.map(|application| application.story).unwrap_or_default();
        Ok(Some(ManualValuations::view(&task, story, previous)))
    }

    async fn answer_manual_valuation(
        &self,
        by: &Person,
        id: &str,
        answer: ManualValuationAnswer,
    ) -> Result<ApplicationReference, DeskError> {
        let task = self.manual_valuations.get(id).await.map_err(unavailable)?.ok_or(DeskError::NotFound)?;
        match self.manual_valuations.answer(&task, &answer, by.name()).await {
            Ok(Answered::Resumed(task)) => Ok(task.application_reference),
            // The answer is stored with the task, and is sent when the workflow asks again.
            Ok(Answered::Pending(task)) if is_kept(&task, by, &answer) => Ok(task.application_reference),
            Ok(Answered::Pending(_)) => Err(DeskError::NotUsed),
            Ok(Answered::Before(task, before)) if is_same(&before, by, &answer) => Ok(task.application_reference),
            Ok(Answered::Before(_, before)) => {
                Err(DeskError::AlreadyAnswered { by: before.by.unwrap_or_default(), at: before.at })
            }
            Ok(Answered::TooLate(task)) if self.clock.now() < task.deadline => Err(DeskError::NotUsed),
            Ok(Answered::TooLate(_) | Answered::NotYet(_)) => Err(DeskError::TooLate),
            Ok(Answered::NotFound) => Err(DeskError::NotFound),
            Err(error) => Err(unavailable(error)),
        }
    }
}

impl LoanDesk {
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

/// Whether the answer stored with a task is this answer by this person.
fn is_kept(task: &PausedTask, by: &Person, answer: &ManualValuationAnswer) -> bool {
    matches!(&task.state, State::Answering(claimed) if is_same(claimed, by, answer))
}

/// Whether the earlier answer is the same answer by the same person.
fn is_same(before: &Answer, by: &Person, answer: &ManualValuationAnswer) -> bool {
    before.by.as_deref() == Some(by.name()) && read_manual_valuation(&before.says).as_ref() == Some(answer)
}
