//! How data flows through a state: from its input to its arguments, and from its result to its output.

use serde_json::{Map, Value};

use super::{
    Payload, TaskId,
    advance::Interpreter,
    failure::{Failure, MAX_PAYLOAD, into_object},
    state::{BranchId, Phase},
};
use crate::{
    definition::{QueryLanguage, ResultPlace, State, Template, Transition},
    query::{QueryError, Scope},
};

/// How a state computes its output and variables from its result.
pub(super) struct OutputRules<'s> {
    /// ResultSelector.
    pub selector: Option<&'s Template>,
    pub place: &'s ResultPlace,
    pub assign: Option<&'s Template>,
    pub output: Option<&'s Template>,
    /// The prefix of `Assign` and `Output` in error locations, for example `Choices[1]/`.
    pub field: String,
    pub then: Transition,
}

impl<'s> OutputRules<'s> {
    /// The rules of a state without ResultSelector and ResultPath.
    pub fn plain(state: &'s State, then: Transition) -> Self {
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
        Self { selector, place, ..Self::plain(state, then) }
    }
}

/// AWS's limit on all variables of an execution, in bytes. It is applied to each branch separately.
const MAX_VARIABLES: usize = 10 * 1_048_576;

impl Interpreter<'_> {
    /// The previous event of a query failure. While a state is being entered, AWS does not count its StateEntered
    /// event.
    pub fn event_before(&self, id: BranchId) -> i64 {
        let branch = self.branch(id);
        if matches!(branch.phase, Phase::Ready) { branch.before_entry } else { branch.previous }
    }

    /// The state's input after InputPath. A JSONata state has no InputPath.
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

    /// Reports a stage of the data flow to the test of a single state.
    pub fn inspect(&self, state: &State, stage: &'static str, value: &Payload) {
        if let Some(probe) = self.facts.probe {
            (probe.inspect)(state, stage, value);
        }
    }

    /// Evaluates Parameters or Arguments. Without them, this is the effective input.
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

    /// Computes the output and the variables, and leaves the state. `previous` is the previous event of a query
    /// failure.
    pub fn leave_state(
        &mut self,
        id: BranchId,
        state: &State,
        result: Outgoing,
        rules: &OutputRules<'_>,
        previous: i64,
    ) -> Result<(), Failure> {
        match self.process_output(id, state, &result, rules) {
            Err(error) => Err(self.query_failed(id, error, previous)),
            Ok((output, assigned)) if self.exceeds_limits(id, &output, &assigned) => {
                Err(Failure::too_large(&state.name))
            }
            Ok((output, assigned)) => {
                self.exit_state(id, output, assigned, rules.then);
                Ok(())
            }
        }
    }

    /// Whether an output or the variables assigned with it exceed AWS's limits.
    pub fn exceeds_limits(&self, id: BranchId, output: &Payload, assigned: &Map<String, Value>) -> bool {
        if output.size() > MAX_PAYLOAD {
            return true;
        }
        if assigned.is_empty() {
            return false;
        }
        let new = size_of(assigned);
        new > MAX_PAYLOAD || new + size_of(&self.branch(id).variables) > MAX_VARIABLES
    }

    fn process_output(
        &self,
        id: BranchId,
        state: &State,
        outgoing: &Outgoing,
        rules: &OutputRules<'_>,
    ) -> Result<(Payload, Map<String, Value>), QueryError> {
        let view = self.view(id, state, None);
        let raw = self.input(id);
        let assigned = |scope: Scope<'_>| match rules.assign {
            None => Ok(Map::new()),
            Some(assign) => assign.evaluate(&scope, &format!("{}Assign", rules.field)).map(into_object),
        };
        match state.language {
            QueryLanguage::JsonPath => {
                let result = match (outgoing, rules.selector) {
                    (Outgoing::Result(result), Some(selector)) => {
                        Payload::from(selector.evaluate(&view.scope(result.value()), "ResultSelector")?)
                    }
                    (Outgoing::Result(result) | Outgoing::Input(result), _) => result.clone(),
                };
                if let Outgoing::Result(raw) = outgoing {
                    self.inspect(state, "result", raw);
                    self.inspect(state, "afterResultSelector", &result);
                }
                let assigned = match rules.assign {
                    None => Map::new(),
                    Some(_) => assigned(view.scope(result.value()))?,
                };
                let output = match outgoing {
                    Outgoing::Result(_) => {
                        let placed = rules.place.apply(&raw, result)?;
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
                if rules.assign.is_none() && rules.output.is_none() {
                    return Ok((given.clone(), Map::new()));
                }
                let result = match outgoing {
                    Outgoing::Result(result) => Some(result.value()),
                    Outgoing::Input(_) => None,
                };
                let scope = Scope { result, ..view.scope(raw.value()) };
                let assigned = assigned(scope)?;
                let output = match rules.output {
                    None => given.clone(),
                    Some(output) => Payload::from(output.evaluate(&scope, &format!("{}Output", rules.field))?),
                };
                Ok((output, assigned))
            }
        }
    }
}

/// What a state passes to its output rules.
pub(super) enum Outgoing {
    /// A result that the state has produced: that of a Pass, a task, branches or iterations.
    Result(Payload),
    /// The effective input, because the state has no result.
    Input(Payload),
}

/// The approximate size of variables as JSON, in bytes. Escapes are not counted.
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
