//! What functions learn about the attempt that they are called for, and how calls that hang end.

mod support;

use std::{sync::Arc, time::Duration};

use asl_engine::{Attempt, Cancellation, SystemClock};
use serde_json::{Value, json};
use support::{Desk, ManualClock};
use time::macros::datetime;

/// The number of concurrent calls of one function.
const AT_ONCE: usize = 256;

fn one_task(more: &Value) -> Value {
    let mut task = json!({
        "Type": "Task", "Resource": "arn:aws:states:::lambda:invoke", "End": true,
        "Parameters": {"FunctionName": "ask", "Payload": {}}
    });
    for (field, value) in more.as_object().unwrap() {
        task[field] = value.clone();
    }
    json!({"StartAt": "Ask", "States": {"Ask": task}})
}

/// Advances the clock that limits calls.
async fn pass(time: Duration) {
    tokio::time::pause();
    tokio::time::advance(time).await;
    tokio::time::resume();
}

#[tokio::test]
async fn a_call_receives_its_execution_attempt_and_deadline() {
    let folder = tempfile::tempdir().unwrap();
    let desk = Desk::open(folder.path(), ManualClock::new()).await;
    let machine = desk.machine("machine", &one_task(&json!({"TimeoutSeconds": 60}))).await;
    let execution = desk.start(&machine, "run", &json!({})).await;
    let call = desk.called().await;
    assert_eq!(call.attempt.execution_arn.as_deref(), Some(&*execution));
    assert_eq!(call.attempt.number, 1);
    assert_eq!(call.attempt.deadline, datetime!(2026-11-22 10:01 UTC));
    assert!(!call.attempt.cancellation.is_cancelled());
}

#[tokio::test]
async fn a_call_without_a_timeout_has_the_default_deadline() {
    let folder = tempfile::tempdir().unwrap();
    let desk = Desk::open(folder.path(), ManualClock::new()).await;
    let machine = desk.machine("machine", &one_task(&json!({}))).await;
    desk.start(&machine, "run", &json!({})).await;
    assert_eq!(desk.called().await.attempt.deadline, datetime!(2026-11-22 10:00 UTC) + Attempt::LONGEST);
}

#[tokio::test]
async fn a_repeated_call_keeps_its_key_and_a_retry_gets_another() {
    let folder = tempfile::tempdir().unwrap();
    let clock = ManualClock::new();
    let desk = Desk::open(folder.path(), clock.clone()).await;
    let retry = json!({"Retry": [{"ErrorEquals": ["States.ALL"], "IntervalSeconds": 1}]});
    let machine = desk.machine("machine", &one_task(&retry)).await;
    let execution = desk.start(&machine, "run", &json!({})).await;
    let first = desk.called().await.attempt;
    desk.engine.shutdown().await;

    let desk = Desk::open(folder.path(), clock.clone()).await;
    let call = desk.called().await;
    assert_eq!(call.attempt.idempotency_key, first.idempotency_key);
    assert_eq!((call.attempt.number, call.attempt.execution_arn.as_ref()), (1, Some(&execution)));
    call.fails("Busy", "try later");
    desk.until(&execution, "TaskFailed").await;
    clock.advance(Duration::from_secs(2));
    let retry = desk.called().await.attempt;
    assert_eq!(retry.number, 2);
    assert_ne!(retry.idempotency_key, first.idempotency_key);
}

#[tokio::test]
async fn hanging_calls_do_not_block_a_function_once_their_tasks_have_timed_out() {
    let folder = tempfile::tempdir().unwrap();
    let clock = ManualClock::new();
    let desk = Desk::open(folder.path(), clock.clone()).await;
    let machine = desk.machine("machine", &one_task(&json!({"TimeoutSeconds": 60}))).await;
    let mut hanging = Vec::new();
    for n in 0..AT_ONCE {
        desk.start(&machine, &format!("hangs-{n}"), &json!({})).await;
        hanging.push(desk.called().await);
    }
    clock.advance(Duration::from_secs(61));
    for call in &hanging {
        call.attempt.cancellation.cancelled().await;
    }
    let late = desk.start(&machine, "late", &json!({})).await;
    assert!(desk.nothing_called().await);
    pass(Cancellation::GRACE).await;
    let call = desk.called().await;
    assert_eq!(call.attempt.execution_arn, Some(late));
    for mut call in hanging {
        call.dropped().await;
    }
}

#[tokio::test]
async fn stopping_an_execution_cancels_its_calls() {
    let folder = tempfile::tempdir().unwrap();
    let desk = Desk::open(folder.path(), Arc::new(SystemClock)).await;
    let machine = desk.machine("machine", &one_task(&json!({}))).await;
    let execution = desk.start(&machine, "run", &json!({})).await;
    let mut call = desk.called().await;
    desk.ask("StopExecution", json!({"executionArn": execution})).await;
    call.attempt.cancellation.cancelled().await;
    pass(Cancellation::GRACE).await;
    call.dropped().await;
}

#[tokio::test]
async fn the_end_of_an_execution_cancels_a_call_whose_task_was_answered_by_its_token() {
    let folder = tempfile::tempdir().unwrap();
    let desk = Desk::open(folder.path(), Arc::new(SystemClock)).await;
    let machine = desk.machine("machine", &support::callback_machine()).await;
    let execution = desk.start(&machine, "run", &json!({"question": "?"})).await;
    let call = desk.called().await;
    desk.succeed(&call.token(), &json!({})).await.unwrap();
    assert_eq!(desk.end(&execution).await["status"], "SUCCEEDED");
    call.attempt.cancellation.cancelled().await;
}

#[tokio::test]
async fn a_call_without_a_timeout_is_ended_at_the_limit_for_all_calls() {
    let folder = tempfile::tempdir().unwrap();
    let desk = Desk::open(folder.path(), Arc::new(SystemClock)).await;
    let machine = desk.machine("machine", &one_task(&json!({}))).await;
    let execution = desk.start(&machine, "run", &json!({})).await;
    let mut call = desk.called().await;
    pass(Attempt::LONGEST).await;
    call.dropped().await;
    let end = desk.end(&execution).await;
    assert_eq!(end["error"], "Lambda.Unknown", "{end}");
    assert!(end["cause"].as_str().unwrap().contains("Task timed out after 960.00 seconds"), "{end}");
}
