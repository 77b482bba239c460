//! Time that passes only when a test says so.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use time::{OffsetDateTime, macros::datetime};
use tokio::sync::watch;

pub struct ManualClock(watch::Sender<OffsetDateTime>);

impl ManualClock {
    pub fn new() -> Arc<Self> {
        Arc::new(Self(watch::Sender::new(datetime!(2026-11-22 10:00 UTC))))
    }

    pub fn advance(&self, by: Duration) {
        self.0.send_modify(|now| *now += by);
    }
}

#[async_trait]
impl asl_engine::Clock for ManualClock {
    fn now(&self) -> OffsetDateTime {
        *self.0.borrow()
    }

    async fn sleep_until(&self, deadline: OffsetDateTime) {
        // The sender lives as long as the clock.
        let _ = self.0.subscribe().wait_for(|now| *now >= deadline).await;
    }
}
