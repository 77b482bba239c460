//! Executions outlive the release that checked their definition. Each test changes a stored definition as if it came
//! from a release that read or checked definitions differently.

mod support;

use std::{path::Path, sync::Arc};

use rusqlite::Connection;
use serde_json::{Value, json};
use support::{DATABASE, Desk, ManualClock, ROLE};

/// Replaces the only stored definition.
fn replace_definition(folder: &Path, definition: &Value) {
    let database = Connection::open(folder.join(DATABASE)).unwrap();
    assert_eq!(database.execute("UPDATE definition SET text = ?", [definition.to_string()]).unwrap(), 1);
}

fn asks(next: &Value) -> Value {
    let mut state = json!({
        "Type": "Task", "Resource": "arn:aws:states:::lambda:invoke.waitForTaskToken",
        "Parameters": {"FunctionName": "ask", "Payload": {"taskToken.$": "$$.Task.Token"}}
    });
    for (field, value) in next.as_object().unwrap() {
        state[field] = value.clone();
    }
    state
}

fn adds(letter: &str) -> Value {
    json!({"Type": "Pass", "Parameters": {"path.$": format!("States.Format('{{}}{letter}', $)")}, "OutputPath": "$.path",
           "End": true})
}

/// Starts an execution for each name. Each waits for its token.
async fn pause(desk: &Desk, machine: &str, names: &[&str]) -> Vec<(String, String)> {
    let mut paused = Vec::new();
    for name in names {
        let execution = desk.start(machine, name, &json!(["item"])).await;
        let call = desk.called().await;
        let token = call.token();
        call.returns(json!({}));
        paused.push((execution, token));
    }
    paused
}

struct Stored {
    folder: tempfile::TempDir,
    clock: Arc<ManualClock>,
    paused: Vec<(String, String)>,
}

impl Stored {
    /// Starts two executions of a definition, and then replaces the stored definition once they wait.
    async fn with(definition: &Value, other: &Value) -> Self {
        let (folder, clock) = (tempfile::tempdir().unwrap(), ManualClock::new());
        let desk = Desk::open(folder.path(), clock.clone()).await;
        let machine = desk.machine("m", definition).await;
        let paused = pause(&desk, &machine, &["answered", "stopped"]).await;
        drop(desk);
        replace_definition(folder.path(), other);
        Self { folder, clock, paused }
    }

    async fn open(&self) -> Desk {
        Desk::open(self.folder.path(), self.clock.clone()).await
    }

    /// Stops the second execution and answers the first. Returns the first one's description.
    async fn finish(&self, desk: &Desk) -> Value {
        let [(answered, token), (stopped, _)] = &self.paused[..] else { panic!("two executions") };
        desk.ask("StopExecution", json!({"executionArn": stopped})).await;
        assert_eq!(desk.status(stopped).await, "ABORTED");
        assert_eq!(desk.succeed(token, &json!("x")).await, Ok(json!({})));
        desk.end(answered).await
    }
}

#[tokio::test]
async fn an_execution_resumes_in_its_state_whatever_the_order_of_states() {
    let definition = json!({"StartAt": "Ask", "States": {
        "Ask": asks(&json!({"Next": "Right"})), "Right": adds("right"),
    }});
    let mut stored = definition.clone();
    let (mut ask, right) = (asks(&json!({"Next": "Right"})), adds("right"));
    ask["Catch"] = json!([{"ErrorEquals": ["Never"], "Next": "Wrong"}]);
    stored["States"] = json!({"Wrong": adds("wrong"), "Right": right, "Ask": ask});
    let stored = Stored::with(&definition, &stored).await;
    let end = stored.finish(&stored.open().await).await;
    assert_eq!((&end["status"], &end["output"]), (&json!("SUCCEEDED"), &json!(r#""xright""#)));
}

#[tokio::test]
async fn children_run_their_processor_whatever_the_order_of_machines() {
    let branch = |name: &str| json!({"StartAt": name, "States": {name: {"Type": "Pass", "End": true}}});
    let each = json!({"Type": "Map", "End": true, "MaxConcurrency": 1, "ItemProcessor": {
        "ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"},
        "StartAt": "Ask", "States": {"Ask": asks(&json!({"Next": "Right"})), "Right": adds("right")}
    }});
    let definition = json!({"StartAt": "Each", "States": {"Each": each}});
    let mut stored = definition.clone();
    stored["States"] = json!({
        "Before": {"Type": "Parallel", "Branches": [branch("One"), branch("Two")], "Next": "Each"}, "Each": each
    });
    let stored = Stored::with(&definition, &stored).await;
    let end = stored.finish(&stored.open().await).await;
    assert_eq!((&end["status"], &end["output"]), (&json!("SUCCEEDED"), &json!(r#"["xright"]"#)));
}

#[tokio::test]
async fn stricter_checks_do_not_apply_to_stored_definitions() {
    let definition = json!({"StartAt": "Ask", "States": {"Ask": asks(&json!({"Next": "Done"})), "Done": adds("done")}});
    // Each of these is refused in a new definition.
    let mut refused = definition.clone();
    refused["States"]["Ask"]["Unknown"] = json!(1);
    refused["States"]["Ask"]["TimeoutSeconds"] = json!(999_999_999);
    refused["States"]["Ask"]["Retry"] = json!([{"ErrorEquals": ["States.ALL", "Other"], "MaxAttempts": -1}]);
    refused["States"]["Unreachable"] = json!({"Type": "Pass", "Next": "Done"});
    refused["States"]["x".repeat(200)] = json!({"Type": "Pass", "Next": "Done"});
    refused["States"]["Elsewhere"] =
        json!({"Type": "Task", "Resource": "arn:aws:states:::ecs:runTask.sync", "End": true});
    let stored = Stored::with(&definition, &refused).await;
    let desk = stored.open().await;
    let request = json!({"name": "new", "definition": refused.to_string(), "roleArn": ROLE});
    assert_eq!(desk.refusal("CreateStateMachine", request).await.0, "InvalidDefinition");
    let end = stored.finish(&desk).await;
    assert_eq!((&end["status"], &end["output"]), (&json!("SUCCEEDED"), &json!(r#""xdone""#)));
}

#[tokio::test]
async fn an_unreadable_stored_state_only_fails_executions_that_reach_it() {
    let definition = json!({"StartAt": "Ask", "States": {"Ask": asks(&json!({"Next": "Done"})), "Done": adds("done")}});
    for (state, field) in [("Ask", "ResultPath"), ("Done", "InputPath")] {
        let mut unreadable = definition.clone();
        unreadable["States"][state][field] = json!("$[not a path");
        let stored = Stored::with(&definition, &unreadable).await;
        let end = stored.finish(&stored.open().await).await;
        assert_eq!((&end["status"], &end["error"]), (&json!("FAILED"), &json!("States.Runtime")), "{state}");
        let cause = end["cause"].as_str().unwrap();
        let wanted =
            format!("The state '{state}' cannot be read by this version of the engine: /States/{state}/{field}");
        assert!(cause.starts_with(&wanted), "{cause}");
    }
}
