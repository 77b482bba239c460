//! Counts the steps of SQLite's virtual machine, which measure the cost of a statement in tests. Unlike time, the
//! number is always the same.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use rusqlite::Connection;

static COUNTERS: Mutex<BTreeMap<PathBuf, Arc<AtomicU64>>> = Mutex::new(BTreeMap::new());

/// Counts the steps of all connections to this file that are opened from now on.
pub(crate) fn counter(path: &Path) -> Arc<AtomicU64> {
    COUNTERS.lock().unwrap_or_else(PoisonError::into_inner).entry(path.to_owned()).or_default().clone()
}

/// Counts the steps of a connection if a test has asked for it.
pub(crate) fn count(connection: &Connection, path: &Path) {
    let counter = COUNTERS.lock().unwrap_or_else(PoisonError::into_inner).get(path).cloned();
    if let Some(counter) = counter {
        connection.progress_handler(
            1,
            Some(move || {
                counter.fetch_add(1, Ordering::Relaxed);
                false
            }),
        );
    }
}
