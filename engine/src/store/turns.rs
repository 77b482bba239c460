//! Turns, which grant the right to run a computation for an execution.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use tokio::sync::OwnedMutexGuard;

use super::ExecutionId;

type Lock = Arc<tokio::sync::Mutex<()>>;

/// One lock for each execution that is waited for.
#[derive(Default)]
pub(super) struct Turns {
    locks: Mutex<HashMap<ExecutionId, Lock>>,
}

impl Turns {
    /// Waits until no other computation runs for the execution. The turn ends when the guard is dropped.
    pub async fn wait_for(&self, execution: Option<ExecutionId>) -> Option<OwnedMutexGuard<()>> {
        let lock = self.lock(execution?);
        Some(lock.lock_owned().await)
    }

    fn lock(&self, execution: ExecutionId) -> Lock {
        // The map is consistent even if a thread panicked while holding it.
        let mut locks = self.locks.lock().unwrap_or_else(PoisonError::into_inner);
        // Only few executions have long computations at the same time.
        locks.retain(|_, lock| Arc::strong_count(lock) > 1);
        locks.entry(execution).or_default().clone()
    }
}
