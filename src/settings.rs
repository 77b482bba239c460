//! Internal settings: the signing keys of callback addresses, and counters.

use aws_sdk_dynamodb::types::ReturnValue;

use crate::{
    aws::{Aws, AwsError},
    item::{Read, number, text},
    tables::Table,
};

pub const TABLE: Table =
    Table { name: "loan-desk-settings", key: "name", indexes: &[], retired_indexes: &[], time_to_live: None };

#[derive(Debug, Clone)]
pub struct Settings {
    aws: Aws,
}

impl Settings {
    pub fn new(aws: Aws) -> Self {
        Self { aws }
    }

    /// The setting's value. If there is none, stores `first` for all desks on these tables.
    pub async fn get_or_keep(&self, name: &str, first: String) -> Result<String, AwsError> {
        let put = self
            .aws
            .dynamodb
            .put_item()
            .table_name(TABLE.name)
            .item("name", text(name))
            .item("value", text(&first))
            .condition_expression("attribute_not_exists(#name)")
            .expression_attribute_names("#name", "name")
            .send()
            .await
            .map_err(AwsError::from);
        match put {
            Ok(_) => return Ok(first),
            Err(error) if !error.is_condition() => return Err(error),
            Err(_) => {}
        }
        self.get(name).await?.ok_or_else(|| AwsError::corrupt("attribute value"))
    }

    /// The setting's value; `None` when it has never been set.
    pub async fn get(&self, name: &str) -> Result<Option<String>, AwsError> {
        let get = self.aws.dynamodb.get_item().table_name(TABLE.name).key("name", text(name)).consistent_read(true);
        let item = get.send().await?.item.unwrap_or_default();
        Ok(item.text("value").map(str::to_owned))
    }

    /// Sets a setting whatever its value was.
    pub async fn set(&self, name: &str, value: String) -> Result<(), AwsError> {
        let put = self.aws.dynamodb.put_item().table_name(TABLE.name);
        put.item("name", text(name)).item("value", text(value)).send().await?;
        Ok(())
    }

    /// Changes a setting if it still has the value `before`. Returns whether it was changed.
    pub async fn replace(&self, name: &str, before: &str, value: String) -> Result<bool, AwsError> {
        let put = self.aws.dynamodb.put_item().table_name(TABLE.name);
        let put = put
            .item("name", text(name))
            .item("value", text(value))
            .condition_expression("#value = :before")
            .expression_attribute_names("#value", "value")
            .expression_attribute_values(":before", text(before));
        match put.send().await.map_err(AwsError::from) {
            Ok(_) => Ok(true),
            Err(error) if error.is_condition() => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Checks that DynamoDB answers, with the cheapest possible call.
    pub async fn reach(&self) -> Result<(), AwsError> {
        let get = self.aws.dynamodb.get_item().table_name(TABLE.name).key("name", text("reach"));
        get.send().await?;
        Ok(())
    }

    /// Increments a counter and returns its new value.
    pub async fn count(&self, name: &str) -> Result<u64, AwsError> {
        let updated = self
            .aws
            .dynamodb
            .update_item()
            .table_name(TABLE.name)
            .key("name", text(name))
            .update_expression("ADD #count :one")
            .expression_attribute_names("#count", "count")
            .expression_attribute_values(":one", number(1))
            .return_values(ReturnValue::UpdatedNew)
            .send()
            .await?;
        let count = updated.attributes.unwrap_or_default().number("count").unwrap_or_default();
        Ok(count as u64)
    }
}
