//! The database: one SQLite file with one writer and several readers.
//!
//! A request that writes is a *change*, which is a function of the open transaction. The writer commits the queued
//! changes together and answers them afterwards: see [`writer`]. Readers have their own connections and do not wait for
//! the writer.

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

/// Why a change or a query stopped.
#[derive(Debug)]
pub(crate) enum Stop {
    Refused(Fault),
    Broken(rusqlite::Error),
    /// The change needs a computation that takes too long for the transaction. It runs again with the result.
    TooLong(Computation),
}

/// The result of a change or a query.
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
    /// Logs a database error, and returns what clients may learn about it. No other code logs it.
    fn report(error: &rusqlite::Error) -> Self {
        match error.sqlite_error_code() {
            Some(rusqlite::ErrorCode::DiskFull) => {
                tracing::error!(%error, "the disk is full; requests that write are refused until there is room");
                StorageError::Full
            }
            Some(rusqlite::ErrorCode::DatabaseCorrupt | rusqlite::ErrorCode::NotADatabase) => {
                tracing::error!(%error, "the database is damaged; restore a backup");
                StorageError::Damaged
            }
            _ => {
                tracing::error!(%error, "the database failed");
                StorageError::Internal
            }
        }
    }
}

/// The maximum number of evaluations that run at the same time outside of the transaction, and of definitions that are
/// parsed. Each can use a processor for seconds.
const MAX_CONCURRENT: usize = 2;

/// The outcome of running a change once.
pub(crate) enum Begun<T, F> {
    Settled(Result<T, Fault>),
    /// The change needs a long computation first. It has written nothing.
    TooLong(Unfinished<F>),
}

/// A change that needs a long computation: see [`Store::finish`].
pub(crate) struct Unfinished<F> {
    request: Request<F>,
    computation: Computation,
}

/// The open database. When it is dropped, it commits the queued changes and closes.
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
    /// Opens the database, or creates it if it does not exist.
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
            evaluations: Arc::new(Semaphore::new(MAX_CONCURRENT)),
            parsings: Arc::new(Semaphore::new(MAX_CONCURRENT)),
            opening: opened.opening,
        })
    }

    /// Runs a change in a transaction that is on disk when this returns.
    ///
    /// If the change refuses or fails, its writes are undone. A change may run more than once. Each time, the writes of
    /// the previous run have been undone.
    pub async fn write<T: Send + 'static>(
        &self,
        change: impl Fn(&mut Transaction<'_>) -> Result<T> + Send + 'static,
    ) -> Result<T, Fault> {
        match self.begin(change).await {
            Begun::Settled(result) => result,
            Begun::TooLong(unfinished) => self.finish(unfinished).await,
        }
    }

    /// Like [`Store::write`], but skips the change if nobody waits for its answer any more.
    pub async fn write_if_awaited<T: Send + 'static>(
        &self,
        change: impl Fn(&mut Transaction<'_>) -> Result<T> + Send + 'static,
    ) -> Result<T, Fault> {
        match self.begin_request(Request { change, computed: Vec::new(), only_if_awaited: true }).await {
            Begun::Settled(result) => result,
            Begun::TooLong(unfinished) => self.finish(unfinished).await,
        }
    }

    /// Like [`Store::write`], but returns the change if it needs a long computation, so that the caller does not have to
    /// wait for that: see [`Store::finish`].
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

    /// Computes what a change needs and runs it again, until it has been committed.
    pub async fn finish<T: Send + 'static, F>(&self, unfinished: Unfinished<F>) -> Result<T, Fault>
    where
        F: Fn(&mut Transaction<'_>) -> Result<T> + Send + 'static,
    {
        let Unfinished { mut request, mut computation } = unfinished;
        loop {
            // Held until the change has run, because the next computation would become outdated.
            let _turn = self.turns.wait_for(computation.execution).await;
            request.computed.push(self.compute(computation).await?);
            match self.writer.run(request).await {
                Answer::Settled(result) => return result,
                Answer::TooLong(same, next) => (request, computation) = (same, next),
            }
        }
    }

    /// Caches a definition that is about to be stored, so that it is not parsed again for its first execution.
    pub fn keep_parsed(&self, text: &str, definition: Definition) {
        self.outside.definitions.insert(state_machines::hash(text), Arc::new(definition));
    }

    async fn compute(&self, Computation { execution, compute }: Computation) -> Result<Computed, Fault> {
        // Parsing a definition must not wait for long evaluations.
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

    /// Runs a query on the committed data, on a thread for blocking work.
    pub async fn read<T: Send + 'static>(
        &self,
        query: impl FnOnce(&Connection) -> Result<T> + Send + 'static,
    ) -> Result<T, Fault> {
        self.readers.read(query).await
    }

    /// Runs a query on the current thread. Only for looking up a single row by its key, which takes less time than
    /// switching threads.
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

    /// Checks the integrity of the whole database.
    pub async fn check(&self) -> Result<(), CheckError> {
        match self.read(|connection| Ok(backup::check(connection)?)).await {
            Ok(None) => Ok(()),
            Ok(Some(what)) => Err(CheckError::Damaged { what }),
            Err(Fault::Storage(StorageError::Closed)) => Err(CheckError::Closed),
            Err(Fault::Storage(StorageError::Damaged)) => Err(CheckError::Damaged { what: "it can't be read".into() }),
            Err(fault) => Err(CheckError::Storage { source: fault.into() }),
        }
    }

    /// Commits the queued changes and closes the database.
    pub fn close(&self) {
        // The connection that closes last moves the write-ahead log into the database. This should be the writer's.
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
mod tests;
