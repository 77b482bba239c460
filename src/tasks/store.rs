//! The table of paused tasks.

use std::time::Duration;

use app::domain::TaskKind;
use aws_sdk_dynamodb::{
    error::SdkError,
    operation::{
        query::builders::QueryFluentBuilder,
        update_item::{UpdateItemError, builders::UpdateItemFluentBuilder},
    },
    types::{AttributeValue, ReturnValue, ReturnValuesOnConditionCheckFailure, Update, builders::UpdateBuilder},
};
use time::OffsetDateTime;

use super::{Answer, BY_APPLICATION, FEED, PausedTask, QUEUE, State, TABLE};
use crate::{
    aws::{Aws, AwsError},
    invocation::{PausedTaskId, TaskToken},
    item::{Item, Read, json, number, read_all, text, time},
    timestamp,
    writes::{NotWritten, Write, write_all, write_one},
};

/// Callbacks at the signed address of one request that may wait for its reference.
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

/// What a write that asks for a state first came to.
pub(super) enum Changed {
    Yes(Item),
    /// The task is in another state; this is it.
    No(Item),
    NotFound,
}

/// Partitions of the `queue` index: which tasks are not over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Queue {
    Requesting,
    Open,
    Answering,
}

impl Queue {
    /// `None` for a task that is over.
    pub(super) fn of(state: &State) -> Option<Self> {
        match state {
            State::Requesting => Some(Self::Requesting),
            State::Open => Some(Self::Open),
            State::Answering(_) => Some(Self::Answering),
            _ => None,
        }
    }

    pub(super) fn key(self) -> &'static str {
        match self {
            Self::Requesting => "requesting",
            Self::Open => "open",
            Self::Answering => "answering",
        }
    }
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

    /// All of one application, oldest first.
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

    /// What has an answer that Step Functions may not have got.
    pub async fn unsent(&self) -> Result<Vec<PausedTask>, AwsError> {
        self.queued(Queue::Answering, None).await
    }

    /// Whether the valuation service is being asked for something just now, so that its callback may come before its
    /// reference.
    pub async fn any_being_requested(&self) -> Result<bool, AwsError> {
        let answer = self.query_queue(Queue::Requesting, None).limit(1).send().await?;
        Ok(answer.count > 0)
    }

    /// The write by which a request that is being made waits for its callback: its reference is known now.
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

    /// The valuation service has taken the request and told its reference: from now on the task waits for its callback.
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
            // It lapsed while the service was being asked. Its callback will be late, and must find it.
            self.update(id)
                .update_expression("SET valuationReference = :reference, updatedAt = :now")
                .expression_attribute_values(":reference", text(valuation_reference))
                .send()
                .await?;
        }
        Ok(())
    }

    /// Lets a callback wait until the reference of this request is known. Returns false when it does not wait: because too
    /// many do already, or because the request is not being made any more.
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

    /// The callbacks that waited for the reference of this request.
    pub async fn parked(&self, id: &PausedTaskId) -> Result<Vec<String>, AwsError> {
        let answer = self.aws.dynamodb.get_item().table_name(TABLE.name).key("id", text(id.as_str()));
        let item = answer.projection_expression("parked").consistent_read(true).send().await?.item;
        let parked = item.as_ref().and_then(|item| item.get("parked")?.as_ss().ok());
        Ok(parked.cloned().unwrap_or_default())
    }

    /// Nobody will answer this task any more. One that is being answered, or is over, stays as it is.
    pub async fn close(&self, id: &PausedTaskId, state: State) -> Result<(), AwsError> {
        let closed = self.settle(id, state.key(), &[State::REQUESTING, State::OPEN]).await?;
        if let (State::Lapsed, Changed::Yes(item)) = (&state, closed) {
            let task = read(&item)?;
            tracing::warn!(
                application = %task.application_reference,
                task = %task.id,
                kind = %task.kind,
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
        // Another desk that sent the same answer may have read a history that did not have it yet.
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

    /// A task that is in one of the states `from` is over; any other stays as it is.
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

/// The names that states are kept under.
impl State {
    const REQUESTING: &'static str = "requesting";
    const OPEN: &'static str = "open";
    const ANSWERING: &'static str = "answering";
    const ANSWERED: &'static str = "answered";
    const LAPSED: &'static str = "lapsed";
    const TOO_LATE: &'static str = "too_late";
    const ABANDONED: &'static str = "abandoned";
    const FAILED: &'static str = "failed";

    pub(super) fn key(&self) -> &'static str {
        match self {
            Self::Requesting => Self::REQUESTING,
            Self::Open => Self::OPEN,
            Self::Answering(_) => Self::ANSWERING,
            Self::Answered(_) => Self::ANSWERED,
            Self::Lapsed => Self::LAPSED,
            Self::TooLate(_) => Self::TOO_LATE,
            Self::Abandoned => Self::ABANDONED,
            Self::Failed => Self::FAILED,
        }
    }
}

pub(super) fn write(task: &PausedTask, token: &TaskToken, queue: Option<Queue>, now: OffsetDateTime) -> Item {
    let mut item = Item::from([
        ("id".into(), text(task.id.as_str())),
        ("token".into(), text(token.reveal())),
        ("feed".into(), text(FEED)),
        ("updatedAt".into(), time(now)),
        ("state".into(), text(task.state.key())),
        ("kind".into(), text(task.kind.key())),
        ("applicationReference".into(), text(task.application_reference.as_str())),
        ("executionArn".into(), text(&task.execution_arn)),
        ("application".into(), json(&task.application)),
        ("since".into(), time(task.since)),
        ("deadline".into(), time(task.deadline)),
        ("timeoutSeconds".into(), number(task.timeout.as_secs())),
    ]);
    if let Some(queue) = queue {
        item.insert("queue".into(), text(queue.key()));
    }
    if let Some(reference) = &task.valuation_reference {
        item.insert("valuationReference".into(), text(reference));
    }
    if let Some(failure) = &task.failure {
        item.insert("failure".into(), json(failure));
    }
    item
}

pub fn read(item: &Item) -> Result<PausedTask, AwsError> {
    let state = match item.require("state")? {
        State::REQUESTING => State::Requesting,
        State::OPEN => State::Open,
        State::ANSWERING => State::Answering(item.require_json("answer")?),
        State::ANSWERED => State::Answered(item.require_json("answer")?),
        State::LAPSED => State::Lapsed,
        State::TOO_LATE => State::TooLate(item.require_json("answer")?),
        State::ABANDONED => State::Abandoned,
        State::FAILED => State::Failed,
        _ => return Err(AwsError::corrupt("attribute state")),
    };
    Ok(PausedTask {
        id: PausedTaskId::from_key(item.require("id")?),
        kind: read_kind(item)?,
        application_reference: item.parse("applicationReference")?,
        execution_arn: item.require("executionArn")?.to_owned(),
        application: item.require_json("application")?,
        since: item.time("since")?,
        deadline: item.time("deadline")?,
        timeout: match item.number("timeoutSeconds") {
            Some(seconds) => Duration::from_secs(seconds as u64),
            None => (item.time("deadline")? - item.time("since")?).unsigned_abs(),
        },
        retries: item.number("retries").unwrap_or_default() as u32,
        valuation_reference: item.text("valuationReference").map(str::to_owned),
        failure: item.json("failure")?,
        state,
    })
}

/// The attribute from which the kind follows in rows of earlier versions, which knew one kind for each party.
pub(super) const LEGACY_KIND: &str = "waitingOn";

fn read_kind(item: &Item) -> Result<TaskKind, AwsError> {
    let kind = match (item.text("kind"), item.text(LEGACY_KIND)) {
        (Some(key), _) => TaskKind::from_key(key),
        (None, Some("valuation_service")) => Some(TaskKind::Valuation),
        (None, Some("staff")) => Some(TaskKind::ManualValuation),
        (None, _) => None,
    };
    kind.ok_or_else(|| AwsError::corrupt("attribute kind"))
}

pub(super) fn read_token(item: &Item) -> Result<TaskToken, AwsError> {
    match item.get("token") {
        Some(AttributeValue::S(token)) => Ok(TaskToken::new(token)),
        _ => Err(AwsError::corrupt("attribute token")),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::{aws::Embedded, clock::Clock, deploy};

    /// A row of an earlier version, which stored whom a task waits on and not its kind.
    fn earlier(id: &str, waiting_on: &str) -> Item {
        let application =
            json!({ "applicationReference": "LN-1", "property": { "nameOrNumber": "999", "postcode": "PO1 1CE" } });
        let texts = [
            ("id", id),
            ("token", "token-1"),
            ("queue", "open"),
            ("state", "open"),
            (LEGACY_KIND, waiting_on),
            ("applicationReference", "LN-1"),
            ("executionArn", "arn"),
            ("application", &application.to_string()),
            ("since", "2026-11-22T10:00:00.000Z"),
            ("deadline", "2026-11-27T10:00:00.000Z"),
        ];
        texts.into_iter().map(|(name, value)| (name.to_owned(), text(value))).collect()
    }

    #[tokio::test]
    async fn a_row_of_an_earlier_version_is_read_by_its_key_and_through_the_indexes() {
        let folder = tempfile::tempdir().unwrap();
        let embedded = Embedded::open(folder.path(), Clock::system()).unwrap();
        let aws = Aws::inside(&embedded, "eu-west-2");
        deploy::create_tables(&aws).await.unwrap();
        let tasks = PausedTasks::new(aws.clone());
        for (id, waiting_on, kind) in
            [("a", "valuation_service", TaskKind::Valuation), ("b", "staff", TaskKind::ManualValuation)]
        {
            let put = aws.dynamodb.put_item().table_name(TABLE.name).set_item(Some(earlier(id, waiting_on)));
            put.send().await.unwrap();
            let task = tasks.get(&PausedTaskId::from_key(id)).await.unwrap().unwrap();
            assert_eq!((task.kind, task.state), (kind, State::Open));
        }
        let kinds = |tasks: Vec<PausedTask>| tasks.iter().map(|task| task.kind.key()).collect::<Vec<_>>();
        let both = ["valuation", "manual_valuation"];
        assert_eq!(kinds(tasks.of_application("LN-1").await.unwrap()), both);
        assert_eq!(kinds(tasks.unanswered(UnansweredPage::default()).await.unwrap().0), both);
    }

    #[test]
    fn a_row_of_an_unknown_kind_is_refused() {
        let mut item = earlier("a", "somebody");
        assert!(read(&item).is_err());
        item.insert("kind".into(), text("underwriting"));
        assert!(read(&item).is_err());
        item.insert("kind".into(), text(TaskKind::Valuation.key()));
        assert_eq!(read(&item).unwrap().kind, TaskKind::Valuation);
    }
}
