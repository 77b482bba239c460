//! An execution in the terms of Step Functions: its graph, its states and its history.

use std::fmt;

use time::OffsetDateTime;

use super::StepFunctionsName;
use crate::domain::ApplicationReference;

/// An execution. Every task token in it is masked.
#[derive(Debug, Clone)]
pub struct ExecutionView {
    /// The application that the execution is for, if it is for one.
    pub application: Option<ApplicationReference>,
    pub arn: String,
    pub name: StepFunctionsName,
    pub state_machine: StepFunctionsName,
    /// The number of the state machine's version, if the execution was started with a version or an alias.
    pub version: Option<String>,
    pub status: ExecutionStatus,
    pub started_at: OffsetDateTime,
    pub stopped_at: Option<OffsetDateTime>,
    /// How often the execution was redriven.
    pub redrives: i32,
    /// Pretty-printed JSON, like all documents below.
    pub input: Option<String>,
    pub output: Option<String>,
    /// Why the execution failed.
    pub failure: Option<Failure>,
    pub graph: GraphView,
    pub history: HistoryPage,
}

/// The status of an execution, see `DescribeExecution`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum ExecutionStatus {
    Running,
    Succeeded,
    Failed,
    TimedOut,
    Aborted,
    /// A child of a distributed map that failed and will run again.
    PendingRedrive,
}

impl ExecutionStatus {
    pub const ALL: [Self; 6] =
        [Self::Running, Self::Succeeded, Self::Failed, Self::TimedOut, Self::Aborted, Self::PendingRedrive];

    /// The name in Step Functions, which pages show and addresses contain.
    pub fn key(self) -> &'static str {
        match self {
            Self::Running => "RUNNING",
            Self::Succeeded => "SUCCEEDED",
            Self::Failed => "FAILED",
            Self::TimedOut => "TIMED_OUT",
            Self::Aborted => "ABORTED",
            Self::PendingRedrive => "PENDING_REDRIVE",
        }
    }

    pub fn from_key(key: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.key() == key)
    }
}

impl fmt::Display for ExecutionStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.key())
    }
}

/// An error of an execution, or of one of its states. Step Functions allows both parts to be missing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Failure {
    /// The name of the error: `States.Timeout`.
    pub error: Option<String>,
    pub cause: Option<String>,
}

/// The states and transitions of a state machine.
#[derive(Debug, Clone, Default)]
pub struct GraphView {
    pub states: Vec<StateView>,
    pub transitions: Vec<Transition>,
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
    /// The state in Amazon States Language.
    pub definition: String,
    /// What an execution did in this state; `None` if only the definition is shown.
    pub run: Option<StateRun>,
}

/// What an execution did in a state. If it entered the state several times, then all but `visits` is about the last
/// time.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct StateRun {
    pub progress: StateProgress,
    /// How often the state was entered.
    pub visits: usize,
    /// How often its work was tried. More than 1 if it was retried.
    pub attempts: usize,
    /// The attempts that failed, oldest first.
    pub failures: Vec<FailedAttempt>,
    pub entered_at: Option<OffsetDateTime>,
    pub exited_at: Option<OffsetDateTime>,
    pub input: Option<String>,
    pub output: Option<String>,
    /// What the execution waits for in this state now.
    pub pause: Option<RunningPause>,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum StateProgress {
    #[default]
    Untouched,
    /// The execution is in this state.
    Current,
    Done,
    /// The state failed, the error was caught, and the execution continued.
    Caught,
    Failed,
    /// It was ended from outside: the execution was stopped, or another branch failed.
    Aborted,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FailedAttempt {
    pub at: OffsetDateTime,
    pub failure: Failure,
}

/// A wait of a running execution.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RunningPause {
    pub reason: PauseReason,
    pub since: OffsetDateTime,
    /// When it ends at the latest; `None` if there is no limit or it is not known.
    pub deadline: Option<OffsetDateTime>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PauseReason {
    /// A task token waits for its answer.
    Answer,
    /// A service or a worker does the work of the state.
    Work,
    /// A Wait state.
    Time,
    /// The state failed, and the next attempt has not begun.
    Retry,
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

    pub fn is_last(&self) -> bool {
        self.skipped + self.events.len() >= self.total
    }
}

#[derive(Debug, Clone)]
pub struct EventView {
    pub id: i64,
    pub previous_id: i64,
    /// `TaskSubmitted`
    pub event_type: String,
    pub state: Option<String>,
    pub at: OffsetDateTime,
    /// The error, if the event is a failure.
    pub failure: Option<Failure>,
    /// The event's details as pretty-printed JSON, or empty if there are none.
    pub details: String,
}
