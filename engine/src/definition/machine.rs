//! Reads machines: the top level, branches and processors.

use std::collections::{HashMap, HashSet};

use serde_json::{Map, Value};

use super::{
    Code, Definition, Diagnostic, Diagnostics, MAX_DEFINITION, Machine, MachineId, QueryLanguage, State, StateId,
    Unavailable,
    fields::{Fields, Problems},
    read::read_state,
};

/// The maximum length of a state's name, in characters.
const MAX_NAME: usize = 80;

/// The maximum nesting of Parallel and Map states.
const MAX_NESTING: usize = 30;

/// A definition while it is read.
pub(super) struct Parser<'d> {
    pub problems: &'d Problems,
    unavailable: &'d Unavailable<'d>,
    machines: Vec<Option<Machine>>,
    states: Vec<Option<State>>,
    names: HashMap<&'d str, StateId>,
    /// The processors of Map states, by the names of the states.
    pub processors: HashMap<String, MachineId>,
    /// Whether the current machine runs in EXPRESS executions, the children of a distributed Map.
    pub express: bool,
    depth: usize,
}

/// What the states of a machine need to know about it while they are read.
pub(super) struct MachineContext<'d> {
    targets: HashMap<&'d str, StateId>,
    pub language: QueryLanguage,
    /// The language of the state machine. A state can't switch from JSONata back to JSONPath.
    pub top_language: QueryLanguage,
    pub unavailable: &'d Unavailable<'d>,
    /// Whether the states run in EXPRESS executions, the children of a distributed Map.
    pub express: bool,
}

impl MachineContext<'_> {
    /// The state that `field` refers to.
    pub fn target(&self, fields: &Fields<'_>, field: &str, name: &str) -> Option<StateId> {
        let target = self.targets.get(name).copied();
        if target.is_none() {
            // AWS also reports a Choice's Default and a Catcher's Next as "Next".
            let word = if field == "StartAt" { field } else { "Next" };
            let message = format!("Missing '{word}' target: {name}");
            fields.problems().report(Code::MissingTransitionTarget, message, fields.location_of(field));
        }
        target
    }
}

pub(super) fn parse(text: &str, unavailable: &Unavailable<'_>) -> Result<Definition, Diagnostics> {
    if text.len() > MAX_DEFINITION {
        let message = format!("The definition is longer than {MAX_DEFINITION} bytes");
        return Err(Diagnostics::one(Code::SchemaValidationFailed, message));
    }
    if text.trim().is_empty() {
        return Err(Diagnostics::one(Code::MissingDescription, "The definition is empty"));
    }
    let (definition, problems) = read(text, unavailable)?;
    Diagnostics::of(problems).map_or(Ok(()), Err)?;
    match definition {
        Some(definition) if definition.states().all(State::is_readable) => Ok(definition),
        // An unreadable state always reports a problem; this covers the case that it did not.
        _ => Err(unreadable()),
    }
}

pub(super) fn load(text: &str) -> Result<Definition, Diagnostics> {
    let (definition, problems) = read(text, &|_| None)?;
    definition.ok_or_else(|| Diagnostics::of(problems).unwrap_or_else(unreadable))
}

fn unreadable() -> Diagnostics {
    Diagnostics::one(Code::SchemaValidationFailed, "The definition cannot be read")
}

/// Reads as much of a definition as possible, and returns it with its problems. The definition is `None` if it has no
/// state to start at.
fn read(text: &str, unavailable: &Unavailable<'_>) -> Result<(Option<Definition>, Vec<Diagnostic>), Diagnostics> {
    let value: Value =
        serde_json::from_str(text).map_err(|e| Diagnostics::one(Code::InvalidJsonDescription, e.to_string()))?;
    let problems = Problems::default();
    let mut parser = Parser {
        problems: &problems,
        unavailable,
        machines: Vec::new(),
        states: Vec::new(),
        names: HashMap::new(),
        processors: HashMap::new(),
        express: false,
        depth: 0,
    };
    let timeout_seconds = crate::query::with_pattern_limit(|| parser.top(&value));
    let Parser { machines, states, names, processors, .. } = parser;
    let by_name = names.into_iter().map(|(name, id)| (name.to_owned(), id)).collect();
    let states: Option<Vec<_>> = states.into_iter().collect();
    let has_root = machines.first().is_some_and(Option::is_some);
    let definition = states.filter(|_| has_root);
    let definition = definition.map(|states| Definition { machines, states, by_name, processors, timeout_seconds });
    Ok((definition, problems.into_inner()))
}

impl<'d> Parser<'d> {
    fn top(&mut self, value: &'d Value) -> Option<i64> {
        let mut fields = Fields::of(value, String::new(), self.problems)?;
        let version = fields.text("Version");
        if version.is_some_and(|version| version != "1.0") {
            fields.wrong("Version", "The only supported Version is \"1.0\"");
        }
        let timeout = fields.integer("TimeoutSeconds", 1, 99_999_999);
        let language = language(&mut fields).unwrap_or(QueryLanguage::JsonPath);
        self.machine(fields, language, language);
        timeout
    }

    /// Reads a machine within a state.
    pub fn nested(&mut self, value: &'d Value, location: String, context: &MachineContext<'d>) -> Option<MachineId> {
        let mut fields = Fields::of(value, location, self.problems)?;
        let language = language(&mut fields).unwrap_or(context.language);
        self.nested_fields(fields, language, context)
    }

    pub fn nested_fields(
        &mut self,
        fields: Fields<'d>,
        language: QueryLanguage,
        context: &MachineContext<'d>,
    ) -> Option<MachineId> {
        if self.depth >= MAX_NESTING {
            let message = format!("Parallel and Map states are nested deeper than {MAX_NESTING}");
            self.problems.report(Code::TooDeeplyNested, message, fields.location());
            return None;
        }
        self.depth += 1;
        let machine = self.machine(fields, language, context.top_language);
        self.depth -= 1;
        machine
    }

    fn machine(
        &mut self,
        mut fields: Fields<'d>,
        language: QueryLanguage,
        top_language: QueryLanguage,
    ) -> Option<MachineId> {
        let id = MachineId(u32::try_from(self.machines.len()).ok()?);
        self.machines.push(None);
        let start_at = fields.require_text("StartAt");
        let states = fields.require("States");
        let Some(Value::Object(states)) = states else {
            if states.is_some() {
                fields.wrong("States", "Expected value of type Object");
            }
            fields.finish();
            return None;
        };
        if states.is_empty() {
            fields.wrong("States", "There must be at least one state");
        }
        let mut context = MachineContext {
            targets: HashMap::new(),
            language,
            top_language,
            unavailable: self.unavailable,
            express: self.express,
        };
        for name in states.keys() {
            let state = StateId(u32::try_from(self.states.len()).ok()?);
            self.states.push(None);
            context.targets.insert(name, state);
            self.check_name(name, state, &fields);
        }
        let start = start_at.and_then(|start_at| context.target(&fields, "StartAt", start_at));
        for (name, value) in states {
            let location = format!("{}/States/{name}", fields.location());
            let state = read_state(self, &context, name, value, location);
            self.states[context.targets[name.as_str()].0 as usize] = Some(state);
        }
        if let Some(start_at) = start_at {
            self.check_transitions(start_at, states, &fields);
        }
        if let Some(start) = start {
            self.machines[id.0 as usize] = Some(Machine { start_at: start });
        }
        fields.finish();
        start.map(|_| id)
    }

    fn check_name(&mut self, name: &'d str, state: StateId, fields: &Fields<'_>) {
        let location = || format!("{}/States/{name}", fields.location());
        if name.is_empty() || name.chars().count() > MAX_NAME {
            let message = format!("A state's name must have 1 to {MAX_NAME} characters");
            self.problems.report(Code::InvalidStateName, message, location());
        }
        if self.names.insert(name, state).is_some() {
            let message = format!("The state name \"{name}\" is used more than once");
            self.problems.report(Code::DuplicateStateName, message, location());
        }
    }

    /// Checks that the machine can end, and then that every state is reachable.
    fn check_transitions(&self, start_at: &str, states: &Map<String, Value>, fields: &Fields<'_>) {
        if !states.is_empty() && !states.values().any(is_terminal) {
            self.problems.report(Code::MissingEndState, "Workflow has no terminal state", "");
            return;
        }
        let mut reached = HashSet::new();
        let mut pending = vec![start_at];
        while let Some(name) = pending.pop() {
            if let Some(state) = states.get(name)
                && reached.insert(name)
            {
                pending.extend(successors(state));
            }
        }
        if reached.is_empty() {
            return;
        }
        for name in states.keys().filter(|name| !reached.contains(name.as_str())) {
            let location = format!("{}/States/{name}", fields.location());
            let message = format!("State \"{name}\" is not reachable.");
            self.problems.report(Code::MissingTransitionTarget, message, location);
        }
    }
}

/// Whether a machine can end with this state, as far as the state can be read.
fn is_terminal(state: &Value) -> bool {
    state["End"] == true || matches!(state["Type"].as_str(), Some("Succeed" | "Fail"))
}

/// The names of the states that this state leads to, as far as they can be read.
fn successors(state: &Value) -> impl Iterator<Item = &str> {
    let listed = ["Choices", "Catch"].into_iter().filter_map(|list| state[list].as_array()).flatten();
    let next = listed.chain([state]).map(|from| &from["Next"]);
    next.chain([&state["Default"]]).filter_map(Value::as_str)
}

/// The QueryLanguage field, if it is set.
pub(super) fn language(fields: &mut Fields<'_>) -> Option<QueryLanguage> {
    match fields.text("QueryLanguage")? {
        "JSONPath" => Some(QueryLanguage::JsonPath),
        "JSONata" => Some(QueryLanguage::Jsonata),
        _ => {
            fields.wrong("QueryLanguage", "Value is not valid. Allowed values are JSONPath, JSONata");
            // Anything that is not JSONPath is read as JSONata.
            Some(QueryLanguage::Jsonata)
        }
    }
}
