//! The desk's clock: the machine's own, or one that a test moves instead of waiting.

use std::{fmt, sync::Arc, time::Duration};

use time::OffsetDateTime;

/// Where the desk takes the time from. The embedded Step Functions runs by the same clock. Cheap to clone.
#[derive(Clone)]
pub struct Clock(Arc<dyn asl_engine::Clock>);

impl Clock {
    /// The machine's own clock.
    pub fn system() -> Self {
        Self(Arc::new(asl_engine::SystemClock))
    }

    /// A clock of the caller's: a test moves it instead of waiting.
    pub fn new(clock: Arc<dyn asl_engine::Clock>) -> Self {
        Self(clock)
    }

    /// The time of day in UTC, in whole milliseconds: that is how precisely times are stored, so a time that was stored
    /// reads back equal.
    pub fn now(&self) -> OffsetDateTime {
        let now = self.0.now();
        now.replace_millisecond(now.millisecond()).unwrap_or(now)
    }

    /// Waits for so long by this clock.
    pub async fn sleep(&self, duration: Duration) {
        let until = self.0.now() + duration;
        // The clock may return early.
        while self.0.now() < until {
            self.0.sleep_until(until).await;
        }
    }

    /// The same clock, as the embedded Step Functions takes it.
    pub fn shared(&self) -> Arc<dyn asl_engine::Clock> {
        self.0.clone()
    }
}

impl fmt::Debug for Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Clock")
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use time::macros::datetime;

    use super::*;

    /// Stands still, and moves a second whenever something sleeps.
    struct Hasty(Mutex<OffsetDateTime>);

    #[async_trait::async_trait]
    impl asl_engine::Clock for Hasty {
        fn now(&self) -> OffsetDateTime {
            *self.0.lock().unwrap()
        }

        async fn sleep_until(&self, _: OffsetDateTime) {
            *self.0.lock().unwrap() += Duration::from_secs(1);
        }
    }

    #[tokio::test]
    async fn a_sleep_ends_when_the_clock_says_so_and_not_before() {
        let clock = Clock::new(Arc::new(Hasty(Mutex::new(datetime!(2026-11-22 10:00:00.123456 UTC)))));
        assert_eq!(clock.now(), datetime!(2026-11-22 10:00:00.123 UTC));
        clock.sleep(Duration::from_millis(2500)).await;
        assert_eq!(clock.now(), datetime!(2026-11-22 10:00:03.123 UTC));
    }
}
