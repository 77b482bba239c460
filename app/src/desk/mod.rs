//! The port of the desk: the operations that pages, server functions, the CSV export and the API call, each with the
//! [`Actor`] who calls. The server implements [`Desk`].

mod about;
mod actor;
mod application_query;
mod applications;
mod counts;
mod error;
mod execution;
mod figures;
mod manual_valuation;
mod orphan;
mod overview;
mod sort;
mod step_functions_error;
mod step_functions_name;
mod story;
mod task_state;
mod waiting;
mod workflow;

pub use about::About;
pub use actor::{Actor, Person};
pub use application_query::{Age, ApplicationQuery, DAY_KEYS, Days, Stage};
pub use applications::{
    ApplicationOperations, ApplicationPage, ApplicationRow, ApplicationView, RunningState, Submission, Tally,
};
pub use counts::{Counts, Incomplete};
pub use error::DeskError;
pub use execution::{
    EventView, ExecutionStatus, ExecutionView, FailedAttempt, Failure, GraphView, HistoryPage, PauseReason,
    RunningPause, StateProgress, StateRun, StateView, Transition, TransitionKind,
};
pub use figures::{DayFigures, FigureOperations, Figures};
pub use manual_valuation::{
    LateAnswer, ManualValuationOperations, ManualValuationState, ManualValuationView, PreviousValuation, known_values,
};
pub use orphan::{OrphanOperations, OrphanedExecution};
pub use overview::{Overview, StageCount, TimeToAnswer, ValuerDay};
pub use sort::{Column, Direction, Sort};
pub use step_functions_error::StepFunctionsError;
pub use step_functions_name::{NotAName, StepFunctionsName};
pub use story::{StoryEntry, StoryKind};
pub use task_state::TaskState;
pub use waiting::{WaitingCount, WaitingItem, WaitingOperations, WaitingPage, WaitingRow};
pub use workflow::{
    AliasRow, ExecutionPage, ExecutionQuery, ExecutionRow, NewestExecutions, StateMachineKind, StateMachinePage,
    StateMachineRow, StateMachineView, VersionRow, WorkflowOperations,
};

/// All of the desk's operations.
pub trait Desk:
    ApplicationOperations
    + FigureOperations
    + ManualValuationOperations
    + OrphanOperations
    + WaitingOperations
    + WorkflowOperations
    + Send
    + Sync
    + 'static
{
    /// Information from the configuration. It is the same for everybody, so it takes no actor.
    fn about(&self) -> About;

    /// Why lists, searches, counts and figures may lack something; `None` when they have everything.
    fn incomplete(&self) -> Option<Incomplete>;
}
