//! The desk's clock: the system clock, or one that a test controls.

use std::{fmt, sync::Arc, time::Duration};

use time::OffsetDateTime;

/// The source of the time, which the desk shares with the embedded Step Functions. Cheap to clone.
#[derive(Clone)]
pub struct Clock(Arc<dyn asl_engine::Clock>);

impl Clock {
    /// The system clock.
    pub fn system() -> Self {
        Self(Arc::new(asl_engine::SystemClock))
    }

    /// A custom clock, for tests.
    pub fn new(clock: Arc<dyn asl_engine::Clock>) -> Self {
        Self(clock)
    }

    /// The current time in UTC in whole milliseconds. Times are stored with this precision, so a stored time reads back
    /// equal.
    pub fn now(&self) -> OffsetDateTime {
        let now = self.0.now();
        now.replace_millisecond(now.millisecond()).unwrap_or(now)
    }

    /// Waits for a duration, measured by this clock.
    pub async fn sleep(&self, duration: Duration) {
        let until = self.0.now() + duration;
        // The clock may return early.
        while self.0.now() < until {
            self.0.sleep_until(until).await;
        }
    }

    /// The same clock in the form that the embedded Step Functions takes.
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

    /// A clock that advances by a second with each sleep and stands still otherwise.
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
    async fn a_sleep_lasts_until_the_clock_reaches_its_end() {
        let clock = Clock::new(Arc::new(Hasty(Mutex::new(datetime!(2026-11-22 10:00:00.123456 UTC)))));
        assert_eq!(clock.now(), datetime!(2026-11-22 10:00:00.123 UTC));
        clock.sleep(Duration::from_millis(2500)).await;
        assert_eq!(clock.now(), datetime!(2026-11-22 10:00:03.123 UTC));
    }
}
