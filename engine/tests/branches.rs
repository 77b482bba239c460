//! Branches of Parallel and inline Map states, which are rows of their own, across restarts.

mod support;

use std::{collections::BTreeMap, time::Duration};

use serde_json::{Value, json};
use support::{DATABASE, Desk, ManualClock};

/// A branch that asks a function and waits for its token.
fn ask(number: usize, more: &Value) -> Value {
    let name = format!("Ask {number}");
    let mut state = json!({
        "Type": "Task", "Resource": "arn:aws:states:::lambda:invoke.waitForTaskToken", "End": true,
        "Parameters": {"FunctionName": "ask", "Payload": {"taskToken.$": "$$.Task.Token", "number": number}},
    });
    for (field, value) in more.as_object().unwrap() {
        state[field] = value.clone();
    }
    json!({"StartAt": name, "States": {name: state}})
}

fn parallel(branches: &[Value]) -> Value {
    let both = json!({"Type": "Parallel", "InputPath": "$.for", "Branches": branches, "End": true});
    json!({"StartAt": "All", "States": {"All": both}})
}

/// Lets the function accept this many tasks, and returns their tokens by the numbers of their branches.
async fn tokens(desk: &Desk, execution: &str, tasks: usize) -> BTreeMap<u64, String> {
    let before = submitted(desk, execution).await;
    let mut tokens = BTreeMap::new();
    for _ in 0..tasks {
        let call = desk.called().await;
        tokens.insert(call.payload["number"].as_u64().unwrap(), call.token());
        call.returns(json!({}));
    }
    while submitted(desk, execution).await < before + tasks {
        tokio::task::yield_now().await;
    }
    tokens
}

async fn submitted(desk: &Desk, execution: &str) -> usize {
    desk.history(execution).await.iter().filter(|event| *event == "TaskSubmitted").count()
}

/// The number of rows of branches and of what they store.
fn rows(folder: &tempfile::TempDir) -> (usize, usize) {
    let database = rusqlite::Connection::open(folder.path().join(DATABASE)).unwrap();
    let count = |table| database.query_row(&format!("SELECT count(*) FROM {table}"), [], |row| row.get(0)).unwrap();
    (count("branch"), count("branch_part"))
}

#[tokio::test]
async fn the_branches_of_a_parallel_are_answered_before_and_after_a_restart() {
    const BRANCHES: usize = 60;
    let (folder, clock) = (tempfile::tempdir().unwrap(), ManualClock::new());
    let desk = Desk::open(folder.path(), clock.clone()).await;
    let branches: Vec<Value> = (0..BRANCHES).map(|number| ask(number, &json!({"TimeoutSeconds": 60}))).collect();
    let machine = desk.machine("m", &parallel(&branches)).await;
    let execution = desk.start(&machine, "e", &json!({"for": "all"})).await;
    let tokens = tokens(&desk, &execution, BRANCHES).await;
    assert_eq!(rows(&folder), (BRANCHES, 0));
    for (number, token) in tokens.iter().filter(|(number, _)| *number % 2 == 0) {
        assert_eq!(desk.succeed(token, &json!(number)).await, Ok(json!({})));
    }
    assert_eq!(rows(&folder), (BRANCHES / 2, BRANCHES / 2));
    drop(desk);

    let desk = Desk::open(folder.path(), clock).await;
    for (number, token) in tokens.iter().filter(|(number, _)| *number % 2 == 1) {
        assert_eq!(desk.status(&execution).await, "RUNNING");
        assert_eq!(desk.succeed(token, &json!(number)).await, Ok(json!({})));
    }
    let end = desk.describe(&execution).await;
    let expected: Vec<usize> = (0..BRANCHES).collect();
    assert_eq!((&end["status"], &end["output"]), (&json!("SUCCEEDED"), &json!(json!(expected).to_string())));
    assert_eq!(rows(&folder), (0, 0));
}

#[tokio::test]
async fn a_timeout_in_one_branch_aborts_the_others_and_a_redrive_resumes_them() {
    let (folder, clock) = (tempfile::tempdir().unwrap(), ManualClock::new());
    let desk = Desk::open(folder.path(), clock.clone()).await;
    let within = parallel(&[ask(2, &json!({})), ask(3, &json!({}))]);
    let mut within = json!({"StartAt": "Inner", "States": {"Inner": within["States"]["All"]}});
    within["States"]["Inner"]["InputPath"] = "$".into();
    let branches = [ask(0, &json!({})), ask(1, &json!({"TimeoutSeconds": 60})), within];
    let machine = desk.machine("m", &parallel(&branches)).await;
    let execution = desk.start(&machine, "e", &json!({"for": "all"})).await;
    let first = tokens(&desk, &execution, 4).await;
    assert_eq!(desk.succeed(&first[&0], &json!("zero")).await, Ok(json!({})));
    assert_eq!(desk.succeed(&first[&3], &json!("three")).await, Ok(json!({})));
    drop(desk);

    clock.advance(Duration::from_secs(61));
    let desk = Desk::open(folder.path(), clock.clone()).await;
    assert_eq!(desk.end(&execution).await["status"], "FAILED");
    assert_eq!(desk.succeed(&first[&2], &json!(0)).await.unwrap_err().0, "TaskTimedOut");
    drop(desk);

    // The outputs of the branches that had succeeded are kept.
    let desk = Desk::open(folder.path(), clock).await;
    desk.ask("RedriveExecution", json!({"executionArn": execution})).await;
    let second = tokens(&desk, &execution, 2).await;
    assert_eq!(second.keys().collect::<Vec<_>>(), [&1, &2]);
    assert_eq!(desk.succeed(&second[&2], &json!("two")).await, Ok(json!({})));
    assert_eq!(desk.succeed(&second[&1], &json!("one")).await, Ok(json!({})));
    assert_eq!(desk.describe(&execution).await["output"], r#"["zero","one",["two","three"]]"#);
    assert_eq!(rows(&folder), (0, 0));
}

#[tokio::test]
async fn a_heartbeat_keeps_the_task_of_a_branch_alive_and_gets_a_full_interval_after_a_restart() {
    let (folder, clock) = (tempfile::tempdir().unwrap(), ManualClock::new());
    let desk = Desk::open(folder.path(), clock.clone()).await;
    let branches = [ask(0, &json!({"HeartbeatSeconds": 10})), ask(1, &json!({}))];
    let machine = desk.machine("m", &parallel(&branches)).await;
    let execution = desk.start(&machine, "e", &json!({"for": "all"})).await;
    let tokens = tokens(&desk, &execution, 2).await;
    clock.advance(Duration::from_secs(9));
    desk.ask("SendTaskHeartbeat", json!({"taskToken": tokens[&0]})).await;
    clock.advance(Duration::from_secs(9));
    assert_eq!(desk.status(&execution).await, "RUNNING");
    drop(desk);

    clock.advance(Duration::from_secs(100));
    let desk = Desk::open(folder.path(), clock.clone()).await;
    clock.advance(Duration::from_secs(9));
    desk.ask("SendTaskHeartbeat", json!({"taskToken": tokens[&0]})).await;
    clock.advance(Duration::from_secs(11));
    let end = desk.end(&execution).await;
    assert_eq!((&end["status"], &end["error"]), (&json!("FAILED"), &json!("States.Timeout")));
}

#[tokio::test]
async fn a_damaged_branch_only_fails_its_own_execution() {
    let (folder, clock) = (tempfile::tempdir().unwrap(), ManualClock::new());
    let desk = Desk::open(folder.path(), clock.clone()).await;
    let machine = desk.machine("m", &parallel(&[ask(0, &json!({})), ask(1, &json!({}))])).await;
    let damaged = desk.start(&machine, "damaged", &json!({"for": "all"})).await;
    let damaged_tokens = tokens(&desk, &damaged, 2).await;
    let whole = desk.start(&machine, "whole", &json!({"for": "all"})).await;
    let tokens = tokens(&desk, &whole, 2).await;
    desk.engine.shutdown().await;
    drop(desk);
    let database = rusqlite::Connection::open(folder.path().join(DATABASE)).unwrap();
    let elsewhere = br#"{"p":0,"s":"Nowhere","e":1,"at":0,"l":1,"c":1,"ph":{"t":{"k":[6,1]}}}"#;
    assert_eq!(database.execute("UPDATE branch SET state = ? WHERE execution = 1", [elsewhere.as_slice()]).unwrap(), 2);
    drop(database);

    let desk = Desk::open(folder.path(), clock).await;
    for token in damaged_tokens.values() {
        assert_eq!(desk.succeed(token, &json!(0)).await.unwrap_err().0, "InternalServerException");
    }
    for token in tokens.values() {
        assert_eq!(desk.succeed(token, &json!(1)).await, Ok(json!({})));
    }
    assert_eq!(desk.describe(&whole).await["output"], "[1,1]");
}
