//! Everything the engine keeps: one SQLite file, one writer, many readers.
//!
//! A request that changes something is a *change*: a function of the open transaction. The writer takes all changes
//! that wait, commits them together and only then answers them (see [`writer`]). Reading goes past the writer, over
//! connections of its own.

pub(crate) mod activities;
pub(crate) mod calls;
pub(crate) mod executions;
pub(crate) mod history;
mod open;
mod readers;
pub(crate) mod state_machines;
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
        if error.sqlite_error_code() == Some(rusqlite::ErrorCode::DiskFull) {
            tracing::error!(%error, "the disk is full; nothing is acknowledged until there is room");
            StorageError::Full
        } else {
            tracing::error!(%error, "the database failed");
            StorageError::Internal
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

    pub fn signer(&self) -> &Signer {
        &self.signer
    }

    pub fn run(&self) -> i64 {
        self.run
    }

    /// Lets the changes that wait commit, and closes the database.
    pub fn close(&self) {
        self.writer.close();
    }
}
