//! Tests of the store: batches of changes, failures, and closing.

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
        mpsc,
    },
    time::Duration,
};

use rusqlite::Connection;
use time::OffsetDateTime;

use super::*;
use crate::{Clock, SystemClock};

/// Records the effects of each commit.
#[derive(Default)]
struct Commits(Mutex<Vec<Effects>>);

impl AfterCommit for Commits {
    fn perform(&self, effects: Effects) {
        self.0.lock().unwrap().push(effects);
    }
}

/// A clock that only advances when a test says so.
#[derive(Default)]
struct StoppedClock(AtomicU64);

impl StoppedClock {
    fn advance(&self, by: Duration) {
        self.0.fetch_add(u64::try_from(by.as_nanos()).unwrap(), Ordering::Relaxed);
    }
}

#[async_trait::async_trait]
impl Clock for StoppedClock {
    fn now(&self) -> OffsetDateTime {
        OffsetDateTime::UNIX_EPOCH
    }

    async fn sleep_until(&self, _: OffsetDateTime) {
        std::future::pending().await
    }

    fn monotonic(&self) -> Duration {
        Duration::from_nanos(self.0.load(Ordering::Relaxed))
    }
}

fn open(folder: &tempfile::TempDir) -> Arc<Store> {
    open_with(folder, Arc::new(SystemClock), Arc::default())
}

fn open_with(folder: &tempfile::TempDir, clock: Arc<dyn Clock>, commits: Arc<Commits>) -> Arc<Store> {
    let options = Options::new("000000000000", "eu-west-2");
    Arc::new(Store::open(&folder.path().join("db"), options, clock, commits).unwrap())
}

fn tag(connection: &Connection, key: &str) -> rusqlite::Result<()> {
    tags::put(connection, "r", key, "")
}

async fn keys(store: &Store) -> Vec<String> {
    let all = store.read(|connection| Ok(tags::list(connection, "r")?)).await.unwrap();
    all.into_iter().map(|(key, _)| key).collect()
}

type Change = Box<dyn Fn(&mut Transaction<'_>) -> Result<(), Stop> + Send>;

fn change(change: impl Fn(&mut Transaction<'_>) -> Result<(), Stop> + Send + 'static) -> Change {
    Box::new(change)
}

/// A change that writes a tag.
fn writes(key: &'static str) -> Change {
    change(move |transaction| Ok(tag(transaction.connection, key)?))
}

/// Runs the changes in one batch: they are queued while the writer is blocked.
async fn together(store: &Arc<Store>, changes: Vec<Change>) -> Vec<Result<(), Fault>> {
    let (go_on, held_up) = mpsc::channel::<()>();
    let held_up = std::sync::Mutex::new(held_up);
    let holding = tokio::spawn({
        let store = store.clone();
        async move {
            store
                .write(move |_| {
                    // Blocks only once. When the change runs again, the sender is gone.
                    let _ = held_up.lock().unwrap().recv();
                    Ok(())
                })
                .await
        }
    });
    tokio::task::yield_now().await;
    let waiting: Vec<_> = changes
        .into_iter()
        .map(|change| {
            let store = store.clone();
            tokio::spawn(async move { store.write(change).await })
        })
        .collect();
    // The runtime has a single thread, so all of them are queued when this continues.
    tokio::task::yield_now().await;
    drop(go_on);
    holding.await.unwrap().unwrap();
    let mut answers = Vec::new();
    for change in waiting {
        answers.push(change.await.unwrap());
    }
    answers
}

#[tokio::test]
async fn a_change_that_panics_does_not_affect_the_others() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(&folder);
    let answers = together(
        &store,
        vec![
            writes("before"),
            change(|transaction| {
                tag(transaction.connection, "half done")?;
                panic!("a test's panic")
            }),
            writes("after"),
        ],
    )
    .await;
    assert_eq!(answers, [Ok(()), Err(StorageError::Internal.into()), Ok(())]);
    assert_eq!(keys(&store).await, ["after", "before"]);
}

#[tokio::test]
async fn a_refused_change_does_not_affect_the_others() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(&folder);
    let answers = together(&store, vec![change(|_| Err(Fault::TaskTimedOut.into())), writes("a")]).await;
    assert_eq!(answers, [Err(Fault::TaskTimedOut), Ok(())]);
    assert_eq!(keys(&store).await, ["a"]);
}

#[tokio::test]
async fn a_refused_change_leaves_neither_rows_nor_effects() {
    let folder = tempfile::tempdir().unwrap();
    let commits = Arc::new(Commits::default());
    let store = open_with(&folder, Arc::new(SystemClock), commits.clone());
    let answers = together(
        &store,
        vec![
            change(|transaction| {
                transaction.effects.offers.push("kept".into());
                Ok(tag(transaction.connection, "kept")?)
            }),
            change(|transaction| {
                tag(transaction.connection, "undone")?;
                transaction.effects.offers.push("undone".into());
                transaction.effects.deleting = true;
                Err(Fault::TaskTimedOut.into())
            }),
        ],
    )
    .await;
    assert_eq!(answers, [Ok(()), Err(Fault::TaskTimedOut)]);
    assert_eq!(keys(&store).await, ["kept"]);
    let commits = commits.0.lock().unwrap();
    let offers: Vec<_> = commits.iter().flat_map(|effects| effects.offers.clone()).collect();
    assert_eq!(offers, ["kept"]);
    assert!(!commits.iter().any(|effects| effects.deleting));
}

#[tokio::test]
async fn a_failing_change_does_not_run_the_others_again() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(&folder);
    let runs = Arc::new(AtomicU64::new(0));
    let counted = |key: &'static str| {
        let runs = runs.clone();
        change(move |transaction| {
            runs.fetch_add(1, Ordering::Relaxed);
            Ok(tag(transaction.connection, key)?)
        })
    };
    let failing = change(|transaction| Ok(transaction.connection.execute_batch("INSERT INTO missing VALUES (1)")?));
    let panicking = change(|_| panic!("a test's panic"));
    let answers = together(&store, vec![counted("a"), failing, counted("b"), panicking, counted("c")]).await;
    let internal = || Err(StorageError::Internal.into());
    assert_eq!(answers, [Ok(()), internal(), Ok(()), internal(), Ok(())]);
    assert_eq!(keys(&store).await, ["a", "b", "c"]);
    assert_eq!(runs.load(Ordering::Relaxed), 3);
}

#[tokio::test]
async fn a_change_that_loses_the_whole_transaction_does_not_fail_the_others() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(&folder);
    let losing = change(|transaction| {
        // SQLite does this itself after some failures of the disk.
        transaction.connection.execute_batch("ROLLBACK")?;
        Err(Stop::Broken(rusqlite::Error::InvalidQuery))
    });
    let answers = together(&store, vec![writes("a"), losing, writes("b")]).await;
    assert_eq!(answers, [Ok(()), Err(StorageError::Internal.into()), Ok(())]);
    assert_eq!(keys(&store).await, ["a", "b"]);
}

#[tokio::test]
async fn a_batch_commits_when_20_ms_have_passed_since_its_first_change() {
    let folder = tempfile::tempdir().unwrap();
    let (clock, commits) = (Arc::new(StoppedClock::default()), Arc::new(Commits::default()));
    let store = open_with(&folder, clock.clone(), commits.clone());
    let takes = |key: &'static str, milliseconds| {
        let clock = clock.clone();
        change(move |transaction| {
            clock.advance(Duration::from_millis(milliseconds));
            transaction.effects.offers.push(key.into());
            Ok(tag(transaction.connection, key)?)
        })
    };
    let changes = vec![takes("a", 12), takes("b", 12), takes("c", 1), takes("d", 1)];
    assert_eq!(together(&store, changes).await, [Ok(()), Ok(()), Ok(()), Ok(())]);
    let commits = commits.0.lock().unwrap();
    let committed: Vec<_> = commits.iter().map(|effects| effects.offers.concat()).collect();
    assert_eq!(committed, ["ab", "cd"]);
}

#[tokio::test]
async fn a_full_disk_refuses_changes_and_the_store_recovers_when_there_is_space() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(&folder);
    // SQLite reports its own size limit like a full disk.
    let limit = |pages: &'static str| {
        store.write(move |transaction| {
            Ok(transaction.connection.query_row(&format!("PRAGMA max_page_count = {pages}"), [], |_| Ok(()))?)
        })
    };
    limit("1").await.unwrap();
    let much =
        |transaction: &mut Transaction<'_>| Ok(tags::put(transaction.connection, "r", "much", &"x".repeat(1 << 20))?);
    assert_eq!(store.write(much).await, Err(StorageError::Full.into()));
    assert!(keys(&store).await.is_empty());
    limit("1000000").await.unwrap();
    assert_eq!(store.write(much).await, Ok(()));
    assert_eq!(keys(&store).await, ["much"]);
}

#[tokio::test]
async fn damage_is_reported_and_not_overwritten() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(&folder);
    let many = |transaction: &mut Transaction<'_>| {
        Ok((0..2_000).try_for_each(|key| tag(transaction.connection, &format!("{key:0100}")))?)
    };
    store.write(many).await.unwrap();
    store.close();
    drop(store);
    let path = folder.path().join("db");
    let mut bytes = std::fs::read(&path).unwrap();
    // The page of the tags. The beginning of the file is intact.
    let damaged = bytes.len() / 2;
    bytes[damaged..].fill(0xff);
    std::fs::write(&path, &bytes).unwrap();

    let store = open(&folder);
    let read = store.read(|connection| Ok(tags::list(connection, "r")?)).await;
    assert_eq!(read, Err(StorageError::Damaged.into()));
    assert_eq!(
        store.write(|transaction| Ok(tag(transaction.connection, "~")?)).await,
        Err(StorageError::Damaged.into())
    );
    store.close();
    assert_eq!(std::fs::read(&path).unwrap()[damaged..], bytes[damaged..]);
}

#[tokio::test]
async fn a_closed_store_refuses_changes() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(&folder);
    store.close();
    assert_eq!(store.write(|_| Ok(())).await, Err(StorageError::Closed.into()));
}
