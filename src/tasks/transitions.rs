//! The transitions of a paused task from one [`State`] to the next, each a write on the condition that it is in the state
//! before.

use aws_sdk_dynamodb::{
    error::SdkError,
    operation::update_item::{UpdateItemError, builders::UpdateItemFluentBuilder},
    types::{ReturnValue, ReturnValuesOnConditionCheckFailure, Update, builders::UpdateBuilder},
};

use super::{
    Answer, PausedTasks, State, TABLE,
    row::{Queue, read},
};
use crate::{
    aws::AwsError,
    invocation::PausedTaskId,
    item::{Item, json, number, text, time},
    timestamp,
    writes::{NotWritten, Write, write_all, write_one},
};

/// The result of a write on the condition that the task is in a certain state.
pub(super) enum Changed {
    Yes(Item),
    /// The row of the task, which is in another state.
    No(Item),
    NotFound,
}

impl PausedTasks {
    /// The write by which a request waits for its callback, because its reference is known now.
    pub fn has_reference(&self, id: &PausedTaskId, valuation_reference: &str) -> UpdateBuilder {
        Update::builder()
            .table_name(TABLE.name)
            .key("id", text(id.as_str()))
            .update_expression("SET #state = :open, queue = :queue, valuationReference = :reference, updatedAt = :now")
            .condition_expression("#state = :requesting")
            .expression_attribute_names("#state", "state")
            .expression_attribute_values(":open", text(State::OPEN))
            .expression_attribute_values(":requesting", text(State::REQUESTING))
            .expression_attribute_values(":queue", text(Queue::Open.key()))
            .expression_attribute_values(":reference", text(valuation_reference))
            .expression_attribute_values(":now", time(self.aws.clock.now()))
    }

    /// Records that the valuation service has accepted the request, which now waits for its callback.
    pub async fn requested(&self, id: &PausedTaskId, valuation_reference: &str) -> Result<(), AwsError> {
        let changed = self
            .change(id, &[State::REQUESTING], |update| {
                update
                    .update_expression(
                        "SET #state = :state, queue = :queue, valuationReference = :reference, updatedAt = :now",
                    )
                    .expression_attribute_values(":state", text(State::OPEN))
                    .expression_attribute_values(":queue", text(Queue::Open.key()))
                    .expression_attribute_values(":reference", text(valuation_reference))
            })
            .await?;
        if matches!(changed, Changed::No(_)) {
            // The task lapsed during the request. Its callback will be late, and must find it.
            self.update(id)
                .update_expression("SET valuationReference = :reference, updatedAt = :now")
                .expression_attribute_values(":reference", text(valuation_reference))
                .send()
                .await?;
        }
        Ok(())
    }

    /// Closes a task. A task that is being answered or is over does not change.
    pub async fn close(&self, id: &PausedTaskId, state: State) -> Result<(), AwsError> {
        let closed = self.settle(id, state.key(), &[State::REQUESTING, State::OPEN]).await?;
        if let (State::Lapsed, Changed::Yes(item)) = (&state, closed) {
            let task = read(&item)?;
            tracing::warn!(
                application = %task.application_reference,
                task = %task.id,
                kind = task.kind.key(),
                deadline = timestamp::write(task.deadline),
                "nobody answered before the deadline"
            );
        }
        Ok(())
    }

    /// Reserves the task for this answer, together with `along` unless the condition of that is not met.
    ///
    /// A task that has lapsed by the desk's clock may not have lapsed by that of Step Functions, so it can be claimed too.
    pub(super) async fn claim(
        &self,
        id: &PausedTaskId,
        answer: &Answer,
        along: Option<Write>,
    ) -> Result<Changed, AwsError> {
        if let Some(along) = along {
            let claim = Update::builder()
                .table_name(TABLE.name)
                .key("id", text(id.as_str()))
                .update_expression(Self::CLAIM)
                .condition_expression("#state IN (:open, :lapsed)")
                .expression_attribute_names("#state", "state")
                .expression_attribute_values(":open", text(State::OPEN))
                .expression_attribute_values(":lapsed", text(State::LAPSED))
                .expression_attribute_values(":state", text(State::ANSWERING))
                .expression_attribute_values(":queue", text(Queue::Answering.key()))
                .expression_attribute_values(":answer", json(answer))
                .expression_attribute_values(":now", time(self.aws.clock.now()));
            match write_all(&self.aws, [Write::Update(claim), along]).await {
                Ok(()) => return Ok(self.item(id).await?.map_or(Changed::NotFound, Changed::Yes)),
                Err(NotWritten::Aws(error)) => return Err(error),
                Err(NotWritten::Refused(refused)) => match refused.into_iter().next().flatten() {
                    Some(item) if item.is_empty() => return Ok(Changed::NotFound),
                    Some(item) => return Ok(Changed::No(item)),
                    // The condition of the other write was not met.
                    None => {}
                },
            }
        }
        self.change(id, &[State::OPEN, State::LAPSED], |update| {
            update
                .update_expression(Self::CLAIM)
                .expression_attribute_values(":state", text(State::ANSWERING))
                .expression_attribute_values(":queue", text(Queue::Answering.key()))
                .expression_attribute_values(":answer", json(answer))
        })
        .await
    }

    const CLAIM: &str = "SET #state = :state, queue = :queue, answer = :answer, updatedAt = :now";

    /// Notes that Step Functions has taken the answer, together with `along`.
    pub(super) async fn answered(&self, id: &PausedTaskId, along: UpdateBuilder) -> Result<(), AwsError> {
        // Another desk that sent the same answer may have read a history without it.
        let from = [State::ANSWERING, State::TOO_LATE];
        if !self.settle_along(id, State::ANSWERED, &from, along.clone()).await? {
            // Another desk has noted the answer, but perhaps not what belongs to it.
            self.settle(id, State::ANSWERED, &from).await?;
            write_one(&self.aws, along).await?;
        }
        Ok(())
    }

    /// Notes that Step Functions has refused the answer because the task was over, together with `along`.
    pub(super) async fn too_late(&self, id: &PausedTaskId, along: UpdateBuilder) -> Result<(), AwsError> {
        // If it is not being answered any more, another desk has noted how that ended.
        self.settle_along(id, State::TOO_LATE, &[State::ANSWERING], along).await.map(drop)
    }

    /// Ends a task that is in one of the states `from`, together with `along`. Returns false, and writes neither, when the
    /// task is in another state.
    async fn settle_along(
        &self,
        id: &PausedTaskId,
        state: &str,
        from: &[&str],
        along: UpdateBuilder,
    ) -> Result<bool, AwsError> {
        let mut settle = Update::builder()
            .table_name(TABLE.name)
            .key("id", text(id.as_str()))
            .update_expression("SET #state = :state, updatedAt = :now REMOVE queue")
            .expression_attribute_names("#state", "state")
            .expression_attribute_values(":state", text(state))
            .expression_attribute_values(":now", time(self.aws.clock.now()));
        let mut names = Vec::new();
        for (i, state) in from.iter().enumerate() {
            names.push(format!(":from{i}"));
            settle = settle.expression_attribute_values(format!(":from{i}"), text(*state));
        }
        let settle = settle.condition_expression(format!("#state IN ({})", names.join(", ")));
        match write_all(&self.aws, [Write::Update(settle), Write::Update(along)]).await {
            Ok(()) => Ok(true),
            Err(NotWritten::Refused(_)) => Ok(false),
            Err(NotWritten::Aws(error)) => Err(error),
        }
    }

    /// Closes a task that is in one of the states `from`. Any other does not change.
    async fn settle(&self, id: &PausedTaskId, state: &str, from: &[&str]) -> Result<Changed, AwsError> {
        self.change(id, from, |update| {
            update
                .update_expression("SET #state = :state, updatedAt = :now REMOVE queue")
                .expression_attribute_values(":state", text(state))
        })
        .await
    }

    /// Changes a task that is in one of the states `from`.
    async fn change(
        &self,
        id: &PausedTaskId,
        from: &[&str],
        set: impl FnOnce(UpdateItemFluentBuilder) -> UpdateItemFluentBuilder,
    ) -> Result<Changed, AwsError> {
        self.change_if(id, from, None, set).await
    }

    /// Changes a task that is in one of the states `from` and, if that is given, whose answer has been corrected this
    /// many times.
    pub(super) async fn change_if(
        &self,
        id: &PausedTaskId,
        from: &[&str],
        corrections: Option<usize>,
        set: impl FnOnce(UpdateItemFluentBuilder) -> UpdateItemFluentBuilder,
    ) -> Result<Changed, AwsError> {
        let mut update = self
            .update(id)
            .expression_attribute_names("#state", "state")
            .return_values(ReturnValue::AllNew)
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld);
        let mut names = Vec::new();
        for (i, state) in from.iter().enumerate() {
            names.push(format!(":from{i}"));
            update = update.expression_attribute_values(format!(":from{i}"), text(*state));
        }
        let mut condition = format!("#state IN ({})", names.join(", "));
        match corrections {
            None => {}
            Some(0) => condition += " AND attribute_not_exists(corrections)",
            Some(corrections) => {
                condition += " AND corrections = :before";
                update = update.expression_attribute_values(":before", number(corrections));
            }
        }
        update = update.condition_expression(condition);
        match set(update).send().await {
            Ok(changed) => Ok(Changed::Yes(changed.attributes.unwrap_or_default())),
            Err(SdkError::ServiceError(error)) => match error.into_err() {
                UpdateItemError::ConditionalCheckFailedException(refused) => {
                    Ok(refused.item.map_or(Changed::NotFound, Changed::No))
                }
                other => Err(AwsError::of(&other)),
            },
            Err(error) => Err(error.into()),
        }
    }
}
