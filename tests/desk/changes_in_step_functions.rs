//! Changes made directly in Step Functions: the desk detects them, reports them correctly, and closes tasks that are
//! over.

use aws_sdk_dynamodb::types::AttributeValue;
use serde_json::json;

use crate::support::{Browser, Desk, Setup, Valuer, eventually, seed};

/// A desk with an application that waits for the valuer, and the ARN of its execution.
async fn waiting_desk() -> (Desk, Valuer, String) {
    let valuer = Valuer::open().await;
    let desk =
        Setup::new().with("--valuation-service-url", &valuer.url).with("--valuation-timeout", "1h").start().await;
    let mut application = seed("app-ref", "999");
    application["loanAmount"] = json!("250000");
    let submitted = desk.submit(&application).await;
    valuer.known_to(&desk, "999").await;
    (desk, valuer, submitted["executionArn"].as_str().expect("an execution").to_owned())
}

async fn until_nothing_waits(desk: &Desk) {
    eventually("nothing waits", async || {
        let page = Browser::new(desk).open("/waiting").await.words();
        page.contains("Nothing is waiting").then_some(())
    })
    .await;
}

#[tokio::test]
async fn a_task_answered_in_step_functions_is_closed_and_the_story_says_so() {
    let (desk, _valuer, execution) = waiting_desk().await;
    let token = desk.task_tokens(&execution).await.remove(0);
    let answer = json!({ "valuationReference": "manual", "propertyValue": 500_000 }).to_string();
    desk.step_functions().send_task_success().task_token(token).output(answer).send().await.expect("it waits");
    desk.until("app-ref", "Approved").await;
    // Applications are compared with their executions once a minute and at startup.
    let desk = desk.kill_and_start_again().await;
    until_nothing_waits(&desk).await;
    let story = Browser::new(&desk).open("/applications/app-ref").await.words();
    let expected = "The property was valued at £500,000, by an answer that did not come through this desk";
    assert!(story.contains(expected), "{story}");
    assert!(!story.contains("did not answer in time"), "{story}");
}

#[tokio::test]
async fn an_execution_stopped_by_an_operator_is_reported_as_stopped_and_not_as_overdue() {
    let (desk, _valuer, execution) = waiting_desk().await;
    desk.step_functions()
        .stop_execution()
        .execution_arn(&execution)
        .error("Operator")
        .cause("Sent twice")
        .send()
        .await
        .expect("it runs");
    // The workflow page makes the desk read the execution.
    Browser::new(&desk).open("/applications/app-ref?tab=workflow").await;
    let stopped = desk.until("app-ref", "Stopped").await;
    assert_eq!(stopped["remark"], "Its workflow was stopped by an operator (Operator: Sent twice).");
    until_nothing_waits(&desk).await;
    let story = Browser::new(&desk).open("/applications/app-ref").await.words();
    assert!(!story.contains("did not answer in time"), "{story}");

    desk.step_functions().redrive_execution().execution_arn(&execution).send().await.expect("it was stopped");
    let again = desk.until("app-ref", "Waiting for valuation").await;
    assert_eq!(again["remark"], json!(null), "what stopped it is over: {again}");
}

#[tokio::test]
async fn a_manual_valuation_failed_in_step_functions_is_not_reported_as_timed_out() {
    let (desk, valuer, execution) = waiting_desk().await;
    valuer.known_to(&desk, "999").await.fails(&desk).await;
    desk.until("app-ref", "Waiting for manual valuation").await;
    let token = desk.task_tokens(&execution).await.remove(1);
    desk.step_functions().send_task_failure().task_token(token).error("Test").send().await.expect("it waits");
    let failed = desk.until("app-ref", "Needs attention").await;
    assert_eq!(failed["remark"], "The valuation failed, and asking a person to value the property failed.");
}

#[tokio::test]
async fn an_execution_with_an_invalid_amount_fails_at_once_with_the_reason() {
    let (desk, _valuer, _) = waiting_desk().await;
    let mut application = seed("typed", "typed");
    application["loanAmount"] = json!("£250,000");
    let execution = desk.start_execution("typed", &application).await;
    let ended = desk.ended(&execution).await;
    assert_eq!(ended.error.as_deref(), Some("InvalidApplication"));
    assert!(ended.cause.as_deref().is_some_and(|cause| cause.contains("loanAmount")), "{:?}", ended.cause);
}

#[tokio::test]
async fn an_execution_with_the_reference_of_another_application_fails_without_changing_it() {
    let (desk, _valuer, execution) = waiting_desk().await;
    let other = desk.start_execution("another", &seed("app-ref", "12")).await;
    let ended = desk.ended(&other).await;
    assert_eq!(ended.error.as_deref(), Some("InvalidApplication"));
    let cause = "an application with reference app-ref already exists with different details";
    assert!(ended.cause.as_deref().is_some_and(|actual| actual.contains(cause)), "{:?}", ended.cause);
    let application = desk.application("app-ref").await;
    assert_eq!(application["property"]["nameOrNumber"], "999");
    assert_eq!(application["executionArn"], execution.as_str());
}

#[tokio::test]
async fn a_null_amount_counts_as_none() {
    let valuer = Valuer::open().await;
    let desk = Setup::new().with("--valuation-service-url", &valuer.url).start().await;
    let mut application = seed("null", "null");
    application["loanAmount"] = json!(null);
    desk.start_execution("null", &application).await;
    assert_eq!(valuer.known_to(&desk, "null").await.answer(&desk, 666_000).await.status, 200);
    desk.until("null", "Valued").await;
}

#[tokio::test]
async fn tasks_from_before_a_redrive_are_closed() {
    let (desk, valuer, execution) = waiting_desk().await;
    valuer.known_to(&desk, "999").await.fails(&desk).await;
    desk.until("app-ref", "Waiting for manual valuation").await;
    let step_functions = desk.step_functions();
    step_functions.stop_execution().execution_arn(&execution).send().await.expect("it runs");
    step_functions.redrive_execution().execution_arn(&execution).send().await.expect("it was stopped");
    eventually("asked again", async || (desk.task_tokens(&execution).await.len() == 3).then_some(())).await;
    // The workflow page makes the desk read the execution.
    Browser::new(&desk).open("/applications/app-ref?tab=workflow").await;
    eventually("one waits", async || {
        let page = Browser::new(&desk).open("/waiting").await;
        (page.html.matches("Value it").count() == 1).then_some(())
    })
    .await;
}

#[tokio::test]
async fn an_application_is_in_progress_while_its_workflow_continues_after_the_valuation() {
    let folder = tempfile::tempdir().expect("a folder");
    let workflows = concat!(env!("CARGO_MANIFEST_DIR"), "/infra");
    for name in ["loan-processing.asl.json", "mock-valuation.asl.json"] {
        std::fs::copy(format!("{workflows}/{name}"), folder.path().join(name)).expect("the desk's own workflow");
    }
    let path = folder.path().join("loan-processing.asl.json");
    let mut workflow: serde_json::Value = serde_json::from_str(&std::fs::read_to_string(&path).unwrap()).unwrap();
    workflow["States"]["RequestValuation"]["Next"] = json!("CoolDown");
    workflow["States"]["CoolDown"] = json!({ "Type": "Wait", "Seconds": 3600, "Next": "WasAnAmountAskedFor" });
    std::fs::write(&path, workflow.to_string()).unwrap();

    let valuer = Valuer::open().await;
    let desk = Setup::new()
        .with("--valuation-service-url", &valuer.url)
        .with("--workflow-dir", folder.path().display().to_string())
        .start()
        .await;
    desk.submit(&seed("app-ref", "999")).await;
    assert_eq!(valuer.known_to(&desk, "999").await.answer(&desk, 666_000).await.status, 200);
    desk.until("app-ref", "In progress").await;
    let page = Browser::new(&desk).open("/applications/app-ref").await.words();
    assert!(page.contains("The valuation service valued the property at £666,000"), "{page}");
    assert!(!page.contains("Waiting for"), "{page}");
}

#[tokio::test]
async fn an_execution_that_is_no_longer_kept_is_reported_as_such() {
    let (desk, valuer, execution) = waiting_desk().await;
    valuer.known_to(&desk, "999").await.fails(&desk).await;
    desk.until("app-ref", "Waiting for manual valuation").await;
    desk.step_functions().stop_execution().execution_arn(&execution).send().await.expect("it runs");
    Browser::new(&desk).open("/applications/app-ref?tab=workflow").await;
    desk.until("app-ref", "Stopped").await;
    // As after 90 days on AWS, when the application still exists but its execution is deleted.
    let forgotten = execution.replace(":app-ref", ":forgotten");
    aws_sdk_dynamodb::Client::new(&desk.aws())
        .update_item()
        .table_name("loan-desk-applications")
        .key("applicationReference", AttributeValue::S("app-ref".into()))
        .update_expression("SET executionArn = :arn")
        .expression_attribute_values(":arn", AttributeValue::S(forgotten))
        .send()
        .await
        .expect("the table is there");
    let page = Browser::new(&desk).open("/applications/app-ref?tab=workflow").await.words();
    assert!(page.contains("Its workflow is no longer available"), "{page}");
    let story = Browser::new(&desk).open("/applications/app-ref").await.words();
    assert!(story.contains("The application ended without a value."), "{story}");
}
