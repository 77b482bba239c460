//! Reading the table of paused tasks, and the callbacks that are parked with a request.

use aws_sdk_dynamodb::{
    operation::{query::builders::QueryFluentBuilder, update_item::builders::UpdateItemFluentBuilder},
    types::AttributeValue,
};
use time::OffsetDateTime;

use super::{
    BY_APPLICATION, PausedTask, QUEUE, State, TABLE,
    row::{Queue, read},
};
use crate::{
    aws::{Aws, AwsError},
    invocation::PausedTaskId,
    item::{Item, number, read_all, text, time},
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

    /// An update whose expression sets `updatedAt = :now`, so that read models find the change.
    pub(super) fn update(&self, id: &PausedTaskId) -> UpdateItemFluentBuilder {
        self.aws
            .dynamodb
            .update_item()
            .table_name(TABLE.name)
            .key("id", text(id.as_str()))
            .expression_attribute_values(":now", time(self.aws.clock.now()))
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
