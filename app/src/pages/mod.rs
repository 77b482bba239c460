//! The pages, one module each.

mod application;
mod applications;
mod execution;
mod manual_valuation;
mod new_application;
mod problem;
mod today;
mod waiting;
mod workflows;

pub use application::ApplicationPage;
pub use applications::ApplicationsPage;
pub use manual_valuation::ManualValuationPage;
pub use new_application::NewApplicationPage;
pub use problem::{NoPage, Refused, RefusedPage, Unanswered};
pub use today::TodayPage;
pub use waiting::WaitingPage;
pub use workflows::{ExecutionPage, StateMachinePage, WorkflowsPage};
