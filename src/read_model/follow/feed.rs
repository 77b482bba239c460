//! The tables that the read model follows, and how they are read.

use std::{collections::HashMap, time::Duration};

use aws_sdk_dynamodb::types::KeysAndAttributes;
use time::OffsetDateTime;

use crate::{
    applications,
    aws::{Aws, AwsError},
    item::{Item, Read, read_all, text, time},
    tables::{Index, Table},
    tasks,
};

/// Items that one BatchGetItem call may ask for.
const BATCH: usize = 100;

/// The pause after DynamoDB has left some keys of a batch unprocessed.
const BACK_OFF: Duration = Duration::from_millis(100);

/// A table that is followed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Feed {
    Applications,
    Tasks,
}

/// The key of an item that changed, and the time of the change as the table has it.
pub type Change = (String, String);

impl Feed {
    pub const ALL: [Self; 2] = [Self::Applications, Self::Tasks];

    pub fn name(self) -> &'static str {
        self.table().name
    }

    pub fn table(self) -> &'static Table {
        match self {
            Self::Applications => &applications::TABLE,
            Self::Tasks => &tasks::TABLE,
        }
    }

    /// The key of one of its items.
    pub fn key(self, item: &Item) -> &str {
        item.text(self.table().key).unwrap_or_default()
    }

    /// The index of its items by the time of their last change.
    fn changes(self) -> Index {
        match self {
            Self::Applications => applications::CHANGED,
            Self::Tasks => tasks::CHANGED,
        }
    }

    /// The only value of that index's partition attribute.
    fn partition(self) -> &'static str {
        match self {
            Self::Applications => applications::KIND,
            Self::Tasks => tasks::FEED,
        }
    }

    /// The attributes to read; `None` for all. Task tokens are never read.
    fn attributes(self) -> Option<&'static [&'static str]> {
        match self {
            Self::Applications => None,
            Self::Tasks => Some(tasks::PUBLIC),
        }
    }

    /// What changed at or after `since`.
    pub async fn changed(self, aws: &Aws, since: OffsetDateTime) -> Result<Vec<Change>, AwsError> {
        let (key, index) = (self.table().key, self.changes());
        let query = aws.dynamodb.query().table_name(self.name()).index_name(index.name);
        let query = query
            .key_condition_expression("#partition = :partition AND updatedAt >= :since")
            .expression_attribute_names("#partition", index.partition)
            .expression_attribute_values(":partition", text(self.partition()))
            .expression_attribute_values(":since", time(since));
        read_all(query, |item| Ok((item.require(key)?.to_owned(), item.require("updatedAt")?.to_owned()))).await
    }

    /// The items with these keys as they are now. Keys without an item are left out.
    pub async fn get_all(self, aws: &Aws, keys: &[String]) -> Result<Vec<Item>, AwsError> {
        let table = self.table();
        let mut items = Vec::new();
        for keys in keys.chunks(BATCH) {
            let keys = keys.iter().map(|key| Item::from([(table.key.to_owned(), text(key))])).collect();
            let mut keys = KeysAndAttributes::builder().set_keys(Some(keys)).consistent_read(true);
            if let Some(attributes) = self.attributes() {
                let (expression, names) = projection(attributes);
                keys = keys.projection_expression(expression).set_expression_attribute_names(Some(names));
            }
            let keys = keys.build().map_err(AwsError::corrupt)?;
            let mut asked = HashMap::from([(table.name.to_owned(), keys)]);
            loop {
                let answer = aws.dynamodb.batch_get_item().set_request_items(Some(asked)).send().await?;
                items.extend(answer.responses.unwrap_or_default().remove(table.name).unwrap_or_default());
                asked = answer.unprocessed_keys.unwrap_or_default();
                if asked.is_empty() {
                    break;
                }
                tokio::time::sleep(BACK_OFF).await;
            }
        }
        Ok(items)
    }

    /// Up to `at_most` items of the whole table behind the key `after`, and the key to go on behind.
    pub async fn scan(
        self,
        aws: &Aws,
        after: Option<Item>,
        at_most: i32,
    ) -> Result<(Vec<Item>, Option<Item>), AwsError> {
        let mut scan = aws.dynamodb.scan().table_name(self.name()).consistent_read(true).limit(at_most);
        if let Some(attributes) = self.attributes() {
            let (expression, names) = projection(attributes);
            scan = scan.projection_expression(expression).set_expression_attribute_names(Some(names));
        }
        let page = scan.set_exclusive_start_key(after).send().await?;
        Ok((page.items.unwrap_or_default(), page.last_evaluated_key))
    }
}

/// A projection of these attributes and the keys. Each has a placeholder, because DynamoDB reserves many words.
fn projection(attributes: &[&str]) -> (String, HashMap<String, String>) {
    let names = attributes.iter().chain(&["id", "updatedAt"]);
    let names: HashMap<String, String> = names.map(|name| (format!("#{name}"), (*name).to_owned())).collect();
    let mut expression: Vec<&str> = names.keys().map(String::as_str).collect();
    expression.sort_unstable();
    (expression.join(", "), names)
}

/// Identifies the tables, so that a copy of other tables is not taken for a copy of these.
pub async fn source(aws: &Aws) -> Result<String, AwsError> {
    let mut source = String::new();
    for feed in Feed::ALL {
        let described = aws.dynamodb.describe_table().table_name(feed.name()).send().await?;
        let table = described.table.ok_or_else(|| AwsError::missing(format_args!("table {}", feed.name())))?;
        let created = table.creation_date_time.map(|at| at.as_secs_f64()).unwrap_or_default();
        source.push_str(&format!("{} {created}\n", table.table_arn.unwrap_or_default()));
    }
    Ok(source)
}
