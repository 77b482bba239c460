//! What must be there before the desk opens: its tables and its state machines. Embedded, the desk makes them; on AWS
//! whoever deploys it does, and the desk looks whether they are there. In both it gives the tables what they lack.

mod definitions;
mod state_machines;
mod tables;

use crate::aws::{Aws, AwsError};

pub use definitions::{DefinitionError, LOAN_PROCESSING, MOCK_VALUATION, Workflow};
pub use state_machines::{StateMachines, deploy_state_machines};
pub use tables::create_tables;

/// Why the desk does not find or get what it needs.
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

/// Finds on AWS what must have been deployed, and gives the tables what they lack.
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
        tracing::info!(table = table.name, index, "this index is not used any more and can be deleted");
    }
    Ok(machines)
}
