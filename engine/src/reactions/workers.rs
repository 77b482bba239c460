//! Activity workers that wait for a task.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use tokio::sync::Notify;

/// Where workers wait, by the activity's name.
#[derive(Default)]
pub(crate) struct Workers {
    waiting: Mutex<HashMap<String, Arc<Notify>>>,
}

/// Activities that may be remembered though nobody waits.
const IDLE: usize = 1024;

impl Workers {
    /// What a worker of the activity waits for. It must begin to wait before it asks for a task, or it could miss one
    /// that comes in between.
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

    /// One task is there: one worker is enough.
    pub fn wake_one(&self, activity: &str) {
        self.of(activity).notify_one();
    }
}
