//! Connections that read, as many as read at once.

use std::{
    path::{Path, PathBuf},
    sync::{Arc, Mutex},
};

use rusqlite::Connection;
use tokio::sync::Semaphore;

use super::{Stop, StorageError, open};
use crate::protocol::Fault;

/// Reading at once by more threads than this gains nothing: they would wait for the same disk.
const MOST: usize = 8;

pub(super) struct Readers {
    pool: Arc<Pool>,
    permits: Arc<Semaphore>,
}

struct Pool {
    path: PathBuf,
    idle: Mutex<Vec<Connection>>,
}

impl Readers {
    pub fn new(path: &Path) -> Self {
        let pool = Pool { path: path.to_owned(), idle: Mutex::new(Vec::new()) };
        Self { pool: Arc::new(pool), permits: Arc::new(Semaphore::new(MOST)) }
    }

    pub async fn read<T: Send + 'static>(
        &self,
        query: impl FnOnce(&Connection) -> Result<T, Stop> + Send + 'static,
    ) -> Result<T, Fault> {
        let permit = self.permits.clone().acquire_owned().await.map_err(|_| StorageError::Closed)?;
        let pool = self.pool.clone();
        let answer = tokio::task::spawn_blocking(move || {
            let connection = pool.take()?;
            let answer = query(&connection);
            pool.idle().push(connection);
            drop(permit);
            answer
        })
        .await;
        match answer {
            Ok(Ok(answer)) => Ok(answer),
            Ok(Err(Stop::Refused(fault))) => Err(fault),
            Ok(Err(Stop::Broken(error))) => Err(StorageError::report(&error).into()),
            Err(error) => {
                tracing::error!(%error, "a query panicked");
                Err(StorageError::Internal.into())
            }
        }
    }
}

impl Pool {
    fn idle(&self) -> std::sync::MutexGuard<'_, Vec<Connection>> {
        // The list is whole whatever happened to whoever held it.
        self.idle.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    fn take(&self) -> rusqlite::Result<Connection> {
        let idle = self.idle().pop();
        idle.map_or_else(|| open::reader(&self.path), Ok)
    }
}
