//! Tasks that wait for a task token which they pass to nobody.
//!
//! AWS accepts such a definition. Its executions pause until the task times out, because nobody can answer it.

use serde_json::Value;

use super::{positions::position, problems::Problem};

/// The Task states of a definition that wait for their task token without passing it on. `json` is the text of the file.
pub fn never_passed_on(json: &str, definition: &Value) -> Vec<Problem> {
    let mut problems = Vec::new();
    // Each machine, with its location and whether its states are written in JSONata.
    let mut machines = vec![(String::new(), definition, false)];
    while let Some((location, machine, inherited)) = machines.pop() {
        let uses_jsonata = uses_jsonata(machine).unwrap_or(inherited);
        for (name, state) in machine["States"].as_object().into_iter().flatten() {
            let location = format!("{location}/States/{name}");
            let uses_jsonata = self::uses_jsonata(state).unwrap_or(uses_jsonata);
            if is_callback(state) && !passes_token(state, uses_jsonata) {
                let remedy = if uses_jsonata {
                    r#""taskToken": "{% $states.context.Task.Token %}" to the payload in its Arguments"#
                } else {
                    r#""taskToken.$": "$$.Task.Token" to the payload in its Parameters"#
                };
                let message = format!(
                    "the state \"{name}\" waits for its task token, but passes it to nobody, so nobody could answer it; \
                     add {remedy}"
                );
                problems.push(Problem { position: position(json, &location), message });
            }
            for (index, branch) in state["Branches"].as_array().into_iter().flatten().enumerate() {
                machines.push((format!("{location}/Branches[{index}]"), branch, uses_jsonata));
            }
            for processor in ["ItemProcessor", "Iterator"] {
                if let Some(machine) = state.get(processor) {
                    machines.push((format!("{location}/{processor}"), machine, uses_jsonata));
                }
            }
        }
    }
    problems.sort_by_key(|problem| problem.position);
    problems
}

fn uses_jsonata(of: &Value) -> Option<bool> {
    of["QueryLanguage"].as_str().map(|language| language == "JSONata")
}

fn is_callback(state: &Value) -> bool {
    state["Type"] == "Task"
        && state["Resource"].as_str().is_some_and(|resource| resource.ends_with(".waitForTaskToken"))
}

fn passes_token(state: &Value, uses_jsonata: bool) -> bool {
    if uses_jsonata { any_text(&state["Arguments"], &reads_token) } else { any_path(&state["Parameters"]) }
}

/// Whether any text in a value satisfies `is_wanted`.
fn any_text(value: &Value, is_wanted: &impl Fn(&str) -> bool) -> bool {
    match value {
        Value::String(text) => is_wanted(text),
        Value::Array(items) => items.iter().any(|item| any_text(item, is_wanted)),
        Value::Object(fields) => fields.values().any(|field| any_text(field, is_wanted)),
        Value::Null | Value::Bool(_) | Value::Number(_) => false,
    }
}

/// Whether any path in JSONPath parameters reads the token: a field whose name ends in `.$`.
fn any_path(parameters: &Value) -> bool {
    match parameters {
        Value::Object(fields) => fields.iter().any(|(name, value)| match value {
            Value::String(path) if name.ends_with(".$") => {
                path.match_indices("$$").any(|(at, _)| leads_to_token(&path[at + 2..]))
            }
            value => any_path(value),
        }),
        Value::Array(items) => items.iter().any(any_path),
        _ => false,
    }
}

/// Whether a JSONata expression reads the token, or an object that contains it.
fn reads_token(text: &str) -> bool {
    text.starts_with("{%")
        && text.match_indices("$states").any(|(at, name)| {
            let rest = &text[at + name.len()..];
            match rest.strip_prefix(".context") {
                Some(rest) => leads_to_token(rest),
                None => !rest.starts_with('.'),
            }
        })
}

/// Whether the rest of a path after the context object can lead to the token: it is empty, names the task, or does not
/// continue with a plain name.
fn leads_to_token(rest: &str) -> bool {
    match rest.strip_prefix('.') {
        None => true,
        Some(rest) => rest.starts_with("Task") || !rest.starts_with(|c: char| c.is_alphabetic()),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn problems(definition: &Value) -> Vec<String> {
        let json = serde_json::to_string_pretty(definition).unwrap();
        let problems = never_passed_on(&json, definition);
        problems.into_iter().map(|Problem { position, message }| format!("{} {message}", position.unwrap())).collect()
    }

    fn ask(field: &str, value: &Value) -> Value {
        let resource = "arn:aws:states:::lambda:invoke.waitForTaskToken";
        json!({"Type": "Task", "Resource": resource, field: {"FunctionName": "f", "Payload": value}, "End": true})
    }

    fn machine(state: &Value) -> Value {
        json!({"StartAt": "Ask", "States": {"Ask": state}})
    }

    #[test]
    fn a_callback_task_that_passes_its_token_to_nobody_is_a_problem_with_a_remedy() {
        let found = problems(&machine(&ask("Parameters", &json!({"name.$": "$.name", "id.$": "$$.Execution.Id"}))));
        assert_eq!(found.len(), 1, "{found:?}");
        assert!(found[0].starts_with("4:5 the state \"Ask\" waits for its task token"), "{found:?}");
        assert!(
            found[0].ends_with(r#"add "taskToken.$": "$$.Task.Token" to the payload in its Parameters"#),
            "{found:?}"
        );

        let mut state = ask("Arguments", &json!({"id": "{% $states.context.Execution.Id %}"}));
        state["QueryLanguage"] = "JSONata".into();
        let found = problems(&machine(&state));
        assert!(found[0].contains(r#""taskToken": "{% $states.context.Task.Token %}""#), "{found:?}");
        // A token as plain text is not the token.
        assert_eq!(problems(&machine(&ask("Parameters", &json!({"token": "$$.Task.Token"})))).len(), 1);
    }

    #[test]
    fn a_token_can_be_passed_on_in_many_ways() {
        for payload in [
            json!({"taskToken.$": "$$.Task.Token"}),
            json!({"all.$": "$$"}),
            json!({"deep": [{"task.$": "$$.Task"}]}),
            json!({"name.$": "States.Format('{}-{}', $$.Execution.Id, $$.Task.Token)"}),
            json!({"quoted.$": "$$['Task']['Token']"}),
        ] {
            assert_eq!(problems(&machine(&ask("Parameters", &payload))), [""; 0], "{payload}");
        }
        for payload in [
            json!("{% {'token': $states.context.Task.Token} %}"),
            json!("{% $states.context %}"),
            json!({"all": "{% $states %}"}),
        ] {
            let mut machine = machine(&ask("Arguments", &payload));
            machine["QueryLanguage"] = "JSONata".into();
            assert_eq!(problems(&machine), [""; 0], "{payload}");
        }
    }

    #[test]
    fn states_within_others_are_checked_too() {
        let bad = machine(&ask("Parameters", &json!({})));
        let each = json!({"Type": "Map", "ItemProcessor": bad, "End": true});
        let both = json!({"Type": "Parallel", "Branches": [machine(&each), bad], "End": true});
        assert_eq!(problems(&machine(&both)).len(), 2);
        let other = json!({"Type": "Task", "Resource": "arn:aws:states:::lambda:invoke", "End": true});
        assert_eq!(problems(&machine(&other)), [""; 0]);
    }
}
