//! Map runs with more children than one change reconciles or stops.

use std::{path::Path, sync::Arc, time::Duration};

use rusqlite::Connection;
use serde_json::json;

use super::{ChildStarter, Engine, RETRY_DELAY, Transaction, rows as map_runs, take_step};
use crate::{
    Options, StepFunctions, SystemClock,
    activation::{self, MAX_FOLLOW_UPS},
    interpreter::Event,
    map_runs::MAX_RECONCILED,
    store::{
        ExecutionId, Store,
        executions::{self, Status},
    },
    test_support::{ManualClock, Nothing},
};

const MORE: usize = MAX_RECONCILED + 100;

fn options() -> Options {
    Options::new("000000000000", "eu-west-2")
}

async fn open(database: &Path) -> StepFunctions {
    StepFunctions::open(database, options(), Arc::new(Nothing)).await.unwrap()
}

async fn until_over(database: &Path) {
    let connection = Connection::open(database).unwrap();
    let over = async {
        let running = "SELECT count(*) FROM execution WHERE status IN (0, 5)";
        while connection.query_row(running, [], |row| row.get::<_, i64>(0)).unwrap() > 0 {
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(std::time::Duration::from_secs(60), over).await.expect("all executions end in time");
}

/// A store with a run whose children have all failed, without the background tasks of an engine.
async fn failed_run(database: &Path) -> Store {
    let processor = json!({
        "ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"},
        "StartAt": "Bad", "States": {"Bad": {"Type": "Fail"}},
    });
    let each = json!({"Type": "Map", "ItemProcessor": processor, "ToleratedFailureCount": MORE - 1, "End": true});
    let definition = json!({"StartAt": "Each", "States": {"Each": each}}).to_string();
    let engine = open(database).await;
    let machine = json!({"name": "m", "definition": definition, "roleArn": "arn:aws:iam::000000000000:role/m"});
    assert_eq!(engine.handle("CreateStateMachine", machine.to_string().as_bytes()).await.status, 200);
    let machine = "arn:aws:states:eu-west-2:000000000000:stateMachine:m";
    let start = json!({"stateMachineArn": machine, "input": json!(vec![0; MORE]).to_string()});
    assert_eq!(engine.handle("StartExecution", start.to_string().as_bytes()).await.status, 200);
    until_over(database).await;
    engine.shutdown().await;
    Store::open(database, options(), Arc::new(SystemClock), Arc::new(Nothing)).unwrap()
}

const PARENT: ExecutionId = ExecutionId(1);
const RUN: i64 = 1;

async fn count(store: &Store, status: Status) -> usize {
    let counts = store.read(|connection| Ok(map_runs::counts(connection, RUN)?)).await.unwrap();
    usize::try_from(counts.children(status)).unwrap()
}

async fn redrive(store: &Store) {
    let redrive = |transaction: &mut Transaction<'_>| {
        executions::redrive(transaction.connection, PARENT, 0, None)?;
        let _ = activation::deliver(transaction, PARENT, Event::Redrive)?;
        Ok(())
    };
    store.write(redrive).await.unwrap();
}

#[tokio::test]
async fn a_redrive_reconciles_children_in_batches_and_continues_after_a_crash() {
    let folder = tempfile::tempdir().unwrap();
    let database = folder.path().join("db");
    let store = failed_run(&database).await;
    redrive(&store).await;
    assert_eq!(
        (count(&store, Status::PendingRedrive).await, count(&store, Status::Failed).await),
        (MAX_RECONCILED, MORE - MAX_RECONCILED)
    );
    store.close();

    let engine = open(&database).await;
    until_over(&database).await;
    engine.shutdown().await;
    let connection = Connection::open(&database).unwrap();
    let again: usize = connection
        .query_row("SELECT count(*) FROM execution WHERE map_run = 1 AND redrive_count = 1", [], |row| row.get(0))
        .unwrap();
    assert_eq!(again, MORE, "each child is redriven once");
}

#[tokio::test]
async fn a_stop_cancels_redrives_in_batches_and_continues_after_a_crash() {
    let folder = tempfile::tempdir().unwrap();
    let database = folder.path().join("db");
    let store = failed_run(&database).await;
    redrive(&store).await;
    store.write(|transaction| take_step(transaction, RUN)).await.unwrap();
    assert_eq!(count(&store, Status::PendingRedrive).await, MORE);
    let stop = |transaction: &mut Transaction<'_>| {
        activation::deliver(transaction, PARENT, Event::Stop { error: None, cause: None }).map(|_| ())
    };
    store.write(stop).await.unwrap();
    assert_eq!(
        (count(&store, Status::Aborted).await, count(&store, Status::PendingRedrive).await),
        (MAX_RECONCILED, MORE - MAX_RECONCILED)
    );
    store.close();

    let engine = open(&database).await;
    until_over(&database).await;
    engine.shutdown().await;
    let store = Store::open(&database, options(), Arc::new(SystemClock), Arc::new(Nothing)).unwrap();
    assert_eq!(count(&store, Status::Aborted).await, MORE);
}

const CHILDREN: usize = 3 * MAX_FOLLOW_UPS;

/// A store with a run whose children all wait, without the background tasks of an engine.
async fn running_run(database: &Path) -> Store {
    let processor = json!({
        "ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"},
        "StartAt": "W", "States": {"W": {"Type": "Wait", "Seconds": 3600, "End": true}},
    });
    let each = json!({"Type": "Map", "ItemProcessor": processor, "End": true});
    let definition = json!({"StartAt": "Each", "States": {"Each": each}}).to_string();
    let engine = open(database).await;
    let machine = json!({"name": "m", "definition": definition, "roleArn": "arn:aws:iam::000000000000:role/m"});
    assert_eq!(engine.handle("CreateStateMachine", machine.to_string().as_bytes()).await.status, 200);
    let machine = "arn:aws:states:eu-west-2:000000000000:stateMachine:m";
    let start = json!({"stateMachineArn": machine, "input": json!(vec![0; CHILDREN]).to_string()});
    assert_eq!(engine.handle("StartExecution", start.to_string().as_bytes()).await.status, 200);
    until_children(database, 0, CHILDREN).await;
    engine.shutdown().await;
    Store::open(database, options(), Arc::new(SystemClock), Arc::new(Nothing)).unwrap()
}

async fn until_children(database: &Path, status: i64, wanted: usize) {
    let connection = Connection::open(database).unwrap();
    let count = "SELECT count(*) FROM execution WHERE map_run = 1 AND status = ?";
    let there = async {
        while connection.query_row(count, [status], |row| row.get::<_, usize>(0)).unwrap() != wanted {
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(std::time::Duration::from_secs(60), there)
        .await
        .expect("the children get this status in time");
}

async fn stop_parent(store: &Store) {
    let stop = |transaction: &mut Transaction<'_>| {
        activation::deliver(transaction, PARENT, Event::Stop { error: None, cause: None }).map(|_| ())
    };
    store.write(stop).await.unwrap();
}

#[tokio::test]
async fn the_follow_ups_of_a_stop_are_bounded_in_its_transaction_and_continue_after_a_crash() {
    let folder = tempfile::tempdir().unwrap();
    let database = folder.path().join("db");
    let store = running_run(&database).await;
    stop_parent(&store).await;
    let aborted = count(&store, Status::Aborted).await;
    assert!((1..=MAX_FOLLOW_UPS).contains(&aborted), "{aborted} were stopped in one transaction");
    assert_eq!(count(&store, Status::Running).await, CHILDREN - aborted);
    store.close();

    let engine = open(&database).await;
    until_children(&database, 4, CHILDREN).await;
    engine.shutdown().await;
}

#[tokio::test]
async fn a_pending_stop_does_not_reach_a_child_after_its_redrive() {
    let folder = tempfile::tempdir().unwrap();
    let database = folder.path().join("db");
    let store = running_run(&database).await;
    stop_parent(&store).await;
    let waiting = "SELECT count(*) FROM follow_up";
    let follow_ups =
        || Connection::open(&database).unwrap().query_row(waiting, [], |row| row.get::<_, usize>(0)).unwrap();
    assert!(follow_ups() > 0, "some stops are pending");
    redrive(&store).await;
    assert_eq!(follow_ups(), 0, "the pending stops are removed");
    assert_eq!(count(&store, Status::PendingRedrive).await, CHILDREN);
    store.close();

    let engine = open(&database).await;
    until_children(&database, 0, CHILDREN).await;
    engine.shutdown().await;
    let connection = Connection::open(&database).unwrap();
    let left: i64 = connection.query_row("SELECT count(*) FROM follow_up", [], |row| row.get(0)).unwrap();
    assert_eq!(left, 0);
}

#[tokio::test]
async fn a_run_whose_step_fails_is_postponed_for_twice_as_long_each_time() {
    let folder = tempfile::tempdir().unwrap();
    let database = folder.path().join("db");
    let store = failed_run(&database).await;
    redrive(&store).await;
    store.close();
    let run = |statement: &str| Connection::open(&database).unwrap().execute_batch(statement).unwrap();
    let clock = Arc::new(ManualClock::new());
    let (engine, _calls) =
        Engine::open(&database, options(), Arc::new(Nothing), clock.clone(), crate::tasks::call_once).await.unwrap();
    run("ALTER TABLE map_run_count RENAME TO hidden");
    let mut starter = ChildStarter::new(engine.clone());
    let (mut pause, instant) = (RETRY_DELAY, Duration::from_millis(1));
    for _ in 0..4 {
        assert_eq!(starter.step_next().await, Ok(Some(RUN)));
        assert_eq!(starter.step_next().await, Ok(None));
        clock.advance(pause - instant);
        assert_eq!(starter.step_next().await, Ok(None), "{pause:?} have not passed yet");
        clock.advance(instant);
        pause *= 2;
    }
    run("ALTER TABLE hidden RENAME TO map_run_count");
    assert_eq!(starter.step_next().await, Ok(Some(RUN)));
    assert_eq!(starter.step_next().await, Ok(Some(RUN)), "it has not failed again");
    engine.close();
}
