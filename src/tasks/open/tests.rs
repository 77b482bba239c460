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
            policy: None,
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
async fn a_retry_takes_over_the_task_of_the_call_before_and_leaves_no_dead_one() {
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
