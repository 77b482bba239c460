//! The section Workflows: state machines and executions, whether or not they belong to an application.

use std::sync::Arc;

use aws_sdk_sfn::types::StateMachineType;
use axum::{
    Router,
    body::Bytes,
    extract::State,
    http::{HeaderMap, StatusCode, header},
    response::IntoResponse,
};
use serde_json::{Value, json};

use crate::support::{Browser, Desk, Setup, Valuer, eventually, seed};

const MACHINES: &str = "arn:aws:states:eu-west-2:000000000000:stateMachine";
const ROLE: &str = "arn:aws:iam::000000000000:role/any";

async fn create(desk: &Desk, name: &str, kind: StateMachineType, definition: &Value) {
    let create = desk.step_functions().create_state_machine().name(name).role_arn(ROLE).r#type(kind);
    create.definition(definition.to_string()).send().await.expect("it is created");
}

/// A state machine that ends at once.
fn greeting() -> Value {
    json!({"StartAt": "Greet", "States": {"Greet": {"Type": "Pass", "Result": "hello", "End": true}}})
}

async fn start(desk: &Desk, machine: &str, name: &str, input: &Value) {
    let start = desk.step_functions().start_execution().state_machine_arn(format!("{MACHINES}:{machine}"));
    let started = start.name(name).input(input.to_string()).send().await.expect("it is started");
    desk.ended(&started.execution_arn).await;
}

/// Starts the loan workflow with an amount that is not a number.
async fn start_by_mistake(desk: &Desk) -> String {
    let mut application = seed("LN-7", "typed");
    application["loanAmount"] = json!("£250,000");
    let execution = desk.start_execution("typed", &application).await;
    desk.ended(&execution).await;
    execution
}

#[tokio::test]
async fn an_execution_whose_input_is_no_application_is_listed_and_needs_attention_on_today() {
    let desk = Setup::new().start().await;
    let execution = start_by_mistake(&desk).await;
    assert_eq!(desk.get("/api/applications/LN-7").await.status, 404);

    let mut browser = Browser::new(&desk);
    let list = browser.open("/workflows/loan-processing?status=FAILED").await;
    let page = browser.open(&list.link("typed")).await;
    assert_eq!(page.path, "/workflows/loan-processing/executions/typed");
    let words = page.words();
    assert!(words.contains("belongs to no application") && words.contains("InvalidApplication"), "{words}");
    assert!(words.contains("loanApplication.loanAmount"), "the cause says what is wrong: {words}");

    let today = eventually("Today shows it", async || {
        let today = Browser::new(&desk).open("/").await;
        today.words().contains("Executions without an application").then_some(today)
    })
    .await;
    let words = today.words();
    assert!(words.contains("Needs attention") && words.contains("for LN-7"), "{words}");
    assert!(words.contains("InvalidApplication") && words.contains("loanApplication.loanAmount"), "{words}");
    assert!(!words.contains("Nothing needs you"), "{words}");
    assert_eq!(today.link("typed"), page.path);

    let warnings: Vec<Value> = desk
        .log()
        .lines()
        .filter_map(|line| serde_json::from_str::<Value>(line).ok())
        .filter(|event| event["level"] == "WARN")
        .collect();
    for message in ["function failed", "an execution failed that belongs to no application"] {
        let warning = warnings.iter().find(|event| event["fields"]["message"] == message);
        let fields = &warning.unwrap_or_else(|| panic!("{message}: {warnings:?}"))["fields"];
        assert_eq!(fields["execution"], execution.as_str(), "{fields}");
        assert_eq!(fields["application"], "LN-7", "{fields}");
    }
}

#[tokio::test]
async fn a_dismissed_execution_does_not_come_back_to_today() {
    let desk = Setup::new().start().await;
    start_by_mistake(&desk).await;
    let mut browser = Browser::new(&desk);
    let today = eventually("Today shows it", async || {
        let today = Browser::new(&desk).open("/").await;
        today.html.contains("dismiss-typed").then_some(today)
    })
    .await;
    let after = browser.submit(&today, "dismiss-typed", &[]).await;
    assert!(after.words().contains("The execution typed is dismissed"), "{}", after.words());
    // After a restart the desk examines failed executions anew. The second one is examined after the first.
    let desk = desk.kill_and_start_again().await;
    let other = desk.start_execution("other", &json!({})).await;
    desk.ended(&other).await;
    eventually("Today shows the other one only", async || {
        let today = Browser::new(&desk).open("/").await;
        assert!(!today.html.contains("dismiss-typed"));
        today.html.contains("dismiss-other").then_some(())
    })
    .await;
}

#[tokio::test]
async fn the_failed_execution_of_an_application_is_not_shown_twice_on_today() {
    let valuer = Valuer::open().await;
    let desk = Setup::new().with("--valuation-service-url", &valuer.url).start().await;
    let execution = desk.submit(&seed("app-ref", "999")).await["executionArn"].as_str().unwrap().to_owned();
    valuer.known_to(&desk, "999").await.fails(&desk).await;
    desk.until("app-ref", "Waiting for manual valuation").await;
    let token = desk.task_tokens(&execution).await.remove(1);
    desk.step_functions().send_task_failure().task_token(token).error("Test").send().await.expect("it waits");
    desk.until("app-ref", "Needs attention").await;
    // By the time that the second one is shown, the first one has been examined.
    start_by_mistake(&desk).await;
    eventually("Today shows the mistake only", async || {
        let today = Browser::new(&desk).open("/").await;
        assert!(!today.html.contains("dismiss-app-ref"));
        today.html.contains("dismiss-typed").then_some(())
    })
    .await;
    let page = Browser::new(&desk).open("/workflows/loan-processing/executions/app-ref").await;
    assert_eq!(page.link("app-ref"), "/applications/app-ref?tab=workflow", "it leads to its application");
    let tab = Browser::new(&desk).open("/applications/app-ref?tab=workflow").await;
    assert_eq!(tab.link("In Workflows"), "/workflows/loan-processing/executions/app-ref");
}

#[tokio::test]
async fn every_state_machine_of_the_backend_is_listed_with_its_versions_and_executions() {
    let desk = Setup::new().start().await;
    create(&desk, "greeter", StateMachineType::Standard, &greeting()).await;
    create(&desk, "fast", StateMachineType::Express, &greeting()).await;
    let publish = desk.step_functions().publish_state_machine_version();
    publish.state_machine_arn(format!("{MACHINES}:greeter")).send().await.expect("it is published");
    start(&desk, "greeter", "hello-1", &json!({"name": "Ada"})).await;

    let mut browser = Browser::new(&desk);
    let machines = browser.open("/workflows").await;
    for name in ["loan-processing", "mock-valuation", "greeter", "fast"] {
        assert_eq!(machines.link(name), format!("/workflows/{name}"));
    }
    assert!(machines.words().contains("1 SUCCEEDED"), "{}", machines.words());

    let greeter = browser.open("/workflows/greeter").await;
    assert_eq!(greeter.link("1"), "/workflows/greeter?version=1#graph");
    assert!(greeter.html.contains("Greet (Pass)"), "the graph shows the state");
    let version = browser.open("/workflows/greeter?version=1").await;
    assert!(version.words().contains("Version 1"), "{}", version.words());
    let execution = browser.open(&greeter.link("hello-1")).await.words();
    for shown in ["SUCCEEDED", "\"Ada\"", "\"hello\"", "ExecutionSucceeded", "belongs to no application"] {
        assert!(execution.contains(shown), "{shown}: {execution}");
    }

    let express = browser.open("/workflows/fast").await.words();
    assert!(express.contains("does not keep the executions of Express state machines"), "{express}");
    for missing in
        ["/workflows/none", "/workflows/a:b", "/workflows/greeter?version=9", "/workflows/greeter/executions/none"]
    {
        assert_eq!(browser.open(missing).await.status, 404, "{missing}");
    }
}

#[tokio::test]
async fn executions_are_paged_filtered_and_found_by_name() {
    let desk = Setup::new().start().await;
    create(&desk, "greeter", StateMachineType::Standard, &greeting()).await;
    for number in 0..60 {
        start(&desk, "greeter", &format!("greeting-{number:02}"), &json!({})).await;
    }
    let mut browser = Browser::new(&desk);
    let first = browser.open("/workflows/greeter").await;
    assert!(first.words().contains("greeting-59") && !first.words().contains("greeting-09"));
    let second = browser.open(&first.link("Older executions")).await;
    assert!(second.words().contains("greeting-09") && !second.words().contains("greeting-10"));
    assert!(second.links().contains(&"/workflows/greeter".to_owned()), "back to the newest");

    let found = browser.open("/workflows/greeter?q=GREETING-0").await.words();
    assert!(found.contains("greeting-07") && !found.contains("greeting-17"), "{found}");
    assert!(found.contains("Searched all executions"), "{found}");
    // More than a page of matches: the search goes on where it stopped.
    let many = browser.open("/workflows/greeter?q=greeting").await;
    let rest = browser.open(&many.link("Search older executions")).await.words();
    assert!(rest.contains("greeting-09") && !rest.contains("greeting-10"), "{rest}");

    let failed = browser.open("/workflows/greeter?status=FAILED").await.words();
    assert!(failed.contains("No executions with this status."), "{failed}");
    let expired = browser.open("/workflows/greeter?after=0~expired").await.words();
    assert!(expired.contains("greeting-59"), "an expired page leads to the first: {expired}");
}

#[tokio::test]
async fn a_retried_state_shows_its_attempts_and_errors_and_a_failed_event_the_name_of_its_error() {
    let desk = Setup::new().start().await;
    let function = "arn:aws:lambda:eu-west-2:000000000000:function:loan-desk-manual-valuation";
    let definition = json!({"StartAt": "Ask", "States": {"Ask": {
        "Type": "Task", "Resource": "arn:aws:states:::lambda:invoke.waitForTaskToken", "End": true,
        "Parameters": {"FunctionName": function, "Payload": {"taskToken.$": "$$.Task.Token"}},
        "Retry": [{"ErrorEquals": ["InvalidApplication"], "IntervalSeconds": 1, "MaxAttempts": 2, "BackoffRate": 1}],
    }}});
    create(&desk, "asking", StateMachineType::Standard, &definition).await;
    start(&desk, "asking", "run", &json!({})).await;
    let page = Browser::new(&desk).open("/workflows/asking/executions/run").await;
    let words = page.words();
    assert!(words.contains("×3"), "{words}");
    assert!(words.contains("Errors: 3 of 3 attempts failed"), "{words}");
    assert!(page.html.contains("Ask (Task): failed, 3 attempts"), "the graph says it in words too");
    let failed_rows = page.html.matches("failed-event").count();
    assert_eq!(failed_rows, 4, "three attempts and the execution");
    assert_eq!(page.html.matches("<code class=\"error-name\">InvalidApplication</code>").count(), 4, "{words}");
    assert!(page.html.contains("••••••••"), "the token is masked");
}

#[tokio::test]
async fn the_pause_that_goes_on_shows_its_elapsed_time_and_its_deadline() {
    let valuer = Valuer::open().await;
    let desk =
        Setup::new().with("--valuation-service-url", &valuer.url).with("--valuation-timeout", "1h").start().await;
    desk.submit(&seed("app-ref", "999")).await;
    valuer.known_to(&desk, "999").await;
    let page = Browser::new(&desk).open("/applications/app-ref?tab=workflow").await;
    let words = page.words();
    assert!(words.contains("RequestValuation : Waiting for an answer for"), "in the table of events: {words}");
    assert!(words.contains("due in 59 min"), "{words}");
    assert_eq!(page.html.matches("data-until").count(), 2, "a bar beside the graph and one in the table");
    assert!(page.html.contains("data-when=\"elapsed\""));
}

/// An AWS that passes calls on to a desk's own, except for one operation, which it refuses.
async fn refusing(desk: &Desk, operation: &'static str, code: &'static str) -> String {
    struct Refusing {
        aws: String,
        http: reqwest::Client,
        target: String,
        code: &'static str,
    }
    async fn pass(State(this): State<Arc<Refusing>>, headers: HeaderMap, body: Bytes) -> axum::response::Response {
        let header = |name: &str| headers[name].to_str().expect("plain ASCII").to_owned();
        if header("x-amz-target") == this.target {
            let refusal = json!({"__type": this.code, "message": "User: desk is not authorized"});
            return (StatusCode::BAD_REQUEST, refusal.to_string()).into_response();
        }
        let request = this.http.post(&this.aws).header("x-amz-target", header("x-amz-target"));
        let answer = request.header("content-type", header("content-type")).body(body).send().await.expect("an answer");
        let status = StatusCode::from_u16(answer.status().as_u16()).expect("a status");
        let kind = answer.headers()["content-type"].to_str().expect("plain ASCII").to_owned();
        (status, [(header::CONTENT_TYPE, kind)], answer.bytes().await.expect("a body")).into_response()
    }
    let target = format!("AWSStepFunctions.{operation}");
    let this = Refusing { aws: desk.aws_url().to_owned(), http: desk.http.clone(), target, code };
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let url = format!("http://{}", listener.local_addr().expect("an address"));
    let router = Router::new().fallback(pass).with_state(Arc::new(this));
    tokio::spawn(async move { axum::serve(listener, router).await });
    url
}

#[tokio::test]
async fn what_step_functions_refuses_is_said_in_clear_words() {
    let desk = Setup::new().start().await;
    let url = refusing(&desk, "ListExecutions", "AccessDeniedException").await;
    let other = Setup::beside(&desk).variable("AWS_ENDPOINT_URL", url).start().await;
    let denied = "Step Functions denied ListExecutions (AccessDeniedException): User: desk is not authorized. The \
                  desk's role needs the permission states:ListExecutions.";
    let mut browser = Browser::new(&other);
    for path in ["/workflows", "/workflows/loan-processing"] {
        let page = browser.open(path).await;
        assert_eq!(page.status, 200, "the rest of {path} is shown");
        assert!(page.words().contains(denied), "{}", page.words());
    }

    let url = refusing(&desk, "DescribeStateMachine", "AccessDeniedException").await;
    let other = Setup::beside(&desk).variable("AWS_ENDPOINT_URL", url).start().await;
    let page = Browser::new(&other).open("/workflows/loan-processing").await;
    assert_eq!(page.status, 502);
    assert!(page.words().contains("Step Functions denied DescribeStateMachine"), "{}", page.words());
}
