//! Opening a task, after which it can be found and answered.

use aws_sdk_dynamodb::types::{Put, Update, builders::UpdateBuilder};

use super::{
    PausedTask, PausedTasks, State, TABLE,
    row::{self, Queue},
};
use crate::{
    aws::AwsError,
    invocation::{Step, TaskToken},
    item::{Item, Read, number, text, time},
    writes::{NotWritten, Write, write_all, write_one},
};

/// The number of attempts to open a task that other calls change at the same time.
const LOOKS: usize = 4;

impl PausedTasks {
    /// Stores a task with its token, and makes the application wait for it, in one transaction. Returns the task as it is
    /// stored now, or `None` if the workflow has continued since the call, so that nothing waits for an answer.
    ///
    /// Repeating a call with the same token changes nothing. A retry, which has another token, updates the row of the
    /// earlier call, so that nobody is asked twice. If that task is over, the retry gets a row of its own.
    ///
    /// `application` is the write that makes the application wait for the task. If its condition fails because the
    /// application belongs to another execution now, only the task is stored.
    pub async fn open(
        &self,
        mut task: PausedTask,
        token: &TaskToken,
        step: Option<&Step>,
        application: impl Fn(&PausedTask) -> UpdateBuilder,
    ) -> Result<Option<PausedTask>, AwsError> {
        for _ in 0..LOOKS {
            let (refused_task, refused_application) = match self.put(&task, token, step, Some(application(&task))).await
            {
                Ok(()) => return Ok(Some(task)),
                Err(NotWritten::Refused(refused)) => both(refused),
                Err(NotWritten::Aws(error)) => return Err(error),
            };
            let known = match (refused_task, refused_application) {
                (Some(known), _) => known,
                (None, Some(now)) if now.text("executionArn") == Some(&task.execution_arn) => return Ok(None),
                (None, _) => match self.put(&task, token, step, None).await {
                    Ok(()) => return Ok(Some(task)),
                    Err(NotWritten::Refused(refused)) => both(refused).0.unwrap_or_default(),
                    Err(NotWritten::Aws(error)) => return Err(error),
                },
            };
            let mut before = row::read(&known)?;
            if row::read_token(&known)? == *token {
                return Ok(Some(before));
            }
            let Some(step) = step else { return Ok(Some(before)) };
            if step.retries < before.retries {
                return Ok(None);
            }
            if !self.is_still_asked(&before) {
                task.id = step.retry_id(&task.execution_arn);
                continue;
            }
            before.deadline = task.deadline;
            before.retries = step.retries;
            let was = before.state.clone();
            if matches!(was, State::Failed) {
                before.state = task.state.clone();
            }
            match self.ask_again(&before, &was, token, application(&before)).await {
                Ok(()) => return Ok(Some(before)),
                Err(NotWritten::Refused(refused)) => match both(refused) {
                    // It changed in the meantime. Look again.
                    (Some(_), _) => {}
                    (None, Some(now)) if now.text("executionArn") == Some(&task.execution_arn) => return Ok(None),
                    (None, _) => {
                        write_one(&self.aws, self.new_token(&before, &was, token)).await?;
                        return Ok(Some(before));
                    }
                },
                Err(NotWritten::Aws(error)) => return Err(error),
            }
        }
        Err(AwsError::missing("a task that stays as it is while it is opened"))
    }

    /// Whether a retry can share the row of the task: it is open, or its answer is being sent.
    fn is_still_asked(&self, task: &PausedTask) -> bool {
        match task.state {
            State::Requesting | State::Open | State::Failed => self.aws.clock.now() < task.deadline,
            State::Answering(_) => true,
            State::Answered(_) | State::Lapsed | State::TooLate(_) | State::Abandoned => false,
        }
    }

    async fn put(
        &self,
        task: &PausedTask,
        token: &TaskToken,
        step: Option<&Step>,
        application: Option<UpdateBuilder>,
    ) -> Result<(), NotWritten> {
        let mut item = row::write(task, token, Queue::of(&task.state), self.aws.clock.now());
        if let Some(step) = step {
            item.insert("retries".to_owned(), number(step.retries));
        }
        let put = Put::builder().table_name(TABLE.name).set_item(Some(item));
        let put = Write::Put(put.condition_expression("attribute_not_exists(id)"));
        write_all(&self.aws, [put].into_iter().chain(application.map(Write::Update))).await
    }

    /// Stores the new token of a task that is asked for again.
    async fn ask_again(
        &self,
        task: &PausedTask,
        was: &State,
        token: &TaskToken,
        application: UpdateBuilder,
    ) -> Result<(), NotWritten> {
        write_all(&self.aws, [Write::Update(self.new_token(task, was, token)), Write::Update(application)]).await
    }

    fn new_token(&self, task: &PausedTask, was: &State, token: &TaskToken) -> UpdateBuilder {
        let queue = Queue::of(&task.state).map(Queue::key).unwrap_or_default();
        Update::builder()
            .table_name(TABLE.name)
            .key("id", text(task.id.as_str()))
            .update_expression(
                "SET #token = :token, #state = :state, queue = :queue, deadline = :deadline, retries = :retries, \
                 updatedAt = :now",
            )
            // An earlier call that arrives late must not replace the token of a later call.
            .condition_expression("#state = :was AND (attribute_not_exists(retries) OR retries < :retries)")
            .expression_attribute_names("#token", "token")
            .expression_attribute_names("#state", "state")
            .expression_attribute_values(":token", text(token.reveal()))
            .expression_attribute_values(":state", text(task.state.key()))
            .expression_attribute_values(":was", text(was.key()))
            .expression_attribute_values(":queue", text(queue))
            .expression_attribute_values(":deadline", time(task.deadline))
            .expression_attribute_values(":retries", number(task.retries))
            .expression_attribute_values(":now", time(self.aws.clock.now()))
    }
}

/// The items for which the conditions of the first and the second write failed.
fn both(refused: Vec<Option<Item>>) -> (Option<Item>, Option<Item>) {
    let mut refused = refused.into_iter();
    (refused.next().flatten(), refused.next().flatten())
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use app::domain::{TaskKind, WaitingOn};
    use serde_json::json;
    use tempfile::TempDir;
    use time::{OffsetDateTime, macros::datetime};

    use super::*;
    use crate::{
        applications::{self, Applications},
        aws::{Aws, Embedded},
        changes::Changes,
        clock::Clock,
        deploy,
        invocation::{Execution, PausedTaskId},
    };

    struct Desk {
        _folder: TempDir,
        /// Open for as long as the desk is used.
        _embedded: Arc<Embedded>,
        aws: Aws,
        paused: PausedTasks,
        applications: Applications,
    }

    const ENTERED: OffsetDateTime = datetime!(2026-11-22 10:00 UTC);

    async fn desk() -> Desk {
        let folder = tempfile::tempdir().unwrap();
        let embedded: Arc<Embedded> = Embedded::open(folder.path(), Clock::system()).unwrap();
        let aws = Aws::inside(&embedded, "eu-west-2");
        deploy::create_tables(&aws).await.unwrap();
        let paused = PausedTasks::new(aws.clone());
        let applications = Applications::new(aws.clone(), "arn:stateMachine:loan".to_owned(), Changes::default());
        Desk { _folder: folder, _embedded: embedded, aws, paused, applications }
    }

    fn step(entered_at: OffsetDateTime, retries: u32) -> Step {
        Step { redrives: 0, entered_at, retries }
    }

    impl Desk {
        async fn open(&self, kind: TaskKind, token: &str, step: &Step) -> Option<PausedTask> {
            let application = json!({
                "applicationReference": "app-ref", "property": {"nameOrNumber": "999", "postcode": "PO1 1CE"},
            });
            let now = self.aws.clock.now();
            let task = PausedTask {
                id: step.task_id("arn"),
                kind,
                application_reference: "app-ref".parse().unwrap(),
                execution_arn: "arn".into(),
                application: serde_json::from_value(application).unwrap(),
                since: now,
                deadline: now + time::Duration::hours(1),
                timeout: std::time::Duration::from_secs(3600),
                retries: step.retries,
                valuation_reference: None,
                failure: None,
                state: match kind.waits_on() {
                    WaitingOn::Staff => State::Open,
                    WaitingOn::ValuationService => State::Requesting,
                },
            };
            let execution = Execution { arn: "arn".into(), started_at: ENTERED, step: Some(step.clone()) };
            let waits = |task: &PausedTask| self.applications.waits_for(task.awaited(), &execution);
            self.paused.open(task, &TaskToken::new(token), Some(step), waits).await.unwrap()
        }

        async fn token(&self, id: &PausedTaskId) -> String {
            let get = self.aws.dynamodb.get_item().table_name(TABLE.name).key("id", text(id.as_str()));
            get.send().await.unwrap().item.unwrap()["token"].as_s().unwrap().clone()
        }

        async fn tasks(&self) -> Vec<PausedTask> {
            self.paused.of_application("app-ref").await.unwrap()
        }

        /// What the workflow writes when it has decided at a time.
        async fn decide(&self, at: &str) {
            let update = self.aws.dynamodb.update_item().table_name(applications::TABLE.name);
            let update = update.key("applicationReference", text("app-ref"));
            let set = "SET #status = :approved, decidedAt = :at, workflowStep = :step, redriveCount = :redrives";
            let update = update.update_expression(set).expression_attribute_names("#status", "status");
            update
                .expression_attribute_values(":approved", text("approved"))
                .expression_attribute_values(":at", text(at))
                .expression_attribute_values(":step", text(format!("{at}~")))
                .expression_attribute_values(":redrives", number(0))
                .send()
                .await
                .unwrap();
        }
    }

    #[tokio::test]
    async fn a_retry_takes_over_the_work_item_of_the_call_before_and_leaves_no_dead_one() {
        let desk = desk().await;
        let first = desk.open(TaskKind::ManualValuation, "token-1", &step(ENTERED, 0)).await.unwrap();
        let second = desk.open(TaskKind::ManualValuation, "token-2", &step(ENTERED, 1)).await.unwrap();
        assert_eq!(second.id, first.id);
        assert_eq!(desk.tasks().await.len(), 1);
        assert_eq!(desk.token(&first.id).await, "token-2");
        // The first call was slow and arrives now.
        assert_eq!(desk.open(TaskKind::ManualValuation, "token-1", &step(ENTERED, 0)).await, None);
        assert_eq!(desk.token(&first.id).await, "token-2");
    }

    #[tokio::test]
    async fn a_retry_after_the_valuer_has_told_its_reference_does_not_ask_again() {
        let desk = desk().await;
        let first = desk.open(TaskKind::Valuation, "token-1", &step(ENTERED, 0)).await.unwrap();
        desk.paused.requested(&first.id, "V-0001").await.unwrap();
        let second = desk.open(TaskKind::Valuation, "token-2", &step(ENTERED, 1)).await.unwrap();
        assert_eq!((second.valuation_reference.as_deref(), second.state), (Some("V-0001"), State::Open));
        assert_eq!(desk.token(&first.id).await, "token-2");
    }

    #[tokio::test]
    async fn a_retry_of_what_is_over_is_a_row_of_its_own() {
        let desk = desk().await;
        let first = desk.open(TaskKind::ManualValuation, "token-1", &step(ENTERED, 0)).await.unwrap();
        desk.paused.close(&first.id, State::Lapsed).await.unwrap();
        let second = desk.open(TaskKind::ManualValuation, "token-2", &step(ENTERED, 1)).await.unwrap();
        assert_ne!(second.id, first.id);
        assert_eq!(desk.token(&first.id).await, "token-1");
    }

    #[tokio::test]
    async fn a_call_that_comes_after_the_decision_erases_nothing_and_can_not_be_answered() {
        let desk = desk().await;
        desk.open(TaskKind::Valuation, "token-1", &step(ENTERED, 0)).await.unwrap();
        desk.decide("2026-11-22T10:00:06.000Z").await;
        // The same call again, as after a restart of the desk, and a slow one.
        desk.open(TaskKind::Valuation, "token-1", &step(ENTERED, 0)).await;
        let slow = step(ENTERED + time::Duration::seconds(1), 0);
        assert_eq!(desk.open(TaskKind::ManualValuation, "token-2", &slow).await, None);
        assert_eq!(desk.open(TaskKind::Valuation, "token-3", &step(ENTERED, 1)).await, None);
        let record = desk.applications.get(&"app-ref".parse().unwrap()).await.unwrap().unwrap();
        assert_eq!(record.status, app::domain::ApplicationStatus::Approved);
        assert_eq!(record.decided_at, Some(datetime!(2026-11-22 10:00:06 UTC)));
        assert_eq!(desk.tasks().await.len(), 1);
    }

    #[tokio::test]
    async fn a_redriven_execution_waits_again_after_its_decision() {
        let desk = desk().await;
        desk.open(TaskKind::Valuation, "token-1", &step(ENTERED, 2)).await.unwrap();
        desk.decide("2026-11-22T10:00:06.000Z").await;
        let redriven = Step { redrives: 1, ..step(ENTERED, 0) };
        assert!(desk.open(TaskKind::Valuation, "token-2", &redriven).await.is_some());
        let record = desk.applications.get(&"app-ref".parse().unwrap()).await.unwrap().unwrap();
        assert_eq!(record.status, app::domain::ApplicationStatus::WaitingForValuation);
        assert_eq!(record.decided_at, None);
    }
}
