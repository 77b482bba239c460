//! Executions that failed and belong to no application.

use app::desk::{Actor, DeskError, OrphanOperations, OrphanedExecution, StepFunctionsName};
use async_trait::async_trait;

use super::{LoanDesk, unavailable};

#[async_trait]
impl OrphanOperations for LoanDesk {
    async fn orphaned_executions(&self, _by: &Actor, at_most: usize) -> Result<Vec<OrphanedExecution>, DeskError> {
        self.orphans.open(at_most).await.map_err(unavailable)
    }

    async fn dismiss_execution(
        &self,
        by: &Actor,
        state_machine: &StepFunctionsName,
        name: &StepFunctionsName,
    ) -> Result<(), DeskError> {
        let execution = self.workflows.arns.execution(state_machine, name);
        self.orphans.dismiss(&execution).await.map_err(unavailable)?;
        tracing::info!(execution, by = by.name(), "dismissed a failed execution without an application");
        Ok(())
    }
}
