//! Wakes the task that fires timers.

use std::sync::atomic::{AtomicI64, Ordering};

use tokio::sync::Notify;

/// Wakes the task that sleeps until the next timer when an earlier one is set.
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
    /// Notes that a timer was set.
    pub fn set(&self, due: i64) {
        if due < self.until.load(Ordering::Acquire) {
            self.earlier.notify_one();
        }
    }
    /// Sets when the sleeping task wakes, in milliseconds since 1970. Timers that are due earlier wake it before.
    pub fn sleep_until(&self, due: i64) {
        self.until.store(due, Ordering::Release);
    }

    /// Waits until a timer is set that is due before the sleeping task wakes.
    pub async fn earlier(&self) {
        self.earlier.notified().await;
    }
}
