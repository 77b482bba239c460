//! Items of the tables as the read model stores them.

use aws_sdk_dynamodb::types::AttributeValue;
use serde_json::{Map, Value, json};

use crate::{aws::AwsError, item::Item};

/// An item as JSON. Equal items give equal JSON. Attributes other than strings, numbers and sets of strings are left out.
pub fn write(item: &Item) -> String {
    let mut attributes: Vec<(&String, &AttributeValue)> = item.iter().collect();
    attributes.sort_unstable_by_key(|(name, _)| *name);
    let attributes = attributes.into_iter().filter_map(|(name, value)| match value {
        AttributeValue::S(text) => Some((name.clone(), Value::String(text.clone()))),
        // As a string in an array, a number keeps its digits.
        AttributeValue::N(digits) => Some((name.clone(), json!([digits]))),
        AttributeValue::Ss(texts) => {
            // DynamoDB returns the members of a set in no particular order.
            let mut texts = texts.clone();
            texts.sort_unstable();
            Some((name.clone(), json!({ "set": texts })))
        }
        _ => None,
    });
    Value::Object(attributes.collect()).to_string()
}

/// Reads an item that [`write`] wrote.
pub fn read(text: &str) -> Result<Item, AwsError> {
    let attributes: Map<String, Value> = serde_json::from_str(text).map_err(AwsError::corrupt)?;
    let attributes = attributes.into_iter().map(|(name, value)| match value {
        Value::String(text) => (name, AttributeValue::S(text)),
        Value::Object(set) => {
            let texts = set["set"].as_array().into_iter().flatten().filter_map(Value::as_str);
            (name, AttributeValue::Ss(texts.map(str::to_owned).collect()))
        }
        digits => (name, AttributeValue::N(digits[0].as_str().unwrap_or_default().to_owned())),
    });
    Ok(attributes.collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_item_reads_back() {
        let number = AttributeValue::N("75.10".into());
        let set = AttributeValue::Ss(vec!["x".into(), "y".into()]);
        let written =
            Item::from([("b".into(), AttributeValue::S("[1]".into())), ("a".into(), number), ("c".into(), set)]);
        assert_eq!(write(&written), r#"{"a":["75.10"],"b":"[1]","c":{"set":["x","y"]}}"#);
        assert_eq!(read(&write(&written)).unwrap(), written);
    }
}
