//! Helpers for reading and writing DynamoDB items.

use std::collections::HashMap;

use aws_sdk_dynamodb::{operation::query::builders::QueryFluentBuilder, types::AttributeValue};
use serde::{Serialize, de::DeserializeOwned};
use time::OffsetDateTime;

use crate::{aws::AwsError, timestamp};

pub type Item = HashMap<String, AttributeValue>;

pub fn text(value: impl Into<String>) -> AttributeValue {
    AttributeValue::S(value.into())
}

pub fn number(value: impl ToString) -> AttributeValue {
    AttributeValue::N(value.to_string())
}

pub fn time(at: OffsetDateTime) -> AttributeValue {
    text(timestamp::write(at))
}

/// Reads all pages of a query.
pub async fn read_all<T>(
    query: QueryFluentBuilder,
    read: impl Fn(&Item) -> Result<T, AwsError>,
) -> Result<Vec<T>, AwsError> {
    let mut items = query.into_paginator().items().send();
    let mut all = Vec::new();
    while let Some(item) = items.next().await {
        all.push(read(&item?)?);
    }
    Ok(all)
}

/// A nested document, stored as JSON text.
pub fn json(value: &impl Serialize) -> AttributeValue {
    text(serde_json::to_string(value).unwrap_or_default())
}

/// Reads attributes of an item. A missing or malformed attribute is [`AwsError::corrupt`], which names the attribute.
pub trait Read {
    fn text(&self, name: &str) -> Option<&str>;

    fn require(&self, name: &str) -> Result<&str, AwsError> {
        self.text(name).ok_or_else(|| AwsError::corrupt(format_args!("attribute {name} is missing")))
    }

    fn parse<T: std::str::FromStr>(&self, name: &str) -> Result<T, AwsError> {
        self.require(name)?.parse().map_err(|_| AwsError::corrupt(format_args!("attribute {name}")))
    }

    fn time(&self, name: &str) -> Result<OffsetDateTime, AwsError> {
        timestamp::read(self.require(name)?).ok_or_else(|| AwsError::corrupt(format_args!("attribute {name}")))
    }

    fn json<T: DeserializeOwned>(&self, name: &str) -> Result<Option<T>, AwsError> {
        match self.text(name) {
            None => Ok(None),
            Some(json) => serde_json::from_str(json)
                .map(Some)
                .map_err(|error| AwsError::corrupt(format_args!("attribute {name}: {error}"))),
        }
    }

    fn require_json<T: DeserializeOwned>(&self, name: &str) -> Result<T, AwsError> {
        self.json(name)?.ok_or_else(|| AwsError::corrupt(format_args!("attribute {name} is missing")))
    }

    fn optional_time(&self, name: &str) -> Result<Option<OffsetDateTime>, AwsError> {
        self.text(name).map(|_| self.time(name)).transpose()
    }

    fn number(&self, name: &str) -> Option<f64>;
}

impl Read for Item {
    fn text(&self, name: &str) -> Option<&str> {
        self.get(name)?.as_s().ok().map(String::as_str)
    }

    fn number(&self, name: &str) -> Option<f64> {
        self.get(name)?.as_n().ok()?.parse().ok()
    }
}
