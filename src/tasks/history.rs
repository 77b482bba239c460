//! What the history of an execution says of a paused task: whether it was answered, and how it ended.

use std::collections::HashMap;

use aws_sdk_sfn::types::{HistoryEvent, HistoryEventType};

use super::{PausedTask, PausedTasks, Says, TABLE, row};
use crate::{aws::AwsError, invocation::TaskToken, item::text};

impl PausedTasks {
    /// Whether the history of the execution contains this answer to the task with this token.
    pub(super) async fn was_told(&self, execution_arn: &str, token: &TaskToken, says: &Says) -> Result<bool, AwsError> {
        let events = self.history(execution_arn).await?;
        Ok(events.is_some_and(|events| history_has_answer(&events, token, says)))
    }

    /// How Step Functions ended a task; `None` while it still waits for the answer.
    pub async fn ended(&self, task: &PausedTask) -> Result<Option<Ending>, AwsError> {
        let get = self.aws.dynamodb.get_item().table_name(TABLE.name).key(TABLE.key, text(task.id.as_str()));
        let item = get.consistent_read(true).send().await?.item;
        let (Some(item), Some(events)) = (item, self.history(&task.execution_arn).await?) else {
            return Ok(Some(Ending::Otherwise));
        };
        Ok(history_ends(&events, &row::read_token(&item)?))
    }

    /// All events of an execution, or `None` if Step Functions no longer has it.
    async fn history(&self, execution_arn: &str) -> Result<Option<Vec<HistoryEvent>>, AwsError> {
        let mut pages = self
            .aws
            .step_functions
            .get_execution_history()
            .execution_arn(execution_arn)
            .max_results(1000)
            .into_paginator()
            .items()
            .send();
        let mut events = Vec::new();
        while let Some(event) = pages.next().await {
            match event.map_err(AwsError::from) {
                Ok(event) => events.push(event),
                Err(error) if error.is("ExecutionDoesNotExist") => return Ok(None),
                Err(error) => return Err(error),
            }
        }
        Ok(Some(events))
    }
}

/// How a task ended that the desk has no answer to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    TimedOut,
    /// It was answered without the desk, its function failed, or its execution ended.
    Otherwise,
}

fn history_ends(events: &[HistoryEvent], token: &TaskToken) -> Option<Ending> {
    let is_scheduled = |event: &&HistoryEvent| {
        event.task_scheduled_event_details.as_ref().is_some_and(|details| details.parameters.contains(token.reveal()))
    };
    let Some(scheduled) = events.iter().find(is_scheduled) else { return Some(Ending::Otherwise) };
    let mut of_task = vec![scheduled.id];
    for event in events.iter().filter(|event| event.id > scheduled.id) {
        let ends_execution = matches!(
            event.r#type,
            HistoryEventType::ExecutionAborted
                | HistoryEventType::ExecutionFailed
                | HistoryEventType::ExecutionSucceeded
                | HistoryEventType::ExecutionTimedOut
        );
        if ends_execution {
            return Some(Ending::Otherwise);
        }
        if of_task.contains(&event.previous_event_id) {
            match event.r#type {
                HistoryEventType::TaskStarted | HistoryEventType::TaskSubmitted => of_task.push(event.id),
                HistoryEventType::TaskTimedOut => return Some(Ending::TimedOut),
                _ => return Some(Ending::Otherwise),
            }
        }
    }
    None
}

/// Looks for the end of the task that was scheduled with this token.
fn history_has_answer(events: &[HistoryEvent], token: &TaskToken, says: &Says) -> bool {
    let by_id: HashMap<i64, &HistoryEvent> = events.iter().map(|event| (event.id, event)).collect();
    let is_ours = |end: &HistoryEvent| {
        let mut at = by_id.get(&end.previous_event_id);
        while let Some(event) = at {
            if event.r#type == HistoryEventType::TaskScheduled {
                let scheduled = event.task_scheduled_event_details.as_ref();
                return scheduled.is_some_and(|details| details.parameters.contains(token.reveal()));
            }
            at = by_id.get(&event.previous_event_id);
        }
        false
    };
    events.iter().any(|event| {
        let same = match says {
            Says::Success { output } => event
                .task_succeeded_event_details
                .as_ref()
                .and_then(|details| serde_json::from_str::<serde_json::Value>(details.output.as_deref()?).ok())
                .is_some_and(|told| told == *output),
            Says::Failure { error, cause } => event.task_failed_event_details.as_ref().is_some_and(|details| {
                details.error.as_ref() == Some(error) && details.cause.as_deref().unwrap_or_default() == cause
            }),
        };
        same && is_ours(event)
    })
}

#[cfg(test)]
mod tests {
    use aws_sdk_sfn::{
        primitives::DateTime,
        types::{TaskScheduledEventDetails, TaskSucceededEventDetails, TaskTimedOutEventDetails},
    };
    use serde_json::json;

    use super::*;

    fn event(id: i64, previous: i64, kind: HistoryEventType) -> aws_sdk_sfn::types::builders::HistoryEventBuilder {
        HistoryEvent::builder().timestamp(DateTime::from_secs(0)).id(id).previous_event_id(previous).r#type(kind)
    }

    fn scheduled(id: i64, token: &str) -> HistoryEvent {
        let details = TaskScheduledEventDetails::builder()
            .resource_type("lambda")
            .resource("invoke.waitForTaskToken")
            .region("eu-west-2")
            .parameters(json!({"Payload": {"taskToken": token}}).to_string())
            .build()
            .unwrap();
        event(id, id - 1, HistoryEventType::TaskScheduled).task_scheduled_event_details(details).build().unwrap()
    }

    fn submitted(id: i64, previous: i64) -> HistoryEvent {
        event(id, previous, HistoryEventType::TaskSubmitted).build().unwrap()
    }

    fn succeeded(id: i64, previous: i64, output: serde_json::Value) -> HistoryEvent {
        let details = TaskSucceededEventDetails::builder()
            .resource_type("lambda")
            .resource("invoke.waitForTaskToken")
            .output(output.to_string())
            .build()
            .unwrap();
        event(id, previous, HistoryEventType::TaskSucceeded).task_succeeded_event_details(details).build().unwrap()
    }

    fn timed_out(id: i64, previous: i64) -> HistoryEvent {
        let details = TaskTimedOutEventDetails::builder()
            .resource_type("lambda")
            .resource("invoke.waitForTaskToken")
            .error("States.Timeout")
            .build()
            .unwrap();
        event(id, previous, HistoryEventType::TaskTimedOut).task_timed_out_event_details(details).build().unwrap()
    }

    #[test]
    fn an_answer_that_step_functions_took_is_found_in_the_history() {
        let says = Says::Success { output: json!({"propertyValue": 666000}) };
        let token = TaskToken::new("token-1");
        let answered = [scheduled(3, "token-1"), submitted(5, 3), succeeded(6, 5, json!({"propertyValue": 666000}))];
        assert!(history_has_answer(&answered, &token, &says));
        let lapsed = [scheduled(3, "token-1"), submitted(5, 3), timed_out(6, 5)];
        assert!(!history_has_answer(&lapsed, &token, &says));
    }

    #[test]
    fn a_task_is_over_when_its_history_says_so() {
        let token = TaskToken::new("token-1");
        assert_eq!(history_ends(&[scheduled(3, "token-1"), submitted(5, 3)], &token), None);
        let timed_out = [scheduled(3, "token-1"), submitted(5, 3), timed_out(6, 5)];
        assert_eq!(history_ends(&timed_out, &token), Some(Ending::TimedOut));
        let answered = [scheduled(3, "token-1"), submitted(5, 3), succeeded(6, 5, json!({}))];
        assert_eq!(history_ends(&answered, &token), Some(Ending::Otherwise));
        let aborted = event(6, 0, HistoryEventType::ExecutionAborted).build().unwrap();
        assert_eq!(history_ends(&[scheduled(3, "token-1"), submitted(5, 3), aborted], &token), Some(Ending::Otherwise));
        assert_eq!(history_ends(&[scheduled(3, "token-2"), submitted(5, 3)], &token), Some(Ending::Otherwise));
    }

    #[test]
    fn the_answer_of_another_task_or_another_answer_is_not_ours() {
        let says = Says::Success { output: json!({"propertyValue": 666000}) };
        let token = TaskToken::new("token-1");
        let other_value = [scheduled(3, "token-1"), submitted(5, 3), succeeded(6, 5, json!({"propertyValue": 1}))];
        assert!(!history_has_answer(&other_value, &token, &says));
        // The first task timed out; the second, with another token, was answered.
        let other_task = [
            scheduled(3, "token-1"),
            submitted(5, 3),
            timed_out(6, 5),
            scheduled(7, "token-2"),
            submitted(9, 7),
            succeeded(10, 9, json!({"propertyValue": 666000})),
        ];
        assert!(!history_has_answer(&other_task, &token, &says));
    }
}
