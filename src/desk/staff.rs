//! Answering the tasks that wait on staff, whatever their kind.

use app::{
    desk::{DeskError, Person},
    domain::ApplicationReference,
};

use super::{LoanDesk, unavailable};
use crate::tasks::{Answer, Answered, PausedTask, StaffAnswer, State};

impl LoanDesk {
    /// Answers a task. That the same person gives the same answer twice is not an error.
    pub(super) async fn answer<A: StaffAnswer>(
        &self,
        by: &Person,
        id: &str,
        answer: &A,
    ) -> Result<ApplicationReference, DeskError> {
        let task = self.staff.get::<A>(id).await.map_err(unavailable)?.ok_or(DeskError::NotFound)?;
        match self.staff.answer(&task, answer, by.name()).await.map_err(unavailable)? {
            Answered::Resumed(task) => Ok(task.application_reference),
            // The answer is kept with the task, and sent as soon as the workflow asks again.
            Answered::Pending(task) if is_kept(&task, by, answer) => Ok(task.application_reference),
            Answered::Pending(task) => Err(match task.state {
                State::Answering(before) => {
                    DeskError::AlreadyAnswered { by: before.by.unwrap_or_default(), at: before.at }
                }
                _ => DeskError::NotUsed,
            }),
            Answered::Before(task, before) if is_same(&before, by, answer) => Ok(task.application_reference),
            Answered::Before(_, before) => {
                Err(DeskError::AlreadyAnswered { by: before.by.unwrap_or_default(), at: before.at })
            }
            Answered::TooLate(task) if self.clock.now() < task.deadline => Err(DeskError::NotUsed),
            Answered::TooLate(_) | Answered::NotYet(_) => Err(DeskError::TooLate),
            Answered::NotFound => Err(DeskError::NotFound),
        }
    }

    /// Corrects the answer to a task. That the same person gives the same correction twice is not an error.
    pub(super) async fn correct<A: StaffAnswer>(
        &self,
        by: &Person,
        id: &str,
        answer: &A,
        reason: String,
    ) -> Result<ApplicationReference, DeskError> {
        let task = self.staff.get::<A>(id).await.map_err(unavailable)?.ok_or(DeskError::NotFound)?;
        if is_kept(&task, by, answer) {
            return Ok(task.application_reference);
        }
        match self.staff.correct(&task, answer, by.name(), reason).await.map_err(unavailable)? {
            Answered::Resumed(task) => Ok(task.application_reference),
            Answered::Pending(task) if is_kept(&task, by, answer) => Ok(task.application_reference),
            Answered::Before(task, before) if is_same(&before, by, answer) => Ok(task.application_reference),
            Answered::NotFound => Err(DeskError::NotFound),
            _ => Err(DeskError::CannotBeCorrected),
        }
    }
}

/// Whether the task is being answered with this answer of this person.
fn is_kept<A: StaffAnswer>(task: &PausedTask, by: &Person, answer: &A) -> bool {
    matches!(&task.state, State::Answering(claimed) if is_same(claimed, by, answer))
}

/// Whether this person gave this answer before.
fn is_same<A: StaffAnswer>(before: &Answer, by: &Person, answer: &A) -> bool {
    before.by.as_deref() == Some(by.name()) && A::read(&before.says).as_ref() == Some(answer)
}
