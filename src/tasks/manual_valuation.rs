//! Manual valuations: the function behind the workflow's `ManualValuation`, and the answers that staff give.

use std::time::Duration;

use app::{
    desk::{ManualValuationState, ManualValuationView, PreviousValuation, StoryEntry},
    domain::{LoanApplication, ManualValuationAnswer, TaskKind},
};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{Along, Answer, Answered, Failure, PausedTask, PausedTasks, Says, State};
use crate::{
    applications::Applications,
    aws::AwsError,
    clock::Clock,
    invocation::{self, ExecutionPayload, FunctionFailure, PausedTaskId, StatePayload, TaskToken},
    story,
    valuation::{self, ManualValuation},
    writes::Write,
};

/// The error that a refusal to value ends the task with; the workflow declines the application then.
const CANNOT_BE_VALUED: &str = "PropertyCannotBeValued";

/// What the workflow says failed when the valuation service did not answer in time.
pub const TIMED_OUT: &str = "ValuationServiceTimedOut";

#[derive(Clone)]
pub struct ManualValuations {
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
    state: Option<StatePayload>,
    failure: WhatFailed,
    /// The error that the workflow caught.
    cause: Caught,
    timeout_seconds: u32,
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

impl ManualValuations {
    /// Puts an application on the desk of whoever values manually.
    pub async fn open(&self, payload: Value) -> Result<Value, FunctionFailure> {
        let payload: Payload = invocation::read(payload)?;
        let execution = payload.execution.at(payload.state);
        let timeout = Duration::from_secs(payload.timeout_seconds.into());
        let now = self.clock.now();
        let reference = payload.loan_application.application_reference.clone();
        let before = self.paused.of_application(reference.as_str()).await?;
        let before: Vec<_> = before.into_iter().filter(|task| task.execution_arn == execution.arn).collect();
        let request = before.iter().rfind(|task| task.kind == TaskKind::Valuation);
        let has_timed_out = payload.failure.error == TIMED_OUT;
        let task = PausedTask {
            id: PausedTaskId::of(execution.step.as_ref(), &execution.arn, &payload.task_token),
            kind: TaskKind::ManualValuation,
            application_reference: reference,
            execution_arn: execution.arn.clone(),
            application: payload.loan_application,
            since: now,
            deadline: now + timeout,
            timeout,
            retries: execution.step.as_ref().map_or(0, |step| step.retries),
            valuation_reference: request.and_then(|request| request.valuation_reference.clone()),
            failure: Some(Failure {
                error: payload.failure.error,
                task_error: payload.cause.error,
                timeout_seconds: request.filter(|_| has_timed_out).map(|request| request.timeout.as_secs()),
            }),
            state: State::Open,
        };
        let waits = |task: &PausedTask| self.applications.waits_for(task, &execution);
        let Some(task) = self.paused.open(task, &payload.task_token, execution.step.as_ref(), waits).await? else {
            return Err(FunctionFailure::InvalidApplication(
                "the workflow has gone on since it asked for this valuation".to_owned(),
            ));
        };
        self.applications.nudge();
        tracing::info!(application = %task.application_reference, item = %task.id, "waiting for a manual valuation");
        // The workflow waits for nothing else now. Should this not come to pass, the reconciler does it.
        let ended_as = if has_timed_out { State::Lapsed } else { State::Abandoned };
        self.close_others(&before, &task, ended_as).await?;
        Ok(json!({ "workItem": task.id.as_str() }))
    }

    /// Closes what the execution waited for before it asked for `task`.
    async fn close_others(&self, before: &[PausedTask], task: &PausedTask, ended_as: State) -> Result<(), AwsError> {
        for other in before.iter().filter(|other| other.id != task.id) {
            if matches!(other.state, State::Requesting | State::Open) {
                let ended_as = if other.kind == task.kind { State::Abandoned } else { ended_as.clone() };
                self.paused.close(&other.id, ended_as).await?;
            }
        }
        Ok(())
    }

    pub async fn get(&self, id: &str) -> Result<Option<PausedTask>, AwsError> {
        let task = self.paused.get(&PausedTaskId::from_key(id)).await?;
        Ok(task.filter(|task| task.kind == TaskKind::ManualValuation))
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
                let given = ManualValuation {
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
        let claimed = Some(Write::Update(self.applications.waits_no_more(task)));
        let along = Along { claimed, ..Along::default() };
        let answered = self.paused.answer(&task.id, answer, along).await?;
        self.applications.nudge();
        Ok(answered)
    }

    /// What the page shows of an item.
    pub fn view(task: &PausedTask, story: Vec<StoryEntry>, previous: Vec<PreviousValuation>) -> ManualValuationView {
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
                (Some(given), Some(by)) if answer.at < task.deadline => {
                    ManualValuationState::NotUsed { by: by.clone(), at: answer.at, answer: given }
                }
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
            reason: story::why_by_hand(task.failure.as_ref()),
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
            let given = ManualValuation::deserialize(output).ok()?;
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
        let valuation = ManualValuation {
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
