//! Wakes a task that sleeps until the next row of its queue is due.

use std::sync::atomic::{AtomicI64, Ordering};

use tokio::sync::Notify;

/// Wakes a task that sleeps until the next row is due when a row is added that is due earlier.
pub(crate) struct Alarm {
    /// When the sleeping task wakes, in milliseconds since 1970.
    until: AtomicI64,
    earlier: Notify,
}

impl Default for Alarm {
    fn default() -> Self {
        Self { until: AtomicI64::new(i64::MAX), earlier: Notify::new() }
    }
}

impl Alarm {
    /// Notes that a row was added, and when it is due, in milliseconds since 1970.
    pub fn set(&self, due: i64) {
        if due < self.until.load(Ordering::Acquire) {
            self.earlier.notify_one();
        }
    }

    /// Sets when the sleeping task wakes, in milliseconds since 1970. Rows that are due earlier wake it before.
    pub fn sleep_until(&self, due: i64) {
        self.until.store(due, Ordering::Release);
    }

    /// Waits until a row is added that is due before the sleeping task wakes.
    pub async fn earlier(&self) {
        self.earlier.notified().await;
    }
}
