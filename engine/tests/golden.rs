//! Data written by earlier releases, opened and finished by this one.
//!
//! `tests/golden/schema_N.sqlite.gz` is a database as the release with schema N left it when it shut down, with
//! executions in every situation that outlives a restart. `schema_N.json` names them and holds their task tokens: those
//! are answered by this release, on a copy. The signing key in such a file is used for nothing else.
//!
//! A release that changes the schema adds the files of the schema before it:
//!
//! ```sh
//! cargo test -p asl-engine --test golden -- --ignored write_the_data_of_this_schema
//! ```

mod support;

use std::{
    collections::BTreeMap,
    fs::File,
    io::{Read, Write},
    path::{Path, PathBuf},
    time::Duration,
};

use asl_engine::StepFunctions;
use flate2::{Compression, read::GzDecoder, write::GzEncoder};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use support::{DATABASE, Desk, Invocation, ManualClock, within_limit};

/// What a test needs to know about a data folder to finish everything in it.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Golden {
    /// The ARNs of executions, by scenario.
    executions: BTreeMap<String, String>,
    /// The task tokens that have been handed out and not answered.
    tokens: BTreeMap<String, String>,
    activity: String,
}

/// The calls of functions by function name, since they arrive in any order.
struct Calls<'a> {
    desk: &'a Desk,
    kept: Vec<Invocation>,
}

impl<'a> Calls<'a> {
    fn new(desk: &'a Desk) -> Self {
        Self { desk, kept: Vec::new() }
    }

    async fn of(&mut self, function: &str) -> Invocation {
        if let Some(at) = self.kept.iter().position(|call| call.function == function) {
            return self.kept.remove(at);
        }
        loop {
            let call = self.desk.called().await;
            if call.function == function {
                return call;
            }
            self.kept.push(call);
        }
    }

    /// Lets the function accept the task, which then waits for its answer. Returns the token.
    async fn pause(&mut self, function: &str, execution: &str, paused: usize) -> String {
        let call = self.of(function).await;
        let token = call.token();
        call.returns(json!({}));
        let submitted = async {
            while self.desk.history(execution).await.iter().filter(|event| *event == "TaskSubmitted").count() < paused {
                tokio::task::yield_now().await;
            }
        };
        within_limit("the task", submitted).await;
        token
    }
}

/// The child that is still running in an execution's only map run.
async fn running_child(desk: &Desk, execution: &str) -> String {
    let runs = desk.ask("ListMapRuns", json!({"executionArn": execution})).await;
    let request = json!({"mapRunArn": runs["mapRuns"][0]["mapRunArn"], "statusFilter": "RUNNING"});
    let children = desk.ask("ListExecutions", request).await;
    children["executions"][0]["executionArn"].as_str().expect("a running child").to_owned()
}

fn machine(first: &str, states: Value) -> Value {
    json!({"StartAt": first, "States": states})
}

/// A task that calls the function and waits for the token.
fn asks(function: &str) -> Value {
    json!({
        "Type": "Task", "Resource": "arn:aws:states:::lambda:invoke.waitForTaskToken", "End": true,
        "Parameters": {"FunctionName": function, "Payload": {"taskToken.$": "$$.Task.Token", "item.$": "$"}}
    })
}

/// A task that calls the function.
fn invokes(function: &str) -> Value {
    json!({
        "Type": "Task", "Resource": "arn:aws:states:::lambda:invoke", "End": true,
        "Parameters": {"FunctionName": function, "Payload.$": "$"}, "OutputPath": "$.Payload"
    })
}

/// A branch that waits for a token until it times out, and then succeeds with the name of the function.
fn expires(function: &str, limit: &Value) -> Value {
    let expired = format!("{function} expired");
    let catch = json!({"Catch": [{"ErrorEquals": ["States.Timeout"], "Next": expired}]});
    machine(
        function,
        json!({
            function: with(with(asks(function), limit), &catch),
            &expired: {"Type": "Pass", "Result": function, "End": true}
        }),
    )
}

fn with(mut state: Value, fields: &Value) -> Value {
    for (field, value) in fields.as_object().unwrap() {
        state[field] = value.clone();
    }
    state
}

/// A distributed Map over its input that runs this state in one child at a time.
fn distributed(label: &str, state: &Value) -> Value {
    json!({
        "Type": "Map", "Label": label, "MaxConcurrency": 1, "End": true,
        "ItemSelector": {"value.$": "$$.Map.Item.Value", "index.$": "$$.Map.Item.Index"},
        "ItemProcessor": {
            "ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"},
            "StartAt": "Work", "States": {"Work": state}
        }
    })
}

impl Golden {
    async fn start(&mut self, desk: &Desk, name: &str, definition: &Value, input: &Value) -> String {
        let machine = desk.machine(name, definition).await;
        let execution = desk.start(&machine, "e", input).await;
        self.executions.insert(name.to_owned(), execution.clone());
        execution
    }

    fn execution(&self, name: &str) -> &str {
        &self.executions[name]
    }

    fn token(&mut self, name: &str, token: String) {
        self.tokens.insert(name.to_owned(), token);
    }

    /// Brings executions into every situation that must survive a restart.
    async fn write(desk: &Desk) -> Self {
        let mut golden = Self::default();
        let mut calls = Calls::new(desk);
        golden.closed(desk, &mut calls).await;
        golden.callbacks(desk, &mut calls).await;
        golden.calls_under_way(desk, &mut calls).await;
        golden.activity(desk).await;
        golden.timers(desk, &mut calls).await;
        golden.branches(desk, &mut calls).await;
        golden.waiting_branches(desk, &mut calls).await;
        golden.failed_branches(desk, &mut calls).await;
        golden.map_runs(desk, &mut calls).await;
        golden
    }

    async fn closed(&mut self, desk: &Desk, calls: &mut Calls<'_>) {
        let pass = machine("Only", json!({"Only": {"Type": "Pass", "Result": {"b": 1, "a": "ä"}, "End": true}}));
        let closed = self.start(desk, "closed", &pass, &json!({})).await;
        desk.until(&closed, "ExecutionSucceeded").await;

        // The second state in the text of the definition is the first to run.
        let definition = machine(
            "First",
            json!({
                "Second": invokes("failing"),
                "First": {"Type": "Pass", "Result": {"step": 1}, "Next": "Second"}
            }),
        );
        let failed = self.start(desk, "failed", &definition, &json!({})).await;
        calls.of("failing").await.fails("Broken", "try again");
        desk.until(&failed, "ExecutionFailed").await;
    }

    async fn callbacks(&mut self, desk: &Desk, calls: &mut Calls<'_>) {
        let limits = json!({"TimeoutSeconds": 600, "HeartbeatSeconds": 300, "End": false, "Next": "Last"});
        let definition = machine(
            "Zero",
            json!({
                "Zero": {"Type": "Pass", "Next": "Ask"},
                "Last": {"Type": "Pass", "Parameters": {"answer.$": "$"}, "End": true},
                "Ask": with(asks("callback"), &limits),
            }),
        );
        let callback = self.start(desk, "callback", &definition, &json!({"question": "how much?"})).await;
        let token = calls.pause("callback", &callback, 1).await;
        self.token("callback", token);

        let definition = machine("Ask", json!({"Ask": with(asks("late"), &json!({"TimeoutSeconds": 1000}))}));
        let late = self.start(desk, "late", &definition, &json!({})).await;
        let token = calls.pause("late", &late, 1).await;
        self.token("late", token);

        let definition = json!({
            "QueryLanguage": "JSONata", "StartAt": "Keep",
            "States": {
                "Keep": {"Type": "Pass", "Assign": {"kept": "{% $states.input.amount %}"}, "Next": "Ask"},
                "Ask": {
                    "Type": "Task", "Resource": "arn:aws:states:::lambda:invoke.waitForTaskToken", "End": true,
                    "Arguments": {"FunctionName": "jsonata", "Payload": {
                        "taskToken": "{% $states.context.Task.Token %}"
                    }},
                    "Output": "{% {'kept': $kept, 'answer': $states.result} %}"
                }
            }
        });
        let jsonata = self.start(desk, "jsonata", &definition, &json!({"amount": 42})).await;
        let token = calls.pause("jsonata", &jsonata, 1).await;
        self.token("jsonata", token);

        let child = desk.machine("child", &machine("Ask", json!({"Ask": asks("child")}))).await;
        let definition = machine(
            "Start",
            json!({"Start": {
                "Type": "Task", "Resource": "arn:aws:states:::states:startExecution.sync:2", "End": true,
                "Parameters": {"StateMachineArn": child, "Name": "e", "Input": {}}, "OutputPath": "$.Output"
            }}),
        );
        let parent = self.start(desk, "parent", &definition, &json!({})).await;
        desk.until(&parent, "TaskSubmitted").await;
        let child = child.replace(":stateMachine:", ":execution:") + ":e";
        let token = calls.pause("child", &child, 1).await;
        self.executions.insert("child".to_owned(), child);
        self.token("child", token);
    }

    async fn calls_under_way(&mut self, desk: &Desk, calls: &mut Calls<'_>) {
        let under_way = machine("Call", json!({"Call": invokes("under-way")}));
        self.start(desk, "under-way", &under_way, &json!({"a": [1, {"b": null}]})).await;
        drop(calls.of("under-way").await);

        let arn = "arn:aws:lambda:eu-west-2:000000000000:function:by-arn";
        let by_arn = machine("Call", json!({"Call": {"Type": "Task", "Resource": arn, "End": true}}));
        self.start(desk, "by-arn", &by_arn, &json!("text")).await;
        drop(calls.of(arn).await);
    }

    async fn activity(&mut self, desk: &Desk) {
        let activity = desk.ask("CreateActivity", json!({"name": "work"})).await["activityArn"].clone();
        self.activity = activity.as_str().unwrap().to_owned();
        let definition = machine(
            "Work",
            json!({"Work": {"Type": "Task", "Resource": activity, "HeartbeatSeconds": 500, "End": true}}),
        );
        self.start(desk, "activity-taken", &definition, &json!({"number": 1})).await;
        let request = json!({"activityArn": activity, "workerName": "golden"});
        let token = desk.ask("GetActivityTask", request).await["taskToken"].as_str().unwrap().to_owned();
        self.token("activity-taken", token);
        self.start(desk, "activity-offered", &definition, &json!({"number": 2})).await;
    }

    async fn timers(&mut self, desk: &Desk, calls: &mut Calls<'_>) {
        let wait = machine(
            "Wait",
            json!({"Wait": {"Type": "Wait", "Seconds": 5, "Next": "After"}, "After": {"Type": "Pass", "End": true}}),
        );
        let wait = self.start(desk, "wait", &wait, &json!({"kept": true})).await;
        desk.until(&wait, "WaitStateEntered").await;

        let retry = json!({"Retry": [{"ErrorEquals": ["Broken"], "IntervalSeconds": 20, "MaxAttempts": 1}]});
        let definition = machine("Call", json!({"Call": with(invokes("retried"), &retry)}));
        let retried = self.start(desk, "retried", &definition, &json!({})).await;
        calls.of("retried").await.fails("Broken", "once");
        desk.until(&retried, "TaskFailed").await;
    }

    async fn branches(&mut self, desk: &Desk, calls: &mut Calls<'_>) {
        let definition = machine(
            "Each",
            json!({"Each": {
                "Type": "Map", "MaxConcurrency": 2, "End": true,
                "ItemProcessor": {"StartAt": "Ask", "States": {"Ask": asks("inline")}}
            }}),
        );
        let map = self.start(desk, "inline-map", &definition, &json!(["a", "b", "c", "d"])).await;
        // The first two items run. When the second is answered, the third takes its place.
        for (at, paused) in [("inline-map-0", 1), ("inline-map-1", 2)] {
            let token = calls.pause("inline", &map, paused).await;
            self.token(at, token);
        }
        let answered = self.tokens.remove("inline-map-1").unwrap();
        desk.succeed(&answered, &json!("B")).await.unwrap();
        let token = calls.pause("inline", &map, 3).await;
        self.token("inline-map-2", token);

        let definition = machine(
            "Both",
            json!({"Both": {"Type": "Parallel", "End": true, "Branches": [
                {"StartAt": "Quick", "States": {"Quick": {"Type": "Pass", "Result": "quick", "End": true}}},
                {"StartAt": "Slow", "States": {"Slow": asks("slow")}},
                {"StartAt": "Inner", "States": {"Inner": {"Type": "Parallel", "End": true, "Branches": [
                    {"StartAt": "Innermost", "States": {"Innermost": asks("innermost")}}
                ]}}}
            ]}}),
        );
        let parallel = self.start(desk, "parallel", &definition, &json!({})).await;
        for (at, paused) in [("slow", 1), ("innermost", 2)] {
            let token = calls.pause(at, &parallel, paused).await;
            self.token(at, token);
        }
    }

    /// Everything that a branch within another can wait for.
    async fn waiting_branches(&mut self, desk: &Desk, calls: &mut Calls<'_>) {
        let only = |name: &str, state: Value| machine(name, json!({name: state}));
        let retry = json!({"Retry": [{"ErrorEquals": ["Broken"], "IntervalSeconds": 20, "MaxAttempts": 1}]});
        let limits = json!({"TimeoutSeconds": 600, "HeartbeatSeconds": 300});
        let definition = machine(
            "All",
            json!({"All": {"Type": "Parallel", "End": true, "Branches": [
                only("Wait", json!({"Type": "Wait", "Seconds": 5, "End": true})),
                only("Retry", with(invokes("branch-retried"), &retry)),
                only("Call", invokes("branch-call")),
                only("Ask", with(asks("branch-callback"), &limits)),
                {"StartAt": "Each", "States": {"Each": {
                    "Type": "Map", "ItemsPath": "$.items", "MaxConcurrency": 1, "End": true,
                    "ItemProcessor": only("Item", asks("branch-item"))
                }}},
                expires("branch-timeout", &json!({"TimeoutSeconds": 900})),
                expires("branch-silent", &json!({"HeartbeatSeconds": 900}))
            ]}}),
        );
        let branches = self.start(desk, "waiting-branches", &definition, &json!({"items": ["a", "b"]})).await;
        for (token, paused) in [("branch-callback", 1), ("branch-item", 2), ("branch-timeout", 3), ("branch-silent", 4)]
        {
            let handed_out = calls.pause(token, &branches, paused).await;
            self.token(token, handed_out);
        }
        drop(calls.of("branch-call").await);
        calls.of("branch-retried").await.fails("Broken", "once");
        desk.until(&branches, "TaskFailed").await;
    }

    async fn failed_branches(&mut self, desk: &Desk, calls: &mut Calls<'_>) {
        let definition = machine(
            "Both",
            json!({"Both": {"Type": "Parallel", "End": true, "Branches": [
                {"StartAt": "Quick", "States": {"Quick": {"Type": "Pass", "Result": "quick", "End": true}}},
                {"StartAt": "Fail", "States": {"Fail": invokes("failing-branch")}},
                {"StartAt": "Ask", "States": {"Ask": asks("aborted-branch")}}
            ]}}),
        );
        let failed = self.start(desk, "failed-branches", &definition, &json!({})).await;
        let aborted = calls.pause("aborted-branch", &failed, 1).await;
        self.token("aborted-branch", aborted);
        calls.of("failing-branch").await.fails("Broken", "try again");
        desk.until(&failed, "ExecutionFailed").await;
    }

    async fn map_runs(&mut self, desk: &Desk, calls: &mut Calls<'_>) {
        // Neither the first machine of its definition nor its first state.
        let definition = machine(
            "Both",
            json!({"Both": {"Type": "Parallel", "End": true, "Branches": [
                {"StartAt": "Quick", "States": {"Quick": {"Type": "Pass", "Result": "quick", "End": true}}},
                {"StartAt": "Each", "States": {"Each": distributed("each", &asks("distributed"))}}
            ]}}),
        );
        let run = self.start(desk, "map-run", &definition, &json!(["a", "b", "c"])).await;
        let first = calls.of("distributed").await;
        assert_eq!(first.payload["item"], json!({"value": "a", "index": 0}));
        desk.succeed(&first.token(), &json!("A")).await.unwrap();
        let second = calls.of("distributed").await;
        let token = second.token();
        second.returns(json!({}));
        let child = running_child(desk, &run).await;
        desk.until(&child, "TaskSubmitted").await;
        self.token("map-run", token);
        self.executions.insert("map-run-child".to_owned(), child);

        let definition = machine("Each", json!({"Each": distributed("each", &invokes("item"))}));
        let failed = self.start(desk, "failed-map-run", &definition, &json!(["a", "b"])).await;
        calls.of("item").await.returns(json!("A"));
        calls.of("item").await.fails("Broken", "try again");
        desk.until(&failed, "ExecutionFailed").await;
    }

    /// Answers and finishes everything.
    async fn finish(&self, desk: &Desk, clock: &ManualClock) {
        let mut calls = Calls::new(desk);
        self.read_closed(desk).await;
        self.finish_branches(desk, &mut calls).await;
        self.answer_waiting_branches(desk, &mut calls).await;
        self.redrive_branches(desk, &mut calls).await;
        self.finish_map_runs(desk, &mut calls).await;
        self.finish_calls(desk, &mut calls).await;
        self.finish_callbacks(desk).await;
        self.finish_express(desk, &mut calls).await;
        self.finish_activity(desk).await;
        self.finish_timers(desk, clock, &mut calls).await;
        assert!(calls.kept.is_empty(), "calls of which the test knows nothing");
        assert!(desk.nothing_called().await);
        for (name, token) in &self.tokens {
            let (error, _) = desk.refusal("SendTaskFailure", json!({"taskToken": token})).await;
            assert_eq!(error, "TaskTimedOut", "{name} was answered once and cannot be again");
        }
    }

    async fn succeeds(&self, desk: &Desk, name: &str, output: Value) {
        let end = desk.end(self.execution(name)).await;
        assert_eq!(end["status"], "SUCCEEDED", "{name}: {end}");
        let given: Value = serde_json::from_str(end["output"].as_str().unwrap()).unwrap();
        assert_eq!(given, output, "{name}");
    }

    async fn answer(&self, desk: &Desk, token: &str, output: Value) {
        let answered = desk.succeed(&self.tokens[token], &output).await;
        assert_eq!(answered, Ok(json!({})), "the token of {token} is good");
    }

    async fn read_closed(&self, desk: &Desk) {
        self.succeeds(desk, "closed", json!({"b": 1, "a": "ä"})).await;
        let events = ["ExecutionStarted", "PassStateEntered", "PassStateExited", "ExecutionSucceeded"];
        assert_eq!(desk.history(self.execution("closed")).await, events);
    }

    async fn finish_calls(&self, desk: &Desk, calls: &mut Calls<'_>) {
        let call = calls.of("under-way").await;
        assert_eq!(call.payload, json!({"a": [1, {"b": null}]}), "the call is made again");
        call.returns(json!("done"));
        self.succeeds(desk, "under-way", json!("done")).await;
        let call = calls.of("arn:aws:lambda:eu-west-2:000000000000:function:by-arn").await;
        assert_eq!(call.payload, json!("text"));
        call.returns(json!([]));
        self.succeeds(desk, "by-arn", json!([])).await;

        desk.ask("RedriveExecution", json!({"executionArn": self.execution("failed")})).await;
        let call = calls.of("failing").await;
        assert_eq!(call.payload, json!({"step": 1}), "it goes on in its second state");
        call.returns(json!(2));
        self.succeeds(desk, "failed", json!(2)).await;
    }

    async fn finish_callbacks(&self, desk: &Desk) {
        let beat = json!({"taskToken": self.tokens["callback"]});
        assert_eq!(desk.ask("SendTaskHeartbeat", beat).await, json!({}));
        self.answer(desk, "callback", json!({"value": 666_000})).await;
        self.succeeds(desk, "callback", json!({"answer": {"value": 666_000}})).await;
        self.answer(desk, "jsonata", json!(7)).await;
        self.succeeds(desk, "jsonata", json!({"kept": 42, "answer": 7})).await;
        self.answer(desk, "child", json!("of the child")).await;
        self.succeeds(desk, "child", json!("of the child")).await;
        self.succeeds(desk, "parent", json!("of the child")).await;
    }

    /// Releases up to schema 3 allowed EXPRESS children to wait for a token.
    async fn finish_express(&self, desk: &Desk, calls: &mut Calls<'_>) {
        if !self.executions.contains_key("express") {
            return;
        }
        let call = calls.of("express").await;
        assert_eq!(call.token(), self.tokens["express"], "the same call is made again");
        call.returns(json!({}));
        self.answer(desk, "express", json!("A")).await;
        self.succeeds(desk, "express", json!(["A"])).await;
    }

    async fn finish_activity(&self, desk: &Desk) {
        let request = json!({"activityArn": self.activity});
        let offered = desk.ask("GetActivityTask", request).await;
        assert_eq!(offered["input"], json!(r#"{"number":2}"#));
        desk.succeed(offered["taskToken"].as_str().unwrap(), &json!("two")).await.unwrap();
        self.succeeds(desk, "activity-offered", json!("two")).await;
        self.answer(desk, "activity-taken", json!("one")).await;
        self.succeeds(desk, "activity-taken", json!("one")).await;
    }

    async fn finish_branches(&self, desk: &Desk, calls: &mut Calls<'_>) {
        self.answer(desk, "inline-map-0", json!("A")).await;
        self.answer(desk, "inline-map-2", json!("C")).await;
        let last = calls.of("inline").await;
        assert_eq!(last.payload["item"], "d");
        desk.succeed(&last.token(), &json!("D")).await.unwrap();
        self.succeeds(desk, "inline-map", json!(["A", "B", "C", "D"])).await;
        self.answer(desk, "innermost", json!(3)).await;
        self.answer(desk, "slow", json!(2)).await;
        self.succeeds(desk, "parallel", json!(["quick", 2, [3]])).await;
    }

    /// The golden data up to schema 4 does not have this execution.
    async fn answer_waiting_branches(&self, desk: &Desk, calls: &mut Calls<'_>) {
        if !self.executions.contains_key("waiting-branches") {
            return;
        }
        calls.of("branch-call").await.returns(json!("called"));
        let beat = json!({"taskToken": self.tokens["branch-callback"]});
        assert_eq!(desk.ask("SendTaskHeartbeat", beat).await, json!({}));
        self.answer(desk, "branch-callback", json!("answered")).await;
        self.answer(desk, "branch-item", json!("A")).await;
        let last = calls.of("branch-item").await;
        assert_eq!(last.payload["item"], "b");
        desk.succeed(&last.token(), &json!("B")).await.unwrap();
    }

    /// Call it when all timers have fired.
    async fn finish_waiting_branches(&self, desk: &Desk) {
        if self.executions.contains_key("waiting-branches") {
            let items = json!({"items": ["a", "b"]});
            let outputs =
                json!([items, "at last", "called", "answered", ["A", "B"], "branch-timeout", "branch-silent"]);
            self.succeeds(desk, "waiting-branches", outputs).await;
        }
    }

    /// The golden data up to schema 4 does not have this execution.
    async fn redrive_branches(&self, desk: &Desk, calls: &mut Calls<'_>) {
        let Some(failed) = self.executions.get("failed-branches") else { return };
        desk.ask("RedriveExecution", json!({"executionArn": failed})).await;
        calls.of("failing-branch").await.returns(json!("b"));
        let aborted = calls.of("aborted-branch").await;
        desk.succeed(&aborted.token(), &json!("c")).await.unwrap();
        self.succeeds(desk, "failed-branches", json!(["quick", "b", "c"])).await;
    }

    async fn finish_map_runs(&self, desk: &Desk, calls: &mut Calls<'_>) {
        self.answer(desk, "map-run", json!("B")).await;
        self.succeeds(desk, "map-run-child", json!("B")).await;
        let last = calls.of("distributed").await;
        assert_eq!(last.payload["item"], json!({"value": "c", "index": 2}));
        desk.succeed(&last.token(), &json!("C")).await.unwrap();
        self.succeeds(desk, "map-run", json!(["quick", ["A", "B", "C"]])).await;

        desk.ask("RedriveExecution", json!({"executionArn": self.execution("failed-map-run")})).await;
        let call = calls.of("item").await;
        assert_eq!(call.payload, json!({"value": "b", "index": 1}), "only what failed runs again");
        call.returns(json!("B"));
        self.succeeds(desk, "failed-map-run", json!(["A", "B"])).await;
    }

    async fn finish_timers(&self, desk: &Desk, clock: &ManualClock, calls: &mut Calls<'_>) {
        assert_eq!(desk.status(self.execution("wait")).await, "RUNNING", "its time has not come");
        clock.advance(Duration::from_secs(5));
        self.succeeds(desk, "wait", json!({"kept": true})).await;
        clock.advance(Duration::from_secs(15));
        calls.of("retried").await.returns(json!("at last"));
        self.succeeds(desk, "retried", json!("at last")).await;
        if self.executions.contains_key("waiting-branches") {
            calls.of("branch-retried").await.returns(json!("at last"));
        }
        assert_eq!(desk.status(self.execution("late")).await, "RUNNING");
        clock.advance(Duration::from_secs(1000));
        let late = desk.end(self.execution("late")).await;
        assert_eq!((&late["status"], &late["error"]), (&json!("FAILED"), &json!("States.Timeout")));
        self.finish_waiting_branches(desk).await;
    }
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden")
}

/// The schema version in the header of a database file.
fn schema(database: &[u8]) -> u32 {
    u32::from_be_bytes(database[60..64].try_into().unwrap())
}

#[tokio::test]
#[ignore = "writes the files that the other tests read, once for each schema"]
async fn write_the_data_of_this_schema() {
    let (data, clock) = (tempfile::tempdir().unwrap(), ManualClock::new());
    let desk = Desk::open(data.path(), clock).await;
    let golden = Golden::write(&desk).await;
    let copy = data.path().join("copy");
    desk.engine.backup(&copy).await.unwrap();
    drop(desk);
    let database = std::fs::read(copy).unwrap();
    let name = format!("schema_{}", schema(&database));
    let file = File::create(folder().join(format!("{name}.sqlite.gz"))).unwrap();
    let mut gzip = GzEncoder::new(file, Compression::best());
    gzip.write_all(&database).unwrap();
    gzip.finish().unwrap();
    let golden = serde_json::to_string_pretty(&golden).unwrap() + "\n";
    std::fs::write(folder().join(format!("{name}.json")), golden).unwrap();
}

async fn finish_data_of(schema: u32) {
    let name = format!("schema_{schema}");
    let (data, clock) = (tempfile::tempdir().unwrap(), ManualClock::new());
    let mut database = Vec::new();
    let gzip = File::open(folder().join(format!("{name}.sqlite.gz"))).unwrap();
    GzDecoder::new(gzip).read_to_end(&mut database).unwrap();
    assert_eq!(self::schema(&database), schema);
    std::fs::write(data.path().join(DATABASE), database).unwrap();
    let golden = std::fs::read(folder().join(format!("{name}.json"))).unwrap();
    let golden: Golden = serde_json::from_slice(&golden).unwrap();
    let path = data.path().join(DATABASE);
    let before = StepFunctions::identity(&path).expect("an old database has an identity");
    assert_eq!(before.openings, 1);
    let desk = Desk::open(data.path(), clock.clone()).await;
    golden.finish(&desk, &clock).await;
    drop(desk);
    let after = StepFunctions::identity(&path).unwrap();
    assert_eq!((after.id, after.openings), (before.id, 2));
}

#[tokio::test]
async fn everything_in_data_of_schema_3_can_be_finished() {
    finish_data_of(3).await;
}

#[tokio::test]
async fn everything_in_data_of_schema_4_can_be_finished() {
    finish_data_of(4).await;
}

#[tokio::test]
async fn everything_in_data_of_schema_5_can_be_finished() {
    finish_data_of(5).await;
}

#[tokio::test]
async fn everything_in_data_of_this_schema_can_be_finished_after_a_restart() {
    let (data, clock) = (tempfile::tempdir().unwrap(), ManualClock::new());
    let desk = Desk::open(data.path(), clock.clone()).await;
    let golden = Golden::write(&desk).await;
    drop(desk);
    let desk = Desk::open(data.path(), clock.clone()).await;
    golden.finish(&desk, &clock).await;
}
