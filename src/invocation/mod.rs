//! An invocation of a function by a workflow: which step of which execution calls, with which task token, and the
//! failures that the workflow's Retry and Catch match.

mod step;
mod token;

use serde::{Deserialize, Deserializer, de};
use serde_json::Value;
use time::OffsetDateTime;

use crate::{aws::AwsError, masking::without_tokens, timestamp};

pub use step::Step;
pub use token::{PausedTaskId, TaskToken};

/// Why a function gave no answer. The workflows' Retry and Catch match the type's name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FunctionFailure {
    /// The payload, that is the execution's input, is none that the desk understands.
    #[error("{0}")]
    InvalidApplication(String),
    /// The valuation service could not be reached, or said that it was broken. Worth another try.
    #[error("{0}")]
    ValuationServiceUnavailable(String),
    /// The valuation service would not take the request.
    #[error("{0}")]
    ValuationServiceRefused(String),
    /// The mock valuer's callback did not arrive. Worth another try.
    #[error("{0}")]
    CallbackNotDelivered(String),
    /// The desk's own tables could not be reached. Worth another try.
    #[error("the desk cannot reach its data: {0}")]
    DeskUnavailable(#[from] AwsError),
}

impl FunctionFailure {
    /// What stands as `errorType` in a failed invocation.
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

/// The execution that calls a function.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Execution {
    pub arn: String,
    pub started_at: OffsetDateTime,
    /// The step that called the function. `None` in executions that began before workflows told it.
    pub step: Option<Step>,
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

/// The `state` member of a payload: when the state that called was entered, and how often it has retried since.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct StatePayload {
    #[serde(deserialize_with = "rfc3339")]
    entered_at: OffsetDateTime,
    #[serde(default)]
    retry_count: u32,
}

impl ExecutionPayload {
    /// With the step that called. A definition that was deployed by an older desk does not tell its state.
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

/// Reads a payload; what is wrong with it is said by the path to it. No value is repeated: a workflow may have put the
/// token anywhere, even into the name of a member.
pub fn read<T: de::DeserializeOwned>(payload: Value) -> Result<T, FunctionFailure> {
    serde_path_to_error::deserialize(payload).map_err(|error| {
        let wrong = format!("{}: {}", error.path(), without_value(&error.inner().to_string()));
        FunctionFailure::InvalidApplication(without_tokens(&wrong))
    })
}

/// `invalid type: string, expected u8` of serde's `invalid type: string "secret", expected u8`.
fn without_value(error: &str) -> String {
    let unfit = ["invalid type: ", "invalid value: ", "unknown variant "].iter().any(|kind| error.starts_with(kind));
    // The value itself may hold the words: what is expected comes last.
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
    fn an_unreadable_payload_says_where_and_never_shows_a_token() {
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
