//! The table of valuation references: the request of each reference, and unsigned callbacks that arrived before the
//! reference was known. It is read by key, so unlike an index it is never stale.

use aws_sdk_dynamodb::types::{AttributeValue, Update, builders::UpdateBuilder};

use super::PausedTasks;
use crate::{
    aws::AwsError,
    invocation::PausedTaskId,
    item::{Item, Read, number, text},
    tables,
    writes::{NotWritten, Write, write_all, write_one},
};

pub const TABLE: tables::Table = tables::Table {
    name: "loan-desk-valuation-references",
    key: "valuationReference",
    indexes: &[],
    retired_indexes: &[],
    time_to_live: Some("expiresAt"),
};

/// The maximum number of unsigned callbacks parked for one reference. Further ones are refused, so that their sender
/// sends them again.
const PARKED: usize = 100;

/// The condition for parking another callback.
const ROOM: &str = "(attribute_not_exists(parked) OR size(parked) < :most)";

/// How long callbacks are parked for an unknown reference, in seconds. A callback that is sent during its request needs
/// only a few seconds.
const PATIENCE: i64 = 3600;

/// Why a reference cannot be assigned to a request.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ReferenceError {
    #[error("the valuation service answered with a valuationReference that belongs to another request")]
    Reused,
    #[error(transparent)]
    Aws(#[from] AwsError),
}

/// The write that assigns a reference to a request permanently.
fn give(reference: &str, request: &PausedTaskId) -> UpdateBuilder {
    Update::builder()
        .table_name(TABLE.name)
        .key(TABLE.key, text(reference))
        .update_expression("SET requestId = :request REMOVE expiresAt")
        .condition_expression("attribute_not_exists(requestId) OR requestId = :request")
        .expression_attribute_values(":request", text(request.as_str()))
}

impl PausedTasks {
    /// Stores the reference that the valuation service gave to a request. From now on the task waits for its callback.
    /// Callbacks that named the reference before are found by [`PausedTasks::parked`] and
    /// [`PausedTasks::parked_by_reference`].
    ///
    /// # Errors
    /// [`ReferenceError::Reused`] when the service gave the same reference to another request: a callback that names it
    /// could be about either.
    pub async fn reference_known(&self, reference: &str, request: &PausedTaskId) -> Result<(), ReferenceError> {
        let writes = [give(reference, request), self.has_reference(request, reference)];
        match write_all(&self.aws, writes.map(Write::Update)).await {
            Ok(()) => Ok(()),
            Err(NotWritten::Aws(error)) => Err(error.into()),
            // The reference belongs to another request, or the request is over. Each write is then done by itself.
            Err(NotWritten::Refused(_)) => {
                self.keep_reference(reference, request).await?;
                self.requested(request, reference).await?;
                Ok(())
            }
        }
    }

    /// The request that has this reference.
    pub async fn request_of(&self, reference: &str) -> Result<Option<PausedTaskId>, AwsError> {
        Ok(self.entry(reference).await?.text("requestId").map(PausedTaskId::from_key))
    }

    /// The callbacks that are parked with a reference.
    pub async fn parked_by_reference(&self, reference: &str) -> Result<Vec<String>, AwsError> {
        let entry = self.entry(reference).await?;
        let parked = entry.get("parked").and_then(|parked| parked.as_ss().ok());
        Ok(parked.cloned().unwrap_or_default())
    }

    async fn entry(&self, reference: &str) -> Result<Item, AwsError> {
        let answer = self.aws.dynamodb.get_item().table_name(TABLE.name).key(TABLE.key, text(reference));
        Ok(answer.consistent_read(true).send().await?.item.unwrap_or_default())
    }

    async fn keep_reference(&self, reference: &str, request: &PausedTaskId) -> Result<(), ReferenceError> {
        let kept = write_one(&self.aws, give(reference, request)).await;
        match kept {
            Err(error) if error.is_condition() => Err(ReferenceError::Reused),
            other => Ok(other?),
        }
    }

    /// Parks an unsigned callback with a reference. Returns false if the limit is reached.
    pub async fn park_by_reference(&self, reference: &str, callback: &str) -> Result<bool, AwsError> {
        let forgotten = self.aws.clock.now().unix_timestamp() + PATIENCE;
        let add = |update: &str, when: &str| {
            let row = self.aws.dynamodb.update_item().table_name(TABLE.name).key(TABLE.key, text(reference));
            row.update_expression(update)
                .condition_expression(format!("{when} AND {ROOM}"))
                .expression_attribute_values(":most", number(PARKED))
                .expression_attribute_values(":callback", AttributeValue::Ss(vec![callback.to_owned()]))
        };
        let unknown = add("SET expiresAt = :expiresAt ADD parked :callback", "attribute_not_exists(requestId)")
            .expression_attribute_values(":expiresAt", number(forgotten));
        // The reference is already assigned, so the item must not expire.
        let known = add("ADD parked :callback", "attribute_exists(requestId)");
        for update in [unknown, known] {
            match update.send().await.map_err(AwsError::from) {
                Err(error) if error.is_condition() => {}
                other => return other.map(|_| true),
            }
        }
        Ok(false)
    }
}
