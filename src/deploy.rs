//! What must be there before the desk opens: its tables and its state machines. Embedded, the desk makes them; on AWS
//! `infra/template.yaml` does, and the desk looks whether they are there.

use std::time::Duration;

use aws_sdk_dynamodb::{
    error::BuildError,
    types::{
        AttributeDefinition, BillingMode, CreateGlobalSecondaryIndexAction, GlobalSecondaryIndex,
        GlobalSecondaryIndexUpdate, KeySchemaElement, KeyType, Projection, ProjectionType, ScalarAttributeType,
        TimeToLiveSpecification,
    },
};

use crate::{
    aws::{Aws, AwsError},
    config::Config,
    definitions::{self, Definition, DefinitionError, LOAN_PROCESSING, MOCK_VALUATION},
    functions, paused,
    tables::{self, Index, Shows, Table},
};

/// ARNs of the state machines.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StateMachines {
    pub loan_processing: String,
    /// `None` on an AWS where there is no mock valuer.
    pub mock_valuation: Option<String>,
}

#[derive(Debug, thiserror::Error)]
pub enum DeployError {
    #[error(transparent)]
    Definition(#[from] DefinitionError),
    #[error("the state machine {name} was refused: {source}")]
    Refused { name: &'static str, source: AwsError },
    #[error("cannot prepare {what}: {source}")]
    Aws { what: String, source: AwsError },
    #[error(
        "not everything that the desk needs is in this AWS account and region; missing: {0}. \
         Deploy infra/template.yaml first"
    )]
    Missing(String),
}

fn failed(what: impl ToString) -> impl FnOnce(AwsError) -> DeployError {
    move |source| DeployError::Aws { what: what.to_string(), source }
}

/// Creates the tables that are missing, and the indexes that a table was created without by an earlier version.
pub async fn create_tables(aws: &Aws) -> Result<(), DeployError> {
    let existing = table_names(aws).await.map_err(failed("the tables"))?;
    for table in tables::ALL {
        let created = if existing.iter().any(|name| name == table.name) {
            create_missing_indexes(aws, table).await
        } else {
            create_table(aws, table).await
        };
        created.map_err(failed(format_args!("the table {}", table.name)))?;
    }
    Ok(())
}

async fn create_missing_indexes(aws: &Aws, table: &Table) -> Result<(), AwsError> {
    // One at a time is all that DynamoDB takes.
    for index in missing_indexes(aws, table).await? {
        let create = CreateGlobalSecondaryIndexAction::builder()
            .index_name(index.name)
            .set_key_schema(Some(keys(index).map_err(AwsError::corrupt)?.into()))
            .projection(projection(index))
            .build()
            .map_err(AwsError::corrupt)?;
        let mut update = aws
            .dynamodb
            .update_table()
            .table_name(table.name)
            .global_secondary_index_updates(GlobalSecondaryIndexUpdate::builder().create(create).build());
        for name in [index.partition, index.sort] {
            update = update.attribute_definitions(attribute(name).map_err(AwsError::corrupt)?);
        }
        update.send().await?;
        tracing::info!(table = table.name, index = index.name, "created");
    }
    Ok(())
}

async fn missing_indexes(aws: &Aws, table: &Table) -> Result<Vec<&'static Index>, AwsError> {
    let described = aws.dynamodb.describe_table().table_name(table.name).send().await?.table;
    let existing = described.and_then(|table| table.global_secondary_indexes).unwrap_or_default();
    let exists = |index: &&Index| existing.iter().any(|known| known.index_name() == Some(index.name));
    Ok(table.indexes.iter().filter(|index| !exists(index)).collect())
}

async fn table_names(aws: &Aws) -> Result<Vec<String>, AwsError> {
    let mut pages = aws.dynamodb.list_tables().into_paginator().items().send();
    let mut names = Vec::new();
    while let Some(name) = pages.next().await {
        names.push(name?);
    }
    Ok(names)
}

async fn create_table(aws: &Aws, table: &Table) -> Result<(), AwsError> {
    let built = |error: BuildError| AwsError::corrupt(error);
    let mut create = aws
        .dynamodb
        .create_table()
        .table_name(table.name)
        .billing_mode(BillingMode::PayPerRequest)
        .key_schema(key(table.key, KeyType::Hash).map_err(built)?);
    let mut attributes = vec![table.key];
    for index in table.indexes {
        create = create.global_secondary_indexes(global_index(index).map_err(built)?);
        attributes.extend([index.partition, index.sort]);
    }
    attributes.sort_unstable();
    attributes.dedup();
    for name in attributes {
        create = create.attribute_definitions(attribute(name).map_err(built)?);
    }
    create.send().await?;
    if let Some(attribute) = table.time_to_live {
        let live = TimeToLiveSpecification::builder().attribute_name(attribute).enabled(true).build().map_err(built)?;
        aws.dynamodb.update_time_to_live().table_name(table.name).time_to_live_specification(live).send().await?;
    }
    Ok(())
}

fn key(name: &str, kind: KeyType) -> Result<KeySchemaElement, BuildError> {
    KeySchemaElement::builder().attribute_name(name).key_type(kind).build()
}

fn attribute(name: &str) -> Result<AttributeDefinition, BuildError> {
    AttributeDefinition::builder().attribute_name(name).attribute_type(ScalarAttributeType::S).build()
}

fn keys(index: &Index) -> Result<[KeySchemaElement; 2], BuildError> {
    Ok([key(index.partition, KeyType::Hash)?, key(index.sort, KeyType::Range)?])
}

fn projection(index: &Index) -> Projection {
    let projection = match index.shows {
        Shows::Everything => Projection::builder().projection_type(ProjectionType::All),
        Shows::KeysOnly => Projection::builder().projection_type(ProjectionType::KeysOnly),
        Shows::Also(names) => {
            // An index shows its own keys anyway; DynamoDB refuses to be told so.
            let others = names.iter().filter(|name| ![&index.partition, &index.sort].contains(name));
            Projection::builder()
                .projection_type(ProjectionType::Include)
                .set_non_key_attributes(Some(others.map(ToString::to_string).collect()))
        }
    };
    projection.build()
}

fn global_index(index: &Index) -> Result<GlobalSecondaryIndex, BuildError> {
    GlobalSecondaryIndex::builder()
        .index_name(index.name)
        .set_key_schema(Some(keys(index)?.into()))
        .projection(projection(index))
        .build()
}

/// The ARNs that the embedded state machines have or will have.
pub fn state_machines_to_be(config: &Config) -> StateMachines {
    let arn = |name: &str| format!("arn:aws:states:{}:{}:stateMachine:{name}", config.region, config.account_id);
    StateMachines { loan_processing: arn(LOAN_PROCESSING), mock_valuation: Some(arn(MOCK_VALUATION)) }
}

/// Creates the state machines, or updates them to what their files say now. Executions that run go on as they began.
pub async fn deploy_state_machines(aws: &Aws, config: &Config) -> Result<(), DeployError> {
    let definitions = definitions::load(config.workflow_dir.as_deref(), &substitutions(config))?;
    let existing = state_machines(aws).await.map_err(failed("the state machines"))?;
    for definition in &definitions {
        let known = existing.iter().find(|(name, _)| name == definition.name).map(|(_, arn)| arn.as_str());
        let deployed = deploy(aws, config, definition, known).await;
        deployed.map_err(|source| DeployError::Refused { name: definition.name, source })?;
    }
    Ok(())
}

async fn deploy(aws: &Aws, config: &Config, definition: &Definition, known: Option<&str>) -> Result<(), AwsError> {
    match known {
        Some(arn) => {
            let described = aws.step_functions.describe_state_machine().state_machine_arn(arn).send().await?;
            if described.definition != definition.text {
                let update = aws.step_functions.update_state_machine().state_machine_arn(arn);
                update.definition(&definition.text).send().await?;
                tracing::info!(state_machine = definition.name, "updated");
            }
        }
        None => {
            let role = format!("arn:aws:iam::{}:role/loan-desk", config.account_id);
            let create = aws.step_functions.create_state_machine().name(definition.name).role_arn(role);
            create.definition(&definition.text).send().await?;
            tracing::info!(state_machine = definition.name, "created");
        }
    }
    Ok(())
}

/// Name and ARN of each.
async fn state_machines(aws: &Aws) -> Result<Vec<(String, String)>, AwsError> {
    let mut items = aws.step_functions.list_state_machines().into_paginator().items().send();
    let mut machines = Vec::new();
    while let Some(machine) = items.next().await {
        let machine = machine?;
        machines.push((machine.name, machine.state_machine_arn));
    }
    Ok(machines)
}

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

/// Finds on AWS what must have been deployed.
pub async fn find(aws: &Aws) -> Result<StateMachines, DeployError> {
    let tables = table_names(aws).await.map_err(failed("the list of tables"))?;
    let machines = state_machines(aws).await.map_err(failed("the list of state machines"))?;
    let arn_of = |name: &str| machines.iter().find(|(known, _)| known == name).map(|(_, arn)| arn.clone());
    let mut missing = Vec::new();
    for table in tables::ALL {
        if !tables.iter().any(|name| name == table.name) {
            missing.push(format!("table {}", table.name));
            continue;
        }
        let indexes = missing_indexes(aws, table).await.map_err(failed(format_args!("the table {}", table.name)))?;
        missing.extend(indexes.iter().map(|index| format!("index {} of table {}", index.name, table.name)));
    }
    match arn_of(LOAN_PROCESSING) {
        Some(loan_processing) if missing.is_empty() => {
            Ok(StateMachines { loan_processing, mock_valuation: arn_of(MOCK_VALUATION) })
        }
        found => {
            if found.is_none() {
                missing.push(format!("state machine {LOAN_PROCESSING}"));
            }
            Err(DeployError::Missing(missing.join(", ")))
        }
    }
}

/// Whether DynamoDB and Step Functions answer.
pub async fn reach(aws: &Aws, machines: &StateMachines) -> Result<(), AwsError> {
    let table = async {
        aws.dynamodb.describe_table().table_name(paused::TABLE.name).send().await?;
        Ok::<_, AwsError>(())
    };
    let machine = async {
        let describe = aws.step_functions.describe_state_machine().state_machine_arn(&machines.loan_processing);
        describe.send().await?;
        Ok::<_, AwsError>(())
    };
    tokio::try_join!(table, machine).map(|_| ())
}
