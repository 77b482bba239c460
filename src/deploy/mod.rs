//! The deployment of tables and state machines. With the embedded backend, the desk creates them when it opens. On AWS,
//! they must be deployed beforehand, and the desk checks that they exist. On both, it adds missing indexes and times to
//! live.

mod definitions;
mod positions;
mod problems;
mod state_machines;
mod tables;
mod task_tokens;

use crate::aws::{Aws, AwsError};

pub use definitions::{DefinitionError, LOAN_PROCESSING, MOCK_VALUATION, Workflow};
pub use state_machines::{StateMachines, deploy_state_machines};
pub use tables::create_tables;

/// Why a table or state machine is missing or could not be created.
#[derive(Debug, thiserror::Error)]
pub enum DeployError {
    #[error(transparent)]
    Definition(#[from] DefinitionError),
    #[error("the state machine {name} was refused: {source}")]
    Refused { name: &'static str, source: AwsError },
    #[error("cannot prepare {what}: {source}")]
    Aws { what: String, source: AwsError },
    #[error(
        "not everything that the desk needs is in this AWS account and region; missing: {0}. It must be deployed \
         there first: with --backend aws the desk creates no table and no state machine"
    )]
    Missing(String),
}

fn failed(what: impl ToString) -> impl FnOnce(AwsError) -> DeployError {
    move |source| DeployError::Aws { what: what.to_string(), source }
}

/// Finds the deployed tables and state machines on AWS, and adds missing indexes and times to live to the tables.
pub async fn find(aws: &Aws) -> Result<StateMachines, DeployError> {
    let names = tables::table_names(aws).await.map_err(failed("the list of tables"))?;
    let machines = StateMachines::deployed(aws).await.map_err(failed("the list of state machines"))?;
    let tables = tables::ALL.iter().filter(|table| !names.iter().any(|name| name == table.name));
    let tables = tables.map(|table| format!("table {}", table.name));
    let missing: Vec<String> =
        tables.chain(machines.missing().map(|workflow| format!("state machine {}", workflow.name))).collect();
    if !missing.is_empty() {
        return Err(DeployError::Missing(missing.join(", ")));
    }
    tables::complete_tables(aws).await?;
    for (table, index) in tables::retired_indexes(aws).await? {
        tracing::info!(table = table.name, index, "this index is no longer used and can be deleted");
    }
    Ok(machines)
}
