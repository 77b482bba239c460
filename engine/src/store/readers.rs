//! Connections for reading, one per concurrent query.

use std::{
    path::{Path, PathBuf},
    sync::{Arc, Mutex},
};

use rusqlite::Connection;
use tokio::{sync::Semaphore, task::JoinError};

use super::{Stop, StorageError, open};
use crate::protocol::Fault;

/// The maximum number of concurrent readers. More would wait for the same disk.
const MAX_READERS: usize = 8;

pub(super) struct Readers {
    pool: Arc<Pool>,
    permits: Arc<Semaphore>,
}

pub(super) struct Pool {
    path: PathBuf,
    /// `None` once the store is closed. Connections in use at that time are closed after their query.
    idle: Mutex<Option<Vec<Connection>>>,
}

impl Readers {
    pub fn new(path: &Path) -> Self {
        let pool = Pool { path: path.to_owned(), idle: Mutex::new(Some(Vec::new())) };
        Self { pool: Arc::new(pool), permits: Arc::new(Semaphore::new(MAX_READERS)) }
    }

    pub async fn read<T: Send + 'static>(
        &self,
        query: impl FnOnce(&Connection) -> Result<T, Stop> + Send + 'static,
    ) -> Result<T, Fault> {
        let permit = self.permits.clone().acquire_owned().await.map_err(|_| StorageError::Closed)?;
        let pool = self.pool.clone();
        let answer = tokio::task::spawn_blocking(move || {
            let answer = pool.run(query);
            drop(permit);
            answer
        })
        .await;
        self::answer(answer)
    }

    /// Closes the connections. Those in use are closed after their queries.
    pub fn close(&self) {
        self.pool.idle().take();
    }

    pub fn pool(&self) -> Arc<Pool> {
        self.pool.clone()
    }

    pub fn glance<T>(&self, query: impl FnOnce(&Connection) -> Result<T, Stop>) -> Result<T, Fault> {
        answered(self.pool.run(query))
    }
}

/// The result of a query that ran on its own thread.
pub(super) fn answer<T>(done: Result<Result<T, Stop>, JoinError>) -> Result<T, Fault> {
    match done {
        Ok(answer) => answered(answer),
        // The process is ending.
        Err(error) if error.is_cancelled() => Err(StorageError::Closed.into()),
        Err(error) => {
            tracing::error!(%error, "a query panicked");
            Err(StorageError::Internal.into())
        }
    }
}

fn answered<T>(answer: Result<T, Stop>) -> Result<T, Fault> {
    answer.map_err(|stop| match stop {
        Stop::Refused(fault) => fault,
        Stop::Broken(error) => StorageError::report(&error).into(),
        // Queries have no long computations.
        Stop::TooLong(_) => StorageError::Internal.into(),
    })
}

impl Pool {
    fn idle(&self) -> std::sync::MutexGuard<'_, Option<Vec<Connection>>> {
        // The list is consistent even if a thread panicked while holding it.
        self.idle.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    /// Runs a query in a transaction, so that it sees a single state of the database.
    pub fn run<T, E: From<rusqlite::Error>>(&self, query: impl FnOnce(&Connection) -> Result<T, E>) -> Result<T, E> {
        let idle = self.idle().as_mut().and_then(Vec::pop);
        let connection = idle.map_or_else(|| open::reader(&self.path), Ok)?;
        connection.prepare_cached("BEGIN")?.execute([])?;
        let answer = query(&connection);
        connection.prepare_cached("COMMIT")?.execute([])?;
        if let Some(idle) = &mut *self.idle() {
            idle.push(connection);
        }
        answer
    }
}
