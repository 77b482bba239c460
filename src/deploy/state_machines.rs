//! The desk's state machines: created or updated with the embedded backend, found by name on AWS.

use std::{collections::BTreeMap, time::Duration};

use super::{
    DeployError,
    definitions::{self, Definition, DefinitionError, Workflow},
    failed,
    problems::Problems,
};
use crate::{
    aws::{Aws, AwsError},
    config::Config,
    functions,
};

/// The ARNs of the deployed state machines.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StateMachines(BTreeMap<&'static str, String>);

impl StateMachines {
    /// The ARNs that the embedded state machines have once they are created.
    pub fn to_be(config: &Config) -> Self {
        let arn = |name: &str| format!("arn:aws:states:{}:{}:stateMachine:{name}", config.region, config.account_id);
        Self(definitions::WORKFLOWS.iter().map(|workflow| (workflow.name, arn(workflow.name))).collect())
    }

    /// Finds the state machines that are deployed in this account and region.
    pub(super) async fn deployed(aws: &Aws) -> Result<Self, AwsError> {
        let mut items = aws.step_functions.list_state_machines().into_paginator().items().send();
        let mut arns = BTreeMap::new();
        while let Some(machine) = items.next().await {
            let machine = machine?;
            if let Some(workflow) = definitions::WORKFLOWS.iter().find(|workflow| workflow.name == machine.name) {
                arns.insert(workflow.name, machine.state_machine_arn);
            }
        }
        Ok(Self(arns))
    }

    /// The ARN of a workflow's state machine, or `None` if it is not deployed.
    pub fn arn(&self, workflow: &Workflow) -> Option<&str> {
        self.0.get(workflow.name).map(String::as_str)
    }

    /// The required workflows that are not deployed.
    pub(super) fn missing(&self) -> impl Iterator<Item = &'static Workflow> {
        definitions::WORKFLOWS.iter().filter(|workflow| workflow.is_required && self.arn(workflow).is_none())
    }
}

/// Creates the state machines, or updates them to their current definitions. Running executions keep the old
/// definition.
pub async fn deploy_state_machines(aws: &Aws, config: &Config) -> Result<(), DeployError> {
    let definitions = definitions::load(config.workflow_dir.as_deref(), &substitutions(config))?;
    let deployed = StateMachines::deployed(aws).await.map_err(failed("the state machines"))?;
    for definition in &definitions {
        deploy(aws, config, definition, deployed.arn(definition.workflow)).await?;
    }
    Ok(())
}

async fn deploy(aws: &Aws, config: &Config, definition: &Definition, known: Option<&str>) -> Result<(), DeployError> {
    let name = definition.workflow.name;
    let refused = |source| DeployError::Refused { name, source };
    if let Some(arn) = known {
        let described = aws.step_functions.describe_state_machine().state_machine_arn(arn).send().await;
        if described.map_err(|error| refused(error.into()))?.definition == definition.text {
            return Ok(());
        }
    }
    if let Some(problems) = problems_of(aws, definition).await.map_err(refused)? {
        return Err(DefinitionError::Wrong { name, problems }.into());
    }
    match known {
        Some(arn) => {
            let update = aws.step_functions.update_state_machine().state_machine_arn(arn);
            update.definition(&definition.text).send().await.map_err(|error| refused(error.into()))?;
            tracing::info!(state_machine = name, "updated");
        }
        None => {
            let role = format!("arn:aws:iam::{}:role/loan-desk", config.account_id);
            let create = aws.step_functions.create_state_machine().name(name).role_arn(role);
            create.definition(&definition.text).send().await.map_err(|error| refused(error.into()))?;
            tracing::info!(state_machine = name, "created");
        }
    }
    Ok(())
}

/// What Step Functions finds wrong with a definition.
async fn problems_of(aws: &Aws, definition: &Definition) -> Result<Option<Problems>, AwsError> {
    let validate = aws.step_functions.validate_state_machine_definition().definition(&definition.text);
    let diagnostics = validate.send().await?.diagnostics;
    Ok(Problems::found(&definition.file, &definition.source, &diagnostics))
}

/// The values of the substitutions in the definitions.
fn substitutions(config: &Config) -> Vec<(&'static str, String)> {
    let function = |name: &str| format!("arn:aws:lambda:{}:{}:function:{name}", config.region, config.account_id);
    let seconds = |duration: Duration| duration.as_secs().to_string();
    vec![
        ("ValuationTimeoutSeconds", seconds(config.valuation_timeout)),
        ("ManualValuationTimeoutSeconds", seconds(config.manual_valuation_timeout)),
        ("ValuationRequestFunctionArn", function(functions::VALUATION_REQUEST)),
        ("ManualValuationFunctionArn", function(functions::MANUAL_VALUATION)),
        ("SendValuationResponseFunctionArn", function(functions::SEND_VALUATION_RESPONSE)),
        ("ApplicationsTable", crate::applications::TABLE.name.to_owned()),
        ("ApproveUpToPercent", config.approve_up_to_percent.to_string()),
        ("ReferUpToPercent", config.refer_up_to_percent.to_string()),
    ]
}
