//! Mocks, which replace the call of a state, or what runs within it.

use serde_json::{Map, Value};

use crate::{
    interpreter::{Event, MapRunOutcome, Payload, TaskId},
    protocol::Fault,
};

#[derive(Debug, Clone)]
pub(super) enum Mock {
    Result(Payload),
    Failure { error: Option<String>, cause: Option<String> },
}

impl Mock {
    pub fn read(mut given: Map<String, Value>) -> Result<Self, Fault> {
        let text = |value: Option<&Value>| value.and_then(Value::as_str).map(str::to_owned);
        match (given.remove("result"), given.remove("errorOutput")) {
            (Some(Value::String(result)), None | Some(Value::Null)) => Payload::parse(result)
                .map(Mock::Result)
                .map_err(|error| Fault::Validation(format!("The mock's result is not JSON: {error}"))),
            (None | Some(Value::Null), Some(Value::Object(failure))) => {
                Ok(Mock::Failure { error: text(failure.get("error")), cause: text(failure.get("cause")) })
            }
            _ => Err(Fault::Validation("A mock must have either a result or an errorOutput".into())),
        }
    }

    pub fn answer(&self, task: TaskId) -> Event {
        match self.clone() {
            Self::Result(output) => Event::TaskSucceeded { task, output },
            Self::Failure { error, cause } => Event::TaskFailed { task, error, cause },
        }
    }

    /// The answer as the end of a Map. `exported` is `true` if a ResultWriter writes the results elsewhere.
    pub fn map_answer(&self, run: TaskId, exported: bool) -> Result<Event, Fault> {
        let outcome = match self.clone() {
            Self::Result(output) if output.value().is_array() && !exported => MapRunOutcome::Succeeded { output },
            Self::Result(output) if output.value().is_object() && exported => MapRunOutcome::Succeeded { output },
            Self::Result(_) if exported => {
                let message =
                    "The mocked result of a Map with a ResultWriter must be an object: its ResultWriterDetails";
                return Err(Fault::Validation(message.into()));
            }
            Self::Result(_) => return Err(Fault::Validation("The mocked result of a Map must be an array".into())),
            Self::Failure { error, cause } => MapRunOutcome::Failed { error, cause },
        };
        Ok(Event::MapRunEnded { run, outcome })
    }
}
