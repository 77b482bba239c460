//! Paused tasks: each a task token that somebody outside must answer, with who and until when. The desk's own copy of
//! what Step Functions waits for, because Step Functions cannot be asked.

mod answer;
mod manual_valuation;
mod open;
mod store;
mod valuation;

use std::time::Duration;

use app::{
    desk::WaitingItem,
    domain::{ApplicationReference, LoanApplication, TaskKind},
};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use time::OffsetDateTime;

use crate::{
    invocation::PausedTaskId,
    tables::{Index, Shows, Table},
};

pub use answer::{Along, Answered, Ending};
pub use manual_valuation::{ManualValuations, TIMED_OUT, read_answer as read_manual_valuation};
pub use store::{PausedTasks, UnansweredPage, read};
pub use valuation::ValuationRequests;

/// One row a task token. Only the table itself holds the token; the indexes are for looking.
pub const TABLE: Table = Table {
    name: "loan-desk-paused-tasks",
    key: "id",
    indexes: &[QUEUE, BY_APPLICATION, CHANGED],
    retired_indexes: RETIRED,
    time_to_live: None,
};

/// Sparse: a task leaves it when it is over.
const QUEUE: Index = Index { name: "queue-2", partition: "queue", sort: "deadline", shows: Shows::Also(PUBLIC) };
const BY_APPLICATION: Index =
    Index { name: "by-application-2", partition: "applicationReference", sort: "since", shows: Shows::Also(PUBLIC) };
/// All tasks, the last changed last: read models follow it.
pub const CHANGED: Index = Index { name: "changed", partition: "feed", sort: "updatedAt", shows: Shows::KeysOnly };

/// The one value of `feed`: the partition of the index that holds all tasks.
pub const FEED: &str = "task";

/// Indexes of earlier versions, which do not show the kind of a task. DynamoDB cannot change what an index shows, so an
/// attribute that is added to [`PUBLIC`] needs indexes with new names.
const RETIRED: &[&str] = &["queue", "by-application"];

/// The attributes that indexes show and read models copy: all but the token.
pub const PUBLIC: &[&str] = &[
    "kind",
    store::LEGACY_KIND,
    "applicationReference",
    "executionArn",
    "application",
    "since",
    "deadline",
    "state",
    "valuationReference",
    "failure",
    "answer",
    "timeoutSeconds",
    "retries",
];

/// What an execution is paused on.
#[derive(Debug, Clone, PartialEq)]
pub struct PausedTask {
    pub id: PausedTaskId,
    pub kind: TaskKind,
    pub application_reference: ApplicationReference,
    pub execution_arn: String,
    pub application: LoanApplication,
    /// When it was asked for first.
    pub since: OffsetDateTime,
    pub deadline: OffsetDateTime,
    /// How long its workflow waits for an answer.
    pub timeout: Duration,
    /// How often its workflow asked again because the call before had failed.
    pub retries: u32,
    /// The valuation service's own name for what it was asked, once it has told.
    pub valuation_reference: Option<String>,
    /// For a manual valuation: why the valuation service gave no value.
    pub failure: Option<Failure>,
    pub state: State,
}

/// How far a paused task has come. Each goes down this list and never back.
#[derive(Debug, Clone, PartialEq)]
pub enum State {
    /// The valuation service is being asked; it has not said its reference yet.
    Requesting,
    Open,
    /// This answer, and no other, is being sent; or was about to be when the desk stopped.
    Answering(Answer),
    /// Step Functions has taken the answer.
    Answered(Answer),
    /// Nobody answered in time.
    Lapsed,
    /// This answer came when the task was over. Step Functions has not got it; it is kept for people.
    TooLate(Answer),
    /// Its execution was stopped, or went on by an answer that did not come through the desk.
    Abandoned,
    /// The request could not be made; the workflow goes on without it, or makes another.
    Failed,
}

/// An answer to a paused task.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Answer {
    pub says: Says,
    /// The person who gave it; `None` for the valuation service.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<String>,
    /// The callback that brought it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub callback: Option<String>,
    #[serde(with = "time::serde::rfc3339")]
    pub at: OffsetDateTime,
}

/// What Step Functions is told.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Says {
    Success { output: Value },
    Failure { error: String, cause: String },
}

/// What the workflow says went wrong before it asks a person.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    /// `ValuationServiceTimedOut` or `ValuationFailed`.
    pub error: String,
    /// The error of the task that failed, `ValuationServiceRefused` say, where it was not a timeout.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub task_error: Option<String>,
    /// How many seconds the workflow had waited for the valuation service, where that did not answer in time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout_seconds: Option<u64>,
}

impl PausedTask {
    pub fn waiting_item(&self) -> WaitingItem {
        WaitingItem {
            id: self.id.to_string(),
            kind: self.kind,
            application_reference: self.application_reference.clone(),
            applicant: self.application.applicant.clone().map(String::from),
            property: self.application.property.to_string(),
            since: self.since,
            deadline: self.deadline,
        }
    }
}
