//! Invocations of functions by workflows: the execution, step and task token of an invocation, and the failures that
//! the workflow's retriers and catchers match.

mod step;
mod token;

use serde::{Deserialize, Deserializer, de};
use serde_json::Value;
use time::OffsetDateTime;

use crate::{aws::AwsError, masking::without_tokens, timestamp};

pub use step::Step;
pub use token::{PausedTaskId, TaskToken};

/// The failure of a function. The workflows' retriers and catchers match the name of its type.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FunctionFailure {
    /// The payload, which contains the execution's input, is not valid.
    #[error("{0}")]
    InvalidApplication(String),
    /// The valuation service could not be reached or reported a temporary error. The workflow retries.
    #[error("{0}")]
    ValuationServiceUnavailable(String),
    /// The valuation service refused the request.
    #[error("{0}")]
    ValuationServiceRefused(String),
    /// The mock valuer's callback was not delivered. The workflow retries.
    #[error("{0}")]
    CallbackNotDelivered(String),
    /// The desk's tables could not be reached. The workflow retries.
    #[error("the desk cannot reach its data: {0}")]
    DeskUnavailable(#[from] AwsError),
}

impl FunctionFailure {
    /// The `errorType` of the failed invocation.
    pub fn error_type(&self) -> &'static str {
        match self {
            Self::InvalidApplication(_) => "InvalidApplication",
            Self::ValuationServiceUnavailable(_) => "ValuationServiceUnavailable",
            Self::ValuationServiceRefused(_) => "ValuationServiceRefused",
            Self::CallbackNotDelivered(_) => "CallbackNotDelivered",
            Self::DeskUnavailable(_) => "DeskUnavailable",
        }
    }
}

/// The execution that invokes a function.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Execution {
    pub arn: String,
    pub started_at: OffsetDateTime,
    /// The step that invokes the function. `None` in executions that started before workflows passed it.
    pub step: Option<Step>,
}

impl Execution {
    /// The id of the task that the calling step asks for. All retries of a step ask for the same task. Without a step, as
    /// in executions that began before workflows passed it, each token is a task of its own.
    pub fn task_id(&self, token: &TaskToken) -> PausedTaskId {
        self.step.as_ref().map_or_else(|| PausedTaskId::of_token(token), |step| step.task_id(&self.arn))
    }
}

/// The `execution` member of a payload.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ExecutionPayload {
    arn: String,
    #[serde(deserialize_with = "rfc3339")]
    started_at: OffsetDateTime,
    #[serde(default)]
    redrive_count: u32,
}

/// The `state` member of a payload: when the calling state was entered, and how often it has retried since.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct StatePayload {
    #[serde(deserialize_with = "rfc3339")]
    entered_at: OffsetDateTime,
    #[serde(default)]
    retry_count: u32,
}

impl ExecutionPayload {
    /// Adds the step. Definitions deployed by an older desk do not pass the state.
    pub fn at(self, state: Option<StatePayload>) -> Execution {
        let redrives = self.redrive_count;
        let step = state.map(|state| Step { redrives, entered_at: state.entered_at, retries: state.retry_count });
        Execution { arn: self.arn, started_at: self.started_at, step }
    }
}

fn rfc3339<'de, D: Deserializer<'de>>(deserializer: D) -> Result<OffsetDateTime, D::Error> {
    let text = String::deserialize(deserializer)?;
    timestamp::read(&text).ok_or_else(|| de::Error::custom("not an RFC 3339 time"))
}

/// Reads a payload. An error gives the path of the invalid member but no values, because a workflow may have put the
/// token anywhere, even into the name of a member.
pub fn read<T: de::DeserializeOwned>(payload: Value) -> Result<T, FunctionFailure> {
    serde_path_to_error::deserialize(payload).map_err(|error| {
        let wrong = format!("{}: {}", error.path(), without_value(&error.inner().to_string()));
        FunctionFailure::InvalidApplication(without_tokens(&wrong))
    })
}

/// Removes the value from an error of serde: `invalid type: string "secret", expected u8` becomes `invalid type:
/// string, expected u8`.
fn without_value(error: &str) -> String {
    let unfit = ["invalid type: ", "invalid value: ", "unknown variant "].iter().any(|kind| error.starts_with(kind));
    // The value itself may contain these words, so split at their last occurrence.
    match error.rsplit_once(", expected ").filter(|_| unfit) {
        Some((found, expected)) => {
            let kind = found.split(['"', '`']).next().unwrap_or_default().trim_end();
            format!("{kind}, expected {expected}")
        }
        None => error.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use app::domain::LoanApplication;

    use super::*;

    #[test]
    fn the_error_for_an_invalid_payload_gives_the_path_but_no_token() {
        #[derive(Debug, Deserialize)]
        #[serde(rename_all = "camelCase")]
        #[allow(dead_code)]
        struct Payload {
            task_token: TaskToken,
            time: u8,
        }
        let wrong = read::<Payload>(serde_json::json!({"taskToken": {"secret": 1}, "time": 1})).unwrap_err();
        assert!(!wrong.to_string().contains("secret"), "{wrong}");
        for unfit in ["secret", "secret, expected i8", "\"secret`"] {
            let wrong = read::<Payload>(serde_json::json!({"taskToken": "t", "time": unfit})).unwrap_err();
            assert_eq!(wrong.to_string(), "time: invalid type: string, expected u8");
        }
        let token = format!("AQAAAAAAAAAqAAAAAAAAAA{}", "x".repeat(44));
        let property = serde_json::json!({"nameOrNumber": "999", "postcode": "PO1 1CE"});
        let unknown = serde_json::json!({"applicationReference": "a", "property": property, token.clone(): 1});
        let wrong = read::<LoanApplication>(unknown).unwrap_err().to_string();
        assert!(wrong.contains("unknown field") && !wrong.contains(&token), "{wrong}");
    }
}
