//! Executions that failed and belong to no application.

use time::OffsetDateTime;

use super::{Actor, DeskError, Failure, StepFunctionsName};

#[async_trait::async_trait]
pub trait OrphanOperations {
    /// The newest orphaned executions that nobody has dismissed.
    async fn orphaned_executions(&self, by: &Actor, at_most: usize) -> Result<Vec<OrphanedExecution>, DeskError>;

    /// Takes an orphaned execution off the list. Dismissing one twice, or one that is not on the list, does nothing.
    async fn dismiss_execution(
        &self,
        by: &Actor,
        state_machine: &StepFunctionsName,
        name: &StepFunctionsName,
    ) -> Result<(), DeskError>;
}

/// An execution of the loan workflow that was started in Step Functions and failed before the desk had an application
/// for it, for example because its input is not one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OrphanedExecution {
    pub state_machine: StepFunctionsName,
    pub name: StepFunctionsName,
    /// The application reference in its input, as it was written there.
    pub reference: Option<String>,
    pub failed_at: OffsetDateTime,
    /// Any task token in it is masked.
    pub failure: Failure,
}
