//! Workflows: the state machines of the backend and their executions, for engineers.

mod executions;
mod machine;
mod machines;
mod run;

pub use machine::StateMachinePage;
pub use machines::WorkflowsPage;
pub use run::ExecutionPage;
