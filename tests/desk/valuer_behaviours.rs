//! The outcome of each behaviour of the valuation service, with short timeouts and nobody at the desk.

use std::collections::BTreeSet;

use aws_sdk_sfn::{operation::describe_execution::DescribeExecutionOutput, types::ExecutionStatus};
use reqwest::Method;
use serde_json::json;

use crate::support::{Browser, Desk, Setup, eventually, kinds, seed, state_machine};

/// Long enough that the valuer is not late by accident on a slow machine.
const LONG: &str = "1h";

/// Submits an application for a property of this name and waits until its execution has ended.
async fn run(desk: &Desk, name_or_number: &str) -> DescribeExecutionOutput {
    let submitted = desk.submit(&seed("app-ref", name_or_number)).await;
    desk.ended(submitted["executionArn"].as_str().expect("an execution")).await
}

/// Asserts that the execution failed with this error and that the application needs attention.
async fn assert_failed(desk: &Desk, ended: &DescribeExecutionOutput, error: &str, cause: &str) {
    assert_eq!(ended.status, ExecutionStatus::Failed);
    assert_eq!((ended.error.as_deref(), ended.cause.as_deref()), (Some(error), Some(cause)));
    assert_eq!(desk.history(&ended.execution_arn).await.last().unwrap().r#type.as_str(), "ExecutionFailed");
    let application = desk.until("app-ref", "Needs attention").await;
    assert_eq!(application["remark"], format!("{cause}, and nobody valued the property manually in time."));
}

/// Asserts that a callback was kept with this outcome and that the application's page shows it.
async fn assert_kept(desk: &Desk, outcome: &str, sentence: &str) {
    eventually(&format!("a callback is kept as {outcome}, with: {sentence}"), async || {
        let kept = desk.kept_callbacks().await.iter().any(|(kept_as, _)| kept_as == outcome);
        (kept && Browser::new(desk).open("/applications/app-ref").await.words().contains(sentence)).then_some(())
    })
    .await;
}

#[tokio::test]
async fn no_callback_ends_with_valuation_service_timed_out() {
    let desk = Setup::new().with("--valuation-timeout", "2s").with("--manual-valuation-timeout", "2s").start().await;
    let ended = run(&desk, "No callback").await;
    assert_failed(&desk, &ended, "ValuationServiceTimedOut", "The valuation service timed out").await;
    let events = desk.history(&ended.execution_arn).await;
    assert_eq!(kinds(&events).iter().filter(|kind| **kind == "TaskTimedOut").count(), 2);
    assert!(desk.kept_callbacks().await.is_empty());
    // One line in the log for each of the two deadlines.
    let missed = async || {
        let missed = desk.log().matches("nobody answered before the deadline").count();
        (missed == 2).then_some(())
    };
    eventually("both deadlines are logged", missed).await;
}

#[tokio::test]
async fn a_late_callback_ends_with_valuation_service_timed_out_and_is_kept() {
    let timeouts = Setup::new().with("--valuation-timeout", "1s").with("--manual-valuation-timeout", "1s");
    let desk = timeouts.with("--mock-valuer-late-delay", "4s").start().await;
    let ended = run(&desk, "Late callback").await;
    assert_failed(&desk, &ended, "ValuationServiceTimedOut", "The valuation service timed out").await;
    assert_kept(&desk, "late", "A late answer of £666,000 arrived").await;
    assert_eq!(desk.describe(&ended.execution_arn).await.status, ExecutionStatus::Failed);
}

#[tokio::test]
async fn a_duplicate_response_succeeds_once_and_is_kept() {
    let desk = Setup::new().with("--valuation-timeout", LONG).start().await;
    let ended = run(&desk, "Duplicate response").await;
    assert_eq!(ended.status, ExecutionStatus::Succeeded);
    assert_kept(&desk, "duplicate", "The same answer of £666,000 arrived again: kept, not used").await;
    let mut outcomes: Vec<_> = desk.kept_callbacks().await.into_iter().map(|(outcome, _)| outcome).collect();
    outcomes.sort();
    assert_eq!(outcomes, ["accepted", "duplicate"]);
}

#[tokio::test]
async fn an_unknown_reference_ends_with_valuation_service_timed_out_and_is_kept() {
    let desk = Setup::new().with("--valuation-timeout", "2s").with("--manual-valuation-timeout", "1s").start().await;
    let ended = run(&desk, "Unknown reference").await;
    assert_failed(&desk, &ended, "ValuationServiceTimedOut", "The valuation service timed out").await;
    assert_kept(&desk, "unknown", "An answer with an unknown valuation reference arrived: kept, not used").await;
}

#[tokio::test]
async fn a_failed_response_ends_with_valuation_failed() {
    let desk = Setup::new().with("--valuation-timeout", LONG).with("--manual-valuation-timeout", "1s").start().await;
    let ended = run(&desk, "Failed response").await;
    assert_failed(&desk, &ended, "ValuationFailed", "The valuation failed").await;
}

#[tokio::test]
async fn any_other_property_succeeds() {
    let desk = Setup::new().with("--valuation-timeout", LONG).start().await;
    assert_eq!(run(&desk, "Rose Cottage").await.status, ExecutionStatus::Succeeded);
}

#[tokio::test]
async fn an_early_callback_waits_for_its_reference_and_succeeds() {
    let desk = Setup::new().with("--valuation-timeout", LONG).start().await;
    let ended = run(&desk, "Early callback").await;
    assert_eq!(ended.status, ExecutionStatus::Succeeded);
    assert!(ended.output.is_some_and(|output| output.contains("666000")));
    let outcomes: Vec<_> = desk.kept_callbacks().await.into_iter().map(|(outcome, _)| outcome).collect();
    assert_eq!(outcomes, ["accepted"]);
}

#[tokio::test]
async fn a_service_that_fails_twice_is_called_again_and_succeeds() {
    let desk = Setup::new().with("--valuation-timeout", LONG).start().await;
    let ended = run(&desk, "Service error").await;
    assert_eq!(ended.status, ExecutionStatus::Succeeded);
    let events = desk.history(&ended.execution_arn).await;
    let failed: Vec<_> = events.iter().filter_map(|event| event.task_failed_event_details.as_ref()).collect();
    assert_eq!(failed.len(), 2);
    assert!(failed.iter().all(|failure| failure.error.as_deref() == Some("ValuationServiceUnavailable")));
}

#[tokio::test]
async fn the_mock_valuer_takes_a_request_that_is_sent_again_for_the_same_one() {
    let desk = Setup::new().start().await;
    let ask = async |key: Option<&str>, name_or_number: &str| {
        let body = json!({
            "property": { "nameOrNumber": name_or_number, "postcode": "PO1 1CE" },
            "callbackUrl": format!("{}/api/valuations", desk.url),
        });
        let mut request = desk.request(Method::POST, "/mock-valuer/valuation-requests").json(&body);
        if let Some(key) = key {
            request = request.header("idempotency-key", key);
        }
        let answer = desk.send(request).await;
        assert_eq!(answer.status, 201, "{answer:?}");
        answer.json()["valuationReference"].as_str().expect("a reference").to_owned()
    };
    let first = ask(Some("key-1"), "999").await;
    assert_eq!(ask(Some("key-1"), "999").await, first);
    let others = [ask(Some("key-2"), "999").await, ask(None, "999").await, ask(None, "999").await];
    assert_eq!(others.iter().chain([&first]).collect::<BTreeSet<_>>().len(), 4);
    // Each execution calls back once.
    let executions = desk.step_functions().list_executions().state_machine_arn(state_machine("mock-valuation"));
    let executions = executions.send().await;
    let names: BTreeSet<String> = executions.unwrap().executions.into_iter().map(|one| one.name).collect();
    assert_eq!(names, others.into_iter().chain([first]).collect());

    let early = ask(Some("key-3"), "Early callback").await;
    assert_eq!(ask(Some("key-3"), "Early callback").await, early);
    let callbacks = desk.kept_callbacks().await;
    assert_eq!(callbacks.iter().filter(|(_, body)| body.contains(&early)).count(), 1);
}
