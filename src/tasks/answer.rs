//! Answering a paused task: exactly once, whoever tries, however often, and whatever stops in between.
//!
//! First the answer is written to the task's row, on the condition that it has none. Then Step Functions is told. Then the
//! row says so. A desk that stops between these steps leaves an answer that the reconciler sends again.

use std::iter::once;

use aws_sdk_dynamodb::types::builders::UpdateBuilder;
use aws_sdk_sfn::types::ExecutionStatus;

use super::{Answer, PausedTask, PausedTasks, Says, State, row, transitions::Changed};
use crate::{
    aws::AwsError,
    invocation::{PausedTaskId, TaskToken},
    writes::Write,
};

/// The result of answering a task.
#[derive(Debug, Clone, PartialEq)]
pub enum Answered {
    /// The execution continues with this answer.
    Resumed(PausedTask),
    /// The execution had already continued with the answer that is given here.
    Before(PausedTask, Answer),
    /// The execution has continued without an answer.
    TooLate(PausedTask),
    /// The valuation service has not given the request a reference yet.
    NotYet(PausedTask),
    /// The answer is kept, and is sent later: it is held back for corrections, or the function that stored the token has
    /// failed and its workflow is about to call it again.
    Pending(PausedTask),
    NotFound,
}

impl Answered {
    /// What became of a task that cannot be answered now.
    pub(super) fn of(task: PausedTask) -> Self {
        match task.state.clone() {
            State::Answering(_) => Self::Pending(task),
            State::Answered(before) => Self::Before(task, before),
            State::Lapsed | State::TooLate(_) | State::Abandoned | State::Failed => Self::TooLate(task),
            State::Requesting | State::Open => Self::NotYet(task),
        }
    }
}

/// Writes that belong to an answer, in the same transactions.
#[derive(Default)]
pub struct Along {
    /// When the task is reserved for the answer. It is left out if its own condition is not met.
    pub claimed: Option<Write>,
    /// When Step Functions has taken the answer.
    pub answered: Option<UpdateBuilder>,
    /// When Step Functions has refused the answer that the task was reserved for.
    pub refused: Option<fn(&PausedTask, &Answer) -> Option<UpdateBuilder>>,
}

impl PausedTasks {
    /// Answers a task. After an error, the answer may be in the task's row; the reconciler then sends it.
    pub async fn answer(&self, id: &PausedTaskId, answer: Answer, along: Along) -> Result<Answered, AwsError> {
        let item = match self.claim(id, &answer, along.claimed).await? {
            Changed::Yes(item) | Changed::No(item) => item,
            Changed::NotFound => return Ok(Answered::NotFound),
        };
        let task = row::read(&item)?;
        match task.state.clone() {
            State::Answering(claimed) => {
                self.send(task, row::read_token(&item)?, &claimed, &answer, along.answered, along.refused).await
            }
            _ => Ok(Answered::of(task)),
        }
    }

    /// Stores the answer to a task without sending it, so that it can be corrected. The reconciler sends it.
    pub async fn hold(&self, id: &PausedTaskId, answer: &Answer, claimed: Option<Write>) -> Result<Answered, AwsError> {
        match self.claim(id, answer, claimed).await? {
            Changed::Yes(item) | Changed::No(item) => Ok(Answered::of(row::read(&item)?)),
            Changed::NotFound => Ok(Answered::NotFound),
        }
    }

    /// Sends the answer in the row to Step Functions. It may differ from `mine`.
    async fn send(
        &self,
        mut task: PausedTask,
        token: TaskToken,
        claimed: &Answer,
        mine: &Answer,
        answered: Option<UpdateBuilder>,
        refused: Option<fn(&PausedTask, &Answer) -> Option<UpdateBuilder>>,
    ) -> Result<Answered, AwsError> {
        let Some(taken) = self.taken(&task, &token, claimed).await? else {
            if self.may_be_asked_again(&task).await? {
                return Ok(Answered::Pending(task));
            }
            let Some(along) = refused.and_then(|refused| refused(&task, claimed)) else {
                return self.note_refused(task, claimed).await;
            };
            self.too_late(&task.id, along).await?;
            task.state = State::TooLate(claimed.clone());
            return Ok(Answered::TooLate(task));
        };
        match answered.filter(|_| taken == *mine) {
            Some(along) => self.answered(&task.id, along).await?,
            None => self.note_taken(&task.id, &taken).await?,
        }
        task.state = State::Answered(taken.clone());
        Ok(if taken == *mine { Answered::Resumed(task) } else { Answered::Before(task, taken) })
    }

    /// Sends the answer, and returns the version of it that Step Functions has accepted, now or earlier.
    async fn taken(&self, task: &PausedTask, token: &TaskToken, answer: &Answer) -> Result<Option<Answer>, AwsError> {
        match self.tell(token, &answer.says).await {
            Ok(()) => Ok(Some(answer.clone())),
            // The task was answered or timed out, or its execution is closed. If it was answered, it was by this desk, and the
            // response was lost.
            Err(error) if error.is("TaskTimedOut") || error.is("TaskDoesNotExist") || error.is("InvalidToken") => {
                for version in once(answer.clone()).chain(answer.replaced()) {
                    if self.was_told(&task.execution_arn, token, &version.says).await? {
                        return Ok(Some(version));
                    }
                }
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }

    /// Whether the workflow may ask again for a task whose token is no longer valid: its deadline has not passed, and its
    /// execution is running and has not asked for a later task. A function that fails after it has stored its token leaves
    /// such a task until Step Functions calls it again.
    async fn may_be_asked_again(&self, task: &PausedTask) -> Result<bool, AwsError> {
        if task.deadline <= self.aws.clock.now() {
            return Ok(false);
        }
        let execution = self.aws.step_functions.describe_execution().execution_arn(&task.execution_arn).send().await;
        match execution.map_err(AwsError::from) {
            Ok(described) if described.status == ExecutionStatus::Running => {}
            Err(error) if !error.is("ExecutionDoesNotExist") => return Err(error),
            _ => return Ok(false),
        }
        let tasks = self.of_application(task.application_reference.as_str()).await?;
        let is_later = |other: &PausedTask| other.execution_arn == task.execution_arn && other.since > task.since;
        Ok(!tasks.iter().any(is_later))
    }

    async fn tell(&self, token: &TaskToken, says: &Says) -> Result<(), AwsError> {
        let step_functions = &self.aws.step_functions;
        match says {
            Says::Success { output } => {
                step_functions.send_task_success().task_token(token.reveal()).output(output.to_string()).send().await?;
            }
            Says::Failure { error, cause } => {
                step_functions.send_task_failure().task_token(token.reveal()).error(error).cause(cause).send().await?;
            }
        }
        Ok(())
    }
}
