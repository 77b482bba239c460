//! What an engine that runs for years needs: backups, checks, and a database that does not grow without end.

mod support;

use std::path::Path;

use serde_json::json;
use support::{Desk, ManualClock, callback_machine};

async fn open(folder: &Path) -> Desk {
    Desk::open(folder, ManualClock::new()).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backup_made_under_load_holds_all_that_was_acknowledged_before_it() {
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
async fn a_backup_replaces_no_file() {
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
async fn damage_is_found_by_a_check_and_by_a_backup_which_leaves_no_file() {
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
