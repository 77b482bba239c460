//! What the history of an execution says that the story of its application needs: when tasks timed out, the state that it
//! is in, and how it ended.

use std::collections::HashMap;

use app::desk::RunningState;
use aws_sdk_sfn::types::{HistoryEvent, HistoryEventType};
use serde::Deserialize;
use time::OffsetDateTime;

use super::{Workflows, sdk_time};
use crate::{
    aws::AwsError,
    invocation::{ExecutionPayload, PausedTaskId, StatePayload, TaskToken},
    masking::without_tokens,
};

/// The number of events that are read, the newest ones. What happened before them is not in a timeline.
const EVENTS: i32 = 1000;

#[derive(Debug, Clone, Default, PartialEq)]
pub struct Timeline {
    /// When tasks timed out, by their ids.
    pub timed_out: HashMap<PausedTaskId, OffsetDateTime>,
    /// The state that was entered last and not left yet. `None` if the execution has ended.
    pub state: Option<RunningState>,
    /// `None` if the execution runs or has succeeded.
    pub failure: Option<FailureEvent>,
}

/// The event by which an execution failed, was stopped or timed out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FailureEvent {
    pub at: OffsetDateTime,
    /// Error and cause as Step Functions reports them, without task tokens: `States.Runtime: An error occurred …`
    pub error: Option<String>,
}

impl Workflows {
    /// Reads the timeline of an execution. It is empty if Step Functions no longer has the execution.
    pub async fn timeline(&self, execution_arn: &str) -> Result<Timeline, AwsError> {
        let history = self.aws.step_functions.get_execution_history().execution_arn(execution_arn);
        match history.reverse_order(true).max_results(EVENTS).send().await.map_err(AwsError::from) {
            Ok(mut page) => {
                page.events.reverse();
                Ok(Timeline::of(&page.events))
            }
            Err(error) if error.is("ExecutionDoesNotExist") => Ok(Timeline::default()),
            Err(error) => Err(error),
        }
    }
}

impl Timeline {
    /// The timeline of events in the order in which they happened.
    fn of(events: &[HistoryEvent]) -> Self {
        let mut timeline = Self::default();
        // The ids of the task that each event of a task belongs to.
        let mut tasks: HashMap<i64, Vec<PausedTaskId>> = HashMap::new();
        for event in events {
            let at = sdk_time(&event.timestamp);
            match event.r#type {
                HistoryEventType::TaskScheduled => {
                    tasks.insert(event.id, task_ids(event));
                }
                HistoryEventType::TaskStarted | HistoryEventType::TaskSubmitted => {
                    let ids = tasks.get(&event.previous_event_id).cloned().unwrap_or_default();
                    tasks.insert(event.id, ids);
                }
                HistoryEventType::TaskTimedOut => {
                    for id in tasks.get(&event.previous_event_id).into_iter().flatten() {
                        timeline.timed_out.insert(id.clone(), at);
                    }
                }
                HistoryEventType::ExecutionRedriven => timeline.failure = None,
                HistoryEventType::ExecutionFailed
                | HistoryEventType::ExecutionAborted
                | HistoryEventType::ExecutionTimedOut => {
                    timeline.state = None;
                    timeline.failure = Some(FailureEvent { at, error: error_of(event) });
                }
                HistoryEventType::ExecutionSucceeded => timeline.state = None,
                _ => {}
            }
            if let Some(entered) = &event.state_entered_event_details {
                timeline.state = Some(RunningState { name: entered.name.clone(), since: at });
            }
            let has_left = |state: &RunningState| {
                event.state_exited_event_details.as_ref().is_some_and(|exited| exited.name == state.name)
            };
            timeline.state = timeline.state.filter(|state| !has_left(state));
        }
        timeline
    }
}

/// What a workflow passes to a function that opens a task.
#[derive(Deserialize)]
struct Parameters {
    #[serde(rename = "Payload")]
    payload: Payload,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Payload {
    task_token: TaskToken,
    execution: ExecutionPayload,
    state: Option<StatePayload>,
}

/// The ids that the task of a `TaskScheduled` event may have. None if it pauses on no token.
fn task_ids(event: &HistoryEvent) -> Vec<PausedTaskId> {
    let Some(details) = &event.task_scheduled_event_details else { return Vec::new() };
    let Ok(Parameters { payload }) = serde_json::from_str(&details.parameters) else { return Vec::new() };
    let execution = payload.execution.at(payload.state);
    let of_retry = execution.step.as_ref().map(|step| step.retry_id(&execution.arn));
    [execution.task_id(&payload.task_token)].into_iter().chain(of_retry).collect()
}

fn error_of(event: &HistoryEvent) -> Option<String> {
    let failed = event.execution_failed_event_details.as_ref().map(|one| (&one.error, &one.cause));
    let aborted = event.execution_aborted_event_details.as_ref().map(|one| (&one.error, &one.cause));
    let timed_out = event.execution_timed_out_event_details.as_ref().map(|one| (&one.error, &one.cause));
    let (error, cause) = failed.or(aborted).or(timed_out)?;
    let parts: Vec<String> =
        [error, cause].into_iter().flatten().filter(|part| !part.is_empty()).map(|part| without_tokens(part)).collect();
    (!parts.is_empty()).then(|| parts.join(": "))
}

#[cfg(test)]
mod tests {
    use aws_sdk_sfn::{
        primitives::DateTime,
        types::{
            ExecutionAbortedEventDetails, StateEnteredEventDetails, StateExitedEventDetails, TaskScheduledEventDetails,
            builders::HistoryEventBuilder,
        },
    };
    use serde_json::json;
    use time::macros::datetime;

    use super::*;

    const STARTED: OffsetDateTime = datetime!(2026-11-22 14:31:30 UTC);

    /// An event `id` seconds after the start.
    fn event(id: i64, kind: HistoryEventType) -> HistoryEventBuilder {
        let at = DateTime::from_secs(STARTED.unix_timestamp() + id);
        HistoryEvent::builder().timestamp(at).id(id).previous_event_id(id - 1).r#type(kind)
    }

    fn entered(id: i64, name: &str) -> HistoryEvent {
        let details = StateEnteredEventDetails::builder().name(name).build().unwrap();
        event(id, HistoryEventType::TaskStateEntered).state_entered_event_details(details).build().unwrap()
    }

    fn exited(id: i64, name: &str) -> HistoryEvent {
        let details = StateExitedEventDetails::builder().name(name).build().unwrap();
        event(id, HistoryEventType::TaskStateExited).state_exited_event_details(details).build().unwrap()
    }

    fn scheduled(id: i64, payload: &serde_json::Value) -> HistoryEvent {
        let details = TaskScheduledEventDetails::builder()
            .resource_type("lambda")
            .resource("invoke.waitForTaskToken")
            .region("eu-west-2")
            .parameters(json!({ "Payload": payload }).to_string())
            .build()
            .unwrap();
        event(id, HistoryEventType::TaskScheduled).task_scheduled_event_details(details).build().unwrap()
    }

    fn plain(id: i64, kind: HistoryEventType) -> HistoryEvent {
        event(id, kind).build().unwrap()
    }

    #[test]
    fn a_task_that_timed_out_is_known_by_the_step_that_asked_for_it() {
        let payload = json!({
            "taskToken": "token",
            "execution": { "arn": "arn", "startedAt": "2026-11-22T14:31:30Z", "redriveCount": 0 },
            "state": { "enteredAt": "2026-11-22T14:31:32.000Z", "retryCount": 0 },
        });
        let events = [
            entered(2, "RequestValuation"),
            scheduled(3, &payload),
            plain(4, HistoryEventType::TaskStarted),
            plain(5, HistoryEventType::TaskSubmitted),
            plain(6, HistoryEventType::TaskTimedOut),
            exited(7, "RequestValuation"),
        ];
        let Payload { task_token, execution, state } = serde_json::from_value(payload).unwrap();
        let id = execution.at(state).task_id(&task_token);
        assert_eq!(Timeline::of(&events).timed_out.get(&id), Some(&datetime!(2026-11-22 14:31:36 UTC)));
        assert!(Timeline::of(&events[..4]).timed_out.is_empty());
    }

    #[test]
    fn the_state_is_the_one_that_was_entered_and_not_left() {
        let events = [entered(2, "Prepare"), exited(3, "Prepare"), entered(4, "CheckCredit"), exited(5, "CheckCredit")];
        let state = |count| Timeline::of(&events[..count]).state.map(|state| (state.name, state.since));
        assert_eq!(state(1), Some(("Prepare".to_owned(), datetime!(2026-11-22 14:31:32 UTC))));
        assert_eq!(state(2), None);
        assert_eq!(state(3), Some(("CheckCredit".to_owned(), datetime!(2026-11-22 14:31:34 UTC))));
        assert_eq!(state(4), None);
    }

    #[test]
    fn an_execution_that_was_stopped_says_when_and_why_until_it_is_redriven() {
        let details = ExecutionAbortedEventDetails::builder().error("Operator").cause("Sent twice").build();
        let aborted = event(3, HistoryEventType::ExecutionAborted).execution_aborted_event_details(details);
        let events = [entered(2, "Wait"), aborted.build().unwrap(), plain(4, HistoryEventType::ExecutionRedriven)];
        let timeline = Timeline::of(&events[..2]);
        let at = datetime!(2026-11-22 14:31:33 UTC);
        assert_eq!(timeline.failure, Some(FailureEvent { at, error: Some("Operator: Sent twice".to_owned()) }));
        assert_eq!(timeline.state, None);
        assert_eq!(Timeline::of(&events).failure, None);
    }
}
