//! The execution of an application.

use app::{
    desk::{Actor, DeskError, WorkflowOperations, WorkflowView},
    domain::ApplicationReference,
};
use async_trait::async_trait;

use super::{LoanDesk, unavailable};

#[async_trait]
impl WorkflowOperations for LoanDesk {
    async fn workflow(&self, _by: &Actor, reference: &ApplicationReference) -> Result<Option<WorkflowView>, DeskError> {
        let Some(record) = self.applications.get(reference).await.map_err(unavailable)? else { return Ok(None) };
        let Some((view, described)) = self.workflows.view(&record).await.map_err(unavailable)? else {
            return Ok(None);
        };
        // The execution was read from Step Functions anyway, so use it to detect that it was stopped.
        self.reconciler.learn(&record, &described).await.map_err(unavailable)?;
        Ok(Some(view))
    }
}
