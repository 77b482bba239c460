//! The execution of an application.

use app::{
    desk::{Actor, DeskError, WorkflowOperations, WorkflowView},
    domain::ApplicationReference,
};
use async_trait::async_trait;

use super::{LoanDesk, unavailable};

#[async_trait]
impl WorkflowOperations for LoanDesk {
    async fn workflow(
        &self,
        _by: &Actor,
        reference: &ApplicationReference,
        event: usize,
    ) -> Result<Option<WorkflowView>, DeskError> {
        let Some(record) = self.applications.get(reference).await.map_err(unavailable)? else { return Ok(None) };
        let Some((view, described)) = self.workflows.view(&record, event).await.map_err(unavailable)? else {
            return Ok(None);
        };
        // The execution has just been described, so the desk learns here that it was stopped, before the next sweep.
        self.reconciler.learn(&record, &described).await.map_err(unavailable)?;
        Ok(Some(view))
    }
}
