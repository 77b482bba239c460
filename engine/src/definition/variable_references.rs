//! The variables that each state refers to, as DescribeStateMachine returns them in `variableReferences`.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use crate::query::jsonata::Expression;

/// Fields whose values are templates, in which only keys that end in `.$` are queries.
const TEMPLATES: [&str; 7] =
    ["Parameters", "ResultSelector", "ItemSelector", "Assign", "BatchInput", "Credentials", "Arguments"];

/// Fields that contain machines.
const MACHINES: [&str; 3] = ["Branches", "ItemProcessor", "Iterator"];

/// The variables that each state of a definition refers to, sorted by name. States without references are omitted.
#[must_use]
pub fn variable_references(definition: &str) -> Map<String, Value> {
    let mut references = Map::new();
    if definition.contains("Assign")
        && let Ok(definition) = serde_json::from_str::<Value>(definition)
    {
        let mut assigned = BTreeSet::new();
        collect_assigned(&definition, &mut assigned);
        visit_machine(&definition, "JSONPath", &assigned, &mut references);
    }
    references
}

/// Collects the names of all variables that are assigned anywhere.
fn collect_assigned<'d>(value: &'d Value, assigned: &mut BTreeSet<&'d str>) {
    match value {
        Value::Array(items) => items.iter().for_each(|item| collect_assigned(item, assigned)),
        Value::Object(fields) => {
            for (name, value) in fields {
                if let ("Assign", Value::Object(variables)) = (name.as_str(), value) {
                    assigned.extend(variables.keys().map(|name| name.strip_suffix(".$").unwrap_or(name)));
                }
                collect_assigned(value, assigned);
            }
        }
        _ => {}
    }
}

fn visit_machine(machine: &Value, language: &str, assigned: &BTreeSet<&str>, references: &mut Map<String, Value>) {
    let language = machine["QueryLanguage"].as_str().unwrap_or(language);
    for (name, state) in machine["States"].as_object().into_iter().flatten() {
        let own_language = state["QueryLanguage"].as_str().unwrap_or(language);
        let mut found = BTreeSet::new();
        visit_fields(state, own_language == "JSONata", false, &mut found);
        found.retain(|name| assigned.contains(name.as_str()));
        if !found.is_empty() {
            references.insert(name.clone(), found.into_iter().collect());
        }
        for field in MACHINES {
            match &state[field] {
                Value::Array(branches) => {
                    branches.iter().for_each(|branch| visit_machine(branch, language, assigned, references));
                }
                machine => visit_machine(machine, language, assigned, references),
            }
        }
    }
}

/// Collects the variables in the fields of a state or of an object in it, without those of nested machines.
fn visit_fields(value: &Value, jsonata: bool, in_template: bool, found: &mut BTreeSet<String>) {
    match value {
        Value::Array(items) => items.iter().for_each(|item| visit_fields(item, jsonata, in_template, found)),
        Value::Object(fields) => {
            for (name, value) in fields {
                let in_template = in_template || TEMPLATES.contains(&name.as_str());
                match value {
                    _ if !in_template && (MACHINES.contains(&name.as_str()) || name == "Result") => {}
                    Value::String(text) if !jsonata => {
                        let is_path = name == "Variable" || name.ends_with("Path") && name != "ResultPath";
                        if name.ends_with(".$") || !in_template && is_path {
                            collect_from_path(text, found);
                        }
                    }
                    value => visit_fields(value, jsonata, in_template, found),
                }
            }
        }
        Value::String(text) if jsonata && Expression::is_expression(text) => {
            found.extend(Expression::parse(text).map(|expression| expression.variables()).unwrap_or_default());
        }
        _ => {}
    }
}

/// Collects the variables in a path or in a call of an intrinsic function.
fn collect_from_path(text: &str, found: &mut BTreeSet<String>) {
    let mut rest = text;
    while let Some(at) = rest.find(['$', '\'']) {
        let after = &rest[at + 1..];
        if rest[at..].starts_with('\'') {
            rest = after_quotes(after);
        } else if let Some(context) = after.strip_prefix('$') {
            rest = context;
        } else {
            let end = after.find(|c: char| !(c.is_alphanumeric() || c == '_')).unwrap_or(after.len());
            if end > 0 {
                found.insert(after[..end].to_owned());
            }
            rest = &after[end..];
        }
    }
}

/// The text after the quotation mark that ends a string.
fn after_quotes(text: &str) -> &str {
    let mut characters = text.char_indices();
    while let Some((at, character)) = characters.next() {
        match character {
            '\\' => drop(characters.next()),
            '\'' => return &text[at + 1..],
            _ => {}
        }
    }
    ""
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn references(states: &Value) -> Value {
        let first = states.as_object().unwrap().keys().next().unwrap();
        variable_references(&json!({"StartAt": first, "States": states}).to_string()).into()
    }

    /// The first cases follow the API recordings.
    #[test]
    fn references_in_paths_templates_and_calls_are_sorted_by_name() {
        let setup = json!({"Type": "Pass", "Assign": {"guess": 1, "answer": 2, "list": [], "name.$": "$.n"}});
        let found = references(&json!({
            "Setup": setup,
            "Choose": {"Type": "Choice", "Choices": [{"Variable": "$guess", "StringEqualsPath": "$answer"}]},
            "Fail": {"Type": "Fail", "CausePath": "$name", "Error": "$guess"},
            "Pass": {
                "Type": "Pass", "InputPath": "$list[0]", "ResultPath": "$.guess", "Result": {"x.$": "$guess"},
                "Parameters": {"SomePath": "$answer", "a.$": "States.Format('$guess {}', $name, $$.State.Name)"},
            },
            "None": {"Type": "Pass", "InputPath": "$.guess"},
            "Unknown": {"Type": "Pass", "InputPath": "$other"},
        }));
        assert_eq!(found, json!({"Choose": ["answer", "guess"], "Fail": ["name"], "Pass": ["list", "name"]}));
        assert_eq!(references(&json!({"Only": {"Type": "Pass", "InputPath": "$guess"}})), json!({}));
    }

    #[test]
    fn references_in_jsonata_do_not_include_functions_and_local_names() {
        let inner = json!({"StartAt": "In", "States": {"In": {"Type": "Pass", "Output": "{% $total + $sum([1]) %}"}}});
        let found = references(&json!({
            "Setup": {"Type": "Pass", "QueryLanguage": "JSONata", "Assign": {"total": "{% 1 %}", "item": 2}},
            "Use": {
                "Type": "Pass", "QueryLanguage": "JSONata",
                "Output": {"all": ["{% $map([1], function($item) { $item + $states.input.x }) %}", "$total"]},
            },
            "Nested": {
                "Type": "Parallel", "QueryLanguage": "JSONata", "Arguments": "{% $item %}",
                "Branches": [{"QueryLanguage": "JSONata", "StartAt": "In", "States": inner["States"]}],
            },
        }));
        assert_eq!(found, json!({"Nested": ["item"], "In": ["total"]}));
    }
}
