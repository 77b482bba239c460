//! Changes that wait for a long computation while the task that started them continues with others.

use std::{
    collections::{HashMap, HashSet},
    hash::Hash,
};

use tokio::task::{Id, JoinSet};

/// The changes by the keys of their rows. A row does not change until its change has been committed.
pub(super) struct LongChanges<K> {
    tasks: JoinSet<()>,
    by_task: HashMap<Id, K>,
    keys: HashSet<K>,
}

impl<K> Default for LongChanges<K> {
    fn default() -> Self {
        Self { tasks: JoinSet::new(), by_task: HashMap::new(), keys: HashSet::new() }
    }
}

impl<K: Copy + Eq + Hash> LongChanges<K> {
    pub fn spawn(&mut self, key: K, change: impl Future<Output = ()> + Send + 'static) {
        self.keys.insert(key);
        self.by_task.insert(self.tasks.spawn(change).id(), key);
    }

    pub fn keys(&self) -> &HashSet<K> {
        &self.keys
    }

    /// Waits until a change is done. Never returns if there are none.
    pub async fn one_done(&mut self) {
        let Some(done) = self.tasks.join_next_with_id().await else { return std::future::pending().await };
        let id = done.map_or_else(|error| error.id(), |(id, ())| id);
        if let Some(key) = self.by_task.remove(&id) {
            self.keys.remove(&key);
        }
    }
}
