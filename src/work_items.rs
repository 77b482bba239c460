//! Manual valuations: the function behind the workflow's `ManualValuation`, and the answers that staff give.

use app::{
    desk::{ManualValuationState, ManualValuationView, PreviousValuation, StoryEntry},
    domain::{LoanApplication, ManualValuationAnswer, WaitingOn},
};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::{
    applications::Applications,
    aws::AwsError,
    clock::Clock,
    functions::{self, ExecutionPayload, FunctionFailure},
    paused::{Answer, Answered, Failure, Opened, PausedTask, PausedTaskId, PausedTasks, Says, State, TaskToken},
    story,
    valuation::{self, StaffValuation},
};

/// The error that a refusal to value ends the task with; the workflow declines the application then.
const CANNOT_BE_VALUED: &str = "PropertyCannotBeValued";

/// What the workflow says failed when the valuation service did not answer in time.
pub const TIMED_OUT: &str = "ValuationServiceTimedOut";

#[derive(Clone)]
pub struct WorkItems {
    pub clock: Clock,
    pub paused: PausedTasks,
    pub applications: Applications,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Payload {
    task_token: TaskToken,
    loan_application: LoanApplication,
    execution: ExecutionPayload,
    failure: WhatFailed,
    /// The error that the workflow caught.
    cause: Caught,
    timeout_seconds: i64,
}

#[derive(Deserialize)]
struct WhatFailed {
    error: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Caught {
    error: Option<String>,
}

impl WorkItems {
    /// Puts an application on the desk of whoever values by hand.
    pub async fn add(&self, payload: Value) -> Result<Value, FunctionFailure> {
        let payload: Payload = functions::read(payload)?;
        let now = self.clock.now();
        let reference = payload.loan_application.application_reference.clone();
        let ended_as = if payload.failure.error == TIMED_OUT { State::Lapsed } else { State::Abandoned };
        let valuation_reference = self.close_requests(reference.as_str(), payload.execution.arn(), ended_as).await?;
        let task = PausedTask {
            id: PausedTaskId::of(&payload.task_token),
            on: WaitingOn::Staff,
            application_reference: reference,
            execution_arn: payload.execution.arn().to_owned(),
            application: payload.loan_application,
            since: now,
            deadline: now + time::Duration::seconds(payload.timeout_seconds),
            valuation_reference,
            failure: Some(Failure { error: payload.failure.error, task_error: payload.cause.error }),
            state: State::Open,
        };
        if self.paused.open(&task, &payload.task_token).await? == Opened::New {
            tracing::info!(application = %task.application_reference, item = %task.id, "waiting for a manual valuation");
        }
        self.applications.waits_for(&task, &payload.execution.into()).await?;
        Ok(json!({ "workItem": task.id.as_str() }))
    }

    /// The workflow asks a person, so it waits for the valuation service no more. Returns the reference that the service
    /// had given last.
    async fn close_requests(
        &self,
        reference: &str,
        execution_arn: &str,
        ended_as: State,
    ) -> Result<Option<String>, AwsError> {
        let mut last = None;
        for task in self.paused.of_application(reference).await? {
            if task.on != WaitingOn::ValuationService || task.execution_arn != execution_arn {
                continue;
            }
            if matches!(task.state, State::Requesting | State::Open) {
                self.paused.close(&task.id, ended_as.clone()).await?;
            }
            last = task.valuation_reference.or(last);
        }
        Ok(last)
    }

    pub async fn get(&self, id: &str) -> Result<Option<PausedTask>, AwsError> {
        let task = self.paused.get(&PausedTaskId::from_key(id)).await?;
        Ok(task.filter(|task| task.on == WaitingOn::Staff))
    }

    /// Answers an item and thereby resumes its execution, once.
    pub async fn answer(
        &self,
        task: &PausedTask,
        answer: &ManualValuationAnswer,
        by: &str,
    ) -> Result<Answered, AwsError> {
        let says = match answer {
            ManualValuationAnswer::Value { value, valued_on, basis, comment } => {
                let given = StaffValuation {
                    valuation_reference: task.valuation_reference.clone(),
                    property_value: valuation::number_or_decimal(*value),
                    valued_by: by.to_owned(),
                    basis: *basis,
                    valued_on: *valued_on,
                    comment: comment.clone(),
                };
                Says::Success { output: serde_json::to_value(given).unwrap_or_default() }
            }
            ManualValuationAnswer::CannotValue { reason } => {
                Says::Failure { error: CANNOT_BE_VALUED.to_owned(), cause: reason.clone() }
            }
        };
        let answer = Answer { says, by: Some(by.to_owned()), callback: None, at: self.clock.now() };
        let answered = self.paused.answer(&task.id, answer).await?;
        if let Answered::Resumed(task) = &answered {
            self.applications.goes_on(task).await;
        }
        Ok(answered)
    }

    /// What the page shows of an item. `valuation_timeout` is told when it was the service that was too slow.
    pub fn view(
        task: &PausedTask,
        valuation_timeout: std::time::Duration,
        story: Vec<StoryEntry>,
        previous: Vec<PreviousValuation>,
    ) -> ManualValuationView {
        let state = match &task.state {
            State::Open | State::Requesting => ManualValuationState::Open,
            State::Answering(answer) | State::Answered(answer) => match read_answer(&answer.says) {
                Some(given) => ManualValuationState::Answered {
                    by: answer.by.clone().unwrap_or_default(),
                    at: answer.at,
                    answer: given,
                },
                None => ManualValuationState::Lapsed,
            },
            State::TooLate(answer) => match (read_answer(&answer.says), &answer.by) {
                (Some(given), Some(by)) => {
                    ManualValuationState::TooLate { by: by.clone(), at: answer.at, answer: given }
                }
                _ => ManualValuationState::Lapsed,
            },
            State::Lapsed | State::Failed => ManualValuationState::Lapsed,
            State::Abandoned => ManualValuationState::Abandoned,
        };
        ManualValuationView {
            item: task.waiting_item(),
            application: task.application.clone(),
            reason: story::why_by_hand(task.failure.as_ref(), valuation_timeout),
            story,
            previous,
            state,
        }
    }
}

/// What a person said, out of what Step Functions was told.
pub fn read_answer(says: &Says) -> Option<ManualValuationAnswer> {
    match says {
        Says::Success { output } => {
            let given = StaffValuation::deserialize(output).ok()?;
            Some(ManualValuationAnswer::Value {
                value: valuation::pounds(&given.property_value)?,
                valued_on: given.valued_on,
                basis: given.basis,
                comment: given.comment,
            })
        }
        Says::Failure { cause, .. } => Some(ManualValuationAnswer::CannotValue { reason: cause.clone() }),
    }
}

#[cfg(test)]
mod tests {
    use app::domain::ValuationBasis;

    use super::*;

    #[test]
    fn what_the_workflow_is_told_reads_back_as_the_answer() {
        let valuation = StaffValuation {
            valuation_reference: None,
            property_value: json!(250000),
            valued_by: "Ada".into(),
            basis: ValuationBasis::DriveBy,
            valued_on: time::macros::date!(2026 - 11 - 22),
            comment: "Seen from the road".into(),
        };
        let output = serde_json::to_value(&valuation).unwrap();
        assert_eq!(output["valuedOn"], "2026-11-22");
        assert_eq!(output["basis"], "drive_by");
        let Some(ManualValuationAnswer::Value { value, comment, .. }) = read_answer(&Says::Success { output }) else {
            panic!("a value");
        };
        assert_eq!((value.pence(), comment.as_str()), (25_000_000, "Seen from the road"));
    }
}
