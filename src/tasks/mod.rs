//! Paused tasks: each is a task token that somebody outside must answer, who can answer it, and until when. The desk keeps
//! this itself, because Step Functions cannot be asked what it waits for.
//!
//! The lifecycle of a task is the same for all kinds ([`State`], `open`, `transitions`, `answer`), as is what staff do with one
//! (`staff`). Each kind has a file of its own: the function that asks for it, its typed answer, and its story.
//! `ARCHITECTURE.md` says how to add a kind.

mod answer;
mod correct;
mod history;
mod manual_valuation;
mod open;
mod references;
mod row;
mod staff;
mod store;
mod transitions;
mod valuation;

use std::time::Duration;

use app::{
    desk::{StoryEntry, StoryKind, WaitingItem},
    domain::{ApplicationReference, LoanApplication, Policy, TaskKind, WaitingOn},
};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use time::OffsetDateTime;

use crate::{
    applications::Awaited,
    invocation::{Execution, PausedTaskId, TaskToken},
    tables::{Index, Shows, Table},
};

pub use answer::{Along, Answered};
pub use correct::{Correction, Version};
pub use history::Ending;
pub use manual_valuation::{ManualValuations, reason as manual_valuation_reason};
pub use references::{ReferenceError, TABLE as REFERENCES};
pub use row::read;
pub use staff::{StaffAnswer, StaffTasks, state};
pub use store::{PausedTasks, UnansweredPage};
pub use valuation::{Requested, ValuationRequests};

/// One row for each task. Only the table itself holds the task token; the indexes do not.
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
/// All tasks, the last changed last. Read models follow it.
pub const CHANGED: Index = Index { name: "changed", partition: "feed", sort: "updatedAt", shows: Shows::KeysOnly };

/// The one value of `feed`: the partition of the index that holds all tasks.
pub const FEED: &str = "task";

/// Indexes of earlier versions, which do not show the kind of a task. DynamoDB cannot change what an index shows, so an
/// attribute that is added to [`PUBLIC`] needs indexes with new names.
const RETIRED: &[&str] = &["queue", "by-application"];

/// The attributes that indexes show and read models copy: all but the token.
pub const PUBLIC: &[&str] = &[
    "kind",
    row::LEGACY_KIND,
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
    /// When it was first asked for.
    pub since: OffsetDateTime,
    pub deadline: OffsetDateTime,
    /// How long its workflow waits for an answer.
    pub timeout: Duration,
    /// How often its workflow asked again because the previous call had failed.
    pub retries: u32,
    /// The valuation service's reference of the request, once it is known.
    pub valuation_reference: Option<String>,
    /// For a manual valuation: why the valuation service gave no value.
    pub failure: Option<Failure>,
    /// The limits by which its workflow decides, if the workflow told them. Indexes do not show them.
    pub policy: Option<Policy>,
    pub state: State,
}

/// How far a paused task has come. A task moves down this list and never back.
#[derive(Debug, Clone, PartialEq)]
pub enum State {
    /// The valuation service is being asked; its reference is not known yet.
    Requesting,
    Open,
    /// This answer is being sent, is held back for corrections, or was about to be sent when the desk stopped. Only a
    /// correction can take its place.
    Answering(Answer),
    /// Step Functions has taken the answer.
    Answered(Answer),
    /// Nobody answered in time.
    Lapsed,
    /// This answer came when the task was over. Step Functions did not take it; it is kept for people.
    TooLate(Answer),
    /// Its execution was stopped, or went on with an answer that did not come through the desk.
    Abandoned,
    /// The request could not be made. The workflow goes on without it, or makes another.
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
    /// All versions in the order in which they were given, if the answer was corrected. The answer itself is the version
    /// that is about to be sent, or that Step Functions has taken.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub versions: Vec<Version>,
}

/// What Step Functions is told.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Says {
    Success { output: Value },
    Failure { error: String, cause: String },
}

impl Says {
    fn story_kind(&self) -> StoryKind {
        match self {
            Self::Success { .. } => StoryKind::Answered,
            Self::Failure { .. } => StoryKind::Failed,
        }
    }
}

/// What went wrong before the workflow asked for a manual valuation.
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
    /// A task that a workflow asks for now: what waits on staff is open at once, what waits on the valuation service when
    /// the service has accepted the request.
    fn new(
        kind: TaskKind,
        application: LoanApplication,
        execution: &Execution,
        token: &TaskToken,
        now: OffsetDateTime,
        timeout: Duration,
    ) -> Self {
        Self {
            id: execution.task_id(token),
            kind,
            application_reference: application.application_reference.clone(),
            execution_arn: execution.arn.clone(),
            application,
            since: now,
            deadline: now + timeout,
            timeout,
            retries: execution.step.as_ref().map_or(0, |step| step.retries),
            valuation_reference: None,
            failure: None,
            policy: None,
            state: match kind.waits_on() {
                WaitingOn::ValuationService => State::Requesting,
                WaitingOn::Staff => State::Open,
            },
        }
    }

    /// What the row of the application shows of it.
    pub fn awaited(&self) -> Awaited<'_> {
        Awaited {
            id: self.id.as_str(),
            kind: self.kind,
            execution_arn: &self.execution_arn,
            application: &self.application,
            since: self.since,
            deadline: self.deadline,
        }
    }

    /// Adds what happened to the task to the story of its application. `lapsed_at` is when nobody had answered in time, if
    /// the story is to tell that.
    pub fn tell(&self, lapsed_at: Option<OffsetDateTime>, story: &mut Vec<StoryEntry>) {
        match self.kind {
            TaskKind::Valuation => valuation::tell(self, lapsed_at, story),
            TaskKind::ManualValuation => manual_valuation::tell(self, lapsed_at, story),
        }
    }

    /// What happened to a task that is over, in a few words. `None` while it waits for an answer.
    pub fn end_in_words(&self) -> Option<String> {
        Some(match &self.state {
            State::Requesting | State::Open => return None,
            State::Answering(answer) | State::Answered(answer) => match self.kind {
                TaskKind::Valuation => valuation::in_a_few_words(answer),
                TaskKind::ManualValuation => manual_valuation::in_a_few_words(answer),
            },
            State::Lapsed | State::TooLate(_) => "Not answered in time".to_owned(),
            State::Failed => "The request could not be made".to_owned(),
            State::Abandoned => "The workflow no longer waits for it".to_owned(),
        })
    }

    /// The first entry of its story: a sentence that ends with when the answer is due.
    fn asked(&self, text: impl Into<String>) -> StoryEntry {
        StoryEntry { due: Some(self.deadline), ..StoryEntry::new(self.since, StoryKind::Requested, text) }
    }

    pub fn waiting_item(&self) -> WaitingItem {
        WaitingItem {
            id: self.id.to_string(),
            kind: self.kind,
            application_reference: self.application_reference.clone(),
            applicant: self.application.applicant.clone().map(String::from),
            property: self.application.property.to_string(),
            since: self.since,
            deadline: self.deadline,
            reason: match self.kind {
                TaskKind::Valuation => None,
                TaskKind::ManualValuation => Some(manual_valuation_reason(self.failure.as_ref())),
            },
        }
    }
}
