//! The port: what the outside asks of the desk. Pages, server functions, the CSV and the API all call it, and every
//! call says who asks. The server implements [`Desk`]; nothing here knows how.

mod about;
mod actor;
mod application_query;
mod applications;
mod counts;
mod error;
mod figures;
mod manual_valuation;
mod story;
mod waiting;
mod workflow;

pub use about::About;
pub use actor::{Actor, Person};
pub use application_query::{ApplicationQuery, Column, Direction, Sort};
pub use applications::{ApplicationOperations, ApplicationPage, ApplicationRow, ApplicationView, Submission};
pub use counts::{CatchingUp, Counts};
pub use error::DeskError;
pub use figures::{DayFigures, FigureOperations, Figures};
pub use manual_valuation::{ManualValuationOperations, ManualValuationState, ManualValuationView, PreviousValuation};
pub use story::{StoryEntry, StoryKind};
pub use waiting::{WaitingCount, WaitingItem, WaitingOperations, WaitingPage};
pub use workflow::{EventView, StateProgress, StateView, Transition, TransitionKind, WorkflowOperations, WorkflowView};

/// All of the desk's operations.
pub trait Desk:
    ApplicationOperations
    + FigureOperations
    + ManualValuationOperations
    + WaitingOperations
    + WorkflowOperations
    + Send
    + Sync
    + 'static
{
    /// From configuration and the same for everybody, so it does not ask who wants to know.
    fn about(&self) -> About;

    /// How far the desk has come with reading its tables for the first time; `None` once it has read them.
    fn catching_up(&self) -> Option<CatchingUp>;
}
