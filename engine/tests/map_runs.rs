//! Distributed Maps through the protocol. Their children are executions that survive restarts.

mod support;

use std::time::Duration;

use serde_json::{Value, json};
use support::{Desk, ManualClock, each, pass};

fn ask() -> Value {
    json!({"Ask": {
        "Type": "Task", "Resource": "arn:aws:states:::lambda:invoke", "End": true,
        "Parameters": {"FunctionName": "ask", "Payload.$": "$"}, "OutputPath": "$.Payload",
    }})
}

impl Run {
    async fn of(desk: &Desk, execution: &str) -> Self {
        let runs = desk.ask("ListMapRuns", json!({"executionArn": execution})).await;
        let arn = runs["mapRuns"][0]["mapRunArn"].as_str().expect("a map run").to_owned();
        Self { arn }
    }

    async fn describe(&self, desk: &Desk) -> Value {
        desk.ask("DescribeMapRun", json!({"mapRunArn": self.arn})).await
    }

    /// The number of children with a status.
    async fn count(&self, desk: &Desk, status: &str) -> i64 {
        self.describe(desk).await["executionCounts"][status].as_i64().expect("a count")
    }

    async fn children(&self, desk: &Desk) -> Vec<Value> {
        let listed = desk.ask("ListExecutions", json!({"mapRunArn": self.arn})).await;
        listed["executions"].as_array().expect("a list").clone()
    }
}

struct Run {
    arn: String,
}

#[tokio::test]
async fn each_item_is_an_execution_of_its_own() {
    let (folder, clock) = (tempfile::tempdir().unwrap(), ManualClock::new());
    let desk = Desk::open(folder.path(), clock).await;
    let selector = json!({"ItemSelector": {"i.$": "$$.Map.Item.Index", "v.$": "$$.Map.Item.Value"}});
    let machine = desk.machine("m", &each(&pass(), &selector)).await;
    let execution = desk.start(&machine, "e", &json!(["a", "b"])).await;
    desk.until(&execution, "ExecutionSucceeded").await;
    let end = desk.describe(&execution).await;
    assert_eq!(end["output"], r#"[{"i":0,"v":"a"},{"i":1,"v":"b"}]"#);

    let run = Run::of(&desk, &execution).await;
    assert!(run.arn.starts_with("arn:aws:states:eu-west-2:000000000000:mapRun:m/each:"), "{}", run.arn);
    let described = run.describe(&desk).await;
    assert_eq!((&described["status"], &described["executionArn"]), (&json!("SUCCEEDED"), &json!(execution)));
    assert_eq!((&described["itemCounts"]["succeeded"], &described["itemCounts"]["total"]), (&json!(2), &json!(2)));

    let children = run.children(&desk).await;
    assert_eq!(children.len(), 2);
    let child = children[1]["executionArn"].as_str().unwrap();
    assert!(child.starts_with("arn:aws:states:eu-west-2:000000000000:execution:m/each:"), "{child}");
    let described = desk.describe(child).await;
    assert_eq!(described["input"], r#"{"i":0,"v":"a"}"#);
    assert_eq!(described["mapRunArn"], json!(run.arn));
    assert_eq!(
        desk.history(child).await,
        ["ExecutionStarted", "PassStateEntered", "PassStateExited", "ExecutionSucceeded"]
    );
    let listed = desk.ask("ListExecutions", json!({"stateMachineArn": machine})).await;
    assert_eq!(listed["executions"].as_array().unwrap().len(), 1, "children are listed by their map run");
}

#[tokio::test]
async fn a_run_respects_its_concurrency_until_that_is_changed() {
    let (folder, clock) = (tempfile::tempdir().unwrap(), ManualClock::new());
    let desk = Desk::open(folder.path(), clock.clone()).await;
    let rest = json!({"Rest": {"Type": "Wait", "Seconds": 5, "End": true}});
    let machine = desk.machine("m", &each(&rest, &json!({"MaxConcurrency": 2}))).await;
    let execution = desk.start(&machine, "e", &json!([1, 2, 3, 4, 5, 6, 7])).await;
    let run = Run::of(&desk, &execution).await;
    let until = async |status: &str, wanted: i64| {
        while run.count(&desk, status).await != wanted {
            tokio::task::yield_now().await;
        }
    };
    until("running", 2).await;
    assert_eq!(run.count(&desk, "pending").await, 5);
    desk.ask("UpdateMapRun", json!({"mapRunArn": run.arn, "maxConcurrency": 4})).await;
    until("running", 4).await;
    clock.advance(Duration::from_secs(5));
    // Wait until the first four have ended, because three run at the same time for a moment before that.
    until("succeeded", 4).await;
    until("running", 3).await;
    clock.advance(Duration::from_secs(5));
    desk.until(&execution, "ExecutionSucceeded").await;
}

#[tokio::test]
async fn a_redriven_run_repeats_the_failed_children() {
    let (folder, clock) = (tempfile::tempdir().unwrap(), ManualClock::new());
    let desk = Desk::open(folder.path(), clock.clone()).await;
    let machine = desk.machine("m", &each(&ask(), &json!({"MaxConcurrency": 1}))).await;
    let execution = desk.start(&machine, "e", &json!(["a", "b", "c"])).await;
    desk.called().await.returns(json!("A"));
    desk.called().await.fails("Broken", "try again");
    desk.until(&execution, "ExecutionFailed").await;
    let run = Run::of(&desk, &execution).await;
    assert_eq!(desk.describe(&execution).await["error"], "States.ExceedToleratedFailureThreshold");
    let failed = run.children(&desk).await.into_iter().find(|child| child["status"] == "FAILED").unwrap();
    let child = desk.describe(failed["executionArn"].as_str().unwrap()).await;
    assert_eq!(child["redriveStatus"], "REDRIVABLE_BY_MAP_RUN");
    let alone = desk.refusal("RedriveExecution", json!({"executionArn": failed["executionArn"]})).await;
    assert_eq!(alone.0, "ExecutionNotRedrivable");
    drop(desk);

    let desk = Desk::open(folder.path(), clock).await;
    desk.ask("RedriveExecution", json!({"executionArn": execution})).await;
    for (item, answer) in [("b", "B"), ("c", "C")] {
        let call = desk.called().await;
        assert_eq!(call.payload, json!(item));
        call.returns(json!(answer));
    }
    desk.until(&execution, "ExecutionSucceeded").await;
    assert_eq!(desk.describe(&execution).await["output"], r#"["A","B","C"]"#);
    let described = run.describe(&desk).await;
    assert_eq!((&described["status"], &described["redriveCount"]), (&json!("SUCCEEDED"), &json!(1)));
    assert_eq!(run.children(&desk).await.len(), 3);
}

#[tokio::test]
async fn a_call_of_an_earlier_attempt_does_not_answer_a_restarted_child() {
    let (folder, clock) = (tempfile::tempdir().unwrap(), ManualClock::new());
    let desk = Desk::open(folder.path(), clock.clone()).await;
    let mut definition = each(&ask(), &json!({}));
    definition["States"]["Each"]["ItemProcessor"]["ProcessorConfig"]["ExecutionType"] = json!("EXPRESS");
    let machine = desk.machine("m", &definition).await;
    let execution = desk.start(&machine, "e", &json!(["a"])).await;
    let first = desk.called().await;
    // The child is of type EXPRESS, so it times out and a redrive restarts it.
    clock.advance(Duration::from_secs(300));
    desk.until(&execution, "ExecutionFailed").await;
    desk.ask("RedriveExecution", json!({"executionArn": execution})).await;
    let second = desk.called().await;
    first.returns(json!("of the first attempt"));
    // Calls are answered in order: this one is made after the first has been answered.
    let other = desk.machine("other", &json!({"StartAt": "Ask", "States": ask()})).await;
    let other = desk.start(&other, "e", &json!({})).await;
    desk.called().await.returns(json!({}));
    desk.until(&other, "ExecutionSucceeded").await;
    assert_eq!(desk.status(&execution).await, "RUNNING");
    second.returns(json!("of the second"));
    desk.until(&execution, "ExecutionSucceeded").await;
    assert_eq!(desk.describe(&execution).await["output"], r#"["of the second"]"#);
}

#[tokio::test]
async fn a_run_continues_after_a_restart() {
    let (folder, clock) = (tempfile::tempdir().unwrap(), ManualClock::new());
    let desk = Desk::open(folder.path(), clock.clone()).await;
    let machine = desk.machine("m", &each(&ask(), &json!({"MaxConcurrency": 1}))).await;
    let execution = desk.start(&machine, "e", &json!(["a", "b"])).await;
    drop(desk.called().await);
    drop(desk);
    let desk = Desk::open(folder.path(), clock).await;
    desk.called().await.returns(json!("A"));
    desk.called().await.returns(json!("B"));
    desk.until(&execution, "ExecutionSucceeded").await;
    assert_eq!(desk.describe(&execution).await["output"], r#"["A","B"]"#);
}

#[tokio::test]
async fn stopping_an_execution_stops_its_children() {
    let (folder, clock) = (tempfile::tempdir().unwrap(), ManualClock::new());
    let desk = Desk::open(folder.path(), clock).await;
    let machine = desk.machine("m", &each(&ask(), &json!({}))).await;
    let execution = desk.start(&machine, "e", &json!(["a", "b"])).await;
    let calls = [desk.called().await, desk.called().await];
    desk.ask("StopExecution", json!({"executionArn": execution})).await;
    let run = Run::of(&desk, &execution).await;
    assert_eq!(run.describe(&desk).await["status"], "ABORTED");
    assert_eq!(run.count(&desk, "aborted").await, 2);
    let child = run.children(&desk).await[0]["executionArn"].as_str().unwrap().to_owned();
    assert_eq!(desk.status(&child).await, "ABORTED");
    drop(calls);
}

#[tokio::test]
async fn outputs_that_are_too_large_together_only_fail_the_map() {
    let (folder, clock) = (tempfile::tempdir().unwrap(), ManualClock::new());
    let desk = Desk::open(folder.path(), clock).await;
    let selector = json!({"ItemSelector": {"all.$": "$"}});
    let machine = desk.machine("m", &each(&pass(), &selector)).await;
    let execution = desk.start(&machine, "e", &json!(["x".repeat(100_000), 2, 3])).await;
    desk.until(&execution, "ExecutionFailed").await;
    assert_eq!(desk.describe(&execution).await["error"], "States.DataLimitExceeded");
    let run = Run::of(&desk, &execution).await;
    assert_eq!(run.count(&desk, "succeeded").await, 3);
}

#[tokio::test]
async fn an_express_child_ends_after_five_minutes() {
    let (folder, clock) = (tempfile::tempdir().unwrap(), ManualClock::new());
    let desk = Desk::open(folder.path(), clock.clone()).await;
    let mut definition = each(&json!({"Rest": {"Type": "Wait", "Seconds": 900, "End": true}}), &json!({}));
    definition["States"]["Each"]["ItemProcessor"]["ProcessorConfig"]["ExecutionType"] = json!("EXPRESS");
    let machine = desk.machine("m", &definition).await;
    let execution = desk.start(&machine, "e", &json!([1])).await;
    let run = Run::of(&desk, &execution).await;
    while run.count(&desk, "running").await == 0 {
        tokio::task::yield_now().await;
    }
    clock.advance(Duration::from_secs(300));
    desk.until(&execution, "ExecutionFailed").await;
    assert_eq!(run.count(&desk, "timedOut").await, 1);
}

#[tokio::test]
async fn a_run_that_cannot_progress_does_not_block_others_and_is_retried() {
    let folder = tempfile::tempdir().unwrap();
    let clock = ManualClock::new();
    let desk = Desk::open(folder.path(), clock.clone()).await;
    let machine = desk.machine("m", &each(&ask(), &json!({"MaxConcurrency": 1}))).await;
    let damaged = desk.start(&machine, "damaged", &json!(["a", "b"])).await;
    drop(desk.called().await);
    desk.engine.shutdown().await;
    drop(desk);
    let database = || {
        let connection = rusqlite::Connection::open(folder.path().join(support::DATABASE)).unwrap();
        connection.busy_timeout(Duration::from_secs(10)).unwrap();
        connection
    };
    let state: Vec<u8> =
        database().query_row("SELECT state FROM execution_state WHERE execution = 1", [], |row| row.get(0)).unwrap();
    let put = |state: &[u8]| {
        database().execute("UPDATE execution_state SET state = ? WHERE execution = 1", [state]).unwrap();
    };
    put(b"{");

    let desk = Desk::open(folder.path(), clock.clone()).await;
    desk.called().await.returns(json!(1));
    let sound = desk.start(&machine, "sound", &json!(["c", "d"])).await;
    for _ in 0..2 {
        desk.called().await.returns(json!(0));
    }
    assert_eq!(desk.end(&sound).await["status"], "SUCCEEDED");

    put(&state);
    clock.advance(Duration::from_secs(5 * 60));
    desk.called().await.returns(json!(2));
    assert_eq!(desk.end(&damaged).await["status"], "SUCCEEDED");
}

#[tokio::test]
async fn a_redrive_does_not_lose_an_item_whose_selector_failed() {
    let folder = tempfile::tempdir().unwrap();
    let desk = Desk::open(folder.path(), ManualClock::new()).await;
    let selector = json!({"v.$": "States.MathAdd($$.Map.Item.Value.n, 1)"});
    let more = json!({"MaxConcurrency": 1, "ItemSelector": selector});
    let machine = desk.machine("m", &each(&ask(), &more)).await;
    let execution = desk.start(&machine, "e", &json!([{"n": 1}, {}, {"n": 3}])).await;
    desk.called().await.returns(json!("A"));
    desk.until(&execution, "ExecutionFailed").await;
    let run = Run::of(&desk, &execution).await;
    let counts = run.describe(&desk).await["itemCounts"].clone();
    assert_eq!((&counts["total"], &counts["succeeded"]), (&json!(3), &json!(1)), "{counts}");
    desk.ask("RedriveExecution", json!({"executionArn": execution})).await;
    desk.end(&execution).await;
    let counts = run.describe(&desk).await["itemCounts"].clone();
    let all: i64 = ["pending", "running", "succeeded", "failed", "timedOut", "aborted"]
        .iter()
        .map(|status| counts[*status].as_i64().unwrap())
        .sum();
    // The second item fails the run again. Neither it nor the third is lost.
    assert_eq!((all, &counts["succeeded"], &counts["pending"]), (3, &json!(1), &json!(2)), "{counts}");
}
