//! Reads the items of an S3 object. Pure functions of its text, with one item in memory at a time.
//!
//! See "ItemReader (Map)" in the developer guide.

mod csv;
mod json;

use std::ops::ControlFlow;

use serde_json::Value;

use crate::definition::DataSet;

/// The maximum size of an object with items, in bytes. It is read into memory. AWS allows 10 GB.
pub(crate) const LONGEST_OBJECT: usize = 32 << 20;

/// Called with each item. Returns whether to continue.
pub(crate) type Take<'t> = dyn FnMut(Value) -> ControlFlow<()> + 't;

/// Calls `take` with each item of an object.
///
/// # Errors
/// Returns the cause for States.ItemReaderFailed if the text can't be read. Some items may have been taken before.
pub(crate) fn read(text: &str, dataset: &DataSet, take: &mut Take<'_>) -> Result<(), String> {
    // Spreadsheet programs begin files with a byte order mark.
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    match dataset {
        DataSet::Json { pointer } => json::read(text, pointer, take),
        DataSet::JsonLines => json::read_lines(text, take),
        DataSet::Csv { delimiter, headers } => csv::read(text, *delimiter, headers.as_deref(), take),
        // An answer of ListObjectsV2, or its contents.
        DataSet::Objects => {
            let pointer = if text.trim_start().starts_with('[') { "" } else { "/Contents" };
            json::read(text, pointer, &mut |object| take(described(object)))
        }
    }
}

/// An object of a bucket as an item. AWS formats its ETag and its time differently here.
pub(crate) fn described(mut object: Value) -> Value {
    let etag = object.get_mut("ETag").map_or(Value::Null, Value::take);
    let modified = object["LastModified"].as_str().and_then(crate::query::timestamp::parse);
    let modified = modified.map_or_else(|| object["LastModified"].clone(), |time| time.unix_timestamp().into());
    serde_json::json!({
        "Etag": etag,
        "Key": object["Key"],
        "LastModified": modified,
        "Size": object["Size"],
        "StorageClass": object["StorageClass"],
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    pub fn items(text: &str, dataset: &DataSet) -> Result<Vec<Value>, String> {
        let mut items = Vec::new();
        read(text, dataset, &mut |item| {
            items.push(item);
            ControlFlow::Continue(())
        })?;
        Ok(items)
    }

    #[test]
    fn an_object_of_a_bucket_is_described_as_on_aws() {
        let listing = json!({"Name": "b", "Contents": [
            {"ETag": "\"e\"", "Key": "a/b", "LastModified": "2022-11-17T15:44:41.000Z", "Size": 7, "StorageClass": "STANDARD"},
        ]});
        assert_eq!(
            items(&listing.to_string(), &DataSet::Objects).unwrap(),
            [json!({
                "Etag": "\"e\"", "Key": "a/b", "LastModified": 1_668_699_881, "Size": 7, "StorageClass": "STANDARD"
            })]
        );
    }

    #[test]
    fn strange_text_is_read_without_a_panic() {
        let formats = [
            DataSet::Objects,
            DataSet::Json { pointer: "/a/0".to_owned() },
            DataSet::JsonLines,
            DataSet::Csv { delimiter: ',', headers: None },
        ];
        let pieces = ["\"", "\\", ",", "\n", "\r\n", "a", "{\"a\":", "[", "]", "}", "1", "ü", "\u{feff}", "null", " "];
        let mut random = 1_u64;
        for _ in 0..5_000 {
            let mut text = String::new();
            for _ in 0..12 {
                random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                text.push_str(pieces[(random >> 33) as usize % pieces.len()]);
            }
            for format in &formats {
                // Any result is fine; reading must terminate.
                let _ = items(&text, format);
            }
        }
    }

    #[test]
    fn a_byte_order_mark_is_not_part_of_the_first_header() {
        let csv = DataSet::Csv { delimiter: ',', headers: None };
        assert_eq!(items("\u{feff}a\n1\n", &csv).unwrap(), [json!({"a": "1"})]);
    }
}
