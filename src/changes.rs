//! A hint that something which pages show may have changed.

use std::sync::Arc;

use tokio::sync::Notify;

/// Wakes the read model, which then looks for changes at once. Whoever writes to a table that pages show gives the hint.
#[derive(Debug, Clone, Default)]
pub struct Changes(Arc<Notify>);

impl Changes {
    pub fn nudge(&self) {
        self.0.notify_one();
    }

    /// Waits for the next hint. One that was given while nobody waited counts.
    pub async fn changed(&self) {
        self.0.notified().await;
    }
}
