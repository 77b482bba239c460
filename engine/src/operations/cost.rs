//! The cost of an operation does not grow with the number of stored executions, only with the size of its page.

use std::{
    collections::BTreeMap,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use rusqlite::Connection;
use serde_json::{Value, json};

use crate::{
    Options, StepFunctions,
    store::{
        activities,
        executions::{self, Filter, Of},
        steps,
    },
    test_support::Nothing,
};

/// An engine, and the number of virtual machine steps that its database has run.
struct Counted {
    engine: StepFunctions,
    counter: Arc<AtomicU64>,
    seen: BTreeMap<String, u64>,
}

impl Counted {
    /// Opens an engine with an activity, and a state machine that waits for its workers. Returns their ARNs.
    async fn open(database: &Path) -> (Self, Value, Value) {
        let counter = steps::counter(database);
        let options = Options::new("000000000000", "eu-west-2");
        let engine = StepFunctions::open(database, options, Arc::new(Nothing)).await.unwrap();
        let counted = Self { engine, counter, seen: BTreeMap::new() };
        let activity = counted.ask("CreateActivity", &json!({"name": "work"})).await["activityArn"].clone();
        let definition = json!({"StartAt": "Work", "States": {
            "Work": {"Type": "Task", "Resource": activity, "TimeoutSeconds": 99_999_999, "End": true}
        }});
        let machine = json!({"name": "m", "definition": definition.to_string(), "roleArn": ROLE});
        let machine = counted.ask("CreateStateMachine", &machine).await["stateMachineArn"].clone();
        (counted, activity, machine)
    }

    async fn ask(&self, operation: &str, request: &Value) -> Value {
        let answer = self.engine.handle(operation, request.to_string().as_bytes()).await;
        let body = serde_json::from_slice(&answer.body).unwrap();
        assert_eq!(answer.status, 200, "{operation} {request}: {body}");
        body
    }

    /// Publishes a version of the current state machine and an alias for it. Returns their ARNs.
    async fn publish(&self, machine: &Value, alias: &str) -> (Value, Value) {
        let version = self.ask("PublishStateMachineVersion", &json!({"stateMachineArn": machine})).await;
        let version = version["stateMachineVersionArn"].clone();
        let routing = json!([{"stateMachineVersionArn": version, "weight": 100}]);
        let alias = self.ask("CreateStateMachineAlias", &json!({"name": alias, "routingConfiguration": routing})).await;
        (version, alias["stateMachineAliasArn"].clone())
    }

    /// Starts this many executions concurrently, and optionally stops them.
    async fn start_many(&self, arn: &Value, number: usize, stop: bool) {
        let starting: Vec<_> = (0..number)
            .map(|_| {
                let (engine, request) = (self.engine.clone(), json!({"stateMachineArn": arn}).to_string());
                tokio::spawn(async move {
                    let started = engine.handle("StartExecution", request.as_bytes()).await;
                    assert_eq!(started.status, 200);
                    if stop {
                        assert_eq!(engine.handle("StopExecution", &started.body).await.status, 200);
                    }
                })
            })
            .collect();
        for started in starting {
            started.await.unwrap();
        }
    }

    /// Sends a request and records its cost.
    async fn count(&mut self, what: &str, operation: &str, request: Value) -> Value {
        let before = self.counter.load(Ordering::Relaxed);
        let answer = self.ask(operation, &request).await;
        let steps = self.counter.load(Ordering::Relaxed) - before;
        self.seen.insert(format!("{operation} {what}"), steps);
        answer
    }
}

const ROLE: &str = "arn:aws:iam::000000000000:role/scale";

fn execution(name: &str) -> Value {
    json!({"executionArn": format!("arn:aws:states:eu-west-2:000000000000:execution:m:{name}")})
}

/// The cost of each operation with this many stored executions.
async fn cost(stored: usize) -> BTreeMap<String, u64> {
    let folder = tempfile::tempdir().unwrap();
    let (mut counted, activity, machine) = Counted::open(&folder.path().join("db")).await;
    // The lists look for executions of the old version. These are the oldest of all, behind many of the same version
    // with another status, and many of the new version with the same status.
    let (old_version, old_alias) = counted.publish(&machine, "old").await;
    for name in ["runs", "aborted", "redriven"] {
        counted.ask("StartExecution", &json!({"stateMachineArn": old_alias, "name": name})).await;
    }
    counted.ask("StopExecution", &execution("aborted")).await;
    counted.ask("StopExecution", &execution("redriven")).await;
    counted.ask("RedriveExecution", &execution("redriven")).await;
    counted.start_many(&old_alias, stored, true).await;
    counted.ask("UpdateStateMachine", &json!({"stateMachineArn": machine, "roleArn": format!("{ROLE}-new")})).await;
    let (_, alias) = counted.publish(&machine, "new").await;
    counted.start_many(&alias, stored, false).await;

    // Twice, because the first time includes compiling statements and opening connections.
    for round in ["first", "again"] {
        for (whose, arn) in [("state machine", &machine), ("old version", &old_version), ("old alias", &old_alias)] {
            for status in [None, Some("RUNNING"), Some("ABORTED"), Some("SUCCEEDED")] {
                for redriven in [None, Some("REDRIVEN")] {
                    // These look at a bounded number of executions, however many there are. See the test below.
                    if redriven.is_some() && whose != "state machine" {
                        continue;
                    }
                    let what = format!("of {whose}, {status:?}, {redriven:?}");
                    let request = json!({"stateMachineArn": arn, "statusFilter": status, "redriveFilter": redriven});
                    counted.count(&what, "ListExecutions", request).await;
                }
            }
        }
        counted.count("", "StartExecution", json!({"stateMachineArn": alias, "name": round})).await;
        counted.count("", "DescribeExecution", execution(round)).await;
        counted.count("", "GetExecutionHistory", execution(round)).await;
        counted.count("", "DescribeStateMachineForExecution", execution(round)).await;
        counted.count("", "ListMapRuns", execution(round)).await;
        counted.count("", "StopExecution", execution(round)).await;
        counted.count("", "RedriveExecution", execution(round)).await;
        let task = counted.count("", "GetActivityTask", json!({"activityArn": activity})).await["taskToken"].clone();
        counted.count("", "SendTaskHeartbeat", json!({"taskToken": task})).await;
        counted.count("", "SendTaskSuccess", json!({"taskToken": task, "output": "{}"})).await;
        counted.count("", "ListStateMachines", json!({})).await;
        counted.count("", "ListActivities", json!({})).await;
        counted.count("", "DescribeStateMachine", json!({"stateMachineArn": machine})).await;
        counted
            .count("", "UpdateStateMachine", json!({"stateMachineArn": machine, "roleArn": format!("{ROLE}-{round}")}))
            .await;
        counted.count("", "ListStateMachineVersions", json!({"stateMachineArn": machine})).await;
    }
    counted.engine.shutdown().await;
    counted.seen
}

#[tokio::test]
async fn the_cost_of_operations_does_not_depend_on_the_number_of_executions() {
    let (some, many) = (cost(150).await, cost(1_200).await);
    let grown = |what: &&String| many[*what] > some[*what] + some[*what] / 10 + 100;
    let grown: Vec<String> =
        some.keys().filter(grown).map(|what| format!("{what}: {} to {} steps", some[what], many[what])).collect();
    assert!(grown.is_empty(), "these have grown:\n{}", grown.join("\n"));
}

#[test]
fn a_page_without_an_index_examines_a_bounded_number_of_rows_and_the_next_page_continues() {
    let database = Connection::open_in_memory().unwrap();
    database.execute_batch(include_str!("../store/schema.sql")).unwrap();
    let stored = 10_000;
    for number in 1..=stored {
        database
            .prepare_cached(
                "INSERT INTO execution (state_machine, revision, name, status, started, input, redrive_count)
                 VALUES (1, 1, ?1, 0, 0, '{}', ?1 > 3)",
            )
            .unwrap()
            .execute([number])
            .unwrap();
    }
    let filter = Filter { redriven: Some(false), ..Filter::default() };
    let (mut before, mut pages, mut found) = (i64::MAX, 0, Vec::new());
    loop {
        let (page, next) = executions::list(&database, Of::StateMachine(1), &filter, before, 2).unwrap();
        pages += 1;
        found.extend(page.iter().map(|execution| execution.id.0));
        let Some(next) = next else { break };
        assert!(next < before && before - next <= 4_096 || before == i64::MAX);
        before = next;
    }
    assert_eq!((found, pages), (vec![3, 2, 1], 4));
}

/// Measured on a connection of its own, because an engine starts to remove the offers in the background at once.
#[test]
fn the_cost_of_deleting_an_activity_does_not_depend_on_its_offers() {
    let folder = tempfile::tempdir().unwrap();
    let cost = |offers: u32| {
        let path = folder.path().join(offers.to_string());
        let counter = steps::counter(&path);
        let database = Connection::open(&path).unwrap();
        database.execute_batch(include_str!("../store/schema.sql")).unwrap();
        database
            .execute("INSERT INTO activity (id, name, encryption, created) VALUES (1, 'work', '{}', 0)", [])
            .unwrap();
        for execution in 0..offers {
            database
                .prepare_cached("INSERT INTO offer (activity, execution, task, nonce, input) VALUES (1, ?, 1, 1, '{}')")
                .unwrap()
                .execute([execution])
                .unwrap();
        }
        steps::count(&database, &path);
        activities::remove(&database, "work").unwrap();
        counter.load(Ordering::Relaxed)
    };
    let (few, many) = (cost(10), cost(1_000));
    assert!(few > 0);
    assert_eq!(few, many);
}

#[tokio::test]
async fn an_abandoned_task_is_no_longer_offered() {
    let folder = tempfile::tempdir().unwrap();
    let database = folder.path().join("db");
    let (counted, _, machine) = Counted::open(&database).await;
    counted.start_many(&machine, 3, true).await;
    counted.start_many(&machine, 2, false).await;
    assert_eq!(offers(&database), 2);
}

#[tokio::test]
async fn the_offers_of_a_deleted_activity_do_not_return_with_its_name() {
    let folder = tempfile::tempdir().unwrap();
    let database = folder.path().join("db");
    let (counted, activity, machine) = Counted::open(&database).await;
    counted.start_many(&machine, 1_500, false).await;
    counted.ask("DeleteActivity", &json!({"activityArn": activity})).await;
    counted.ask("CreateActivity", &json!({"name": "work"})).await;
    counted.start_many(&machine, 1, false).await;
    let task = counted.ask("GetActivityTask", &json!({"activityArn": activity})).await;
    assert!(task["taskToken"].is_string());
    let forgotten = async {
        while offers(&database) > 0 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(30), forgotten).await.expect("what it offered is forgotten in time");
}

#[tokio::test]
async fn the_cost_of_stopping_a_task_does_not_depend_on_the_number_of_activities() {
    let mut steps = Vec::new();
    for activities in [1, 300] {
        let folder = tempfile::tempdir().unwrap();
        let (mut counted, _, machine) = Counted::open(&folder.path().join("db")).await;
        for number in 0..activities {
            counted.ask("CreateActivity", &json!({"name": format!("other-{number}")})).await;
        }
        // The first time includes compiling statements.
        counted.start_many(&machine, 1, true).await;
        counted.ask("StartExecution", &json!({"stateMachineArn": machine, "name": "a"})).await;
        counted.count("", "StopExecution", execution("a")).await;
        steps.push(counted.seen["StopExecution "]);
    }
    assert!(steps[1] <= steps[0] + 50, "{} to {} steps", steps[0], steps[1]);
}

fn offers(database: &Path) -> i64 {
    let database = Connection::open(database).unwrap();
    database.query_row("SELECT count(*) FROM offer", [], |row| row.get(0)).unwrap()
}
