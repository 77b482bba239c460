//! The definition around a tested state. Placeholders replace the states that may follow it.

use serde_json::{Map, Value, json};

use super::mock::Mock;
use crate::{
    definition::{Definition, Resource},
    engine::Engine,
    history::StateKind,
    protocol::Fault,
};

/// The prefix of resources that are actions of the AWS SDK.
const SDK: &str = "arn:aws:states:::aws-sdk:";

/// Prefixes of the names of placeholders. No state's name begins with a control character.
const NEXT: &str = "\u{1}next ";
const CAUGHT: &str = "\u{1}caught ";
/// The name of the state that sets the given variables.
const BEFORE: &str = "\u{1}before";

/// How the following state is reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Via {
    Next,
    Caught,
}

/// The state to test.
pub(super) struct Target<'a> {
    /// A state, or a whole state machine that contains it.
    pub definition: &'a str,
    pub state_name: Option<&'a str>,
    pub variables: Option<&'a str>,
    pub mock: Option<&'a Mock>,
}

/// The default name of the state under test, as AWS shows it in the context object.
const DEFAULT_NAME: &str = "StateName";

/// The state under test in a definition of its own.
pub(super) struct Staged {
    pub name: String,
    /// The type of the state, which can differ in the definition if the state is mocked.
    pub kind: Option<StateKind>,
    pub definition: Definition,
}

/// Builds the definition around the state to test.
pub(super) async fn set(engine: &Engine, target: &Target<'_>) -> Result<Staged, Fault> {
    let mut given: Map<String, Value> = serde_json::from_str(target.definition)
        .map_err(|error| Fault::InvalidDefinition(format!("INVALID_JSON_DESCRIPTION: {error}")))?;
    let mut whole = Map::new();
    let name = target.state_name.unwrap_or(DEFAULT_NAME).to_owned();
    let mut state = if given.contains_key("States") {
        if let Some(language) = given.remove("QueryLanguage") {
            whole.insert("QueryLanguage".into(), language);
        }
        let state = target.state_name.and_then(|name| find(given.get_mut("States")?, name));
        state.ok_or_else(|| Fault::Validation("State not found in definition".into()))?
    } else {
        Value::Object(given)
    };
    check(&state, target.mock)?;
    let kind = state["Type"].as_str().and_then(StateKind::of_word);
    make_mockable(&mut state, target.mock.is_some());
    let mut states = Map::new();
    for standing_in in followers(&mut state) {
        states.insert(standing_in, json!({"Type": "Pass", "End": true}));
    }
    states.insert(name.clone(), state);
    let start = match target.variables {
        None => name.clone(),
        Some(variables) => {
            let variables: Value = serde_json::from_str(variables)
                .map_err(|error| Fault::Validation(format!("The variables are not JSON: {error}")))?;
            let before = json!({"Type": "Pass", "QueryLanguage": "JSONata", "Assign": variables, "Next": name});
            states.insert(BEFORE.into(), before);
            BEFORE.to_owned()
        }
    };
    whole.insert("StartAt".into(), start.into());
    whole.insert("States".into(), states.into());
    let whole = Value::Object(whole).to_string();
    // A mocked resource need not be available.
    let definition = if target.mock.is_some() {
        engine.compute(move || Definition::parse(&whole)).await?
    } else {
        engine.read_definition(whole).await?
    };
    let definition = definition.map_err(|problems| Fault::InvalidDefinition(problems.to_string()))?;
    Ok(Staged { name, kind, definition })
}

/// Finds a state by name, including in Parallel and Map states.
fn find(states: &mut Value, name: &str) -> Option<Value> {
    let states = states.as_object_mut()?;
    if let Some(state) = states.remove(name) {
        return Some(state);
    }
    states.values_mut().find_map(|state| {
        let state = state.as_object_mut()?;
        for field in ["ItemProcessor", "Iterator"] {
            if let Some(inner) = state.get_mut(field).and_then(|machine| machine.get_mut("States"))
                && let Some(found) = find(inner, name)
            {
                return Some(found);
            }
        }
        let branches = state.get_mut("Branches")?.as_array_mut()?;
        branches.iter_mut().find_map(|branch| find(branch.get_mut("States")?, name))
    })
}

/// Requires a mock for states that call or wait for others.
fn check(state: &Value, mock: Option<&Mock>) -> Result<(), Fault> {
    if let Some(mock) = mock {
        return mock.check(state);
    }
    let kind = state["Type"].as_str().unwrap_or_default();
    if matches!(kind, "Map" | "Parallel") {
        return Err(Fault::Validation(format!("A {kind} state can only be tested with a mock")));
    }
    let resource = state["Resource"].as_str().unwrap_or_default();
    if [".waitForTaskToken", ".sync", ":activity:"].iter().any(|waits| resource.contains(waits)) {
        return Err(Fault::Validation(format!("A state with the resource {resource} can only be tested with a mock")));
    }
    Ok(())
}

/// Turns a state whose content is mocked into one that waits for an answer: a Map into a distributed one, and a
/// Parallel into a task. A mocked task can call any service of the SDK, which is replaced with one that the engine knows.
fn make_mockable(state: &mut Value, is_mocked: bool) {
    let Some(fields) = state.as_object_mut() else { return };
    let kind = fields.get("Type").and_then(Value::as_str).map(str::to_owned);
    match kind.as_deref() {
        Some("Map") => {
            let field = if fields.contains_key("Iterator") { "Iterator" } else { "ItemProcessor" };
            if let Some(Value::Object(processor)) = fields.get_mut(field) {
                processor.insert("ProcessorConfig".into(), json!({"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"}));
            }
        }
        Some("Parallel") if fields.remove("Branches").is_some() => {
            fields.insert("Type".into(), "Task".into());
            fields.insert("Resource".into(), "arn:aws:lambda:::function:mocked".into());
        }
        Some("Task") if is_mocked => {
            if let Some(Value::String(resource)) = fields.get_mut("Resource")
                && let Some((_, action)) =
                    resource.strip_prefix(SDK).and_then(|service_and_action| service_and_action.split_once(':'))
                && Resource::is_unknown(resource)
            {
                *resource = format!("{SDK}s3:{action}");
            }
        }
        _ => {}
    }
}

/// Makes the state lead to placeholders, and returns their names.
fn followers(state: &mut Value) -> Vec<String> {
    fn replace(value: Option<&mut Value>, place: &'static str, found: &mut Vec<String>) {
        if let Some(Value::String(name)) = value {
            *name = format!("{place}{name}");
            found.push(name.clone());
        }
    }
    let mut found = Vec::new();
    replace(state.get_mut("Next"), NEXT, &mut found);
    replace(state.get_mut("Default"), NEXT, &mut found);
    for (list, place) in [("Choices", NEXT), ("Catch", CAUGHT)] {
        for item in state.get_mut(list).and_then(Value::as_array_mut).into_iter().flatten() {
            replace(item.get_mut("Next"), place, &mut found);
        }
    }
    found
}

/// The state that a placeholder replaces, and how it was reached.
pub(super) fn follower(name: &str) -> Option<(Via, String)> {
    [(Via::Next, NEXT), (Via::Caught, CAUGHT)]
        .into_iter()
        .find_map(|(way, place)| Some((way, name.strip_prefix(place)?.to_owned())))
}
