//! The execution of an application, in the terms of Step Functions.

use time::OffsetDateTime;

use super::{Actor, DeskError};
use crate::domain::ApplicationReference;

#[async_trait::async_trait]
pub trait WorkflowOperations {
    /// The execution of an application, with every task token masked, and the page of its history that contains event
    /// number `event`, counted from 1. Returns `None` if there is no such application, or if Step Functions has no
    /// execution for it, because it has not started yet or is no longer kept.
    async fn workflow(
        &self,
        by: &Actor,
        reference: &ApplicationReference,
        event: usize,
    ) -> Result<Option<WorkflowView>, DeskError>;
}

/// An execution in the terms of Step Functions.
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
    pub history: HistoryPage,
}

/// A page of an execution's history, oldest event first. A history may have 25,000 events.
#[derive(Debug, Clone)]
pub struct HistoryPage {
    pub events: Vec<EventView>,
    /// How many events of the history come before this page.
    pub skipped: usize,
    /// How many events the history has.
    pub total: usize,
    /// When the first event of the history happened.
    pub started_at: OffsetDateTime,
    /// When the last event before this page happened.
    pub previous_at: Option<OffsetDateTime>,
    /// The longest time between two events of the history, in milliseconds.
    pub longest_pause: i64,
}

impl HistoryPage {
    /// The most events that a page has.
    pub const SIZE: usize = 200;
}

/// One state of the state machine: a node of the graph.
#[derive(Debug, Clone)]
pub struct StateView {
    pub name: String,
    /// `Task`, `Choice`, …
    pub kind: String,
    /// The Parallel or Map state that contains it.
    pub inside: Option<String>,
    pub is_start: bool,
    pub progress: StateProgress,
    pub entered_at: Option<OffsetDateTime>,
    pub exited_at: Option<OffsetDateTime>,
    /// The input when it was last entered, as pretty-printed JSON with tokens masked.
    pub input: Option<String>,
    pub output: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StateProgress {
    Untouched,
    /// The execution is in this state.
    Current,
    Done,
    /// The state failed, the error was caught, and the execution continued.
    Caught,
    Failed,
}

/// A transition between two states: an edge of the graph.
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
    /// A rule of a Choice state, or its default.
    Choice,
    /// A catcher, with the errors that it matches: `States.Timeout`.
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
    /// The event's details as pretty-printed JSON with tokens masked, or empty if there are none.
    pub details: String,
}
