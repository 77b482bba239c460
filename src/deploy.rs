//! What must be there before the desk opens: its tables and its state machines. Embedded, the desk makes them; on AWS
//! whoever deploys it does, and the desk looks whether they are there. What a table lacks, it gets in both.

use std::time::Duration;

use aws_sdk_dynamodb::{
    error::BuildError,
    types::{
        AttributeDefinition, BillingMode, CreateGlobalSecondaryIndexAction, DeleteGlobalSecondaryIndexAction,
        GlobalSecondaryIndex, GlobalSecondaryIndexUpdate, IndexStatus, KeySchemaElement, KeyType, Projection,
        ProjectionType, ScalarAttributeType, TableDescription, TableStatus, TimeToLiveSpecification, TimeToLiveStatus,
    },
};

use crate::{
    applications,
    aws::{Aws, AwsError},
    config::Config,
    definitions::{self, Definition, DefinitionError, LOAN_PROCESSING, MOCK_VALUATION},
    functions,
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
        "not everything that the desk needs is in this AWS account and region; missing: {0}. It must be deployed \
         there first: with --backend aws the desk creates no table and no state machine"
    )]
    Missing(String),
}

fn failed(what: impl ToString) -> impl FnOnce(AwsError) -> DeployError {
    move |source| DeployError::Aws { what: what.to_string(), source }
}

/// How often AWS is asked whether it has made an index, which may take it minutes.
const INDEX_POLL: Duration = Duration::from_secs(1);

/// Creates the tables that are missing, and completes the others. What they have too much, they lose: it would cost
/// something with every write.
pub async fn create_tables(aws: &Aws) -> Result<(), DeployError> {
    let existing = table_names(aws).await.map_err(failed("the tables"))?;
    for table in tables::ALL {
        if !existing.iter().any(|name| name == table.name) {
            create_table(aws, table).await.map_err(failed(format_args!("the table {}", table.name)))?;
        }
    }
    complete_tables(aws).await?;
    for (table, index) in retired_indexes(aws).await? {
        let deleted = delete_index(aws, table, index).await;
        deleted.map_err(failed(format_args!("the table {}", table.name)))?;
    }
    Ok(())
}

/// The indexes that earlier versions made and nothing reads any more.
async fn retired_indexes(aws: &Aws) -> Result<Vec<(&'static Table, &'static str)>, DeployError> {
    let table = &applications::TABLE;
    let described = at_rest(aws, table).await.map_err(failed(format_args!("the table {}", table.name)))?;
    let exists =
        |index: &str| described.global_secondary_indexes().iter().any(|known| known.index_name() == Some(index));
    Ok(applications::RETIRED_INDEXES.into_iter().filter(|index| exists(index)).map(|index| (table, index)).collect())
}

async fn delete_index(aws: &Aws, table: &Table, index: &str) -> Result<(), AwsError> {
    tracing::info!(table = table.name, index, "deleting an index that is not used any more");
    let delete = DeleteGlobalSecondaryIndexAction::builder().index_name(index).build().map_err(AwsError::corrupt)?;
    let update = GlobalSecondaryIndexUpdate::builder().delete(delete).build();
    aws.dynamodb.update_table().table_name(table.name).global_secondary_index_updates(update).send().await?;
    at_rest(aws, table).await?;
    Ok(())
}

/// Gives tables what they lack: an index that an earlier version did not know, or the time to live that a desk was
/// stopped before it could set. To a table that lacks nothing this does nothing.
async fn complete_tables(aws: &Aws) -> Result<(), DeployError> {
    for table in tables::ALL {
        let completed = async {
            create_missing_indexes(aws, table).await?;
            set_time_to_live(aws, table).await
        };
        completed.await.map_err(failed(format_args!("the table {}", table.name)))?;
    }
    Ok(())
}

async fn create_missing_indexes(aws: &Aws, table: &Table) -> Result<(), AwsError> {
    let described = at_rest(aws, table).await?;
    let existing = described.global_secondary_indexes();
    let exists = |index: &&Index| existing.iter().any(|known| known.index_name() == Some(index.name));
    // One at a time is all that DynamoDB takes.
    for index in table.indexes.iter().filter(|index| !exists(index)) {
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
        tracing::info!(table = table.name, index = index.name, "creating an index that the table lacks");
        update.send().await?;
        at_rest(aws, table).await?;
    }
    Ok(())
}

/// The table once nothing on it is being made or changed.
async fn at_rest(aws: &Aws, table: &Table) -> Result<TableDescription, AwsError> {
    loop {
        let described = aws.dynamodb.describe_table().table_name(table.name).send().await?;
        let described = described.table.ok_or_else(|| AwsError::missing(format_args!("table {}", table.name)))?;
        let mut indexes = described.global_secondary_indexes().iter();
        let active = indexes.all(|index| index.index_status().is_none_or(|status| *status == IndexStatus::Active));
        if active && described.table_status().is_none_or(|status| *status == TableStatus::Active) {
            return Ok(described);
        }
        aws.clock.sleep(INDEX_POLL).await;
    }
}

async fn set_time_to_live(aws: &Aws, table: &Table) -> Result<(), AwsError> {
    let Some(attribute) = table.time_to_live else { return Ok(()) };
    let described = aws.dynamodb.describe_time_to_live().table_name(table.name).send().await?;
    let status = described.time_to_live_description.and_then(|described| described.time_to_live_status);
    if matches!(status, Some(TimeToLiveStatus::Enabled | TimeToLiveStatus::Enabling)) {
        return Ok(());
    }
    let live = TimeToLiveSpecification::builder().attribute_name(attribute).enabled(true).build();
    let update = aws.dynamodb.update_time_to_live().table_name(table.name);
    update.time_to_live_specification(live.map_err(AwsError::corrupt)?).send().await?;
    Ok(())
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

/// Finds on AWS what must have been deployed, and gives the tables what they lack.
pub async fn find(aws: &Aws) -> Result<StateMachines, DeployError> {
    let tables = table_names(aws).await.map_err(failed("the list of tables"))?;
    let machines = state_machines(aws).await.map_err(failed("the list of state machines"))?;
    let arn_of = |name: &str| machines.iter().find(|(known, _)| known == name).map(|(_, arn)| arn.clone());
    let mut missing: Vec<String> = tables::ALL
        .iter()
        .filter(|table| !tables.iter().any(|name| name == table.name))
        .map(|table| format!("table {}", table.name))
        .collect();
    match arn_of(LOAN_PROCESSING) {
        Some(loan_processing) if missing.is_empty() => {
            complete_tables(aws).await?;
            for (table, index) in retired_indexes(aws).await? {
                tracing::info!(table = table.name, index, "this index is not used any more and can be deleted");
            }
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{aws::Embedded, callbacks, clock::Clock, item::text, sessions};

    async fn time_to_live(aws: &Aws, table: &Table) -> Option<TimeToLiveStatus> {
        let described = aws.dynamodb.describe_time_to_live().table_name(table.name).send().await.unwrap();
        described.time_to_live_description.and_then(|described| described.time_to_live_status)
    }

    #[tokio::test]
    async fn tables_that_an_older_or_interrupted_desk_left_incomplete_are_completed_with_what_is_in_them() {
        let folder = tempfile::tempdir().unwrap();
        let embedded = Embedded::open(folder.path(), Clock::system()).unwrap();
        let aws = Aws::inside(&embedded, "eu-west-2");
        let older = Table { indexes: &callbacks::TABLE.indexes[..1], ..callbacks::TABLE };
        create_table(&aws, &older).await.unwrap();
        create_table(&aws, &sessions::TABLE).await.unwrap();
        let retired = |name| Index { name, partition: "kind", sort: "submittedAt", shows: Shows::Everything };
        let with_more = [retired("newest"), applications::TABLE.indexes[0]];
        create_table(&aws, &Table { indexes: Box::leak(with_more.into()), ..applications::TABLE }).await.unwrap();
        assert_ne!(time_to_live(&aws, &sessions::TABLE).await, Some(TimeToLiveStatus::Enabled));
        let put = aws.dynamodb.put_item().table_name(older.name).item("id", text("kept"));
        put.item("outcome", text("late")).item("receivedAt", text("2026")).send().await.unwrap();

        for _ in 0..2 {
            create_tables(&aws).await.unwrap();
            for table in tables::ALL {
                let described = at_rest(&aws, table).await.unwrap();
                let names: Vec<_> =
                    described.global_secondary_indexes().iter().filter_map(|i| i.index_name()).collect();
                assert_eq!(names.len(), table.indexes.len(), "{}: {names:?}", table.name);
                let expires = time_to_live(&aws, table).await == Some(TimeToLiveStatus::Enabled);
                assert_eq!(expires, table.time_to_live.is_some(), "{}", table.name);
            }
        }
        let late = aws.dynamodb.query().table_name(older.name).index_name(callbacks::TABLE.indexes[1].name);
        let late = late.key_condition_expression("outcome = :late").expression_attribute_values(":late", text("late"));
        assert_eq!(late.send().await.unwrap().count(), 1);
    }
}
