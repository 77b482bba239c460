//! The execution behind an application, in the words of Step Functions.

use time::OffsetDateTime;

use super::{Actor, DeskError};
use crate::domain::ApplicationReference;

#[async_trait::async_trait]
pub trait WorkflowOperations {
    /// The execution behind an application, with every task token masked. `None` when there is no such application, and
    /// when Step Functions does not have its execution: not yet, or not any more.
    async fn workflow(&self, by: &Actor, reference: &ApplicationReference) -> Result<Option<WorkflowView>, DeskError>;
}

/// An execution in the engine's words.
#[derive(Debug, Clone)]
pub struct WorkflowView {
    pub application_reference: ApplicationReference,
    pub execution_arn: String,
    pub state_machine: String,
    /// `RUNNING`, `SUCCEEDED`, `FAILED`, `TIMED_OUT`, `ABORTED`
    pub status: String,
    pub started_at: OffsetDateTime,
    pub stopped_at: Option<OffsetDateTime>,
    pub states: Vec<StateView>,
    pub transitions: Vec<Transition>,
    /// The whole history, oldest first.
    pub events: Vec<EventView>,
}

/// One state of the state machine: a node of the graph.
#[derive(Debug, Clone)]
pub struct StateView {
    pub name: String,
    /// `Task`, `Choice`, …
    pub kind: String,
    /// The Parallel or Map state whose frame it stands in.
    pub inside: Option<String>,
    pub is_start: bool,
    pub progress: StateProgress,
    pub entered_at: Option<OffsetDateTime>,
    pub exited_at: Option<OffsetDateTime>,
    /// Pretty JSON with tokens masked, of the last time it was entered.
    pub input: Option<String>,
    pub output: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StateProgress {
    Untouched,
    /// Where the execution is now.
    Current,
    Done,
    /// It failed and the failure was caught; the execution went on.
    Caught,
    Failed,
}

/// An edge of the graph.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Transition {
    pub from: String,
    pub to: String,
    pub kind: TransitionKind,
    pub taken: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TransitionKind {
    Next,
    /// A rule of a Choice, or its default.
    Choice,
    /// A Catch, with the errors it matches: `States.Timeout`.
    Catch {
        errors: String,
    },
}

#[derive(Debug, Clone)]
pub struct EventView {
    pub id: i64,
    pub previous_id: i64,
    /// `TaskSubmitted`
    pub event_type: String,
    pub state: Option<String>,
    pub at: OffsetDateTime,
    /// The event's details as pretty JSON with tokens masked; empty where there are none.
    pub details: String,
}
