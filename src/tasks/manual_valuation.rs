//! Manual valuations: the function behind the workflow's `ManualValuation`, the answers that staff give, and the story of
//! such a task.

use std::time::Duration;

use app::{
    desk::{StoryEntry, StoryKind},
    domain::{LoanApplication, ManualValuationAnswer, Policy, TaskKind},
    spelled_out,
};
use serde::Deserialize;
use serde_json::{Value, json};
use time::OffsetDateTime;

use super::{Answer, Failure, PausedTask, Says, StaffAnswer, StaffTasks, State, Version};
use crate::{
    invocation::{self, ExecutionPayload, FunctionFailure, StatePayload, TaskToken},
    valuation::{self, ManualValuation},
};

/// The error with which the task fails when the property cannot be valued. The workflow then declines the application.
const CANNOT_BE_VALUED: &str = "PropertyCannotBeValued";

/// The error that the workflow passes on when the valuation service did not answer in time.
const TIMED_OUT: &str = "ValuationServiceTimedOut";

#[derive(Clone)]
pub struct ManualValuations {
    pub staff: StaffTasks,
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
    /// The limits by which the workflow will decide. Workflows of earlier versions do not tell them.
    policy: Option<Limits>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Limits {
    approve_up_to: f64,
    refer_up_to: f64,
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
    /// Asks staff to value the property of an application.
    pub async fn open(&self, payload: Value) -> Result<Value, FunctionFailure> {
        let payload: Payload = invocation::read(payload)?;
        let execution = payload.execution.at(payload.state);
        let before = self.staff.before(&payload.loan_application.application_reference, &execution).await?;
        let request = before.iter().rfind(|task| task.kind == TaskKind::Valuation);
        let has_timed_out = payload.failure.error == TIMED_OUT;
        let task = PausedTask {
            valuation_reference: request.and_then(|request| request.valuation_reference.clone()),
            failure: Some(Failure {
                error: payload.failure.error,
                task_error: payload.cause.error,
                timeout_seconds: request.filter(|_| has_timed_out).map(|request| request.timeout.as_secs()),
            }),
            policy: payload.policy.map(|Limits { approve_up_to, refer_up_to }| Policy { approve_up_to, refer_up_to }),
            ..PausedTask::new(
                TaskKind::ManualValuation,
                payload.loan_application,
                &execution,
                &payload.task_token,
                self.staff.clock.now(),
                Duration::from_secs(payload.timeout_seconds.into()),
            )
        };
        let request_ended_as = if has_timed_out { State::Lapsed } else { State::Abandoned };
        let id = self.staff.ask(task, &payload.task_token, &execution, &before, request_ended_as).await?;
        Ok(json!({ "task": id.as_str() }))
    }
}

impl StaffAnswer for ManualValuationAnswer {
    const KIND: TaskKind = TaskKind::ManualValuation;

    fn says(&self, task: &PausedTask, by: &str) -> Says {
        match self {
            Self::Value { value, valued_on, basis, comment } => {
                let given = ManualValuation {
                    valuation_reference: task.valuation_reference.clone(),
                    property_value: valuation::number_or_decimal(*value),
                    valued_by: by.to_owned(),
                    basis: *basis,
                    valued_on: *valued_on,
                    comment: comment.clone(),
                };
                Says::Success { output: json!(given) }
            }
            Self::CannotValue { reason } => Says::Failure { error: CANNOT_BE_VALUED.to_owned(), cause: reason.clone() },
        }
    }

    fn read(says: &Says) -> Option<Self> {
        match says {
            Says::Success { output } => {
                let given = ManualValuation::deserialize(output).ok()?;
                Some(Self::Value {
                    value: valuation::pounds(&given.property_value)?,
                    valued_on: given.valued_on,
                    basis: given.basis,
                    comment: given.comment,
                })
            }
            Says::Failure { cause, .. } => Some(Self::CannotValue { reason: cause.clone() }),
        }
    }
}

/// Why a manual valuation was asked for.
pub fn reason(failure: Option<&Failure>) -> String {
    let Some(failure) = failure else { return "The valuation service gave no value.".to_owned() };
    if failure.error == TIMED_OUT {
        return match failure.timeout_seconds {
            Some(seconds) => {
                format!("The valuation service did not answer within {}.", spelled_out(Duration::from_secs(seconds)))
            }
            None => "The valuation service did not answer in time.".to_owned(),
        };
    }
    match failure.task_error.as_deref() {
        Some("ValuationFailed") => "The valuation service could not value the property.",
        Some("ValuationServiceUnavailable") => "The valuation service could not be reached.",
        Some("ValuationServiceRefused") => "The valuation service would not take the request.",
        _ => "The valuation failed.",
    }
    .to_owned()
}

/// Adds the task and its answer to the story of the application.
pub fn tell(task: &PausedTask, lapsed_at: Option<OffsetDateTime>, story: &mut Vec<StoryEntry>) {
    story.push(task.asked("Manual valuation asked for, due by"));
    match &task.state {
        State::Answering(answer) | State::Answered(answer) if !answer.versions.is_empty() => {
            story.extend(answer.versions.iter().map(|version| tell_version(answer, version)));
        }
        State::Answering(answer) | State::Answered(answer) => {
            story.push(StoryEntry::new(answer.at, answer.says.story_kind(), person_said(answer)));
        }
        State::TooLate(answer) => {
            let why = if answer.at < task.deadline { "Nobody waited for it any more" } else { "It came too late" };
            let text = format!("{}. {why}: kept, not used", person_said(answer));
            story.push(StoryEntry::new(answer.at, StoryKind::Kept, text));
        }
        State::Lapsed => {
            let text = "Nobody valued the property manually in time";
            story.extend(lapsed_at.map(|at| StoryEntry::new(at, StoryKind::Lapsed, text)));
        }
        State::Requesting | State::Open | State::Failed | State::Abandoned => {}
    }
}

/// The answer in a few words, for a list.
pub fn in_a_few_words(answer: &Answer) -> String {
    let by = answer.by.as_deref().unwrap_or("Somebody");
    match ManualValuationAnswer::read(&answer.says) {
        Some(ManualValuationAnswer::Value { value, .. }) => format!("{by}: {value}"),
        Some(ManualValuationAnswer::CannotValue { .. }) => format!("{by}: cannot be valued"),
        None => format!("Answered by {by}"),
    }
}

fn person_said(answer: &Answer) -> String {
    said(&answer.says, answer.by.as_deref().unwrap_or("Somebody"))
}

/// A version of an answer that was corrected.
fn tell_version(answer: &Answer, version: &Version) -> StoryEntry {
    let said = said(&version.says, &version.by);
    let text = match &version.reason {
        None => said,
        Some(reason) => format!("Corrected: {said}. Reason: {reason}"),
    };
    if answer.is_unused(version) {
        let text = format!("{text}. The workflow had already gone on with the earlier answer: kept, not used");
        return StoryEntry::new(version.at, StoryKind::Kept, text);
    }
    StoryEntry::new(version.at, version.says.story_kind(), text)
}

fn said(says: &Says, by: &str) -> String {
    match ManualValuationAnswer::read(says) {
        Some(ManualValuationAnswer::Value { value, valued_on, basis, comment }) => {
            let (basis, valued_on) = (basis.in_a_sentence(), app::domain::day_in_words(valued_on));
            let comment = if comment.is_empty() { String::new() } else { format!(": {comment}") };
            format!("{by} valued the property at {value} ({basis}, {valued_on}){comment}")
        }
        Some(ManualValuationAnswer::CannotValue { reason }) => format!("{by} could not value the property: {reason}"),
        None => format!("{by} answered"),
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
        let read = ManualValuationAnswer::read(&Says::Success { output });
        let Some(ManualValuationAnswer::Value { value, comment, .. }) = read else {
            panic!("a value");
        };
        assert_eq!((value.pence(), comment.as_str()), (25_000_000, "Seen from the road"));
    }
}
