//! The engine's clock.

use std::{
    sync::LazyLock,
    time::{Duration, Instant},
};

use async_trait::async_trait;
use time::OffsetDateTime;

/// A clock, which tests replace with one that they advance instead of waiting.
#[async_trait]
pub trait Clock: Send + Sync + 'static {
    /// The time of day, in UTC.
    fn now(&self) -> OffsetDateTime;

    /// Returns at `deadline` or earlier; the caller then reads the time again. Returning early lets an implementation
    /// notice that the time of day was set while it slept.
    async fn sleep_until(&self, deadline: OffsetDateTime);

    /// The time since an arbitrary moment. It never goes backwards, even when the time of day is set. Durations such as
    /// the length of a transaction are measured with it.
    fn monotonic(&self) -> Duration {
        static ORIGIN: LazyLock<Instant> = LazyLock::new(Instant::now);
        ORIGIN.elapsed()
    }
}

/// The system clock.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

/// The maximum time to sleep without reading the clock, since a wall clock can be set.
const LONGEST_SLEEP: Duration = Duration::from_secs(60);

#[async_trait]
impl Clock for SystemClock {
    fn now(&self) -> OffsetDateTime {
        OffsetDateTime::now_utc()
    }

    async fn sleep_until(&self, deadline: OffsetDateTime) {
        let left = Duration::try_from(deadline - self.now()).unwrap_or(Duration::ZERO);
        tokio::time::sleep(left.min(LONGEST_SLEEP)).await;
    }
}

/// Milliseconds since 1970, as in the database.
pub(crate) fn millis(at: OffsetDateTime) -> i64 {
    (at.unix_timestamp_nanos() / 1_000_000) as i64
}

/// Converts from [`millis`]. A value out of range becomes the nearest valid time.
pub(crate) fn from_millis(millis: i64) -> OffsetDateTime {
    OffsetDateTime::from_unix_timestamp_nanos(i128::from(millis) * 1_000_000).unwrap_or(if millis < 0 {
        OffsetDateTime::UNIX_EPOCH
    } else {
        time::macros::datetime!(9999-12-31 23:59:59 UTC)
    })
}

/// Converts a stored time to the protocol's: seconds since 1970, as a JSON number with three decimals.
pub(crate) fn epoch_seconds(millis: i64) -> f64 {
    millis as f64 / 1000.0
}
