//! Everything the engine keeps: one SQLite file, one writer, many readers.
//!
//! A request that changes something is a *change*: a function of the open transaction. The writer takes all changes
//! that wait, commits them together and only then answers them (see [`writer`]). Reading goes past the writer, over
//! connections of its own.

pub(crate) mod activities;
mod backup;
pub(crate) mod branches;
pub(crate) mod calls;
mod checkpoints;
mod compression;
mod computation;
mod definitions;
pub(crate) mod executions;
pub(crate) mod follow_ups;
pub(crate) mod history;
mod identity;
mod ids;
pub(crate) mod map_runs;
mod migrations;
mod open;
mod readers;
pub(crate) mod removal;
mod revisions;
pub(crate) mod state_machines;
mod status;
#[cfg(test)]
pub(crate) mod steps;
pub(crate) mod tags;
pub(crate) mod timers;
mod transaction;
mod turns;
pub(crate) mod vacuum;
mod writer;

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

pub use backup::{BackupError, CheckError};
pub(crate) use computation::{Computation, Computed, Outside, Rows};
pub use identity::{Identity, read as identity};
pub use open::OpenError;
use rusqlite::Connection;
use tokio::sync::Semaphore;
pub(crate) use transaction::{AfterCommit, Call, CallContext, CallEffect, Effects, Ended, Transaction};

use self::{
    turns::Turns,
    writer::{Answer, Request},
};
use crate::{Options, definition::Definition, protocol::Fault, token::Signer};
pub use crate::{ids::ExecutionId, protocol::StorageError};

/// What stopped a change or a query: the request, or the database.
#[derive(Debug)]
pub(crate) enum Stop {
    Refused(Fault),
    Broken(rusqlite::Error),
    /// The change has something to compute that must not hold up others. It runs again when that is done.
    TooLong(Computation),
}

/// What a change gives, or why it stops.
pub(crate) type Result<T, E = Stop> = std::result::Result<T, E>;

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

/// Evaluations that run outside of the transaction at once, and definitions that are parsed. Each may take the time of a
/// processor for seconds.
const AT_ONCE: usize = 2;

/// What became of a change that was run once.
pub(crate) enum Begun<T, F> {
    Settled(Result<T, Fault>),
    /// Something long has to be computed for it first. Nothing has changed.
    TooLong(Unfinished<F>),
}

/// A change that waits for something long: see [`Store::finish`].
pub(crate) struct Unfinished<F> {
    request: Request<F>,
    computation: Computation,
}

/// The open database. Dropping it lets the running batch commit and closes it.
pub(crate) struct Store {
    writer: writer::Writer,
    readers: readers::Readers,
    checkpoints: Arc<checkpoints::Checkpoints>,
    path: PathBuf,
    outside: Outside,
    turns: Turns,
    evaluations: Arc<Semaphore>,
    parsings: Arc<Semaphore>,
    opening: i64,
}

impl Store {
    /// Opens the database, creating it when it is missing.
    pub fn open(
        path: &Path,
        options: Options,
        clock: Arc<dyn crate::clock::Clock>,
        after_commit: Arc<dyn AfterCommit>,
    ) -> Result<Self, OpenError> {
        let opened = open::open(path, &options)?;
        let checkpoints = checkpoints::Checkpoints::start(path)
            .map_err(|error| OpenError::Storage { path: path.display().to_string(), source: error.into() })?;
        let checkpoints = Arc::new(checkpoints);
        let signer = Signer::new(&opened.signing_key);
        let readers = readers::Readers::new(path);
        let definitions = Arc::<definitions::Definitions>::default();
        let outside = Outside {
            pool: readers.pool(),
            options: options.clone(),
            signer: signer.clone(),
            clock: clock.clone(),
            definitions: definitions.clone(),
        };
        let environment = transaction::Environment {
            options,
            signer,
            opened: clock.now(),
            clock,
            opening: opened.opening,
            definitions,
        };
        let (connection, lock) = (opened.connection, opened.lock);
        let writer = writer::Writer::start(connection, lock, environment, after_commit, checkpoints.clone());
        Ok(Self {
            writer,
            readers,
            checkpoints,
            path: path.to_owned(),
            outside,
            turns: Turns::default(),
            evaluations: Arc::new(Semaphore::new(AT_ONCE)),
            parsings: Arc::new(Semaphore::new(AT_ONCE)),
            opening: opened.opening,
        })
    }

    /// Runs a change in a transaction that is on disk before this returns.
    ///
    /// What a change has written is undone when it refuses or fails. The change may be run more than once; each time the
    /// database holds nothing of the run before.
    pub async fn write<T: Send + 'static>(
        &self,
        change: impl Fn(&mut Transaction<'_>) -> Result<T> + Send + 'static,
    ) -> Result<T, Fault> {
        match self.begin(change).await {
            Begun::Settled(result) => result,
            Begun::TooLong(unfinished) => self.finish(unfinished).await,
        }
    }

    /// Like [`Store::write`], but not run at all when nobody waits for its answer any more.
    pub async fn write_if_awaited<T: Send + 'static>(
        &self,
        change: impl Fn(&mut Transaction<'_>) -> Result<T> + Send + 'static,
    ) -> Result<T, Fault> {
        match self.begin_request(Request { change, computed: Vec::new(), only_if_awaited: true }).await {
            Begun::Settled(result) => result,
            Begun::TooLong(unfinished) => self.finish(unfinished).await,
        }
    }

    /// Like [`Store::write`], but gives the change back when something long has to be computed for it, so that the caller
    /// need not wait: see [`Store::finish`].
    pub async fn begin<T: Send + 'static, F>(&self, change: F) -> Begun<T, F>
    where
        F: Fn(&mut Transaction<'_>) -> Result<T> + Send + 'static,
    {
        self.begin_request(Request { change, computed: Vec::new(), only_if_awaited: false }).await
    }

    async fn begin_request<T: Send + 'static, F>(&self, request: Request<F>) -> Begun<T, F>
    where
        F: Fn(&mut Transaction<'_>) -> Result<T> + Send + 'static,
    {
        match self.writer.run(request).await {
            Answer::Settled(result) => Begun::Settled(result),
            Answer::TooLong(request, computation) => Begun::TooLong(Unfinished { request, computation }),
        }
    }

    /// Computes what a change needs and runs it again, until it is done.
    pub async fn finish<T: Send + 'static, F>(&self, unfinished: Unfinished<F>) -> Result<T, Fault>
    where
        F: Fn(&mut Transaction<'_>) -> Result<T> + Send + 'static,
    {
        let Unfinished { mut request, mut computation } = unfinished;
        loop {
            // Held until the change has run.
            let _turn = self.turns.wait_for(computation.execution).await;
            request.computed.push(self.compute(computation).await?);
            match self.writer.run(request).await {
                Answer::Settled(result) => return result,
                Answer::TooLong(same, next) => (request, computation) = (same, next),
            }
        }
    }

    /// Keeps a definition that is about to be stored, so that it need not be parsed again for its first execution.
    pub fn keep_parsed(&self, text: &str, definition: Definition) {
        self.outside.definitions.insert(state_machines::hash(text), Arc::new(definition));
    }

    async fn compute(&self, Computation { execution, compute }: Computation) -> Result<Computed, Fault> {
        // A definition is not to wait for those who evaluate something long.
        let permits = if execution.is_some() { &self.evaluations } else { &self.parsings };
        let permit = permits.clone().acquire_owned().await.map_err(|_| StorageError::Closed)?;
        let mut outside = self.outside.clone();
        let computed = tokio::task::spawn_blocking(move || {
            let computed = compute(&mut outside);
            drop(permit);
            computed
        });
        readers::answer(computed.await)
    }

    /// Runs a query on what is committed, off the async threads.
    pub async fn read<T: Send + 'static>(
        &self,
        query: impl FnOnce(&Connection) -> Result<T> + Send + 'static,
    ) -> Result<T, Fault> {
        self.readers.read(query).await
    }

    /// Runs a query where the caller stands. For looking up one thing by its key: that takes less time than handing
    /// it to another thread and back.
    pub fn glance<T>(&self, query: impl FnOnce(&Connection) -> Result<T>) -> Result<T, Fault> {
        self.readers.glance(query)
    }

    pub fn signer(&self) -> &Signer {
        &self.outside.signer
    }

    /// The number of this opening of the database, starting at 1.
    pub fn opening(&self) -> i64 {
        self.opening
    }

    /// Writes a copy of the database to `path` and checks it.
    pub async fn back_up(&self, path: &Path) -> Result<(), BackupError> {
        let (from, to) = (self.path.clone(), path.to_owned());
        let closed = || BackupError::Closed { path: path.display().to_string() };
        tokio::task::spawn_blocking(move || backup::back_up(&from, &to)).await.map_err(|_| closed())?
    }

    /// Reads the whole database and says whether it is whole.
    pub async fn check(&self) -> Result<(), CheckError> {
        match self.read(|connection| Ok(backup::check(connection)?)).await {
            Ok(None) => Ok(()),
            Ok(Some(what)) => Err(CheckError::Damaged { what }),
            Err(Fault::Storage(StorageError::Closed)) => Err(CheckError::Closed),
            Err(Fault::Storage(StorageError::Damaged)) => Err(CheckError::Damaged { what: "it cannot be read".into() }),
            Err(fault) => Err(CheckError::Storage { source: fault.into() }),
        }
    }

    /// Lets the changes that wait commit, and closes the database.
    pub fn close(&self) {
        // The last connection to close moves the log into the database: that should be the writer's.
        self.readers.close();
        self.checkpoints.close();
        self.writer.close();
    }
}

impl Drop for Store {
    fn drop(&mut self) {
        self.close();
    }
}

#[cfg(test)]
mod tests {
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

    /// Notes the effects of each commit.
    #[derive(Default)]
    struct Commits(Mutex<Vec<Effects>>);

    impl AfterCommit for Commits {
        fn perform(&self, effects: Effects) {
            self.0.lock().unwrap().push(effects);
        }
    }

    /// A clock that stands still until a test moves it.
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
    async fn a_refusal_is_told_and_spoils_no_other() {
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
        let failing =
            change(|transaction| Ok(transaction.connection.execute_batch("INSERT INTO missing VALUES (1)")?));
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
            // What SQLite does by itself after some failures of the disk.
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
