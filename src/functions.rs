//! The functions that the workflows call by `lambda:invoke`. The Step Functions inside this process calls them directly;
//! nothing serves them as Lambda functions yet.

use asl_engine::FunctionError;
use serde::{Deserialize, Deserializer, de};
use serde_json::Value;
use time::OffsetDateTime;

use crate::{
    applications::Execution, aws::AwsError, mock_valuer::MockValuer, paused::Step, timestamp,
    valuation_request::ValuationRequests, work_items::WorkItems, workflow::without_tokens,
};

pub const VALUATION_REQUEST: &str = "loan-desk-valuation-request";
pub const MANUAL_VALUATION: &str = "loan-desk-manual-valuation";
pub const SEND_VALUATION_RESPONSE: &str = "loan-desk-send-valuation-response";

/// The desk's functions by name.
#[derive(Clone)]
pub struct Functions {
    pub valuation_requests: ValuationRequests,
    pub work_items: WorkItems,
    pub mock_valuer: MockValuer,
}

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

impl Functions {
    /// Whether a function, given by its name or its ARN, is the desk's own.
    pub fn has(function: &str) -> bool {
        [VALUATION_REQUEST, MANUAL_VALUATION, SEND_VALUATION_RESPONSE].contains(&name(function))
    }

    /// Runs a function, given by its name or its ARN.
    pub async fn invoke(&self, function: &str, payload: Value) -> Result<Value, FunctionError> {
        let outcome = match name(function) {
            VALUATION_REQUEST => self.valuation_requests.request(payload).await,
            MANUAL_VALUATION => self.work_items.add(payload).await,
            SEND_VALUATION_RESPONSE => self.mock_valuer.send_response(payload).await,
            _ => return Err(FunctionError::NotFound(function.to_owned())),
        };
        outcome.map_err(|failure| {
            tracing::warn!(function = name(function), error = failure.error_type(), %failure, "function failed");
            FunctionError::Failed { error_type: failure.error_type().to_owned(), message: failure.to_string() }
        })
    }
}

/// `loan-desk-valuation-request` of a name, an ARN, or an ARN with a version.
fn name(function: &str) -> &str {
    match function.split_once(":function:") {
        Some((_, name)) => name.split(':').next().unwrap_or(name),
        None => function.split(':').next().unwrap_or(function),
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
    fn a_function_is_found_by_name_and_by_arn() {
        let arn = "arn:aws:lambda:eu-west-2:000000000000:function:loan-desk-manual-valuation";
        for function in [MANUAL_VALUATION, arn, &format!("{arn}:$LATEST"), "loan-desk-manual-valuation:3"] {
            assert_eq!(name(function), MANUAL_VALUATION, "{function}");
            assert!(Functions::has(function), "{function}");
        }
    }

    #[test]
    fn a_function_of_another_name_is_not_the_desks() {
        assert!(!Functions::has("loan-desk"));
        assert!(!Functions::has("arn:aws:lambda:eu-west-2:000000000000:function:greet:loan-desk-manual-valuation"));
    }

    #[test]
    fn an_unreadable_payload_says_where_and_never_shows_a_token() {
        #[derive(Debug, Deserialize)]
        #[serde(rename_all = "camelCase")]
        #[allow(dead_code)]
        struct Payload {
            task_token: crate::paused::TaskToken,
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
