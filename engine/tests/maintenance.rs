//! Maintenance of an engine that runs for years: backups, checks, and a database that does not grow without end.

mod support;

use std::{path::Path, time::Duration};

use asl_engine::Options;
use rusqlite::Connection;
use serde_json::{Value, json};
use support::{Desk, ManualClock, callback_machine, each, pass, within_limit};

async fn open(folder: &Path) -> Desk {
    Desk::open(folder, ManualClock::new()).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backup_under_load_contains_everything_acknowledged_before_it() {
    let (folder, copy) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let desk = open(folder.path()).await;
    let machine = desk.machine("m", &callback_machine()).await;
    let mut before = Vec::new();
    for number in 0..50 {
        before.push(desk.start(&machine, &format!("before-{number}"), &json!({"question": number})).await);
    }
    let token = desk.called().await.token();
    let writing = tokio::spawn({
        let (engine, machine) = (desk.engine.clone(), machine.clone());
        async move {
            for number in 0.. {
                let request = json!({"stateMachineArn": machine, "name": format!("during-{number}")});
                engine.handle("StartExecution", request.to_string().as_bytes()).await;
            }
        }
    });
    desk.engine.backup(&copy.path().join("step-functions.sqlite")).await.unwrap();
    writing.abort();

    let restored = open(copy.path()).await;
    restored.engine.check().await.unwrap();
    for execution in before {
        assert_eq!(restored.status(&execution).await, "RUNNING");
    }
    restored.succeed(&token, &json!(1)).await.unwrap();
    assert_eq!(
        std::fs::read_dir(copy.path())
            .unwrap()
            .filter(|entry| { entry.as_ref().unwrap().file_name().to_string_lossy().ends_with(".partial") })
            .count(),
        0
    );
}

#[cfg(unix)]
#[tokio::test]
async fn only_the_owner_may_read_a_backup() {
    use std::os::unix::fs::PermissionsExt;

    let folder = tempfile::tempdir().unwrap();
    let desk = open(folder.path()).await;
    let copy = folder.path().join("copy");
    desk.engine.backup(&copy).await.unwrap();
    assert_eq!(std::fs::metadata(&copy).unwrap().permissions().mode() & 0o777, 0o600);
}

#[tokio::test]
async fn a_backup_does_not_replace_an_existing_file() {
    let folder = tempfile::tempdir().unwrap();
    let desk = open(folder.path()).await;
    let copy = folder.path().join("copy");
    std::fs::write(&copy, "letters to the bank").unwrap();
    let refused = desk.engine.backup(&copy).await.unwrap_err().to_string();
    assert!(refused.contains("there is a file already"), "{refused}");
    assert_eq!(std::fs::read_to_string(&copy).unwrap(), "letters to the bank");
    let missing = folder.path().join("missing/copy");
    let refused = desk.engine.backup(&missing).await.unwrap_err().to_string();
    assert!(refused.contains("cannot back up to"), "{refused}");
}

#[tokio::test]
async fn damage_is_detected_by_a_check_and_by_a_backup_which_leaves_no_file() {
    let folder = tempfile::tempdir().unwrap();
    let desk = open(folder.path()).await;
    let machine = desk.machine("m", &callback_machine()).await;
    for number in 0..200 {
        desk.start(&machine, &format!("e-{number}"), &json!({"question": "x".repeat(1_000)})).await;
    }
    desk.engine.check().await.unwrap();
    desk.engine.shutdown().await;
    let path = folder.path().join("step-functions.sqlite");
    let mut bytes = std::fs::read(&path).unwrap();
    let middle = bytes.len() / 2 / 4096 * 4096;
    bytes[middle..middle + 4096 * 8].fill(0x5a);
    std::fs::write(&path, &bytes).unwrap();

    let desk = open(folder.path()).await;
    let found = desk.engine.check().await.unwrap_err().to_string();
    assert!(found.contains("the database is damaged"), "{found}");
    let copy = folder.path().join("copy");
    let refused = desk.engine.backup(&copy).await.unwrap_err().to_string();
    assert!(refused.contains("cannot back up"), "{refused}");
    assert!(!copy.exists() && !folder.path().join("copy.partial").exists());
}

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

fn passing() -> Value {
    json!({"StartAt": "One", "States": pass()})
}

/// A state machine that waits for 100 days.
fn waiting() -> Value {
    json!({"StartAt": "W", "States": {"W": {"Type": "Wait", "Seconds": 100 * 24 * 60 * 60, "End": true}}})
}

async fn until(what: &str, mut holds: impl AsyncFnMut() -> bool) {
    let until = async {
        while !holds().await {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    within_limit(what, until).await;
}

async fn is_gone(desk: &Desk, execution: &str) -> bool {
    match desk.try_ask("DescribeExecution", json!({"executionArn": execution})).await {
        Ok(_) => false,
        Err((code, _)) => code == "ExecutionDoesNotExist",
    }
}

/// The number of rows in the tables for executions.
fn rows(folder: &Path) -> i64 {
    let connection = Connection::open(folder.join("step-functions.sqlite")).unwrap();
    let tables =
        ["execution", "execution_state", "history", "map_run", "map_run_item", "map_run_count", "redrive", "removal"];
    let count = |table| connection.query_row(&format!("SELECT count(*) FROM {table}"), [], |row| row.get::<_, i64>(0));
    tables.into_iter().map(|table| count(table).unwrap()).sum()
}

#[tokio::test]
async fn a_closed_execution_is_deleted_after_90_days_and_its_name_can_be_reused() {
    let folder = tempfile::tempdir().unwrap();
    let clock = ManualClock::new();
    let desk = Desk::open(folder.path(), clock.clone()).await;
    let machine = desk.machine("m", &passing()).await;
    let slow = desk.machine("slow", &waiting()).await;
    let first = desk.start(&machine, "e", &json!(1)).await;
    let running = desk.start(&slow, "e", &json!(1)).await;
    clock.advance(DAY);
    let second = desk.start(&machine, "f", &json!(1)).await;
    let again = json!({"stateMachineArn": machine, "name": "e", "input": "2"});
    assert_eq!(desk.refusal("StartExecution", again.clone()).await.0, "ExecutionAlreadyExists");

    clock.advance(89 * DAY + Duration::from_secs(2));
    until("the first is deleted", async || is_gone(&desk, &first).await).await;
    assert_eq!(desk.refusal("GetExecutionHistory", json!({"executionArn": first})).await.0, "ExecutionDoesNotExist");
    assert_eq!((desk.status(&running).await, desk.status(&second).await), ("RUNNING".into(), "SUCCEEDED".into()));
    desk.ask("StartExecution", again).await;
    assert_eq!(desk.history(&first).await.len(), 4);

    // One execution ended after the engine's last pass, and the other is found after a restart.
    desk.engine.shutdown().await;
    clock.advance(2 * DAY);
    let desk = Desk::open(folder.path(), clock.clone()).await;
    until("the second is deleted", async || is_gone(&desk, &second).await).await;
    assert_eq!(desk.status(&running).await, "RUNNING");
}

#[tokio::test]
async fn a_large_map_run_is_deleted_with_all_its_children() {
    let folder = tempfile::tempdir().unwrap();
    let clock = ManualClock::new();
    let desk = Desk::open(folder.path(), clock.clone()).await;
    let machine = desk.machine("m", &each(&pass(), &json!({}))).await;
    let input: Vec<usize> = (0..300).collect();
    let done = desk.start(&machine, "done", &json!(input)).await;
    assert_eq!(desk.end(&done).await["status"], "SUCCEEDED");
    let map_run = desk.ask("ListMapRuns", json!({"executionArn": done})).await["mapRuns"][0]["mapRunArn"].clone();
    // Items are left over, since the first child fails.
    let failing =
        desk.machine("failing", &each(&json!({"Bad": {"Type": "Fail"}}), &json!({"MaxConcurrency": 1}))).await;
    let failed = desk.start(&failing, "failed", &json!(input)).await;
    assert_eq!(desk.end(&failed).await["status"], "FAILED");
    assert!(rows(folder.path()) > 600);

    clock.advance(90 * DAY + Duration::from_secs(2));
    until("everything is deleted", async || rows(folder.path()) == 0).await;
    assert!(is_gone(&desk, &done).await && is_gone(&desk, &failed).await);
    assert_eq!(desk.refusal("DescribeMapRun", json!({"mapRunArn": map_run})).await.0, "ResourceNotFound");
}

#[tokio::test]
async fn the_retention_period_can_be_configured() {
    let folder = tempfile::tempdir().unwrap();
    let clock = ManualClock::new();
    let options = |retention| Options::new("000000000000", "eu-west-2").with_retention(retention);
    let desk = Desk::open_as(folder.path(), clock.clone(), options(Some(Duration::from_secs(60)))).await;
    let machine = desk.machine("m", &passing()).await;
    let first = desk.start(&machine, "e", &json!(1)).await;
    clock.advance(Duration::from_secs(62));
    until("it is deleted", async || is_gone(&desk, &first).await).await;
    desk.engine.shutdown().await;

    let desk = Desk::open_as(folder.path(), clock.clone(), options(None)).await;
    let kept = desk.start(&machine, "kept", &json!(1)).await;
    clock.advance(10_000 * DAY);
    // The same task carries out this deletion. Once it has, it would also have deleted the execution.
    let other = desk.machine("other", &passing()).await;
    for number in 0..250 {
        desk.start(&other, &format!("e-{number}"), &json!(1)).await;
    }
    desk.ask("DeleteStateMachine", json!({"stateMachineArn": other})).await;
    let gone = async || desk.try_ask("DescribeStateMachine", json!({"stateMachineArn": other})).await.is_err();
    until("the state machine is deleted", gone).await;
    assert_eq!(desk.status(&kept).await, "SUCCEEDED");
}

#[tokio::test]
async fn a_database_shrinks_when_executions_are_deleted() {
    let folder = tempfile::tempdir().unwrap();
    let clock = ManualClock::new();
    let desk = Desk::open(folder.path(), clock.clone()).await;
    let machine = desk.machine("m", &passing()).await;
    for number in 0..60 {
        desk.start(&machine, &format!("e-{number}"), &json!("x".repeat(200_000))).await;
    }
    let pages = || {
        let connection = Connection::open(folder.path().join("step-functions.sqlite")).unwrap();
        connection.pragma_query_value(None, "page_count", |row| row.get::<_, i64>(0)).unwrap()
    };
    let before = pages();
    assert!(before > 5_000, "{before} pages");
    clock.advance(91 * DAY);
    // A sixteenth of the file, but at least 1,024 pages, remain free for new data.
    until("its pages are given back", async || pages() < 1_200).await;
    desk.engine.check().await.unwrap();
}

/// A database without auto_vacuum, as earlier versions created it.
#[tokio::test]
async fn a_small_database_of_an_earlier_version_is_converted_to_shrink() {
    let folder = tempfile::tempdir().unwrap();
    let desk = open(folder.path()).await;
    let machine = desk.machine("m", &passing()).await;
    let execution = desk.start(&machine, "e", &json!(1)).await;
    desk.engine.shutdown().await;
    drop(desk);
    let path = folder.path().join("step-functions.sqlite");
    let auto_vacuum = |connection: &Connection| {
        connection.pragma_query_value(None, "auto_vacuum", |row| row.get::<_, i64>(0)).unwrap()
    };
    let connection = Connection::open(&path).unwrap();
    connection.busy_timeout(Duration::from_secs(10)).unwrap();
    connection.execute_batch("PRAGMA journal_mode = delete; PRAGMA auto_vacuum = none; VACUUM").unwrap();
    assert_eq!(auto_vacuum(&connection), 0);
    drop(connection);

    let desk = open(folder.path()).await;
    assert_eq!(desk.status(&execution).await, "SUCCEEDED");
    assert_eq!(auto_vacuum(&Connection::open(&path).unwrap()), 2);
}
