//! Which states read the context object, so that it is only built for these.

use serde_json::Value;

use super::QueryLanguage;

/// Whether any string in a state's own fields, without those of nested states, satisfies `is_read`.
pub(super) fn reads(value: &Value, field: &str, is_read: &dyn Fn(&str, &str) -> bool) -> bool {
    match value {
        Value::String(text) => is_read(field, text),
        Value::Array(items) => items.iter().any(|item| reads(item, field, is_read)),
        Value::Object(fields) => fields
            .iter()
            .filter(|(name, _)| !matches!(name.as_str(), "Branches" | "Iterator" | "ItemProcessor"))
            .any(|(name, value)| reads(value, name, is_read)),
        _ => false,
    }
}

/// Whether a string may read the context object. Returns `true` if unsure.
pub(super) fn reads_context(text: &str, language: QueryLanguage) -> bool {
    match language {
        QueryLanguage::JsonPath => text.contains("$$"),
        QueryLanguage::Jsonata => text.match_indices("$states").any(|(at, name)| {
            let rest = &text[at + name.len()..];
            ![".input", ".result", ".errorOutput"].iter().any(|other| rest.starts_with(other))
        }),
    }
}

/// The paths to everything in the context object except the execution's input.
const OTHER_CONTEXT: [&str; 8] = [
    ".Map",
    ".State",
    ".Task",
    ".Execution.Id",
    ".Execution.Name",
    ".Execution.StartTime",
    ".Execution.RoleArn",
    ".Execution.Redrive",
];

/// Whether a string may read the execution's input in the context object. Returns `true` if unsure: filters and
/// JSONata's parent operator can reach anything, and the error for a reference path without a match shows the whole
/// context object.
pub(super) fn reads_execution_input(field: &str, text: &str, language: QueryLanguage) -> bool {
    let others = |rest: &str| OTHER_CONTEXT.iter().any(|other| rest.starts_with(other));
    match language {
        QueryLanguage::JsonPath => {
            let leads_anywhere = field.ends_with("Path") || text.contains('?');
            text.match_indices("$$").any(|(at, root)| leads_anywhere || !others(&text[at + root.len()..]))
        }
        QueryLanguage::Jsonata => {
            let leads_anywhere = text.trim_matches(['{', '%', '}']).contains('%');
            text.match_indices("$states").any(|(at, root)| {
                let rest = &text[at + root.len()..];
                let elsewhere = [".input", ".result", ".errorOutput"].iter().any(|other| rest.starts_with(other));
                leads_anywhere || !elsewhere && !rest.strip_prefix(".context").is_some_and(others)
            })
        }
    }
}
