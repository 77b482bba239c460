//! Everything the engine keeps: one SQLite file, one writer, many readers.
//!
//! A request that changes something is a *change*: a function of the open transaction. The writer takes all changes
//! that wait, commits them together and only then answers them (see [`writer`]). Reading goes past the writer, over
//! connections of its own.

pub(crate) mod activities;
pub(crate) mod calls;
pub(crate) mod executions;
pub(crate) mod history;
pub(crate) mod map_runs;
mod open;
mod readers;
pub(crate) mod state_machines;
#[cfg(test)]
pub(crate) mod steps;
pub(crate) mod tags;
pub(crate) mod timers;
mod transaction;
mod writer;

use std::{path::Path, sync::Arc};

pub use open::OpenError;
use rusqlite::Connection;
pub(crate) use transaction::{AfterCommit, Call, Effects, Ended, Transaction};

use crate::{Options, protocol::Fault, token::Signer};

/// An execution's row. Task tokens name executions by it, so it is never used twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ExecutionId(pub i64);

/// The database could not do its work; nothing was changed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StorageError {
    #[error("the disk is full: nothing was changed; the request can be made again when there is room")]
    Full,
    #[error("the database is damaged: nothing was changed; stop, and put back a copy of the data folder")]
    Damaged,
    #[error("the engine is shut down")]
    Closed,
    /// The details are in the log.
    #[error("internal error: nothing was changed")]
    Internal,
}

/// What stopped a change or a query: the request, or the database.
#[derive(Debug)]
pub(crate) enum Stop {
    Refused(Fault),
    Broken(rusqlite::Error),
}

impl From<Fault> for Stop {
    fn from(fault: Fault) -> Self {
        Stop::Refused(fault)
    }
}

impl From<rusqlite::Error> for Stop {
    fn from(error: rusqlite::Error) -> Self {
        Stop::Broken(error)
    }
}

impl StorageError {
    /// Logs what the database said, here and nowhere else, and gives what a client may know of it.
    fn report(error: &rusqlite::Error) -> Self {
        match error.sqlite_error_code() {
            Some(rusqlite::ErrorCode::DiskFull) => {
                tracing::error!(%error, "the disk is full; nothing is acknowledged until there is room");
                StorageError::Full
            }
            Some(rusqlite::ErrorCode::DatabaseCorrupt | rusqlite::ErrorCode::NotADatabase) => {
                tracing::error!(%error, "the database is damaged; put back a copy of the data folder");
                StorageError::Damaged
            }
            _ => {
                tracing::error!(%error, "the database failed");
                StorageError::Internal
            }
        }
    }
}

/// The open database. Dropping it lets the running batch commit and closes it.
pub(crate) struct Store {
    writer: writer::Writer,
    readers: readers::Readers,
    signer: Signer,
    /// The number of this opening.
    run: i64,
}

impl Store {
    /// Opens the database, creating it when it is missing.
    pub fn open(
        path: &Path,
        options: Options,
        clock: Arc<dyn crate::clock::Clock>,
        after_commit: Arc<dyn AfterCommit>,
    ) -> Result<Self, OpenError> {
        let opened = open::open(path)?;
        open::belongs(&opened.connection, path, &options)?;
        let signer = Signer::new(&opened.signing_key);
        let readers = readers::Readers::new(path);
        let world = transaction::World { options, signer: signer.clone(), clock, run: opened.run };
        let writer = writer::Writer::start(opened.connection, opened.lock, world, after_commit);
        Ok(Self { writer, readers, signer, run: opened.run })
    }

    /// Runs a change in a transaction that is on disk before this returns.
    ///
    /// The change may be run more than once, each time on a transaction that has nothing of the time before. It
    /// refuses before it writes: what a refused change has written stays.
    pub async fn write<T: Send + 'static>(
        &self,
        change: impl Fn(&mut Transaction<'_>) -> Result<T, Stop> + Send + 'static,
    ) -> Result<T, Fault> {
        self.writer.write(change, false).await
    }

    /// Like [`Store::write`], but not run at all when nobody waits for its answer any more.
    pub async fn write_if_awaited<T: Send + 'static>(
        &self,
        change: impl Fn(&mut Transaction<'_>) -> Result<T, Stop> + Send + 'static,
    ) -> Result<T, Fault> {
        self.writer.write(change, true).await
    }

    /// Runs a query on what is committed, off the async threads.
    pub async fn read<T: Send + 'static>(
        &self,
        query: impl FnOnce(&Connection) -> Result<T, Stop> + Send + 'static,
    ) -> Result<T, Fault> {
        self.readers.read(query).await
    }

    /// Runs a query where the caller stands. For looking up one thing by its key: that takes less time than handing
    /// it to another thread and back.
    pub fn glance<T>(&self, query: impl FnOnce(&Connection) -> Result<T, Stop>) -> Result<T, Fault> {
        self.readers.glance(query)
    }

    pub fn signer(&self) -> &Signer {
        &self.signer
    }

    pub fn run(&self) -> i64 {
        self.run
    }

    /// Lets the changes that wait commit, and closes the database.
    pub fn close(&self) {
        // The last connection to close moves the log into the database: that should be the writer's.
        self.readers.close();
        self.writer.close();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, mpsc};

    use rusqlite::Connection;

    use super::*;
    use crate::SystemClock;

    struct Nobody;

    impl AfterCommit for Nobody {
        fn perform(&self, _: Effects) {}
    }

    fn open(folder: &tempfile::TempDir) -> Arc<Store> {
        let options = Options::new("000000000000", "eu-west-2");
        Arc::new(Store::open(&folder.path().join("db"), options, Arc::new(SystemClock), Arc::new(Nobody)).unwrap())
    }

    fn tag(connection: &Connection, key: &str) -> rusqlite::Result<()> {
        tags::put(connection, "r", key, "")
    }

    async fn keys(store: &Store) -> Vec<String> {
        let all = store.read(|connection| Ok(tags::list(connection, "r")?)).await.unwrap();
        all.into_iter().map(|(key, _)| key).collect()
    }

    type Change = fn(&mut Transaction<'_>) -> Result<(), Stop>;

    /// Runs the changes in one batch: they gather while the writer is held up.
    async fn together(store: &Arc<Store>, changes: Vec<Change>) -> Vec<Result<(), Fault>> {
        let (go_on, held_up) = mpsc::channel::<()>();
        let held_up = std::sync::Mutex::new(held_up);
        let holding = tokio::spawn({
            let store = store.clone();
            async move {
                store
                    .write(move |_| {
                        // Once; when it is run again there is nobody left to wait for.
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
        // On this runtime of one thread, each has got in line before this goes on.
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
    async fn a_change_that_panics_spoils_no_other() {
        let folder = tempfile::tempdir().unwrap();
        let store = open(&folder);
        let answers = together(
            &store,
            vec![
                |transaction| Ok(tag(transaction.connection, "before")?),
                |transaction| {
                    tag(transaction.connection, "half done")?;
                    panic!("a test's panic")
                },
                |transaction| Ok(tag(transaction.connection, "after")?),
            ],
        )
        .await;
        assert_eq!(answers, [Ok(()), Err(StorageError::Internal.into()), Ok(())]);
        assert_eq!(keys(&store).await, ["after", "before"]);
    }

    #[tokio::test]
    async fn a_refusal_is_told_and_spoils_no_other() {
        let folder = tempfile::tempdir().unwrap();
        let store = open(&folder);
        let answers = together(
            &store,
            vec![|_| Err(Fault::TaskTimedOut.into()), |transaction| Ok(tag(transaction.connection, "a")?)],
        )
        .await;
        assert_eq!(answers, [Err(Fault::TaskTimedOut), Ok(())]);
        assert_eq!(keys(&store).await, ["a"]);
    }

    #[tokio::test]
    async fn a_full_disk_acknowledges_nothing_and_the_store_goes_on_when_there_is_room() {
        let folder = tempfile::tempdir().unwrap();
        let store = open(&folder);
        // SQLite reports the limit on its own size as it reports a full disk.
        let limit = |pages: &'static str| {
            store.write(move |transaction| {
                Ok(transaction.connection.query_row(&format!("PRAGMA max_page_count = {pages}"), [], |_| Ok(()))?)
            })
        };
        limit("1").await.unwrap();
        let much = |transaction: &mut Transaction<'_>| {
            Ok(tags::put(transaction.connection, "r", "much", &"x".repeat(1 << 20))?)
        };
        assert_eq!(store.write(much).await, Err(StorageError::Full.into()));
        assert!(keys(&store).await.is_empty());
        limit("1000000").await.unwrap();
        assert_eq!(store.write(much).await, Ok(()));
        assert_eq!(keys(&store).await, ["much"]);
    }

    #[tokio::test]
    async fn what_is_damaged_is_told_and_not_written_over() {
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
        // Of the tags; what begins the file is whole.
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
    async fn a_closed_store_says_so() {
        let folder = tempfile::tempdir().unwrap();
        let store = open(&folder);
        store.close();
        assert_eq!(store.write(|_| Ok(())).await, Err(StorageError::Closed.into()));
    }
}
