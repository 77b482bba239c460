//! How data flows through a state: what it works on, and what becomes of its result.

use serde_json::{Map, Value};

use super::{
    Payload, TaskId,
    failure::{Failure, MAX_PAYLOAD, into_object},
    run::Run,
    state::{BranchId, Phase},
};
use crate::{
    definition::{QueryLanguage, ResultPlace, State, Template, Transition},
    query::{QueryError, Scope},
};

/// What a state does with its result on the way out.
pub(super) struct Way<'s> {
    /// ResultSelector.
    pub selector: Option<&'s Template>,
    pub place: &'s ResultPlace,
    pub assign: Option<&'s Template>,
    pub output: Option<&'s Template>,
    /// Stands before `Assign` and `Output` in errors: `Choices[1]/`.
    pub field: String,
    pub then: Transition,
}

impl<'s> Way<'s> {
    /// Of a state whose result is its output.
    pub fn straight(state: &'s State, then: Transition) -> Self {
        Self {
            selector: None,
            place: &ResultPlace::Whole,
            assign: state.assign.as_ref(),
            output: state.output.as_ref(),
            field: String::new(),
            then,
        }
    }

    pub fn with_result(
        state: &'s State,
        selector: Option<&'s Template>,
        place: &'s ResultPlace,
        then: Transition,
    ) -> Self {
        Self { selector, place, ..Self::straight(state, then) }
    }
}

/// AWS's limit on all variables of an execution, in bytes; counted here for each branch by itself.
const MAX_VARIABLES: usize = 10 * 1_048_576;

impl Run<'_> {
    /// The event that a failing query names as the one before, while a state begins: StateEntered is not yet counted
    /// then.
    pub fn before(&self, id: BranchId) -> i64 {
        let branch = self.branch(id);
        if matches!(branch.phase, Phase::Ready) { branch.came_from } else { branch.previous }
    }

    /// The state's input after InputPath. In JSONata that is its input.
    pub fn effective_input(&self, id: BranchId, state: &State) -> Result<Payload, QueryError> {
        let input = self.input(id);
        match &state.input_path {
            crate::definition::Selection::Whole => Ok(input),
            path => {
                let view = self.view(id, state, None);
                let scope = view.scope(input.value());
                path.apply(input.clone(), &scope)
            }
        }
    }

    /// Tells the test of a single state how the data goes.
    pub fn inspect(&self, state: &State, stage: &'static str, value: &Payload) {
        if let Some(probe) = self.facts.probe {
            (probe.inspect)(state, stage, value);
        }
    }

    /// Parameters or Arguments, or the effective input where there are none.
    pub fn arguments(
        &self,
        id: BranchId,
        state: &State,
        template: Option<&Template>,
        task: Option<TaskId>,
    ) -> Result<Payload, QueryError> {
        let input = self.effective_input(id, state)?;
        let (field, stage) = match state.language {
            QueryLanguage::JsonPath => ("Parameters", "afterParameters"),
            QueryLanguage::Jsonata => ("Arguments", "afterArguments"),
        };
        let arguments = match template {
            None => input,
            Some(template) => {
                let view = self.view(id, state, task);
                template.evaluate(&view.scope(input.value()), field).map(Payload::from)?
            }
        };
        self.inspect(state, stage, &arguments);
        Ok(arguments)
    }

    /// Leaves a state. `result` is what it has come to: a result of its own, or its effective input where it has none.
    /// `previous` is the event before, should a query fail.
    pub fn leave(
        &mut self,
        id: BranchId,
        state: &State,
        result: Outgoing,
        way: &Way<'_>,
        previous: i64,
    ) -> Result<(), Failure> {
        match self.outcome(id, state, &result, way) {
            Err(error) => Err(self.query_failed(id, error, previous)),
            Ok((output, assigned)) if self.is_too_much(id, &output, &assigned) => Err(Failure::too_large(&state.name)),
            Ok((output, assigned)) => {
                self.exit(id, output, assigned, way.then);
                Ok(())
            }
        }
    }

    /// Whether AWS's limits forbid an output or what is assigned along with it.
    pub fn is_too_much(&self, id: BranchId, output: &Payload, assigned: &Map<String, Value>) -> bool {
        if output.size() > MAX_PAYLOAD {
            return true;
        }
        if assigned.is_empty() {
            return false;
        }
        let new = size_of(assigned);
        new > MAX_PAYLOAD || new + size_of(&self.branch(id).variables) > MAX_VARIABLES
    }

    fn outcome(
        &self,
        id: BranchId,
        state: &State,
        outgoing: &Outgoing,
        way: &Way<'_>,
    ) -> Result<(Payload, Map<String, Value>), QueryError> {
        let view = self.view(id, state, None);
        let raw = self.input(id);
        let assigned = |scope: Scope<'_>| match way.assign {
            None => Ok(Map::new()),
            Some(assign) => assign.evaluate(&scope, &format!("{}Assign", way.field)).map(into_object),
        };
        match state.language {
            QueryLanguage::JsonPath => {
                let result = match (outgoing, way.selector) {
                    (Outgoing::Result(result), Some(selector)) => {
                        Payload::from(selector.evaluate(&view.scope(result.value()), "ResultSelector")?)
                    }
                    (Outgoing::Result(result) | Outgoing::Input(result), _) => result.clone(),
                };
                if let Outgoing::Result(raw) = outgoing {
                    self.inspect(state, "result", raw);
                    self.inspect(state, "afterResultSelector", &result);
                }
                let assigned = match way.assign {
                    None => Map::new(),
                    Some(_) => assigned(view.scope(result.value()))?,
                };
                let output = match outgoing {
                    Outgoing::Result(_) => {
                        let placed = way.place.apply(&raw, result)?;
                        self.inspect(state, "afterResultPath", &placed);
                        placed
                    }
                    Outgoing::Input(_) => result,
                };
                let output = match &state.output_path {
                    crate::definition::Selection::Whole => output,
                    path => path.apply(output.clone(), &view.scope(output.value()))?,
                };
                Ok((output, assigned))
            }
            QueryLanguage::Jsonata => {
                let (Outgoing::Result(given) | Outgoing::Input(given)) = outgoing;
                if let Outgoing::Result(result) = outgoing {
                    self.inspect(state, "result", result);
                }
                if way.assign.is_none() && way.output.is_none() {
                    return Ok((given.clone(), Map::new()));
                }
                let result = match outgoing {
                    Outgoing::Result(result) => Some(result.value()),
                    Outgoing::Input(_) => None,
                };
                let scope = Scope { result, ..view.scope(raw.value()) };
                let assigned = assigned(scope)?;
                let output = match way.output {
                    None => given.clone(),
                    Some(output) => Payload::from(output.evaluate(&scope, &format!("{}Output", way.field))?),
                };
                Ok((output, assigned))
            }
        }
    }
}

/// What a state passes on, before its definition has had a word.
pub(super) enum Outgoing {
    /// A result of its own: a Pass's, a task's, that of branches or iterations.
    Result(Payload),
    /// Nothing of its own: its effective input.
    Input(Payload),
}

/// About how many bytes variables take as JSON: escapes are not counted.
fn size_of(variables: &Map<String, Value>) -> usize {
    fn size(value: &Value) -> usize {
        match value {
            Value::Null | Value::Bool(_) | Value::Number(_) => 5,
            Value::String(text) => text.len() + 2,
            Value::Array(items) => 2 + items.iter().map(|item| size(item) + 1).sum::<usize>(),
            Value::Object(fields) => 2 + fields.iter().map(|(name, value)| name.len() + 4 + size(value)).sum::<usize>(),
        }
    }
    variables.iter().map(|(name, value)| name.len() + 4 + size(value)).sum()
}
