//! A long computation for one execution does not block others, because it runs outside of the transaction.
//!
//! The expressions in these tests never end by themselves, so each takes its whole second. Whether they block others is
//! seen from the order of events, not from the time.

mod support;

use std::{sync::Arc, time::Duration};

use asl_engine::SystemClock;
use serde_json::{Value, json};
use support::{Desk, callback_machine, each, pass};
use tempfile::TempDir;

/// An expression that is stopped after a second.
const ENDLESS: &str = "{% ($f := function() { $f() }; $f()) %}";

/// A chain of states that take a second each, followed by `last`.
fn long_chain(last: &Value) -> Value {
    const STATES: usize = 4;
    let mut states = json!({ "Last": last });
    for at in 0..STATES {
        let next = if at + 1 == STATES { "Last".to_owned() } else { format!("Long{}", at + 1) };
        states[format!("Long{at}")] = json!({
            "Type": "Map", "Items": ENDLESS, "Next": next,
            "ItemProcessor": {"StartAt": format!("Item{at}"), "States": {
                format!("Item{at}"): {"Type": "Pass", "End": true}
            }},
            "Catch": [{"ErrorEquals": ["States.ALL"], "Next": next}]
        });
    }
    json!({"QueryLanguage": "JSONata", "StartAt": "Long0", "States": states})
}

async fn desk() -> (Arc<Desk>, TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let desk = Desk::open(folder.path(), Arc::new(SystemClock)).await;
    (Arc::new(desk), folder)
}

/// Starts an execution that waits for its token, answers it, and waits for its end.
async fn serve_another(desk: &Desk, machine: &str, name: &str) {
    let execution = desk.start(machine, name, &json!({"question": "how much?"})).await;
    let token = desk.called().await.token();
    desk.succeed(&token, &json!({})).await.unwrap();
    assert_eq!(desk.end(&execution).await["status"], "SUCCEEDED");
}

#[tokio::test(flavor = "multi_thread")]
async fn starting_a_long_execution_returns_at_once_and_blocks_no_one() {
    let (desk, _folder) = desk().await;
    let another = desk.machine("another", &callback_machine()).await;
    let long = desk.machine("long", &long_chain(&json!({"Type": "Succeed"}))).await;
    let execution = desk.start(&long, "long", &json!({})).await;
    for name in ["a", "b", "c"] {
        serve_another(&desk, &another, name).await;
    }
    assert_eq!(desk.status(&execution).await, "RUNNING");
    let types = desk.history(&execution).await;
    assert_eq!(types[..2], ["ExecutionStarted", "MapStateEntered"]);
    assert!(!types.iter().any(|event| event == "SucceedStateEntered"), "{types:?}");
    assert_eq!(desk.end(&execution).await["status"], "SUCCEEDED");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_with_a_long_computation_blocks_no_one_and_counts_once() {
    let (desk, _folder) = desk().await;
    let another = desk.machine("another", &callback_machine()).await;
    let definition = json!({"QueryLanguage": "JSONata", "StartAt": "Ask", "States": {
        "Ask": {
            "Type": "Task", "Resource": "arn:aws:states:::lambda:invoke.waitForTaskToken", "HeartbeatSeconds": 1000,
            "Arguments": {"FunctionName": "ask", "Payload": {"taskToken": "{% $states.context.Task.Token %}"}},
            "Output": ENDLESS, "End": true, "Catch": [{"ErrorEquals": ["States.ALL"], "Next": "Caught"}]
        },
        "Caught": {"Type": "Pass", "End": true}
    }});
    let machine = desk.machine("long", &definition).await;
    let execution = desk.start(&machine, "long", &json!({})).await;
    let token = desk.called().await.token();
    let answering = [1, 2].map(|answer| {
        let (desk, token) = (desk.clone(), token.clone());
        tokio::spawn(async move { desk.succeed(&token, &json!(answer)).await })
    });
    // Heartbeats do not restart the evaluation.
    let beating = tokio::spawn({
        let (desk, token) = (desk.clone(), token.clone());
        async move {
            while desk.try_ask("SendTaskHeartbeat", json!({"taskToken": token})).await.is_ok() {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        }
    });
    serve_another(&desk, &another, "a").await;
    assert_eq!(desk.status(&execution).await, "RUNNING");
    let mut answered = 0;
    for answer in answering {
        match answer.await.unwrap() {
            Ok(_) => answered += 1,
            Err((error, _)) => assert_eq!(error, "TaskTimedOut"),
        }
    }
    assert_eq!(answered, 1);
    beating.await.unwrap();
    assert_eq!(desk.end(&execution).await["status"], "SUCCEEDED");
    let ends = desk.history(&execution).await.into_iter().filter(|event| event == "TaskSucceeded").count();
    assert_eq!(ends, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn children_with_long_computations_of_their_inputs_block_no_one() {
    let (desk, _folder) = desk().await;
    let another = desk.machine("another", &callback_machine()).await;
    let mut definition = each(&pass(), &json!({"ItemSelector": {"item": ENDLESS}}));
    definition["QueryLanguage"] = json!("JSONata");
    let machine = desk.machine("long", &definition).await;
    let execution = desk.start(&machine, "long", &json!([1, 2])).await;
    desk.until(&execution, "MapRunStarted").await;
    serve_another(&desk, &another, "a").await;
    assert_eq!(desk.status(&execution).await, "RUNNING");
    let end = desk.end(&execution).await;
    assert_eq!((&end["status"], &end["error"]), (&json!("FAILED"), &json!("States.QueryEvaluationError")));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_execution_that_is_stopped_during_a_long_computation_stays_stopped() {
    let (desk, _folder) = desk().await;
    let long = desk.machine("long", &long_chain(&json!({"Type": "Succeed"}))).await;
    let execution = desk.start(&long, "long", &json!({})).await;
    desk.ask("StopExecution", json!({"executionArn": execution})).await;
    assert_eq!(desk.status(&execution).await, "ABORTED");
    // The computation for the stopped execution ends before one for the next execution begins.
    let next = desk.start(&long, "next", &json!({})).await;
    assert_eq!(desk.end(&next).await["status"], "SUCCEEDED");
    assert_eq!(desk.history(&execution).await, ["ExecutionStarted", "MapStateEntered", "ExecutionAborted"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_long_computation_is_repeated_after_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let desk = Desk::open(folder.path(), Arc::new(SystemClock)).await;
    let long = desk.machine("long", &long_chain(&json!({"Type": "Succeed"}))).await;
    let execution = desk.start(&long, "long", &json!({})).await;
    desk.engine.shutdown().await;
    drop(desk);
    let desk = Desk::open(folder.path(), Arc::new(SystemClock)).await;
    assert_eq!(desk.status(&execution).await, "RUNNING");
    assert_eq!(desk.end(&execution).await["status"], "SUCCEEDED");
}
