//! Conditional writes to the desk's tables: single writes and transactions.

use std::time::Duration;

use aws_sdk_dynamodb::{
    error::{BuildError, SdkError},
    operation::transact_write_items::TransactWriteItemsError,
    types::{
        Put, ReturnValuesOnConditionCheckFailure, TransactWriteItem, Update,
        builders::{PutBuilder, UpdateBuilder},
    },
};

use crate::{
    aws::{Aws, AwsError},
    item::Item,
};

/// How often a transaction is tried if it conflicts with another one.
const TRIES: u32 = 5;

/// The pause before the second try. It doubles with each further try.
const PAUSE: Duration = Duration::from_millis(20);

/// One write of a transaction.
pub enum Write {
    Put(PutBuilder),
    Update(UpdateBuilder),
}

/// Why a transaction wrote nothing.
#[derive(Debug)]
pub enum NotWritten {
    /// Some conditions were not met. For each write whose condition failed, this has the current item, which is empty
    /// if there is none.
    Refused(Vec<Option<Item>>),
    Aws(AwsError),
}

impl From<BuildError> for NotWritten {
    fn from(error: BuildError) -> Self {
        Self::Aws(incomplete(error))
    }
}

/// Performs a single write.
pub async fn write_one(aws: &Aws, update: UpdateBuilder) -> Result<(), AwsError> {
    let Update {
        table_name,
        key,
        update_expression,
        condition_expression,
        expression_attribute_names,
        expression_attribute_values,
        ..
    } = update.build().map_err(incomplete)?;
    aws.dynamodb
        .update_item()
        .table_name(table_name)
        .set_key(Some(key))
        .update_expression(update_expression)
        .set_condition_expression(condition_expression)
        .set_expression_attribute_names(expression_attribute_names)
        .set_expression_attribute_values(expression_attribute_values)
        .send()
        .await?;
    Ok(())
}

/// Performs all of the writes, or none if a condition is not met.
pub async fn write_all(aws: &Aws, writes: impl IntoIterator<Item = Write>) -> Result<(), NotWritten> {
    let items = writes.into_iter().map(Write::build).collect::<Result<Vec<_>, _>>()?;
    let mut pause = PAUSE;
    for last in (0..TRIES).map(|n| n + 1 == TRIES) {
        let written = aws.dynamodb.transact_write_items().set_transact_items(Some(items.clone())).send().await;
        let error = match written {
            Ok(_) => return Ok(()),
            Err(error) => error,
        };
        match refusals(&error) {
            Some(refused) if refused.iter().any(Option::is_some) => return Err(NotWritten::Refused(refused)),
            // Another transaction was writing to one of the items.
            Some(_) if !last => {
                aws.clock.sleep(pause).await;
                pause *= 2;
            }
            _ => return Err(NotWritten::Aws(error.into())),
        }
    }
    unreachable!("the last try returns")
}

impl Write {
    fn build(self) -> Result<TransactWriteItem, BuildError> {
        let all_old = ReturnValuesOnConditionCheckFailure::AllOld;
        let item = TransactWriteItem::builder();
        Ok(match self {
            Self::Put(put) => {
                let put: Put = put.return_values_on_condition_check_failure(all_old).build()?;
                item.put(put).build()
            }
            Self::Update(update) => {
                let update: Update = update.return_values_on_condition_check_failure(all_old).build()?;
                item.update(update).build()
            }
        })
    }
}

/// For each write, the current item if the condition of that write failed. Returns `None` if the transaction failed for
/// another reason.
fn refusals<R>(error: &SdkError<TransactWriteItemsError, R>) -> Option<Vec<Option<Item>>> {
    let SdkError::ServiceError(service) = error else { return None };
    let TransactWriteItemsError::TransactionCanceledException(cancelled) = service.err() else { return None };
    let reasons = cancelled.cancellation_reasons();
    let is_of_items = |code: &str| matches!(code, "None" | "ConditionalCheckFailed" | "TransactionConflict");
    if !reasons.iter().all(|reason| reason.code().is_none_or(is_of_items)) {
        return None;
    }
    let refused = |code: Option<&str>| code == Some("ConditionalCheckFailed");
    Some(reasons.iter().map(|r| refused(r.code()).then(|| r.item().cloned().unwrap_or_default())).collect())
}

fn incomplete(error: BuildError) -> AwsError {
    AwsError::corrupt(format_args!("an incomplete write: {error}"))
}
