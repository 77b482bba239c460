use serde_json::json;
use time::macros::datetime;

use super::*;
use crate::payload::Payload;

fn event(kind: EventKind) -> Value {
    let timestamp = datetime!(2026-11-22 10:20:30.123456 UTC);
    serde_json::to_value(HistoryEvent { id: 3, previous_event_id: 2, timestamp, kind }).unwrap()
}

fn task() -> TaskRef {
    TaskRef { resource_type: "lambda".into(), resource: "invoke.waitForTaskToken".into() }
}

#[test]
fn an_entered_state_shows_its_unchanged_input() {
    let kind = EventKind::StateEntered(
        StateKind::Pass,
        StateEntered { name: "Start".into(), input: Payload::from_text("[1, 2]") },
    );
    assert_eq!(
        event(kind),
        json!({
            "timestamp": 1_795_342_830.123, "type": "PassStateEntered", "id": 3, "previousEventId": 2,
            "stateEnteredEventDetails": {"name": "Start", "input": "[1, 2]", "inputDetails": {"truncated": false}},
        })
    );
}

#[test]
fn an_exited_state_lists_assigned_variables_only_if_there_are_any() {
    let mut exited = StateExited {
        name: "Start".into(),
        output: Payload::from_text("{}"),
        assigned_variables: [("x".to_owned(), Payload::from_text("42"))].into(),
    };
    assert_eq!(
        event(EventKind::StateExited(StateKind::Task, exited.clone()))["stateExitedEventDetails"],
        json!({
            "name": "Start", "output": "{}", "outputDetails": {"truncated": false},
            "assignedVariables": {"x": "42"}, "assignedVariablesDetails": {"truncated": false},
        })
    );
    exited.assigned_variables.clear();
    let details = event(EventKind::StateExited(StateKind::Task, exited));
    assert_eq!(details["stateExitedEventDetails"].get("assignedVariables"), None);
}

#[test]
fn a_failure_without_error_and_cause_leaves_both_out() {
    let failed = EventKind::TaskFailed(TaskFailure { task: task(), failure: Failure::default() });
    assert_eq!(
        event(failed)["taskFailedEventDetails"],
        json!({"resourceType": "lambda", "resource": "invoke.waitForTaskToken"})
    );
    assert_eq!(event(EventKind::ExecutionFailed(Failure::default()))["executionFailedEventDetails"], json!({}));
}

#[test]
fn a_scheduled_task_declares_only_the_deadlines_it_has() {
    let scheduled = TaskScheduled {
        task: task(),
        region: "eu-west-2".into(),
        parameters: Payload::from_text("{}"),
        timeout_in_seconds: Some(30),
        heartbeat_in_seconds: None,
        task_credentials: None,
    };
    assert_eq!(
        event(EventKind::TaskScheduled(scheduled))["taskScheduledEventDetails"],
        json!({
            "resourceType": "lambda", "resource": "invoke.waitForTaskToken", "region": "eu-west-2",
            "parameters": "{}", "timeoutInSeconds": 30,
        })
    );
}

#[test]
fn events_without_details_have_no_details_field() {
    let event = event(EventKind::MapStateSucceeded);
    assert_eq!(event.as_object().unwrap().len(), 4);
    assert_eq!(event["type"], "MapStateSucceeded");
}

#[test]
fn execution_data_can_be_left_out() {
    let mut event = event(EventKind::TaskSucceeded(TaskOutput {
        task: task(),
        output: Output { output: Payload::from_text("{}") },
    }));
    without_execution_data(&mut event);
    assert_eq!(
        event["taskSucceededEventDetails"],
        json!({"resourceType": "lambda", "resource": "invoke.waitForTaskToken"})
    );
}
