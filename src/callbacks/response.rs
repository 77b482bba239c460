//! The body of a callback.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::{
    tasks::Says,
    valuation::{is_reference, pounds},
};

/// The maximum size of a callback's body, in bytes.
pub const LIMIT: usize = 16 * 1024;

/// `{"valuationReference": "CNMg…", "propertyValue": 666000}`, or with `"failed": true`.
#[derive(Debug, Clone, PartialEq)]
pub struct ValuationResponse {
    pub valuation_reference: String,
    pub valuation: Valuation,
}

#[derive(Debug, Clone, PartialEq)]
pub enum Valuation {
    /// The value in pounds as received: a number or a decimal string.
    Value(Value),
    Failed,
}

/// Why a body is not a valid valuation response.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[serde(rename_all = "snake_case")]
pub enum Malformed {
    #[error("The body is not JSON")]
    NotJson,
    #[error("The body is not a JSON object with valuationReference and propertyValue")]
    NotAnObject,
    #[error("valuationReference must be text of 1 to 256 characters")]
    Reference,
    #[error(
        "propertyValue must be an amount of pounds above 0 and below 1000000000, a number or a decimal string, with at \
         most two decimals"
    )]
    Value,
    #[error("failed must be true or false")]
    Failed,
    #[error("The body is larger than 16384 bytes")]
    TooLarge,
    #[error("The body must be sent as application/json")]
    ContentType,
}

impl Malformed {
    /// The stored name.
    pub fn key(self) -> String {
        serde_json::to_value(self).ok().and_then(|key| key.as_str().map(str::to_owned)).unwrap_or_default()
    }

    pub fn from_key(key: &str) -> Option<Self> {
        serde_json::from_value(Value::from(key)).ok()
    }
}

impl ValuationResponse {
    pub fn parse(body: &str) -> Result<Self, Malformed> {
        let body: Value = serde_json::from_str(body).map_err(|_| Malformed::NotJson)?;
        let body = body.as_object().ok_or(Malformed::NotAnObject)?;
        let valuation_reference = body
            .get("valuationReference")
            .and_then(Value::as_str)
            .filter(|reference| is_reference(reference))
            .ok_or(Malformed::Reference)?
            .to_owned();
        let failed = match body.get("failed") {
            None | Some(Value::Null) => false,
            Some(failed) => failed.as_bool().ok_or(Malformed::Failed)?,
        };
        let valuation = if failed {
            Valuation::Failed
        } else {
            let value = body.get("propertyValue").filter(|value| pounds(value).is_some());
            Valuation::Value(value.ok_or(Malformed::Value)?.clone())
        };
        Ok(Self { valuation_reference, valuation })
    }

    /// The answer to the paused task: the response as received, or the failure that the workflow catches.
    pub fn says(&self) -> Says {
        match &self.valuation {
            Valuation::Value(value) => Says::Success {
                output: json!({ "valuationReference": self.valuation_reference, "propertyValue": value }),
            },
            Valuation::Failed => {
                Says::Failure { error: "ValuationFailed".to_owned(), cause: "The valuation failed".to_owned() }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_response_is_passed_on_unchanged() {
        for value in ["666000", "666000.5", "\"666000.50\""] {
            let body = format!(r#"{{"valuationReference": "CNMg", "propertyValue": {value}, "failed": false}}"#);
            let output =
                json!({ "valuationReference": "CNMg", "propertyValue": serde_json::from_str::<Value>(value).unwrap() });
            assert_eq!(ValuationResponse::parse(&body).unwrap().says(), Says::Success { output }, "{value}");
        }
    }

    #[test]
    fn a_failure_needs_no_value() {
        let failed = ValuationResponse::parse(r#"{"valuationReference": "CNMg", "failed": true}"#).unwrap();
        let cause = "The valuation failed".to_owned();
        assert_eq!(failed.says(), Says::Failure { error: "ValuationFailed".to_owned(), cause });
    }

    #[test]
    fn malformed_responses_are_refused_with_the_reason() {
        for (body, wrong) in [
            ("", Malformed::NotJson),
            ("{", Malformed::NotJson),
            ("[]", Malformed::NotAnObject),
            (r#"{"propertyValue": 1}"#, Malformed::Reference),
            (r#"{"valuationReference": 7, "propertyValue": 1}"#, Malformed::Reference),
            (r#"{"valuationReference": " ", "propertyValue": 1}"#, Malformed::Reference),
            (r#"{"valuationReference": "a"}"#, Malformed::Value),
            (r#"{"valuationReference": "a", "propertyValue": 0}"#, Malformed::Value),
            (r#"{"valuationReference": "a", "propertyValue": -1}"#, Malformed::Value),
            (r#"{"valuationReference": "a", "propertyValue": 1.005}"#, Malformed::Value),
            (r#"{"valuationReference": "a", "propertyValue": 1000000000}"#, Malformed::Value),
            (r#"{"valuationReference": "a", "propertyValue": "much"}"#, Malformed::Value),
            (r#"{"valuationReference": "a", "propertyValue": "£666,000"}"#, Malformed::Value),
            (r#"{"valuationReference": "a", "propertyValue": "666 000"}"#, Malformed::Value),
            (r#"{"valuationReference": "a", "propertyValue": 1, "failed": "no"}"#, Malformed::Failed),
        ] {
            assert_eq!(ValuationResponse::parse(body), Err(wrong), "{body}");
        }
    }
}
