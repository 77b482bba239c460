//! A lease, which selects one of several desks on the same AWS to run the background work.
//!
//! The lease is a row that its holder renews before its term ends. Another desk takes the lease after it has seen the
//! row unchanged for a whole term *by its own clock*, so the clocks of different desks are never compared. If the
//! holder is delayed for longer than a term, two desks may hold the lease briefly. All work under a lease must
//! therefore be idempotent; the lease only saves calls.

use std::{sync::Arc, time::Duration};

use aws_sdk_dynamodb::{
    error::SdkError,
    operation::update_item::UpdateItemError,
    types::{AttributeValue, ReturnValuesOnConditionCheckFailure},
};
use time::OffsetDateTime;
use tokio::sync::Mutex;

use crate::{
    aws::{Aws, AwsError},
    item::{Read, text},
    random,
    settings::TABLE,
};

/// How long a lease lasts without renewal.
const TERM: Duration = Duration::from_secs(30);

/// The interval at which the holder renews the lease and other desks check whether it is free.
const RENEWAL: Duration = Duration::from_secs(10);

/// A named lease. Clones are the same holder.
#[derive(Debug, Clone)]
pub struct Lease {
    aws: Aws,
    name: &'static str,
    holder: String,
    seen: Arc<Mutex<Seen>>,
}

/// What this desk knows about the row of the lease.
#[derive(Debug, Default)]
struct Seen {
    is_mine: bool,
    /// When the row was last read.
    asked: Option<OffsetDateTime>,
    /// The version of the row, which each renewal changes, and when this desk first saw it.
    version: Option<(String, OffsetDateTime)>,
    /// Whether to take the lease from any holder.
    takes_over: bool,
}

impl Lease {
    /// `takes_over` means that the desk first takes the lease from any holder. A desk with the embedded backend does
    /// so: no other process can have its data open, so the previous holder has stopped, or uses AWS through this desk
    /// and will notice.
    pub fn new(aws: Aws, name: &'static str, takes_over: bool) -> Self {
        let seen = Seen { takes_over, ..Seen::default() };
        Self { aws, name, holder: random::id(), seen: Arc::new(Mutex::new(seen)) }
    }

    /// Whether this desk holds the lease. Takes the lease if it is free. Calls AWS at most once in [`RENEWAL`]. Returns
    /// false if AWS cannot be reached.
    pub async fn hold(&self) -> bool {
        let mut seen = self.seen.lock().await;
        let now = self.aws.clock.now();
        if seen.asked.is_some_and(|asked| now < asked + RENEWAL) {
            return seen.is_mine;
        }
        match self.ask(&seen, now).await {
            Ok(None) => {
                if !seen.is_mine {
                    tracing::debug!(lease = self.name, "taken");
                }
                *seen = Seen { is_mine: true, asked: Some(now), ..Seen::default() };
            }
            Ok(Some(version)) => {
                let since = match &seen.version {
                    Some((known, since)) if *known == version => *since,
                    _ => now,
                };
                let version = Some((version, since));
                *seen = Seen { asked: Some(now), version, ..Seen::default() };
            }
            Err(error) => {
                tracing::warn!(lease = self.name, %error, "cannot acquire or renew a lease; trying again later");
                seen.is_mine = false;
            }
        }
        seen.is_mine
    }

    /// Releases the lease, so that another desk need not wait for the end of the term.
    pub async fn release(&self) {
        let mut seen = self.seen.lock().await;
        if !seen.is_mine {
            return;
        }
        *seen = Seen::default();
        let delete = self.aws.dynamodb.delete_item().table_name(TABLE.name).key(TABLE.key, text(self.row()));
        let delete = delete
            .condition_expression("holder = :me")
            .expression_attribute_values(":me", text(&self.holder))
            .send()
            .await
            .map_err(AwsError::from);
        match delete {
            Err(error) if !error.is_condition() => {
                tracing::warn!(lease = self.name, %error, "cannot release a lease; it will expire");
            }
            _ => {}
        }
    }

    /// Tries to acquire or renew the lease. Returns `None` if this desk holds it now, or else the version of the row.
    async fn ask(&self, seen: &Seen, now: OffsetDateTime) -> Result<Option<String>, AwsError> {
        let update = self.aws.dynamodb.update_item().table_name(TABLE.name).key(TABLE.key, text(self.row()));
        let mut update = update
            .update_expression("SET holder = :me, version = :version")
            .expression_attribute_values(":me", text(&self.holder))
            .expression_attribute_values(":version", text(random::id()))
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld);
        let stale = seen.version.as_ref().filter(|(_, since)| now >= *since + TERM).map(|(version, _)| version);
        if !seen.takes_over {
            let free = "attribute_not_exists(holder) OR holder = :me";
            update = match stale {
                None => update.condition_expression(free),
                Some(version) => update
                    .condition_expression(format!("{free} OR version = :stale"))
                    .expression_attribute_values(":stale", text(version)),
            };
        }
        match update.send().await {
            Ok(_) => Ok(None),
            Err(SdkError::ServiceError(error)) => match error.into_err() {
                UpdateItemError::ConditionalCheckFailedException(refused) => {
                    let row: std::collections::HashMap<String, AttributeValue> = refused.item.unwrap_or_default();
                    Ok(Some(row.text("version").unwrap_or_default().to_owned()))
                }
                other => Err(AwsError::of(&other)),
            },
            Err(error) => Err(error.into()),
        }
    }

    fn row(&self) -> String {
        format!("lease {}", self.name)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex as StdMutex;

    use time::macros::datetime;

    use super::*;
    use crate::{aws::Embedded, clock::Clock, deploy};

    struct Manual(StdMutex<OffsetDateTime>);

    #[async_trait::async_trait]
    impl asl_engine::Clock for Manual {
        fn now(&self) -> OffsetDateTime {
            *self.0.lock().unwrap()
        }

        async fn sleep_until(&self, _: OffsetDateTime) {}
    }

    fn at(aws: &Aws, hour: u8) -> (Lease, Arc<Manual>) {
        let clock = Arc::new(Manual(StdMutex::new(datetime!(2026-11-22 00:00 UTC).replace_hour(hour).unwrap())));
        let aws = Aws { clock: Clock::new(clock.clone()), ..aws.clone() };
        (Lease::new(aws, "test", false), clock)
    }

    fn advance(clock: &Manual, seconds: u64) {
        *clock.0.lock().unwrap() += Duration::from_secs(seconds);
    }

    #[tokio::test]
    async fn one_desk_holds_a_lease_until_it_stops_renewing_or_releases_it() {
        let folder = tempfile::tempdir().unwrap();
        let embedded = Embedded::open(folder.path(), Clock::system()).unwrap();
        let aws = Aws::inside(&embedded, "eu-west-2");
        deploy::create_tables(&aws).await.unwrap();
        // The clocks of the desks may be hours apart.
        let ((first, first_clock), (second, second_clock)) = (at(&aws, 10), at(&aws, 20));
        assert!(first.hold().await);
        assert!(!second.hold().await);
        for _ in 0..5 {
            advance(&first_clock, 11);
            advance(&second_clock, 11);
            assert!(first.hold().await);
            assert!(!second.hold().await);
        }
        // The first desk stops. The second one takes over after exactly a term without a renewal.
        advance(&second_clock, 29);
        assert!(!second.hold().await);
        advance(&second_clock, 30);
        assert!(second.hold().await);
        advance(&first_clock, 60);
        assert!(!first.hold().await, "the other desk has taken it over");
        second.release().await;
        advance(&first_clock, 11);
        assert!(first.hold().await, "the other desk has released it");
    }

    #[tokio::test]
    async fn an_embedded_desk_takes_the_lease_from_a_killed_predecessor() {
        let folder = tempfile::tempdir().unwrap();
        let embedded = Embedded::open(folder.path(), Clock::system()).unwrap();
        let aws = Aws::inside(&embedded, "eu-west-2");
        deploy::create_tables(&aws).await.unwrap();
        assert!(Lease::new(aws.clone(), "test", true).hold().await);
        assert!(!Lease::new(aws.clone(), "test", false).hold().await);
        assert!(Lease::new(aws, "test", true).hold().await);
    }
}
