//! Executions that wait for a task token, through the protocol and across restarts.

mod support;

use std::time::Duration;

use serde_json::json;
use support::{DATABASE, Desk, ManualClock, callback_machine};

const CLOSED: (&str, &str) = ("TaskTimedOut", "Task Timed Out: 'Provided task does not exist anymore'");

fn closed() -> (String, String) {
    (CLOSED.0.to_owned(), CLOSED.1.to_owned())
}

#[tokio::test]
async fn a_paused_execution_survives_a_restart_and_is_answered_once() {
    let (folder, clock) = (tempfile::tempdir().unwrap(), ManualClock::new());
    let desk = Desk::open(folder.path(), clock.clone()).await;
    let machine = desk.machine("m", &callback_machine()).await;
    let execution = desk.start(&machine, "e", &json!({"question": "how much?"})).await;
    let call = desk.called().await;
    assert_eq!((call.function.as_str(), &call.payload["question"]), ("ask", &json!("how much?")));
    let token = call.token();
    call.returns(json!({"asked": true}));
    desk.until(&execution, "TaskSubmitted").await;
    drop(desk);

    let desk = Desk::open(folder.path(), clock).await;
    assert_eq!(desk.status(&execution).await, "RUNNING");
    assert_eq!(desk.succeed(&token, &json!({"value": 666000})).await, Ok(json!({})));
    let end = desk.describe(&execution).await;
    assert_eq!((&end["status"], &end["output"]), (&json!("SUCCEEDED"), &json!(r#"{"value":666000}"#)));
    assert_eq!(desk.succeed(&token, &json!({})).await, Err(closed()));
    assert!(desk.nothing_called().await, "a call that had returned must not be made again");
    let events = [
        "ExecutionStarted",
        "TaskStateEntered",
        "TaskScheduled",
        "TaskStarted",
        "TaskSubmitted",
        "TaskSucceeded",
        "TaskStateExited",
        "ExecutionSucceeded",
    ];
    assert_eq!(desk.history(&execution).await, events);
}

#[tokio::test]
async fn a_call_in_progress_is_repeated_after_a_restart() {
    let (folder, clock) = (tempfile::tempdir().unwrap(), ManualClock::new());
    let desk = Desk::open(folder.path(), clock.clone()).await;
    let machine = desk.machine("m", &callback_machine()).await;
    let execution = desk.start(&machine, "e", &json!({"question": 1})).await;
    let first = desk.called().await;
    drop(desk);

    let desk = Desk::open(folder.path(), clock).await;
    let second = desk.called().await;
    assert_eq!(second.token(), first.token(), "the task is the same");
    let token = second.token();
    second.returns(json!({}));
    desk.until(&execution, "TaskSubmitted").await;
    assert_eq!(desk.succeed(&token, &json!(1)).await, Ok(json!({})));
    assert_eq!(desk.status(&execution).await, "SUCCEEDED");
}

#[tokio::test]
async fn an_answer_can_arrive_before_the_call_returns() {
    let (folder, clock) = (tempfile::tempdir().unwrap(), ManualClock::new());
    let desk = Desk::open(folder.path(), clock.clone()).await;
    let machine = desk.machine("m", &callback_machine()).await;
    let execution = desk.start(&machine, "e", &json!({"question": 1})).await;
    let call = desk.called().await;
    assert_eq!(desk.succeed(&call.token(), &json!("early")).await, Ok(json!({})));
    assert_eq!(desk.describe(&execution).await["output"], json!(r#""early""#));
    call.returns(json!({"too": "late"}));
    drop(desk);

    let desk = Desk::open(folder.path(), clock).await;
    assert!(!desk.history(&execution).await.contains(&"TaskSubmitted".to_owned()));
    assert!(desk.nothing_called().await, "an answered task's call must not be made again");
}

#[tokio::test]
async fn timers_due_during_downtime_fire_after_the_restart() {
    let (folder, clock) = (tempfile::tempdir().unwrap(), ManualClock::new());
    let desk = Desk::open(folder.path(), clock.clone()).await;
    let machine = desk.machine("m", &callback_machine()).await;
    let execution = desk.start(&machine, "e", &json!({"question": 1})).await;
    let call = desk.called().await;
    let token = call.token();
    call.returns(json!({}));
    desk.until(&execution, "TaskSubmitted").await;
    drop(desk);

    clock.advance(Duration::from_secs(61));
    let desk = Desk::open(folder.path(), clock).await;
    desk.until(&execution, "ExecutionFailed").await;
    let end = desk.describe(&execution).await;
    assert_eq!((&end["status"], &end["error"]), (&json!("FAILED"), &json!("States.Timeout")));
    assert_eq!(desk.succeed(&token, &json!(1)).await, Err(closed()));
}

#[tokio::test]
async fn a_timer_fires_when_the_clock_reaches_it_and_not_before() {
    let (folder, clock) = (tempfile::tempdir().unwrap(), ManualClock::new());
    let desk = Desk::open(folder.path(), clock.clone()).await;
    let machine = desk.machine("m", &callback_machine()).await;
    let late = desk.start(&machine, "late", &json!({"question": 1})).await;
    clock.advance(Duration::from_secs(30));
    let early = json!({"StartAt": "W", "States": {"W": {"Type": "Wait", "Seconds": 5, "End": true}}});
    let early = desk.machine("early", &early).await;
    let early = desk.start(&early, "e", &json!({})).await;
    // This timer is set after the other one but due before it.
    clock.advance(Duration::from_secs(5));
    desk.until(&early, "ExecutionSucceeded").await;
    assert_eq!(desk.status(&late).await, "RUNNING");
    clock.advance(Duration::from_secs(25));
    desk.until(&late, "ExecutionFailed").await;
}

#[tokio::test]
async fn a_heartbeat_keeps_a_task_alive_and_adds_no_event() {
    let (folder, clock) = (tempfile::tempdir().unwrap(), ManualClock::new());
    let desk = Desk::open(folder.path(), clock.clone()).await;
    let mut definition = callback_machine();
    definition["States"]["Ask"]["HeartbeatSeconds"] = json!(10);
    let machine = desk.machine("m", &definition).await;
    let execution = desk.start(&machine, "e", &json!({"question": 1})).await;
    let call = desk.called().await;
    let token = call.token();
    call.returns(json!({}));
    desk.until(&execution, "TaskSubmitted").await;
    let before = desk.history(&execution).await;
    for _ in 0..3 {
        clock.advance(Duration::from_secs(9));
        assert_eq!(desk.ask("SendTaskHeartbeat", json!({"taskToken": token})).await, json!({}));
    }
    assert_eq!(desk.history(&execution).await, before);
    clock.advance(Duration::from_secs(10));
    desk.until(&execution, "ExecutionFailed").await;
    assert_eq!(desk.describe(&execution).await["error"], "States.Timeout");
    assert_eq!(desk.refusal("SendTaskHeartbeat", json!({"taskToken": token})).await, closed());
}

#[tokio::test]
async fn a_token_that_was_not_issued_is_invalid_whatever_the_output() {
    let (folder, clock) = (tempfile::tempdir().unwrap(), ManualClock::new());
    let desk = Desk::open(folder.path(), clock).await;
    let invalid = ("InvalidToken".to_owned(), "Invalid Token: 'Invalid token'".to_owned());
    let request = json!({"taskToken": "tokenA", "output": "not JSON"});
    assert_eq!(desk.refusal("SendTaskSuccess", request).await, invalid);
    assert_eq!(desk.refusal("SendTaskFailure", json!({"taskToken": "tokenA"})).await, invalid);

    let machine = desk.machine("m", &callback_machine()).await;
    desk.start(&machine, "e", &json!({"question": 1})).await;
    let token = desk.called().await.token();
    let (kind, _) = desk.refusal("SendTaskSuccess", json!({"taskToken": token, "output": "not JSON"})).await;
    assert_eq!(kind, "InvalidOutput");
    assert_eq!(desk.succeed(&token, &json!(1)).await, Ok(json!({})), "a refused answer has used nothing up");
}

#[tokio::test]
async fn a_token_issued_after_a_backup_is_invalid_once_it_is_restored() {
    let (folder, backup, clock) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap(), ManualClock::new());
    let desk = Desk::open(folder.path(), clock.clone()).await;
    let machine = desk.machine("m", &callback_machine()).await;
    desk.engine.backup(&backup.path().join(DATABASE)).await.unwrap();
    desk.start(&machine, "undone", &json!({"question": 1})).await;
    let undone = desk.called().await.token();
    drop(desk);

    // In the restored backup, the next execution has the same number, and its task the same event id.
    let desk = Desk::open(backup.path(), clock).await;
    let execution = desk.start(&machine, "other", &json!({"question": 2})).await;
    let call = desk.called().await;
    assert_eq!(desk.succeed(&undone, &json!("wrong")).await, Err(closed()));
    assert_eq!(desk.refusal("SendTaskHeartbeat", json!({"taskToken": undone})).await, closed());
    assert_eq!(desk.succeed(&call.token(), &json!("right")).await, Ok(json!({})));
    assert_eq!(desk.describe(&execution).await["output"], json!(r#""right""#));
}

/// Arrays nested this many levels deep.
fn nested(levels: usize) -> String {
    "[".repeat(levels) + &"]".repeat(levels)
}

#[tokio::test]
async fn json_that_is_nested_too_deeply_is_refused_on_entry() {
    let (folder, clock) = (tempfile::tempdir().unwrap(), ManualClock::new());
    let desk = Desk::open(folder.path(), clock).await;
    let machine = desk.machine("m", &callback_machine()).await;
    for levels in [101, 127, 128, 1_000, 100_000] {
        let request = json!({"stateMachineArn": machine, "input": nested(levels)});
        let (kind, message) = desk.refusal("StartExecution", request).await;
        assert_eq!(kind, "InvalidExecutionInput", "{levels}");
        assert!(message.contains("nested deeper than 100 levels"), "{message}");
    }
}

#[tokio::test]
async fn an_answer_that_is_nested_too_deeply_is_refused_and_its_task_still_waits() {
    let (folder, clock) = (tempfile::tempdir().unwrap(), ManualClock::new());
    let desk = Desk::open(folder.path(), clock.clone()).await;
    let machine = desk.machine("m", &callback_machine()).await;
    let execution = desk.start(&machine, "e", &json!({"question": 1})).await;
    let call = desk.called().await;
    let token = call.token();
    call.returns(json!({}));
    desk.until(&execution, "TaskSubmitted").await;
    for levels in [101, 127, 128, 1_000, 100_000] {
        let answer = json!({"taskToken": token, "output": nested(levels)});
        let (kind, message) = desk.refusal("SendTaskSuccess", answer).await;
        assert_eq!(kind, "InvalidOutput", "{levels}");
        assert!(message.contains("nested deeper than 100 levels"), "{message}");
        assert_eq!(desk.status(&execution).await, "RUNNING");
    }
    drop(desk);
    let desk = Desk::open(folder.path(), clock).await;
    assert_eq!(desk.ask("SendTaskSuccess", json!({"taskToken": token, "output": nested(100)})).await, json!({}));
    assert_eq!(desk.describe(&execution).await["output"], json!(nested(100)));
}

#[tokio::test]
async fn a_function_result_that_is_nested_too_deeply_fails_its_task() {
    let (folder, clock) = (tempfile::tempdir().unwrap(), ManualClock::new());
    let desk = Desk::open(folder.path(), clock).await;
    let arn = "arn:aws:lambda:eu-west-2:000000000000:function:deep";
    let definition = json!({"StartAt": "Call", "States": {"Call": {"Type": "Task", "Resource": arn, "End": true}}});
    let machine = desk.machine("m", &definition).await;
    let execution = desk.start(&machine, "e", &json!({})).await;
    desk.called().await.returns(serde_json::from_str(&nested(127)).unwrap());
    let end = desk.end(&execution).await;
    assert_eq!((&end["status"], &end["error"]), (&json!("FAILED"), &json!("States.DataLimitExceeded")));
}

#[tokio::test]
async fn the_deepest_input_survives_a_restart_during_its_call() {
    let (folder, clock) = (tempfile::tempdir().unwrap(), ManualClock::new());
    let desk = Desk::open(folder.path(), clock.clone()).await;
    let arn = "arn:aws:lambda:eu-west-2:000000000000:function:deep";
    let definition = json!({"StartAt": "Call", "States": {"Call": {"Type": "Task", "Resource": arn, "End": true}}});
    let machine = desk.machine("m", &definition).await;
    let input: serde_json::Value = serde_json::from_str(&nested(100)).unwrap();
    let execution = desk.start(&machine, "e", &input).await;
    drop(desk.called().await);
    drop(desk);
    let desk = Desk::open(folder.path(), clock).await;
    let call = desk.called().await;
    assert_eq!(call.payload, input);
    call.returns(json!({}));
    desk.until(&execution, "ExecutionSucceeded").await;
}

#[tokio::test]
async fn an_unreadable_stored_call_only_fails_its_own_task() {
    let (folder, clock) = (tempfile::tempdir().unwrap(), ManualClock::new());
    let desk = Desk::open(folder.path(), clock.clone()).await;
    let machine = desk.machine("m", &callback_machine()).await;
    let unreadable = desk.start(&machine, "unreadable", &json!({"question": 1})).await;
    let whole = desk.start(&machine, "whole", &json!({"question": 2})).await;
    drop((desk.called().await, desk.called().await));
    desk.engine.shutdown().await;
    drop(desk);
    let database = rusqlite::Connection::open(folder.path().join(DATABASE)).unwrap();
    // A release up to schema 3 could write a payload of this depth, but not read it.
    let work = format!(r#"{{"Function":{{"function":"f","payload":{}}}}}"#, nested(127)).into_bytes();
    database.execute("UPDATE call SET work = ? WHERE execution = 1", [work]).unwrap();
    drop(database);

    let desk = Desk::open(folder.path(), clock).await;
    let call = desk.called().await;
    assert_eq!(call.payload["question"], json!(2));
    assert_eq!(desk.succeed(&call.token(), &json!({})).await, Ok(json!({})));
    desk.until(&whole, "ExecutionSucceeded").await;
    let end = desk.end(&unreadable).await;
    assert_eq!((&end["status"], &end["error"]), (&json!("FAILED"), &json!("States.Runtime")));
}

#[tokio::test]
async fn a_failing_function_returns_its_error_and_payload() {
    let (folder, clock) = (tempfile::tempdir().unwrap(), ManualClock::new());
    let desk = Desk::open(folder.path(), clock).await;
    let machine = desk.machine("m", &callback_machine()).await;
    let execution = desk.start(&machine, "e", &json!({"question": 1})).await;
    desk.called().await.fails("Unavailable", "closed on Sundays");
    desk.until(&execution, "ExecutionFailed").await;
    let end = desk.describe(&execution).await;
    assert_eq!(end["error"], "Unavailable");
    assert_eq!(end["cause"], r#"{"errorMessage":"closed on Sundays","errorType":"Unavailable"}"#);
}

#[tokio::test]
async fn a_hanging_function_does_not_block_others_and_its_queued_calls_are_dropped_on_timeout() {
    let (folder, clock) = (tempfile::tempdir().unwrap(), ManualClock::new());
    let desk = Desk::open(folder.path(), clock.clone()).await;
    let calling = |function: &str| {
        json!({"StartAt": "Call", "States": {"Call": {
            "Type": "Task", "Resource": "arn:aws:states:::lambda:invoke", "TimeoutSeconds": 30, "End": true,
            "Parameters": {"FunctionName": function, "Payload": {}}
        }}})
    };
    let (hung, well) = (desk.machine("hung", &calling("hung")).await, desk.machine("well", &calling("well")).await);
    // One more than the number of concurrent calls.
    let mut executions = Vec::new();
    for number in 0..257 {
        executions.push(desk.start(&hung, &format!("e{number}"), &json!({})).await);
    }
    let mut under_way = Vec::new();
    for _ in 0..256 {
        under_way.push(desk.called().await);
    }
    assert!(desk.nothing_called().await, "the last one waits for a place");

    let other = desk.start(&well, "other", &json!({})).await;
    let call = desk.called().await;
    assert_eq!(call.function, "well");
    call.returns(json!({}));
    desk.until(&other, "ExecutionSucceeded").await;

    clock.advance(Duration::from_secs(31));
    for execution in &executions {
        desk.until(execution, "ExecutionFailed").await;
    }
    under_way.into_iter().for_each(|call| call.returns(json!({})));
    assert!(desk.nothing_called().await, "the one that waited is not wanted any more");

    let again = desk.start(&hung, "again", &json!({})).await;
    desk.called().await.returns(json!({}));
    desk.until(&again, "ExecutionSucceeded").await;
}
