//! A lease: one desk at a time does what runs in the background, however many desks share one AWS.
//!
//! The lease is one row that its holder rewrites before its term is over. Another desk takes it when it has seen the
//! row unchanged for a whole term *by its own clock*, so the clocks of two desks are never compared. Two desks may hold
//! it for a moment, when the holder was held up for longer than a term. Everything that is done under a lease may
//! therefore be done twice; the lease saves calls.

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

/// How long a lease is left to a holder that does not renew it.
const TERM: Duration = Duration::from_secs(30);

/// How often the holder renews it, and others look whether it is free.
const RENEWAL: Duration = Duration::from_secs(10);

/// A lease by its name. Clones are the same holder.
#[derive(Debug, Clone)]
pub struct Lease {
    aws: Aws,
    name: &'static str,
    holder: String,
    seen: Arc<Mutex<Seen>>,
}

/// What this desk knows of the lease's row.
#[derive(Debug, Default)]
struct Seen {
    is_mine: bool,
    /// When the row was asked last.
    asked: Option<OffsetDateTime>,
    /// The row's version, which each renewal changes, and since when this desk has known it.
    version: Option<(String, OffsetDateTime)>,
    /// Take it whoever holds it.
    takes_over: bool,
}

impl Lease {
    /// `takes_over`: the desk takes the lease at first, whoever holds it. An embedded desk does: nobody else can have its
    /// data open, so the one that held the lease before has stopped, or reaches AWS through this one and will notice.
    pub fn new(aws: Aws, name: &'static str, takes_over: bool) -> Self {
        let seen = Seen { takes_over, ..Seen::default() };
        Self { aws, name, holder: random::id(), seen: Arc::new(Mutex::new(seen)) }
    }

    /// Whether this desk holds the lease, which it takes when it is free. Asks AWS once in [`RENEWAL`]. When AWS cannot be
    /// asked, nobody holds it.
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
                tracing::warn!(lease = self.name, %error, "cannot ask for a lease; will be tried again");
                seen.is_mine = false;
            }
        }
        seen.is_mine
    }

    /// Gives the lease back, so that another desk need not wait for the end of its term.
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
                tracing::warn!(lease = self.name, %error, "cannot give a lease back; it ends by itself");
            }
            _ => {}
        }
    }

    /// `None` when the lease is this desk's now; else the version of the row.
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
    async fn one_desk_holds_a_lease_until_it_stops_renewing_it_or_gives_it_back() {
        let folder = tempfile::tempdir().unwrap();
        let embedded = Embedded::open(folder.path(), Clock::system()).unwrap();
        let aws = Aws::inside(&embedded, "eu-west-2");
        deploy::create_tables(&aws).await.unwrap();
        // Clocks that are hours apart make no difference.
        let ((first, first_clock), (second, second_clock)) = (at(&aws, 10), at(&aws, 20));
        assert!(first.hold().await);
        assert!(!second.hold().await);
        for _ in 0..5 {
            advance(&first_clock, 11);
            advance(&second_clock, 11);
            assert!(first.hold().await);
            assert!(!second.hold().await);
        }
        // The first desk stops. The second one takes over after a whole term without a renewal, and not before.
        advance(&second_clock, 29);
        assert!(!second.hold().await);
        advance(&second_clock, 30);
        assert!(second.hold().await);
        advance(&first_clock, 60);
        assert!(!first.hold().await, "it was taken over");
        second.release().await;
        advance(&first_clock, 11);
        assert!(first.hold().await, "it was given back");
    }

    #[tokio::test]
    async fn an_embedded_desk_takes_the_lease_of_the_one_that_was_killed_before_it() {
        let folder = tempfile::tempdir().unwrap();
        let embedded = Embedded::open(folder.path(), Clock::system()).unwrap();
        let aws = Aws::inside(&embedded, "eu-west-2");
        deploy::create_tables(&aws).await.unwrap();
        assert!(Lease::new(aws.clone(), "test", true).hold().await);
        assert!(!Lease::new(aws.clone(), "test", false).hold().await);
        assert!(Lease::new(aws, "test", true).hold().await);
    }
}
