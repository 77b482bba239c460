//! The definition that a tested state is put into: where every state it may lead to only stands in for that one.

use serde_json::{Map, Value, json};

use crate::{definition::Definition, engine::Engine, protocol::Fault};

/// What the stand-ins of following states are called: no name of a state begins with a control character.
const NEXT: &str = "\u{1}next ";
const CAUGHT: &str = "\u{1}caught ";
/// The stand-in that sets the given variables.
const BEFORE: &str = "\u{1}before";

/// How a following state is reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Way {
    Next,
    Caught,
}

/// What is asked to be tested.
pub(super) struct Wanted<'a> {
    /// A state, or a whole state machine with one.
    pub definition: &'a str,
    pub state_name: Option<&'a str>,
    pub variables: Option<&'a str>,
    pub mocked: bool,
}

/// The state to test in a definition of its own, and its name.
pub(super) async fn set(engine: &Engine, wanted: &Wanted<'_>) -> Result<(String, Definition), Fault> {
    let mut given: Map<String, Value> = serde_json::from_str(wanted.definition)
        .map_err(|error| Fault::InvalidDefinition(format!("INVALID_JSON_DESCRIPTION: {error}")))?;
    let mut whole = Map::new();
    let name = wanted.state_name.unwrap_or("TestState").to_owned();
    let mut state = if given.contains_key("States") {
        if let Some(language) = given.remove("QueryLanguage") {
            whole.insert("QueryLanguage".into(), language);
        }
        let state = wanted.state_name.and_then(|name| find(given.get_mut("States")?, name));
        state.ok_or_else(|| Fault::Validation("stateName must name one of the definition's states".into()))?
    } else {
        Value::Object(given)
    };
    check(&state, wanted.mocked)?;
    make_mockable(&mut state);
    let mut states = Map::new();
    for standing_in in followers(&mut state) {
        states.insert(standing_in, json!({"Type": "Pass", "End": true}));
    }
    states.insert(name.clone(), state);
    let start = match wanted.variables {
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
    // What a mock stands for need not be there.
    let definition = if wanted.mocked {
        engine.compute(move || Definition::parse(&whole)).await?
    } else {
        engine.read_definition(whole).await?
    };
    let definition = definition.map_err(|problems| Fault::InvalidDefinition(problems.to_string()))?;
    Ok((name, definition))
}

/// The state of that name, also within Parallel and Map states.
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

/// What would call others, or wait for them, takes a mock.
fn check(state: &Value, mocked: bool) -> Result<(), Fault> {
    if mocked {
        return Ok(());
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

/// Makes a state whose inside the mock stands for wait for that from outside: a Map for a map run, a Parallel for a
/// task.
fn make_mockable(state: &mut Value) {
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
        _ => {}
    }
}

/// The names of the stand-ins for the states that may follow, which now lead there.
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

/// The state that a stand-in stands for, and how it was reached.
pub(super) fn follower(name: &str) -> Option<(Way, String)> {
    [(Way::Next, NEXT), (Way::Caught, CAUGHT)]
        .into_iter()
        .find_map(|(way, place)| Some((way, name.strip_prefix(place)?.to_owned())))
}
