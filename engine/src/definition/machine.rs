//! Reading machines: the top level, branches and processors.

use std::collections::{HashMap, HashSet};

use serde_json::Value;

use super::{
    Body, Code, Definition, Diagnostics, MAX_DEFINITION, Machine, MachineId, QueryLanguage, State, StateId, Transition,
    Unavailable,
    fields::{Fields, Problems},
    read::read_state,
};

/// The longest name of a state, in characters.
const MAX_NAME: usize = 80;

/// How deep Parallel and Map states may stand in one another.
const MAX_NESTING: usize = 30;

/// A definition being read.
pub(super) struct Reading<'d> {
    pub problems: &'d Problems,
    unavailable: &'d Unavailable<'d>,
    machines: Vec<Option<Machine>>,
    states: Vec<Option<State>>,
    names: HashSet<&'d str>,
    depth: usize,
}

/// The machine whose states are being read.
pub(super) struct Around<'d> {
    targets: HashMap<&'d str, StateId>,
    pub language: QueryLanguage,
    /// The language of the whole state machine: a state may not go back from JSONata to JSONPath.
    pub top_language: QueryLanguage,
    pub unavailable: &'d Unavailable<'d>,
}

impl Around<'_> {
    /// The state that `field` leads to.
    pub fn target(&self, fields: &Fields<'_>, field: &str, name: &str) -> Option<StateId> {
        let target = self.targets.get(name).copied();
        if target.is_none() {
            let message = format!("Missing '{field}' target: {name}");
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
    let value: Value =
        serde_json::from_str(text).map_err(|e| Diagnostics::one(Code::InvalidJsonDescription, e.to_string()))?;
    let problems = Problems::default();
    let mut reading = Reading {
        problems: &problems,
        unavailable,
        machines: Vec::new(),
        states: Vec::new(),
        names: HashSet::new(),
        depth: 0,
    };
    let timeout_seconds = reading.top(&value);
    let (machines, states): (Option<Vec<_>>, Option<Vec<_>>) =
        (reading.machines.into_iter().collect(), reading.states.into_iter().collect());
    match (Diagnostics::of(problems.into_inner()), machines, states) {
        (None, Some(machines), Some(states)) => Ok(Definition { machines, states, timeout_seconds }),
        (Some(problems), ..) => Err(problems),
        // A state that could not be read has said why; this is for the case that it has not.
        (None, ..) => Err(Diagnostics::one(Code::SchemaValidationFailed, "The definition cannot be read")),
    }
}

impl<'d> Reading<'d> {
    fn top(&mut self, value: &'d Value) -> Option<i64> {
        let mut fields = Fields::of(value, String::new(), self.problems)?;
        let version = fields.text("Version");
        if version.is_some_and(|version| version != "1.0") {
            fields.wrong("Version", "The only Version there is is \"1.0\"");
        }
        let timeout = fields.integer("TimeoutSeconds", 1, 99_999_999);
        let language = language(&mut fields).unwrap_or(QueryLanguage::JsonPath);
        self.machine(fields, language, language);
        timeout
    }

    /// Reads a machine within a state.
    pub fn nested(&mut self, value: &'d Value, location: String, around: &Around<'d>) -> Option<MachineId> {
        let mut fields = Fields::of(value, location, self.problems)?;
        let language = language(&mut fields).unwrap_or(around.language);
        self.nested_fields(fields, language, around)
    }

    pub fn nested_fields(
        &mut self,
        fields: Fields<'d>,
        language: QueryLanguage,
        around: &Around<'d>,
    ) -> Option<MachineId> {
        if self.depth >= MAX_NESTING {
            let message = format!("Parallel and Map states are nested deeper than {MAX_NESTING}");
            self.problems.report(Code::TooDeeplyNested, message, fields.location());
            return None;
        }
        self.depth += 1;
        let machine = self.machine(fields, language, around.top_language);
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
        let mut around = Around { targets: HashMap::new(), language, top_language, unavailable: self.unavailable };
        for name in states.keys() {
            let state = StateId(u32::try_from(self.states.len()).ok()?);
            self.states.push(None);
            around.targets.insert(name, state);
            self.check_name(name, &fields);
        }
        let start = start_at.and_then(|start_at| around.target(&fields, "StartAt", start_at));
        for (name, value) in states {
            let location = format!("{}/States/{name}", fields.location());
            let state = read_state(self, &around, name, value, location);
            self.states[around.targets[name.as_str()].0 as usize] = state;
        }
        if let Some(start) = start {
            self.check_ways(start, &around, &fields);
            self.machines[id.0 as usize] = Some(Machine { start_at: start });
        }
        fields.finish();
        Some(id)
    }

    fn check_name(&mut self, name: &'d str, fields: &Fields<'_>) {
        let location = || format!("{}/States/{name}", fields.location());
        if name.is_empty() || name.chars().count() > MAX_NAME {
            let message = format!("A state's name must have 1 to {MAX_NAME} characters");
            self.problems.report(Code::InvalidStateName, message, location());
        }
        if !self.names.insert(name) {
            let message = format!("The state name \"{name}\" is used more than once");
            self.problems.report(Code::DuplicateStateName, message, location());
        }
    }

    /// Every state must be reachable, and there must be an end.
    fn check_ways(&self, start: StateId, around: &Around<'_>, fields: &Fields<'_>) {
        let mut reached = HashSet::from([start]);
        let mut pending = vec![start];
        let mut complete = true;
        let mut ends = false;
        while let Some(state) = pending.pop() {
            let Some(Some(state)) = self.states.get(state.0 as usize) else {
                // It could not be read, so nothing is known of where it leads.
                complete = false;
                continue;
            };
            let (targets, end) = ways(state);
            ends |= end;
            pending.extend(targets.into_iter().filter(|target| reached.insert(*target)));
        }
        if !complete {
            return;
        }
        let mut lost: Vec<_> = around.targets.iter().filter(|(_, id)| !reached.contains(id)).collect();
        lost.sort_by_key(|(_, id)| id.0);
        for (name, _) in lost {
            let location = format!("{}/States/{name}", fields.location());
            let message = format!("State \"{name}\" is not reachable.");
            self.problems.report(Code::MissingTransitionTarget, message, location);
        }
        if !ends {
            self.problems.report(Code::MissingEndState, "No state ends the machine", fields.location_of("States"));
        }
    }
}

/// Where a state leads to, and whether it can end its machine.
fn ways(state: &State) -> (Vec<StateId>, bool) {
    let mut targets: Vec<StateId> = state.body.handlers().1.iter().map(|catcher| catcher.next).collect();
    let then = match &state.body {
        Body::Pass(pass) => pass.then,
        Body::Task(task) => task.then,
        Body::Wait { then, .. } => *then,
        Body::Parallel(parallel) => parallel.then,
        Body::Map(map) => map.then,
        Body::Succeed | Body::Fail(_) => Transition::End,
        Body::Choice { branches, default } => {
            targets.extend(branches.iter().map(|branch| branch.next));
            targets.extend(default);
            return (targets, false);
        }
    };
    match then {
        Transition::Next(next) => {
            targets.push(next);
            (targets, false)
        }
        Transition::End => (targets, true),
    }
}

/// The QueryLanguage field, where there is one.
pub(super) fn language(fields: &mut Fields<'_>) -> Option<QueryLanguage> {
    match fields.text("QueryLanguage")? {
        "JSONPath" => Some(QueryLanguage::JsonPath),
        "JSONata" => Some(QueryLanguage::Jsonata),
        _ => {
            fields.wrong("QueryLanguage", "Value is not valid. Allowed values are JSONPath, JSONata");
            None
        }
    }
}
