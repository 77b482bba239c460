//! Mocks, which replace the call of a state, or what runs within it.

use serde_json::{Map, Value};

use super::answers::{self, Mode};
use crate::{
    interpreter::{Event, MapRunOutcome, MapRunPlan, Payload, TaskId},
    protocol::Fault,
};

#[derive(Debug, Clone)]
pub(super) enum Mock {
    Result(Payload, Mode),
    Failure { error: Option<String>, cause: Option<String> },
}

impl Mock {
    pub fn read(mut given: Map<String, Value>) -> Result<Self, Fault> {
        let text = |value: Option<&Value>| value.and_then(Value::as_str).map(str::to_owned);
        let mode = match given.get("fieldValidationMode").map(Value::as_str) {
            None | Some(Some("STRICT")) => Mode::Strict,
            Some(Some("PRESENT")) => Mode::Present,
            Some(Some("NONE")) => Mode::None,
            Some(_) => {
                let message = "fieldValidationMode of a mock must be one of STRICT, PRESENT and NONE";
                return Err(Fault::Validation(message.into()));
            }
        };
        match (given.remove("result"), given.remove("errorOutput")) {
            (Some(Value::String(result)), None | Some(Value::Null)) => Payload::parse(result)
                .map(|result| Mock::Result(result, mode))
                .map_err(|_| Fault::Validation("Mocked result must be valid JSON".into())),
            (None | Some(Value::Null), Some(Value::Object(failure))) => {
                Ok(Mock::Failure { error: text(failure.get("error")), cause: text(failure.get("cause")) })
            }
            _ => Err(Fault::Validation("A mock must have either a result or an errorOutput".into())),
        }
    }

    /// Checks the result against the type of the state.
    pub fn check(&self, state: &Value) -> Result<(), Fault> {
        let refuse = |message: &str| Err(Fault::Validation(message.into()));
        let kind = state["Type"].as_str().unwrap_or_default();
        if !matches!(kind, "Task" | "Map" | "Parallel") {
            return refuse(&format!("State type '{kind}' is not supported when a mock is specified"));
        }
        let Self::Result(result, mode) = self else { return Ok(()) };
        let result = result.value();
        match kind {
            "Map" if writes_results(state) && !result.is_object() => {
                return refuse("Mocked result must be a JSON object.");
            }
            "Map" if writes_results(state) => {}
            "Map" | "Parallel" if !result.is_array() => return refuse("Mocked result must be an array."),
            "Parallel" => {
                let count = |list: &Value| list.as_array().map(Vec::len);
                if count(result) != count(&state["Branches"]) {
                    return refuse(
                        "Mocked result must contain the same number of items as number of Parallel branches.",
                    );
                }
            }
            "Task" => answers::check(state["Resource"].as_str().unwrap_or_default(), result, *mode)?,
            _ => {}
        }
        Ok(())
    }

    pub fn answer(&self, task: TaskId) -> Event {
        match self.clone() {
            Self::Result(output, _) => Event::TaskSucceeded { task, output },
            Self::Failure { error, cause } => Event::TaskFailed { task, error, cause },
        }
    }

    /// The answer as the end of a map run in which `failed` items have failed.
    pub fn map_answer(&self, run: TaskId, plan: &MapRunPlan, failed: usize) -> Event {
        let outcome = match self.clone() {
            Self::Result(..) if plan.has_failed(failed) => MapRunOutcome::too_many_failed(),
            Self::Result(output, _) => MapRunOutcome::Succeeded { output },
            Self::Failure { error, cause } => MapRunOutcome::Failed { error, cause },
        };
        Event::MapRunEnded { run, outcome }
    }
}

/// Whether a Map state writes its results with a ResultWriter.
fn writes_results(state: &Value) -> bool {
    state.get("ResultWriter").is_some_and(|writer| writer.get("Resource").is_some())
}
