//! The desk's tables: creates missing ones, and adds what tables of an earlier version lack.

use std::time::Duration;

use aws_sdk_dynamodb::{
    error::BuildError,
    types::{
        AttributeDefinition, BillingMode, CreateGlobalSecondaryIndexAction, DeleteGlobalSecondaryIndexAction,
        GlobalSecondaryIndex, GlobalSecondaryIndexUpdate, IndexStatus, KeySchemaElement, KeyType, Projection,
        ProjectionType, ScalarAttributeType, TableDescription, TableStatus, TimeToLiveSpecification, TimeToLiveStatus,
    },
};

use super::{DeployError, failed};
use crate::{
    applications,
    aws::{Aws, AwsError},
    callbacks, orphans, sessions, settings,
    tables::{Index, Shows, Table},
    tasks,
};

/// All tables of the desk. Each is described in the module that uses it.
pub const ALL: [&Table; 7] = [
    &applications::TABLE,
    &tasks::TABLE,
    &callbacks::TABLE,
    &tasks::REFERENCES,
    &orphans::TABLE,
    &sessions::TABLE,
    &settings::TABLE,
];

/// The interval for checking whether an index is ready, which can take minutes on AWS.
const INDEX_POLL: Duration = Duration::from_secs(1);

/// Creates missing tables and completes the others. Deletes unused indexes, because they cost capacity with every
/// write.
pub async fn create_tables(aws: &Aws) -> Result<(), DeployError> {
    let existing = table_names(aws).await.map_err(failed("the tables"))?;
    for table in ALL {
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

/// Indexes of earlier versions that are no longer used.
pub(super) async fn retired_indexes(aws: &Aws) -> Result<Vec<(&'static Table, &'static str)>, DeployError> {
    let mut retired = Vec::new();
    for table in ALL.into_iter().filter(|table| !table.retired_indexes.is_empty()) {
        let described = at_rest(aws, table).await.map_err(failed(format_args!("the table {}", table.name)))?;
        let existing = described.global_secondary_indexes();
        let exists = |index: &str| existing.iter().any(|known| known.index_name() == Some(index));
        retired.extend(table.retired_indexes.iter().filter(|index| exists(index)).map(|index| (table, *index)));
    }
    Ok(retired)
}

async fn delete_index(aws: &Aws, table: &Table, index: &str) -> Result<(), AwsError> {
    tracing::info!(table = table.name, index, "deleting an index that is no longer used");
    let delete = DeleteGlobalSecondaryIndexAction::builder().index_name(index).build().map_err(AwsError::corrupt)?;
    let update = GlobalSecondaryIndexUpdate::builder().delete(delete).build();
    let update = aws.dynamodb.update_table().table_name(table.name).global_secondary_index_updates(update);
    let deleted = update.send().await.map_err(AwsError::from);
    let described = at_rest(aws, table).await?;
    // Another desk that is starting may have deleted it first.
    let exists = described.global_secondary_indexes().iter().any(|known| known.index_name() == Some(index));
    if exists { deleted.map(drop) } else { Ok(()) }
}

/// Adds missing indexes, and times to live that a desk was stopped before it could set.
pub(super) async fn complete_tables(aws: &Aws) -> Result<(), DeployError> {
    for table in ALL {
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
    // DynamoDB creates only one index at a time.
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
        let created = update.send().await.map_err(AwsError::from);
        let described = at_rest(aws, table).await?;
        // Another desk that is starting may have created it first.
        let exists = described.global_secondary_indexes().iter().any(|known| known.index_name() == Some(index.name));
        match created {
            Err(error) if !exists => return Err(error),
            _ => {}
        }
    }
    Ok(())
}

/// Waits until the table and its indexes are active, and returns the table's description.
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
    if has_time_to_live(aws, table).await? {
        return Ok(());
    }
    let live = TimeToLiveSpecification::builder().attribute_name(attribute).enabled(true).build();
    let update = aws.dynamodb.update_time_to_live().table_name(table.name);
    let updated = update.time_to_live_specification(live.map_err(AwsError::corrupt)?).send().await;
    match updated.map_err(AwsError::from) {
        // Another desk that is starting may have set it first. DynamoDB refuses to set it twice.
        Err(_) if has_time_to_live(aws, table).await? => Ok(()),
        updated => updated.map(drop),
    }
}

async fn has_time_to_live(aws: &Aws, table: &Table) -> Result<bool, AwsError> {
    let described = aws.dynamodb.describe_time_to_live().table_name(table.name).send().await?;
    let status = described.time_to_live_description.and_then(|described| described.time_to_live_status);
    Ok(matches!(status, Some(TimeToLiveStatus::Enabled | TimeToLiveStatus::Enabling)))
}

pub(super) async fn table_names(aws: &Aws) -> Result<Vec<String>, AwsError> {
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
    match create.send().await.map_err(AwsError::from) {
        // Another desk that is starting has created it, or is creating it.
        Err(error) if error.is("ResourceInUseException") => Ok(()),
        created => created.map(drop),
    }
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
            // DynamoDB always projects keys, and refuses them as non-key attributes.
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{aws::Embedded, clock::Clock, item::text};

    #[tokio::test]
    async fn two_desks_that_start_together_both_find_the_tables_complete() {
        let folder = tempfile::tempdir().unwrap();
        let embedded = Embedded::open(folder.path(), Clock::system()).unwrap();
        let (first, second) = (Aws::inside(&embedded, "eu-west-2"), Aws::inside(&embedded, "eu-west-2"));
        // Both list the tables before either creates one.
        let (one, other) = tokio::join!(create_tables(&first), create_tables(&second));
        one.and(other).unwrap();
        for table in ALL {
            assert_eq!(has_time_to_live(&first, table).await.unwrap(), table.time_to_live.is_some(), "{}", table.name);
        }
    }

    #[tokio::test]
    async fn incomplete_tables_of_an_older_or_interrupted_desk_are_completed_and_keep_their_items() {
        let folder = tempfile::tempdir().unwrap();
        let embedded = Embedded::open(folder.path(), Clock::system()).unwrap();
        let aws = Aws::inside(&embedded, "eu-west-2");
        let older = Table { indexes: &[callbacks::BY_APPLICATION], ..callbacks::TABLE };
        create_table(&aws, &older).await.unwrap();
        create_table(&aws, &sessions::TABLE).await.unwrap();
        let retired = |name| Index { name, partition: "kind", sort: "submittedAt", shows: Shows::Everything };
        let with_more = [retired("newest"), applications::CHANGED];
        create_table(&aws, &Table { indexes: Box::leak(with_more.into()), ..applications::TABLE }).await.unwrap();
        let queue = Index { name: "queue", partition: "queue", sort: "deadline", shows: Shows::Everything };
        create_table(&aws, &Table { indexes: Box::leak([queue].into()), ..tasks::TABLE }).await.unwrap();
        assert!(!has_time_to_live(&aws, &sessions::TABLE).await.unwrap());
        let put = aws.dynamodb.put_item().table_name(older.name).item("id", text("kept"));
        put.item("outcome", text("late")).item("receivedAt", text("2026")).send().await.unwrap();

        for _ in 0..2 {
            create_tables(&aws).await.unwrap();
            for table in ALL {
                let described = at_rest(&aws, table).await.unwrap();
                let names: Vec<_> =
                    described.global_secondary_indexes().iter().filter_map(|i| i.index_name()).collect();
                assert_eq!(names.len(), table.indexes.len(), "{}: {names:?}", table.name);
                let expires = has_time_to_live(&aws, table).await.unwrap();
                assert_eq!(expires, table.time_to_live.is_some(), "{}", table.name);
            }
        }
        let late = aws.dynamodb.query().table_name(older.name).index_name("by-outcome");
        let late = late.key_condition_expression("outcome = :late").expression_attribute_values(":late", text("late"));
        assert_eq!(late.send().await.unwrap().count(), 1);
    }
}
