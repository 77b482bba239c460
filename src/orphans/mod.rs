//! Executions of the loan workflow that failed and belong to no application.
//!
//! An application appears at the desk when its workflow asks for the valuation. An execution that was started in Step
//! Functions with an input that is not an application fails before that, so no list would show it. [`Watch`] looks for
//! such executions and records them here, and Today lists the records. A record ends after some days.

mod watch;

use std::time::Duration;

use app::desk::{Failure, OrphanedExecution};
use time::OffsetDateTime;

use crate::{
    aws::{Aws, AwsError},
    item::{Item, Read, number, text, time},
    tables::{Index, Shows, Table},
    workflow::{execution_name, state_machine_of_execution},
};

pub use watch::Watch;

pub const TABLE: Table = Table {
    name: "loan-desk-orphaned-executions",
    key: "executionArn",
    indexes: &[OPEN],
    retired_indexes: &[],
    time_to_live: Some("expiresAt"),
};

/// The orphaned executions that nobody has dismissed, by the time of their failure.
const OPEN: Index = Index { name: "open", partition: "kind", sort: "failedAt", shows: Shows::Everything };

/// The only value of `kind`. A dismissed execution has none, so it is not in the index.
const KIND: &str = "execution";

/// How long after its failure an execution is looked for, and its record is kept.
pub const KEPT: Duration = Duration::from_secs(7 * 24 * 3600);

/// Longer than [`KEPT`], because a dismissed execution must not be found again before it is too old.
const EXPIRY: Duration = Duration::from_secs(8 * 24 * 3600);

/// A record of an orphaned execution.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Orphan {
    execution_arn: String,
    reference: Option<String>,
    started_at: OffsetDateTime,
    failed_at: OffsetDateTime,
    failure: Failure,
}

/// The table of orphaned executions.
#[derive(Debug, Clone)]
pub struct Orphans {
    aws: Aws,
}

impl Orphans {
    pub fn new(aws: Aws) -> Self {
        Self { aws }
    }

    /// The newest ones that nobody has dismissed and that failed less than [`KEPT`] ago.
    pub async fn open(&self, at_most: usize) -> Result<Vec<OrphanedExecution>, AwsError> {
        let orphans = self.newest(at_most).await?;
        orphans.into_iter().map(Orphan::view).collect()
    }

    /// Takes one off the list for good.
    pub async fn dismiss(&self, execution_arn: &str) -> Result<(), AwsError> {
        let update = self.aws.dynamodb.update_item().table_name(TABLE.name).key(TABLE.key, text(execution_arn));
        let update = update
            .update_expression("SET dismissedAt = :now REMOVE kind")
            .condition_expression("attribute_exists(kind)")
            .expression_attribute_values(":now", time(self.aws.clock.now()));
        match update.send().await.map_err(AwsError::from) {
            // It is not on the list.
            Err(error) if error.is_condition() => Ok(()),
            dismissed => dismissed.map(drop),
        }
    }

    async fn newest(&self, at_most: usize) -> Result<Vec<Orphan>, AwsError> {
        let query = self.aws.dynamodb.query().table_name(TABLE.name).index_name(OPEN.name);
        let answer = query
            .key_condition_expression("kind = :kind AND failedAt > :since")
            .expression_attribute_values(":kind", text(KIND))
            .expression_attribute_values(":since", time(self.aws.clock.now() - KEPT))
            .scan_index_forward(false)
            .limit(i32::try_from(at_most).unwrap_or(i32::MAX))
            .send()
            .await?;
        answer.items().iter().map(read).collect()
    }

    /// Records an execution. Returns whether it was not recorded before.
    async fn keep(&self, orphan: &Orphan) -> Result<bool, AwsError> {
        let put = self.aws.dynamodb.put_item().table_name(TABLE.name).set_item(Some(write(orphan)));
        let put = put.condition_expression("attribute_not_exists(executionArn)");
        match put.send().await.map_err(AwsError::from) {
            Ok(_) => Ok(true),
            Err(error) if error.is_condition() => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Deletes the record of an execution that is no longer failed.
    async fn forget(&self, execution_arn: &str) -> Result<(), AwsError> {
        self.aws.dynamodb.delete_item().table_name(TABLE.name).key(TABLE.key, text(execution_arn)).send().await?;
        Ok(())
    }
}

impl Orphan {
    fn view(self) -> Result<OrphanedExecution, AwsError> {
        Ok(OrphanedExecution {
            state_machine: state_machine_of_execution(&self.execution_arn)?,
            name: execution_name(&self.execution_arn)?,
            reference: self.reference,
            failed_at: self.failed_at,
            failure: self.failure,
        })
    }
}

fn write(orphan: &Orphan) -> Item {
    let mut item = Item::from([
        (TABLE.key.to_owned(), text(&orphan.execution_arn)),
        ("kind".to_owned(), text(KIND)),
        ("startedAt".to_owned(), time(orphan.started_at)),
        ("failedAt".to_owned(), time(orphan.failed_at)),
        ("expiresAt".to_owned(), number((orphan.failed_at + EXPIRY).unix_timestamp())),
    ]);
    let texts = [("reference", &orphan.reference), ("error", &orphan.failure.error), ("cause", &orphan.failure.cause)];
    for (name, value) in texts {
        item.extend(value.as_ref().map(|value| (name.to_owned(), text(value))));
    }
    item
}

fn read(item: &Item) -> Result<Orphan, AwsError> {
    let words = |name: &str| item.text(name).map(str::to_owned);
    Ok(Orphan {
        execution_arn: item.require(TABLE.key)?.to_owned(),
        reference: words("reference"),
        started_at: item.time("startedAt")?,
        failed_at: item.time("failedAt")?,
        failure: Failure { error: words("error"), cause: words("cause") },
    })
}

#[cfg(test)]
mod tests {
    use time::macros::datetime;

    use super::*;
    use crate::{aws::Embedded, clock::Clock, deploy};

    fn orphan(name: &str, failed_at: OffsetDateTime) -> Orphan {
        Orphan {
            execution_arn: format!("arn:aws:states:eu-west-2:000000000000:execution:loan-processing:{name}"),
            reference: None,
            started_at: failed_at,
            failed_at,
            failure: Failure { error: Some("InvalidApplication".into()), cause: None },
        }
    }

    async fn names(orphans: &Orphans) -> Vec<String> {
        orphans.open(10).await.unwrap().into_iter().map(|orphan| orphan.name.to_string()).collect()
    }

    #[tokio::test]
    async fn a_dismissed_or_old_execution_is_not_listed_and_a_dismissed_one_does_not_come_back() {
        let folder = tempfile::tempdir().unwrap();
        let embedded = Embedded::open(folder.path(), Clock::system()).unwrap();
        let aws = Aws::inside(&embedded, "eu-west-2");
        deploy::create_tables(&aws).await.unwrap();
        let orphans = Orphans::new(aws.clone());
        let now = aws.clock.now();
        let (first, second) = (orphan("first", now - Duration::from_secs(9)), orphan("second", now));
        let old = orphan("old", datetime!(2020-01-01 00:00 UTC));
        for one in [&first, &second, &old] {
            assert!(orphans.keep(one).await.unwrap());
        }
        assert_eq!(names(&orphans).await, ["second", "first"], "the newest comes first");
        orphans.dismiss(&first.execution_arn).await.unwrap();
        orphans.dismiss(&first.execution_arn).await.unwrap();
        orphans.dismiss("unknown").await.unwrap();
        assert!(!orphans.keep(&first).await.unwrap());
        assert_eq!(names(&orphans).await, ["second"]);
        orphans.forget(&second.execution_arn).await.unwrap();
        assert!(names(&orphans).await.is_empty());
    }
}
