//! A task as a row of the table.

use std::time::Duration;

use app::domain::{Policy, TaskKind};
use aws_sdk_dynamodb::types::AttributeValue;
use time::OffsetDateTime;

use super::{FEED, PausedTask, State};
use crate::{
    aws::AwsError,
    invocation::{PausedTaskId, TaskToken},
    item::{Item, Read, json, number, text, time},
};

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

/// The stored names of states.
impl State {
    pub(super) const REQUESTING: &'static str = "requesting";
    pub(super) const OPEN: &'static str = "open";
    pub(super) const ANSWERING: &'static str = "answering";
    pub(super) const ANSWERED: &'static str = "answered";
    pub(super) const LAPSED: &'static str = "lapsed";
    pub(super) const TOO_LATE: &'static str = "too_late";
    pub(super) const ABANDONED: &'static str = "abandoned";
    pub(super) const FAILED: &'static str = "failed";

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

/// The row of a task that is opened at `now`.
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
    if let Some(policy) = task.policy {
        item.insert("approveUpTo".into(), number(policy.approve_up_to));
        item.insert("referUpTo".into(), number(policy.refer_up_to));
    }
    if let Some(failure) = &task.failure {
        item.insert("failure".into(), json(failure));
    }
    item
}

/// A task out of its row, as the table or an index shows it.
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
        policy: match (item.number("approveUpTo"), item.number("referUpTo")) {
            (Some(approve_up_to), Some(refer_up_to)) => Some(Policy { approve_up_to, refer_up_to }),
            _ => None,
        },
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

/// The task token, which only the table itself has.
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
    use crate::{
        aws::{Aws, Embedded},
        clock::Clock,
        deploy,
        tasks::{PausedTasks, TABLE, UnansweredPage},
    };

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
