//! What a property was valued at before: found by its address, in whatever case and spacing that was written.

use app::domain::{ApplicationReference, Property};
use serde_json::Value;
use time::OffsetDateTime;

use super::{Applications, TABLE};
use crate::{
    aws::AwsError,
    item::{Item, Read, text},
};

/// The attribute that holds [`key`].
pub(super) const KEY: &str = "propertyKey";

/// How many applications for one property are looked through, the newest first.
const LOOK: i32 = 100;

/// One valuation of a property.
#[derive(Debug, Clone, PartialEq)]
pub struct Valued {
    pub application_reference: ApplicationReference,
    /// As the workflow took it: the service's callback, or what a person said.
    pub valuation: Value,
    pub at: OffsetDateTime,
}

/// The same for all ways to write one address: `PO1 1CE/rose cottage`.
pub(super) fn key(property: &Property) -> String {
    let name: Vec<&str> = property.name_or_number.as_str().split_whitespace().collect();
    format!("{}/{}", property.postcode, name.join(" ").to_lowercase())
}

impl Applications {
    /// What the property was valued at, for the newest applications first.
    pub async fn valuations_of(&self, property: &Property) -> Result<Vec<Valued>, AwsError> {
        let found = self
            .aws
            .dynamodb
            .query()
            .table_name(TABLE.name)
            .index_name(TABLE.indexes[3].name)
            .key_condition_expression("propertyKey = :property")
            .filter_expression("attribute_exists(valuation)")
            .expression_attribute_values(":property", text(key(property)))
            .scan_index_forward(false)
            .limit(LOOK)
            .send()
            .await?;
        found.items().iter().map(read).collect()
    }

    /// Enters applications into the index that were stored before there was one. May be done twice, and by two desks at
    /// once.
    pub(super) async fn enter_properties(&self, references: &[ApplicationReference]) -> Result<(), AwsError> {
        if !references.is_empty() {
            tracing::info!(applications = references.len(), "entering into the index by property");
        }
        for reference in references {
            let Some(record) = self.get(reference).await? else { continue };
            let update = self
                .update(reference)
                .update_expression("SET propertyKey = :property")
                // Whoever writes an application enters its property, too.
                .condition_expression("executionArn = :arn AND attribute_not_exists(propertyKey)")
                .expression_attribute_values(":arn", text(&record.execution_arn))
                .expression_attribute_values(":property", text(key(&record.application.property)));
            match update.send().await.map_err(AwsError::from) {
                Ok(_) => {}
                Err(error) if error.is_condition() => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}

fn read(item: &Item) -> Result<Valued, AwsError> {
    Ok(Valued {
        application_reference: item.parse(TABLE.key)?,
        valuation: item.require_json("valuation")?,
        at: item.optional_time("decidedAt")?.map_or_else(|| item.time("updatedAt"), Ok)?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_the_same_however_it_is_written() {
        let property = |name: &str, postcode: &str| Property {
            name_or_number: name.parse().unwrap(),
            postcode: postcode.parse().unwrap(),
        };
        assert_eq!(key(&property("Rose Cottage", "PO1 1CE")), "PO1 1CE/rose cottage");
        assert_eq!(key(&property(" ROSE  cottage ", "po11ce")), "PO1 1CE/rose cottage");
        assert_ne!(key(&property("12", "PO1 1CE")), key(&property("1", "PO1 1CE")));
    }
}
