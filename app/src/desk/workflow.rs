//! State machines and their executions, in the terms of Step Functions.

use time::OffsetDateTime;

use super::{Actor, DeskError, ExecutionStatus, ExecutionView, GraphView, StepFunctionsError, StepFunctionsName};
use crate::domain::ApplicationReference;

/// Reading Step Functions. All operations fail with [`DeskError::StepFunctions`] if Step Functions refuses a call, and
/// mask task tokens in what they return.
#[async_trait::async_trait]
pub trait WorkflowOperations {
    /// The execution of an application, with the page of its history that contains event number `event`, counted from 1.
    /// Returns `None` if there is no such application, or if Step Functions has no execution for it, because it has not
    /// started yet or is no longer kept.
    async fn workflow(
        &self,
        by: &Actor,
        reference: &ApplicationReference,
        event: usize,
    ) -> Result<Option<ExecutionView>, DeskError>;

    /// A page of the account's state machines. `after` is the `next` of the page before.
    async fn state_machines(&self, by: &Actor, after: Option<&str>) -> Result<StateMachinePage, DeskError>;

    /// A state machine, or the version of it with this number, and its executions.
    async fn state_machine(
        &self,
        by: &Actor,
        name: &StepFunctionsName,
        version: Option<u64>,
        query: &ExecutionQuery,
    ) -> Result<Option<StateMachineView>, DeskError>;

    /// An execution of a state machine, like [`Self::workflow`].
    async fn execution(
        &self,
        by: &Actor,
        state_machine: &StepFunctionsName,
        name: &StepFunctionsName,
        event: usize,
    ) -> Result<Option<ExecutionView>, DeskError>;
}

#[derive(Debug, Clone)]
pub struct StateMachinePage {
    pub machines: Vec<StateMachineRow>,
    pub next: Option<String>,
    /// Whether this is the first page: the one that was asked for may have expired.
    pub is_first: bool,
}

#[derive(Debug, Clone)]
pub struct StateMachineRow {
    pub name: StepFunctionsName,
    pub kind: StateMachineKind,
    pub created_at: OffsetDateTime,
    /// `None` if executions of this type cannot be listed.
    pub newest: Option<Result<NewestExecutions, StepFunctionsError>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StateMachineKind {
    Standard,
    /// Step Functions does not store the executions of Express state machines.
    Express,
}

impl StateMachineKind {
    /// The name in Step Functions.
    pub fn key(self) -> &'static str {
        match self {
            Self::Standard => "STANDARD",
            Self::Express => "EXPRESS",
        }
    }
}

/// The statuses of the newest executions of a state machine. Step Functions does not count executions, and counting all
/// of them would take a call for each thousand.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct NewestExecutions {
    pub counts: Vec<(ExecutionStatus, usize)>,
    /// Whether there are more executions than were counted.
    pub has_more: bool,
}

impl NewestExecutions {
    /// The most executions that are counted.
    pub const AT_MOST: usize = 100;

    pub fn total(&self) -> usize {
        self.counts.iter().map(|(_, count)| count).sum()
    }
}

#[derive(Debug, Clone)]
pub struct StateMachineView {
    pub name: StepFunctionsName,
    pub arn: String,
    pub kind: StateMachineKind,
    /// `ACTIVE` or `DELETING`
    pub status: String,
    pub created_at: OffsetDateTime,
    /// The number of the version that is shown; `None` for the current revision.
    pub version: Option<u64>,
    /// Pretty-printed JSON.
    pub definition: String,
    pub graph: GraphView,
    /// Newest first.
    pub versions: Result<Vec<VersionRow>, StepFunctionsError>,
    pub aliases: Result<Vec<AliasRow>, StepFunctionsError>,
    /// `None` if executions of this type cannot be listed.
    pub executions: Option<Result<ExecutionPage, StepFunctionsError>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct VersionRow {
    pub number: u64,
    pub created_at: OffsetDateTime,
}

#[derive(Debug, Clone)]
pub struct AliasRow {
    pub name: String,
    pub created_at: OffsetDateTime,
}

/// Which executions to list. The query string of a page holds the same.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ExecutionQuery {
    /// Part of a name. Step Functions cannot search, so the newest executions are read and compared.
    pub search: String,
    pub status: Option<ExecutionStatus>,
    /// The `next` of the page before.
    pub after: Option<String>,
}

/// A page of executions, newest first.
#[derive(Debug, Clone)]
pub struct ExecutionPage {
    pub rows: Vec<ExecutionRow>,
    pub next: Option<String>,
    /// Whether this is the first page: the one that was asked for may have expired.
    pub is_first: bool,
    /// For a search: how many executions were compared with it for this page.
    pub searched: Option<usize>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExecutionRow {
    pub name: StepFunctionsName,
    pub status: ExecutionStatus,
    pub started_at: OffsetDateTime,
    pub stopped_at: Option<OffsetDateTime>,
    pub redrives: i32,
}
