//! Activity workers that wait for a task.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use tokio::sync::Notify;

/// The notifications that workers wait for, by activity name.
#[derive(Default)]
pub(crate) struct Workers {
    waiting: Mutex<HashMap<String, Arc<Notify>>>,
}

/// How many activities may be kept although no worker waits.
const IDLE: usize = 1024;

impl Workers {
    /// The notification for workers of an activity. A worker must start waiting before it asks for a task, or it could
    /// miss one that arrives in between.
    pub fn of(&self, activity: &str) -> Arc<Notify> {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = waiting.get(activity) {
            return known.clone();
        }
        if waiting.len() >= IDLE {
            waiting.retain(|_, notify| Arc::strong_count(notify) > 1);
        }
        waiting.entry(activity.to_owned()).or_default().clone()
    }

    /// Wakes one worker, for one task.
    pub fn wake_one(&self, activity: &str) {
        self.of(activity).notify_one();
    }
}
