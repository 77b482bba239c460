//! State machines and executions.

use app::{
    desk::{
        Actor, DeskError, ExecutionQuery, ExecutionView, StateMachinePage, StateMachineView, StepFunctionsName,
        WorkflowOperations,
    },
    domain::{ApplicationReference, LoanApplication},
};
use async_trait::async_trait;

use super::{LoanDesk, unavailable};
use crate::workflow::CallError;

#[async_trait]
impl WorkflowOperations for LoanDesk {
    async fn workflow(
        &self,
        _by: &Actor,
        reference: &ApplicationReference,
        event: usize,
    ) -> Result<Option<ExecutionView>, DeskError> {
        let Some(record) = self.applications.get(reference).await.map_err(unavailable)? else { return Ok(None) };
        let execution = self.workflows.execution(&record.execution_arn, event).await.map_err(refused)?;
        let Some((view, described)) = execution else { return Ok(None) };
        // The execution has just been described, so the desk learns here that it was stopped, before the next sweep.
        self.reconciler.learn(&record, &described).await.map_err(unavailable)?;
        Ok(Some(ExecutionView { application: Some(reference.clone()), ..view }))
    }

    async fn state_machines(&self, _by: &Actor, after: Option<&str>) -> Result<StateMachinePage, DeskError> {
        self.workflows.state_machines(after).await.map_err(refused)
    }

    async fn state_machine(
        &self,
        _by: &Actor,
        name: &StepFunctionsName,
        version: Option<u64>,
        query: &ExecutionQuery,
    ) -> Result<Option<StateMachineView>, DeskError> {
        self.workflows.state_machine(name, version, query).await.map_err(refused)
    }

    async fn execution(
        &self,
        _by: &Actor,
        state_machine: &StepFunctionsName,
        name: &StepFunctionsName,
        event: usize,
    ) -> Result<Option<ExecutionView>, DeskError> {
        let arn = self.workflows.arns.execution(state_machine, name);
        let Some((view, described)) = self.workflows.execution(&arn, event).await.map_err(refused)? else {
            return Ok(None);
        };
        let input = described.input.as_deref().and_then(|input| serde_json::from_str::<LoanApplication>(input).ok());
        let application = match input {
            Some(input) => self.application_of(&input, &arn).await?,
            None => None,
        };
        Ok(Some(ExecutionView { application, ..view }))
    }
}

impl LoanDesk {
    /// The application with this input, if this is its current execution.
    async fn application_of(
        &self,
        input: &LoanApplication,
        execution_arn: &str,
    ) -> Result<Option<ApplicationReference>, DeskError> {
        let record = self.applications.get(&input.application_reference).await.map_err(unavailable)?;
        let record = record.filter(|record| record.execution_arn == execution_arn);
        Ok(record.map(|record| record.application.application_reference))
    }
}

/// Logs the error, which pages for engineers show.
fn refused(error: CallError) -> DeskError {
    tracing::warn!(%error, "Step Functions refused a call for a page");
    DeskError::StepFunctions(error.shown())
}
