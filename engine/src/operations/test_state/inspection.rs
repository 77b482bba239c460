//! How the data went through the state under test: InspectionData of the API reference.

use serde_json::{Map, Value};

use crate::{
    definition::{Body, Definition, QueryLanguage, State, matches_error},
    history::{EventKind, StateExited, StateKind},
    interpreter::{MapRunPlan, Payload},
};

/// Why a state failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Failure {
    pub error: Option<String>,
    pub cause: Option<String>,
}

impl Failure {
    /// The failure that an event reports, if it reports one.
    pub fn of(event: &EventKind) -> Option<Self> {
        use EventKind as K;
        let failure = match event {
            K::TaskFailed(details) | K::TaskTimedOut(details) => &details.failure,
            K::LambdaFunctionFailed(failure)
            | K::LambdaFunctionTimedOut(failure)
            | K::ActivityFailed(failure)
            | K::ActivityTimedOut(failure)
            | K::MapRunFailed(failure) => failure,
            K::EvaluationFailed(details) => {
                return Some(Self { error: Some(details.error.clone()), cause: Some(details.cause.clone()) });
            }
            _ => return None,
        };
        Some(Self { error: failure.error.clone(), cause: failure.cause.clone() })
    }
}

#[derive(Debug, Clone)]
pub(super) struct Inspection {
    /// The name of the state under test.
    of: String,
    /// The type of the state under test.
    kind: Option<StateKind>,
    seen: Map<String, Value>,
    variables: Map<String, Value>,
}

impl Inspection {
    /// `variables` are the given variables.
    pub fn new(of: String, kind: Option<StateKind>, input: &Payload, variables: Option<&str>) -> Self {
        let seen = Map::from_iter([("input".to_owned(), input.text().into())]);
        let variables = variables.and_then(|variables| serde_json::from_str(variables).ok());
        Self { of, kind, seen, variables: variables.unwrap_or_default() }
    }

    /// Records a stage of the data flow, unless InspectionData has no such stage for the state.
    pub fn note(&mut self, state: &State, stage: &'static str, value: &Payload) {
        // The input of a Pass with a Result, and that of a mocked Parallel, is not used.
        let has_result = matches!(&state.body, Body::Pass(pass) if pass.result.is_some());
        let uses_input = !has_result && self.kind != Some(StateKind::Parallel);
        let is_shown = match stage {
            "afterInputPath" => state.language == QueryLanguage::JsonPath && uses_input,
            "afterItemsPath" => state.language == QueryLanguage::JsonPath,
            "afterParameters" => uses_input,
            "afterArguments" => self.kind == Some(StateKind::Task),
            "result" => self.kind == Some(StateKind::Task) || has_result,
            _ => true,
        };
        if is_shown && state.name == self.of {
            self.seen.insert(stage.to_owned(), value.text().into());
        }
    }

    /// Records what a Map was about to run. `inputs` are the inputs of its iterations, if ItemSelector succeeded.
    pub fn map(&mut self, definition: &Definition, plan: &MapRunPlan, inputs: Option<Payload>) {
        let batches = plan.children.are_batches();
        let stage = if batches { "afterItemBatcher" } else { "afterItemSelector" };
        let has_selector = definition
            .state_named(&self.of)
            .is_some_and(|state| matches!(&state.body, Body::Map(map) if map.item_selector.is_some()));
        if let Some(inputs) = inputs.filter(|_| batches || has_selector) {
            self.seen.insert(stage.to_owned(), inputs.text().into());
        }
        self.seen.insert("maxConcurrency".into(), plan.max_concurrency.into());
        if let Some(count) = plan.tolerated_count {
            self.seen.insert("toleratedFailureCount".into(), count.into());
        }
        if let Some(percentage) = plan.tolerated_percentage {
            self.seen.insert("toleratedFailurePercentage".into(), percentage.into());
        }
    }

    /// Records which Retrier or Catcher matches the failure. `retried` is the number of earlier retries.
    pub fn failed(&mut self, state: &State, failure: &Failure, status: &str, retried: u32) {
        let (retriers, catchers) = state.body.handlers();
        let matches = |errors: &[String]| matches_error(errors, failure.error.as_deref(), false);
        let mut details = Map::new();
        // A state fails despite a matching Retrier if its attempts are used up.
        if matches!(status, "RETRIABLE" | "FAILED")
            && let Some((at, retrier)) = retriers.iter().enumerate().find(|(_, retrier)| matches(&retrier.errors))
        {
            details.insert("retryIndex".into(), at.into());
            if status == "RETRIABLE" {
                let delay = retrier.delay_milliseconds(retried, 1.0);
                details.insert("retryBackoffIntervalSeconds".into(), (delay / 1000).into());
            }
        }
        if status == "CAUGHT_ERROR"
            && let Some(at) = catchers.iter().position(|catcher| matches(&catcher.errors))
        {
            details.insert("catchIndex".into(), at.into());
        }
        if !details.is_empty() {
            self.seen.insert("errorDetails".into(), details.into());
        }
    }

    /// Records the variables after the state.
    pub fn left(&mut self, exited: Option<&StateExited>) {
        let assigned = exited.into_iter().flat_map(|exited| &exited.assigned_variables);
        self.variables.extend(assigned.map(|(name, value)| (name.clone(), value.value().clone())));
        if !self.variables.is_empty() {
            self.seen.insert("variables".into(), Value::from(self.variables.clone()).to_string().into());
        }
    }

    pub fn into_value(self) -> Value {
        self.seen.into()
    }
}
