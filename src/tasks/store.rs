//! Queries and conditional writes on the table of paused tasks.

use aws_sdk_dynamodb::{
    error::SdkError,
    operation::{
        query::builders::QueryFluentBuilder,
        update_item::{UpdateItemError, builders::UpdateItemFluentBuilder},
    },
    types::{AttributeValue, ReturnValue, ReturnValuesOnConditionCheckFailure, Update, builders::UpdateBuilder},
};
use time::OffsetDateTime;

use super::{
    Answer, BY_APPLICATION, PausedTask, QUEUE, State, TABLE,
    row::{Queue, read},
};
use crate::{
    aws::{Aws, AwsError},
    invocation::PausedTaskId,
    item::{Item, json, number, read_all, text, time},
    timestamp,
    writes::{NotWritten, Write, write_all, write_one},
};

/// The maximum number of callbacks at the signed address of one request that wait for its reference.
const PARKED: usize = 100;

/// The number of unanswered tasks read at a time.
const PAGE: i32 = 100;

/// Where a page of unanswered tasks starts. The default is the first page.
#[derive(Debug)]
pub struct UnansweredPage {
    queue: Queue,
    after: Option<Item>,
}

impl Default for UnansweredPage {
    fn default() -> Self {
        Self { queue: Queue::Open, after: None }
    }
}

/// The paused tasks of this desk.
#[derive(Debug, Clone)]
pub struct PausedTasks {
    pub(super) aws: Aws,
}

/// The result of a write on the condition that the task is in a certain state.
pub(super) enum Changed {
    Yes(Item),
    /// The row of the task, which is in another state.
    No(Item),
    NotFound,
}

impl PausedTasks {
    pub fn new(aws: Aws) -> Self {
        Self { aws }
    }

    pub async fn get(&self, id: &PausedTaskId) -> Result<Option<PausedTask>, AwsError> {
        self.item(id).await?.map(|item| read(&item)).transpose()
    }

    pub(super) async fn item(&self, id: &PausedTaskId) -> Result<Option<Item>, AwsError> {
        let answer = self.aws.dynamodb.get_item().table_name(TABLE.name).key("id", text(id.as_str()));
        Ok(answer.consistent_read(true).send().await?.item)
    }

    /// All tasks of an application, oldest first.
    pub async fn of_application(&self, reference: &str) -> Result<Vec<PausedTask>, AwsError> {
        let query = self.aws.dynamodb.query().table_name(TABLE.name).index_name(BY_APPLICATION.name);
        let query = query
            .key_condition_expression("applicationReference = :reference")
            .expression_attribute_values(":reference", text(reference));
        read_all(query, read).await
    }

    /// Unanswered tasks whose deadline has passed at `now`.
    pub async fn overdue(&self, now: OffsetDateTime) -> Result<Vec<PausedTask>, AwsError> {
        let mut tasks = self.queued(Queue::Open, Some(now)).await?;
        tasks.extend(self.queued(Queue::Requesting, Some(now)).await?);
        Ok(tasks)
    }

    /// One page of the tasks that wait for an answer, or for the valuation service to accept the request, and the next
    /// page, if there is one.
    pub async fn unanswered(
        &self,
        page: UnansweredPage,
    ) -> Result<(Vec<PausedTask>, Option<UnansweredPage>), AwsError> {
        let UnansweredPage { queue, after } = page;
        let query = self.query_queue(queue, None).limit(PAGE).set_exclusive_start_key(after);
        let answer = query.send().await?;
        let tasks = answer.items().iter().map(read).collect::<Result<_, _>>()?;
        let next = match (answer.last_evaluated_key, queue) {
            (Some(last), queue) => Some(UnansweredPage { queue, after: Some(last) }),
            (None, Queue::Open) => Some(UnansweredPage { queue: Queue::Requesting, after: None }),
            (None, _) => None,
        };
        Ok((tasks, next))
    }

    /// The tasks whose answer may not have been sent to Step Functions.
    pub async fn unsent(&self) -> Result<Vec<PausedTask>, AwsError> {
        self.queued(Queue::Answering, None).await
    }

    /// Whether any request to the valuation service is in progress, so that its callback may arrive before its reference is
    /// known.
    pub async fn any_being_requested(&self) -> Result<bool, AwsError> {
        let answer = self.query_queue(Queue::Requesting, None).limit(1).send().await?;
        Ok(answer.count > 0)
    }

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

    /// Parks a callback until the reference of this request is known. Returns false if too many are parked already, or if the
    /// request is no longer in progress.
    pub async fn park(&self, id: &PausedTaskId, callback: &str) -> Result<bool, AwsError> {
        let parked = self
            .update(id)
            .update_expression("SET updatedAt = :now ADD parked :callback")
            .condition_expression("#state = :requesting AND (attribute_not_exists(parked) OR size(parked) < :most)")
            .expression_attribute_names("#state", "state")
            .expression_attribute_values(":requesting", text(State::REQUESTING))
            .expression_attribute_values(":most", number(PARKED))
            .expression_attribute_values(":callback", AttributeValue::Ss(vec![callback.to_owned()]))
            .send()
            .await
            .map_err(AwsError::from);
        match parked {
            Ok(_) => Ok(true),
            Err(error) if error.is_condition() => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// The callbacks that are parked with this request.
    pub async fn parked(&self, id: &PausedTaskId) -> Result<Vec<String>, AwsError> {
        let answer = self.aws.dynamodb.get_item().table_name(TABLE.name).key("id", text(id.as_str()));
        let item = answer.projection_expression("parked").consistent_read(true).send().await?.item;
        let parked = item.as_ref().and_then(|item| item.get("parked")?.as_ss().ok());
        Ok(parked.cloned().unwrap_or_default())
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
    pub(super) async fn answered(&self, id: &PausedTaskId, along: Option<UpdateBuilder>) -> Result<(), AwsError> {
        // Another desk that sent the same answer may have read a history without it.
        let from = [State::ANSWERING, State::TOO_LATE];
        let Some(along) = along else { return self.settle(id, State::ANSWERED, &from).await.map(drop) };
        if !self.settle_along(id, State::ANSWERED, &from, along.clone()).await? {
            // Another desk has noted the answer, but perhaps not what belongs to it.
            self.settle(id, State::ANSWERED, &from).await?;
            write_one(&self.aws, along).await?;
        }
        Ok(())
    }

    /// Notes that Step Functions has refused the answer because the task was over, together with `along`.
    pub(super) async fn too_late(&self, id: &PausedTaskId, along: Option<UpdateBuilder>) -> Result<(), AwsError> {
        match along {
            None => self.settle(id, State::TOO_LATE, &[State::ANSWERING]).await.map(drop),
            // If it is not being answered any more, another desk has noted how that ended.
            Some(along) => self.settle_along(id, State::TOO_LATE, &[State::ANSWERING], along).await.map(drop),
        }
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

    /// An update whose expression sets `updatedAt = :now`, so that read models find the change.
    fn update(&self, id: &PausedTaskId) -> UpdateItemFluentBuilder {
        self.aws
            .dynamodb
            .update_item()
            .table_name(TABLE.name)
            .key("id", text(id.as_str()))
            .expression_attribute_values(":now", time(self.aws.clock.now()))
    }

    /// Changes a task that is in one of the states `from`.
    async fn change(
        &self,
        id: &PausedTaskId,
        from: &[&str],
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
        update = update.condition_expression(format!("#state IN ({})", names.join(", ")));
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

    async fn queued(&self, queue: Queue, until: Option<OffsetDateTime>) -> Result<Vec<PausedTask>, AwsError> {
        read_all(self.query_queue(queue, until), read).await
    }

    fn query_queue(&self, queue: Queue, until: Option<OffsetDateTime>) -> QueryFluentBuilder {
        let query = self.aws.dynamodb.query().table_name(TABLE.name).index_name(QUEUE.name);
        let query = query.expression_attribute_values(":queue", text(queue.key()));
        match until {
            None => query.key_condition_expression("queue = :queue"),
            Some(until) => query
                .key_condition_expression("queue = :queue AND deadline <= :until")
                .expression_attribute_values(":until", time(until)),
        }
    }
}
