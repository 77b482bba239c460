//! ItemReader: where a distributed Map reads its items from.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::Pattern;
use super::{Number, Resource, Template, fields::Fields, read::StateFields, value::Bounds};

/// AWS's limit on the headers of a CSV file, in bytes.
pub const MAX_HEADERS: usize = 10 * 1024;

#[derive(Debug)]
pub struct ItemReader {
    pub dataset: DataSet,
    /// Parameters or Arguments of the S3 action.
    pub arguments: Option<Template>,
    pub max_items: Option<Number>,
}

/// The format of the items.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum DataSet {
    /// The objects in a bucket: each item is an entry of ListObjectsV2.
    Objects,
    /// An array in a JSON document at ItemsPointer, a JSON Pointer. An empty pointer refers to the whole document.
    Json { pointer: String },
    /// One JSON document per line.
    JsonLines,
    Csv {
        delimiter: char,
        /// `None` if the first row contains the headers.
        headers: Option<Vec<String>>,
    },
}

pub(super) fn read_item_reader(state: &mut StateFields<'_, '_>) -> Option<ItemReader> {
    let language = state.language;
    let reader = state.fields.get("ItemReader")?;
    for other in ["ItemsPath", "Items"] {
        if state.fields.has(other) {
            let message = format!("ItemReader and {other} can't both be set: use ItemsPointer in its ReaderConfig");
            state.fields.wrong("ItemReader", message);
        }
    }
    let mut fields = Fields::of(reader, state.fields.location_of("ItemReader"), state.fields.problems())?;
    let resource = fields.require_text("Resource");
    let arguments = required_arguments(&mut fields, state);
    let config = fields.get("ReaderConfig");
    let nothing = Value::Object(serde_json::Map::new());
    let location = fields.location_of("ReaderConfig");
    let mut config = Fields::of(config.unwrap_or(&nothing), location, state.fields.problems())?;
    let dataset = match resource? {
        arn @ "arn:aws:states:::s3:listObjectsV2" => {
            check_available(&fields, state, arn, "listObjectsV2");
            Some(DataSet::Objects)
        }
        arn @ "arn:aws:states:::s3:getObject" => {
            check_available(&fields, state, arn, "getObject");
            read_format(&mut config)
        }
        _ => {
            let allowed = "arn:aws:states:::s3:getObject, arn:aws:states:::s3:listObjectsV2";
            fields.wrong("Resource", format!("Value is not valid. Allowed values are {allowed}"));
            None
        }
    };
    match config.text("Transformation") {
        None | Some("NONE") => {}
        Some("LOAD_AND_FLATTEN") => config.wrong("Transformation", "LOAD_AND_FLATTEN is not supported by this engine"),
        Some(_) => config.wrong("Transformation", "Value is not valid. Allowed values are NONE, LOAD_AND_FLATTEN"),
    }
    let bounds = Bounds::Integer(1, 100_000_000);
    let max_items = Number::parse(&mut config, "MaxItems", "MaxItemsPath", bounds, language);
    config.finish_in(language);
    fields.finish_in(language);
    Some(ItemReader { dataset: dataset?, arguments, max_items })
}

/// Reads InputType and the fields that depend on it.
fn read_format(config: &mut Fields<'_>) -> Option<DataSet> {
    match config.require_text("InputType")? {
        "JSON" => {
            let pointer = config.text("ItemsPointer").unwrap_or_default();
            if !pointer.is_empty() && !pointer.starts_with('/') {
                config
                    .wrong("ItemsPointer", "Value is not a JSON Pointer: it begins with a slash, as in /orders/items");
            }
            Some(DataSet::Json { pointer: pointer.to_owned() })
        }
        "JSONL" => Some(DataSet::JsonLines),
        "CSV" => read_csv(config),
        unsupported @ ("MANIFEST" | "PARQUET") => {
            config.wrong("InputType", format!("{unsupported} is not supported by this engine; use JSON, JSONL or CSV"));
            None
        }
        _ => {
            config.wrong("InputType", "Value is not valid. Allowed values are CSV, JSON, JSONL, MANIFEST, PARQUET");
            None
        }
    }
}

fn read_csv(config: &mut Fields<'_>) -> Option<DataSet> {
    let delimiter = match config.text("CSVDelimiter") {
        None | Some("COMMA") => ',',
        Some("PIPE") => '|',
        Some("SEMICOLON") => ';',
        Some("SPACE") => ' ',
        Some("TAB") => '\t',
        Some(_) => {
            config.wrong("CSVDelimiter", "Value is not valid. Allowed values are COMMA, PIPE, SEMICOLON, SPACE, TAB");
            return None;
        }
    };
    let given = config.list("CSVHeaders").map(|headers| {
        let names: Vec<String> = headers.iter().filter_map(Value::as_str).map(str::to_owned).collect();
        if names.is_empty() || names.len() < headers.len() {
            config.wrong("CSVHeaders", "Expected one or more values of type String");
        }
        if names.iter().map(String::len).sum::<usize>() > MAX_HEADERS {
            config.wrong("CSVHeaders", format!("The headers have more than {MAX_HEADERS} bytes"));
        }
        names
    });
    match (config.require_text("CSVHeaderLocation")?, given) {
        ("FIRST_ROW", None) => Some(DataSet::Csv { delimiter, headers: None }),
        ("FIRST_ROW", Some(_)) => {
            config.wrong("CSVHeaders", "CSVHeaders can only be set if CSVHeaderLocation is GIVEN");
            None
        }
        ("GIVEN", Some(headers)) => Some(DataSet::Csv { delimiter, headers: Some(headers) }),
        ("GIVEN", None) => {
            config.wrong_here("These fields are required: [CSVHeaders]");
            None
        }
        _ => {
            config.wrong("CSVHeaderLocation", "Value is not valid. Allowed values are FIRST_ROW, GIVEN");
            None
        }
    }
}

/// Reads Parameters or Arguments, which must contain the bucket.
pub(super) fn required_arguments(fields: &mut Fields<'_>, state: &StateFields<'_, '_>) -> Option<Template> {
    let field = match state.language {
        super::QueryLanguage::JsonPath => "Parameters",
        super::QueryLanguage::Jsonata => "Arguments",
    };
    fields.require(field)?;
    Template::parse(fields, field, state.language)
}

/// Reports that S3 is not available.
pub(super) fn check_available(fields: &Fields<'_>, state: &StateFields<'_, '_>, arn: &str, action: &str) {
    let resource =
        Resource::Service { service: "aws-sdk:s3".into(), action: action.into(), pattern: Pattern::RequestResponse };
    if let Some(reason) = (state.context.unavailable)(&resource) {
        fields.wrong("Resource", format!("The resource provided {arn} is not available here: {reason}."));
    }
}
